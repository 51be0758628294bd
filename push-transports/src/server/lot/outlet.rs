//! What the lot does for its engine: descriptors are written and read, connections are lent and closed.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_core::BoxFuture;

use super::cohort::Guest;
use super::engine::{Engine, Groups, Outlet, Received, Sent};
use super::inbox::Inbox;
use super::keys::KeyMap;
use super::run::Lot;
use super::sealed;
use super::socket::Returned;
use super::tally::Tally;
use crate::proto::lot::records::Records;
use crate::proto::lot::ticks::in_ticks;
use crate::server::io::ConnectionIo;
use crate::server::readiness::{READ, WRITE};

impl Lot {
    /// For what concerns members.
    pub(super) fn engine(&mut self) -> Engine<'_, Self> {
        Engine(self)
    }
}

impl Outlet for Lot {
    type Handle = OwnedFd;
    type Io = ConnectionIo;

    fn records(&mut self) -> &mut Records<OwnedFd> {
        &mut self.records
    }

    fn groups(&mut self) -> &mut Groups<OwnedFd, ConnectionIo> {
        &mut self.groups
    }

    fn guests(&mut self) -> &mut KeyMap<Guest> {
        &mut self.guests
    }

    fn early(&mut self) -> &mut KeyMap<Bytes> {
        &mut self.early
    }

    fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn now(&self) -> u32 {
        self.now
    }

    fn tick_in(&self, time: Duration) -> u32 {
        self.ticks.reaching(self.instant + time)
    }

    fn patience(&self) -> u32 {
        in_ticks(self.house.config.half_close)
    }

    fn send(&mut self, key: u32, bytes: &[u8]) -> Sent {
        let Some(descriptor) = self.records.handle(key) else { return Sent::Gone };
        sealed::send_to(&mut self.sessions, &self.epoll, (key, descriptor), bytes)
    }

    fn send_back(&mut self, returned: &Returned, bytes: &[u8]) -> Sent {
        sealed::send_to(&mut self.sessions, &self.epoll, (returned.key, &returned.descriptor), bytes)
    }

    fn receive(&mut self, key: u32, scratch: &mut [u8]) -> Received {
        let Some(descriptor) = self.records.handle(key) else { return Received::Gone };
        sealed::receive(self.sessions.get_mut(&key).map(|session| &mut **session), descriptor, scratch)
    }

    fn is_busy(&self, key: u32) -> bool {
        self.busy.contains_key(&key)
    }

    fn take_back(&mut self, returned: Box<Returned>) -> Option<Box<Returned>> {
        self.take_back(returned)
    }

    fn borrow(&mut self, key: u32, early: Bytes, bits: u8) -> Option<ConnectionIo> {
        self.borrow(key, early, bits)
    }

    fn spawn(&mut self, task: BoxFuture<'static, ()>) {
        let resumed = self.tally.resume();
        tokio::spawn(async move {
            task.await;
            drop(resumed);
        });
    }

    fn idle(&mut self, key: u32, early: Bytes, bits: u8) {
        self.idle(key, early, bits);
    }

    fn hang_up(&mut self, key: u32, early: Bytes) {
        if let Some(io) = self.borrow(key, early, READ | WRITE) {
            tokio::spawn(io.hang_up());
        }
    }

    fn close(&mut self, key: u32) {
        self.close(key);
    }

    fn forget(&mut self, key: u32) {
        self.forget(key);
    }
}
