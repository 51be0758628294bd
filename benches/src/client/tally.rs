//! Counts what arrived, and checks that it is everything, in order, and once.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::decode::Item;
use crate::clock::now_ns;
use crate::message;

/// Whatever comes first is right: the subscriber joins a channel in which others publish. Messages count from 1.
pub(crate) const ANY: u64 = 0;

/// How far a subscriber has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The sequence number that is expected next; [`ANY`] until the first has come, where nobody knows which that is.
    pub(crate) next: u64,
    /// Whether it has had a hello.
    pub(crate) is_greeted: bool,
}

/// What all subscribers of a client were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Messages that arrived, each at each subscriber.
    pub(crate) deliveries: u64,
    /// Messages that did not arrive and whose loss was told.
    pub(crate) told_missing: u64,
    /// Messages that did not arrive, told or not.
    pub(crate) missing: u64,
    pub(crate) repeated: u64,
    pub(crate) reordered: u64,
    pub(crate) malformed: u64,
    /// Connections that ended without being asked to.
    pub(crate) closed: u64,
    /// Publications that were not answered with 200.
    pub(crate) refused: u64,
}

impl Account {
    /// Whether nothing was lost without a word, and all came once and in order.
    pub(crate) fn is_clean(&self) -> bool {
        let Self { told_missing, missing, repeated, reordered, malformed, closed, refused, .. } = *self;
        missing <= told_missing && [repeated, reordered, malformed, closed, refused] == [0; 5]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.deliveries += other.deliveries;
        self.told_missing += other.told_missing;
        self.missing += other.missing;
        self.repeated += other.repeated;
        self.reordered += other.reordered;
        self.malformed += other.malformed;
        self.closed += other.closed;
        self.refused += other.refused;
    }
}

/// Percentiles of how long publications took, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

/// Measures latencies between 1 us and 10 min.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1000, 600_000_000_000, 3).expect("the bounds are in order and three digits are allowed")
}

impl Latency {
    pub(crate) fn of(latencies: &Histogram<u64>) -> Self {
        Self {
            count: latencies.len(),
            p50: latencies.value_at_quantile(0.5),
            p90: latencies.value_at_quantile(0.9),
            p99: latencies.value_at_quantile(0.99),
            p999: latencies.value_at_quantile(0.999),
            max: latencies.max(),
        }
    }
}

/// The running count.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) account: Account,
    /// Subscribers that have had a hello.
    pub(crate) greeted: usize,
    /// The sequence number that is waited for.
    target: u64,
    /// Subscribers from this key on are waited for and measured.
    first_key: usize,
    /// How many of them have come to `target`.
    pub(crate) arrived: usize,
    /// Ranges that subscribers were not sent in their turn: who, and which.
    holes: Vec<(usize, std::ops::Range<u64>)>,
    latencies: Option<Histogram<u64>>,
    /// When the bytes at hand were read, where latencies are measured.
    read_at_ns: u64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            account: Account::default(),
            greeted: 0,
            target: 0,
            first_key: 0,
            arrived: 0,
            holes: Vec::new(),
            latencies: None,
            read_at_ns: 0,
        }
    }

    /// Counts from now on who comes to `target`, among those from `first_key` on; `places` is where all are now.
    pub(crate) fn aim(&mut self, target: u64, first_key: usize, places: impl Iterator<Item = Place>) {
        self.target = target;
        self.first_key = first_key;
        self.arrived = places.skip(first_key).filter(|place| place.next > target).count();
    }

    /// The same where all are known to stand before `target`.
    pub(crate) fn aim_ahead(&mut self, target: u64) {
        self.target = target;
        self.arrived = 0;
    }

    /// Measures latencies from now on.
    pub(crate) fn measure(&mut self) {
        self.latencies = Some(histogram());
    }

    /// What was measured; measures no more.
    pub(crate) fn measured(&mut self) -> Latency {
        Latency::of(&self.take())
    }

    /// All of what was measured; measures no more.
    pub(crate) fn take(&mut self) -> Histogram<u64> {
        self.latencies.take().unwrap_or_else(histogram)
    }

    /// Bytes have been read.
    pub(crate) fn on_read(&mut self) {
        if self.latencies.is_some() {
            self.read_at_ns = now_ns();
        }
    }

    /// The subscriber `key`, which stands at `place`, was told `item`.
    pub(crate) fn on_item(&mut self, key: usize, place: &mut Place, item: Item<'_>) {
        match item {
            Item::Message(payload) => match message::seq(payload) {
                Some(message::HELLO) => self.greet(place),
                Some(seq) => self.on_message(key, place, seq, payload),
                None => self.account.malformed += 1,
            },
            Item::Gap(notice) => self.account.told_missing += missed(notice),
            Item::End => self.account.closed += 1,
            Item::Ping(_) | Item::Asks(_) | Item::Joined | Item::Cursor(_) | Item::Passed => {}
        }
    }

    fn greet(&mut self, place: &mut Place) {
        if !place.is_greeted {
            place.is_greeted = true;
            self.greeted += 1;
        }
    }

    fn on_message(&mut self, key: usize, place: &mut Place, seq: u64, payload: &[u8]) {
        self.account.deliveries += 1;
        let expected = place.next;
        if seq < expected {
            return self.on_late(key, seq);
        }
        if seq > expected && expected != ANY {
            self.account.missing += seq - expected;
            self.holes.push((key, expected..seq));
        }
        place.next = seq + 1;
        if key >= self.first_key {
            if expected <= self.target && seq >= self.target {
                self.arrived += 1;
            }
            self.time(payload);
        }
    }

    fn on_late(&mut self, key: usize, seq: u64) {
        let Some(at) = self.holes.iter().position(|(whose, hole)| *whose == key && hole.contains(&seq)) else {
            self.account.repeated += 1;
            return;
        };
        let (_, hole) = self.holes.swap_remove(at);
        let parts = [hole.start..seq, seq + 1..hole.end];
        self.holes.extend(parts.into_iter().filter(|part| !part.is_empty()).map(|part| (key, part)));
        self.account.missing -= 1;
        self.account.reordered += 1;
    }

    fn time(&mut self, payload: &[u8]) {
        if let Some(latencies) = &mut self.latencies
            && let Some(published_ns) = message::time_ns(payload)
        {
            latencies.saturating_record(self.read_at_ns.saturating_sub(published_ns));
        }
    }
}

