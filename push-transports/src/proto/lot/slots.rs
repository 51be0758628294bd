//! The members of a group, and how far a pass has come among them.
//!
//! ```text
//!            between passes: all stand at the same position
//!  keys   [ a  b  c  d  e ]
//!
//!            during a pass: two stand at its target, three where it began
//!  keys   [ a  b │ c  d  e ]
//!                  ▲ next
//! ```
//!
//! A pass goes through the keys in a row, so leaving and joining in the middle of one must neither move a member
//! across the line nor cost more than a few writes:
//!
//! - who leaves behind the line is replaced by the last of all;
//! - who leaves before the line is replaced by the last before the line, that one by the last of all, and the line
//!   moves back by one;
//! - who joins stands at the target (anybody else waits outside for the next pass), so it goes in at the line, whose
//!   key moves to the end, and the line moves on by one.

use super::grow::{give_back, reserve_one};

/// The members of a group, four bytes each, and the pass in progress.
///
/// Each member's record knows its place; whoever moves is told of through `moved`, which is called with a key and its
/// new place, at most twice.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    keys: Vec<u32>,
    /// How many, from the front, stand at the pass's target; `None` between passes.
    passed: Option<u32>,
}

impl Slots {
    #[cfg(test)]
    /// Members there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a pass has begun and was not finished.
    pub(crate) fn is_passing(&self) -> bool {
        self.passed.is_some()
    }

    /// The member at a place.
    pub(crate) fn get(&self, place: u32) -> Option<u32> {
        self.keys.get(place as usize).copied()
    }

