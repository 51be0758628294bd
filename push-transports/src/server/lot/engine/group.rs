//! One cohort in a lot: its members' slots and the pass that is on its way to them.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Waker};

use push_core::{Batch, Given};

use crate::proto::lot::pass::Pass;
use crate::proto::lot::slots::Slots;
use crate::proto::lot::ticks::{NEVER, in_ticks};
use crate::server::lot::cohort::{Cohort, Parking};
use crate::server::lot::socket::Returned;

/// A connection that is to become a member, and what it is to be a member of.
pub(super) type Joiner<H, I> = (Box<Returned<H>>, Box<Parking<I>>);

pub(super) struct Group<H, I> {
    pub(super) key: Arc<[u8]>,
    pub(super) cohort: Box<dyn Cohort<I>>,
    pub(super) slots: Slots,
    pub(super) pass: Option<Passing>,
    /// Ahead of the members: they join once these have got so far.
    pub(super) joiners: Vec<Joiner<H, I>>,
    /// Marks the group when its channels move.
    pub(super) waker: Waker,
    /// Whether it is in the queue of those that have a pass, or an end, to go on with.
    pub(super) is_queued: bool,
    /// All members are resumed: the crowd has an ending, or fell off the tail.
    pub(super) is_ending: bool,
    /// When its silence is to be broken.
    pub(super) beat_at: u32,
    /// That fell due while a pass was on its way: it follows the pass.
    pub(super) is_beat_late: bool,
    /// The last read left something.
    has_more: bool,
}

/// Bytes on their way to all members.
pub(super) struct Passing {
    pub(super) pass: Pass,
    /// What they say; `None` for what breaks a silence.
    pub(super) batch: Option<Batch>,
}

impl Passing {
    /// What a member has got of the pass when `frames` of its frames have begun to go out.
    pub(super) fn given(passing: Option<&Self>, frames: usize) -> Given<'_> {
        let Some(Self { batch: Some(batch), .. }) = passing else { return Given::All };
        let gaps = usize::from(!batch.gaps.is_empty());
        match frames.checked_sub(gaps) {
            // Without gaps, no frames are nothing.
            Some(0) if gaps == 0 => Given::Nothing,
            Some(count) => Given::Part(&batch.publications[..count.min(batch.publications.len())]),
            None => Given::Nothing,
        }
    }

    /// How many publications each member gets with it.
    pub(super) fn publications(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.publications.len())
    }
}

/// What beginning a pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// There is a pass, or an end, to go on with.
    Work,
    /// Nothing is to be written.
    Nothing,
}

impl<H, I> fmt::Debug for Group<H, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("key", &String::from_utf8_lossy(&self.key)).finish_non_exhaustive()
    }
}

impl<H, I> Group<H, I> {
    pub(super) fn new(key: Arc<[u8]>, cohort: Box<dyn Cohort<I>>, waker: Waker) -> Self {
        Self {
            key,
            cohort,
            slots: Slots::default(),
            pass: None,
            joiners: Vec::new(),
            waker,
            is_queued: false,
            is_ending: false,
            beat_at: NEVER,
            is_beat_late: false,
            has_more: false,
        }
    }

    /// Reads on, if nothing is on its way.
    pub(super) fn begin(&mut self, now: u32) -> Begun {
        if self.pass.is_some() || self.is_ending {
            return Begun::Work;
        }
        if std::mem::take(&mut self.is_beat_late) && self.beat(now) == Begun::Work {
            return Begun::Work; // what is to be read follows it
        }
        let budget = self.cohort.budget();
        loop {
            let crowd = self.cohort.crowd();
            // Before the log is read: what comes behind the read marks the group again.
            let _ = crowd.poll_moved(&mut Context::from_waker(&self.waker));
            if crowd.ending().is_some() {
                self.is_ending = true;
                return Begun::Work;
            }
            if self.slots.is_empty() {
                return Begun::Nothing;
            }
            let batch = crowd.read(budget);
            self.has_more = batch.more;
            if batch.ending.is_some() {
                // Each says its own end: it reads on from where the members stand, and meets the same.
                self.pass = Some(Passing { pass: Pass::default(), batch: Some(batch) });
                self.slots.begin();
                self.is_ending = true;
                return Begun::Work;
            }
            if batch.is_empty() {
                match batch.more {
                    true => continue,
                    false => return Begun::Nothing,
                }
            }
            let pass = self.cohort.write(&batch);
            self.start(Passing { pass, batch: Some(batch) }, now);
            return Begun::Work;
        }
    }

    /// Whether there may be something to begin: its channels were marked, there was more than was read, or its silence was to
    /// be broken. What is on its way by now is followed by the next look: a mark that is taken here must be read here.
    pub(super) fn may_begin(&mut self) -> bool {
        let mut cx = Context::from_waker(&self.waker);
        let is_due = self.is_beat_late || self.has_more;
        self.pass.is_none() && (is_due || self.cohort.crowd().poll_moved(&mut cx).is_ready())
    }

    /// Breaks the silence, if nothing is on its way.
    pub(super) fn beat(&mut self, now: u32) -> Begun {
        self.set_beat(now);
        // Members that are listened to must speak, whatever they are told.
        self.is_beat_late = self.cohort.listens() && self.pass.is_some();
        if self.pass.is_some() || self.is_ending || self.slots.is_empty() {
            return Begun::Nothing;
        }
        match self.cohort.beat() {
            Some(pass) => {
                self.start(Passing { pass, batch: None }, now);
                Begun::Work
            }
            None => Begun::Nothing,
        }
    }

    fn start(&mut self, passing: Passing, now: u32) {
        self.pass = Some(passing);
        self.slots.begin();
        // Where it is the members' silence that is broken, being written to does not break it.
        if !self.cohort.listens() {
            self.set_beat(now);
        }
    }

    /// Sets when the silence that begins now is to be broken. Long ones are broken at whole seconds, so that many groups
    /// are looked at once a second and not each at its own tick.
    pub(super) fn set_beat(&mut self, now: u32) {
        const SECOND: u32 = 10;
        self.beat_at = match self.cohort.heartbeat().map(in_ticks) {
            Some(ticks) if ticks >= 10 * SECOND => now.saturating_add(ticks) / SECOND * SECOND,
            // A tick early: the sweep may be one late.
            Some(ticks) => now.saturating_add(ticks.saturating_sub(1).max(1)),
            None => NEVER,
        };
    }

    /// Whether nobody is here, and nobody waits.
    pub(super) fn is_deserted(&self) -> bool {
        self.slots.is_empty() && self.joiners.is_empty()
    }
}
