//! Many channels with few subscribers each, and publishers that go round over them.
//!
//! Channels that are always subscribed together are a *group*: its messages are numbered as one sequence, and every
//! subscriber of it is checked against that. Each group is one publisher's, so that its order is known.

mod encode;
mod plan;
mod writer;

use std::net::SocketAddrV4;

pub(crate) use self::plan::{Counted, Plan};
pub(crate) use self::writer::Way;
use self::writer::Writer;
use super::command::Slice;
use super::conn::{Conn, Phase, Site};
use super::tally::{Account, Tally};
use crate::Result;
use crate::args::Dialect;
use crate::clock::{Guard, MS, now_ns};
use crate::kind::Kind;
use crate::line::{Line, Target};
use crate::message;
use crate::poller::Poller;

/// Keys of publishers begin here; those of subscribers are indexes.
const WRITERS: usize = 1 << 40;

/// Connections that wait for their first answer at a time.
const UNDER_WAY: usize = 64;

/// Bytes of one read.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Longest time that anything may take, in seconds.
const PATIENCE_SECS: u64 = 30;

/// Silence after which nothing more is expected.
const SILENCE_NS: u64 = 5_000 * MS;

/// See the module.
pub(super) struct Chat {
    plan: Plan,
    dialect: Dialect,
    size: usize,
    poller: Poller,
    site: Site,
    conns: Vec<Conn>,
    writers: Vec<Writer>,
    /// The next sequence number of each group.
    next: Vec<u64>,
    /// The group that each publisher writes to next.
    turns: Vec<usize>,
    published: u64,
    tally: Tally,
    scratch: Vec<u8>,
    /// What was read over TLS.
    opened: Vec<u8>,
    work: Vec<u8>,
    message: Vec<u8>,
}

impl Chat {
    /// Opens all subscribers and publishers, and sees that they are subscribed.
    pub(super) fn open(
        target: SocketAddrV4,
        door: &Target,
        dialect: Dialect,
        size: usize,
        mut plan: Plan,
    ) -> Result<Self> {
        // A publisher without a group would have nothing to do.
        plan.publishers = plan.publishers.clamp(1, plan.groups.max(1));
        let mut chat = Self {
            dialect,
            size,
            poller: Poller::new()?,
            site: Site { host: door.addr.to_string(), channel: String::new() },
            conns: Vec::new(),
            writers: Vec::new(),
            next: vec![1; plan.groups],
            turns: (0..plan.publishers).collect(),
            published: 0,
            tally: Tally::new(),
            scratch: vec![0; SCRATCH_BYTES],
            opened: Vec::new(),
            work: Vec::new(),
            message: Vec::new(),
            plan,
        };
        chat.open_writers(target)?;
        chat.open_subscribers(door)?;
        chat.greet()?;
        Ok(chat)
    }

    fn open_writers(&mut self, target: SocketAddrV4) -> Result<()> {
        for key in 0..self.plan.publishers {
            let writer = Writer::new(target, self.dialect, self.plan.way)?;
            self.poller.add_both(&writer.socket, WRITERS + key)?;
            self.writers.push(writer);
        }
        self.wait("publishers to be open", |chat| chat.writers.iter().all(|writer| writer.is_open))
    }

    fn open_subscribers(&mut self, door: &Target) -> Result<()> {
        let Plan { kind, groups, subscribers, .. } = self.plan;
        if !matches!(kind, Kind::Ws | Kind::Sse) {
            return Err(format!("subscribers of many channels are ws or sse, not {}", kind.name()).into());
        }
        for group in 0..groups {
            let request = kind.first_request(&self.site.host, &self.plan.selector(self.dialect, group));
            for _ in 0..subscribers {
                let mut line = Line::open(door)?;
                if !line.send(request.as_bytes()) {
                    return Err("a connection broke while it was opened".into());
                }
                self.poller.add(&line, self.conns.len())?;
                self.conns.push(Conn::new(line, kind, 1));
                if self.conns.len().is_multiple_of(UNDER_WAY) {
                    self.wait_open()?;
                }
            }
        }
        self.wait_open()
    }

    /// Waits for the last [`UNDER_WAY`] that were opened, before which all others are open.
    fn wait_open(&mut self) -> Result<()> {
        self.wait("subscribers to be open", |chat| {
            chat.conns.iter().rev().take(UNDER_WAY).all(|conn| conn.phase != Phase::Opening)
        })?;
        let account = &self.tally.account;
        if account.closed + account.malformed > 0 {
            return Err(format!("not all subscribers could be opened: {account:?}").into());
        }
        Ok(())
    }

