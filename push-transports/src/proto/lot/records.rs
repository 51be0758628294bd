//! One entry for each connection of a lot.
//!
//! ```text
//!            insert               first byte           request in memory, or a session of its own
//!  ┌──────┐ ───────▶ ┌────────┐ ─────────────┐        ┌──────┐
//!  │ Free │          │ Silent │              ├─ take ▶│ Busy │ (the handle is out)
//!  └──────┘ ◀─────── └────────┘   ┌──────┐   │        └──────┘
//!      ▲     remove               │ Idle │ ──┤            │ put_back
//!      │                          └──────┘ ◀─┼────────────┤
//!      │ end_batch                ┌────────┐ │            │
//!      └── freed in this batch    │ Member │ ┘ ◀──────────┘ set_state
//!                                 └────────┘
//! ```
//!
//! # Keys without generations
//!
//! A key is an index. What could make one ambiguous is an event that the kernel reported for a connection which an
//! earlier event of the same batch has ended: if a new connection had its key by then, it would get the event. So a
//! key that is freed is not given out again before [`Records::end_batch`]. Later batches cannot hold events of the
//! old connection, because its handle must be closed, or taken out of the epoll, before the batch in which its
//! record is removed ends. Whoever keeps a key for longer than a batch (a busy connection's task, a slot) holds it
//! for a record that is not free, and is told before the record is removed.
//!
//! # Deadlines by sweeping
//!
//! There is no timer wheel. A wheel that can cancel needs 8 to 16 bytes a connection, half of what the record has.
//! Instead the table knows the earliest deadline, and when it has come it walks all records once. They are dense, so
//! the walk runs at the speed of the cache: 20,000 records take some 10 microseconds (measured, optimized build). A
//! lot whose connections have evenly spread deadlines sweeps at each tick, ten times a second: about 1/10,000 of a
//! core. Deadlines are one-shot and armed lazily: activity only writes [`Record::heard`], and who finds that a
//! deadline came too soon sets another.

use super::grow::{give_back, reserve_one};
use super::ticks::NEVER;

/// No key, no group, no place: the end of a list.
pub(crate) const NONE: u32 = u32::MAX;

/// Tables with less room are not looked through for what could be given back.
const WORTH_SHRINKING: usize = 64;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// No connection: the record waits to be used again.
    Free,
    /// Connected, and not a byte has come.
    Silent,
    /// Between requests, on keep-alive.
    Idle,
    /// The handle is out: hyper has a request in memory, or a task runs a session of its own.
    Busy,
    /// In the slots of a group, at [`Record::link`].
    Member,
    /// Its request waits, for something of its own.
    Waiting,
}

/// Bytes wait unread in the socket: an edge-triggered event will not tell again.
pub(crate) const READABLE: u8 = 1;
/// The client has ended its direction.
pub(crate) const ENDED: u8 = 1 << 1;
/// The connection ends after the answer it waits for.
pub(crate) const CLOSE: u8 = 1 << 2;
/// Its deadline is when its client, which has ended its direction, is taken as gone.
pub(crate) const LEAVING: u8 = 1 << 3;
/// The time of what it waits for is over.
pub(crate) const OVER: u8 = 1 << 4;

/// What a lot knows about one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    state: State,
    flags: u8,
    /// The id of the client's address among those that are counted.
    pub(crate) address: u32,
    /// The group that a member belongs to; [`NONE`] otherwise.
    pub(crate) group: u32,
    /// The place in the group's slots; the next free record while this one is free.
    pub(crate) link: u32,
    /// Changed by [`Records::set_deadline`] alone, which keeps the earliest.
    deadline: u32,
    /// The tick at which something was last received. Written at each read, so it is not a deadline.
    pub(crate) heard: u32,
}

// Density: this, the handle and the slot are all that an idle subscriber costs.
const _: () = assert!(size_of::<Record>() == 24);
#[cfg(unix)]
const _: () = assert!(size_of::<Option<std::os::fd::OwnedFd>>() == 4);

