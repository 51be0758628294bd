//! Serving one connection: hyper's settings, the request's way to the service, and the end.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tower_service::Service;

use super::config::ServeConfig;
use super::connection::{ConnectionInfo, Side};
use super::head_timer::HeadTimer;
use super::io::ConnectionIo;

/// Smallest bound hyper takes for its buffers; it panics below.
const HYPER_LEAST_BUFFER: usize = 8192;

/// hyper's settings that are the same for all connections.
pub(super) fn http1(config: &ServeConfig) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // A client that ends its direction while we answer is taken as gone, which lets a parked poll go; `ConnectionIo`
        // tells of the end only after a moment, which is enough for any other answer.
        .half_close(false)
        .header_read_timeout(config.header_timeout)
        .max_headers(config.max_headers)
        .max_header_size(config.header_bytes)
        // Bounds the write queue as well, so the head's limit is not raised by it but has its own setting above.
        .max_buf_size(config.header_bytes.max(HYPER_LEAST_BUFFER));
    builder
}

/// Serves requests of one connection until it ends, is upgraded, or is cut.
pub(super) fn drive<S, B>(
    io: ConnectionIo,
    service: S,
    mut http1: http1::Builder,
    config: &ServeConfig,
) -> impl Future<Output = ()> + use<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + 'static,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let info = io.info().clone();
    let service = TowerToHyperService::new(service);
    let seen = info.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(seen.clone());
        seen.begin_answer();
        service.call(request)
    });
    let timer = HeadTimer::new(info.clone(), config);
    let connection = http1.timer(timer).serve_connection(TokioIo::new(io), service).with_upgrades();
    async move {
        let mut connection = pin!(connection);
        let mut told = false;
        let ended = poll_fn(|cx| {
            info.register(Side::Driver, cx.waker());
            if info.cut() {
                return Poll::Ready(None);
            }
            let mut ended = connection.as_mut().poll(cx);
            if ended.is_pending() && info.draining() && !told {
                told = true;
                // After a first poll: a request that has already come is still answered, and a connection without one closed.
                connection.as_mut().graceful_shutdown();
                ended = connection.as_mut().poll(cx);
            }
            if ended.is_ready() {
                // An upgraded connection lives on without this task, whose memory its waker would keep.
                info.forget(cx.waker());
            }
            ended.map(Some)
        });
        report(&info, ended.await);
    }
}

/// Says how a connection ended; what clients do is no concern of an operator, so never above debug.
pub(super) fn report(info: &ConnectionInfo, ended: Option<hyper::Result<()>>) {
    let peer = info.peer();
    match ended {
        Some(Ok(())) => tracing::trace!(%peer, "connection ended"),
        Some(Err(error)) => tracing::debug!(%peer, %error, cause = error.source(), "connection failed"),
        None => tracing::debug!(%peer, "connection cut"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::registry::Registry;

    /// The task of a connection, beside hyper's two buffers and the service's own state.
    #[tokio::test]
    async fn the_task_of_a_connection_takes_at_most_2_kib() {
        let config = ServeConfig::default();
        let listener = crate::server::bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
        let addr = listener.local_addr().expect("it is bound");
        let stream = tokio::net::TcpStream::connect(addr).await.expect("the backlog has room");
        let entered = Registry::new(config.counters.clone()).enter(addr, &config);
        let (info, place) = entered.expect("it is the first");
        let io = ConnectionIo::new(stream, info, place, &config);
        let task = drive(io, axum::Router::new(), http1(&config), &config);
        let size = size_of_val(&task);
        assert!(size <= 2048, "{size}");
    }
}
