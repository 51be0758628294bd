//! Connections that come and go.

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;

use memchr::memmem;

use super::command::Slice;
use super::publisher::Shape;
use super::swarm::Swarm;
use crate::Result;
use crate::args::Dialect;
use crate::clock::{Guard, MS, now_ns};
use crate::kind::Kind;
use crate::line::Target;
use crate::poller::{Poller, Read, connect, read, reset, send_all};

/// Connections under way at a time.
const UNDER_WAY: usize = 64;

/// Connections that come together in a churn.
const GROUP: usize = 250;

/// Kinds of connections in a churn.
const KINDS: [Kind; 5] = [Kind::Ws, Kind::Sse, Kind::Poll, Kind::Silent, Kind::Keepalive];

/// Opens connections, resets each once it is answered, and opens another one in its place, for `ms`.
pub(crate) fn storm(target: SocketAddrV4, channel: &str, kind: Kind, ms: u64) -> Result<Slice> {
    let request = kind.first_request(&target.to_string(), channel);
    let status = kind.first_status().ok_or("connections of this kind are never answered")?;
    let expected = format!("HTTP/1.1 {status} ");
    let mut poller = Poller::new()?;
    let begin = now_ns();
    let mut sockets: Vec<Option<OwnedFd>> = Vec::new();
    for key in 0..UNDER_WAY {
        sockets.push(Some(begin_one(&poller, target, &request, key)?));
    }
    let (mut open, mut count) = (UNDER_WAY, 0);
    let guard = Guard::new(30 + ms / 1000, "connections to be answered");
    let mut scratch = [0; 4096];
    while open > 0 {
        for at in 0..poller.wait(1000 * MS)? {
            let key = poller.ready(at).key;
            let Some(socket) = &sockets[key] else { continue };
            match read(socket, &mut scratch) {
                Read::Nothing => continue,
                Read::Bytes(n) if is_answer(&scratch[..n], expected.as_bytes()) => count += 1,
                other => return Err(format!("a connection was not answered with {status}: {other:?}").into()),
            }
            sockets[key].take().map_or(Ok(()), reset)?;
            open -= 1;
            if now_ns() - begin < ms * MS {
                sockets[key] = Some(begin_one(&poller, target, &request, key)?);
                open += 1;
            }
        }
        guard.check()?;
    }
    Ok(Slice { count, ns: now_ns() - begin })
}

fn is_answer(bytes: &[u8], expected: &[u8]) -> bool {
    bytes.starts_with(expected) && memmem::find(bytes, b"\r\n\r\n").is_some()
}

fn begin_one(poller: &Poller, target: SocketAddrV4, request: &str, key: usize) -> Result<OwnedFd> {
    let socket = connect(target)?;
    if !send_all(&socket, request.as_bytes()) {
        return Err("a connection broke before it was answered".into());
    }
    poller.add(&socket, key)?;
    Ok(socket)
}

/// Connections of all kinds that come and go in groups, the oldest first.
pub(crate) struct Churn {
    target: SocketAddrV4,
    door: Target,
    dialect: Dialect,
    shape: Shape,
    groups: VecDeque<Swarm>,
}

impl Churn {
    pub(crate) fn new(target: SocketAddrV4, door: Target, dialect: Dialect, shape: Shape) -> Self {
        Self { target, door, dialect, shape, groups: VecDeque::new() }
    }

    /// Opens `count` connections; from `held` on, as many close as come.
    pub(crate) fn run(&mut self, count: usize, held: usize) -> Result<()> {
        for _ in 0..count.div_ceil(GROUP) {
            if (self.groups.len() + 1) * GROUP > held {
                self.close_oldest()?;
            }
            let mut group = Swarm::new(self.target, self.dialect, self.shape.clone())?;
            group.enter_by(self.door.clone());
            for kind in KINDS {
                group.open(kind, GROUP / KINDS.len())?;
            }
            self.groups.push_back(group);
        }
        Ok(())
    }

    fn close_oldest(&mut self) -> Result<()> {
        let Some(mut group) = self.groups.pop_front() else { return Ok(()) };
        group.pump(0)?;
        let account = group.account();
        if !account.is_clean() {
            return Err(format!("connections were to be left alone: {account:?}").into());
        }
        group.close()
    }

    /// Closes what is left.
    pub(crate) fn close(&mut self) -> Result<()> {
        while !self.groups.is_empty() {
            self.close_oldest()?;
        }
        Ok(())
    }
}
