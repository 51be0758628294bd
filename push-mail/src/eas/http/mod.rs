//! Exchange ActiveSync over HTTP: paths, queries, logins, devices, and answers as phones take them.

mod answers;
mod autodiscover;
mod commands;
mod gate;
mod login;
mod query;

pub(crate) use answers::{come_back, document, empty, status};

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
use push_transports::Push;
use push_transports::proto::problem::{Code, Problem};
use push_transports::server::ConnectionInfo;

use super::dispatch::{self, ANSWERED};
use super::{Call, Command, Status, Version};
use crate::direct::devices::DeviceId;
use crate::http::Site;
use crate::mail::Mail;
use crate::wbxml::{Element, Limits, decode};
use autodiscover::Form;
use commands::Spelled;
use query::{Query, QueryError, Tenths};

/// The one path of all commands; its case tells nothing ([MS-ASHTTP] 2.2.1.1.1).
const PATH: &str = "/Microsoft-Server-ActiveSync";
/// What is spoken, the newest last ([MS-ASHTTP] 2.2.1.2.2.4).
const VERSIONS: HeaderValue = HeaderValue::from_static("14.1,16.1");
const METHODS: HeaderValue = HeaderValue::from_static("OPTIONS,POST");
/// Of whoever names none in a plain query: what all clients of today know.
const DEFAULT_VERSION: Tenths = 141;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("ms-asprotocolversion");
const PROTOCOL_VERSIONS: HeaderName = HeaderName::from_static("ms-asprotocolversions");
const PROTOCOL_COMMANDS: HeaderName = HeaderName::from_static("ms-asprotocolcommands");
const ACCEPT_MULTIPART: HeaderName = HeaderName::from_static("ms-asacceptmultipart");
const POLICY_KEY: HeaderName = HeaderName::from_static("x-ms-policykey");

/// Exchange ActiveSync as an axum router. Its paths are in any case, which routes are not: it answers whatever it is
/// asked, [`is_eas_path`] says what it is to be asked, and everything else is 404. It belongs at the root of a host,
/// where phones look for it: as the fallback of an application, or beside one.
///
/// ```no_run
/// # fn example(mail: push_mail::Mail, push: push_transports::Push) -> axum::Router {
/// axum::Router::new()
///     .nest("/push/mail", push_mail::router(mail.clone(), push.clone()))
///     .nest_service("/push", push.service())
///     .fallback_service(push_mail::eas_router(mail, push))
/// # }
/// ```
///
/// `push` must have been made with [`Mail::authorizer`] for its authorizer.
pub fn eas_router(mail: Mail, push: Push) -> Router {
    Router::new().fallback(answer).with_state(Site { mail, push })
}

/// Whether [`eas_router`] answers a path: `/Microsoft-Server-ActiveSync`, `/autodiscover/autodiscover.xml` and
/// `/autodiscover/autodiscover.json`, in any case, with a slash behind it or without.
pub fn is_eas_path(path: &str) -> bool {
    is_commands(path) || Form::of(path).is_some()
}

fn is_commands(path: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path).eq_ignore_ascii_case(PATH)
}

async fn answer(State(site): State<Site>, mut request: Request) -> Response {
    forgive_origin(request.headers_mut());
    let push = site.push.clone();
    push.guarded(request, false, async |request| Ok(route(&site, request).await)).await
}

/// Programs that are built of a browser's parts name themselves as their origin (`moz-extension://`, `capacitor://`).
/// Only where web pages may come from is the rule of origins theirs.
fn forgive_origin(headers: &mut HeaderMap) {
    let is_program = |origin: &HeaderValue| {
        let text = origin.to_str().unwrap_or_default();
        text.split_once("://").is_some_and(|(scheme, _)| !["http", "https"].contains(&&*scheme.to_ascii_lowercase()))
    };
    if headers.get_all(ORIGIN).iter().all(is_program) {
        headers.remove(ORIGIN);
    }
}

async fn route(site: &Site, request: Request) -> Response {
    let path = request.uri().path();
    let answered = match (Form::of(path), request.method()) {
        (Some(form), _) => autodiscover::answer(site, form, request).await,
        _ if !is_commands(path) => {
            return answers::whole(answers::refusal(StatusCode::NOT_FOUND, "there is no such route"));
        }
        (None, &Method::POST) => command(site, request).await,
        (None, &Method::OPTIONS) => options(site, request.headers(), peer(&request)).await,
        _ => {
            let mut response = answers::refusal(StatusCode::METHOD_NOT_ALLOWED, "this route knows OPTIONS and POST");
            response.headers_mut().insert(ALLOW, METHODS);
            Ok(answers::whole(response))
        }
    };
    let mut response = answered.unwrap_or_else(|problem| answers::whole(answers::problem(&problem)));
    response.headers_mut().entry(answers::SERVER).or_insert(Version::V16_1.header());
    response
}

/// The address at the other end, where the server tells.
fn peer<B>(request: &http::Request<B>) -> Option<IpAddr> {
    request.extensions().get::<ConnectionInfo>().map(|connection| connection.peer().ip())
}

