//! One connection of the client.

use std::os::fd::OwnedFd;

use super::decode::{self, Item, Malformed};
use super::http::{self, Body, Chunks};
use super::tally::{Place, Tally};
use super::{nats, resp, socketio};
use crate::kind::{Kind, next_poll};
use crate::poller::send_all;

/// Where all connections of a client lead.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) host: String,
    pub(crate) channel: String,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its first answer is to come.
    Opening,
    /// The server has yet to say that it is a subscriber.
    Joining,
    /// It is what it was opened for.
    Open,
    Closed,
}

impl Phase {
    /// Whether it will be open without being asked to.
    pub(crate) fn is_on_its_way(self) -> bool {
        matches!(self, Self::Opening | Self::Joining)
    }

    /// Where a connection is behind its first answer, if there is one.
    fn behind_answer(kind: Kind) -> Self {
        if kind.joins() { Self::Joining } else { Self::Open }
    }
}

/// A connection and what it has of an unfinished answer, frame or line.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) socket: OwnedFd,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    pub(crate) place: Place,
    /// How a stream's body is sent, if in chunks.
    chunks: Option<Chunks>,
    spill: Vec<u8>,
}

impl Conn {
    /// A connection whose first request was sent; `next` is the first sequence number that it is to be sent.
    pub(crate) fn new(socket: OwnedFd, kind: Kind, next: u64) -> Self {
        let phase = if kind.first_status().is_some() { Phase::Opening } else { Phase::behind_answer(kind) };
        let place = Place { next, is_greeted: false };
        Self { socket, kind, phase, place, chunks: None, spill: Vec::new() }
    }

    /// Takes what was read. `work` is space for bytes on their way.
    pub(crate) fn take(
        &mut self,
        key: usize,
        bytes: &[u8],
        site: &Site,
        work: &mut Vec<u8>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        let behind;
        let bytes = if self.phase == Phase::Opening {
            self.spill.extend_from_slice(bytes);
            behind = self.open(site)?.unwrap_or_default();
            if behind.is_empty() {
                return Ok(());
            }
            &behind[..]
        } else {
            bytes
        };
        if self.kind == Kind::Poll {
            self.spill.extend_from_slice(bytes);
            return self.answers(key, site, tally);
        }
        if self.spill.is_empty() && self.chunks.is_none() {
            let taken = self.items(key, bytes, tally)?;
            self.spill.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        work.clear();
        work.append(&mut self.spill);
        match &mut self.chunks {
            Some(chunks) => chunks.decode(bytes, work)?,
            None => work.extend_from_slice(bytes),
        }
        let taken = self.items(key, work, tally)?;
        self.spill.extend_from_slice(&work[taken..]);
        Ok(())
    }

    /// Looks for the first answer; gives what came behind it.
    fn open(&mut self, site: &Site) -> Result<Option<Vec<u8>>, Malformed> {
        let Some(head) = http::head(&self.spill)? else { return Ok(None) };
        if Some(head.status) != self.kind.first_status() {
            return Err(Malformed);
        }
        let mut rest = std::mem::take(&mut self.spill);
        rest.drain(..head.len);
        self.phase = Phase::behind_answer(self.kind);
        match self.kind {
            Kind::Sse => self.chunks = (head.body == Body::Chunked).then(Chunks::default),
            Kind::Poll => self.poll(site, head.cursor.as_deref()),
            _ => {}
        }
        Ok(Some(rest))
    }

    fn poll(&mut self, site: &Site, cursor: Option<&str>) {
        let request = next_poll(&site.host, &site.channel, cursor.unwrap_or("now"));
        if !send_all(&self.socket, request.as_bytes()) {
            self.phase = Phase::Closed;
        }
    }

    fn items(&mut self, key: usize, bytes: &[u8], tally: &mut Tally) -> Result<usize, Malformed> {
        let Self { socket, kind, phase, place, .. } = self;
        let sink = |item: Item<'_>| {
            // Where an answer does not go through the connection is found broken at the next read.
            match item {
                Item::Ping(payload) => _ = send_all(&*socket, &decode::pong(payload)),
                Item::Asks(answer) => _ = send_all(&*socket, answer),
                Item::Joined => *phase = Phase::Open,
                _ => {}
            }
            tally.on_item(key, place, item);
        };
        match kind {
            Kind::Ws => decode::frames(bytes, false, sink),
            Kind::WsJson => decode::frames(bytes, true, sink),
            Kind::Sse => Ok(decode::lines(bytes, sink)),
            Kind::Redis => resp::messages(bytes, sink),
            Kind::Nats => nats::operations(bytes, sink),
            Kind::SocketIo => socketio::packets(bytes, sink),
            Kind::Poll | Kind::Silent | Kind::Keepalive => Err(Malformed),
        }
    }

    /// Whole answers to polls: each is one message, and the next poll follows.
    fn answers(&mut self, key: usize, site: &Site, tally: &mut Tally) -> Result<(), Malformed> {
        while let Some(head) = http::head(&self.spill)? {
            let Body::Length(len) = head.body else { return Err(Malformed) };
            let end = head.len + len;
            if self.spill.len() < end {
                break;
            }
            match head.status {
                200 => tally.on_item(key, &mut self.place, Item::Message(&self.spill[head.len..end])),
                204 => {}
                _ => return Err(Malformed),
            }
            self.spill.drain(..end);
            self.poll(site, head.cursor.as_deref());
        }
        Ok(())
    }
}
