//! What a server has seen, for metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Counters of one or more servers, written by [`serve`](super::serve) and read by whoever holds a clone.
///
/// A clone is one reference more to the same counters. Each is exact, but two read one after the other need not fit each other.
#[derive(Clone, Debug, Default)]
pub struct ServeCounters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    accepted: AtomicU64,
    refused: AtomicU64,
    stalled: AtomicU64,
}

impl ServeCounters {
    /// Connections open now, upgraded ones included; refused ones are not counted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.load(Relaxed)
    }

    /// Connections accepted and served since the start.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.0.accepted.load(Relaxed)
    }

    /// Connections refused with 429 since the start, because there were too many.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Relaxed)
    }

    /// Connections closed since the start because a write was pending for too long.
    #[must_use]
    pub fn stalled(&self) -> u64 {
        self.0.stalled.load(Relaxed)
    }

    pub(super) fn opened(&self) {
        self.0.accepted.fetch_add(1, Relaxed);
        self.0.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn closed(&self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.0.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn stall(&self) {
        self.0.stalled.fetch_add(1, Relaxed);
    }
}
