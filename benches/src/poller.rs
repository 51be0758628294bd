//! epoll, edge-triggered, and the socket calls that clients and the limit share.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::Result;
use crate::clock::MS;

/// Most events of one wait.
const EVENTS: usize = 512;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// What happened to a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) key: usize,
    /// The peer sends no more, or the connection is broken: read until it says so.
    pub(crate) is_ended: bool,
}

/// One epoll.
pub(crate) struct Poller {
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
}

impl Poller {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, ready: Vec::with_capacity(EVENTS) })
    }

    /// Tells of `socket` under `key` when something can be read.
    pub(crate) fn add(&self, socket: impl AsFd, key: usize) -> Result<()> {
        self.add_for(socket, key, EventFlags::IN)
    }

    /// Tells of reading and writing.
    pub(crate) fn add_both(&self, socket: impl AsFd, key: usize) -> Result<()> {
        self.add_for(socket, key, EventFlags::IN | EventFlags::OUT)
    }

    fn add_for(&self, socket: impl AsFd, key: usize, flags: EventFlags) -> Result<()> {
        let flags = flags | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, epoll::EventData::new_u64(key as u64), flags)?)
    }

    /// Tells no more of `socket`.
    pub(crate) fn remove(&self, socket: impl AsFd) -> Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Waits for events, at most `timeout_ns`; tells how many there are to be taken with [`Poller::ready`].
    pub(crate) fn wait(&mut self, timeout_ns: u64) -> Result<usize> {
        // epoll counts in milliseconds: rounding up waits a little longer, rounding down would spin.
        let ms = timeout_ns.div_ceil(MS);
        let timeout = Timespec { tv_sec: (ms / 1000) as i64, tv_nsec: (ms % 1000 * MS) as i64 };
        self.ready.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(self.ready.len()),
            Err(error) => Err(error.into()),
        }
    }

    /// One of the events of the last wait.
    pub(crate) fn ready(&self, at: usize) -> Event {
        let epoll::Event { flags, data, .. } = self.ready[at];
        Event {
            key: data.u64() as usize,
            is_ended: flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR),
        }
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Bytes(usize),
    Nothing,
    End,
}

/// Reads what is there.
pub(crate) fn read(socket: impl AsFd, into: &mut [u8]) -> Read {
    loop {
        match net::recv(&socket, &mut *into, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Read::End,
            Ok((n, _)) => return Read::Bytes(n),
            Err(Errno::AGAIN) => return Read::Nothing,
            Err(Errno::INTR) => {}
            Err(_) => return Read::End,
        }
    }
}

/// Sends all of `bytes`, waiting where it must. False if the connection is broken.
pub(crate) fn send_all(socket: impl AsFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match net::send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Sends what fits now. `None` if the connection is broken.
pub(crate) fn send_some(socket: impl AsFd, bytes: &[u8]) -> Option<usize> {
    match net::send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
        Ok(n) => Some(n),
        Err(Errno::AGAIN | Errno::INTR) => Some(0),
        Err(_) => None,
    }
}

/// Connects to `target`.
pub(crate) fn connect(target: SocketAddrV4) -> Result<OwnedFd> {
    connect_from(None, target)
}

/// Connects to `target` from an address of this machine, whose ports are then the only ones that are taken.
pub(crate) fn connect_from(source: Option<Ipv4Addr>, target: SocketAddrV4) -> Result<OwnedFd> {
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let Some(source) = source {
        net::bind(&socket, &SocketAddrV4::new(source, 0))?;
    }
    net::connect(&socket, &target)?;
    Ok(socket)
}

/// Closes with a reset, which leaves nothing behind on either side.
pub(crate) fn reset(socket: OwnedFd) -> Result<()> {
    sockopt::set_socket_linger(&socket, Some(std::time::Duration::ZERO))?;
    drop(socket);
    Ok(())
}

/// Listens on a free port of the loopback; accepted sockets inherit `TCP_NODELAY`.
pub(crate) fn listen() -> Result<(OwnedFd, SocketAddrV4)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    net::listen(&socket, BACKLOG)?;
    let address = SocketAddrV4::try_from(net::getsockname(&socket)?)?;
    Ok((socket, address))
}
