//! All connections of one server: who is open, and the moment when nobody is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::config::ServeConfig;
use super::connection::{ConnectionInfo, Phase};
use super::counters::ServeCounters;
use crate::proto::lot::addresses::Addresses;

/// The open connections of one [`serve`](super::serve), upgraded ones included.
#[derive(Debug)]
pub(super) struct Registry {
    open: Mutex<Open>,
    /// Told when the last connection leaves.
    emptied: Notify,
    counters: ServeCounters,
}

#[derive(Debug, Default)]
struct Open {
    connections: HashMap<u64, ConnectionInfo>,
    addresses: Addresses,
    next_id: u64,
}

/// A connection's place in the registry; it leaves when this is dropped, which is when its socket is.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    /// The id of the client's address among those that are counted.
    address: u32,
    registry: Arc<Registry>,
}

impl Registry {
    pub(super) fn new(counters: ServeCounters) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), emptied: Notify::new(), counters })
    }

    pub(super) fn len(&self) -> usize {
        self.open().connections.len()
    }

    pub(super) fn counters(&self) -> &ServeCounters {
        &self.counters
    }

    /// A place for a connection of `peer`, unless there are too many, in all or of its address.
    pub(super) fn enter(self: &Arc<Self>, peer: SocketAddr, config: &ServeConfig) -> Option<(ConnectionInfo, Place)> {
        if !self.counters.open(config.max_connections) {
            return None;
        }
        let info = ConnectionInfo::new(peer);
        let mut open = self.open();
        let most = u32::try_from(config.max_connections_per_address).unwrap_or(u32::MAX);
        let Ok(address) = open.addresses.enter(peer.ip(), most) else {
            self.counters.closed();
            return None;
        };
        let id = open.next_id;
        open.next_id += 1;
        open.connections.insert(id, info.clone());
        self.counters.accept();
        Some((info, Place { id, address, registry: Arc::clone(self) }))
    }

    /// Moves every open connection to `phase`.
    pub(super) fn advance(&self, phase: Phase) {
        // Wakers run code that is not ours: not under the lock.
        let all: Vec<_> = self.open().connections.values().cloned().collect();
        for info in all {
            info.advance(phase);
        }
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

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.registry.open();
        // Dropped after the lock: the last reference to a connection's state runs its wakers' destructors.
        let _info = open.connections.remove(&self.id);
        open.addresses.leave(self.address);
        let last = open.connections.is_empty();
        drop(open);
        self.registry.counters.closed();
        if last {
            self.registry.emptied.notify_waiters();
        }
    }
}
