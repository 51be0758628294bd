//! One connection of the client.

use super::decode::{self, Item, Malformed};
use super::http::{self, Body, Chunks};
use super::tally::{Place, Tally};
use super::{nats, resp, socketio};
use crate::kind::{Kind, next_poll};
use crate::line::Line;
use crate::poller::Read;

/// Where all connections of a client lead.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) host: String,
    pub(crate) channel: String,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its first answer is to come, or the word that it is a subscriber.
    Opening,
    /// It is what it was opened for.
    Open,
    Closed,
}

/// A connection and what it has of an unfinished answer, frame or line.
#[derive(Debug)]
pub(crate) struct Conn {
    /// None while it is cut off.
    pub(crate) line: Option<Line>,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    pub(crate) place: Place,
    /// Its first answer is to come, and is one of HTTP.
    is_unanswered: bool,
    /// How a stream's body is sent, if in chunks.
    chunks: Option<Chunks>,
    spill: Vec<u8>,
    /// Kept only by those who are to come back.
    trail: Option<Box<Trail>>,
}

/// What a connection would come back with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trail {
    /// It has all up to here.
    pub(crate) cursor: Vec<u8>,
    /// It will have, once the message is there that this is the cursor of.
    ahead: Vec<u8>,
}

impl Trail {
    fn on_item(&mut self, item: Item<'_>) {
        match item {
            Item::Cursor(cursor) => {
                self.ahead.clear();
                self.ahead.extend_from_slice(cursor);
            }
            // A blank line that only keeps alive has nothing ahead of it.
            Item::Message(_) | Item::Passed if !self.ahead.is_empty() => {
                self.cursor.clear();
                self.cursor.append(&mut self.ahead);
            }
            _ => {}
        }
    }
}

impl Conn {
    /// A connection whose first request was sent; `next` is the first sequence number that it is to be sent.
    pub(crate) fn new(line: Line, kind: Kind, next: u64) -> Self {
        let is_unanswered = kind.first_status().is_some();
        let phase = if is_unanswered || kind.joins() { Phase::Opening } else { Phase::Open };
        let place = Place { next, is_greeted: false };
        Self { line: Some(line), kind, phase, place, is_unanswered, chunks: None, spill: Vec::new(), trail: None }
    }

    /// Remembers from now on what it would come back with.
    pub(crate) fn remember(&mut self) {
        self.trail = Some(Box::default());
    }

    /// The cursor it would come back with; none if it has been told none.
    pub(crate) fn cursor(&self) -> Option<&[u8]> {
        self.trail.as_ref().map(|trail| trail.cursor.as_slice()).filter(|cursor| !cursor.is_empty())
    }

    /// It was cut off, and has asked over `line` to go on after its cursor. What it had of an unfinished message is gone.
    pub(crate) fn come_back(&mut self, line: Line) {
        self.line = Some(line);
        // A poll that goes on is answered with what it missed, and by nothing before.
        self.is_unanswered = self.kind != Kind::Poll;
        self.phase = if self.is_unanswered { Phase::Opening } else { Phase::Open };
        self.chunks = None;
        self.spill.clear();
        if let Some(trail) = &mut self.trail {
            trail.ahead.clear();
        }
    }

