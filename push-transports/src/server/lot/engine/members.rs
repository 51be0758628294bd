//! Members: what happens to them in their group, and how they leave it.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use push_core::{Given, Seat};

use super::group::{Group, Passing};
use super::{Engine, Outlet, Received};
use crate::proto::lot::records::{CLOSE, ENDED, LEAVING, OVER, READABLE, Record, State};
use crate::proto::lot::ticks::{NEVER, TICK};
use crate::server::lot::cohort::{Guest, Member};
use crate::server::lot::inbox::MemberWaker;
use crate::server::readiness::{self, GONE, READ, WRITE};

/// Read at a time of what a member sends.
const SCRATCH: usize = 16 * 1024;
/// Reads of one member in a row. Who sends faster than this empties goes on by itself: a task has to let others run.
const READS: usize = 4;

impl<O: Outlet> Engine<'_, O> {
    /// A member's socket has something to say.
    pub(in crate::server::lot) fn notice_member(&mut self, key: u32, bits: u8) {
        let Some(id) = self.group_of(key) else { return };
        let Some(mut group) = self.0.groups().lend(id) else { return };
        if bits & GONE != 0 && bits & READ == 0 {
            self.lose(&mut group, key);
        } else if group.cohort.listens() {
            self.listen(&mut group, key, bits);
        } else {
            self.note(&mut group, key, bits);
        }
        self.put_back(id, group);
    }

    /// Who is not listened to: a next request waits in the socket, and the end of the client's direction gives it little time.
    fn note(&mut self, group: &mut Group<O::Handle, O::Io>, key: u32, bits: u8) {
        if bits & GONE != 0 {
            return self.lose(group, key);
        }
        self.mark(key, bits);
    }

    /// Notes what the socket of a connection said that is not listened to.
    pub(in crate::server::lot) fn mark(&mut self, key: u32, bits: u8) {
        let patience = self.0.now().saturating_add(self.0.patience());
        let Some(record) = self.0.records().get_mut(key) else { return };
        if bits & READ != 0 {
            record.set(READABLE, true);
        }
        if bits & readiness::ENDED != 0 && !record.has(ENDED) {
            record.set(ENDED, true);
            if patience <= record.deadline() {
                record.set(LEAVING, true);
                self.0.records().set_deadline(key, patience);
            }
        }
    }

    fn listen(&mut self, group: &mut Group<O::Handle, O::Io>, key: u32, bits: u8) {
        if self.0.early().contains_key(&key) {
            // What it said with its handshake comes before what is in the socket.
            return self.resume_as_it_stands(group, key, Bytes::new(), false);
        }
        let mut scratch = [0; SCRATCH];
        for _ in 0..READS {
            let input = match self.0.receive(key, &mut scratch) {
                Received::Bytes(read) => &mut scratch[..read],
                Received::Nothing => return,
                Received::Gone => return self.lose(group, key),
            };
            let now = self.0.now();
            if let Some(record) = self.0.records().get_mut(key) {
                record.heard = now;
            }
            // Behind what was said last comes its end, of which nothing more is heard.
            let is_all = input.len() < SCRATCH && bits & readiness::ENDED == 0;
            let Some(reply) = group.cohort.answer(input) else {
                self.0.early().insert(key, Bytes::copy_from_slice(input));
                return self.resume_as_it_stands(group, key, Bytes::new(), false);
            };
            if !reply.is_empty() {
                let Some(rest) = self.send_alone(key, &reply.into()) else { return self.lose(group, key) };
                if !rest.is_empty() {
                    return self.resume_as_it_stands(group, key, rest, true);
                }
            }
            if is_all {
                return; // what comes from here on makes a new event
            }
        }
        self.resume_as_it_stands(group, key, Bytes::new(), false);
    }

    /// A member's time is over.
    pub(in crate::server::lot) fn expire_member(&mut self, key: u32) {
        let Some(id) = self.group_of(key) else { return };
        let Some(mut group) = self.0.groups().lend(id) else { return };
        let is_leaving = self.0.records().get(key).is_some_and(|record| record.has(LEAVING));
        let is_owed =
            group.pass.as_ref().is_some_and(|passing| passing.batch.is_some()) && !self.has_passed(&group, key);
        let extra = self.0.guests().get(&key).and_then(|guest| guest.extra.as_ref());
        if is_leaving {
            self.lose(&mut group, key);
        } else if is_owed && group.cohort.is_answer() {
            // What is on its way is the answer. Any other would say that it had read as far as the crowd has.
        } else if let Some(last) = group.cohort.expire(extra) {
            match self.send_alone(key, &last) {
                Some(rest) if rest.is_empty() => self.answered(&mut group, key),
                Some(rest) => self.resume_as_it_stands(&mut group, key, rest, true),
                None => self.lose(&mut group, key),
            }
        } else {
            self.resume_as_it_stands(&mut group, key, Bytes::new(), false);
        }
        self.put_back(id, group);
    }

    /// An operator, or a drain, may have ended a member.
    pub(in crate::server::lot) fn end_member(&mut self, key: u32) {
        let Some(id) = self.group_of(key) else { return };
        if !self.is_ended(key) {
            return; // told of a connection that had the key before
        }
        let Some(mut group) = self.0.groups().lend(id) else { return };
        self.resume_as_it_stands(&mut group, key, Bytes::new(), false);
        self.put_back(id, group);
    }

    /// Whether a named member was ended; else leaves word to be told.
    pub(super) fn is_ended(&mut self, key: u32) -> bool {
        let waker = Waker::from(Arc::new(MemberWaker { inbox: Arc::clone(self.0.inbox()), key }));
        let Some(seat) = self.0.guests().get(&key).and_then(|guest| guest.seat.as_ref()) else { return false };
        seat.poll_ended(&mut Context::from_waker(&waker)).is_ready()
    }

    /// The request of a member is answered: its connection goes on with the next.
    pub(super) fn answered(&mut self, group: &mut Group<O::Handle, O::Io>, key: u32) {
        let (seat, _) = self.unseat(group, key);
        group.cohort.crowd().leave(seat);
        self.go_on_with_next(key);
    }

    /// What a connection was parked for is over, and all is written: it goes on with the next request, or ends.
    pub(in crate::server::lot) fn go_on_with_next(&mut self, key: u32) {
        let Some(record) = self.0.records().get_mut(key) else { return };
        let closes = record.has(CLOSE);
        let bits = unpark(record);
        record.set_state(State::Idle);
        let early = self.0.early().remove(&key).unwrap_or_default();
        if closes {
            self.0.hang_up(key, early);
        } else {
            self.0.idle(key, early, bits);
        }
    }

    /// A member's connection is gone.
    pub(super) fn lose(&mut self, group: &mut Group<O::Handle, O::Io>, key: u32) {
        let (seat, _) = self.unseat(group, key);
        group.cohort.crowd().leave(seat);
        self.0.close(key);
    }

    /// A member goes on by itself from where it stands.
    pub(super) fn resume_as_it_stands(
        &mut self,
        group: &mut Group<O::Handle, O::Io>,
        key: u32,
        rest: Bytes,
        is_blocked: bool,
    ) {
        let passing = group.pass.take();
        let given = match self.has_passed(group, key) {
            true => Given::All,
            false => Passing::given(passing.as_ref(), 0),
        };
        self.resume(group, key, given, rest, is_blocked);
        group.pass = passing;
    }

    /// A member goes on by itself, having got what is given.
    pub(super) fn resume(
        &mut self,
        group: &mut Group<O::Handle, O::Io>,
        key: u32,
        given: Given<'_>,
        rest: Bytes,
        is_blocked: bool,
    ) {
        let (seat, guest) = self.unseat(group, key);
        let subscriber = group.cohort.crowd().split(seat, given);
        let now = self.0.now();
        let Some(record) = self.0.records().get_mut(key) else { return };
        let (closes, silence) = (record.has(CLOSE), now.saturating_sub(record.heard));
        let left = Some(record.deadline()).filter(|deadline| *deadline != NEVER);
        let left = left.map(|deadline| TICK * deadline.saturating_sub(now));
        let bits = unpark(record) | if group.cohort.listens() { READ } else { 0 };
        let early = self.0.early().remove(&key).unwrap_or_default();
        let Some(io) = self.0.borrow(key, early, bits | WRITE) else { return };
        let silence = TICK.checked_mul(silence).unwrap_or(Duration::MAX);
        let member =
            Member { io, subscriber, extra: guest.extra, rest, silence, left, closes, may_park: true, is_blocked };
        self.0.spawn(group.cohort.resume(member));
    }

    /// Takes a member out of its slot.
    fn unseat(&mut self, group: &mut Group<O::Handle, O::Io>, key: u32) -> (Seat, Guest) {
        if let Some(place) = self.0.records().get(key).map(|record| record.link) {
            self.0.tally().members -= 1;
            let records = self.0.records();
            group.slots.remove(place, |moved, place| {
                if let Some(record) = records.get_mut(moved) {
                    record.link = place;
                }
            });
        }
        let mut guest = self.0.guests().remove(&key).unwrap_or_default();
        (guest.seat.take().unwrap_or_default(), guest)
    }

    fn group_of(&mut self, key: u32) -> Option<u32> {
        self.0.records().get(key).filter(|record| record.state() == State::Member).map(|record| record.group)
    }

    /// Puts a group back that was lent, or ends it if everybody has left and nothing is on its way.
    pub(super) fn put_back(&mut self, id: u32, group: Box<Group<O::Handle, O::Io>>) {
        if group.is_deserted() && !group.is_queued {
            self.0.groups().remove(id, group);
        } else {
            self.0.groups().put_back(id, group);
        }
    }
}

/// Takes what was noted while a connection was parked: the bits that are known of its socket.
pub(in crate::server::lot) fn unpark(record: &mut Record) -> u8 {
    let bits = if record.has(READABLE) { READ } else { 0 } | if record.has(ENDED) { readiness::ENDED } else { 0 };
    record.set(CLOSE | READABLE | ENDED | LEAVING | OVER, false);
    bits
}
