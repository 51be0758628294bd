//! The routes: who may reach them, what answers, and the headers that every answer has.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::OriginalUri;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use tower_service::Service;

use super::body::PushBody;
use super::push::Push;
use super::reject;
use super::request::{BoxError, Call, RequestBody};
use super::{admin, ask, poll, publish, stream, ws};
use crate::proto::params::Transport;
use crate::proto::problem::{Code, Problem};

/// The routes of wire.md §4 and §6 as a tower service for any HTTP server. Cheap to clone.
///
/// Paths are `/ws`, `/sse`, `/poll`, `/stream`, `/mixed`, `/publish`, `/history`, ...: what mounts it elsewhere strips
/// what stands before. Requests must carry hyper's upgrade for WebSocket.
#[derive(Clone, Debug)]
pub struct PushService {
    push: Push,
}

impl PushService {
    pub(crate) fn new(push: Push) -> Self {
        Self { push }
    }
}

/// The answer to come.
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Response<PushBody>> + Send>>);

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<PushBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl<B> Service<Request<B>> for PushService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<PushBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let request = request.map(|body| RequestBody::Stream(body.map_err(Into::into).boxed_unsync()));
        ResponseFuture(Box::pin(answer(self.push.clone(), request)))
    }
}

pub(super) async fn answer(push: Push, request: Request<RequestBody>) -> Response<PushBody> {
    push.guarded(request, true, |request| dispatch(&push, request)).await
}

/// The routes with the methods they know.
pub(super) const ROUTES: [(&str, &str); 12] = [
    ("/ws", "GET"),
    ("/sse", "GET, HEAD"),
    ("/poll", "GET, HEAD, POST"),
    ("/stream", "GET, HEAD, POST"),
    ("/mixed", "GET, HEAD"),
    ("/echo", "GET"),
    ("/publish", "POST"),
    ("/history", "GET, HEAD, DELETE"),
    ("/presence", "GET, HEAD"),
    ("/channels", "GET, HEAD"),
    ("/stats", "GET, HEAD"),
    ("/disconnect", "POST"),
];

/// Length of the target as it was sent: a router that strips what stands before the routes notes the whole of it.
fn target_len<B>(request: &Request<B>) -> usize {
    let whole = request.extensions().get::<OriginalUri>().map_or(request.uri(), |original| &original.0);
    whole.path_and_query().map_or(0, |target| target.as_str().len())
}

async fn dispatch(push: &Push, request: Request<RequestBody>) -> Result<Response<PushBody>, Problem> {
    let shared = &push.shared;
    if target_len(&request) > shared.config.max_target_bytes {
        return Err(Problem::target_too_long(shared.config.max_target_bytes));
    }
    let path = request.uri().path();
    let known = ROUTES.iter().find(|(route, _)| *route == path);
    let Some((path, allowed)) = known.filter(|_| path != "/echo" || shared.config.echo).copied() else {
        return Err(Problem::new(Code::NotFound, "there is no such route"));
    };
    if !allowed.split(", ").any(|method| method == request.method().as_str()) {
        return Ok(reject::method_not_allowed(allowed));
    }
    let is_delete = request.method() == Method::DELETE;
    if path == "/ws" || path == "/echo" {
        return ws::handle(push, request, path == "/echo").await;
    }
    let call = Call::new(request)?;
    match path {
        "/sse" => stream::handle(push, call, Transport::Sse).await,
        "/stream" => stream::handle(push, call, Transport::Stream).await,
        "/mixed" => stream::handle(push, call, Transport::Mixed).await,
        "/poll" => poll::handle(push, call).await,
        "/publish" => publish::handle(push, call).await,
        "/history" if is_delete => admin::forget(push, call).await,
        "/history" => ask::history(push, call).await,
        "/presence" => ask::presence(push, call).await,
        "/channels" => ask::channels(push, call).await,
        "/stats" => ask::stats(push, call).await,
        _ => admin::disconnect(push, call).await,
    }
}
