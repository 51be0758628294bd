//! Many subscribers of one channel and their publisher, on one epoll.

use std::net::SocketAddrV4;

use super::conn::{Conn, Phase, Site};
use super::publisher::{Publisher, Shape};
use super::tally::{Account, Place, Tally};
use crate::Result;
use crate::args::Dialect;
use crate::clock::{Guard, MS, now_ns};
use crate::kind::Kind;
use crate::poller::{Poller, Read, connect, read, reset, send_all};

/// Key of the publisher; those of subscribers are indexes.
const PUBLISHER: usize = usize::MAX;

/// Connections that wait for their first answer at a time.
const UNDER_WAY: usize = 64;

/// Bytes of one read. Larger reads cost page walks, smaller ones calls.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Longest time that anything may take, in seconds.
const PATIENCE_SECS: u64 = 30;

/// See the module.
pub(crate) struct Swarm {
    target: SocketAddrV4,
    site: Site,
    poller: Poller,
    pub(crate) conns: Vec<Conn>,
    pub(crate) publisher: Publisher,
    pub(crate) tally: Tally,
    opening: usize,
    scratch: Vec<u8>,
    work: Vec<u8>,
}

impl Swarm {
    pub(crate) fn new(target: SocketAddrV4, dialect: Dialect, shape: Shape) -> Result<Self> {
        let poller = Poller::new()?;
        let site = Site { host: target.to_string(), channel: shape.channel.clone() };
        let publisher = Publisher::new(target, dialect, shape)?;
        poller.add_both(&publisher.socket, PUBLISHER)?;
        Ok(Self {
            target,
            site,
            poller,
            conns: Vec::new(),
            publisher,
            tally: Tally::new(),
            opening: 0,
            scratch: vec![0; SCRATCH_BYTES],
            work: Vec::new(),
        })
    }

    /// Opens `count` connections more and waits until they are what they shall be.
    pub(crate) fn open(&mut self, kind: Kind, count: usize) -> Result<()> {
        let request = kind.first_request(&self.site.host, &self.site.channel);
        let guard = Guard::new(PATIENCE_SECS + count as u64 / 100, "connections to open");
        for _ in 0..count {
            let socket = connect(self.target)?;
            if !send_all(&socket, request.as_bytes()) {
                return Err("a connection broke while it was opened".into());
            }
            self.poller.add(&socket, self.conns.len())?;
            let conn = Conn::new(socket, kind, self.publisher.next_seq);
            self.opening += usize::from(conn.phase.is_on_its_way());
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
        let behind: u64 = self.places().map(|place| self.publisher.next_seq - place.next).sum();
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
        let Self { conns, site, tally, scratch, work, .. } = self;
        let Some(conn) = conns.get_mut(key) else { return };
        if conn.phase == Phase::Closed {
            return;
        }
        let was_on_its_way = conn.phase.is_on_its_way();
        loop {
            match read(&conn.socket, scratch) {
                Read::Bytes(n) => {
                    tally.on_read();
                    if conn.take(key, &scratch[..n], site, work, tally).is_err() {
                        if tally.account.malformed == 0 {
                            eprintln!("malformed: {:?}", String::from_utf8_lossy(&scratch[..n.min(300)]));
                        }
                        tally.account.malformed += 1;
                        conn.phase = Phase::Closed;
                    }
                    // A short read emptied the socket; more is a new edge, but for an end that came with the bytes.
                    if conn.phase == Phase::Closed || n < scratch.len() && !is_ended {
                        break;
                    }
                }
                Read::Nothing => break,
                Read::End => {
                    tally.account.closed += 1;
                    conn.phase = Phase::Closed;
                    break;
                }
            }
        }
        if was_on_its_way && !conn.phase.is_on_its_way() {
            self.opening -= 1;
        }
    }

    /// Stops to read the first `count` connections.
    pub(crate) fn pause(&self, count: usize) -> Result<()> {
        self.conns[..count].iter().try_for_each(|conn| self.poller.remove(&conn.socket))
    }

    /// Reads them again.
    pub(crate) fn resume(&self, count: usize) -> Result<()> {
        self.conns[..count].iter().enumerate().try_for_each(|(key, conn)| self.poller.add(&conn.socket, key))
    }

    /// Closes all subscribers: every other one with a reset, the others in order.
    pub(crate) fn close(&mut self) -> Result<()> {
        for (at, conn) in self.conns.drain(..).enumerate() {
            if at % 2 == 0 {
                reset(conn.socket)?;
            }
        }
        self.tally.greeted = 0;
        Ok(())
    }
}
