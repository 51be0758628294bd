//! Made-up sockets: both ends of a connection, and how tasks write to it while it is lent.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use push_core::Cursor;

use super::{Letters, Wish, World, lock};
use crate::server::lot::cohort::Parking;
use crate::server::lot::engine::{Received, Sent};
use crate::server::lot::inbox::Message;
use crate::server::lot::socket::Returned;
use crate::server::readiness::{ENDED, GONE, READ, Readiness, WRITE};

/// Unlimited room.
pub(super) const ENDLESS: usize = usize::MAX;

/// A connection, between the client and the lot.
#[derive(Debug, Default)]
pub(super) struct Pipe(Mutex<Ends>);

#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Of the lot's end; `None` before it is entered and once it is closed.
    key: Option<u32>,
    /// Everything that the lot and its sessions have sent.
    pub(super) sent: Vec<u8>,
    /// Bytes that the socket takes before it is full.
    room: usize,
    /// It was full: that there is room again is to be told.
    pub(super) is_starved: bool,
    pub(super) is_closed: bool,
    has_left: bool,
    /// The client has ended its direction: it says nothing more, and reads on.
    has_finished: bool,
    /// What the client has said and nobody has read.
    said: Vec<u8>,
    /// What the client asks for next, and from where on.
    request: Option<(Wish, Cursor)>,
    client: Option<Waker>,
}

impl Pipe {
    pub(super) fn new(room: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Ends { room, ..Ends::default() })))
    }

    /// What the client sees; leaves word for when that changes.
    pub(super) fn look<T>(&self, cx: &mut Context<'_>, look: impl FnOnce(&Ends) -> T) -> T {
        let mut ends = lock(&self.0);
        ends.client = Some(cx.waker().clone());
        look(&ends)
    }

    /// The client does something, of which the lot hears through its sockets.
    fn act(&self, world: &World, act: impl FnOnce(&mut Ends) -> u8) {
        let told = {
            let mut ends = lock(&self.0);
            let bits = act(&mut ends);
            ends.key.filter(|_| bits != 0).map(|key| lock(&world.events).push((key, bits)))
        };
        if told.is_some() {
            world.inbox.nudge();
        }
    }

    pub(super) fn ask(&self, world: &World, wish: Wish, since: Cursor) {
        self.act(world, |ends| {
            ends.request = Some((wish, since));
            READ
        });
    }

    pub(super) fn say(&self, world: &World, byte: u8) {
        self.act(world, |ends| {
            ends.said.push(byte);
            READ
        });
    }

    /// The client reads: so many bytes more fit.
    pub(super) fn make_room(&self, world: &World, bytes: usize) {
        self.act(world, |ends| {
            ends.room = ends.room.saturating_add(bytes);
            if std::mem::take(&mut ends.is_starved) { WRITE } else { 0 }
        });
    }

    /// The client does not read any more, for now.
    pub(super) fn fill(&self) {
        lock(&self.0).room = 0;
    }

    pub(super) fn leave(&self, world: &World) {
        self.act(world, |ends| {
            ends.has_left = true;
            READ | GONE
        });
    }

    pub(super) fn finish(&self, world: &World) {
        self.act(world, |ends| {
            ends.has_finished = true;
            READ | ENDED
        });
    }

    /// The lot watches the socket from now on: what is there already is told.
    pub(super) fn enter(&self, world: &World, key: u32) {
        self.act(world, |ends| {
            ends.key = Some(key);
            let asked = if ends.request.is_some() || !ends.said.is_empty() { READ } else { 0 };
            let finished = if ends.has_finished { READ | ENDED } else { 0 };
            asked | finished | if ends.has_left { GONE } else { 0 }
        });
    }

    pub(super) fn take_request(&self) -> Option<(Wish, Cursor)> {
        lock(&self.0).request.take()
    }

    /// The next request, if it is heard at the door.
    pub(super) fn take_request_at_door(&self) -> Option<(Wish, Cursor)> {
        lock(&self.0).request.take_if(|(wish, _)| wish.at_door)
    }

    pub(super) fn has_request(&self) -> bool {
        lock(&self.0).request.is_some()
    }

    fn wake(&self, mut ends: std::sync::MutexGuard<'_, Ends>) {
        let client = ends.client.take();
        drop(ends);
        client.into_iter().for_each(Waker::wake);
    }
}

