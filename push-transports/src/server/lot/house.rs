//! What the lots of one server share: settings, counts, and how far the server is on its way to its end.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::inbox::Inbox;
use crate::proto::lot::addresses::Addresses;
use crate::server::config::ServeConfig;
use crate::server::connection::Phase;

/// A connection's place on its way to a lot. Dropped before it gets there, the connection has left.
#[derive(Debug)]
pub(in crate::server) struct Entered {
    /// `None` once a lot has it.
    house: Option<Arc<House>>,
    /// The id of its address.
    address: u32,
}

impl Entered {
    /// Of no house.
    #[cfg(test)]
    pub(super) const fn nowhere() -> Self {
        Self { house: None, address: 0 }
    }

    /// A lot has it in its records: gives the address for [`House::left`].
    pub(super) fn stay(mut self) -> u32 {
        self.house = None;
        self.address
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(house) = self.house.take() {
            house.left(self.address);
        }
    }
}

#[derive(Debug)]
pub(super) struct House {
    pub(super) config: ServeConfig,
    inboxes: Vec<Mutex<Arc<Inbox>>>,
    /// Connections of each lot, as far as they were given to it; most where there is no lot.
    loads: Vec<AtomicUsize>,
    open: AtomicUsize,
    phase: AtomicU8,
    addresses: Mutex<Addresses>,
    /// Told when the last connection has left.
    emptied: Notify,
}

impl House {
    pub(super) fn new(config: ServeConfig, lots: usize) -> Self {
        Self {
            config,
            inboxes: (0..lots).map(|_| Mutex::default()).collect(),
            // Lots are made one after the other: the first accept already, and what they gave to one to come would be lost.
            loads: (0..lots).map(|_| AtomicUsize::new(usize::MAX)).collect(),
            open: AtomicUsize::new(0),
            phase: AtomicU8::new(Phase::Open as u8),
            addresses: Mutex::default(),
            emptied: Notify::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::from_u8(self.phase.load(SeqCst))
    }

    /// Moves all lots to `phase`.
    pub(super) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, SeqCst);
        (0..self.inboxes.len()).for_each(|lot| self.inbox(lot).nudge());
    }

    /// The way into `lot`.
    pub(super) fn inbox(&self, lot: usize) -> Arc<Inbox> {
        Arc::clone(&lock(&self.inboxes[lot]))
    }

    /// The way into a lot that is made. Not the one of the lot before in its place: tasks of that may still speak, of keys
    /// that now belong to others.
    pub(super) fn new_inbox(&self, lot: usize) -> Arc<Inbox> {
        let inbox = Arc::default();
        *lock(&self.inboxes[lot]) = Arc::clone(&inbox);
        inbox
    }

    /// A place for a connection from `address`, unless there are too many.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Entered> {
        if !self.config.counters.open(self.config.max_connections) {
            return None;
        }
        self.open.fetch_add(1, SeqCst);
        let entered = {
            let most = u32::try_from(self.config.max_connections_per_address).unwrap_or(u32::MAX);
            lock(&self.addresses).enter(address, most)
        };
        match entered {
            Ok(id) => {
                self.config.counters.accept();
                Some(Entered { house: Some(Arc::clone(self)), address: id })
            }
            Err(_) => {
                self.leave_place();
                None
            }
        }
    }

    /// A connection has closed.
    pub(super) fn left(&self, address: u32) {
        lock(&self.addresses).leave(address);
        self.leave_place();
    }

    fn leave_place(&self) {
        self.config.counters.closed();
        if self.open.fetch_sub(1, SeqCst) == 1 {
            self.emptied.notify_waiters();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Waits until no connection is open. Cancel safe.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Notes how many connections `lot` has, and tells which other one has so many fewer that it should take the next.
    pub(super) fn lighter_than(&self, lot: usize, connections: usize) -> Option<usize> {
        /// Below this the difference costs less than the way to another lot.
        const SLACK: usize = 16;
        self.loads[lot].store(connections, SeqCst);
        let loads = self.loads.iter().map(|load| load.load(SeqCst)).enumerate();
        let (lightest, load) = loads.min_by_key(|(_, load)| *load)?;
        (lightest != lot && load.saturating_add(SLACK) <= connections).then_some(lightest)
    }

    /// `lot` has ended: it takes nobody.
    pub(super) fn lost(&self, lot: usize) {
        self.loads[lot].store(usize::MAX, SeqCst);
    }

    /// `lot` has begun.
    pub(super) fn found(&self, lot: usize) {
        self.loads[lot].store(0, SeqCst);
    }

    /// One more is on its way to `lot`.
    pub(super) fn sent_to(&self, lot: usize) {
        // One that has ended meanwhile has no load to add to.
        let _ = self.loads[lot].fetch_update(SeqCst, SeqCst, |load| load.checked_add(1));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::inbox::News;
    use super::*;
    use crate::server::lot::inbox::Message;
    use std::task::{Context, Waker};

    #[test]
    fn nobody_is_sent_to_a_lot_that_has_not_begun_or_has_ended() {
        let house = House::new(ServeConfig::default(), 2);
        house.found(0);
        assert_eq!(house.lighter_than(0, 1000), None);
        house.found(1);
        assert_eq!(house.lighter_than(0, 1000), Some(1));
        house.lost(1);
        house.sent_to(1);
        assert_eq!(house.lighter_than(0, 1000), None);
        house.found(1);
        assert_eq!(house.lighter_than(0, 1000), Some(1));
    }

    #[test]
    fn what_tasks_of_an_ended_lot_say_does_not_reach_the_next() {
        let house = House::new(ServeConfig::default(), 1);
        let ended = house.new_inbox(0);
        ended.close();
        let next = house.new_inbox(0);
        ended.send(Message::Gone(7));
        let mut news = News::new();
        assert!(next.poll_take(&mut Context::from_waker(Waker::noop()), &mut news).is_pending());
        house.inbox(0).send(Message::Gone(8));
        assert!(next.poll_take(&mut Context::from_waker(Waker::noop()), &mut news).is_ready());
        assert!(matches!(news.messages[..], [Message::Gone(8)]), "{:?}", news.messages);
    }
}