/// What is spoken here ([MS-ASHTTP] 2.2.4).
async fn options(site: &Site, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Response, Problem> {
    site.log_in(headers, peer).await?;
    let mut response = answers::empty();
    let headers = response.headers_mut();
    headers.insert(PROTOCOL_VERSIONS, VERSIONS);
    let commands: Vec<_> = ANSWERED.iter().map(|command| Spelled::name(*command)).collect();
    let commands = HeaderValue::from_str(&commands.join(",")).expect("names are letters");
    headers.insert(PROTOCOL_COMMANDS, commands);
    headers.insert(ALLOW, METHODS);
    headers.insert(HeaderName::from_static("public"), METHODS);
    Ok(answers::whole(response))
}

async fn command(site: &Site, request: Request) -> Result<Response, Problem> {
    let (identity, account) = site.log_in(request.headers(), peer(&request)).await?;
    let asked = match Query::parse(request.uri().query().unwrap_or_default()) {
        Ok(asked) => asked,
        // [MS-ASCMD] 2.2.2: 501 where no document can say it.
        Err(error @ QueryError::UnknownCommand) => {
            return Ok(answers::whole(answers::refusal(StatusCode::NOT_IMPLEMENTED, &error.to_string())));
        }
        Err(error) => return Err(Problem::bad_parameter(error.to_string())),
    };
    let command = asked.command;
    let version = match version(asked.version, request.headers()) {
        Ok(version) => version,
        Err(other) => return Ok(answers::whole(refuse_version(site, command, other))),
    };
    check_media_type(request.headers())?;
    let policy_key = asked.policy_key.or_else(|| policy_key(request.headers()));
    let accepts_multipart = asked.accepts_multipart || accepts_multipart(request.headers());
    let request = site.push.read_body(request, site.mail.eas.config.max_body).await?;
    let document = match document_of(site, command, &request) {
        Ok(document) => document,
        Err(malformed) => return Ok(answers::whole(answers::status(command, malformed))),
    };
    let id = DeviceId::of_eas(&account.name, identity.user.clone(), &asked.device);
    let call = Call {
        version,
        command,
        identity,
        account,
        id: Arc::new(id),
        device_type: asked.device_type,
        policy_key,
        accepts_multipart,
        params: asked.params,
        document,
        request,
    };
    let answered = match gate::let_in(site, &call).await {
        Ok(()) => dispatch::dispatch(site, call).await,
        Err(refused) => Err(refused),
    };
    let mut response = answers::respond(command, answered);
    response.headers_mut().insert(answers::SERVER, version.header());
    Ok(response)
}

/// The version that is asked for; else which one that is not spoken.
fn version(packed: Option<Tenths>, headers: &HeaderMap) -> Result<Version, Tenths> {
    let named = || {
        let text = headers.get(&PROTOCOL_VERSION)?.to_str().ok()?.trim();
        let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
        let tenth: Tenths = tenth.parse().ok().filter(|tenth| *tenth < 10)?;
        Some(whole.parse::<Tenths>().ok().filter(|whole| *whole < 100)? * 10 + tenth)
    };
    let asked = match packed {
        Some(packed) => packed,
        None if headers.contains_key(&PROTOCOL_VERSION) => named().unwrap_or_default(),
        None => DEFAULT_VERSION,
    };
    match asked {
        141 => Ok(Version::V14_1),
        161 => Ok(Version::V16_1),
        other => Err(other),
    }
}

/// What is said to a version that is not spoken. Documents of 14.0 and later say it themselves; before, HTTP did: 449 to
/// a device that has not taken the policy, and 400 ([MS-ASCMD] 2.2.2).
fn refuse_version(site: &Site, command: Command, asked: Tenths) -> http::Response<Bytes> {
    if asked >= 140 {
        return answers::status(command, Status::VERSION_NOT_SUPPORTED);
    }
    let is_to_provision = site.mail.eas.config.provision && !gate::is_exempt(command);
    let status = if is_to_provision { provision_first() } else { StatusCode::BAD_REQUEST };
    let mut response = answers::refusal(status, "versions 14.1 and 16.1 are spoken here");
    response.headers_mut().insert(PROTOCOL_VERSIONS, VERSIONS);
    response
}

/// A status of its own, which Microsoft calls `Retry After Sending a PROVISION Command`.
fn provision_first() -> StatusCode {
    StatusCode::from_u16(449).expect("three digits")
}

/// Bodies that phones send. What names no type is read as what it is.
fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    const TYPES: [&str; 3] = [answers::WBXML, "application/vnd.ms-sync", "message/rfc822"];
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    // A request without a body says what it likes of it.
    let is_empty = headers.get(http::header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    if is_empty || TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    Err(Problem::new(Code::Unsupported, "the body is to be of type application/vnd.ms-sync.wbxml"))
}

fn policy_key(headers: &HeaderMap) -> Option<u32> {
    let text = headers.get(&POLICY_KEY)?.to_str().unwrap_or_default();
    // What is no key was never given.
    Some(text.trim().parse().unwrap_or_default())
}

fn accepts_multipart(headers: &HeaderMap) -> bool {
    headers.get(&ACCEPT_MULTIPART).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"t"))
}

/// The document of a request; `None` where it has none, or another kind of body.
fn document_of(site: &Site, command: Command, request: &http::Request<Bytes>) -> Result<Option<Element>, Status> {
    let is_message = request.headers().get(CONTENT_TYPE).is_some_and(|given| {
        given.to_str().is_ok_and(|given| given.trim().to_ascii_lowercase().starts_with("message/rfc822"))
    });
    if request.body().is_empty() || is_message {
        return Ok(None);
    }
    let limits = Limits { bytes: site.mail.eas.config.max_body, ..Limits::default() };
    let malformed = Spelled::malformed(command);
    let root = decode(request.body(), &limits).map_err(|error| {
        tracing::debug!(%error, command = Spelled::name(command), "a request is no document");
        malformed
    })?;
    if Spelled::is_root(command, root.tag) { Ok(Some(root)) } else { Err(malformed) }
}
