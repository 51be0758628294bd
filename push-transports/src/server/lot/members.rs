//! Members: what happens to them in their group, and how they leave it.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use push_core::{BoxFuture, Given, Seat};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::cohort::{Guest, Member};
use super::group::Group;
use super::inbox::MemberWaker;
use super::run::Lot;
use crate::proto::lot::records::{CLOSE, ENDED, READABLE, State};
use crate::proto::lot::ticks::{NEVER, TICK, in_ticks};
use crate::server::readiness::{self, GONE, READ, WRITE};

/// Read at a time of what a member sends.
const SCRATCH: usize = 16 * 1024;

impl Lot {
    /// A member's socket has something to say.
    pub(super) fn notice_member(&mut self, key: u32, bits: u8) {
        let Some(id) = self.group_of(key) else { return };
        let Some(mut group) = self.groups.lend(id) else { return };
        if bits & GONE != 0 && bits & READ == 0 {
            self.lose(&mut group, key);
        } else if group.cohort.listens() {
            self.listen(&mut group, key);
        } else {
            self.note(&mut group, key, bits);
        }
        self.put_back(id, group);
    }

    /// Who is not listened to: a next request waits in the socket, and the end of the client's direction gives it little time.
    fn note(&mut self, group: &mut Group, key: u32, bits: u8) {
        if bits & GONE != 0 {
            return self.lose(group, key);
        }
        let Some(record) = self.records.get_mut(key) else { return };
        if bits & READ != 0 {
            record.set(READABLE, true);
        }
        if bits & readiness::ENDED != 0 && !record.has(ENDED) {
            record.set(ENDED, true);
            let patience = self.now.saturating_add(in_ticks(self.house.config.half_close));
            let deadline = record.deadline().min(patience);
            self.records.set_deadline(key, deadline);
        }
    }

