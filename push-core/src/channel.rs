//! One channel: its log under one lock, who waits for it, and the patterns it belongs to.
//!
//! The rule everything rests on: a publisher takes the channel's lock, takes the hub's next number,
//! appends, releases. So whoever read the hub's counter as W and then has a channel's lock finds every
//! publication of the channel up to W in its log. `head` lets readers skip channels without the lock: it is
//! [`IN_FLIGHT`] from before a number is taken until it is in the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::audience::Audience;
use crate::config::{Namespace, Retention};
use crate::history::{ChannelHistory, StoreError};
use crate::idempotency::Window;
use crate::name::ChannelName;
use crate::pattern_feed::PatternFeed;
use crate::publication::Publication;
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};

/// The head of a channel whose publisher has taken a number, or is about to.
pub(crate) const IN_FLIGHT: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Channel {
    /// Unique in the hub; tells a channel from one of the same name that was forgotten.
    pub(crate) id: u64,
    pub(crate) name: ChannelName,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) audience: Audience,
    /// Number of the newest publication, or [`IN_FLIGHT`]; what was forgotten before counts as one. Never behind the
    /// number trimmed last, so that who skips the channel by its head skips no loss.
    head: AtomicU64,
    /// The furthest that any of its subscribers has read: what a publisher in a hurry waits for.
    fastest: AtomicU64,
    /// Where the fastest stood when a publisher had waited for it long enough; nobody waits until it has moved.
    given_up: AtomicU64,
    /// Whether the hub's ceiling knows the channel; see `ceiling`.
    pub(crate) charged: AtomicBool,
    state: Mutex<Log>,
}

/// No subscriber was given up: no number is that high.
const NOBODY: u64 = u64::MAX;

/// What the channel's lock guards.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) history: Box<dyn ChannelHistory>,
    /// Publications that history does not keep, until retention trims them: they go first.
    transient: VecDeque<Arc<Publication>>,
    transient_bytes: u64,
    pub(crate) next_offset: u64,
    /// Number and offset of the newest retained publication that was trimmed.
    pub(crate) trimmed: Edge,
    /// The trim that stands for what was forgotten before the channel was created: offsets up to it are unknown.
    base: u64,
    /// Highest offset that is missing without loss (a publication that history does not keep and that was dropped, a
    /// number an engine skipped): up to here missing offsets cannot be counted.
    holes_through: u64,
    pub(crate) patterns: Vec<Arc<PatternFeed>>,
    pub(crate) push_ids: Option<Box<Window>>,
    pub(crate) last_used: Instant,
    /// Out of the hub's map: whoever still holds it must look the name up again.
    pub(crate) forgotten: bool,
}

/// A place in a channel's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) number: u64,
    pub(crate) offset: u64,
}

/// Publications that history does not keep have this share of a full log: who is live gets them with its next read,
/// and a busy channel is always full.
const TRANSIENT_SHARE: usize = 8;

/// What a trim freed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Freed {
    pub(crate) publications: u64,
    pub(crate) charge: u64,
}

