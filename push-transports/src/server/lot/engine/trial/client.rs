//! Who is at the other end: what it has been told, and whether that can be true.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::task::Context;

use push_core::{Cursor, Gap, Overflow, Publication, Receipt, Selector};

use super::pipe::{Handle, Pipe};
use super::{Kind, Wish, Word, World, lock};
use crate::server::lot::house::Entered;
use crate::server::lot::inbox::Message;

/// A client, with one connection.
pub(super) struct Client {
    pub(super) wish: Wish,
    pub(super) pipe: Arc<Pipe>,
    world: Arc<World>,
    /// How many of the bytes that were sent it has looked at.
    read: usize,
    since: u64,
    /// Everything up to here was told: a connection that comes back begins here.
    cursor: Cursor,
    got: BTreeSet<u64>,
    gaps: Vec<Gap>,
    /// Pings and operations that were not answered.
    pub(super) owed: usize,
    /// A poll whose answer has not come.
    pub(super) waits: bool,
    /// Whether there is any reason to end it.
    pub(super) may_end: bool,
    pub(super) has_ended: bool,
    pub(super) has_left: bool,
    /// It has ended its direction, and is closed for that before long.
    has_finished: bool,
    is_closed: bool,
}

impl Client {
    /// Connects, and asks for what it wishes from now on.
    pub(super) fn connect(world: &Arc<World>, wish: Wish, room: usize) -> Self {
        let (pipe, cursor) = (Pipe::new(room), world.hub.head());
        let handle = Handle { pipe: Arc::clone(&pipe), world: Arc::clone(world) };
        world.inbox.send(Message::Accepted(handle, Entered::nowhere()));
        let mut client = Self {
            wish,
            pipe,
            world: Arc::clone(world),
            read: 0,
            since: cursor.number,
            cursor,
            got: BTreeSet::new(),
            gaps: Vec::new(),
            owed: 0,
            waits: false,
            may_end: wish.overflow == Overflow::Disconnect || wish.lasts.is_some_and(|_| wish.kind != Kind::Poll),
            has_ended: false,
            has_left: false,
            has_finished: false,
            is_closed: false,
        };
        client.ask();
        client
    }

    pub(super) fn is_there(&self) -> bool {
        !self.has_left && !self.has_ended && !self.has_finished
    }

    /// Whether it is yet to be closed, because it has ended its direction.
    pub(super) fn is_leaving(&self) -> bool {
        self.has_finished && !self.has_left && !self.is_closed
    }

    pub(super) fn finish(&mut self) {
        self.has_finished = true;
        self.pipe.finish(&self.world);
    }

    /// A poll that was answered asks again, from where it has got to.
    pub(super) fn ask_again(&mut self) -> bool {
        let may = self.may_ask();
        if may {
            self.ask();
        }
        may
    }

    /// Whether it is a poll that was answered.
    pub(super) fn may_ask(&self) -> bool {
        self.is_there() && self.wish.kind == Kind::Poll && !self.waits
    }

    fn ask(&mut self) {
        self.waits = true;
        self.pipe.ask(&self.world, self.wish, self.cursor);
    }

    pub(super) fn say(&mut self, byte: u8) {
        self.owed += 1;
        self.pipe.say(&self.world, byte);
    }

    pub(super) fn make_room(&self, bytes: usize) {
        self.pipe.make_room(&self.world, bytes);
    }

    pub(super) fn leave(&mut self) {
        self.has_left = true;
        self.pipe.leave(&self.world);
    }

    /// Up to where it was told everything.
    pub(super) fn told(&self) -> u64 {
        self.cursor.number
    }

    /// Looks at what has come; true if its socket is full.
    pub(super) fn look(&mut self, cx: &mut Context<'_>) -> bool {
        let read = self.read;
        let (sent, is_starved, is_closed) =
            self.pipe.look(cx, |ends| (ends.sent[read..].to_vec(), ends.is_starved, ends.is_closed));
        let mut sent = &sent[..];
        while let Some((word, len)) = self.world.word(sent) {
            sent = &sent[len..];
            self.read += len;
            self.note(word);
        }
        self.is_closed = is_closed;
        if is_closed && !self.has_left {
            assert!(self.has_ended || self.has_finished, "closed for nothing");
            assert!(sent.is_empty(), "half a frame");
        }
        assert!(self.may_end || !self.has_ended, "ended for nothing");
        is_starved
    }

    fn note(&mut self, word: Word) {
        assert!(!self.has_ended, "more after the end: {word:?}");
        match word {
            Word::Gaps(gaps, cursor) => {
                self.gaps.extend(gaps);
                self.stand(cursor);
            }
            Word::Publication(publication) => self.take(&publication),
            Word::Beat(cursor) => self.stand(cursor),
            Word::Answer(gaps, batch, ending) => {
                assert!(self.waits && self.wish.kind == Kind::Poll, "an answer to no question");
                self.waits = false;
                self.gaps.extend(gaps.into_iter().chain(batch.gaps));
                batch.publications.iter().for_each(|publication| self.take(publication));
                self.stand(batch.cursor);
                self.has_ended = ending.is_some();
            }
            Word::Pong | Word::Reply => {
                self.owed = self.owed.checked_sub(1).expect("an answer to what was not said");
            }
            Word::End => self.has_ended = true,
        }
    }

    fn take(&mut self, publication: &Publication) {
        let cursor = publication.id();
        assert!(cursor.number > self.cursor.number, "out of order or twice: {}", cursor.number);
        assert!(self.selects(publication.channel().as_str()), "not its own: {}", publication.channel());
        self.got.insert(cursor.number);
        self.cursor = cursor;
    }

    fn stand(&mut self, cursor: Cursor) {
        assert!(cursor.number >= self.cursor.number, "back from {} to {}", self.cursor.number, cursor.number);
        self.cursor = cursor;
    }

    fn selects(&self, channel: &str) -> bool {
        self.wish.channels.contains(&channel)
    }

    /// All of its publications up to `through` were received, or told as missing; nothing received was told as missing.
    pub(super) fn check(&self, through: u64) {
        let ledger = lock(&self.world.ledger);
        for (number, receipt) in ledger.range((Bound::Excluded(self.since), Bound::Included(through))) {
            if !self.selects(receipt.channel.as_str()) {
                continue;
            }
            let is_told = self.gaps.iter().any(|gap| covers(gap, receipt));
            let has = self.got.contains(number);
            assert!(has || is_told, "lost in silence: {number} of {:?}, told {}", self.wish, self.told());
            let is_told_exactly = self.gaps.iter().any(|gap| gap.from.is_some() && covers(gap, receipt));
            assert!(!has || !is_told_exactly, "received, yet told as missing: {number}");
        }
    }
}

fn covers(gap: &Gap, receipt: &Receipt) -> bool {
    let of_channel = Selector::parse(&gap.channel).is_ok_and(|told| told.matches(&receipt.channel));
    of_channel && gap.from.is_none_or(|from| from <= receipt.offset) && gap.to.is_none_or(|to| to >= receipt.offset)
}
