//! What is answered: the transports under `/push`, the calls of mail under `/push/mail`, and beside them the page, probes and metrics.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use push_mail::Mail;
use push_transports::Push;
use push_transports::proto::problem::{Code, Problem};
use tower_service::Service as _;

use crate::demo::assets::{self, Asset, asset};
use crate::metrics::Metrics;

/// What `/` says where there is no page.
const ABOUT: &str = "push-server: publish and subscribe over WebSocket, server-sent events, polls and HTTP streams.\n\
    The transports are under /push.\n";

/// What the routes beside `/push` need.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) push: Push,
    /// Where there are accounts.
    pub(crate) mail: Option<Mail>,
    pub(crate) metrics: Metrics,
    /// Whether mail programs of phones are answered.
    pub(crate) serves_eas: bool,
    /// Whether `/` is the demo page.
    pub(crate) has_page: bool,
}

/// All routes of the server.
pub(crate) fn app(site: Arc<Site>) -> Router {
    let transports = site.push.service();
    let calls = match &site.mail {
        Some(mail) => {
            let calls = push_mail::router(mail.clone(), site.push.clone());
            Router::new().nest("/push/mail", calls.with_state(()))
        }
        None => Router::new(),
    };
    let phones = site
        .mail
        .as_ref()
        .filter(|_| site.serves_eas)
        .map(|mail| push_mail::eas_router(mail.clone(), site.push.clone()));
    let beside = async move |site: State<Arc<Site>>, request: Request| match phones {
        Some(mut phones) if push_mail::is_eas_path(request.uri().path()) => {
            let Ok(response) = phones.call(request).await;
            response
        }
        _ => beside(site, request).await,
    };
    calls.nest_service("/push", transports).fallback(beside).with_state(site)
}

/// The routes of a listener of its own for metrics, which asks for no token.
pub(crate) fn metrics_app(site: Arc<Site>) -> Router {
    Router::new().fallback(metrics_alone).with_state(site)
}

/// Which listener a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Everybody's.
    Public,
    /// The one of `metrics_listen`, which asks for no token.
    Operators,
}

async fn beside(State(site): State<Arc<Site>>, request: Request) -> Response {
    guard(&site, request.map(drop), Door::Public).await
}

async fn metrics_alone(State(site): State<Arc<Site>>, request: Request) -> Response {
    guard(&site, request.map(drop), Door::Operators).await
}

/// Under the rules that the transports have. The body of a request is not read.
async fn guard(site: &Site, request: http::Request<()>, door: Door) -> Response {
    site.push.guarded(request, false, async |request| answer(site, &request, door).await).await
}

async fn answer(site: &Site, request: &http::Request<()>, door: Door) -> Result<Response, Problem> {
    let path = request.uri().path();
    let page = Some(path).filter(|_| door == Door::Public && site.has_page).and_then(asset);
    let is_known = match path {
        "/healthz" | "/readyz" | "/metrics" => true,
        "/" => door == Door::Public,
        _ => page.is_some(),
    };
    if !is_known {
        return Err(Problem::new(Code::NotFound, "there is no such route"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refuse(site, &Problem::new(Code::Method, "this route knows GET, HEAD"));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Ok(response);
    }
    match (path, page) {
        (_, Some(page)) => Ok(send(page, request.headers())),
        ("/healthz", _) => Ok(text("text/plain; charset=utf-8", "ok\n")),
        ("/readyz", _) if site.push.is_draining() => Err(Problem::new(Code::Draining, "the server is going down")),
        ("/readyz", _) => Ok(text("text/plain; charset=utf-8", "ready\n")),
        ("/metrics", _) => {
            if door == Door::Public {
                site.push.check_admin(request.headers(), request.uri().query().unwrap_or_default()).await?;
            }
            Ok(text(Metrics::MEDIA_TYPE, site.metrics.encode()))
        }
        _ => Ok(text("text/plain; charset=utf-8", ABOUT)),
    }
}

fn refuse(site: &Site, problem: &Problem) -> Response {
    site.push.refusal(problem).map(Body::new)
}

fn text(media_type: &'static str, body: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-store")], body.into()).into_response()
}

/// A file of the page; 304 to who has it.
fn send(page: Asset, asked: &HeaderMap) -> Response {
    let headers = [
        (CONTENT_TYPE, page.content_type),
        (CONTENT_SECURITY_POLICY, assets::CONTENT_SECURITY_POLICY),
        (CACHE_CONTROL, assets::CACHE_CONTROL),
        (ETAG, page.etag),
    ];
    // RFC 9110 §13.1.2: several fields of a list are one
    let mut tags = asked.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    if tags.any(|tags| page.is_named_by(tags)) {
        // RFC 9110 §15.4.5: what a 200 would have carried of these
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, page.body).into_response()
}
