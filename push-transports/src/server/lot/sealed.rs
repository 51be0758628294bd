//! TLS of connections that no task has: what is spoken on each, and how the lot itself speaks it.
//!
//! Of what a lot enciphers a record at most can wait for room in the socket. It is pushed out when there is room, or with
//! what follows; a member that has not taken it by then goes on by itself, under its stall limit.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use super::engine::{Received, Sent};
use super::epoll::{Epoll, watch_room};
use super::keys::KeyMap;
use super::run::Lot;
use super::socket::Returned;
use crate::proto::lot::records::State;
use crate::server::tls::{RECORD, Session};

const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// What is spoken on the connections of a lot that no task has; empty without TLS.
pub(super) type Sessions = KeyMap<Box<Session>>;

/// Read at a time.
const SCRATCH: usize = 16 * 1024;

impl Lot {
    /// Takes what is spoken on a connection that comes back.
    pub(super) fn take_session(&mut self, returned: &mut Returned) {
        let Some(session) = returned.session.take().filter(|_| self.busy.contains_key(&returned.key)) else { return };
        if session.has_outgoing() {
            hear_of_room(&self.epoll, &returned.descriptor, returned.key);
        }
        self.sessions.insert(returned.key, session);
    }

    /// Whether nothing was said on a connection but the handshake: its first head is still owed.
    pub(super) fn is_fresh(&self, key: u32) -> bool {
        self.sessions.get(&key).is_some_and(|session| session.is_fresh())
    }

    /// Whether the client has said, in TLS, that it says no more.
    pub(super) fn has_ended(&self, key: u32) -> bool {
        self.sessions.get(&key).is_some_and(|session| session.has_ended())
    }

    /// There is room for what waits.
    pub(super) fn push_out(&mut self, key: u32) {
        if let (Some(session), Some(descriptor)) = (self.sessions.get_mut(&key), self.records.handle(key)) {
            // A connection that is gone says so by itself.
            let _ = push(session, descriptor);
        }
    }

    /// A connection is closed whose descriptor is here: with TLS, it is told that nothing is missing (RFC 8446 §6.1).
    pub(super) fn end_session(&mut self, key: u32) {
        let is_silent = self.records.get(key).is_some_and(|record| record.state() == State::Silent);
        match (self.sessions.remove(&key), self.records.handle(key)) {
            (Some(mut session), Some(descriptor)) => {
                let _ = session.close().is_ok() && push(&mut session, descriptor).is_ok();
            }
            (None, Some(_)) if is_silent && self.house.config.tls.is_some() => {
                self.house.config.counters.handshake_failed();
            }
            _ => {}
        }
    }
}

fn hear_of_room(epoll: &Epoll, descriptor: &OwnedFd, key: u32) {
    if let Err(error) = watch_room(&epoll.handle(), descriptor, key) {
        tracing::debug!(%error, "room to write is not heard of");
    }
}

/// One send, without waiting.
pub(super) fn send_to(
    sessions: &mut Sessions,
    epoll: &Epoll,
    (key, descriptor): (u32, &OwnedFd),
    bytes: &[u8],
) -> Sent {
    let Some(session) = sessions.get_mut(&key) else { return send(descriptor, bytes) };
    let sent = send_sealed(session, descriptor, bytes);
    if session.has_outgoing() {
        hear_of_room(epoll, descriptor, key);
    }
    sent
}

/// One send in the clear.
fn send(descriptor: &OwnedFd, bytes: &[u8]) -> Sent {
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

/// Enciphers and sends record by record, as long as each goes out whole. The last of `bytes` counts as sent even if its
/// record waits.
fn send_sealed(session: &mut Session, descriptor: &OwnedFd, bytes: &[u8]) -> Sent {
    let mut sent = 0;
    loop {
        match push(session, descriptor) {
            Err(_) => return Sent::Gone,
            Ok(()) if sent == bytes.len() => return Sent::Whole,
            Ok(()) if session.has_outgoing() => return Sent::Part(sent),
            Ok(()) => {}
        }
        let record = &bytes[sent..bytes.len().min(sent + RECORD)];
        if session.encipher(record).is_err() {
            return Sent::Gone;
        }
        sent += record.len();
    }
}

/// Sends what is outgoing, as far as there is room.
fn push(session: &mut Session, descriptor: &OwnedFd) -> rustix::io::Result<()> {
    while session.has_outgoing() {
        match rustix::net::send(descriptor, session.outgoing(), SEND) {
            Ok(sent) => session.has_sent(sent),
            Err(Errno::AGAIN) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// One read, without waiting: of what is in the socket, or, under TLS, of as much as fills `scratch`.
pub(super) fn receive(session: Option<&mut Session>, descriptor: &OwnedFd, scratch: &mut [u8]) -> Received {
    match session {
        None => read(descriptor, scratch),
        Some(session) => receive_sealed(session, descriptor, scratch),
    }
}

fn read(descriptor: &OwnedFd, scratch: &mut [u8]) -> Received {
    loop {
        return match rustix::net::recv(descriptor, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((0, _)) => Received::Gone,
            Ok((read, _)) => Received::Bytes(read),
            Err(Errno::AGAIN) => Received::Nothing,
            Err(Errno::INTR) => continue,
            Err(_) => Received::Gone,
        };
    }
}

/// Less than `scratch` holds only if the socket has no more: whoever reads relies on that.
fn receive_sealed(session: &mut Session, descriptor: &OwnedFd, scratch: &mut [u8]) -> Received {
    let mut filled = 0;
    loop {
        let clear = session.clear();
        let taken = clear.len().min(scratch.len() - filled);
        scratch[filled..filled + taken].copy_from_slice(&clear[..taken]);
        session.has_read(taken);
        filled += taken;
        if filled == scratch.len() {
            return Received::Bytes(filled);
        }
        let mut came = [0; SCRATCH];
        let is_over = match read(descriptor, &mut came) {
            Received::Bytes(read) => session.take_in(&mut came[..read]).is_err(),
            Received::Nothing if filled > 0 => return Received::Bytes(filled),
            Received::Nothing if session.has_ended() => return Received::Gone,
            Received::Nothing => return Received::Nothing,
            Received::Gone => true,
        };
        if is_over && session.clear().is_empty() {
            // An alert, if there is something to be said.
            let _ = push(session, descriptor);
            return if filled > 0 { Received::Bytes(filled) } else { Received::Gone };
        }
    }
}
