//! Many subscribers of one channel and their publisher, on one epoll.

use std::net::SocketAddrV4;

use super::alarm::Alarm;
use super::conn::{Conn, Phase, Site};
use super::publisher::{Publisher, Shape};
use super::tally::{ANY, Account, Place, Tally};
use crate::Result;
use crate::args::Dialect;
use crate::clock::{Guard, MS, now_ns};
use crate::kind::Kind;
use crate::line::{Line, Target};
use crate::poller::Poller;

/// Key of the publisher; those of subscribers are indexes.
const PUBLISHER: usize = usize::MAX;

/// Key of the alarm, of which no more is to be known than that it rang.
const ALARM: usize = usize::MAX - 1;

/// Connections that wait for their first answer at a time.
const UNDER_WAY: usize = 64;

/// Bytes of one read. Larger reads cost page walks, smaller ones calls.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Longest time that anything may take, in seconds.
const PATIENCE_SECS: u64 = 30;

/// See the module.
pub(crate) struct Swarm {
    /// Where subscribers connect to.
    door: Target,
    site: Site,
    /// Subscribers keep what they would come back with.
    remembers: bool,
    /// Others publish, so nobody knows what a subscriber is to be sent first or last.
    follows: bool,
    poller: Poller,
    alarm: Alarm,
    pub(crate) conns: Vec<Conn>,
    pub(crate) publisher: Publisher,
    pub(crate) tally: Tally,
    /// Who came and went so far, for the next to know whose turn it is.
    pub(crate) turns: u64,
    /// Connections whose first answer is to come.
    pub(crate) opening: usize,
    scratch: Vec<u8>,
    /// What was read over TLS.
    opened: Vec<u8>,
    work: Vec<u8>,
}

impl Swarm {
    pub(crate) fn new(target: SocketAddrV4, dialect: Dialect, shape: Shape) -> Result<Self> {
        let poller = Poller::new()?;
        let site = Site { host: target.to_string(), channel: shape.channel.clone() };
        let publisher = Publisher::new(target, dialect, shape)?;
        poller.add_both(&publisher.socket, PUBLISHER)?;
        let alarm = Alarm::new()?;
        poller.add(&alarm, ALARM)?;
        Ok(Self {
            door: Target::plain(target),
            site,
            remembers: false,
            follows: false,
            poller,
            alarm,
            conns: Vec::new(),
            publisher,
            tally: Tally::new(),
            turns: 0,
            opening: 0,
            scratch: vec![0; SCRATCH_BYTES],
            opened: Vec::new(),
            work: Vec::new(),
        })
    }

    /// Subscribers connect to `door`; publications go where they went.
    pub(crate) fn enter_by(&mut self, door: Target) {
        self.site.host = door.addr.to_string();
        self.door = door;
    }

    /// Subscribers that are opened from now on keep what they would come back with.
    pub(crate) fn remember(&mut self) {
        self.remembers = true;
    }

    /// Others publish: subscribers that are opened from now on begin with whatever comes first.
    pub(crate) fn follow(&mut self) {
        self.follows = true;
    }

    /// Opens `count` connections more and waits until they are what they shall be.
    pub(crate) fn open(&mut self, kind: Kind, count: usize) -> Result<()> {
        let guard = Guard::new(PATIENCE_SECS + count as u64 / 100, "connections to open");
        for _ in 0..count {
            let conn = self.fresh(kind, self.conns.len())?;
            self.conns.push(conn);
            while self.opening >= UNDER_WAY {
                self.pump(1000 * MS)?;
                guard.check()?;
            }
        }
        while self.opening > 0 {
            self.pump(1000 * MS)?;
            guard.check()?;
        }
        if self.tally.account.closed > 0 || self.tally.account.malformed > 0 {
            return Err(format!("not all {} connections could be opened: {:?}", kind.name(), self.tally.account).into());
        }
        Ok(())
    }

    /// A new connection under `key`, whose first answer is to come.
    fn fresh(&mut self, kind: Kind, key: usize) -> Result<Conn> {
        let request = kind.first_request(&self.site.host, &self.site.channel);
        let line = self.dial(key, &request)?;
        let next = if self.follows { ANY } else { self.publisher.next_seq };
        let mut conn = Conn::new(line, kind, next);
        if self.remembers {
            conn.remember();
        }
        self.opening += usize::from(conn.phase == Phase::Opening);
        Ok(conn)
    }

    /// Connects, and sends `request`.
    fn dial(&self, key: usize, request: &str) -> Result<Line> {
        let mut line = Line::open_nth(&self.door, key)?;
        if !line.send(request.as_bytes()) {
            return Err("a connection broke while it was opened".into());
        }
        self.poller.add(&line, key)?;
        Ok(line)
    }

    /// Cuts a connection off: with a reset, or in order.
    pub(crate) fn cut(&mut self, key: usize, is_reset: bool) -> Result<()> {
        let conn = &mut self.conns[key];
        self.opening -= usize::from(conn.phase == Phase::Opening);
        conn.phase = Phase::Closed;
        match conn.line.take() {
            Some(line) if is_reset => line.reset(),
            _ => Ok(()),
        }
    }

    /// Lets one that was cut off come back with its cursor, if it can and has one; else another one takes its place.
    pub(crate) fn return_one(&mut self, key: usize) -> Result<()> {
        let conn = &self.conns[key];
        let cursor = conn.cursor().filter(|_| conn.kind.can_resume());
        let Some(cursor) = cursor.and_then(|cursor| std::str::from_utf8(cursor).ok()) else {
            return self.replace(key);
        };
        let request = conn.kind.resume_request(&self.site.host, &self.site.channel, cursor);
        let line = self.dial(key, &request)?;
        let conn = &mut self.conns[key];
        conn.come_back(line);
        self.opening += usize::from(conn.phase == Phase::Opening);
        Ok(())
    }

