//! `sse`, `stream` and `mixed`: one answer whose body reads on from its position.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response};
use push_core::{Action, Budget, Client, Cursor, Ending, Identity, Since, Start, Subscriber};

use super::alarm::Alarm;
use super::body::PushBody;
use super::credentials;
#[cfg(target_os = "linux")]
use super::parked::stream as parked;
use super::push::{Push, Shared};
use super::request::Call;
use crate::proto::headers::Answer;
use crate::proto::multipart::Mixed;
use crate::proto::ndjson::Ndjson;
use crate::proto::params::{Format, SubscribeParams, Transport};
use crate::proto::problem::Problem;
use crate::proto::script::Script;
use crate::proto::sse::Sse;
use crate::proto::stream::{Encoder, Pace, StreamSession};
use crate::server::ConnectionInfo;
#[cfg(target_os = "linux")]
use crate::server::lot::Takeover;

pub(crate) type AnyEncoder = Box<dyn Encoder + Send>;

/// A client that took this long to come back for more was not ready when it came, where nothing else tells.
const SLOW: Duration = Duration::from_millis(20);

pub(crate) async fn handle(push: &Push, mut call: Call, transport: Transport) -> Result<Response<PushBody>, Problem> {
    let subscribed = subscribe(push, &mut call, transport).await;
    let (params, subscriber, start, expires_at) = match subscribed {
        Ok(subscribed) => subscribed,
        // wire.md §4: an EventSource gives up for good on any status but 200.
        Err(problem) if transport == Transport::Sse && problem.code().is_temporary() => {
            return Ok(sse_refusal(&push.shared, &problem));
        }
        Err(problem) => return Err(problem),
    };
    let dialect = Dialect { transport, format: params.format };
    let encoder = dialect.encoder(&push.shared)?;
    let headers = head(&encoder.content_type(), transport);
    let sent = match params.since {
        Since::Cursor(cursor) => Some(cursor),
        _ => None,
    };
    if call.is_head() {
        return Ok(answer(headers, PushBody::empty()));
    }
    let body = StreamBody::new(
        push,
        (dialect, encoder),
        call.connection.clone(),
        subscriber,
        (&start, sent),
        params.refresh,
        expires_at,
    );
    #[cfg(target_os = "linux")]
    if call.may_be_taken_over() {
        let cell = parked::Cell::new(std::sync::Mutex::new(Some(Box::new(body))));
        let mut response = answer(headers, PushBody::offered(std::sync::Arc::clone(&cell)));
        response.extensions_mut().insert(Takeover(std::sync::Arc::new(parked::StreamOffer(cell))));
        return Ok(response);
    }
    Ok(answer(headers, PushBody::stream(body)))
}

fn answer(headers: HeaderMap, body: PushBody) -> Response<PushBody> {
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

type Subscribed = (SubscribeParams, Subscriber, Start, Option<Instant>);

async fn subscribe(push: &Push, call: &mut Call, transport: Transport) -> Result<Subscribed, Problem> {
    let shared = &push.shared;
    let query = call.parameters(shared).await?;
    let bounds = shared.config.bounds(shared.hub.config().max_channels_per_connection);
    let params = SubscribeParams::parse(transport, &query, &call.headers, &bounds)?;
    let identity = shared.authenticate(&credentials::read(&call.headers, params.token.as_ref())?).await?;
    shared.authorize(&identity, Action::Subscribe, &params.selectors).await?;
    let client = client(shared, transport_name(transport, params.format), &identity, &params);
    let mut subscriber = shared.connect(client)?;
    let start = subscriber.open(&params.selectors, params.since, params.overflow)?;
    let expires_at = shared.expiry(&identity);
    Ok((params, subscriber, start, expires_at))
}

/// Who subscribes, as the hub sees it.
pub(crate) fn client(
    shared: &Shared,
    transport: &'static str,
    identity: &Identity,
    params: &SubscribeParams,
) -> Client {
    Client {
        transport,
        user: identity.user.clone(),
        info: params.info.as_deref().map(Into::into),
        member_by_info: shared.config.authorizer.is_open(),
    }
}

fn transport_name(transport: Transport, format: Format) -> &'static str {
    match (transport, format) {
        (Transport::Sse, _) => "sse",
        (Transport::Stream, Format::Script) => "script",
        (Transport::Stream, _) => "stream",
        (Transport::Mixed, _) => "mixed",
        (Transport::Poll, _) => "poll",
        (Transport::Ws, _) => "ws",
    }
}