impl Record {
    /// What the connection is doing.
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Says what the connection does while the lot has its handle.
    pub(crate) fn set_state(&mut self, state: State) {
        let handle_is_out = |state| matches!(state, State::Free | State::Busy);
        debug_assert!(
            !handle_is_out(state) && !handle_is_out(self.state),
            "take, put_back and remove say where the handle is, not {:?} after {:?}",
            state,
            self.state
        );
        self.state = state;
    }

    /// When it is to be looked at again; [`NEVER`] if no time is set.
    pub(crate) const fn deadline(&self) -> u32 {
        self.deadline
    }

    /// Whether all the bits of `flags` are set.
    pub(crate) const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Sets or clears the bits of `flags`.
    pub(crate) fn set(&mut self, flags: u8, on: bool) {
        self.flags = if on { self.flags | flags } else { self.flags & !flags };
    }
}

/// Free records in the order in which they are used again, each linked to the next.
#[derive(Debug, Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
}

impl Chain {
    const EMPTY: Self = Self { first: NONE, last: NONE };

    /// Appends another chain.
    fn append(&mut self, records: &mut [Record], other: Self) {
        match records.get_mut(self.last as usize) {
            Some(last) => last.link = other.first,
            None => self.first = other.first,
        }
        if other.first != NONE {
            self.last = other.last;
        }
    }
}

/// The connections of a lot: records, handles (`OwnedFd` in earnest, anything in a test) and deadlines.
///
/// A record takes 24 bytes and a handle four, in two vectors, so that a sweep reads no handles and a fan-out reads
/// nothing else.
#[derive(Debug)]
pub(crate) struct Records<H> {
    records: Vec<Record>,
    /// Of the record with the same index; `None` while that is free or busy.
    handles: Vec<Option<H>>,
    /// Records to use again.
    free: Chain,
    /// Records that were freed since the batch began.
    freed: Chain,
    len: usize,
    /// Records removed since the table was last looked through for what could be given back.
    removed: usize,
    /// No deadline is earlier. It may be that none is that early: deadlines move and records go.
    earliest: u32,
}

impl<H> Default for Records<H> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            handles: Vec::new(),
            free: Chain::EMPTY,
            freed: Chain::EMPTY,
            len: 0,
            removed: 0,
            earliest: NEVER,
        }
    }
}

impl<H> Records<H> {
    /// Connections there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A connection has come; it is silent, and `now` counts as when it was last heard. Gives its key.
    pub(crate) fn insert(&mut self, handle: H, address: u32, now: u32) -> u32 {
        let record =
            Record { state: State::Silent, flags: 0, address, group: NONE, link: NONE, deadline: NEVER, heard: now };
        self.len += 1;
        if let Some(free) = self.records.get_mut(self.free.first as usize) {
            let key = self.free.first;
            self.free.first = std::mem::replace(free, record).link;
            if self.free.first == NONE {
                self.free = Chain::EMPTY;
            }
            self.handles[key as usize] = Some(handle);
            return key;
        }
        let key = u32::try_from(self.records.len()).expect("descriptors, which are positive ints, run out before keys");
        reserve_one(&mut self.records);
        reserve_one(&mut self.handles);
        self.records.push(record);
        self.handles.push(Some(handle));
        key
    }

    /// Moves the handle out: the connection is busy. `None`, and nothing changes, if it is already or is not there.
    ///
    /// Slots are not known here: a member leaves its group before it is taken or removed.
    pub(crate) fn take(&mut self, key: u32) -> Option<H> {
        let handle = self.handles.get_mut(key as usize)?.take()?;
        self.records[key as usize].state = State::Busy;
        Some(handle)
    }

    /// Brings the handle of a busy connection back: it is idle.
    ///
    /// # Errors
    ///
    /// The handle, if the record is not busy: removed in the meantime.
    pub(crate) fn put_back(&mut self, key: u32, handle: H) -> Result<(), H> {
        match self.records.get_mut(key as usize) {
            Some(record) if record.state == State::Busy => {
                record.state = State::Idle;
                self.handles[key as usize] = Some(handle);
                Ok(())
            }
            _ => Err(handle),
        }
    }

