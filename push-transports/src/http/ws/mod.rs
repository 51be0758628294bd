//! `ws` and `echo`: the handshake, then a task that owns the socket.

mod echo;
mod frames;
mod operations;
#[cfg(target_os = "linux")]
mod parked;
mod shell;
mod socket;
mod turn;

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use push_core::{Action, Credentials, Ending, Hub, Identity, Start, Subscriber};

use super::body::PushBody;
use super::config::Config;
use super::push::{Push, Shared};
use super::request::RequestBody;
use super::{credentials, reject, stream};
use crate::proto::params::{Format, SubscribeParams, Token, Transport};
use crate::proto::problem::{Code, Problem};
use crate::proto::query::Query;
use crate::proto::websocket::{Endpoint, Handshake, Options, Refusal, Settings, Terms};

/// What all WebSockets of a server share.
#[derive(Debug)]
pub(crate) struct Endpoints {
    push: Arc<Endpoint>,
    echo: Arc<Endpoint>,
    deflaters: frames::Deflaters,
}

impl Endpoints {
    pub(crate) fn new(hub: &Hub, config: &Config) -> Self {
        // A payload of text grows to three times its bytes where a client escapes all but ASCII; members come on top.
        let max_message = hub.config().max_payload_bytes.saturating_mul(4).saturating_add(64 * 1024);
        let silence_limit = config.heartbeat * 2 + std::time::Duration::from_secs(10);
        let settings = Settings { heartbeat: config.heartbeat, silence_limit, max_message, ..Settings::default() };
        let echo = Settings { max_message: config.max_echo_bytes, ..settings.clone() };
        Self {
            push: Arc::new(Endpoint::new(settings)),
            echo: Arc::new(Endpoint::new(echo)),
            deflaters: frames::Deflaters::default(),
        }
    }
}

/// How a WebSocket begins. Its place in the hub is taken before the handshake is answered, so that a client that has
/// the answer misses nothing.
enum Beginning {
    /// Has subscribed the channels of the query, if there are any.
    Known(Box<Known>),
    /// Must show a token first.
    Unknown { params: Box<SubscribeParams>, subscriber: Subscriber },
    /// Is told why not: browsers hide a failed upgrade, so it comes after the handshake.
    Refused(Ending),
}

impl Beginning {
    fn is_raw(&self) -> bool {
        matches!(self, Self::Known(known) if known.params.format == Format::Raw)
    }
}

/// A WebSocket whose client may subscribe what it asked for.
struct Known {
    params: SubscribeParams,
    identity: Identity,
    subscriber: Subscriber,
    start: Option<Start>,
}

pub(crate) async fn handle(
    push: &Push,
    request: Request<RequestBody>,
    is_echo: bool,
) -> Result<Response<PushBody>, Problem> {
    #[cfg(target_os = "linux")]
    let (is_on_lot, has_body) = (parked::is_on_lot(&request), !request.body().is_empty());
    let (mut parts, _) = request.into_parts();
    let handshake = match Handshake::accept(&parts.method, parts.version, &parts.headers, Terms::default()) {
        Ok(handshake) => handshake,
        Err(refusal) => return Ok(refuse(refusal)),
    };
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let no_upgrade = || Problem::new(Code::Internal, "the HTTP server under this route cannot upgrade connections");
    #[cfg_attr(not(target_os = "linux"), expect(unused_mut, reason = "a lot's may be taken over"))]
    let mut answer = switch(handshake.headers());
    let options = Options { deflate: handshake.deflate, discard: false };
    #[cfg(target_os = "linux")]
    if is_on_lot && has_body {
        return Err(Problem::bad_parameter("a handshake has no body"));
    }
    if is_echo {
        tokio::spawn(echo::run(push.clone(), upgrade.ok_or_else(no_upgrade)?, options));
        return Ok(answer);
    }
    let query = parts.uri.query().unwrap_or_default();
    let token = handshake.token.map(Token::new);
    let beginning = begin(&push.shared, query, &parts.headers, token).await;
    drop(parts);
    #[cfg(target_os = "linux")]
    if is_on_lot {
        parked::offer(&mut answer, push, options, beginning);
        return Ok(answer);
    }
    tokio::spawn(run(push.clone(), upgrade.ok_or_else(no_upgrade)?, options, beginning));
    Ok(answer)
}

fn switch(headers: HeaderMap) -> Response<PushBody> {
    let mut response = Response::new(PushBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}

/// Not a handshake: told by its HTTP status, with what it lacks.
fn refuse(refusal: Refusal) -> Response<PushBody> {
    let problem = match refusal {
        Refusal::Method => Problem::new(Code::Method, refusal.text()),
        Refusal::VersionUnsupported => Problem::upgrade_required(refusal.text()),
        _ => Problem::bad_parameter(refusal.text()),
    };
    let mut response = reject::respond(&problem);
    response.headers_mut().extend(refusal.headers());
    response
}

async fn begin(shared: &Shared, query: &str, headers: &HeaderMap, token: Option<Token>) -> Beginning {
    match prepare(shared, query, headers, token).await {
        Ok(beginning) => beginning,
        Err(problem) => Beginning::Refused(shared.refusal(&problem)),
    }
}

async fn prepare(
    shared: &Shared,
    query: &str,
    headers: &HeaderMap,
    token: Option<Token>,
) -> Result<Beginning, Problem> {
    let query = Query::parse(query)?;
    let bounds = shared.config.bounds(shared.hub.config().max_channels_per_connection);
    let params = SubscribeParams::parse(Transport::Ws, &query, headers, &bounds)?;
    let token = token.or_else(|| params.token.clone());
    let credentials = credentials::read(headers, token.as_ref())?;
    let authenticated = shared.authenticate(&credentials).await;
    match authenticated {
        Ok(identity) => {
            shared.authorize(&identity, Action::Subscribe, &params.selectors).await?;
            let mut subscriber = shared.connect(stream::client(shared, "ws", &identity, &params))?;
            let start = match params.selectors.as_slice() {
                [] => None,
                selectors => Some(subscriber.open(selectors, params.since, params.overflow)?),
            };
            Ok(Beginning::Known(Box::new(Known { params, identity, subscriber, start })))
        }
        // `raw` clients are not listened to: they cannot send `auth`.
        Err(_) if credentials == Credentials::None && params.format == Format::Json => {
            let subscriber = shared.connect(stream::client(shared, "ws", &Identity::default(), &params))?;
            Ok(Beginning::Unknown { params: Box::new(params), subscriber })
        }
        Err(problem) => Err(problem),
    }
}

async fn run(push: Push, upgrade: OnUpgrade, options: Options, beginning: Beginning) {
    let options = Options { discard: beginning.is_raw(), ..options };
    match socket::upgraded(upgrade).await {
        Ok(socket) => shell::Shell::new(push, socket, options, beginning).run().await,
        Err(error) => tracing::debug!(%error, "upgrade failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that `make` would make.
    fn future_size<F, A, B, C, D>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_websocket_holds_no_buffer() {
        assert!(size_of::<shell::Shell>() <= 512, "{}", size_of::<shell::Shell>());
        assert!(future_size(run) <= 2048, "{}", future_size(run));
    }
}