    /// Publishes hellos until every subscriber has had one: only then are all of them known to be subscribed.
    fn greet(&mut self) -> Result<()> {
        let guard = Guard::new(PATIENCE_SECS, "subscribers to be greeted");
        let (subscribers, pipeline) = (self.plan.subscribers, self.plan.pipeline);
        while self.tally.greeted < self.conns.len() {
            for group in 0..self.plan.groups {
                let members = &self.conns[group * subscribers..][..subscribers];
                if members.iter().all(|conn| conn.place.is_greeted) {
                    continue;
                }
                let key = group % self.plan.publishers;
                self.wait("answers to hellos", |chat| chat.writers[key].in_flight < pipeline)?;
                self.write(key, group, message::HELLO);
                self.writers[key].end();
                self.writers[key].flush()?;
            }
            self.wait("answers to hellos", Self::is_answered)?;
            self.rest(50 * MS, |chat| chat.tally.greeted == chat.conns.len())?;
            guard.check()?;
        }
        Ok(())
    }

    /// Publishes for `ms`, and waits until all has arrived.
    pub(super) fn run(&mut self, ms: u64, counted: Counted) -> Result<Slice> {
        let (begin, before) = (now_ns(), self.count(counted));
        while now_ns() - begin < ms * MS {
            self.top_up()?;
            self.pump(100 * MS)?;
        }
        self.settle()?;
        Ok(Slice { count: self.count(counted) - before, ns: now_ns() - begin })
    }

    fn count(&self, counted: Counted) -> u64 {
        match counted {
            Counted::Deliveries => self.tally.account.deliveries,
            Counted::Publications => self.published,
        }
    }

    /// Lets every publisher have as many requests under way as it may.
    fn top_up(&mut self) -> Result<()> {
        let Plan { pipeline, is_level, .. } = self.plan;
        for key in 0..self.writers.len() {
            while self.writers[key].in_flight < pipeline && !(is_level && self.is_behind()) {
                self.publish(key);
            }
            self.writers[key].flush()?;
        }
        Ok(())
    }

    /// The publisher's next request.
    fn publish(&mut self, key: usize) {
        let count = if self.plan.way == Way::Batch { self.plan.batch.max(1) } else { 1 };
        for _ in 0..count {
            let group = self.turns[key];
            self.write(key, group, self.next[group]);
            self.next[group] += 1;
            self.turns[key] = self.plan.next_group(group);
        }
        self.published += count as u64;
        self.writers[key].end();
    }

    fn write(&mut self, key: usize, group: usize, seq: u64) {
        self.message.clear();
        message::write(&mut self.message, seq, now_ns(), self.size);
        let channel = self.plan.channel(self.dialect, group, seq);
        self.writers[key].add(channel, &self.message);
    }

    fn is_answered(&self) -> bool {
        self.writers.iter().all(|writer| writer.in_flight == 0)
    }

    /// Whether something is still to arrive.
    fn is_behind(&self) -> bool {
        let Account { deliveries, missing, repeated, .. } = self.tally.account;
        deliveries + missing - repeated < self.published * self.plan.subscribers as u64
    }

    /// Waits until everybody has all that was published, or nothing comes any more.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.wait("answers", Self::is_answered)?;
        while self.is_behind() {
            let before = self.tally.account.deliveries;
            self.rest(SILENCE_NS, |chat| !chat.is_behind())?;
            if self.tally.account.deliveries == before {
                break;
            }
        }
        Ok(())
    }

    /// What arrived so far, and what has not of all that was published.
    pub(super) fn account(&self) -> Account {
        let members = self.conns.iter().enumerate();
        let behind: u64 = members.map(|(key, conn)| self.next[key / self.plan.subscribers] - conn.place.next).sum();
        let account = self.tally.account;
        let refused = self.writers.iter().map(|writer| writer.refused).sum();
        Account { missing: account.missing + behind, refused, ..account }
    }

    /// Closes everything.
    pub(super) fn close(self) -> Result<()> {
        self.conns.into_iter().filter_map(|conn| conn.line).try_for_each(Line::reset)
    }

    fn wait(&mut self, what: &'static str, is_done: impl Fn(&Self) -> bool) -> Result<()> {
        let guard = Guard::new(PATIENCE_SECS, what);
        while !is_done(self) {
            self.pump(1000 * MS)?;
            guard.check()?;
        }
        Ok(())
    }

    fn rest(&mut self, ns: u64, is_done: impl Fn(&Self) -> bool) -> Result<()> {
        let until = now_ns() + ns;
        while !is_done(self) {
            let now = now_ns();
            if now >= until {
                break;
            }
            self.pump(until - now)?;
        }
        Ok(())
    }

    /// Takes one batch of events, for which it waits `timeout_ns` at most.
    fn pump(&mut self, timeout_ns: u64) -> Result<()> {
        for at in 0..self.poller.wait(timeout_ns)? {
            let event = self.poller.ready(at);
            if let Some(key) = event.key.checked_sub(WRITERS) {
                self.writers[key].flush()?;
                self.writers[key].read(&mut self.scratch)?;
            } else {
                let Self { conns, site, tally, scratch, opened, work, .. } = self;
                conns[event.key].read(event.key, event.is_ended, site, (scratch, opened, work), tally);
            }
        }
        Ok(())
    }
}
