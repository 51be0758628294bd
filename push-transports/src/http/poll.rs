//! `poll`: answers at once, or parks until there is something to say.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use push_core::{Action, Batch, Budget, Ending, Gap, Outcome, Subscriber};

use super::body::PushBody;
use super::credentials;
#[cfg(target_os = "linux")]
use super::parked::offer::LaterOffer;
#[cfg(target_os = "linux")]
use super::parked::poll::Waiting;
use super::push::{Push, Shared};
use super::request::Call;
use super::stream::client;
use crate::proto::headers::Answer;
use crate::proto::long_poll::{MAX_ANSWER_BYTES, Page, RawAnswer, raw_answer, write_page};
use crate::proto::params::{Format, SubscribeParams, Transport};
use crate::proto::problem::Problem;
#[cfg(target_os = "linux")]
use crate::server::lot::Takeover;

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
    #[cfg(target_os = "linux")]
    let may_park = call.may_be_taken_over();
    // The request's headers are slices of the server's read buffer: let them go before waiting.
    drop((call, query, identity));
    let mut subscriber = shared.connect(client)?;
    let start = subscriber.open(&params.selectors, params.since, params.overflow)?;
    let asked = Asked { format: params.format, limit: params.limit };
    let timeout = if is_head || start.outcome != Outcome::Complete { Duration::ZERO } else { params.timeout };
    let until = shared.hub.clock().now() + timeout;
    #[cfg(target_os = "linux")]
    if may_park && !timeout.is_zero() {
        return Ok(answer_later(push, subscriber, asked, until, expires_at));
    }
    let mut told = wait(shared, &mut subscriber, asked, until, expires_at).await;
    told.gaps = start.gaps;
    Ok(respond(asked, &told))
}

/// Answers now if there is something to say, else offers the connection.
#[cfg(target_os = "linux")]
fn answer_later(
    push: &Push,
    mut subscriber: Subscriber,
    asked: Asked,
    until: Instant,
    expires_at: Option<Instant>,
) -> Response<PushBody> {
    let batch = subscriber.read(asked.budget(), false);
    let ending = subscriber.ending().or_else(|| batch.ending.clone());
    if !batch.is_empty() || ending.is_some() {
        let ending = ending.map(|ending| push.shared.with_retry(ending));
        return respond(asked, &Told { batch, gaps: Vec::new(), ending });
    }
    let offer = LaterOffer::new(Waiting { push: push.clone(), subscriber, asked, until, expires_at });
    let mut response = Response::new(PushBody::later(Box::pin(offer.clone().into_bytes())));
    asked.head(response.headers_mut());
    response.extensions_mut().insert(Takeover(std::sync::Arc::new(offer)));
    response
}

/// How a poll wants its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) format: Format,
    pub(crate) limit: usize,
}

impl Asked {
    /// What one answer holds.
    pub(crate) fn budget(self) -> Budget {
        let limit = if self.format == Format::Raw { 1 } else { self.limit };
        Budget { publications: limit, bytes: MAX_ANSWER_BYTES }
    }

    /// The headers that any answer to it has.
    fn head(self, headers: &mut HeaderMap) {
        match self.format {
            Format::Raw => Answer::Foreign.apply(headers),
            _ => {
                Answer::Subscription.apply(headers);
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
        }
    }
}

/// What a poll has to say in the end.
pub(crate) struct Told {
    pub(crate) batch: Batch,
    /// What was missing when it began.
    pub(crate) gaps: Vec<Gap>,
    pub(crate) ending: Option<Ending>,
}

/// Waits until there is something to say, until `until`, or until the token expires.
pub(crate) async fn wait(
    shared: &Shared,
    subscriber: &mut Subscriber,
    asked: Asked,
    until: Instant,
    expires_at: Option<Instant>,
) -> Told {
    let now = shared.hub.clock().now();
    let left = expires_at.map_or(until, |at| at.min(until)).saturating_duration_since(now);
    let timeout_at = tokio::time::sleep(left);
    tokio::pin!(timeout_at);
    let mut is_over = left.is_zero();
    loop {
        let batch = subscriber.read(asked.budget(), false);
        let ending = subscriber.ending().or_else(|| batch.ending.clone());
        if !batch.is_empty() || ending.is_some() || is_over {
            let is_expired = is_over && expires_at.is_some_and(|at| at <= until);
            let ending = ending.or_else(|| is_expired.then(Ending::token_expired));
            return Told { batch, gaps: Vec::new(), ending: ending.map(|ending| shared.with_retry(ending)) };
        }
        tokio::select! {
            biased;
            () = poll_fn(|cx| subscriber.poll_moved(cx)) => {}
            () = &mut timeout_at => is_over = true,
        }
    }
}

fn respond(asked: Asked, told: &Told) -> Response<PushBody> {
    let (status, headers, body) = answer(asked, told);
    let mut response = Response::new(PushBody::full(body));
    *response.status_mut() = status;
    asked.head(response.headers_mut());
    response.headers_mut().extend(headers);
    response
}

/// The answer, with the headers that not every answer has.
pub(crate) fn answer(asked: Asked, told: &Told) -> (StatusCode, HeaderMap, Bytes) {
    let Told { batch, gaps, ending } = told;
    let gaps: Vec<_> = gaps.iter().chain(&batch.gaps).cloned().collect();
    let page = Page {
        outcome: gaps.iter().map(|gap| gap.outcome).max().unwrap_or_default(),
        gaps: &gaps,
        publications: &batch.publications,
        looked: batch.cursor,
        has_more: batch.more,
        limit: asked.limit,
        ending: ending.as_ref(),
    };
    if asked.format == Format::Raw {
        let RawAnswer { status, headers, body } = raw_answer(&page);
        return (status, headers, body);
    }
    let mut out = Vec::new();
    write_page(&mut out, &page);
    (StatusCode::OK, HeaderMap::new(), out.into())
}
