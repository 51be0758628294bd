//! How a connection becomes a member: once it has read exactly as far as the others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_core::{Crowd, Seat};

use super::group::{Group, Joiner};
use super::{Engine, Outlet, Sent};
use crate::proto::lot::records::{CLOSE, State};
use crate::proto::lot::ticks::{NEVER, in_ticks};
use crate::server::lot::cohort::{Extra, Guest, Member, Parking};
use crate::server::lot::socket::Returned;
use crate::server::readiness::{READ, WRITE};

/// Times a joiner reads on before it is left to itself.
const CATCH_UPS: usize = 8;

/// A connection that does not stand where its group does: what it sent ahead of its time, and what it is to be.
pub(in crate::server::lot) type NotLevel<I> = (Bytes, Box<Parking<I>>);

/// Where a connection comes from that is to be a member.
enum Coming<H> {
    /// From a task.
    Back(Box<Returned<H>>),
    /// Nobody had it. With what it sent ahead of its time, and what is known of its socket.
    Here(u32, Bytes, u8),
}

impl<O: Outlet> Engine<'_, O> {
    /// A task hands its connection over, to be served with others.
    pub(in crate::server::lot) fn admit(&mut self, returned: Box<Returned<O::Handle>>, parking: Box<Parking<O::Io>>) {
        // Its record stays busy until it has joined, so that what is heard of its socket is kept.
        if self.0.is_busy(returned.key) {
            self.join(returned, parking);
        }
    }

    /// The same for a connection that no task had, if the others stand where it does: else it is given back.
    pub(in crate::server::lot) fn admit_here(
        &mut self,
        key: u32,
        (early, bits): (Bytes, u8),
        parking: Box<Parking<O::Io>>,
    ) -> Result<(), NotLevel<O::Io>> {
        for _ in 0..2 {
            let Some(id) = self.0.groups().find(&parking.key) else {
                self.found(Coming::Here(key, early, bits), parking);
                return Ok(());
            };
            let Some(mut group) = self.0.groups().lend(id) else { break };
            let (position, own) = (group.cohort.crowd().position(), parking.subscriber.position());
            let is_over = group.is_ending || group.cohort.crowd().ending().is_some();
            if !is_over && (group.slots.is_empty() || own == position) {
                self.seat(id, group, Coming::Here(key, early, bits), parking);
                return Ok(());
            }
            let reads_on = !is_over && own > position && group.pass.is_none();
            self.0.groups().put_back(id, group);
            if !reads_on {
                break;
            }
            self.begin(id);
        }
        Err((early, parking))
    }

    /// Lets a connection into its group, now or when the group has got as far as it is.
    pub(super) fn join(&mut self, mut returned: Box<Returned<O::Handle>>, mut parking: Box<Parking<O::Io>>) {
        for _ in 0..=CATCH_UPS {
            let Some(id) = self.0.groups().find(&parking.key) else {
                return self.found(Coming::Back(returned), parking);
            };
            let Some(mut group) = self.0.groups().lend(id) else { return self.drop_joiner(returned) };
            let position = group.cohort.crowd().position();
            let is_ahead = parking.subscriber.position() > position;
            if group.is_ending || group.cohort.crowd().ending().is_some() {
                // It is over for those who are here; who comes now begins anew.
                self.0.groups().hide(id, &group.key);
                self.0.groups().put_back(id, group);
                self.begin(id);
            } else if group.slots.is_empty() || parking.subscriber.position() == position {
                return self.seat(id, group, Coming::Back(returned), parking);
            } else if is_ahead && group.pass.is_some() {
                group.joiners.push((returned, parking));
                return self.0.groups().put_back(id, group);
            } else if is_ahead {
                // Nothing is on its way: reading on takes the group as far, unless there is much.
                self.0.groups().put_back(id, group);
                self.begin(id);
            } else {
                let caught_up = self.catch_up(&mut group, position, returned, parking);
                self.0.groups().put_back(id, group);
                match caught_up {
                    Some(still) => (returned, parking) = still,
                    None => return,
                }
            }
        }
        // The group has too much of a lead.
        self.go_alone(Coming::Back(returned), parking, Bytes::new(), true);
    }

    /// Writes a joiner what the group has got before it came. `None` if it does not join after all.
    fn catch_up(
        &mut self,
        group: &mut Group<O::Handle, O::Io>,
        through: u64,
        returned: Box<Returned<O::Handle>>,
        mut parking: Box<Parking<O::Io>>,
    ) -> Option<Joiner<O::Handle, O::Io>> {
        let batch = parking.subscriber.read_through(through, group.cohort.budget(), false);
        if batch.ending.is_some() {
            self.go_alone(Coming::Back(returned), parking, Bytes::new(), true);
            return None;
        }
        if batch.is_empty() {
            return Some((returned, parking));
        }
        let pass = group.cohort.write(&batch);
        match self.0.send_back(&returned, pass.bytes()) {
            Sent::Whole if group.cohort.is_answer() => self.answer_joiner(returned, &parking),
            Sent::Whole => return Some((returned, parking)),
            Sent::Part(written) => {
                let rest = pass.bytes().slice(written..);
                self.go_alone(Coming::Back(returned), parking, rest, true);
            }
            Sent::Gone => self.drop_joiner(returned),
        }
        None
    }

    fn answer_joiner(&mut self, returned: Box<Returned<O::Handle>>, parking: &Parking<O::Io>) {
        let Some((key, early, bits)) = self.arrive(Coming::Back(returned)) else { return };
        if parking.closes {
            self.0.hang_up(key, early);
        } else {
            self.0.idle(key, early, bits);
        }
    }

    /// Takes a seat in the group's crowd: level with it, or the first.
    fn seat(
        &mut self,
        id: u32,
        mut group: Box<Group<O::Handle, O::Io>>,
        coming: Coming<O::Handle>,
        parking: Box<Parking<O::Io>>,
    ) {
        let Parking { subscriber, extra, lasts, silence, closes, key, kind } = *parking;
        match group.cohort.crowd().join(subscriber) {
            Ok(seat) => {
                let key = self.place(id, &mut group, coming, (seat, extra));
                self.put_back(id, group);
                self.settle(key, lasts, silence, closes);
            }
            Err(subscriber) => {
                self.put_back(id, group);
                let parking = Parking { subscriber: *subscriber, extra, lasts, silence, closes, key, kind };
                // It was told to end, or differs in a way that its key does not tell.
                self.go_alone(coming, Box::new(parking), Bytes::new(), false);
            }
        }
    }

    /// The first of its kind: makes the group.
    fn found(&mut self, coming: Coming<O::Handle>, parking: Box<Parking<O::Io>>) {
        let Parking { subscriber, extra, lasts, silence, closes, key, kind } = *parking;
        let (crowd, seat) = match Crowd::of(subscriber) {
            Ok(founded) => founded,
            Err(subscriber) => {
                let parking = Parking { subscriber: *subscriber, extra, lasts, silence, closes, key, kind };
                return self.go_alone(coming, Box::new(parking), Bytes::new(), false);
            }
        };
        let cohort = kind.found(crowd);
        let inbox = Arc::clone(self.0.inbox());
        let id = self.0.groups().insert(&inbox, |waker| Group::new(key, cohort, waker));
        let Some(mut group) = self.0.groups().lend(id) else { return };
        group.set_beat(self.0.now());
        self.0.groups().note_beat(group.beat_at);
        let key = self.place(id, &mut group, coming, (seat, extra));
        self.put_back(id, group);
        self.settle(key, lasts, silence, closes);
        // From here on its channels mark it; what they had before that is read.
        self.begin(id);
    }

    /// Gives a connection its slot; returns its key, and what was heard of its socket.
    fn place(
        &mut self,
        id: u32,
        group: &mut Group<O::Handle, O::Io>,
        coming: Coming<O::Handle>,
        (seat, extra): (Seat, Option<Extra>),
    ) -> Option<(u32, u8)> {
        let Some((key, early, mut bits)) = self.arrive(coming) else {
            group.cohort.crowd().leave(seat);
            return None;
        };
        if !early.is_empty() {
            // To be heard at once, where members are listened to.
            bits |= READ;
            self.0.early().insert(key, Bytes::copy_from_slice(&early));
        }
        if seat.is_named() || extra.is_some() {
            self.0.guests().insert(key, Guest { seat: Some(seat), extra });
        }
        let records = self.0.records();
        let link = group.slots.insert(key, |moved, place| {
            if let Some(record) = records.get_mut(moved) {
                record.link = place;
            }
        });
        self.0.tally().members += 1;
        if let Some(record) = self.0.records().get_mut(key) {
            record.set_state(State::Member);
            record.group = id;
            record.link = link;
        }
        Some((key, bits))
    }

    /// Ends the loan, if there was one: the key, what was sent ahead of its time, and what was heard of the socket.
    fn arrive(&mut self, coming: Coming<O::Handle>) -> Option<(u32, Bytes, u8)> {
        match coming {
            Coming::Here(key, early, bits) => Some((key, early, bits)),
            Coming::Back(returned) => {
                let Returned { key, descriptor, early, bits, .. } = *self.0.take_back(returned)?;
                self.0.records().put_back(key, descriptor).ok()?;
                Some((key, early, bits))
            }
        }
    }

    /// The times of a new member, and what was heard of it on the way.
    fn settle(&mut self, key: Option<(u32, u8)>, lasts: Option<Duration>, silence: Duration, closes: bool) {
        let Some((key, bits)) = key else { return };
        let now = self.0.now();
        if let Some(record) = self.0.records().get_mut(key) {
            record.set(CLOSE, closes);
            record.heard = now.saturating_sub(in_ticks(silence));
        }
        let deadline = lasts.map_or(NEVER, |lasts| self.0.tick_in(lasts));
        self.0.records().set_deadline(key, deadline);
        if self.is_ended(key) {
            self.end_member(key);
        } else if bits & !WRITE != 0 {
            self.notice_member(key, bits & !WRITE);
        }
    }

    /// A joiner that goes on by itself.
    fn go_alone(&mut self, coming: Coming<O::Handle>, parking: Box<Parking<O::Io>>, rest: Bytes, may_park: bool) {
        let Some((key, early, bits)) = self.arrive(coming) else { return };
        let Some(io) = self.0.borrow(key, early, bits | WRITE) else { return };
        let Parking { subscriber, extra, lasts: left, silence, closes, kind, .. } = *parking;
        let is_blocked = !rest.is_empty();
        let member = Member { io, subscriber, extra, rest, silence, left, closes, may_park, is_blocked };
        self.0.spawn(kind.resume(member));
    }

    /// A joiner whose connection is over.
    fn drop_joiner(&mut self, returned: Box<Returned<O::Handle>>) {
        let key = returned.key;
        drop(returned); // closed before the key is free
        self.0.forget(key);
    }
}
