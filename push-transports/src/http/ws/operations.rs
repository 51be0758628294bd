//! What the operations of a client do: each as a future that owns what it needs, so that the connection goes on
//! delivering while an authorizer or a broker takes its time.

use std::sync::Arc;

use push_core::{Action, BoxFuture, Credentials, Identity, Overflow, Selector, Since};

use crate::http::ask::{read_history, read_presence};
use crate::http::publish::{check_publish, hold_back, publish_one};
use crate::http::push::{Push, Shared};
use crate::proto::operation::{self, Operation, Request, Seq};
use crate::proto::params::Token;
use crate::proto::problem::{Code, Problem};

/// What an operation came to.
pub(super) enum Done {
    /// A reply, and nothing else.
    Reply(Vec<u8>),
    /// It may subscribe.
    Subscribe { seq: Option<Seq>, selector: Selector, since: Since, overflow: Option<Overflow> },
    /// It showed a token; `allowed` is whether the channels of the query are granted.
    Authenticated { seq: Option<Seq>, identity: Identity, allowed: Result<(), Problem> },
    /// It showed a token that is not accepted.
    Rejected { seq: Option<Seq>, problem: Problem },
}

/// Begins an operation of a known client.
pub(super) fn begin(push: &Push, identity: &Arc<Identity>, request: Request) -> BoxFuture<'static, Done> {
    let Request { seq, operation } = request;
    let (push, identity) = (push.clone(), Arc::clone(identity));
    Box::pin(async move {
        let done = perform(&push.shared, &identity, seq.as_ref(), operation).await;
        done.unwrap_or_else(|problem| Done::Reply(operation::error(seq.as_ref(), &problem)))
    })
}

/// Begins to check a token; `selectors` are those of the query, where they still wait for it.
pub(super) fn authenticate(
    push: &Push,
    seq: Option<Seq>,
    token: &Token,
    selectors: Vec<Selector>,
) -> BoxFuture<'static, Done> {
    let (push, credentials) = (push.clone(), Credentials::Bearer(token.expose().to_owned()));
    Box::pin(async move {
        let shared = &push.shared;
        match shared.authenticate(&credentials).await {
            Ok(identity) => {
                let allowed = shared.authorize(&identity, Action::Subscribe, &selectors).await;
                Done::Authenticated { seq, identity, allowed }
            }
            Err(problem) => Done::Rejected { seq, problem },
        }
    })
}

async fn perform(
    shared: &Shared,
    identity: &Identity,
    seq: Option<&Seq>,
    operation: Operation,
) -> Result<Done, Problem> {
    let reply = match operation {
        Operation::Subscribe { selector, since, overflow } => {
            shared.authorize(identity, Action::Subscribe, std::slice::from_ref(&selector)).await?;
            return Ok(Done::Subscribe { seq: seq.cloned(), selector, since, overflow });
        }
        Operation::Publish(line) => {
            check_publish(shared, identity, &line.channel).await?;
            let mut patience = shared.config.publish_wait;
            hold_back(shared, &line.channel, &mut patience).await;
            operation::published(seq, &publish_one(shared, identity, &line.channel, line.draft).await?)
        }
        Operation::History(params) => {
            shared.authorize(identity, Action::History, &[Selector::Channel(params.channel.clone())]).await?;
            operation::history_reply(seq, &read_history(shared, &params))
        }
        Operation::Presence { channel } => {
            shared.authorize(identity, Action::Presence, &[Selector::Channel(channel.clone())]).await?;
            let (members, detail) = read_presence(shared, &channel);
            operation::presence_reply(seq, &members, detail)
        }
        Operation::Ping => operation::pong(seq),
        // The connection does these itself.
        Operation::Unsubscribe { .. } | Operation::Auth { .. } => {
            return Err(Problem::new(Code::Internal, "this operation needs no future"));
        }
    };
    Ok(Done::Reply(reply))
}
