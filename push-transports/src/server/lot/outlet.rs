//! What the lot does for its engine: descriptors are written and read, connections are lent and closed.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_core::BoxFuture;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use super::cohort::Guest;
use super::engine::{Engine, Groups, Outlet, Received, Sent};
use super::inbox::Inbox;
use super::keys::KeyMap;
use super::run::Lot;
use super::socket::Returned;
use super::tally::Tally;
use crate::proto::lot::records::Records;
use crate::proto::lot::ticks::in_ticks;
use crate::server::io::ConnectionIo;
use crate::server::readiness::{READ, WRITE};

const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

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

    fn send(handle: &OwnedFd, bytes: &[u8]) -> Sent {
        loop {
            return match rustix::net::send(handle, bytes, SEND) {
                Ok(sent) if sent == bytes.len() => Sent::Whole,
                Ok(sent) => Sent::Part(sent),
                Err(Errno::AGAIN) => Sent::Part(0),
                Err(Errno::INTR) => continue,
                Err(_) => Sent::Gone,
            };
        }
    }

    fn receive(handle: &OwnedFd, scratch: &mut [u8]) -> Received {
        loop {
            return match rustix::net::recv(handle, &mut *scratch, RecvFlags::DONTWAIT) {
                Ok((0, _)) => Received::Gone,
                Ok((read, _)) => Received::Bytes(read),
                Err(Errno::AGAIN) => Received::Nothing,
                Err(Errno::INTR) => continue,
                Err(_) => Received::Gone,
            };
        }
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
