//! `publish`: one payload to one or several channels, or an NDJSON batch.

use std::time::Duration;

use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use push_core::{Action, ChannelName, Draft, Identity, Receipt, Selector};

use super::ask::{identify, json_answer};
use super::body::PushBody;
use super::push::{Push, Shared};
use super::request::Call;
use crate::proto::batch::{self, BadLine, BatchBounds, Line, parse_batch};
use crate::proto::params::publish_channels;
use crate::proto::problem::{Code, Problem};
use crate::proto::publish::draft_of;
use crate::proto::receipt::{write_failure, write_receipt, write_results};

/// Lines published between two looks at whether the subscribers keep up.
const LINES_A_LOOK: usize = 64;

pub(crate) async fn handle(push: &Push, mut call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let channels = publish_channels(&call.query, shared.hub.config().max_channels_per_connection)?;
    let is_batch = channels.is_empty() && call.essence() == batch::CONTENT_TYPE;
    if channels.is_empty() && !is_batch {
        return Err(Problem::bad_parameter("'channel' is missing; a batch comes as application/x-ndjson"));
    }
    let identity = identify(shared, &call.headers, &call.query).await?;
    if is_batch {
        return publish_batch(shared, &mut call, &identity).await;
    }
    for channel in &channels {
        check_publish(shared, &identity, channel).await?;
    }
    let body = call.read_body(shared, shared.hub.config().max_payload_bytes).await?;
    let draft = draft_of(&call.headers, body)?;
    publish_raw(shared, &identity, &channels, draft).await
}

async fn publish_raw(
    shared: &Shared,
    identity: &Identity,
    channels: &[ChannelName],
    draft: Draft,
) -> Result<Response<PushBody>, Problem> {
    let mut patience = shared.config.publish_wait;
    for channel in channels {
        hold_back(shared, channel, &mut patience).await;
    }
    let mut out = Vec::with_capacity(160);
    if let [channel] = channels {
        let receipt = publish_one(shared, identity, channel, draft).await?;
        write_receipt(&mut out, &receipt);
        return Ok(json_answer(out));
    }
    let mut results = Vec::with_capacity(channels.len());
    for channel in channels {
        results.push((channel, publish_one(shared, identity, channel, draft.clone()).await));
    }
    // A payload that is refused is refused for all: nothing was published.
    if let Some((_, Err(problem))) = results.first()
        && matches!(problem.code(), Code::BadParameter | Code::TooLarge)
    {
        return Err(problem.clone());
    }
    write_results(&mut out, &results, |out, (channel, result)| match result {
        Ok(receipt) => write_receipt(out, receipt),
        Err(problem) => write_failure(out, Some(channel.as_str()), problem),
    });
    Ok(json_answer(out))
}

async fn publish_batch(shared: &Shared, call: &mut Call, identity: &Identity) -> Result<Response<PushBody>, Problem> {
    let config = &shared.config;
    let payload = shared.hub.config().max_payload_bytes;
    let bounds = BatchBounds { bytes: config.max_batch_bytes, lines: config.max_batch_lines, payload };
    let body = call.read_body(shared, bounds.bytes).await?;
    let lines = parse_batch(&body, &bounds)?;
    drop(body);
    let mut out = Vec::with_capacity(lines.len() * 96);
    let mut patience = config.publish_wait;
    for (at, line) in lines.into_iter().enumerate() {
        if at % LINES_A_LOOK == LINES_A_LOOK - 1
            && let Ok(line) = &line
        {
            let_subscribers_read(shared, &line.channel, &mut patience).await;
        }
        match publish_line(shared, identity, line).await {
            Ok(receipt) => write_receipt(&mut out, &receipt),
            Err(BadLine { channel, problem }) => write_failure(&mut out, channel.as_deref(), &problem),
        }
        out.push(b'\n');
    }
    let mut response = json_answer(out);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(batch::CONTENT_TYPE));
    Ok(response)
}

async fn publish_line(shared: &Shared, identity: &Identity, line: Result<Line, BadLine>) -> Result<Receipt, BadLine> {
    let Line { channel, draft } = line?;
    let published = match check_publish(shared, identity, &channel).await {
        Ok(()) => publish_one(shared, identity, &channel, draft).await,
        Err(problem) => Err(problem),
    };
    published.map_err(|problem| BadLine { channel: Some(channel.as_str().to_owned()), problem })
}

/// A batch is read faster than any subscriber takes it: without a pause it would run retention over everybody.
async fn let_subscribers_read(shared: &Shared, channel: &ChannelName, patience: &mut Duration) {
    tokio::task::yield_now().await;
    hold_back(shared, channel, patience).await;
}

/// Waits, within what `patience` is left, for the fastest subscriber of `channel`: who keeps up loses nothing to a publisher
/// that is faster.
pub(crate) async fn hold_back(shared: &Shared, channel: &ChannelName, patience: &mut Duration) {
    let pause = Duration::from_millis(1);
    while shared.hub.is_pressed(channel) {
        if patience.is_zero() {
            return shared.hub.give_up_waiting(channel);
        }
        tokio::time::sleep(pause).await;
        *patience = patience.saturating_sub(pause);
    }
}

/// Whether `identity` may publish to `channel`, which may not be one of the server's own.
pub(crate) async fn check_publish(shared: &Shared, identity: &Identity, channel: &ChannelName) -> Result<(), Problem> {
    if channel.is_system() || channel.is_mail() {
        let detail = format!("{channel} is written by the server alone");
        return Err(Problem::new(Code::Forbidden, detail).with("channel", channel.as_str()));
    }
    shared.authorize(identity, Action::Publish, &[Selector::Channel(channel.clone())]).await
}

/// Publishes in the name of `identity`, the scope of push ids.
pub(crate) async fn publish_one(
    shared: &Shared,
    identity: &Identity,
    channel: &ChannelName,
    draft: Draft,
) -> Result<Receipt, Problem> {
    let publisher = identity.user.as_deref().unwrap_or_default();
    Ok(shared.hub.publish_as(publisher, channel, draft).await?)
}
