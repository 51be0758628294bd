//! `poll` on a connection of its own: parked until there is something to say, answered together with all that wait for
//! the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use push_core::{Batch, BoxFuture, Budget, Crowd, Ending, Subscriber};
use tokio::io::AsyncWriteExt as _;

use super::offer::Later;
use super::{date, key_of};
use crate::http::poll::{Asked, Told, answer, wait};
use crate::http::push::Push;
use crate::proto::head;
use crate::proto::lot::pass::{Framing, Pass, PassBuilder};
use crate::proto::params::Format;
use crate::server::ConnectionIo;
use crate::server::lot::{AtOnce, Cohort, Extra, Kind, Member, Parking, Session, Taken};

/// A poll that has nothing to say yet. It has looked, and was told nothing.
pub(crate) struct Waiting {
    pub(crate) push: Push,
    pub(crate) subscriber: Subscriber,
    pub(crate) asked: Asked,
    /// When it is answered in any case.
    pub(crate) until: Instant,
    pub(crate) expires_at: Option<Instant>,
}

impl Later for Waiting {
    fn answer(mut self) -> BoxFuture<'static, Response<Bytes>> {
        Box::pin(async move {
            let Self { push, subscriber, asked, until, expires_at } = &mut self;
            let told = wait(&push.shared, subscriber, *asked, *until, *expires_at).await;
            let (status, headers, bytes) = answer(*asked, &told);
            let mut answer = Response::new(bytes);
            (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
            answer
        })
    }

    fn is_in_head(&self) -> bool {
        self.asked.format == Format::Raw
    }
}

impl Session for Waiting {
    fn park_at_once(self: Box<Self>, head: &Parts, _: &str, _: &mut Vec<u8>) -> AtOnce {
        if !self.subscriber.is_settled() {
            return AtOnce::Runs(self);
        }
        let Self { push, subscriber, asked, until, expires_at } = *self;
        let kind = Polls { push, asked, headers: Arc::new(head.headers.clone()), closes: false };
        AtOnce::Parks(Box::new(kind.parking(subscriber, until, expires_at)))
    }

    fn run(self: Box<Self>, taken: Taken) -> BoxFuture<'static, ()> {
        let Self { push, subscriber, asked, until, expires_at } = *self;
        let Taken { io, head, closes } = taken;
        let kind = Polls { push, asked, headers: Arc::new(head.headers), closes };
        let poll = Poll { io, kind, subscriber, until, expires_at };
        if poll.subscriber.is_settled() {
            poll.park();
            return Box::pin(std::future::ready(()));
        }
        Box::pin(poll.run(Bytes::new()))
    }
}

/// A poll on its connection.
struct Poll {
    io: ConnectionIo,
    kind: Polls,
    subscriber: Subscriber,
    until: Instant,
    expires_at: Option<Instant>,
}

impl Poll {
    fn park(self) {
        let Self { io, kind, subscriber, until, expires_at } = self;
        io.park(kind.parking(subscriber, until, expires_at));
    }

    /// Waits alone. `rest` is what is left of an answer that was begun.
    async fn run(mut self, rest: Bytes) {
        let answer = match rest.is_empty() {
            false => rest,
            true => {
                let shared = &self.kind.push.shared;
                let waits = wait(shared, &mut self.subscriber, self.kind.asked, self.until, self.expires_at);
                let left = std::future::poll_fn(|cx| self.io.poll_left(cx));
                tokio::select! {
                    told = waits => self.kind.write(&told),
                    () = left => return,
                }
            }
        };
        // Its place in the hub is free before the client can come back.
        drop(self.subscriber);
        if self.io.write_all(&answer).await.is_err() || self.io.flush().await.is_err() {
            return;
        }
        if self.kind.closes || self.io.info().draining() {
            self.io.hang_up().await;
        } else {
            self.io.rest();
        }
    }
}

/// Polls that are answered the same bytes.
#[derive(Clone)]
struct Polls {
    push: Push,
    asked: Asked,
    /// Those of the answer, after all middleware.
    headers: Arc<HeaderMap>,
    /// Whether their connections end behind the answer.
    closes: bool,
}

