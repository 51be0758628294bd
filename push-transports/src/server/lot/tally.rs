//! What a lot counts, told to the server's counters once a turn.

use std::mem;
use std::sync::atomic::Ordering::Relaxed;

use crate::server::counters::ServeCounters;

/// What a lot counts by itself, and how much of it the counters know. They forget what stands when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counters: ServeCounters,
    /// Members of the lot's groups.
    pub(super) members: usize,
    told: Standing,
    passed: Passed,
}

/// How the connections of a lot stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) waiting: usize,
    pub(super) parked: usize,
    pub(super) busy: usize,
    pub(super) groups: usize,
}

/// What a lot's passes did that the counters do not know yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Passed {
    passes: u64,
    sends: u64,
    deliveries: u64,
    blocked: u64,
}

impl Tally {
    pub(super) fn new(counters: ServeCounters) -> Self {
        Self { counters, ..Self::default() }
    }

    /// A send of a pass that has so many publications was taken, whole or not.
    pub(super) fn sent(&mut self, publications: usize, whole: bool) {
        self.passed.sends += u64::from(publications > 0);
        match whole {
            true => self.passed.deliveries += publications as u64,
            false => self.passed.blocked += 1,
        }
    }

    /// A pass of so many publications has ended.
    pub(super) fn passed(&mut self, publications: usize) {
        self.passed.passes += u64::from(publications > 0);
    }

    /// Tells the counters what is new. To be called once a turn: other lots write the same ones.
    pub(super) fn tell(&mut self, now: Standing) {
        let counts = self.counters.counts();
        if now != self.told {
            let before = mem::replace(&mut self.told, now);
            for (count, before, now) in [
                (&counts.waiting, before.waiting, now.waiting),
                (&counts.parked, before.parked, now.parked),
                (&counts.busy, before.busy, now.busy),
                (&counts.groups, before.groups, now.groups),
            ] {
                // The sum over all lots never goes below zero, and addition wraps.
                count.fetch_add(now.wrapping_sub(before), Relaxed);
            }
        }
        if self.passed != Passed::default() {
            let Passed { passes, sends, deliveries, blocked } = mem::take(&mut self.passed);
            counts.passes.fetch_add(passes, Relaxed);
            counts.sends.fetch_add(sends, Relaxed);
            counts.deliveries.fetch_add(deliveries, Relaxed);
            counts.blocked.fetch_add(blocked, Relaxed);
        }
    }

    /// One more connection goes on by itself until the value is dropped.
    pub(super) fn resume(&self) -> Resumed {
        self.counters.counts().resumed.fetch_add(1, Relaxed);
        Resumed(self.counters.clone())
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.tell(Standing::default());
    }
}

/// A connection that was parked and goes on by itself.
#[derive(Debug)]
pub(super) struct Resumed(ServeCounters);

impl Drop for Resumed {
    fn drop(&mut self) {
        self.0.counts().resumed.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(parked: usize, busy: usize) -> Standing {
        Standing { parked, busy, groups: parked.min(1), ..Standing::default() }
    }

    #[test]
    fn what_stands_is_the_sum_of_all_lots_and_goes_with_them() {
        let counters = ServeCounters::default();
        let (mut one, mut other) = (Tally::new(counters.clone()), Tally::new(counters.clone()));
        one.tell(standing(5, 2));
        other.tell(standing(3, 0));
        one.tell(standing(1, 4));
        assert_eq!((counters.parked(), counters.busy(), counters.groups()), (4, 4, 2));
        drop(one);
        assert_eq!((counters.parked(), counters.busy(), counters.groups()), (3, 0, 1));
        drop(other);
        assert_eq!((counters.parked(), counters.groups()), (0, 0));
    }

    #[test]
    fn what_passes_did_is_told_once_and_what_breaks_a_silence_is_not_of_it() {
        let counters = ServeCounters::default();
        let mut tally = Tally::new(counters.clone());
        tally.sent(3, true);
        tally.sent(3, false);
        tally.sent(0, true);
        tally.passed(3);
        tally.passed(0);
        assert_eq!(counters.sends(), 0, "a lot counts for itself until it tells");
        tally.tell(Standing::default());
        tally.tell(Standing::default());
        drop(tally);
        let told = (counters.passes(), counters.sends(), counters.deliveries(), counters.blocked());
        assert_eq!(told, (1, 2, 3, 1));
    }

    #[test]
    fn who_was_resumed_is_counted_until_it_parks_or_ends() {
        let counters = ServeCounters::default();
        let tally = Tally::new(counters.clone());
        let (one, other) = (tally.resume(), tally.resume());
        drop(one);
        assert_eq!(counters.resumed(), 1);
        drop((tally, other));
        assert_eq!(counters.resumed(), 0);
    }
}
