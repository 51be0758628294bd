//! Passes: what was read goes out to every member, a turn at a time.

use bytes::Bytes;
use push_core::Given;

use super::group::{Begun, Group, Passing};
use super::{Engine, Outlet, Sent};
use crate::proto::lot::ticks::in_ticks;

impl<O: Outlet> Engine<'_, O> {
    /// A group's channels moved.
    pub(in crate::server::lot) fn begin(&mut self, id: u32) {
        let now = self.0.now();
        let Some(group) = self.0.groups().get_mut(id) else { return };
        match group.begin(now) {
            Begun::Work => {
                let beat_at = group.beat_at;
                self.0.groups().note_beat(beat_at);
                self.0.groups().enqueue(id);
            }
            Begun::Nothing => {}
        }
    }

    /// A group's silence has lasted.
    pub(in crate::server::lot) fn beat(&mut self, id: u32) {
        let now = self.0.now();
        let Some(group) = self.0.groups().get_mut(id) else { return };
        let begun = group.beat(now);
        let beat_at = group.beat_at;
        self.0.groups().note_beat(beat_at);
        if begun == Begun::Work {
            self.0.groups().enqueue(id);
        }
    }

    /// One turn, of so many `sends`, of each group that has something on its way: none waits for another's whole pass.
    pub(in crate::server::lot) fn go_round(&mut self, sends: usize) {
        for _ in 0..self.0.groups().queued() {
            let Some(group) = self.0.groups().next() else { break };
            self.go_on(group, sends);
        }
    }

    /// Goes on with what a group has on its way, for `sends` members.
    fn go_on(&mut self, id: u32, sends: usize) {
        let Some(mut group) = self.0.groups().lend(id) else { return };
        group.is_queued = false;
        let is_over = match group.is_ending {
            true => self.end_some(&mut group, sends),
            false => self.send_some(&mut group, sends),
        };
        if is_over {
            self.finish(id, group);
        } else {
            self.0.groups().put_back(id, group);
            self.0.groups().enqueue(id);
        }
    }

    /// Sends the pass to some; true once it is over.
    fn send_some(&mut self, group: &mut Group<O::Handle, O::Io>, sends: usize) -> bool {
        let Some(passing) = &group.pass else { return true };
        let bytes = passing.pass.bytes().clone();
        let publications = passing.publications();
        let is_beat = passing.batch.is_none();
        let is_answer = group.cohort.is_answer() && !is_beat;
        let silence_limit = group.cohort.silence_limit().filter(|_| is_beat).map(in_ticks);
        for _ in 0..sends {
            let Some(key) = group.slots.next() else { return true };
            if let Some(limit) = silence_limit
                && self.is_dead(key, limit, group.beat_at)
            {
                self.lose(group, key);
                continue;
            }
            let sent = self.0.send(key, &bytes);
            if !matches!(sent, Sent::Gone) {
                self.0.tally().sent(publications, matches!(sent, Sent::Whole));
            }
            match sent {
                Sent::Whole if is_answer => self.answered(group, key),
                Sent::Whole => group.slots.passed(),
                Sent::Part(written) => self.lag(group, key, written),
                Sent::Gone => self.lose(group, key),
            }
        }
        group.slots.next().is_none()
    }

    /// Whether a member was silent for `limit`. One that will be before the next beat is looked at then.
    fn is_dead(&mut self, key: u32, limit: u32, next_beat: u32) -> bool {
        let now = self.0.now();
        let Some(record) = self.0.records().get(key) else { return false };
        let (dead_at, deadline) = (record.heard.saturating_add(limit), record.deadline());
        if now < dead_at && dead_at < next_beat.min(deadline) {
            self.0.records().set_deadline(key, dead_at);
        }
        dead_at <= now
    }

    /// Sends what one connection alone is owed; `None` if it is gone, else what was not taken.
    pub(super) fn send_alone(&mut self, key: u32, bytes: &Bytes) -> Option<Bytes> {
        match self.0.send(key, bytes) {
            Sent::Whole => Some(Bytes::new()),
            Sent::Part(written) => Some(bytes.slice(written..)),
            Sent::Gone => None,
        }
    }

    /// The member did not take all: it reads on by itself, behind the frame that it is in.
    fn lag(&mut self, group: &mut Group<O::Handle, O::Io>, key: u32, written: usize) {
        let passing = group.pass.take();
        let cut = passing.as_ref().expect("a pass is on its way").pass.cut(written);
        // A frame that was begun is given: its rest follows.
        let frames = cut.frames + usize::from(!cut.rest.is_empty());
        let given = match group.cohort.is_answer() && written > 0 {
            true => Given::All, // an answer is one frame
            false => Passing::given(passing.as_ref(), frames),
        };
        self.resume(group, key, given, cut.rest, true);
        group.pass = passing;
    }

    /// Resumes some members of a group that ends; true once nobody is left.
    fn end_some(&mut self, group: &mut Group<O::Handle, O::Io>, members: usize) -> bool {
        for _ in 0..members {
            let Some(key) = group.slots.get(0) else { return true };
            self.resume_as_it_stands(group, key, Bytes::new(), false);
        }
        group.slots.is_empty()
    }

    /// The pass is over, or the group is.
    fn finish(&mut self, id: u32, mut group: Box<Group<O::Handle, O::Io>>) {
        if group.slots.is_passing() {
            group.slots.finish();
        }
        let passed = group.pass.take();
        let is_ending = std::mem::take(&mut group.is_ending);
        self.0.tally().passed(passed.filter(|_| !is_ending).map_or(0, |passing| passing.publications()));
        let joiners = std::mem::take(&mut group.joiners);
        if group.slots.is_empty() && (joiners.is_empty() || is_ending) {
            self.0.groups().remove(id, group);
        } else {
            self.0.groups().put_back(id, group);
        }
        for (returned, parking) in joiners {
            self.join(returned, parking);
        }
        // What came during the pass has marked the group, which was not looked at then.
        if is_ending || self.0.groups().get_mut(id).is_some_and(Group::may_begin) {
            self.begin(id);
        }
    }

    /// Whether a member has all of the pass that is on its way; so it has if there is none.
    pub(super) fn has_passed(&mut self, group: &Group<O::Handle, O::Io>, key: u32) -> bool {
        let place = self.0.records().get(key).map_or(0, |record| record.link);
        group.slots.has_passed(place)
    }
}
