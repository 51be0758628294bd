//! `sse`, `stream` and `mixed` on a connection of their own.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::response::Parts;
use push_core::{Batch, BoxFuture, Budget, Crowd};
use tokio::io::AsyncWriteExt as _;

use super::{SHARED, date, key_of, may_take_over};
use crate::http::push::Push;
use crate::http::stream::{AnyEncoder, Dialect, StreamBody};
use crate::proto::head;
use crate::proto::lot::pass::{Framing, LAST_CHUNK, Pass, PassBuilder};
use crate::server::ConnectionIo;
use crate::server::lot::{AtOnce, Cohort, Extra, Kind, Member, Offer, Parking, Session, Taken};

/// A body that may become a session before it is first polled.
pub(crate) type Cell = Arc<Mutex<Option<Box<StreamBody>>>>;

/// Written at a time, while there is more.
const WRITE_BYTES: usize = 64 * 1024;

/// What a handler offers: the body's own subscription.
pub(crate) struct StreamOffer(pub(crate) Cell);

impl Offer for StreamOffer {
    fn take(&self, head: &Parts) -> Option<Box<dyn Session>> {
        if !may_take_over(head) {
            return None;
        }
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Box::new(Beginning(body)))
    }
}

/// A stream whose head is not written yet.
struct Beginning(Box<StreamBody>);

impl Session for Beginning {
    fn park_at_once(mut self: Box<Self>, head: &Parts, date: &str, out: &mut Vec<u8>) -> AtOnce {
        let Some(opening) = self.0.take_opening() else { return AtOnce::Runs(self) };
        let lines = |out: &mut Vec<u8>| head::write_headers(out, &head.headers);
        head::write_with(out, head.status, lines, head::Body::Chunked, date, false);
        Framing::Chunked.frame_into(&opening, out);
        AtOnce::Parks(Box::new(parking(*self.0, false)))
    }

    fn run(mut self: Box<Self>, taken: Taken) -> BoxFuture<'static, ()> {
        let Taken { io, head, closes } = taken;
        self.0.goes_over(io.info());
        let (mut lines, mut out) = (Vec::new(), Vec::new());
        head::write_headers(&mut lines, &head.headers);
        head::write(&mut out, head.status, &lines, head::Body::Chunked, &date(), closes);
        Box::pin(Stream { io, body: self.0, out, closes, may_park: true }.run())
    }
}

/// A stream on its connection.
struct Stream {
    io: ConnectionIo,
    body: Box<StreamBody>,
    /// What is to be written.
    out: Vec<u8>,
    closes: bool,
    may_park: bool,
}

/// What a stream does next.
enum Next {
    Write(Bytes),
    /// Nothing is there.
    Wait,
    End,
    Left,
}

impl Stream {
    async fn run(mut self) {
        loop {
            match self.next().await {
                Next::Write(bytes) => {
                    Framing::Chunked.frame_into(&bytes, &mut self.out);
                    if self.out.len() >= WRITE_BYTES && !self.flush().await {
                        return;
                    }
                    tokio::task::coop::consume_budget().await;
                }
                Next::Wait if !self.out.is_empty() || !self.io.is_flushed() => {
                    if !self.flush().await {
                        return;
                    }
                }
                Next::Wait if self.may_park && self.body.may_park() => return self.park(),
                Next::Wait => match self.wait().await {
                    Next::Left => return,
                    _ => continue,
                },
                Next::End => return self.end().await,
                Next::Left => return,
            }
        }
    }

    /// What there is to write now.
    async fn next(&mut self) -> Next {
        poll_fn(|cx| {
            Poll::Ready(match self.body.poll_next(cx) {
                Poll::Ready(Some(bytes)) => Next::Write(bytes),
                Poll::Ready(None) => Next::End,
                Poll::Pending => Next::Wait,
            })
        })
        .await
    }

    /// Waits until there may be more, or the client has left.
    async fn wait(&mut self) -> Next {
        poll_fn(|cx| {
            if self.io.poll_left(cx).is_ready() {
                return Poll::Ready(Next::Left);
            }
            self.body.poll_ready(cx).map(|()| Next::Wait)
        })
        .await
    }