/// A way to say publications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    transport: Transport,
    format: Format,
}

impl Dialect {
    pub(crate) fn encoder(self, shared: &Shared) -> Result<AnyEncoder, Problem> {
        let json = self.format == Format::Json;
        Ok(match (self.transport, self.format) {
            (Transport::Stream, Format::Script) => Box::new(Script),
            (Transport::Stream, _) => Box::new(Ndjson),
            (Transport::Mixed, _) => {
                let mut random = [0; 16];
                getrandom::fill(&mut random)
                    .map_err(|_| Problem::new(crate::proto::problem::Code::Internal, "no randomness for a boundary"))?;
                Box::new(Mixed::new(u128::from_ne_bytes(random), json, shared.active_types.clone()))
            }
            _ => Box::new(Sse { json, retry: shared.retry() }),
        })
    }

    /// Whether all who speak it are written the same bytes; a picture's boundary is each client's own.
    #[cfg(target_os = "linux")]
    fn is_shared(self) -> bool {
        self.transport != Transport::Mixed
    }

    /// Its name among those that are shared.
    #[cfg(target_os = "linux")]
    pub(crate) fn name(self) -> &'static str {
        match (self.transport, self.format) {
            (Transport::Stream, Format::Script) => "script",
            (Transport::Stream, _) => "stream",
            (_, Format::Json) => "sse-json",
            _ => "sse-raw",
        }
    }
}

/// wire.md §7: the headers of subscriptions; a picture's bytes are a stranger's, the forever frame's scripts are ours.
fn head(content_type: &str, transport: Transport) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = if transport == Transport::Mixed { Answer::Foreign } else { Answer::Subscription };
    kind.apply(&mut headers);
    let content_type = HeaderValue::from_str(content_type).expect("encoders name printable types");
    headers.insert(CONTENT_TYPE, content_type);
    headers
}

/// 200 with `retry:` and `push.close`: the client comes back.
fn sse_refusal(shared: &Shared, problem: &Problem) -> Response<PushBody> {
    let ending = shared.refusal(problem);
    let retry = ending.retry().unwrap_or(shared.config.retry);
    let encoder = Sse { json: false, retry };
    let mut out = Vec::new();
    encoder.close(&mut out, &ending);
    let mut response = Response::new(PushBody::full(out));
    *response.headers_mut() = head(&encoder.content_type(), Transport::Sse);
    response
}

/// A subscription as a body: polled by the server whenever the connection can take more.
#[derive(Debug)]
pub(crate) struct StreamBody {
    push: Push,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "for connections that a lot owns"))]
    dialect: Dialect,
    session: StreamSession<AnyEncoder>,
    subscriber: Subscriber,
    /// Whether there may be something in the log that was not read: it moved since, or had more.
    has_unread: bool,
    connection: Option<ConnectionInfo>,
    /// What the connection said when it was last given something, and when that was.
    given: Option<(u64, Instant)>,
    expires_at: Option<Instant>,
    alarm: Alarm,
}

impl StreamBody {
    fn new(
        push: &Push,
        (dialect, encoder): (Dialect, AnyEncoder),
        connection: Option<ConnectionInfo>,
        subscriber: Subscriber,
        (start, sent): (&Start, Option<Cursor>),
        refresh: Option<Duration>,
        expires_at: Option<Instant>,
    ) -> Self {
        let now = push.shared.hub.clock().now();
        let pace = Pace { heartbeat: push.shared.config.heartbeat, refresh };
        Self {
            push: push.clone(),
            dialect,
            session: StreamSession::new(now, encoder, start, sent, pace),
            subscriber,
            has_unread: true,
            connection,
            given: None,
            expires_at,
            alarm: Alarm::default(),
        }
    }

