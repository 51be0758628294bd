//! What a lot decides about groups: who gets what when, who joins, who goes on alone. No sockets, no tasks, no clock.
//!
//! ```text
//!   marked, beat ─▶ begin ─▶ queue ─▶ go_round: a turn of each ─▶ finish ─▶ joiners join ─▶ begin
//!                                        │ one send each
//!           whole: passed, or answered ◀─┼─▶ part: resumed behind the frame it is in
//!                                        └─▶ gone: closed
//! ```
//!
//! The engine works on its lot's tables and has the lot do the rest: that is the [`Outlet`]. So the same code runs over
//! made-up sockets, with every order of events, and any script of them (`trial`).

mod group;
mod groups;
mod joining;
mod members;
mod passes;
#[cfg(test)]
#[cfg_attr(push_shuttle, allow(dead_code, reason = "some of it is for scripts only"))]
mod trial;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_core::BoxFuture;

use super::cohort::Guest;
use super::inbox::Inbox;
use super::keys::KeyMap;
use super::socket::Returned;
use super::tally::Tally;
use crate::proto::lot::records::Records;

pub(super) use self::groups::Groups;
pub(super) use self::members::unpark;

/// What became of one send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Whole,
    /// So many bytes, fewer than there were.
    Part(usize),
    Gone,
}

/// What became of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes, one at least.
    Bytes(usize),
    Nothing,
    Gone,
}

/// The lot as its engine knows it: tables, and what is done with sockets and tasks.
pub(super) trait Outlet {
    /// What the lot holds of a connection that no task has.
    type Handle: Send + 'static;
    /// A connection as tasks know it.
    type Io: Send + 'static;

    /// All connections; a member's `group` and `link` are the engine's.
    fn records(&mut self) -> &mut Records<Self::Handle>;

    /// The groups.
    fn groups(&mut self) -> &mut Groups<Self::Handle, Self::Io>;

    /// Members that are more than a place.
    fn guests(&mut self) -> &mut KeyMap<Guest>;

    /// What members sent ahead of their time.
    fn early(&mut self) -> &mut KeyMap<Bytes>;

    /// Where groups that moved and members that were ended are told.
    fn inbox(&self) -> &Arc<Inbox<Self::Handle, Self::Io>>;

    /// What is counted.
    fn tally(&mut self) -> &mut Tally;

    /// The tick of this turn.
    fn now(&self) -> u32;

    /// The first tick when so much time has passed.
    fn tick_in(&self, time: Duration) -> u32;

    /// How many ticks a client that has ended its direction is waited for.
    fn patience(&self) -> u32;

    /// One send to a connection whose handle is here, without waiting.
    fn send(&mut self, key: u32, bytes: &[u8]) -> Sent;

    /// One send to a connection that comes back, without waiting.
    fn send_back(&mut self, returned: &Returned<Self::Handle>, bytes: &[u8]) -> Sent;

    /// One read, without waiting. Less than `scratch` holds is all that there is for now.
    fn receive(&mut self, key: u32, scratch: &mut [u8]) -> Received;

    /// Whether a task has the connection, or it is on its way back from one.
    fn is_busy(&self, key: u32) -> bool;

    /// The loan is over; adds what was heard of the connection since its task looked last. `None` if it was no loan.
    fn take_back(&mut self, returned: Box<Returned<Self::Handle>>) -> Option<Box<Returned<Self::Handle>>>;

    /// Makes the connection busy: what it sent `early` is read first, `bits` is what is known of its socket.
    fn borrow(&mut self, key: u32, early: Bytes, bits: u8) -> Option<Self::Io>;

    /// Runs what a connection does by itself.
    fn spawn(&mut self, task: BoxFuture<'static, ()>);

    /// The connection, whose handle is here, waits for its next request.
    fn idle(&mut self, key: u32, early: Bytes, bits: u8);

    /// Closes a connection in an orderly way, which takes a task.
    fn hang_up(&mut self, key: u32, early: Bytes);

    /// Closes a connection whose handle is here.
    fn close(&mut self, key: u32);

    /// A busy connection was closed.
    fn forget(&mut self, key: u32);
}

/// The engine of a lot, for one thing that has come up.
pub(super) struct Engine<'a, O>(pub(super) &'a mut O);