impl Channel {
    pub(crate) fn new(
        id: u64,
        name: ChannelName,
        namespace: Arc<Namespace>,
        history: Box<dyn ChannelHistory>,
        floor: u64,
        now: Instant,
    ) -> Self {
        let log = Log {
            history,
            transient: VecDeque::new(),
            transient_bytes: 0,
            next_offset: floor + 1,
            trimmed: Edge { number: floor, offset: floor },
            base: floor,
            holes_through: 0,
            patterns: Vec::new(),
            push_ids: None,
            last_used: now,
            forgotten: false,
        };
        Self {
            id,
            name,
            namespace,
            audience: Audience::default(),
            head: AtomicU64::new(floor),
            fastest: AtomicU64::new(0),
            given_up: AtomicU64::new(NOBODY),
            charged: AtomicBool::new(false),
            state: Mutex::new(log),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Log> {
        self.state.lock()
    }

    /// Whether the log may hold something behind `number`; false is certain for all numbers the caller
    /// has read from the hub's counter before.
    pub(crate) fn may_have_after(&self, number: u64) -> bool {
        self.head.load(Ordering::Acquire) > number
    }

    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// Under the channel's lock.
    pub(crate) fn set_head(&self, head: u64) -> u64 {
        self.head.swap(head, Ordering::AcqRel)
    }

    /// A subscriber has read up to `number`.
    pub(crate) fn read_up_to(&self, number: u64) {
        self.fastest.fetch_max(number, Ordering::Relaxed);
    }

    /// Whether even the fastest subscriber has not yet read the older half of a full log, so that
    /// publishing on would soon push the tail past everybody.
    pub(crate) fn is_pressed(&self) -> bool {
        let fastest = self.fastest.load(Ordering::Relaxed);
        if fastest >= self.head() || self.audience.connections() == 0 {
            return false; // the usual case, without the lock
        }
        if fastest == self.given_up.load(Ordering::Relaxed) {
            return false;
        }
        let retention = self.namespace.retention;
        let log = self.lock();
        let (count, bytes) = (log.history.len() + log.transient.len(), log.history.bytes() + log.transient_bytes);
        if count <= retention.count / 2 && bytes <= retention.bytes / 2 {
            return false;
        }
        // From the newest back: it takes time in what is unread, and mostly that is little.
        let len = log.history.len();
        let pressing = len - (len / 2).saturating_sub(1);
        let mut unread = 0;
        log.history.read_back(fastest, u64::MAX, &mut |_| {
            unread += 1;
            unread < pressing
        });
        len > 0 && unread >= pressing
    }
}

impl Channel {
    /// The fastest subscriber was waited for in vain.
    pub(crate) fn give_up(&self) {
        self.given_up.store(self.fastest.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Log {
    /// Appends what has its number and offset.
    pub(crate) fn append(&mut self, publication: Arc<Publication>) -> Result<(), StoreError> {
        let offset = publication.offset();
        let is_dense = offset == self.next_offset;
        if publication.is_retained() {
            self.history.append(publication)?;
        } else {
            self.transient_bytes += publication.payload().len() as u64;
            self.transient.push_back(publication);
        }
        if !is_dense {
            self.holes_through = offset - 1;
        }
        self.next_offset = offset + 1;
        Ok(())
    }

    /// Trims what retention no longer keeps: what history does not keep first, down to its share, then the oldest.
    /// The newest publication stays in any case but age: it has yet to be read.
    pub(crate) fn apply_retention(&mut self, namespace: &Namespace, unix_ms: u64) -> Freed {
        let retention = namespace.retention;
        let cutoff = unix_ms.saturating_sub(u64::try_from(retention.age.as_millis()).unwrap_or(u64::MAX));
        let mut freed = Freed::default();
        loop {
            let history_expired = self.history.oldest().is_some_and(|p| p.time_ms() < cutoff);
            let transient_expired = self.transient.front().is_some_and(|p| p.time_ms() < cutoff);
            if transient_expired || self.has_transients_to_spare(retention) {
                self.drop_oldest_transient(&mut freed);
            } else if history_expired || self.is_overfull(retention) {
                self.trim_oldest(&mut freed);
            } else {
                return freed;
            }
        }
    }

    fn has_transients_to_spare(&self, retention: Retention) -> bool {
        let full = self.history.len() + self.transient.len() > retention.count
            || self.history.bytes() + self.transient_bytes > retention.bytes;
        let spare = self.transient.len() > (retention.count / TRANSIENT_SHARE).max(16)
            || self.transient_bytes > retention.bytes / TRANSIENT_SHARE as u64;
        full && spare && self.transient.len() > 1
    }

    fn is_overfull(&self, retention: Retention) -> bool {
        let overfull = self.history.len() > retention.count || self.history.bytes() > retention.bytes;
        overfull && self.history.len() > 1
    }

    fn drop_oldest_transient(&mut self, freed: &mut Freed) {
        if let Some(gone) = self.transient.pop_front() {
            self.transient_bytes -= gone.payload().len() as u64;
            self.holes_through = self.holes_through.max(gone.offset());
            freed.publications += 1;
            freed.charge += gone.charge();
        }
        if self.transient.is_empty() {
            self.transient.shrink_to_fit();
        }
    }

    /// Number of the oldest publication held.
    pub(crate) fn oldest_number(&self) -> Option<u64> {
        let retained = self.history.oldest().map(|p| p.number());
        retained.into_iter().chain(self.transient.front().map(|p| p.number())).min()
    }

    /// Trims the oldest publication to make room in the hub.
    pub(crate) fn trim_one(&mut self) -> Freed {
        let mut freed = Freed::default();
        let oldest = self.history.oldest().map_or(u64::MAX, |p| p.number());
        if self.transient.front().is_some_and(|p| p.number() < oldest) {
            self.drop_oldest_transient(&mut freed);
        } else {
            self.trim_oldest(&mut freed);
        }
        freed
    }

    /// Trims the oldest retained publication, and with it what history does not keep and is older still: nothing is
    /// delivered from within a gap.
    fn trim_oldest(&mut self, freed: &mut Freed) {
        let Some(oldest) = self.history.oldest() else { return };
        self.trimmed = Edge { number: oldest.number(), offset: oldest.offset() };
        freed.publications += 1;
        freed.charge += oldest.charge();
        self.history.trim(self.trimmed.number);
        while self.transient.front().is_some_and(|p| p.number() < self.trimmed.number) {
            self.drop_oldest_transient(freed);
        }
    }

    /// Trims everything.
    pub(crate) fn trim_all(&mut self) -> Freed {
        let mut freed = Freed::default();
        while !self.history.is_empty() {
            self.trim_oldest(&mut freed);
        }
        while !self.transient.is_empty() {
            self.drop_oldest_transient(&mut freed);
        }
        freed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.history.is_empty() && self.transient.is_empty()
    }

    /// Publications with `after < number <= through`, oldest first, at most `limit`; what history does not
    /// keep only behind `live_from`.
    pub(crate) fn read(&self, after: u64, through: u64, live_from: u64, limit: usize) -> VecDeque<Arc<Publication>> {
        let mut found = VecDeque::new();
        let live = self.transient.partition_point(|p| p.number() <= after.max(live_from));
        let mut live = self.transient.range(live..).take_while(|p| p.number() <= through).peekable();
        self.history.read(after, through, &mut |publication| {
            while let Some(earlier) = live.next_if(|p| p.number() < publication.number()) {
                found.push_back(Arc::clone(earlier));
            }
            found.push_back(Arc::clone(publication));
            found.len() < limit
        });
        if found.len() < limit {
            found.extend(live.cloned());
        }
        found.truncate(limit);
        found
    }

    /// The newest publication of each key with `after < number <= through`, oldest first.
    pub(crate) fn read_latest(&self, after: u64, through: u64, live_from: u64) -> VecDeque<Arc<Publication>> {
        let mut keys = std::collections::HashSet::new();
        let mut found: VecDeque<_> = self.read(after, through, live_from, usize::MAX);
        let mut newest = VecDeque::new();
        while let Some(publication) = found.pop_back() {
            if keys.insert(publication.key().cloned()) {
                newest.push_front(publication);
            }
        }
        newest
    }

    /// The offset of the newest publication with a number up to `number`, unless it was trimmed and is not known.
    pub(crate) fn offset_at(&self, number: u64) -> Option<u64> {
        if self.trimmed.number > number {
            return None;
        }
        let mut next = self.next_offset;
        self.history.read(number, u64::MAX, &mut |p| {
            next = next.min(p.offset());
            false
        });
        let live = self.transient.partition_point(|p| p.number() <= number);
        if let Some(publication) = self.transient.get(live) {
            next = next.min(publication.offset());
        }
        Some(next.saturating_sub(1))
    }

    /// The newest publication's offset; 0 if there never was one.
    pub(crate) fn last_offset(&self) -> u64 {
        let last = self.next_offset - 1;
        if last == self.base { 0 } else { last }
    }

    /// Whether anything was trimmed since the channel was created. If not, `trimmed` stands for what may have been
    /// forgotten before: news for a cursor, but not for who was subscribed.
    pub(crate) fn was_trimmed(&self) -> bool {
        self.trimmed.number > self.base
    }

    /// What a reader misses who has read up to `number`, and up to `offset` if known: first and last offset, and how many.
    pub(crate) fn missed_since(&self, offset: Option<u64>) -> (Option<u64>, Option<u64>, Option<u64>) {
        if !self.was_trimmed() {
            return (None, None, None);
        }
        let to = self.trimmed.offset;
        // An offset may come from a stranger's cursor: any number.
        let from = offset.and_then(|offset| offset.checked_add(1)).filter(|from| *from > self.base && *from <= to);
        let missed = from.filter(|from| *from > self.holes_through).map(|from| to - from + 1);
        (from, Some(to), missed)
    }

    /// What a durable store knew of the channel; returns its head.
    pub(crate) fn resume(&mut self, next_offset: u64, trimmed: Edge) -> u64 {
        self.next_offset = next_offset;
        if trimmed == Edge::default() {
            // Its first offset lies behind what was forgotten before it was created.
            self.base = self.history.oldest().map_or(next_offset, |oldest| oldest.offset()) - 1;
            self.trimmed = Edge { number: self.base, offset: self.base };
        } else {
            self.base = 0;
            self.trimmed = trimmed;
            // What history did not keep left no trace in the store.
            self.holes_through = trimmed.offset;
        }
        let mut newest = 0;
        self.history.read_back(0, u64::MAX, &mut |publication| {
            newest = publication.number();
            false
        });
        // An offset never exceeds its number, so the head is behind no number this channel ever had in the log.
        newest.max(self.trimmed.number).max(next_offset - 1)
    }
}

#[cfg(all(test, not(push_shuttle)))]
mod tests {
    use super::*;
    use crate::history::Ring;
    use crate::signal::Waiter;

    /// What the allocator is asked for: the channel with its counts, its history's handle, the places of one
    /// subscriber, the entry in the hub's map at its emptiest (7 of 16), the name.
    #[test]
    fn a_channel_with_one_subscriber_and_an_empty_log_takes_at_most_512_bytes() {
        let counts = 2 * size_of::<usize>();
        let channel = counts + size_of::<Channel>();
        let handle = size_of::<Ring>();
        let places = 4 * (size_of::<Arc<Waiter>>() + size_of::<usize>());
        let entry = (size_of::<(ChannelName, Arc<Channel>)>() + 1) * 16 / 7;
        let name = counts + "a/channel/of/thirty/characters".len();
        let all = [channel, handle, places, entry, name];
        assert!(all.iter().sum::<usize>() <= 512, "{all:?}");
    }
}
