//! The contract of what keeps history, and the one that keeps it in memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::cursor::Epoch;
use crate::name::ChannelName;
use crate::publication::Publication;

/// Keeps the retained publications of a hub's channels.
///
/// The hub numbers, trims by its retention and serves subscribers; the store only keeps.
///
/// # What must be atomic, and what breaks otherwise
///
/// - **One handle a channel.** The hub opens a channel once and calls its handle only under that channel's
///   lock. A store that hands out two would give one offset twice.
/// - **[`ChannelHistory::append`] is all or nothing**, and once it returned `Ok` every later `read` finds the
///   publication until it is trimmed. If it could be missing, a subscriber would be told `complete` and lack it.
///   After `Err` it must not be there: its number is never used again, its offset is.
/// - **`read` shows a prefix-closed log**: oldest first, in strictly increasing numbers, nothing left out between
///   two that are given. Otherwise order or recovery breaks silently.
/// - **`trim` never removes more than asked.** The hub tells subscribers exactly what it trimmed.
/// - **[`HistoryStore::recover`] must not offer a log whose end it cannot prove**: it returns `None` then, which
///   starts a new epoch. Offering a torn log would number new publications like lost ones, and cursors given out
///   for those would silently skip the new ones.
pub trait HistoryStore: fmt::Debug + Send + Sync + 'static {
    /// What an earlier process left, or `None` to start a new epoch. Called once, before any channel is opened.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when what is there can neither be used nor be left alone.
    fn recover(&self) -> Result<Option<Recovered>, StoreError>;

    /// The handle of one channel's history. Called when the hub begins to hold the channel.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot take another channel now.
    fn open(&self, channel: &ChannelName) -> Result<Box<dyn ChannelHistory>, StoreError>;
}

/// One channel's history; see [`HistoryStore`] for what is promised.
pub trait ChannelHistory: fmt::Debug + Send {
    /// Appends; the number and the offset are larger than all before.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it could not be kept; nothing is changed then.
    fn append(&mut self, publication: Arc<Publication>) -> Result<(), StoreError>;

    /// Shows those with `after < number <= through`, oldest first, until `visit` returns false.
    fn read(&self, after: u64, through: u64, visit: &mut dyn FnMut(&Arc<Publication>) -> bool);

    /// Shows those with `after < number <= through`, newest first, until `visit` returns false.
    fn read_back(&self, after: u64, through: u64, visit: &mut dyn FnMut(&Arc<Publication>) -> bool);

    /// The oldest kept, if any.
    fn oldest(&self) -> Option<&Arc<Publication>>;

    /// Removes those with `number <= through`.
    fn trim(&mut self, through: u64);

    /// How many are kept.
    fn len(&self) -> usize;

    /// Whether none is kept.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of payload kept.
    fn bytes(&self) -> u64;
}

/// What a durable store found when it was opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// The epoch to go on with.
    pub epoch: Epoch,
    /// The highest number ever given, those of failed appends included.
    pub head: u64,
    /// The highest number ever forgotten.
    pub floor: u64,
    /// The channels held, with what the hub knew of them.
    pub channels: Vec<RecoveredChannel>,
}

impl Recovered {
    /// A sequence to go on with, without channels yet.
    pub fn new(epoch: Epoch, head: u64, floor: u64) -> Self {
        Self { epoch, head, floor, channels: Vec::new() }
    }
}

/// One channel that a durable store holds.
#[derive(Clone, Debug)]
pub struct RecoveredChannel {
    /// Its name.
    pub name: ChannelName,
    /// The offset its next publication gets.
    pub next_offset: u64,
    /// Number and offset of the newest publication trimmed from it; zeros if none.
    pub trimmed: (u64, u64),
}

/// Why a store could not keep or read.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StoreError {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error that says `what` failed.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// The same with its cause.
    pub fn caused_by(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { what: what.into(), source: Some(source.into()) }
    }
}

/// The default store: a ring in memory for each channel; a restart begins a new epoch.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryHistory;

impl HistoryStore for MemoryHistory {
    fn recover(&self) -> Result<Option<Recovered>, StoreError> {
        Ok(None)
    }

    fn open(&self, _: &ChannelName) -> Result<Box<dyn ChannelHistory>, StoreError> {
        Ok(Box::new(Ring::default()))
    }
}

/// Publications in increasing numbers; takes no memory while empty.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    items: VecDeque<Arc<Publication>>,
    bytes: u64,
}

impl Ring {
    fn range(&self, after: u64, through: u64) -> std::ops::Range<usize> {
        let start = self.up_to(after);
        start..self.up_to(through).max(start)
    }

    /// How many are numbered up to `number`. Mostly that is nearly all of them, and a search of all would touch what nobody
    /// has touched for long: from the newest back, in steps that double.
    fn up_to(&self, number: u64) -> usize {
        let is_up_to = |at: usize| self.items[at].number() <= number;
        let (mut low, mut high, mut step) = (0, self.items.len(), 1);
        while high > 0 {
            low = high.saturating_sub(step);
            if is_up_to(low) {
                break;
            }
            (high, step) = (low, step * 2);
        }
        // What is up to it ends between the two.
        while low < high {
            let middle = low.midpoint(high);
            if is_up_to(middle) { low = middle + 1 } else { high = middle }
        }
        high
    }
}

impl ChannelHistory for Ring {
    fn append(&mut self, publication: Arc<Publication>) -> Result<(), StoreError> {
        self.bytes += publication.payload().len() as u64;
        self.items.push_back(publication);
        Ok(())
    }

    fn read(&self, after: u64, through: u64, visit: &mut dyn FnMut(&Arc<Publication>) -> bool) {
        let _ = self.items.range(self.range(after, through)).all(visit);
    }

    fn read_back(&self, after: u64, through: u64, visit: &mut dyn FnMut(&Arc<Publication>) -> bool) {
        let _ = self.items.range(self.range(after, through)).rev().all(visit);
    }

    fn oldest(&self) -> Option<&Arc<Publication>> {
        self.items.front()
    }

    fn trim(&mut self, through: u64) {
        while self.items.front().is_some_and(|p| p.number() <= through) {
            let gone = self.items.pop_front().expect("it has a front");
            self.bytes -= gone.payload().len() as u64;
        }
        // A burst long gone must not keep its places: give back what is far more than needed.
        if self.items.is_empty() || (self.items.capacity() > 64 && self.items.len() * 4 < self.items.capacity()) {
            self.items.shrink_to(self.items.len() * 2);
        }
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Epoch;
    use crate::form::FormBudget;
    use crate::publication::{Draft, Numbered};

    fn numbered(number: u64) -> Arc<Publication> {
        let draft = Draft::text("x");
        let class = draft.classify().expect("text");
        let channel = ChannelName::parse("c").expect("a name");
        let numbered = Numbered { channel, epoch: Epoch::from_u64(1), number, offset: number, time_ms: 0 };
        Publication::new(draft, class, numbered, &FormBudget::new(0))
    }

    #[test]
    fn a_range_of_a_ring_is_what_a_search_of_all_finds() {
        for numbers in [vec![], vec![5], vec![1, 2, 3], (0..100).map(|at| 3 * at + 7).collect()] {
            let mut ring = Ring::default();
            for number in &numbers {
                ring.append(numbered(*number)).expect("memory");
            }
            for number in 0..320 {
                let all = numbers.iter().filter(|known| **known <= number).count();
                assert_eq!(ring.up_to(number), all, "{number} of {numbers:?}");
            }
        }
    }
}
