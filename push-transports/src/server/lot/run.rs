//! The lot's task: what has come in, what the sockets say, what is on its way, what is due.

use std::future::poll_fn;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::time::{Instant, Sleep};

use super::cohort::Guest;
use super::door::Door;
use super::engine::Groups;
use super::epoll::{Epoll, LISTENER, Notice};
use super::house::{Entered, House};
use super::inbox::{Inbox, Message, News};
use super::keys::{self, KeyMap};
use super::lent::Begun;
use super::loan::Loan;
use super::sealed::Sessions;
use super::socket::{LotSocket, Returned};
use super::straight::Straight;
use super::tally::{Standing, Tally};
use super::waits::Waits;
use crate::proto::lot::records::{Records, State};
use crate::proto::lot::ticks::{NEVER, TICK, Ticks, in_ticks};
use crate::server::config::ServeConfig;
use crate::server::connection::{ConnectionInfo, Phase};
use crate::server::io::ConnectionIo;
use crate::server::readiness::{ENDED, GONE, READ, WRITE};

/// Sends of one group's pass before others have their turn.
const SENDS_A_TURN: usize = 128;
/// Waits looked at before others have their turn.
const LOOKS_A_TURN: usize = 128;

/// Takes a connection whose first byte has come: it does what is left to do of a request, reads the next and serves it.
pub(super) type Opener = Box<dyn FnMut(ConnectionIo, Begun) + Send>;

/// One lot. All of it belongs to one task; the inbox is the only way in.
pub(super) struct Lot {
    pub(super) house: Arc<House>,
    /// Which of the house's lots it is.
    pub(super) number: usize,
    pub(super) epoll: Epoll,
    pub(super) inbox: Arc<Inbox>,
    pub(super) door: Door,
    pub(super) open: Opener,
    /// What answers plain requests, if there is something that does; lent while it does.
    pub(super) straight: Option<Box<Straight>>,
    pub(super) records: Records<OwnedFd>,
    /// Those whose descriptor is on loan.
    pub(super) busy: KeyMap<ConnectionInfo>,
    /// What members sent ahead of their time: read by hyper together with their request.
    pub(super) early: KeyMap<Bytes>,
    pub(super) guests: KeyMap<Guest>,
    pub(super) sessions: Sessions,
    pub(super) groups: Groups<OwnedFd, ConnectionIo>,
    pub(super) waits: Waits,
    pub(super) ticks: Ticks,
    pub(super) tally: Tally,
    /// The time of this turn, and its tick.
    pub(super) instant: std::time::Instant,
    pub(super) now: u32,
    pub(super) phase: Phase,
    timer: Pin<Box<Sleep>>,
    notices: Vec<Notice>,
    news: News,
    due: Vec<u32>,
}

impl Lot {
    pub(super) fn new(house: Arc<House>, number: usize, listener: OwnedFd, open: Opener) -> std::io::Result<Self> {
        let now = Instant::now();
        let epoll = Epoll::new()?;
        let door = Door::new(listener, &epoll)?;
        Ok(Self {
            inbox: house.new_inbox(number),
            tally: Tally::new(house.config.counters.clone()),
            straight: Straight::new(&house.config).map(Box::new),
            house,
            number,
            epoll,
            door,
            open,
            records: Records::default(),
            busy: KeyMap::default(),
            early: KeyMap::default(),
            guests: KeyMap::default(),
            sessions: Sessions::default(),
            groups: Groups::new(),
            waits: Waits::default(),
            ticks: Ticks::new(now.into_std()),
            instant: now.into_std(),
            now: 0,
            phase: Phase::Open,
            timer: Box::pin(tokio::time::sleep_until(now)),
            notices: Vec::new(),
            news: News::new(),
            due: Vec::new(),
        })
    }