/// What a lot has in the place of a descriptor; dropping it closes the connection.
pub(super) struct Handle {
    pub(super) pipe: Arc<Pipe>,
    pub(super) world: Arc<World>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Handle {
    pub(super) fn send(&self, bytes: &[u8]) -> Sent {
        let mut ends = lock(&self.pipe.0);
        if ends.has_left {
            return Sent::Gone;
        }
        let taken = bytes.len().min(ends.room);
        if ends.room != ENDLESS {
            ends.room -= taken;
        }
        ends.sent.extend_from_slice(&bytes[..taken]);
        ends.is_starved |= taken < bytes.len();
        self.pipe.wake(ends);
        if taken == bytes.len() { Sent::Whole } else { Sent::Part(taken) }
    }

    pub(super) fn receive(&self, scratch: &mut [u8]) -> Received {
        let mut ends = lock(&self.pipe.0);
        if ends.has_left {
            return Received::Gone;
        }
        let read = scratch.len().min(ends.said.len());
        scratch[..read].copy_from_slice(&ends.said[..read]);
        ends.said.drain(..read);
        match read {
            0 if ends.has_finished => Received::Gone,
            0 => Received::Nothing,
            _ => Received::Bytes(read),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut ends = lock(&self.pipe.0);
        ends.is_closed = true;
        if let Some(key) = ends.key.take() {
            // The kernel tells nothing of what is closed.
            lock(&self.world.events).retain(|(of, _)| *of != key);
        }
        self.pipe.wake(ends);
    }
}

/// A connection on loan; dropping it closes the connection and tells the lot.
#[derive(Debug)]
pub(super) struct Lent {
    handle: Option<Handle>,
    key: u32,
    inbox: Arc<Letters>,
    readiness: Arc<Readiness>,
    early: Bytes,
}

impl Lent {
    pub(super) fn new(handle: Handle, key: u32, readiness: Arc<Readiness>, early: Bytes) -> Self {
        let inbox = Arc::clone(&handle.world.inbox);
        Self { handle: Some(handle), key, inbox, readiness, early }
    }

    fn handle(&self) -> &Handle {
        self.handle.as_ref().expect("it goes with the loan")
    }

    pub(super) fn take_request(&self) -> Option<(Wish, Cursor)> {
        self.handle().pipe.take_request()
    }

    /// Writes all, as room comes; false if the client has left.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        let mut left = bytes;
        poll_fn(|cx| {
            loop {
                if left.is_empty() {
                    return Poll::Ready(true);
                }
                ready!(self.readiness.poll_write(cx));
                match self.handle().send(left) {
                    Sent::Gone => return Poll::Ready(false),
                    Sent::Part(0) => {}
                    sent => {
                        left = if let Sent::Part(sent) = sent { &left[sent..] } else { &[] };
                        self.readiness.put_back(WRITE);
                    }
                }
            }
        })
        .await
    }

    /// What the client says; `None` once it has left.
    pub(super) fn poll_said(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        if !self.early.is_empty() {
            return Poll::Ready(Some(std::mem::take(&mut self.early).to_vec()));
        }
        let mut scratch = [0; 2];
        loop {
            ready!(self.readiness.poll_read(cx));
            match self.handle().receive(&mut scratch) {
                Received::Gone => return Poll::Ready(None),
                Received::Nothing => {}
                Received::Bytes(read) => {
                    self.readiness.put_back(READ);
                    return Poll::Ready(Some(scratch[..read].to_vec()));
                }
            }
        }
    }

    /// Ready once the client has left, for a session that does not listen.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.readiness.poll_ended(cx).map(|_| ())
    }

    fn give_back(mut self) -> (Arc<Letters>, Box<Returned<Handle>>) {
        let descriptor = self.handle.take().expect("it goes with the loan");
        let (early, bits) = (std::mem::take(&mut self.early), self.readiness.close());
        (Arc::clone(&self.inbox), Box::new(Returned { key: self.key, descriptor, session: None, early, bits }))
    }

    pub(super) fn rest(self) {
        let (inbox, returned) = self.give_back();
        inbox.send(Message::Idle(returned));
    }

    pub(super) fn park(self, parking: Parking<Self>) {
        let (inbox, returned) = self.give_back();
        inbox.send(Message::Park(returned, Box::new(parking)));
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.handle.take().is_some() {
            self.readiness.close();
            self.inbox.send(Message::Gone(self.key));
        }
    }
}
