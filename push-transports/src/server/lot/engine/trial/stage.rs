//! A lot without sockets, tasks and clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use push_core::BoxFuture;

use super::pipe::{Handle, Lent};
use super::{Io, Letters, World, lock, manner};
use crate::proto::lot::records::{Records, State};
use crate::proto::lot::ticks::in_ticks;
use crate::server::lot::cohort::{Guest, Parking};
use crate::server::lot::engine::{Engine, Groups, Outlet, Received, Sent};
use crate::server::lot::inbox::{Message, News};
use crate::server::lot::keys::KeyMap;
use crate::server::lot::socket::Returned;
use crate::server::lot::tally::Tally;
use crate::server::readiness::{ENDED, GONE, READ, Readiness, WRITE};

/// Runs a task.
pub(super) type Spawn = Box<dyn FnMut(BoxFuture<'static, ()>) + Send>;

/// What a lot is where the engine is tried.
pub(super) struct Stage {
    world: Arc<World>,
    spawn: Spawn,
    /// Sends of one turn.
    sends: usize,
    records: Records<Handle>,
    groups: Groups<Handle, Io>,
    guests: KeyMap<Guest>,
    tally: Tally,
    early: KeyMap<Bytes>,
    busy: HashMap<u32, Arc<Readiness>>,
    news: News<Handle, Io>,
    now: u32,
}

impl Stage {
    pub(super) fn new(world: &Arc<World>, sends: usize, spawn: Spawn) -> Self {
        Self {
            world: Arc::clone(world),
            spawn,
            sends,
            records: Records::default(),
            groups: Groups::new(),
            guests: KeyMap::default(),
            early: KeyMap::default(),
            tally: Tally::default(),
            busy: HashMap::new(),
            news: News::new(),
            now: 0,
        }
    }

    /// Runs until `is_over` and the last connection is gone.
    #[cfg(push_shuttle)]
    pub(super) async fn run(mut self, is_over: impl Fn() -> bool) {
        loop {
            std::future::poll_fn(|cx| self.poll_news(cx)).await;
            self.turn();
            if is_over() && self.records.is_empty() && !self.groups.is_busy() {
                return self.check_empty();
            }
            if self.groups.is_busy() {
                shuttle::future::yield_now().await;
            }
        }
    }

    /// Ready if there is something to do.
    fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let told = self.world.inbox.poll_take(cx, &mut self.news).is_ready();
        let has_events = !lock(&self.world.events).is_empty();
        if told || has_events || self.groups.is_busy() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether there was anything to do.
    pub(super) fn turn_now(&mut self) -> bool {
        let has_news = self.poll_news(&mut Context::from_waker(Waker::noop())).is_ready();
        self.turn();
        has_news
    }

    fn turn(&mut self) {
        self.now = self.world.ticks.load(Ordering::SeqCst);
        for message in std::mem::take(&mut self.news.messages) {
            self.hear(message);
        }
        let events = std::mem::take(&mut *lock(&self.world.events));
        for (key, bits) in events {
            self.notice(key, bits);
        }
        for group in std::mem::take(&mut self.news.moved) {
            Engine(self).begin(group);
        }
        self.expire();
        let sends = self.sends;
        Engine(self).go_round(sends);
        self.records.end_batch();
    }

    fn hear(&mut self, message: Message<Handle, Io>) {
        match message {
            Message::Accepted(handle, address) => {
                let pipe = Arc::clone(&handle.pipe);
                let key = self.records.insert(handle, address.stay(), self.now);
                pipe.enter(&self.world, key);
            }
            Message::Idle(returned) => {
                let Some(returned) = self.take_back(returned) else { return };
                let Returned { key, descriptor, early, bits, .. } = *returned;
                if self.records.put_back(key, descriptor).is_ok() {
                    self.idle(key, early, bits);
                }
            }
            Message::Park(returned, parking) => Engine(self).admit(returned, parking),
            Message::Gone(key) => self.forget(key),
            Message::Ended(key) => Engine(self).end_member(key),
            Message::Wait(..) => unreachable!("requests of a trial wait in groups"),
        }
    }

    fn notice(&mut self, key: u32, bits: u8) {
        match self.records.get(key).map(|record| record.state()) {
            Some(State::Busy) => self.busy.get(&key).into_iter().for_each(|readiness| readiness.raise(bits)),
            Some(State::Member) => Engine(self).notice_member(key, bits),
            Some(_) => self.idle(key, Bytes::new(), bits),
            None => {}
        }
    }

    /// What the time has come for.
    fn expire(&mut self) {
        let mut due = Vec::new();
        self.records.due(self.now, &mut due);
        for key in due.drain(..) {
            if self.records.get(key).is_some_and(|record| record.state() == State::Member) {
                Engine(self).expire_member(key);
            }
        }
        self.groups.due(self.now, &mut due);
        due.into_iter().for_each(|group| Engine(self).beat(group));
    }

    /// Serves a request without a task, as far as that goes; false if there is none that is heard here.
    fn serve_at_door(&mut self, key: u32, early: &Bytes) -> bool {
        let Some(handle) = self.records.handle(key).filter(|_| early.is_empty()) else { return false };
        let Some((wish, since)) = handle.pipe.take_request_at_door() else { return false };
        // Read together with the request.
        let mut scratch = [0; 2];
        let read = match handle.receive(&mut scratch) {
            Received::Bytes(read) => read,
            Received::Nothing => 0,
            Received::Gone => {
                self.close(key);
                return true;
            }
        };
        let more = if read == scratch.len() { READ } else { 0 };
        let early = Bytes::copy_from_slice(&scratch[..read]);
        match manner::Opened::new(Arc::clone(&self.world), wish, since).park_at_once() {
            Ok((begins, parking)) => self.park_at_once(key, (early, more), &begins, parking),
            Err(opened) => {
                if let Some(io) = self.borrow(key, early, more | WRITE) {
                    (self.spawn)(Box::pin(opened.serve(io)));
                }
            }
        }
        true
    }

    fn park_at_once(&mut self, key: u32, (early, more): (Bytes, u8), begins: &Bytes, parking: Parking<Io>) {
        match self.send(key, begins) {
            Sent::Gone => self.close(key),
            Sent::Whole => {
                if let Err((early, parking)) = Engine(self).admit_here(key, (early, more), Box::new(parking))
                    && let Some(io) = self.borrow(key, early, more | WRITE)
                {
                    io.park(*parking);
                }
            }
            Sent::Part(sent) => {
                let owed = begins.slice(sent..);
                let Some(mut io) = self.borrow(key, early, more | WRITE) else { return };
                (self.spawn)(Box::pin(async move {
                    if io.write(&owed).await {
                        io.park(parking);
                    }
                }));
            }
        }
    }

    /// Nobody is there, and nothing of anybody is left.
    pub(super) fn check_empty(&self) {
        assert!(self.records.is_empty() && self.busy.is_empty(), "connections that nobody has");
        assert_eq!(
            (self.groups.len(), self.guests.len(), self.early.len()),
            (0, 0, 0),
            "nobody's groups, guests, bytes"
        );
        assert_eq!(self.world.hub.connections(), 0);
        let listed = self.world.hub.channels("", "", 10);
        assert!(listed.iter().all(|info| info.subscribers == 0), "{listed:?}");
    }
}

impl Outlet for Stage {
    type Handle = Handle;
    type Io = Io;

    fn records(&mut self) -> &mut Records<Handle> {
        &mut self.records
    }

    fn groups(&mut self) -> &mut Groups<Handle, Io> {
        &mut self.groups
    }

    fn guests(&mut self) -> &mut KeyMap<Guest> {
        &mut self.guests
    }

    fn early(&mut self) -> &mut KeyMap<Bytes> {
        &mut self.early
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn inbox(&self) -> &Arc<Letters> {
        &self.world.inbox
    }

    fn now(&self) -> u32 {
        self.now
    }

    fn tick_in(&self, time: Duration) -> u32 {
        self.now + in_ticks(time)
    }

    fn patience(&self) -> u32 {
        50
    }

    fn send(&mut self, key: u32, bytes: &[u8]) -> Sent {
        self.records.handle(key).map_or(Sent::Gone, |handle| handle.send(bytes))
    }

    fn send_back(&mut self, returned: &Returned<Handle>, bytes: &[u8]) -> Sent {
        returned.descriptor.send(bytes)
    }

    fn receive(&mut self, key: u32, scratch: &mut [u8]) -> Received {
        self.records.handle(key).map_or(Received::Gone, |handle| handle.receive(scratch))
    }

    fn is_busy(&self, key: u32) -> bool {
        self.busy.contains_key(&key)
    }

    fn take_back(&mut self, mut returned: Box<Returned<Handle>>) -> Option<Box<Returned<Handle>>> {
        returned.bits |= self.busy.remove(&returned.key)?.close();
        Some(returned)
    }

    fn borrow(&mut self, key: u32, early: Bytes, bits: u8) -> Option<Io> {
        let handle = self.records.take(key)?;
        let readiness = Arc::new(Readiness::default());
        readiness.raise(bits);
        self.busy.insert(key, Arc::clone(&readiness));
        Some(Lent::new(handle, key, readiness, early))
    }

    fn spawn(&mut self, task: BoxFuture<'static, ()>) {
        (self.spawn)(task);
    }

    fn idle(&mut self, key: u32, early: Bytes, bits: u8) {
        if let Some(record) = self.records.get_mut(key) {
            record.set_state(State::Idle);
        }
        if bits & GONE != 0 {
            return self.close(key);
        }
        let asks = bits & READ != 0 && self.records.handle(key).is_some_and(|handle| handle.pipe.has_request());
        if !asks && bits & ENDED != 0 {
            return self.close(key);
        }
        if !asks || bits & ENDED == 0 && self.serve_at_door(key, &early) {
            return;
        }
        if let Some(io) = self.borrow(key, early, READ | WRITE) {
            // Who has ended its direction is not heard again.
            self.busy[&key].raise(bits & ENDED);
            let serving = manner::serve(Arc::clone(&self.world), io);
            (self.spawn)(Box::pin(serving));
        }
    }

    fn hang_up(&mut self, key: u32, _: Bytes) {
        self.close(key);
    }

    fn close(&mut self, key: u32) {
        self.early.remove(&key);
        drop(self.records.remove(key));
    }

    fn forget(&mut self, key: u32) {
        self.busy.remove(&key);
        self.records.remove(key);
    }
}
