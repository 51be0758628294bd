//! The table against a map, with deadlines in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

/// What the map knows about a connection.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    handle: u32,
    state: State,
    deadline: u32,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Insert,
    Take(u32),
    PutBack(u32),
    Join(u32),
    Remove(u32),
    EndBatch,
    SetDeadline(u32, u32),
    Pass(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0u32..40;
    prop_oneof![
        4 => Just(Step::Insert),
        1 => key.clone().prop_map(Step::Take),
        1 => key.clone().prop_map(Step::PutBack),
        1 => key.clone().prop_map(Step::Join),
        3 => key.clone().prop_map(Step::Remove),
        1 => Just(Step::EndBatch),
        3 => (key, prop_oneof![4 => 0u32..30, 1 => Just(NEVER)]).prop_map(|(key, after)| Step::SetDeadline(key, after)),
        2 => (0u32..20).prop_map(Step::Pass),
    ]
}

/// The table, the map that says what it should hold, and the time.
#[derive(Default)]
struct Pair {
    records: Records<u32>,
    known: BTreeMap<u32, Known>,
    /// Keys that may not be used again yet.
    freed: BTreeSet<u32>,
    now: u32,
    /// Handles are numbered, so that one in the wrong place is seen.
    handles: u32,
}

impl Pair {
    fn insert(&mut self) -> u32 {
        self.handles += 1;
        let key = self.records.insert(self.handles, self.handles + 1, self.now);
        assert!(!self.freed.contains(&key), "key {key} was freed in this batch");
        let known = Known { handle: self.handles, state: State::Silent, deadline: NEVER };
        assert_eq!(self.known.insert(key, known), None, "key {key} is in use");
        let record = self.records.get(key).expect("just inserted");
        assert_eq!((record.address, record.heard, record.has(READABLE)), (self.handles + 1, self.now, false));
        key
    }

    fn handle_in(&self, key: u32) -> Option<u32> {
        self.known.get(&key).filter(|known| known.state != State::Busy).map(|known| known.handle)
    }

    fn take(&mut self, key: u32) {
        assert_eq!(self.records.take(key), self.handle_in(key));
        if let Some(known) = self.known.get_mut(&key) {
            known.state = State::Busy;
        }
    }

    fn put_back(&mut self, key: u32) {
        match self.known.get_mut(&key).filter(|known| known.state == State::Busy) {
            Some(known) => {
                known.state = State::Idle;
                assert_eq!(self.records.put_back(key, known.handle), Ok(()));
            }
            None => assert_eq!(self.records.put_back(key, 7), Err(7)),
        }
    }

    fn join(&mut self, key: u32) {
        if let Some(known) = self.known.get_mut(&key).filter(|known| known.state != State::Busy) {
            known.state = State::Member;
            let record = self.records.get_mut(key).expect("known");
            record.set_state(State::Member);
            (record.group, record.link) = (key, key);
        }
    }

    fn remove(&mut self, key: u32) {
        assert_eq!(self.records.remove(key), self.handle_in(key));
        if self.known.remove(&key).is_some() {
            self.freed.insert(key);
        }
    }

    fn end_batch(&mut self) {
        self.records.end_batch();
        self.freed.clear();
    }

    fn set_deadline(&mut self, key: u32, after: u32) {
        let tick = self.now.saturating_add(after);
        self.records.set_deadline(key, tick);
        if let Some(known) = self.known.get_mut(&key) {
            known.deadline = tick;
        }
    }