/// How many publications a notice of loss names.
fn missed(notice: &[u8]) -> u64 {
    let notice: serde_json::Value = serde_json::from_slice(notice).unwrap_or_default();
    let of = |gap: &serde_json::Value| gap["missed"].as_u64().unwrap_or_default();
    of(&notice) + notice["gaps"].as_array().map_or(0, |gaps| gaps.iter().map(of).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(tally: &mut Tally, key: usize, place: &mut Place, seqs: &[u64]) {
        for &seq in seqs {
            let mut payload = Vec::new();
            message::write(&mut payload, seq, 0, 50);
            tally.on_item(key, place, Item::Message(&payload));
        }
    }

    const BEGIN: Place = Place { next: 1, is_greeted: false };

    #[test]
    fn what_is_missing_repeated_or_out_of_order_is_told_apart() {
        let (mut tally, mut place) = (Tally::new(), BEGIN);
        hear(&mut tally, 3, &mut place, &[1, 2, 6, 4, 4, 7, 2]);
        let Account { deliveries, missing, repeated, reordered, .. } = tally.account;
        assert_eq!((deliveries, missing, repeated, reordered), (7, 2, 2, 1));
        assert!(!tally.account.is_clean());
    }

    #[test]
    fn holes_are_each_subscribers_own() {
        let (mut tally, mut one, mut other) = (Tally::new(), BEGIN, BEGIN);
        hear(&mut tally, 0, &mut one, &[3]);
        hear(&mut tally, 1, &mut other, &[1, 2, 3, 2]);
        assert_eq!((tally.account.missing, tally.account.repeated), (2, 1));
    }

    #[test]
    fn a_loss_that_was_told_is_no_fault() {
        let (mut tally, mut place) = (Tally::new(), BEGIN);
        hear(&mut tally, 0, &mut place, &[1, 5]);
        assert!(!tally.account.is_clean());
        tally.on_item(0, &mut place, Item::Gap(br#"{"op":"gap","channel":"c","outcome":"partial","missed":3}"#));
        assert!(tally.account.is_clean());
        assert_eq!((tally.account.missing, tally.account.told_missing), (3, 3));
    }

    #[test]
    fn who_joins_later_begins_with_whatever_comes_first_and_misses_nothing_from_there() {
        let (mut tally, mut place) = (Tally::new(), Place { next: ANY, is_greeted: false });
        hear(&mut tally, 0, &mut place, &[41, 42]);
        assert!(tally.account.is_clean() && place.next == 43);
        hear(&mut tally, 0, &mut place, &[45]);
        assert_eq!(tally.account.missing, 2);
    }

    #[test]
    fn losses_that_a_beginning_tells_of_are_counted() {
        assert_eq!(
            missed(br#"{"op":"subscribed","outcome":"partial","gaps":[{"missed":2},{"channel":"c"},{"missed":3}]}"#),
            5
        );
    }

    #[test]
    fn subscribers_arrive_at_the_target_once_each() {
        let (mut tally, mut one, mut other) = (Tally::new(), BEGIN, BEGIN);
        tally.aim_ahead(2);
        hear(&mut tally, 0, &mut one, &[1, 2, 3]);
        hear(&mut tally, 1, &mut other, &[1]);
        assert_eq!(tally.arrived, 1);
        tally.aim(3, 0, [one, other].into_iter());
        assert_eq!(tally.arrived, 1);
        hear(&mut tally, 1, &mut other, &[4]);
        assert_eq!(tally.arrived, 2);
        tally.aim(4, 1, [one, other].into_iter());
        assert_eq!(tally.arrived, 1);
    }

    #[test]
    fn hellos_greet_and_are_no_deliveries() {
        let (mut tally, mut place) = (Tally::new(), BEGIN);
        hear(&mut tally, 0, &mut place, &[message::HELLO, message::HELLO]);
        assert_eq!((tally.greeted, tally.account), (1, Account::default()));
    }
}
