//! A connection on loan: its request is read and served by hyper, then hyper goes and the connection returns.
//!
//! ```text
//!  first byte ─▶ head ─▶ hyper, for this request ─┬─ answered ─▶ the next head, or idle in the lot
//!                                                 ├─ Takeover ─▶ a session of ours, which parks
//!                                                 ├─ upgraded ─▶ somebody else's for good
//!                                                 └─ close ────▶ lingering close
//! ```

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

use super::door::date;
use super::head::{self, Head};
use super::heads::{Answering, Heads, Offered};
use super::straight;
use super::takeover::{Taken, Takeover};
use crate::server::accept::App;
use crate::server::config::ServeConfig;
use crate::server::connection::{ConnectionInfo, Side};
use crate::server::drive::report;
use crate::server::io::ConnectionIo;
use crate::server::shortcut::ToCome;
use crate::server::stream::Shared;
use crate::server::tls::Acceptor;

/// What is the same for all connections.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) http1: http1::Builder,
    pub(super) config: Arc<ServeConfig>,
    /// Where TLS is spoken.
    pub(super) acceptor: Option<Arc<Acceptor>>,
}

/// What is left to do of requests that came before.
#[derive(Default)]
pub(super) struct Begun {
    /// To be written first.
    pub(super) owed: Bytes,
    /// Written next.
    pub(super) answer: Option<ToCome>,
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

/// Speaks TLS on a connection on which nothing was said, then serves it.
pub(super) async fn take_in(mut io: ConnectionIo, acceptor: Arc<Acceptor>, service: impl App, rules: Rules) {
    match Box::pin(acceptor.take_in(&mut io)).await {
        Ok(()) => serve(io, Begun::default(), service, rules).await,
        Err(turned_away) => turned_away.end(io, &rules.config.counters).await,
    }
}

/// Serves what comes until the connection has nothing to do, is handed over, or ends.
pub(super) async fn serve(mut io: ConnectionIo, begun: Begun, service: impl App, rules: Rules) {
    if begun.answer.is_some() || !begun.owed.is_empty() {
        match Box::pin(finish(io, begun)).await {
            Some(finished) => io = finished,
            None => return,
        }
    }
    loop {
        let (limit, upgrade) = match head::read(&mut io, &rules.config).await {
            Head::Whole(limit) => (limit, None),
            Head::Upgrade(head) => (None, Some(head)),
            Head::Nothing => return io.rest(),
            Head::Over => return,
        };
        let info = io.info().clone();
        info.begin_anew();
        let offered = Arc::new(Offered::default());
        let (served, done) = match upgrade {
            None => request(io, limit, service.clone(), &rules, (&info, &offered)).await,
            Some(head) => Box::pin(upgradeable(io, head, service.clone(), &rules, (&info, &offered))).await,
        };
        let Some(served) = served else { return };
        io = served;
        match done {
            Done::Answered if info.draining() => return io.hang_up().await,
            // Whose requests never end must let others run.
            Done::Answered => tokio::task::coop::consume_budget().await,
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

/// Does what is left to do; gives the connection back if it goes on with the next request.
async fn finish(mut io: ConnectionIo, begun: Begun) -> Option<ConnectionIo> {
    io.info().begin_answer();
    let Begun { owed, answer } = begun;
    io.write_all(&owed).await.ok()?;
    io.flush().await.ok()?;
    if let Some(mut answer) = answer {
        let answer = poll_fn(|cx| match answer.poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            // Nobody else looks whether the client is still there, or the server past its grace.
            Poll::Pending => io.poll_left(cx).map(|()| None),
        });
        let answer = answer.await?;
        if let Some(Takeover(offer)) = answer.extensions().get::<Takeover>().cloned() {
            let (head, _) = answer.into_parts();
            let session = offer.take(&head)?;
            session.run(Taken { io, head, closes: false }).await;
            return None;
        }
        let mut out = Vec::new();
        straight::write(&mut out, &answer, &httpdate::fmt_http_date(date()), io.info().draining());
        io.write_all(&out).await.ok()?;
    }
    io.flush().await.ok()?;
    if io.info().draining() {
        io.hang_up().await;
        return None;
    }
    io.info().end_answer();
    Some(io)
}

/// One request, by a hyper that can be taken apart. It is given no byte behind the request where that ends with its head:
/// the next one may need another hyper.
async fn request(
    mut io: ConnectionIo,
    limit: Option<usize>,
    service: impl App,
    rules: &Rules,
    (info, offered): (&ConnectionInfo, &Arc<Offered>),
) -> (Option<ConnectionIo>, Done) {
    io.set_limit(limit);
    let answering = Answering::new(service, info.clone(), Arc::clone(offered), None);
    let mut http1 = rules.http1.clone();
    let mut connection = http1.timer(Heads(info.clone())).serve_connection(TokioIo::new(io), answering);
    let done = poll_fn(|cx| {
        poll_done((info, offered), cx, |cx, drains| {
            if drains {
                Pin::new(&mut connection).graceful_shutdown();
            }
            connection.poll_without_shutdown(cx)
        })
    });
    let done = done.await;
    let parts = connection.into_parts();
    let mut io = parts.io.into_inner();
    io.set_limit(None);
    // Copied: it is a slice of hyper's buffer, even where it is empty.
    io.unread(Bytes::copy_from_slice(&parts.read_buf));
    (Some(io), done)
}

/// One request that asks for another protocol. hyper is given its head and no byte more, so that the socket can be taken
/// from it at any time; and if somebody else's handler does the upgrade, hyper can give it to that.
async fn upgradeable(
    io: ConnectionIo,
    head: usize,
    service: impl App,
    rules: &Rules,
    (info, offered): (&ConnectionInfo, &Arc<Offered>),
) -> (Option<ConnectionIo>, Done) {
    let Some(mut socket) = io.into_socket() else { return (None, Done::Cut) };
    socket.set_limit(Some(head));
    let shared = Arc::new(Shared::new(socket));
    let io = ConnectionIo::shared(Arc::clone(&shared), info.clone(), &rules.config);
    let answering = Answering::new(service, info.clone(), Arc::clone(offered), Some(Arc::clone(&shared)));
    let mut http1 = rules.http1.clone();
    let http1 = http1.timer(Heads(info.clone()));
    let mut connection = http1.serve_connection(TokioIo::new(io), answering).with_upgrades();
    let done = poll_fn(|cx| {
        poll_done((info, offered), cx, |cx, drains| {
            if drains {
                Pin::new(&mut connection).graceful_shutdown();
            }
            Pin::new(&mut connection).poll(cx)
        })
    });
    let done = done.await;
    if matches!(done, Done::Ended(_)) {
        // Closed in an orderly way, or somebody else's from here on.
        return (None, done);
    }
    let socket = shared.take();
    drop(connection);
    let io = socket.map(|mut socket| {
        socket.set_limit(None);
        ConnectionIo::on_lot(socket, info.clone(), &rules.config)
    });
    (io, done)
}

/// Polls hyper until the request is done; `poll` is told when the server begins to go down.
fn poll_done(
    (info, offered): (&ConnectionInfo, &Offered),
    cx: &mut Context<'_>,
    mut poll: impl FnMut(&mut Context<'_>, bool) -> Poll<hyper::Result<()>>,
) -> Poll<Done> {
    info.register(Side::Driver, cx.waker());
    let mut drains = false;
    let done = loop {
        if info.cut() {
            break Done::Cut;
        }
        if let Poll::Ready(result) = poll(cx, std::mem::take(&mut drains)) {
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
            drains = true;
            continue;
        }
        return Poll::Pending;
    };
    info.forget(cx.waker());
    Poll::Ready(done)
}