    /// Time passes tick by tick, and the table is asked only when it said so.
    fn pass(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.now += 1;
            let mut due = Vec::new();
            if self.records.earliest().is_some_and(|earliest| earliest <= self.now) {
                self.records.due(self.now, &mut due);
            }
            let mut expected = Vec::new();
            for (&key, known) in self.known.iter_mut().filter(|(_, known)| known.deadline <= self.now) {
                known.deadline = NEVER;
                expected.push(key);
            }
            assert_eq!(due, expected, "at tick {}", self.now);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert => drop(self.insert()),
            Step::Take(key) => self.take(key),
            Step::PutBack(key) => self.put_back(key),
            Step::Join(key) => self.join(key),
            Step::Remove(key) => self.remove(key),
            Step::EndBatch => self.end_batch(),
            Step::SetDeadline(key, after) => self.set_deadline(key, after),
            Step::Pass(ticks) => self.pass(ticks),
        }
    }

    fn check(&self) {
        assert_eq!(self.records.len(), self.known.len());
        assert_eq!(self.records.is_empty(), self.known.is_empty());
        let keys: Vec<u32> = self.records.iter().map(|(key, _)| key).collect();
        assert!(keys.iter().eq(self.known.keys()));
        for (&key, known) in &self.known {
            let record = self.records.get(key).expect("known");
            assert_eq!((record.state(), record.deadline()), (known.state, known.deadline));
            assert_eq!(self.records.handle(key).copied(), self.handle_in(key));
        }
        let earliest = self.known.values().map(|known| known.deadline).min().filter(|&tick| tick != NEVER);
        match (self.records.earliest(), earliest) {
            (Some(told), Some(earliest)) => assert!(told <= earliest),
            (None, Some(earliest)) => panic!("the deadline at {earliest} is forgotten"),
            (_, None) => {}
        }
    }
}

proptest! {
    #[test]
    fn the_table_is_a_map_whose_keys_rest_until_the_batch_ends(steps in prop::collection::vec(step(), 0..400)) {
        let mut pair = Pair::default();
        for step in steps {
            pair.step(step);
            pair.check();
        }
        // Without anybody asking for more, everything that is armed comes, and then nothing does.
        pair.pass(60);
        prop_assert_eq!(pair.records.earliest(), None);
        pair.check();
    }

    #[test]
    fn what_comes_and_goes_in_thousands_leaves_a_small_table_that_still_works(
        sizes in prop::collection::vec(0usize..3000, 1..5),
        seed in any::<u32>(),
    ) {
        let mut pair = Pair::default();
        let mut seed = seed | 1;
        for size in sizes {
            while pair.known.len() < size {
                pair.insert();
            }
            while pair.known.len() > size / 10 {
                // Any odd stride walks about the keys well enough.
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let from = seed % pair.records.records.len() as u32;
                let key = pair.known.range(from..).chain(&pair.known).next().map(|(&key, _)| key);
                pair.remove(key.expect("not empty"));
                if seed >> 28 == 0 {
                    pair.end_batch();
                }
            }
            pair.end_batch();
            pair.check();
        }
        for key in pair.known.keys().copied().collect::<Vec<_>>() {
            pair.remove(key);
        }
        pair.end_batch();
        pair.check();
        prop_assert!(pair.records.records.capacity() < WORTH_SHRINKING);
        prop_assert!(pair.records.handles.capacity() < WORTH_SHRINKING);
    }
}

#[test]
fn a_key_freed_in_a_batch_is_not_given_to_a_connection_accepted_in_the_same_batch() {
    let mut records = Records::default();
    let old = records.insert('a', 0, 0);
    assert_eq!(records.remove(old), Some('a'));
    assert_ne!(records.insert('b', 0, 0), old);
    assert!(records.get(old).is_none() && records.handle(old).is_none());
    records.end_batch();
    assert_eq!(records.insert('c', 0, 0), old);
}

#[test]
fn connections_of_a_peak_that_stay_do_not_hold_the_table_at_its_size_once_they_go() {
    let mut records = Records::default();
    let mut keys: VecDeque<u32> = (0..10_000).map(|handle| records.insert(handle, 0, 0)).collect();
    // The last thousand of the peak stay, so the table cannot be cut.
    for key in keys.drain(..9_000) {
        records.remove(key);
    }
    records.end_batch();
    assert!(records.records.len() == 10_000);
    // A thousand stay all the time, and each leaves once.
    for handle in 0..10_000 {
        records.remove(keys.pop_front().expect("a thousand"));
        records.end_batch();
        keys.push_back(records.insert(handle, 0, 0));
    }
    assert_eq!(records.len(), 1_000);
    assert!(records.records.capacity() <= 5_000, "room for {}", records.records.capacity());
}

#[test]
fn flags_are_set_and_cleared_alone() {
    let mut records = Records::default();
    let key = records.insert((), 0, 0);
    let record = records.get_mut(key).expect("just inserted");
    record.set(READABLE | CLOSE, true);
    record.set(READABLE, false);
    assert!(record.has(CLOSE) && !record.has(READABLE) && !record.has(CLOSE | ENDED));
}