    /// Sends all of it. False if the connection is broken.
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.line.as_mut().is_some_and(|line| line.send(bytes))
    }

    /// Takes what can be read and counts it as `key`'s. Space: of one read, for what is unsealed, and for bytes on their way.
    pub(crate) fn read(
        &mut self,
        key: usize,
        is_ended: bool,
        site: &Site,
        (scratch, opened, work): (&mut [u8], &mut Vec<u8>, &mut Vec<u8>),
        tally: &mut Tally,
    ) {
        while self.phase != Phase::Closed {
            let Some(line) = &mut self.line else { return };
            let room = scratch.len();
            let (got, bytes) = line.take(scratch, opened);
            match got {
                Read::Bytes(n) => {
                    tally.on_read();
                    // Over TLS what came may be of no meaning to us, tickets above all.
                    if !bytes.is_empty() && self.take(key, bytes, site, work, tally).is_err() {
                        if tally.account.malformed == 0 {
                            eprintln!("malformed: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]));
                        }
                        tally.account.malformed += 1;
                        self.phase = Phase::Closed;
                    }
                    // A short read emptied the socket; more is a new edge, but for an end that came with the bytes.
                    if n < room && !is_ended {
                        return;
                    }
                }
                Read::Nothing => return,
                Read::End => {
                    tally.account.closed += 1;
                    self.phase = Phase::Closed;
                }
            }
        }
    }

    /// Takes what was read. `work` is space for bytes on their way.
    fn take(
        &mut self,
        key: usize,
        bytes: &[u8],
        site: &Site,
        work: &mut Vec<u8>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        let behind;
        let bytes = if self.is_unanswered {
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
        self.is_unanswered = false;
        if !self.kind.joins() {
            self.phase = Phase::Open;
        }
        match self.kind {
            Kind::Sse | Kind::Stream => self.chunks = (head.body == Body::Chunked).then(Chunks::default),
            Kind::Poll => self.poll(site, head.cursor.as_deref()),
            _ => {}
        }
        Ok(Some(rest))
    }

    fn poll(&mut self, site: &Site, cursor: Option<&str>) {
        if let (Some(trail), Some(cursor)) = (&mut self.trail, cursor) {
            trail.on_item(Item::Cursor(cursor.as_bytes()));
            trail.on_item(Item::Passed);
        }
        let request = next_poll(&site.host, &site.channel, cursor.unwrap_or("now"));
        if !self.send(request.as_bytes()) {
            self.phase = Phase::Closed;
        }
    }

    fn items(&mut self, key: usize, bytes: &[u8], tally: &mut Tally) -> Result<usize, Malformed> {
        let Self { line, kind, phase, place, trail, .. } = self;
        let sink = |item: Item<'_>| {
            // Where an answer does not go through the connection is found broken at the next read.
            match (item, &mut *line) {
                (Item::Ping(payload), Some(line)) => _ = line.send(&decode::pong(payload)),
                (Item::Asks(answer), Some(line)) => _ = line.send(answer),
                (Item::Joined, _) => *phase = Phase::Open,
                _ => {}
            }
            if let Some(trail) = trail {
                trail.on_item(item);
            }
            tally.on_item(key, place, item);
        };
        match kind {
            Kind::Ws => decode::frames(bytes, false, sink),
            Kind::WsJson => decode::frames(bytes, true, sink),
            Kind::Sse => Ok(decode::lines(bytes, sink)),
            Kind::Stream => Ok(decode::objects(bytes, sink)),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a subscriber that has taken `bytes` counts, and would come back with.
    fn taken(bytes: &[u8], kind: Kind) -> (usize, String) {
        let (mut trail, mut messages) = (Trail::default(), 0);
        let sink = |item: Item<'_>| {
            messages += usize::from(matches!(item, Item::Message(_)));
            trail.on_item(item);
        };
        match kind {
            Kind::Sse => decode::lines(bytes, sink),
            Kind::Stream => decode::objects(bytes, sink),
            _ => decode::frames(bytes, true, sink).expect("well-formed"),
        };
        (messages, String::from_utf8(trail.cursor).expect("ASCII"))
    }

    #[test]
    fn wherever_it_is_cut_off_a_subscriber_comes_back_with_the_cursor_of_the_last_message_that_it_counts() {
        let subscribed = r#"{"op":"subscribed","channel":"c","cursor":"a.0","outcome":"complete"}"#;
        let mut sse = b"retry: 1000\nid: a.0\n\n:\n\n".to_vec();
        let mut stream = [subscribed.as_bytes(), b"\n\n"].concat();
        let mut ws = [&[0x81, subscribed.len() as u8], subscribed.as_bytes()].concat();
        for number in 1..=3 {
            let payload = format!("{number:016} {number:016} x");
            sse.extend_from_slice(format!("id: a.{number}\ndata: {payload}\n\n:\n\n").as_bytes());
            let envelope = format!(r#""channel":"c","id":"a.{number}","data":"{payload}"}}"#);
            stream.extend_from_slice(format!("{{{envelope}\n\n").as_bytes());
            let frame = format!(r#"{{"op":"publication",{envelope}"#);
            ws.extend_from_slice(&[&[0x81, frame.len() as u8], frame.as_bytes()].concat());
        }
        for (kind, bytes) in [(Kind::Sse, sse), (Kind::Stream, stream), (Kind::WsJson, ws)] {
            for cut in 0..=bytes.len() {
                let (messages, cursor) = taken(&bytes[..cut], kind);
                let is_begun = messages > 0 || !cursor.is_empty();
                assert!(!is_begun || cursor == format!("a.{messages}"), "{kind:?} cut at {cut}: {messages}, {cursor}");
            }
            assert_eq!(taken(&bytes, kind), (3, "a.3".to_owned()));
        }
    }
}
