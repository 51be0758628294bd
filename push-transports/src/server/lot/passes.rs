//! Passes: what was read goes out to every member, a turn at a time.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use push_core::Given;
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::group::{Begun, Group};
use super::run::Lot;
use crate::proto::lot::ticks::in_ticks;

const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// What became of one send.
pub(super) enum Sent {
    Whole,
    /// So many bytes, fewer than there were.
    Part(usize),
    Gone,
}

impl Lot {
    /// A group's channels moved.
    pub(super) fn begin(&mut self, id: u32) {
        let Some(group) = self.groups.get_mut(id) else { return };
        match group.begin(self.now) {
            Begun::Work => {
                let beat_at = group.beat_at;
                self.groups.note_beat(beat_at);
                self.groups.enqueue(id);
            }
            Begun::Nothing => {}
        }
    }

    /// A group's silence has lasted.
    pub(super) fn beat(&mut self, id: u32) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let begun = group.beat(self.now);
        let beat_at = group.beat_at;
        self.groups.note_beat(beat_at);
        if begun == Begun::Work {
            self.groups.enqueue(id);
        }
    }

    /// Goes on with what a group has on its way, for `sends` members.
    pub(super) fn go_on(&mut self, id: u32, sends: usize) {
        let Some(mut group) = self.groups.lend(id) else { return };
        group.is_queued = false;
        let is_over = match group.is_ending {
            true => self.end_some(&mut group, sends),
            false => self.send_some(&mut group, sends),
        };
        if is_over {
            self.finish(id, group);
        } else {
            self.groups.put_back(id, group);
            self.groups.enqueue(id);
        }
    }

    /// Sends the pass to some; true once it is over.
    fn send_some(&mut self, group: &mut Group, sends: usize) -> bool {
        let Some(passing) = &group.pass else { return true };
        let bytes = passing.pass.bytes().clone();
        let publications = passing.publications();
        let is_beat = passing.batch.is_none();
        let is_answer = group.cohort.is_answer() && !is_beat;
        let dead_before =
            group.cohort.silence_limit().filter(|_| is_beat).map(|limit| self.now.saturating_sub(in_ticks(limit)));
        for _ in 0..sends {
            let Some(key) = group.slots.next() else { return true };
            if dead_before.is_some_and(|before| self.records.get(key).is_some_and(|record| record.heard < before)) {
                self.lose(group, key);
                continue;
            }
            let sent = self.send(key, &bytes);
            if !matches!(sent, Sent::Gone) {
                self.tally.sent(publications, matches!(sent, Sent::Whole));
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

    fn send(&self, key: u32, bytes: &[u8]) -> Sent {
        self.records.handle(key).map_or(Sent::Gone, |descriptor| send(descriptor, bytes))
    }

    /// Sends what one connection alone is owed; `None` if it is gone, else what was not taken.
    pub(super) fn send_alone(&self, key: u32, bytes: &Bytes) -> Option<Bytes> {
        match self.send(key, bytes) {
            Sent::Whole => Some(Bytes::new()),
            Sent::Part(written) => Some(bytes.slice(written..)),
            Sent::Gone => None,
        }
    }

    /// The member did not take all: it reads on by itself, behind the frame that it is in.
    fn lag(&mut self, group: &mut Group, key: u32, written: usize) {
        let passing = group.pass.as_ref().expect("a pass is on its way");
        let cut = passing.pass.cut(written);
        // A frame that was begun is given: its rest follows.
        let frames = cut.frames + usize::from(!cut.rest.is_empty());
        let passing = group.pass.take();
        let given = match group.cohort.is_answer() && written > 0 {
            true => Given::All, // an answer is one frame
            false => Group::given(passing.as_ref(), frames),
        };
        self.resume(group, key, given, cut.rest, true);
        group.pass = passing;
    }

    /// Resumes some members of a group that ends; true once nobody is left.
    fn end_some(&mut self, group: &mut Group, members: usize) -> bool {
        for _ in 0..members {
            let Some(key) = group.slots.get(0) else { return true };
            let passing = group.pass.take();
            let given = self.given_of(group, passing.as_ref(), key);
            self.resume(group, key, given, Bytes::new(), false);
            group.pass = passing;
        }
        group.slots.is_empty()
    }

    /// The pass is over, or the group is.
    fn finish(&mut self, id: u32, mut group: Box<Group>) {
        if group.slots.is_passing() {
            group.slots.finish();
        }
        let passed = group.pass.take();
        let is_ending = std::mem::take(&mut group.is_ending);
        self.tally.passed(passed.filter(|_| !is_ending).map_or(0, |passing| passing.publications()));
        let joiners = std::mem::take(&mut group.joiners);
        if group.slots.is_empty() && (joiners.is_empty() || is_ending) {
            self.groups.remove(id, group);
        } else {
            self.groups.put_back(id, group);
        }
        for (returned, parking) in joiners {
            self.join(returned, parking);
        }
        // What came during the pass has marked the group, which was not looked at then.
        self.begin(id);
    }

    /// What a member has got of the pass that is on its way.
    pub(super) fn given_of<'a>(
        &self,
        group: &Group,
        passing: Option<&'a super::group::Passing>,
        key: u32,
    ) -> Given<'a> {
        let place = self.records.get(key).map_or(0, |record| record.link);
        match group.slots.has_passed(place) || passing.is_none() {
            true => Given::All,
            false => Group::given(passing, 0),
        }
    }
}

/// One send, without waiting.
pub(super) fn send(descriptor: &OwnedFd, bytes: &[u8]) -> Sent {
    loop {
        return match rustix::net::send(descriptor, bytes, SEND) {
            Ok(sent) if sent == bytes.len() => Sent::Whole,
            Ok(sent) => Sent::Part(sent),
            Err(Errno::AGAIN) => Sent::Part(0),
            Err(Errno::INTR) => continue,
            Err(_) => Sent::Gone,
        };
    }
}