    /// Writes what waits; false once the connection is over.
    async fn flush(&mut self) -> bool {
        let out = std::mem::take(&mut self.out);
        self.io.write_all(&out).await.is_ok() && self.io.flush().await.is_ok()
    }

    async fn end(mut self) {
        self.out.extend_from_slice(LAST_CHUNK);
        if !self.flush().await {
            return;
        }
        // Its place in the hub is free before the client can come back.
        drop(self.body);
        if self.closes || self.io.info().draining() {
            self.io.hang_up().await;
        } else {
            self.io.rest();
        }
    }

    fn park(self) {
        let Self { io, body, closes, .. } = self;
        io.park(parking(*body, closes));
    }
}

fn parking(body: StreamBody, closes: bool) -> Parking {
    let (kind, subscriber, expires_at) = body.into_parked();
    let now = kind.push.shared.hub.clock().now();
    Parking {
        key: key_of(&kind.push, kind.dialect.name().as_bytes(), &subscriber),
        subscriber,
        kind: Box::new(kind),
        extra: expires_at.map(|at| Box::new(at) as Extra),
        lasts: expires_at.map(|at| at.saturating_duration_since(now)),
        silence: Duration::ZERO,
        closes,
    }
}

/// Streams that are written the same bytes.
#[derive(Clone)]
pub(crate) struct StreamKind {
    pub(crate) push: Push,
    pub(crate) dialect: Dialect,
}

impl StreamKind {
    fn resume(&self, member: Member) -> BoxFuture<'static, ()> {
        let Member { io, subscriber, extra, rest, closes, may_park, is_blocked, .. } = member;
        let expires_at = extra.and_then(|extra| extra.downcast::<Instant>().ok()).map(|at| *at);
        let Some(body) = StreamBody::resume(self, io.info(), subscriber, expires_at, is_blocked) else {
            return Box::pin(std::future::ready(()));
        };
        // The rest of a chunk that was begun.
        let out = rest.to_vec();
        Box::pin(Stream { io, body: Box::new(body), out, closes, may_park }.run())
    }
}

impl Kind for StreamKind {
    fn found(self: Box<Self>, crowd: Crowd) -> Box<dyn Cohort> {
        let encoder = self.dialect.encoder(&self.push.shared).ok();
        Box::new(Streams { kind: *self, crowd, encoder })
    }

    fn resume(self: Box<Self>, member: Member) -> BoxFuture<'static, ()> {
        (*self).resume(member)
    }
}

struct Streams {
    kind: StreamKind,
    crowd: Crowd,
    /// Always there: what needs randomness of its own is not shared.
    encoder: Option<AnyEncoder>,
}

impl Cohort for Streams {
    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }

    fn budget(&self) -> Budget {
        SHARED
    }

    fn write(&mut self, batch: &Batch) -> Pass {
        let mut pass = PassBuilder::new(Framing::Chunked);
        let Some(encoder) = &self.encoder else { return pass.build() };
        if !batch.gaps.is_empty() {
            let resume = if batch.publications.is_empty() { batch.cursor } else { batch.before };
            let mut out = Vec::new();
            encoder.gaps(&mut out, &batch.gaps, resume);
            pass.frame(&out);
        }
        for publication in &batch.publications {
            pass.frame_shared(encoder.publication(publication));
        }
        pass.build()
    }

    fn heartbeat(&self) -> Option<Duration> {
        Some(self.kind.push.shared.config.heartbeat)
    }

    fn beat(&mut self) -> Option<Pass> {
        let mut out = Vec::new();
        // How far each member was told the server has looked is not kept: all are told.
        self.encoder.as_ref()?.heartbeat(&mut out, Some(self.crowd.cursor()));
        let mut pass = PassBuilder::new(Framing::Chunked);
        pass.frame(&out);
        (!out.is_empty()).then(|| pass.build())
    }

    fn resume(&mut self, member: Member) -> BoxFuture<'static, ()> {
        self.kind.resume(member)
    }
}