    /// Runs until the server has ended and the last connection with it.
    pub(super) async fn run(mut self) {
        loop {
            let is_ready = poll_fn(|cx| self.poll_news(cx)).await;
            self.instant = Instant::now().into_std();
            self.now = self.ticks.passed(self.instant);
            self.turn(is_ready);
            if self.phase >= Phase::Draining && self.records.is_empty() || self.phase == Phase::Cut {
                break;
            }
            // Passes go on in turns: between two of them other tasks run, and what came meanwhile is looked at.
            if self.has_work() {
                tokio::task::yield_now().await;
            } else {
                // Also where there is always news. What requests do here before they have to wait counts as the lot's doing.
                tokio::task::coop::consume_budget().await;
            }
        }
    }

    /// Whether something is left for the next turn.
    fn has_work(&self) -> bool {
        self.groups.is_busy() || self.waits.is_busy()
    }

    /// Ready once there is something to do, with whether the sockets may have something to say.
    fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let told = self.inbox.poll_take(cx, &mut self.news).is_ready();
        let is_ready = self.epoll.poll_ready(cx).is_ready();
        let is_late = self.poll_timer(cx).is_ready();
        if told || is_ready || is_late || self.has_work() { Poll::Ready(is_ready) } else { Poll::Pending }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ticks = [self.records.earliest(), self.groups.next_beat()];
        let tick = ticks.into_iter().flatten().min().and_then(|tick| self.ticks.instant(tick)).map(Instant::from_std);
        let Some(at) = tick.into_iter().chain(self.door.deadline()).min() else { return Poll::Pending };
        if self.timer.deadline() != at {
            self.timer.as_mut().reset(at);
        }
        self.timer.as_mut().poll(cx)
    }

    fn turn(&mut self, is_ready: bool) {
        self.notice_phase();
        let mut messages = std::mem::take(&mut self.news.messages);
        messages.drain(..).for_each(|message| self.receive(message));
        give_back_room(&mut messages);
        self.news.messages = messages;
        if is_ready {
            self.hear();
        }
        let mut moved = std::mem::take(&mut self.news.moved);
        moved.drain(..).for_each(|group| self.engine().begin(group));
        give_back_room(&mut moved);
        self.news.moved = moved;
        self.waits.queue_called(&mut self.news.called);
        give_back_room(&mut self.news.called);
        self.expire();
        self.engine().go_round(SENDS_A_TURN);
        self.look_at_waits(LOOKS_A_TURN);
        self.records.end_batch();
        self.give_back_maps();
        self.tell_counts();
    }

    fn tell_counts(&mut self) {
        let (parked, busy) = (self.tally.members + self.waits.len(), self.busy.len());
        let waiting = self.records.len().saturating_sub(parked + busy);
        self.tally.tell(Standing { waiting, parked, busy, groups: self.groups.len() });
    }

    fn notice_phase(&mut self) {
        let phase = self.house.phase();
        if phase == self.phase {
            return;
        }
        self.phase = phase;
        self.door.close(&self.epoll);
        self.busy.values().for_each(|info| info.advance(phase));
        let waiting = |state| matches!(state, State::Silent | State::Idle);
        let keys: Vec<u32> =
            self.records.iter().filter(|(_, record)| waiting(record.state())).map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.dismiss(key));
        self.waits.queue_all();
    }

    /// The server goes down: a connection that waits is closed, unless its request has come already.
    fn dismiss(&mut self, key: u32) {
        match self.phase == Phase::Draining && matches!(self.peek(key), Ok(1..)) {
            true => self.lend(key, Bytes::new(), READ),
            false => self.close(key),
        }
    }

    /// How much of one byte could be read.
    fn peek(&self, key: u32) -> rustix::io::Result<usize> {
        let descriptor = self.records.handle(key).ok_or(Errno::BADF)?;
        Ok(rustix::net::recv(descriptor, &mut [0_u8], RecvFlags::DONTWAIT | RecvFlags::PEEK)?.0)
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Accepted(descriptor, entered) => self.enter(descriptor, entered),
            Message::Idle(mut returned) => {
                self.take_session(&mut returned);
                if let Some(returned) = self.take_back(returned) {
                    self.rest(*returned);
                }
            }
            Message::Park(mut returned, parking) => {
                self.take_session(&mut returned);
                self.engine().admit(returned, parking);
            }
            Message::Wait(mut returned, wait) => {
                self.take_session(&mut returned);
                self.admit_wait(returned, *wait);
            }
            Message::Gone(key) => self.forget(key),
            Message::Ended(key) => self.engine().end_member(key),
        }
    }

    /// A new connection, which owes its first head from now on.
    pub(super) fn enter(&mut self, descriptor: OwnedFd, entered: Entered) {
        let key = self.records.insert(descriptor, entered.stay(), self.now);
        let descriptor = self.records.handle(key).expect("it was inserted");
        if let Err(error) = self.epoll.add_socket(descriptor, key) {
            tracing::warn!(%error, "a connection cannot be watched");
            self.close(key);
            return;
        }
        let ServeConfig { tls, handshake_timeout, header_timeout, .. } = &self.house.config;
        let first = if tls.is_some() { handshake_timeout } else { header_timeout };
        self.records.set_deadline(key, self.now.saturating_add(in_ticks(*first)));
        if self.phase != Phase::Open {
            self.dismiss(key); // another lot accepted it meanwhile
        }
    }

    /// The loan is over; adds what was heard of the socket since the task looked last.
    pub(super) fn take_back(&mut self, mut returned: Box<Returned>) -> Option<Box<Returned>> {
        let info = self.busy.remove(&returned.key)?;
        returned.bits |= info.readiness().close();
        Some(returned)
    }

    /// Between two requests: the next byte makes it busy again.
    fn rest(&mut self, returned: Returned) {
        let Returned { key, descriptor, early, bits, .. } = returned;
        if self.records.put_back(key, descriptor).is_err() {
            return;
        }
        self.idle(key, early, bits);
    }

    /// A connection whose descriptor is here and that waits for nothing.
    pub(super) fn idle(&mut self, key: u32, early: Bytes, bits: u8) {
        if self.phase != Phase::Open && early.is_empty() && bits & READ == 0 {
            return self.close(key);
        }
        let (state, lasts) = match self.is_fresh(key) {
            true => (State::Silent, self.house.config.header_timeout),
            false => (State::Idle, self.house.config.idle),
        };
        let Some(record) = self.records.get_mut(key) else { return };
        record.set_state(state);
        self.records.set_deadline(key, self.now.saturating_add(in_ticks(lasts)));
        if !early.is_empty() || bits & READ != 0 {
            self.lend(key, early, bits);
        } else if bits & (ENDED | GONE) != 0 {
            self.close(key);
        }
    }

    /// Hands the descriptor to a task of its own, which reads the next request.
    pub(super) fn lend(&mut self, key: u32, early: Bytes, bits: u8) {
        if let Some(io) = self.borrow(key, early, bits | READ | WRITE) {
            (self.open)(io, Begun::default());
        }
    }

    /// The connection as tasks know it.
    pub(super) fn borrow(&mut self, key: u32, early: Bytes, bits: u8) -> Option<ConnectionIo> {
        let record = *self.records.get(key)?;
        let descriptor = self.records.take(key)?;
        let is_first = record.state() == State::Silent;
        let left = record.deadline().saturating_sub(self.now);
        self.records.set_deadline(key, NEVER);
        let info = ConnectionInfo::new(peer(&descriptor));
        info.readiness().raise(bits);
        if is_first {
            info.owe_head_within(TICK * left);
        }
        if self.phase != Phase::Open {
            info.advance(self.phase);
        }
        self.busy.insert(key, info.clone());
        let way = (Arc::clone(&self.inbox), self.epoll.handle());
        let session = self.sessions.remove(&key).inspect(|_| info.secured());
        let loan = Loan::new(descriptor, key, way, info.clone());
        Some(ConnectionIo::on_lot(LotSocket::new(loan, session, early), info, &self.house.config))
    }

    /// A busy connection was closed by its task.
    pub(super) fn forget(&mut self, key: u32) {
        self.busy.remove(&key);
        self.sessions.remove(&key);
        if let Some(record) = self.records.get(key) {
            let address = record.address;
            self.records.remove(key);
            self.house.left(address);
        }
    }

    /// Closes a connection whose descriptor is here and that is no member (any more).
    pub(super) fn close(&mut self, key: u32) {
        let Some(record) = self.records.get(key) else { return };
        let address = record.address;
        self.early.remove(&key);
        self.end_session(key);
        drop(self.records.remove(key));
        self.house.left(address);
    }

    fn hear(&mut self) {
        let mut notices = std::mem::take(&mut self.notices);
        self.epoll.take(&mut notices);
        for (key, bits) in notices.drain(..) {
            if key == LISTENER {
                self.accept();
            } else {
                self.notice(key as u32, bits);
            }
        }
        self.notices = notices;
    }

    fn notice(&mut self, key: u32, bits: u8) {
        let Some(record) = self.records.get(key) else { return };
        let state = record.state();
        if bits & WRITE != 0 && state != State::Busy {
            self.push_out(key);
        }
        match state {
            State::Free => {}
            State::Busy => {
                if let Some(info) = self.busy.get(&key) {
                    info.readiness().raise(bits);
                }
            }
            State::Silent | State::Idle if bits & GONE != 0 || self.is_over(key, bits) => self.close(key),
            State::Silent | State::Idle if bits & READ != 0 => self.hear_request(key, bits),
            // Room to write, for a write that is over.
            State::Silent | State::Idle => {}
            State::Member => self.engine().notice_member(key, bits),
            State::Waiting => self.notice_wait(key, bits),
        }
    }

    /// Whether a client that has ended its direction had nothing more to say: no task is needed to see that.
    fn is_over(&self, key: u32, bits: u8) -> bool {
        bits & ENDED != 0 && matches!(self.peek(key), Ok(0) | Err(Errno::CONNRESET))
    }

    fn expire(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        self.records.due(self.now, &mut due);
        for key in due.drain(..) {
            match self.records.get(key).map(|record| record.state()) {
                Some(State::Silent | State::Idle) => self.close(key),
                Some(State::Member) => self.engine().expire_member(key),
                Some(State::Waiting) => self.expire_wait(key),
                _ => {}
            }
        }
        self.groups.due(self.now, &mut due);
        for group in due.drain(..) {
            self.engine().beat(group);
        }
        self.due = due;
        self.reopen();
    }

    /// Memory of a crowd that has left.
    fn give_back_maps(&mut self) {
        keys::shrink(&mut self.busy);
        keys::shrink(&mut self.early);
        keys::shrink(&mut self.guests);
        keys::shrink(&mut self.sessions);
        self.waits.shrink();
    }

    fn close_all(&mut self) {
        self.busy.values().for_each(|info| info.advance(Phase::Cut));
        self.groups.clear();
        self.waits.clear();
        self.sessions.clear();
        let keys: Vec<(u32, u32)> = self.records.iter().map(|(key, record)| (key, record.address)).collect();
        for (key, address) in keys {
            drop(self.records.remove(key));
            self.house.left(address);
        }
    }
}

impl Drop for Lot {
    fn drop(&mut self) {
        self.house.lost(self.number);
        self.inbox.close();
        self.close_all();
    }
}

/// Room for a storm that is over.
fn give_back_room<T>(list: &mut Vec<T>) {
    if list.capacity() > 1024 {
        *list = Vec::new();
    }
}

fn peer(descriptor: &OwnedFd) -> std::net::SocketAddr {
    let known = rustix::net::getpeername(descriptor).ok().flatten();
    // A client that has reset the connection meanwhile has no address any more, and no answer will reach it.
    known.and_then(|any| any.try_into().ok()).unwrap_or_else(|| (IpAddr::from([0, 0, 0, 0]), 0).into())
}
