//! What the connection of an account has done.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the connection of an account has done since the store was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImapCounters {
    /// Whether there is a connection now.
    pub connected: bool,
    /// Connections that were made.
    pub connections: u64,
    /// Commands that were sent, logins included; the end of an IDLE is none.
    pub commands: u64,
    /// Attempts to connect or log in that failed, and connections that were lost.
    pub failures: u64,
    /// Looks at folders.
    pub looks: u64,
    /// Hints that were given, each to all that watch.
    pub hints: u64,
    /// Responses of servers that were not understood.
    pub odd: u64,
    /// How often a way to watch had to be left for a worse one.
    pub fallbacks: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connected: AtomicBool,
    pub(super) connections: AtomicU64,
    pub(super) commands: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) looks: AtomicU64,
    pub(super) hints: AtomicU64,
    pub(super) odd: AtomicU64,
    pub(super) fallbacks: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> ImapCounters {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ImapCounters {
            connected: self.connected.load(Ordering::Relaxed),
            connections: number(&self.connections),
            commands: number(&self.commands),
            failures: number(&self.failures),
            looks: number(&self.looks),
            hints: number(&self.hints),
            odd: number(&self.odd),
            fallbacks: number(&self.fallbacks),
        }
    }
}