    /// A new connection of the same kind in the place of one that was cut off.
    pub(crate) fn replace(&mut self, key: usize) -> Result<()> {
        let was = &self.conns[key];
        self.tally.greeted -= usize::from(was.place.is_greeted);
        self.conns[key] = self.fresh(was.kind, key)?;
        Ok(())
    }

    /// Publishes hellos until every subscriber has had one: only then are all of them known to be subscribed.
    pub(crate) fn greet(&mut self) -> Result<()> {
        let guard = Guard::new(PATIENCE_SECS, "subscribers to be greeted");
        while self.tally.greeted < self.conns.len() {
            self.publisher.hello()?;
            self.rest(50 * MS, |swarm| swarm.tally.greeted == swarm.conns.len())?;
            guard.check()?;
        }
        self.wait("answers to hellos", |swarm| swarm.publisher.in_flight == 0)
    }

    /// Takes what happens until `is_done` or `ns` are over.
    pub(crate) fn rest(&mut self, ns: u64, is_done: impl Fn(&Self) -> bool) -> Result<()> {
        let until = now_ns() + ns;
        loop {
            let now = now_ns();
            if now >= until || is_done(self) {
                return Ok(());
            }
            self.pump(until - now)?;
        }
    }

    /// Takes what happens until `due_ns`, and no longer.
    pub(crate) fn rest_until(&mut self, due_ns: u64) -> Result<()> {
        let now = now_ns();
        if now < due_ns {
            self.alarm.set(due_ns - now)?;
        }
        while now_ns() < due_ns {
            self.pump(1000 * MS)?;
        }
        Ok(())
    }

    /// Takes what happens until `is_done`.
    pub(crate) fn wait(&mut self, what: &'static str, is_done: impl Fn(&Self) -> bool) -> Result<()> {
        let guard = Guard::new(PATIENCE_SECS, what);
        while !is_done(self) {
            self.pump(1000 * MS)?;
            guard.check()?;
        }
        Ok(())
    }

    /// Publishes `count` messages and waits until everybody from `first_key` on has them and they are answered.
    pub(crate) fn round(&mut self, count: usize, first_key: usize) -> Result<()> {
        self.publisher.publish(count)?;
        self.tally.aim_ahead(self.publisher.next_seq - 1);
        let subscribers = self.conns.len() - first_key;
        self.wait("everybody to have the last message", |swarm| {
            swarm.tally.arrived == subscribers && swarm.publisher.in_flight == 0
        })
    }

    /// Where everybody is.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.conns.iter().map(|conn| conn.place)
    }

    /// Waits until everybody has all that was published, or nothing comes any more.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let target = self.publisher.next_seq - 1;
        self.wait("answers", |swarm| swarm.publisher.in_flight == 0)?;
        self.tally.aim(target, 0, self.conns.iter().map(|conn| conn.place));
        while self.tally.arrived < self.conns.len() {
            let before = self.tally.account.deliveries;
            self.rest(5000 * MS, |swarm| swarm.tally.arrived == swarm.conns.len())?;
            if self.tally.account.deliveries == before {
                break;
            }
        }
        Ok(())
    }

    /// What arrived so far, and what has not of all that was published.
    pub(crate) fn account(&self) -> Account {
        let behind = match self.follows {
            true => 0,
            false => self.places().map(|place| self.publisher.next_seq - place.next).sum(),
        };
        let account = self.tally.account;
        Account { missing: account.missing + behind, refused: self.publisher.refused, ..account }
    }

    /// Takes one batch of events, for which it waits `timeout_ns` at most.
    pub(crate) fn pump(&mut self, timeout_ns: u64) -> Result<()> {
        let count = self.poller.wait(timeout_ns)?;
        for at in 0..count {
            let event = self.poller.ready(at);
            if event.key == PUBLISHER {
                self.publisher.flush()?;
                self.publisher.read(&mut self.scratch)?;
            } else {
                self.read(event.key, event.is_ended);
            }
        }
        // What arrived frees room in the sockets on the way to the server, too.
        self.publisher.flush()
    }

    fn read(&mut self, key: usize, is_ended: bool) {
        let Self { conns, site, tally, scratch, opened, work, .. } = self;
        let Some(conn) = conns.get_mut(key) else { return };
        let was_opening = conn.phase == Phase::Opening;
        conn.read(key, is_ended, site, (scratch, opened, work), tally);
        if was_opening && conn.phase != Phase::Opening {
            self.opening -= 1;
        }
    }

    /// Stops to read the first `count` connections.
    pub(crate) fn pause(&self, count: usize) -> Result<()> {
        self.conns[..count].iter().filter_map(|conn| conn.line.as_ref()).try_for_each(|line| self.poller.remove(line))
    }

    /// Reads them again.
    pub(crate) fn resume(&self, count: usize) -> Result<()> {
        let lines = self.conns[..count].iter().enumerate().filter_map(|(key, conn)| Some((key, conn.line.as_ref()?)));
        lines.into_iter().try_for_each(|(key, line)| self.poller.add(line, key))
    }

    /// Closes all subscribers: every other one with a reset, the others in order.
    pub(crate) fn close(&mut self) -> Result<()> {
        for (at, conn) in self.conns.drain(..).enumerate() {
            match conn.line {
                Some(line) if at % 2 == 0 => line.reset()?,
                _ => {}
            }
        }
        self.tally.greeted = 0;
        Ok(())
    }
}
