//! The lot's epoll instance, watched by tokio: the one place that knows how that is done in safe Rust.
//!
//! tokio 1.54 has no safe way to watch a foreign descriptor, but its pipe type takes any descriptor that can be polled,
//! and an epoll instance is readable as long as it has events.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use tokio::net::unix::pipe;

use crate::server::readiness::{ENDED, GONE, READ, WRITE};

/// Events taken at a time.
const EVENTS: usize = 64;
/// What the listener's events are known by; records never get so far.
pub(super) const LISTENER: u64 = u64::MAX;

/// What a socket is watched for from the start. Edge-triggered: an event comes when something changes, not while it lasts.
const SOCKET: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ET);

/// An epoll instance and tokio's watch over it.
#[derive(Debug)]
pub(super) struct Epoll {
    epoll: Arc<OwnedFd>,
    watch: pipe::Receiver,
}

/// What an event says: whose it is, and the bits of `readiness`.
pub(super) type Notice = (u64, u8);

impl Epoll {
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O enabled.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let watch = pipe::Receiver::from_owned_fd_unchecked(epoll.try_clone()?)?;
        Ok(Self { epoll: Arc::new(epoll), watch })
    }

    /// The instance itself, for sockets that ask to be told of room to write.
    pub(super) fn handle(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.epoll)
    }

    pub(super) fn add_socket(&self, socket: impl AsFd, key: u32) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key.into()), SOCKET)?)
    }

    /// Level-triggered: what is not accepted now is told again. Of several lots only one is woken.
    pub(super) fn add_listener(&self, listener: impl AsFd) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        Ok(epoll::add(&self.epoll, listener, EventData::new_u64(LISTENER), flags)?)
    }

    pub(super) fn remove(&self, descriptor: impl AsFd) {
        // Fails only for what is not watched, and then it is as it should be.
        let _ = epoll::delete(&self.epoll, descriptor);
    }

    /// Ready once there may be events.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error says that the runtime goes down: nothing is waited for then.
        self.watch.poll_read_ready(cx).map(drop)
    }

    /// Takes the events that are there, without waiting. Returns whether there may be more.
    pub(super) fn take(&self, notices: &mut Vec<Notice>) -> bool {
        let mut full = false;
        // "Would block" makes tokio wait for the instance's next event; one that came since is noticed by tokio itself.
        let _ = self.watch.try_io(|| {
            full = self.wait(notices)?;
            if full { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        });
        full
    }

    fn wait(&self, notices: &mut Vec<Notice>) -> io::Result<bool> {
        let mut events = [const { MaybeUninit::<Event>::uninit() }; EVENTS];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let (events, _) = epoll::wait(&self.epoll, &mut events, Some(&now))?;
        // A listener that is ready stays so until it is drained, which gives no new edge.
        let mut again = events.len() == EVENTS;
        for event in events.iter() {
            let (key, flags) = (event.data.u64(), event.flags);
            again |= key == LISTENER;
            notices.push((key, bits(flags)));
        }
        Ok(again)
    }
}

/// Asks to be told when `socket` can be written; what can be now is told at once.
pub(super) fn watch_room(epoll: &OwnedFd, socket: impl AsFd, key: u32) -> io::Result<()> {
    Ok(epoll::modify(epoll, socket, EventData::new_u64(key.into()), SOCKET | EventFlags::OUT)?)
}

fn bits(flags: EventFlags) -> u8 {
    let bit = |flag, bit| if flags.intersects(flag) { bit } else { 0 };
    bit(EventFlags::IN, READ)
        | bit(EventFlags::OUT, WRITE)
        | bit(EventFlags::RDHUP, ENDED)
        | bit(EventFlags::HUP | EventFlags::ERR, GONE)
}
