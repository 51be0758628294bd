//! `poll`: answers at once, or parks until there is something to say.

use std::future::poll_fn;
use std::time::Instant;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Response};
use push_core::{Action, Batch, Budget, Ending, Outcome, Start, Subscriber};

use super::body::PushBody;
use super::credentials;
use super::push::{Push, Shared};
use super::request::Call;
use super::stream::client;
use crate::proto::headers::Answer;
use crate::proto::long_poll::{MAX_ANSWER_BYTES, Page, raw_answer, write_page};
use crate::proto::params::{Format, SubscribeParams, Transport};
use crate::proto::problem::Problem;

pub(crate) async fn handle(push: &Push, mut call: Call) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    let query = call.parameters(shared).await?;
    let bounds = shared.config.bounds(shared.hub.config().max_channels_per_connection);
    let params = SubscribeParams::parse(Transport::Poll, &query, &call.headers, &bounds)?;
    let identity = shared.authenticate(&credentials::read(&call.headers, params.token.as_ref())?).await?;
    shared.authorize(&identity, Action::Subscribe, &params.selectors).await?;
    let client = client(shared, "poll", &identity, &params);
    let is_head = call.method == Method::HEAD;
    let expires_at = shared.expiry(&identity);
    // The request's headers are slices of the server's read buffer: let them go before waiting.
    drop((call, query, identity));
    let mut subscriber = shared.connect(client)?;
    let start = subscriber.open(&params.selectors, params.since, params.overflow)?;
    let told = wait(shared, &mut subscriber, &params, &start, expires_at, is_head).await;
    Ok(respond(&params, &start, &told))
}

/// What a poll has to say in the end.
struct Told {
    batch: Batch,
    ending: Option<Ending>,
}

async fn wait(
    shared: &Shared,
    subscriber: &mut Subscriber,
    params: &SubscribeParams,
    start: &Start,
    expires_at: Option<Instant>,
    is_head: bool,
) -> Told {
    let limit = if params.format == Format::Raw { 1 } else { params.limit };
    let budget = Budget { publications: limit, bytes: MAX_ANSWER_BYTES };
    let timeout = if is_head { std::time::Duration::ZERO } else { params.timeout };
    let now = shared.hub.clock().now();
    let left = expires_at.map(|at| at.saturating_duration_since(now));
    let timeout_at = tokio::time::sleep(left.map_or(timeout, |left| left.min(timeout)));
    tokio::pin!(timeout_at);
    let mut is_over = timeout.is_zero();
    loop {
        let batch = subscriber.read(budget, false);
        let ending = subscriber.ending().map(|ending| with_retry(shared, ending));
        let ending = ending.or_else(|| batch.ending.clone());
        let has_news = !batch.is_empty() || ending.is_some() || start.outcome != Outcome::Complete;
        if has_news || is_over {
            let is_expired = is_over && left.is_some_and(|left| left <= timeout);
            let ending = ending.or_else(|| is_expired.then(Ending::token_expired));
            return Told { batch, ending };
        }
        tokio::select! {
            biased;
            () = poll_fn(|cx| subscriber.poll_moved(cx)) => {}
            () = &mut timeout_at => is_over = true,
        }
    }
}

fn with_retry(shared: &Shared, ending: Ending) -> Ending {
    match ending.retry() {
        None if ending.reconnect() => ending.retry_after(shared.retry()),
        _ => ending,
    }
}

fn respond(params: &SubscribeParams, start: &Start, told: &Told) -> Response<PushBody> {
    let Told { batch, ending } = told;
    let gaps: Vec<_> = start.gaps.iter().chain(&batch.gaps).cloned().collect();
    let page = Page {
        outcome: gaps.iter().map(|gap| gap.outcome).max().unwrap_or_default(),
        gaps: &gaps,
        publications: &batch.publications,
        looked: batch.cursor,
        has_more: batch.more,
        limit: params.limit,
        ending: ending.as_ref(),
    };
    if params.format == Format::Raw {
        let answer = raw_answer(&page);
        let mut response = Response::new(PushBody::full(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Answer::Foreign.apply(response.headers_mut());
        return response;
    }
    let mut out = Vec::new();
    write_page(&mut out, &page);
    let mut headers = HeaderMap::new();
    Answer::Subscription.apply(&mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = Response::new(PushBody::full(out));
    *response.headers_mut() = headers;
    response
}