impl Polls {
    fn parking(self, subscriber: Subscriber, until: Instant, expires_at: Option<Instant>) -> Parking {
        let closes = self.closes;
        let now = self.push.shared.hub.clock().now();
        let until = expires_at.map_or(until, |at| at.min(until));
        Parking {
            key: self.key(&subscriber),
            subscriber,
            kind: Box::new(self),
            extra: expires_at.map(|at| Box::new(at) as Extra),
            lasts: Some(until.saturating_duration_since(now)),
            silence: Duration::ZERO,
            closes,
        }
    }

    fn key(&self, subscriber: &Subscriber) -> Arc<[u8]> {
        let mut kind = Vec::with_capacity(512);
        kind.extend_from_slice(if self.asked.format == Format::Raw { b"poll-raw" } else { b"poll-json" });
        kind.extend_from_slice(&self.asked.limit.to_ne_bytes());
        kind.push(u8::from(self.closes));
        head::write_headers(&mut kind, &self.headers);
        key_of(&self.push, &kind, subscriber)
    }

    /// The whole answer.
    fn write(&self, told: &Told) -> Bytes {
        let (status, headers, body) = answer(self.asked, told);
        let mut lines = Vec::with_capacity(512);
        let mut all = HeaderMap::clone(&self.headers);
        for (name, value) in &headers {
            all.insert(name, value.clone());
        }
        head::write_headers(&mut lines, &all);
        let length = if status == StatusCode::NO_CONTENT { head::Body::None } else { head::Body::Length(body.len()) };
        let mut out = Vec::with_capacity(lines.len() + body.len() + 128);
        head::write(&mut out, status, &lines, length, &date(), self.closes);
        out.extend_from_slice(&body);
        out.into()
    }

    fn resume(&self, member: Member) -> BoxFuture<'static, ()> {
        let Member { io, subscriber, extra, rest, left, .. } = member;
        let expires_at = expiry(extra.as_ref());
        let now = self.push.shared.hub.clock().now();
        let until = now + left.unwrap_or_default();
        let poll = Poll { io, kind: self.clone(), subscriber, until, expires_at };
        Box::pin(poll.run(rest))
    }
}

fn expiry(extra: Option<&Extra>) -> Option<Instant> {
    extra.and_then(|extra| extra.downcast_ref::<Instant>()).copied()
}

impl Kind for Polls {
    fn found(self: Box<Self>, crowd: Crowd) -> Box<dyn Cohort> {
        Box::new(Parked { kind: *self, crowd })
    }

    fn resume(self: Box<Self>, member: Member) -> BoxFuture<'static, ()> {
        (*self).resume(member)
    }
}

struct Parked {
    kind: Polls,
    crowd: Crowd,
}

impl Parked {
    fn pass(&self, told: &Told) -> Pass {
        let mut pass = PassBuilder::new(Framing::Plain);
        pass.frame_shared(self.kind.write(told));
        pass.build()
    }
}

impl Cohort for Parked {
    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }

    fn budget(&self) -> Budget {
        self.kind.asked.budget()
    }

    fn write(&mut self, batch: &Batch) -> Pass {
        self.pass(&Told { batch: batch.clone(), gaps: Vec::new(), ending: None })
    }

    fn is_answer(&self) -> bool {
        true
    }

    fn expire(&mut self, extra: Option<&Extra>) -> Option<Bytes> {
        let shared = &self.kind.push.shared;
        let now = shared.hub.clock().now();
        let is_expired = expiry(extra).is_some_and(|at| at <= now);
        let ending = is_expired.then(|| shared.with_retry(Ending::token_expired()));
        let cursor = self.crowd.cursor();
        let batch =
            Batch { gaps: Vec::new(), publications: Vec::new(), before: cursor, cursor, more: false, ending: None };
        Some(self.kind.write(&Told { batch, gaps: Vec::new(), ending }))
    }

    fn resume(&mut self, member: Member) -> BoxFuture<'static, ()> {
        self.kind.resume(member)
    }
}