    #[cfg(test)]
    /// All members, in no order that means anything between passes.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.keys.iter().copied()
    }

    /// Whether the member at `place` has the bytes of the pass; all do between passes.
    pub(crate) fn has_passed(&self, place: u32) -> bool {
        self.passed.is_none_or(|passed| place < passed)
    }

    /// A pass begins: nobody has its bytes yet.
    pub(crate) fn begin(&mut self) {
        debug_assert!(!self.is_passing(), "a pass begins while another is in progress");
        self.passed = Some(0);
    }

    /// The member whose turn it is; `None` once all have the pass's bytes, and between passes.
    ///
    /// Any change of the members may make it another's turn, so what this gave holds for one send and no longer.
    pub(crate) fn next(&self) -> Option<u32> {
        self.get(self.passed?)
    }

    /// The member whose turn it was has all of the pass's bytes: it is the next one's turn.
    pub(crate) fn passed(&mut self) {
        debug_assert!(self.next().is_some(), "it is nobody's turn");
        if let Some(passed) = &mut self.passed {
            *passed += 1;
        }
    }

    /// The pass is over: all members stand at its target.
    pub(crate) fn finish(&mut self) {
        debug_assert!(self.is_passing() && self.next().is_none(), "a pass ends when everybody has its bytes");
        self.passed = None;
        give_back(&mut self.keys);
    }

    /// Puts in a member that stands at the pass's target or, between passes, at the group's position. Gives its place.
    pub(crate) fn insert(&mut self, key: u32, mut moved: impl FnMut(u32, u32)) -> u32 {
        let last = u32::try_from(self.keys.len()).expect("keys are u32 and a group has each once");
        reserve_one(&mut self.keys);
        self.keys.push(key);
        let Some(passed) = &mut self.passed else {
            return last;
        };
        let place = *passed;
        *passed += 1;
        if place != last {
            self.keys.swap(place as usize, last as usize);
            moved(self.keys[last as usize], last);
        }
        place
    }

    /// Takes out the member at a place. Gives its key and whether it stood at the pass's target; between passes it
    /// stood where all do, and that is `true`.
    ///
    /// # Panics
    ///
    /// If the place is empty: members' places are kept by `moved`, so one of those calls was lost.
    pub(crate) fn remove(&mut self, place: u32, mut moved: impl FnMut(u32, u32)) -> (u32, bool) {
        let key = self.keys[place as usize];
        let had = self.passed.is_none_or(|passed| place < passed);
        let mut hole = place;
        if had && let Some(passed) = &mut self.passed {
            *passed -= 1;
            hole = *passed;
            if hole != place {
                self.keys[place as usize] = self.keys[hole as usize];
                moved(self.keys[place as usize], place);
            }
        }
        self.keys.swap_remove(hole as usize);
        if let Some(&filled) = self.keys.get(hole as usize) {
            moved(filled, hole);
        }
        // A pass may well be emptying the group, which the next answers fill again: `finish` gives back then.
        if !self.is_passing() {
            give_back(&mut self.keys);
        }
        (key, had)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// Begins a pass if none is in progress.
        Begin,
        /// Serves so many.
        Serve(usize),
        /// Finishes the pass if all have it.
        Finish,
        /// Lets the one whose turn it is leave, as one whose socket takes no more.
        Lag,
        Insert,
        Remove(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            2 => Just(Step::Begin),
            3 => (1usize..6).prop_map(Step::Serve),
            2 => Just(Step::Finish),
            1 => Just(Step::Lag),
            6 => Just(Step::Insert),
            4 => (0usize..64).prop_map(Step::Remove),
        ]
    }

    /// What is known of a member beside the slots.
    #[derive(Debug, Clone, Copy)]
    struct Member {
        place: u32,
        /// The number of the pass whose bytes it has.
        at: u32,
    }

    #[derive(Default)]
    struct Pair {
        slots: Slots,
        members: BTreeMap<u32, Member>,
        /// The number of the last pass that began.
        target: u32,
        keys: u32,
    }

    impl Pair {
        fn moved(members: &mut BTreeMap<u32, Member>) -> impl FnMut(u32, u32) + '_ {
            |key, place| members.get_mut(&key).expect("only members move").place = place
        }

        fn insert(&mut self) {
            let key = self.keys;
            self.keys += 1;
            let place = self.slots.insert(key, Self::moved(&mut self.members));
            self.members.insert(key, Member { place, at: self.target });
        }

        fn remove(&mut self, key: u32) {
            let member = self.members.remove(&key).expect("a member");
            let removed = self.slots.remove(member.place, Self::moved(&mut self.members));
            assert_eq!(removed, (key, member.at == self.target));
        }

        fn serve(&mut self) -> bool {
            let Some(key) = self.slots.next() else {
                return false;
            };
            let member = self.members.get_mut(&key).expect("a member's turn");
            assert_eq!(member.at + 1, self.target, "each pass once");
            member.at = self.target;
            self.slots.passed();
            true
        }

        fn finish(&mut self) {
            if self.slots.is_passing() && self.slots.next().is_none() {
                self.slots.finish();
                assert!(self.members.values().all(|member| member.at == self.target), "somebody was passed over");
            }
        }

        fn step(&mut self, step: Step) {
            match step {
                Step::Begin if !self.slots.is_passing() => {
                    self.slots.begin();
                    self.target += 1;
                }
                Step::Begin => {}
                Step::Serve(count) => _ = (0..count).take_while(|_| self.serve()).count(),
                Step::Finish => self.finish(),
                Step::Lag => self.slots.next().into_iter().for_each(|key| self.remove(key)),
                Step::Insert => self.insert(),
                Step::Remove(index) => {
                    let key = self.members.keys().nth(index).copied();
                    key.into_iter().for_each(|key| self.remove(key));
                }
            }
        }

        fn check(&self) {
            assert_eq!(self.slots.len(), self.members.len());
            assert_eq!(self.slots.is_empty(), self.members.is_empty());
            for (&key, member) in &self.members {
                assert_eq!(self.slots.get(member.place), Some(key));
            }
            let waits = self.members.values().any(|member| member.at != self.target);
            assert_eq!(self.slots.next().is_some(), waits);
        }
    }

    proptest! {
        #[test]
        fn each_member_gets_each_pass_exactly_once_whoever_comes_and_goes(steps in prop::collection::vec(step(), 0..300)) {
            let mut pair = Pair::default();
            for step in steps {
                pair.step(step);
                pair.check();
            }
            while pair.serve() {}
            pair.finish();
            prop_assert!(!pair.slots.is_passing());
            pair.check();
        }
    }

    #[test]
    fn whoever_leaves_before_the_line_is_replaced_by_one_that_has_the_bytes() {
        let mut slots = Slots::default();
        for key in 10..15 {
            slots.insert(key, |_, _| panic!("nobody moves between passes"));
        }
        slots.begin();
        for _ in 0..3 {
            slots.passed();
        }
        let mut moves = vec![];
        assert_eq!(slots.remove(0, |key, place| moves.push((key, place))), (10, true));
        assert_eq!(moves, [(12, 0), (14, 2)]);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [12, 11, 14, 13]);
        assert_eq!(slots.next(), Some(14));
    }

    #[test]
    fn a_group_that_was_large_gives_its_room_back() {
        let mut slots = Slots::default();
        for key in 0..10_000 {
            slots.insert(key, |_, _| {});
        }
        slots.begin();
        // Answers: each member leaves with its bytes.
        while slots.next().is_some() {
            slots.remove(0, |_, _| {});
        }
        slots.finish();
        assert!(slots.keys.capacity() < 100);
    }
}