    /// The next bytes; `None` after the end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let now = self.push.shared.hub.clock().now();
        loop {
            if let Some(bytes) = self.session.poll_output() {
                self.given = Some((self.times_blocked(), now));
                return Poll::Ready(Some(bytes));
            }
            if self.session.is_finished() {
                return Poll::Ready(None);
            }
            if self.has_unread {
                self.read_on(now);
            } else if self.poll_news(now, cx).is_pending() {
                self.given = None;
                return Poll::Pending;
            }
        }
    }

    /// The connection that it goes over: a handler does not always know it.
    #[cfg(target_os = "linux")]
    pub(crate) fn goes_over(&mut self, connection: &ConnectionInfo) {
        self.connection = Some(connection.clone());
    }

    /// What it says first, if it can be served together with others behind that: a subscription that has just begun.
    #[cfg(target_os = "linux")]
    pub(crate) fn take_opening(&mut self) -> Option<Bytes> {
        let may_park = self.dialect.is_shared() && self.subscriber.is_settled();
        may_park.then(|| self.session.poll_output()).flatten()
    }

    /// Ready once there may be something to say. Only after [`StreamBody::poll_next`] had nothing.
    #[cfg(target_os = "linux")]
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.push.shared.hub.clock().now();
        self.poll_news(now, cx)
    }

    /// Whether it has nothing of its own left: it can be served together with others.
    #[cfg(target_os = "linux")]
    pub(crate) fn may_park(&self) -> bool {
        self.dialect.is_shared() && !self.session.has_output() && self.subscriber.is_settled()
    }

    /// What is left of it once it parks: its kind, its place, and when it expires.
    #[cfg(target_os = "linux")]
    pub(crate) fn into_parked(self) -> (parked::StreamKind, Subscriber, Option<Instant>) {
        (parked::StreamKind { push: self.push, dialect: self.dialect }, self.subscriber, self.expires_at)
    }

    /// One that was parked; `None` if its encoder cannot be made again, which is not so for those that park.
    #[cfg(target_os = "linux")]
    pub(crate) fn resume(
        kind: &parked::StreamKind,
        connection: &ConnectionInfo,
        subscriber: Subscriber,
        expires_at: Option<Instant>,
        is_blocked: bool,
    ) -> Option<Self> {
        let parked::StreamKind { push, dialect } = kind.clone();
        let shared = &push.shared;
        let (now, pace) = (shared.hub.clock().now(), Pace { heartbeat: shared.config.heartbeat, refresh: None });
        let encoder = dialect.encoder(shared).ok()?;
        let session = StreamSession::resume(now, encoder, subscriber.cursor(), pace);
        // No connection counts so far: it differs, as for a socket that was full.
        let given = is_blocked.then_some((u64::MAX, now));
        let connection = Some(connection.clone());
        let alarm = Alarm::default();
        Some(Self { push, dialect, session, subscriber, has_unread: true, connection, given, expires_at, alarm })
    }

    /// Ready once the log moved, or a deadline passed: to be read on.
    fn poll_news(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.has_unread = self.subscriber.poll_moved(cx).is_ready() || self.poll_timeout(now, cx);
        if self.has_unread { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Reads on from the log, or ends.
    fn read_on(&mut self, now: Instant) {
        if let Some(ending) = self.ending(now) {
            self.session.handle_end(&self.push.shared.with_retry(ending));
            return;
        }
        let blocked = self.was_blocked(now);
        let mut batch = self.subscriber.read(Budget::default(), blocked);
        batch.ending = batch.ending.map(|ending| self.push.shared.with_retry(ending));
        self.has_unread = batch.more;
        self.session.handle_batch(now, batch);
    }

    fn ending(&self, now: Instant) -> Option<Ending> {
        if self.expires_at.is_some_and(|at| at <= now) {
            return Some(Ending::token_expired());
        }
        self.subscriber.ending()
    }

    /// Whether the client could not take at once what it was last given. A server asks a body for more as long as its
    /// socket takes it, so a body that has nothing to give was waiting and is not blocked.
    fn was_blocked(&self, now: Instant) -> bool {
        let Some((times, at)) = self.given else { return false };
        match &self.connection {
            Some(connection) => connection.times_blocked() != times,
            None => now.saturating_duration_since(at) > SLOW,
        }
    }

    fn times_blocked(&self) -> u64 {
        self.connection.as_ref().map_or(0, ConnectionInfo::times_blocked)
    }

    /// Whether a deadline passed, which may have given the session something to say.
    fn poll_timeout(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        let deadline = self.session.next_deadline().into_iter().chain(self.expires_at).min();
        let passed = self.alarm.poll(deadline, now, cx).is_ready();
        if passed {
            self.session.handle_timeout(now);
        }
        passed
    }
}