    fn listen(&mut self, group: &mut Group, key: u32) {
        let mut scratch = [0; SCRATCH];
        loop {
            let Some(descriptor) = self.records.handle(key) else { return };
            let input = match rustix::net::recv(descriptor, &mut scratch, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return self.lose(group, key),
                Ok((read, _)) => &mut scratch[..read],
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return self.lose(group, key),
            };
            if let Some(record) = self.records.get_mut(key) {
                record.heard = self.now;
            }
            let is_all = input.len() < SCRATCH;
            let Some(reply) = group.cohort.answer(input) else {
                self.early.insert(key, Bytes::copy_from_slice(input));
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
    }

    /// A member's time is over.
    pub(super) fn expire_member(&mut self, key: u32) {
        let Some(id) = self.group_of(key) else { return };
        let Some(mut group) = self.groups.lend(id) else { return };
        let is_ended = self.records.get(key).is_some_and(|record| record.has(ENDED));
        let extra = self.guests.get(&key).and_then(|guest| guest.extra.as_ref());
        if is_ended {
            self.lose(&mut group, key);
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
    pub(super) fn end_member(&mut self, key: u32) {
        let Some(id) = self.group_of(key) else { return };
        if !self.is_ended(key) {
            return; // told of a connection that had the key before
        }
        let Some(mut group) = self.groups.lend(id) else { return };
        self.resume_as_it_stands(&mut group, key, Bytes::new(), false);
        self.put_back(id, group);
    }

    /// Whether a named member was ended; else leaves word to be told.
    pub(super) fn is_ended(&self, key: u32) -> bool {
        let Some(seat) = self.guests.get(&key).and_then(|guest| guest.seat.as_ref()) else { return false };
        let waker = Waker::from(Arc::new(MemberWaker { inbox: Arc::clone(&self.inbox), key }));
        seat.poll_ended(&mut Context::from_waker(&waker)).is_ready()
    }

    /// The request of a member is answered: its connection goes on with the next.
    pub(super) fn answered(&mut self, group: &mut Group, key: u32) {
        let (seat, _) = self.unseat(group, key);
        group.cohort.crowd().leave(seat);
        let Some(record) = self.records.get_mut(key) else { return };
        let closes = record.has(CLOSE);
        let bits = if record.has(READABLE) { READ } else { 0 } | if record.has(ENDED) { readiness::ENDED } else { 0 };
        record.set(CLOSE | READABLE | ENDED, false);
        record.set_state(State::Idle);
        let early = self.early.remove(&key).unwrap_or_default();
        if closes {
            self.hang_up(key, early);
        } else {
            self.idle(key, early, bits);
        }
    }

    /// Closes a connection in an orderly way, which takes a task.
    pub(super) fn hang_up(&mut self, key: u32, early: Bytes) {
        if let Some(io) = self.borrow(key, early, READ | WRITE) {
            tokio::spawn(io.hang_up());
        }
    }

    /// A member's connection is gone.
    pub(super) fn lose(&mut self, group: &mut Group, key: u32) {
        let (seat, _) = self.unseat(group, key);
        group.cohort.crowd().leave(seat);
        self.close(key);
    }

    /// A member goes on by itself from where it stands.
    pub(super) fn resume_as_it_stands(&mut self, group: &mut Group, key: u32, rest: Bytes, is_blocked: bool) {
        let passing = group.pass.take();
        let given = self.given_of(group, passing.as_ref(), key);
        self.resume(group, key, given, rest, is_blocked);
        group.pass = passing;
    }

    /// A member goes on by itself, having got what is given.
    pub(super) fn resume(&mut self, group: &mut Group, key: u32, given: Given<'_>, rest: Bytes, is_blocked: bool) {
        let (seat, guest) = self.unseat(group, key);
        let subscriber = group.cohort.crowd().split(seat, given);
        let Some(record) = self.records.get_mut(key) else { return };
        let (closes, silence) = (record.has(CLOSE), self.now.saturating_sub(record.heard));
        let left = Some(record.deadline()).filter(|deadline| *deadline != NEVER);
        let left = left.map(|deadline| TICK * deadline.saturating_sub(self.now));
        let is_readable = record.has(READABLE) || group.cohort.listens();
        let bits = if is_readable { READ } else { 0 } | if record.has(ENDED) { readiness::ENDED } else { 0 };
        record.set(CLOSE | READABLE | ENDED, false);
        let early = self.early.remove(&key).unwrap_or_default();
        let Some(io) = self.borrow(key, early, bits | WRITE) else { return };
        let silence = TICK.checked_mul(silence).unwrap_or(Duration::MAX);
        let member =
            Member { io, subscriber, extra: guest.extra, rest, silence, left, closes, may_park: true, is_blocked };
        self.set_off(group.cohort.resume(member));
    }

    /// Gives a connection that goes on by itself its task.
    pub(super) fn set_off(&self, session: BoxFuture<'static, ()>) {
        let resumed = self.tally.resume();
        tokio::spawn(async move {
            session.await;
            drop(resumed);
        });
    }

    /// Takes a member out of its slot.
    fn unseat(&mut self, group: &mut Group, key: u32) -> (Seat, Guest) {
        if let Some(place) = self.records.get(key).map(|record| record.link) {
            self.tally.members -= 1;
            let records = &mut self.records;
            group.slots.remove(place, |moved, place| {
                if let Some(record) = records.get_mut(moved) {
                    record.link = place;
                }
            });
        }
        let mut guest = self.guests.remove(&key).unwrap_or_default();
        (guest.seat.take().unwrap_or_default(), guest)
    }

    fn group_of(&self, key: u32) -> Option<u32> {
        self.records.get(key).filter(|record| record.state() == State::Member).map(|record| record.group)
    }

    /// Puts a group back that was lent, or ends it if everybody has left and nothing is on its way.
    fn put_back(&mut self, id: u32, group: Box<Group>) {
        if group.is_deserted() && !group.is_queued {
            self.groups.remove(id, group);
        } else {
            self.groups.put_back(id, group);
        }
    }
}
