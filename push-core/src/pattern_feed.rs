//! One subscribed pattern: the channels that match it, ordered by their newest publication.
//!
//! The order lets a reader look only at channels with something new, however many match. A channel
//! stands at [`IN_FLIGHT`] while its publisher holds a number that is not in the log yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::audience::Audience;
use crate::channel::{Channel, IN_FLIGHT};
use crate::name::Pattern;
use crate::sync::{AtomicU64, Mutex, Ordering};

#[derive(Debug)]
pub(crate) struct PatternFeed {
    pub(crate) pattern: Pattern,
    pub(crate) audience: Audience,
    /// By head and id; weak, because channels hold their patterns.
    by_head: Mutex<BTreeMap<(u64, u64), Weak<Channel>>>,
    /// Highest number of a matching channel that was forgotten: whoever has not read so far may have missed it.
    forgotten: AtomicU64,
    last_used: Mutex<Instant>,
    /// Whether all channels held are attached; locked while they are being attached.
    complete: Mutex<bool>,
}

impl PatternFeed {
    pub(crate) fn new(pattern: Pattern, now: Instant) -> Self {
        Self {
            pattern,
            audience: Audience::default(),
            by_head: Mutex::default(),
            forgotten: AtomicU64::new(0),
            last_used: Mutex::new(now),
            complete: Mutex::new(false),
        }
    }

    /// Under the channel's lock, so its head does not move meanwhile.
    pub(crate) fn attach(&self, channel: &Arc<Channel>) {
        self.by_head.lock().insert((channel.head(), channel.id), Arc::downgrade(channel));
    }

    /// Under the channel's lock.
    pub(crate) fn detach(&self, channel: &Channel, last_number: u64) {
        // Before the channel goes: who does not find it any more must find this.
        self.forgotten.fetch_max(last_number, Ordering::AcqRel);
        self.by_head.lock().remove(&(channel.head(), channel.id));
    }

    /// Under the channel's lock: its head went from `from` to `to`.
    pub(crate) fn moved(&self, channel: &Channel, from: u64, to: u64) {
        let mut by_head = self.by_head.lock();
        if let Some(entry) = by_head.remove(&(from, channel.id)) {
            by_head.insert((to, channel.id), entry);
        }
    }

    /// Channels that may have something behind `number`.
    pub(crate) fn channels_after(&self, number: u64) -> Vec<Arc<Channel>> {
        let from = (number.saturating_add(1), 0);
        self.by_head.lock().range(from..).filter_map(|(_, channel)| channel.upgrade()).collect()
    }

    /// All channels with their heads.
    pub(crate) fn channels_with_heads(&self) -> Vec<(u64, Arc<Channel>)> {
        let by_head = self.by_head.lock();
        by_head.iter().filter_map(|((head, _), channel)| Some((*head, channel.upgrade()?))).collect()
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Acquire)
    }

    /// Lets the first caller attach all channels held, and every other caller wait until they are: who reads the
    /// hub's counter before would pass over what a channel not yet attached holds.
    pub(crate) fn complete_with(&self, attach_all: impl FnOnce()) {
        let mut complete = self.complete.lock();
        if !*complete {
            attach_all();
            *complete = true;
        }
    }

    pub(crate) fn touch(&self, now: Instant) {
        *self.last_used.lock() = now;
    }

    pub(crate) fn last_used(&self) -> Instant {
        *self.last_used.lock()
    }
}

/// Moves a channel's head in itself and in all its patterns; the channel's lock is held.
pub(crate) fn move_head(channel: &Channel, patterns: &[Arc<PatternFeed>], to: u64) -> u64 {
    if to == IN_FLIGHT {
        // Before the number is taken: first seen as moving, then moved.
        let from = channel.set_head(to);
        for pattern in patterns {
            pattern.moved(channel, from, to);
        }
        from
    } else {
        for pattern in patterns {
            pattern.moved(channel, IN_FLIGHT, to);
        }
        channel.set_head(to)
    }
}
