//! What a server has seen, for metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Counters of one or more servers, written by [`serve`](super::serve) and read by whoever holds a clone.
///
/// A clone is one reference more to the same counters. Each is exact, but two read one after the other need not fit each other.
///
/// What is said of lots is 0 where there are none ([`ServeConfig::lots`](super::ServeConfig::lots)). Lots tell it once a turn,
/// so it may be some hundred sends old while they are busy; once they rest it is exact.
#[derive(Clone, Debug, Default)]
pub struct ServeCounters(Arc<Counts>);

#[derive(Debug, Default)]
pub(super) struct Counts {
    connections: AtomicUsize,
    accepted: AtomicU64,
    refused: AtomicU64,
    stalled: AtomicU64,
    handshakes_failed: AtomicU64,
    pub(super) waiting: AtomicUsize,
    pub(super) parked: AtomicUsize,
    pub(super) busy: AtomicUsize,
    pub(super) resumed: AtomicUsize,
    pub(super) groups: AtomicUsize,
    pub(super) passes: AtomicU64,
    pub(super) sends: AtomicU64,
    pub(super) deliveries: AtomicU64,
    pub(super) blocked: AtomicU64,
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

    /// Connections closed since the start before they were TLS ones: what was said was none, or took too long, or the client
    /// does not believe the certificate or left. Those in the clear are among them.
    #[must_use]
    pub fn handshakes_failed(&self) -> u64 {
        self.0.handshakes_failed.load(Relaxed)
    }

    /// Connections in lots now that wait for a request: their first, or the next one on keep-alive.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Relaxed)
    }

    /// Connections in lots now that are parked: streams, WebSockets and long polls that are members of a group, and
    /// [waits](super::Wait). None of them has a task.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.0.parked.load(Relaxed)
    }

    /// Connections in lots now that a task has: with a request under way, or a subscription that is not (or no more) one of a
    /// group.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.0.busy.load(Relaxed)
    }

    /// Of the busy ones, those that had been parked and go on by themselves for now: behind the others, in the middle of an
    /// operation, or at their end.
    #[must_use]
    pub fn resumed(&self) -> usize {
        self.0.resumed.load(Relaxed)
    }

    /// Groups in lots now: parked connections that subscribe the same over the same transport are one in each lot.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.0.groups.load(Relaxed)
    }

    /// Passes ended since the start, each of which wrote some publications to all members of a group. What only breaks a
    /// silence is none.
    #[must_use]
    pub fn passes(&self) -> u64 {
        self.0.passes.load(Relaxed)
    }

    /// Sends of passes since the start, one system call each, those included that were not taken whole.
    #[must_use]
    pub fn sends(&self) -> u64 {
        self.0.sends.load(Relaxed)
    }

    /// Publications delivered since the start by sends of passes that were taken whole: the publications of the pass, once for
    /// each member.
    ///
    /// Divided by [`sends`](Self::sends) it tells how many publications went out together.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.0.deliveries.load(Relaxed)
    }

    /// Sends of passes since the start that a full socket took in part or not at all (`EAGAIN`). Its connection was resumed.
    #[must_use]
    pub fn blocked(&self) -> u64 {
        self.0.blocked.load(Relaxed)
    }

    /// For the lots, which add several at a time.
    #[cfg(target_os = "linux")]
    pub(super) fn counts(&self) -> &Counts {
        &self.0
    }

    /// Counts one more connection, unless there are `most` already.
    pub(super) fn open(&self, most: usize) -> bool {
        if self.0.connections.fetch_add(1, Relaxed) >= most {
            self.closed();
            return false;
        }
        true
    }

    /// One that is open is served.
    pub(super) fn accept(&self) {
        self.0.accepted.fetch_add(1, Relaxed);
    }

    pub(super) fn closed(&self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.0.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn handshake_failed(&self) {
        self.0.handshakes_failed.fetch_add(1, Relaxed);
    }

    pub(super) fn stall(&self) {
        self.0.stalled.fetch_add(1, Relaxed);
    }
}
