//! What is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::direct::pulse::DeviceClasses;

/// Intervals over which the mean heartbeat is taken; Exchange warns by as many.
const INTERVALS: usize = 200;

/// Upper bounds of the classes of how long pings lived until their client was gone, in seconds.
pub const CUT_BOUNDS_S: [u64; 8] = [60, 120, 240, 480, 900, 1800, 3000, 3600];

/// How pings have ended so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) expired: AtomicU64,
    pub(crate) changed: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) syncs: AtomicU64,
    cut_after: [AtomicU64; CUT_BOUNDS_S.len() + 1],
    cut_lived_ms: AtomicU64,
    heartbeats: Mutex<std::collections::VecDeque<u32>>,
}

/// How mail does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailStats {
    /// Pings that wait now.
    pub waiting: usize,
    /// Pings answered `no_changes` since the start.
    pub expired: u64,
    /// Pings answered `changes`.
    pub changed: u64,
    /// Pings whose client was gone before the answer.
    pub cut: u64,
    /// Pings refused because their device never syncs.
    pub refused: u64,
    /// Syncs answered.
    pub syncs: u64,
    /// Of those that were cut, how many lived up to each of [`CUT_BOUNDS_S`], and longer.
    pub cut_after: [u64; CUT_BOUNDS_S.len() + 1],
    /// How long those that were cut had lived, all together.
    pub cut_lived: Duration,
    /// The mean of the last 200 intervals that devices asked for. Exchange warns at 540 s or less: something on the way
    /// cuts connections early.
    pub mean_heartbeat: Option<Duration>,
    /// Of how many intervals that is the mean.
    pub heartbeats: usize,
    /// Accounts that are watched now.
    pub watched: usize,
    /// The devices that have pinged since the start, by what their pings do.
    pub devices: DeviceClasses,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn asked_for(&self, heartbeat_s: u64) {
        let mut last = self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == INTERVALS {
            last.pop_front();
        }
        last.push_back(u32::try_from(heartbeat_s).unwrap_or(u32::MAX));
    }

    pub(crate) fn cut(&self, lived: Duration) {
        count(&self.cut);
        let lived_ms = u64::try_from(lived.as_millis()).unwrap_or(u64::MAX);
        self.cut_lived_ms.fetch_add(lived_ms, Ordering::Relaxed);
        let class = CUT_BOUNDS_S.iter().position(|bound| lived.as_secs() < *bound).unwrap_or(CUT_BOUNDS_S.len());
        count(&self.cut_after[class]);
    }

    pub(crate) fn read(&self) -> MailStats {
        let last = self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner);
        let sum: u64 = last.iter().map(|seconds| u64::from(*seconds)).sum();
        let mean_heartbeat = (!last.is_empty()).then(|| Duration::from_secs(sum) / last.len() as u32);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MailStats {
            expired: get(&self.expired),
            changed: get(&self.changed),
            cut: get(&self.cut),
            refused: get(&self.refused),
            syncs: get(&self.syncs),
            cut_after: self.cut_after.each_ref().map(get),
            cut_lived: Duration::from_millis(get(&self.cut_lived_ms)),
            mean_heartbeat,
            heartbeats: last.len(),
            ..MailStats::default()
        }
    }
}
