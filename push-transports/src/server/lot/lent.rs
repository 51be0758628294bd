//! A connection on loan: its request is read and served by hyper, then hyper goes and the connection returns.
//!
//! ```text
//!  first byte ─▶ head whole? ─┬─ upgrade asked for ─▶ hyper for good, as without lots
//!                             └─ else hyper for this request ─┬─ answered ─▶ idle in the lot
//!                                                             ├─ Takeover ─▶ a session of ours, which parks
//!                                                             └─ close ────▶ lingering close
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::head::{self, Head};
use super::heads::{Answering, Heads, Offered};
use super::takeover::Taken;
use crate::server::config::ServeConfig;
use crate::server::connection::{ConnectionInfo, Side};
use crate::server::drive::{drive, report};
use crate::server::io::ConnectionIo;

/// What is the same for all connections.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) http1: http1::Builder,
    pub(super) config: Arc<ServeConfig>,
}

/// How hyper is done with a request.
enum Done {
    /// Answered: the next one may come.
    Answered,
    /// A session goes on.
    Taken,
    /// Nothing more is to come on this connection.
    Ended(hyper::Result<()>),
    Cut,
}

/// Serves what comes until the connection has nothing to do, is handed over, or ends.
pub(super) async fn serve<S, B>(mut io: ConnectionIo, service: S, rules: Rules)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    loop {
        match head::read(&mut io, &rules.config).await {
            Head::Whole => {}
            Head::Upgrade => return drive(io, service, rules.http1, &rules.config).await,
            Head::Nothing => return io.rest(),
            Head::Over => return,
        }
        let info = io.info().clone();
        info.begin_anew();
        let offered = Arc::new(Offered::default());
        let door = Answering::new(service.clone(), info.clone(), Arc::clone(&offered));
        let mut http1 = rules.http1.clone();
        let mut connection = http1.timer(Heads(info.clone())).serve_connection(TokioIo::new(io), door);
        let done = poll_fn(|cx| poll_request(&mut connection, &info, &offered, cx)).await;
        let parts = connection.into_parts();
        io = parts.io.into_inner();
        // Copied: it is a slice of hyper's buffer, even where it is empty.
        io.unread(Bytes::copy_from_slice(&parts.read_buf));
        drop(parts.read_buf);
        drop(parts.service);
        match done {
            Done::Answered if info.draining() => return io.hang_up().await,
            Done::Answered => {}
            Done::Taken => {
                let Some((session, head, closes)) = offered.take() else { return };
                return session.run(Taken { io, head, closes }).await;
            }
            Done::Ended(result) => {
                let is_orderly = result.is_ok();
                report(&info, Some(result));
                return if is_orderly { io.hang_up().await } else { drop(io) };
            }
            Done::Cut => return report(&info, None),
        }
    }
}

fn poll_request<S, B>(
    connection: &mut http1::Connection<TokioIo<ConnectionIo>, Answering<S>>,
    info: &ConnectionInfo,
    offered: &Offered,
    cx: &mut Context<'_>,
) -> Poll<Done>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    info.register(Side::Driver, cx.waker());
    let done = loop {
        if info.cut() {
            break Done::Cut;
        }
        if let Poll::Ready(result) = connection.poll_without_shutdown(cx) {
            break Done::Ended(result);
        }
        if offered.is_some() {
            break Done::Taken;
        }
        // hyper waits for a head only when the answer before is flushed.
        if info.has_answered() {
            break Done::Answered;
        }
        if info.draining() && offered.tell_once() {
            Pin::new(&mut *connection).graceful_shutdown();
            continue;
        }
        return Poll::Pending;
    };
    info.forget(cx.waker());
    Poll::Ready(done)
}