    /// Ends the record, and gives the handle unless it is out or there was no such record.
    ///
    /// The handle (also one that is out) must be closed or taken out of the epoll before [`end_batch`](Self::end_batch)
    /// is called. The key stays unused until then. A busy connection's record is for its task to remove: one that was
    /// not told would bring its handle back to whoever has the key by then.
    pub(crate) fn remove(&mut self, key: u32) -> Option<H> {
        let record = self.records.get_mut(key as usize).filter(|record| record.state != State::Free)?;
        record.state = State::Free;
        record.deadline = NEVER;
        record.link = NONE;
        self.freed.append(&mut self.records, Chain { first: key, last: key });
        self.len -= 1;
        self.removed += 1;
        self.handles[key as usize].take()
    }

    /// All events of a batch were handled: keys freed since the last call may be used again, and what an emptier
    /// table no longer needs is given back. Keys of connections that are there do not change.
    pub(crate) fn end_batch(&mut self) {
        let freed = std::mem::replace(&mut self.freed, Chain::EMPTY);
        if freed.first != NONE {
            self.free.append(&mut self.records, freed);
            self.shrink();
        }
    }

    /// Cuts off the free records at the end once three of four are free, and puts low keys first among the others. As
    /// keys are used again in the order of the chain, new connections then take low ones, and the end gets free as
    /// those leave that were there at the peak. A look through the table happens once in so many removals that it
    /// costs each a few records.
    fn shrink(&mut self) {
        let size = self.records.len();
        let due = self.len == 0 || (self.len < size / 4 && self.removed >= size / 8);
        if self.records.capacity() < WORTH_SHRINKING || !due {
            return;
        }
        self.removed = 0;
        let used = self.records.iter().rposition(|record| record.state != State::Free).map_or(0, |last| last + 1);
        self.records.truncate(used);
        self.handles.truncate(used);
        give_back(&mut self.records);
        give_back(&mut self.handles);
        self.free = Chain::EMPTY;
        for key in 0..used as u32 {
            let record = &mut self.records[key as usize];
            if record.state == State::Free {
                record.link = NONE;
                self.free.append(&mut self.records, Chain { first: key, last: key });
            }
        }
    }

    /// The handle, unless it is out or there is no such connection.
    pub(crate) fn handle(&self, key: u32) -> Option<&H> {
        self.handles.get(key as usize)?.as_ref()
    }

    /// The record of a connection that is there.
    pub(crate) fn get(&self, key: u32) -> Option<&Record> {
        self.records.get(key as usize).filter(|record| record.state != State::Free)
    }

    /// The record of a connection that is there, to be changed.
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Record> {
        self.records.get_mut(key as usize).filter(|record| record.state != State::Free)
    }

    /// All connections that are there, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Record)> {
        let keyed = self.records.iter().enumerate().map(|(key, record)| (key as u32, record));
        keyed.filter(|(_, record)| record.state != State::Free)
    }

    /// Sets when a connection is to be looked at again, in place of what was set; [`NEVER`] for not at all. Does
    /// nothing if the connection is not there.
    pub(crate) fn set_deadline(&mut self, key: u32, tick: u32) {
        if let Some(record) = self.get_mut(key) {
            record.deadline = tick;
            self.earliest = self.earliest.min(tick);
        }
    }

    /// When [`due`](Self::due) is to be called next; `None` if nobody has a deadline. It may find nothing then.
    pub(crate) fn earliest(&self) -> Option<u32> {
        (self.earliest != NEVER).then_some(self.earliest)
    }

    /// Appends the keys whose deadline is at or before `now`, which clears their deadlines.
    pub(crate) fn due(&mut self, now: u32, keys: &mut Vec<u32>) {
        if now < self.earliest || self.earliest == NEVER {
            return;
        }
        self.earliest = NEVER;
        let now = now.min(NEVER - 1);
        for (key, record) in self.records.iter_mut().enumerate() {
            if record.deadline <= now {
                record.deadline = NEVER;
                keys.push(key as u32);
            } else {
                self.earliest = self.earliest.min(record.deadline);
            }
        }
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
