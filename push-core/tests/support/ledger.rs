//! What was published against what one client was given or told: nothing may be missing from both.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use push_core::*;

/// Everything that was accepted, by number. A lock of std's: nobody waits for anything while holding it.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<u64, Receipt>>);

impl Ledger {
    pub(crate) fn note(&self, receipt: Receipt) {
        assert!(receipt.offset <= receipt.id.number, "{receipt:?}");
        let before = self.entries().insert(receipt.id.number, receipt);
        assert_eq!(before, None, "a number was given twice");
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, Receipt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client got, over all its connections.
#[derive(Debug)]
pub(crate) struct Diary {
    selectors: Vec<Selector>,
    /// Its first starting cursor.
    since: u64,
    last: u64,
    got: BTreeSet<u64>,
    gaps: Vec<Gap>,
}

impl Diary {
    pub(crate) fn new(selectors: &[Selector], start: &Start) -> Self {
        let mut diary = Self::since(selectors, start.cursor.number);
        diary.start(start);
        diary
    }

    /// Of a client that has a cursor from earlier on.
    pub(crate) fn since(selectors: &[Selector], since: u64) -> Self {
        Self { selectors: selectors.to_vec(), since, last: since, got: BTreeSet::new(), gaps: vec![] }
    }

    /// A connection began anew.
    pub(crate) fn start(&mut self, start: &Start) {
        assert_eq!(start.outcome == Outcome::Complete, start.gaps.is_empty());
        assert_ne!(start.outcome, Outcome::Lost);
        assert!(start.cursor.number >= self.last, "a starting cursor behind what was received");
        self.gaps.extend(start.gaps.iter().cloned());
    }

    pub(crate) fn note(&mut self, batch: &Batch) {
        for publication in &batch.publications {
            assert!(publication.number() > self.last, "out of order or twice: {}", publication.number());
            assert!(self.selectors.iter().any(|selector| selector.matches(publication.channel())));
            self.last = publication.number();
            self.got.insert(self.last);
        }
        assert!(batch.cursor.number >= self.last);
        self.last = batch.cursor.number;
        self.gaps.extend(batch.gaps.iter().cloned());
    }

    /// Up to where it was told everything.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Everything up to `through` was received, or told as missing; nothing received was told as missing.
    pub(crate) fn check(&self, ledger: &Ledger, through: u64) {
        for (number, receipt) in ledger.entries().range((Bound::Excluded(self.since), Bound::Included(through))) {
            if !self.selectors.iter().any(|selector| selector.matches(&receipt.channel)) {
                continue;
            }
            let is_told = self.gaps.iter().any(|gap| covers(gap, receipt));
            let is_told_exactly = self.gaps.iter().any(|gap| gap.from.is_some() && covers(gap, receipt));
            assert!(self.got.contains(number) || is_told, "lost in silence: {receipt:?}, {self:?}");
            assert!(
                !self.got.contains(number) || !is_told_exactly,
                "received, yet told as missing: {receipt:?} {self:?}"
            );
        }
    }
}

fn covers(gap: &Gap, receipt: &Receipt) -> bool {
    let of_channel = Selector::parse(&gap.channel).is_ok_and(|told| told.matches(&receipt.channel));
    of_channel && gap.from.is_none_or(|from| from <= receipt.offset) && gap.to.is_none_or(|to| to >= receipt.offset)
}
