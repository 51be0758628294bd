//! The hub's ceiling: what all histories may hold together. Beyond it the oldest publications go, wherever they are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};

use crate::channel::{Channel, Freed};
use crate::sync::{AtomicU64, Mutex, Ordering};

/// What is held, and the channels by their oldest publication.
#[derive(Debug)]
pub(crate) struct Ceiling {
    limit: u64,
    charge: AtomicU64,
    publications: AtomicU64,
    oldest: Mutex<Oldest>,
}

#[derive(Debug)]
struct Oldest {
    /// One entry a channel that holds something. Its number may lag behind; it is set right when it is popped.
    heap: BinaryHeap<Reverse<Entry>>,
    /// How many entries there may be before those of forgotten channels are thrown out.
    prune_at: usize,
}

impl Oldest {
    fn push(&mut self, number: u64, channel: &Arc<Channel>) {
        if self.heap.len() >= self.prune_at {
            // Below its limit the ceiling pops nothing, and a dead entry keeps its channel's memory.
            self.heap.retain(|Reverse(entry)| entry.channel.strong_count() > 0);
            self.heap.shrink_to(PRUNE_AT);
            self.prune_at = (self.heap.len() * 2).max(PRUNE_AT);
        }
        self.heap.push(Reverse(Entry { number, channel: Arc::downgrade(channel) }));
    }
}

const PRUNE_AT: usize = 1024;

#[derive(Debug)]
struct Entry {
    number: u64,
    channel: Weak<Channel>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.number.cmp(&other.number)
    }
}

/// What one thread appended another may trim before it is charged: for a moment less than nothing is held.
fn settled(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed).cast_signed().max(0).cast_unsigned()
}

impl Ceiling {
    pub(crate) fn new(limit: u64) -> Self {
        let oldest = Mutex::new(Oldest { heap: BinaryHeap::new(), prune_at: PRUNE_AT });
        Self { limit, charge: AtomicU64::new(0), publications: AtomicU64::new(0), oldest }
    }

    pub(crate) fn charge(&self) -> u64 {
        settled(&self.charge)
    }

    pub(crate) fn publications(&self) -> u64 {
        settled(&self.publications)
    }

    /// Charges what was appended to `channel`, whose lock is not held.
    pub(crate) fn add(&self, channel: &Arc<Channel>, charge: u64, publications: u64) {
        self.charge.fetch_add(charge, Ordering::Relaxed);
        self.publications.fetch_add(publications, Ordering::Relaxed);
        if !channel.charged.swap(true, Ordering::AcqRel) {
            let number = channel.lock().oldest_number().unwrap_or(0);
            self.oldest.lock().push(number, channel);
        }
    }

    pub(crate) fn freed(&self, freed: Freed) {
        self.charge.fetch_sub(freed.charge, Ordering::Relaxed);
        self.publications.fetch_sub(freed.publications, Ordering::Relaxed);
    }

    /// Trims until the ceiling is kept. No lock is held by the caller.
    pub(crate) fn enforce(&self) {
        while self.charge() > self.limit {
            let Some(Reverse(entry)) = self.oldest.lock().heap.pop() else { return };
            let Some(channel) = entry.channel.upgrade() else { continue };
            let (freed, next) = {
                let mut log = channel.lock();
                let is_current = log.oldest_number() == Some(entry.number);
                let freed = if is_current { log.trim_one() } else { Freed::default() };
                let next = log.oldest_number();
                // Under the channel's lock, so an append that comes now charges the channel anew.
                channel.charged.store(next.is_some(), Ordering::Release);
                (freed, next)
            };
            self.freed(freed);
            if let Some(number) = next {
                self.oldest.lock().push(number, &channel);
            }
        }
    }
}

#[cfg(all(test, not(push_shuttle)))]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::PRUNE_AT;
    use crate::clock::ManualClock;
    use crate::config::HubConfig;
    use crate::hub::Hub;
    use crate::name::ChannelName;
    use crate::publication::Draft;

    /// Below the limit nothing was ever popped: each channel that had ever held something kept its place, and the
    /// memory of its allocation, for ever.
    #[test]
    fn forgotten_channels_leave_the_ceiling_also_when_it_is_never_reached() {
        let config = HubConfig { idle: Duration::ZERO, ..HubConfig::default() };
        let clock = Arc::new(ManualClock::new(1_780_000_000_000));
        let hub = Hub::builder(config).clock(clock.clone()).build().expect("memory");
        for n in 0..8 * PRUNE_AT {
            let name = ChannelName::parse(&format!("c/{n}")).expect("a channel");
            let submission = hub.inner.check("", &name, Draft::text("x")).expect("fine");
            hub.inner.accept(submission, None).expect("published");
            if n % 512 == 511 {
                clock.advance(Duration::from_secs(3601));
                (0..16).for_each(|_| hub.maintain());
            }
        }
        assert_eq!(hub.stats().channels, 0);
        assert!(hub.inner.ceiling.oldest.lock().heap.len() <= 2 * PRUNE_AT);
    }
}
