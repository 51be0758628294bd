//! What a lot is told from outside: descriptors that come (back), connections that ended, groups that moved.

use std::mem;
use std::os::fd::OwnedFd;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

// A model checker's where orders of events are searched, see `engine`.
#[cfg(push_shuttle)]
use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(push_shuttle))]
use std::sync::{Mutex, MutexGuard};

use super::cohort::Parking;
use super::house::Entered;
use super::socket::Returned;
use crate::server::io::ConnectionIo;

/// One thing that a lot is told.
#[derive(Debug)]
pub(in crate::server) enum Message<H = OwnedFd, I = ConnectionIo> {
    /// A connection that another lot accepted.
    Accepted(H, Entered),
    /// Between two requests.
    Idle(Box<Returned<H>>),
    /// Subscribed, and all that it was owed is written.
    Park(Box<Returned<H>>, Box<Parking<I>>),
    /// Closed by its task.
    Gone(u32),
    /// An operator has ended this member, or a drain.
    Ended(u32),
}

/// The way into a lot.
#[derive(Debug)]
pub(in crate::server) struct Inbox<H = OwnedFd, I = ConnectionIo>(Mutex<Waiting<H, I>>);

#[derive(Debug)]
struct Waiting<H, I> {
    messages: Vec<Message<H, I>>,
    /// Groups whose channels moved.
    moved: Vec<u32>,
    /// Something outside of the inbox changed: look at it.
    nudged: bool,
    waker: Option<Waker>,
    /// The lot has ended: what still comes is dropped.
    is_closed: bool,
}

impl<H, I> Waiting<H, I> {
    const fn new() -> Self {
        Self { messages: Vec::new(), moved: Vec::new(), nudged: false, waker: None, is_closed: false }
    }
}

impl<H, I> Default for Inbox<H, I> {
    fn default() -> Self {
        Self(Mutex::new(Waiting::new()))
    }
}

impl<H, I> Inbox<H, I> {
    pub(in crate::server) fn send(&self, message: Message<H, I>) {
        let mut refused = None;
        self.tell(|waiting| match waiting.is_closed {
            true => refused = Some(message),
            false => waiting.messages.push(message),
        });
        drop(refused);
    }

    /// A channel of `group` moved.
    pub(super) fn mark(&self, group: u32) {
        self.tell(|waiting| waiting.moved.push(group));
    }

    /// Wakes the lot without a message.
    pub(super) fn nudge(&self) {
        self.tell(|waiting| waiting.nudged = true);
    }

    fn tell(&self, what: impl FnOnce(&mut Waiting<H, I>)) {
        let waker = {
            let mut waiting = self.lock();
            what(&mut waiting);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes what has come; pending, with word left, if that is nothing.
    pub(super) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        messages: &mut Vec<Message<H, I>>,
        moved: &mut Vec<u32>,
    ) -> Poll<()> {
        let mut waiting = self.lock();
        let nudged = mem::take(&mut waiting.nudged);
        if waiting.messages.is_empty() && waiting.moved.is_empty() && !nudged {
            let replaced = waiting.waker.replace(cx.waker().clone());
            drop(waiting);
            drop(replaced);
            return Poll::Pending;
        }
        if messages.is_empty() {
            mem::swap(messages, &mut waiting.messages);
        } else {
            messages.append(&mut waiting.messages);
        }
        if moved.is_empty() {
            mem::swap(moved, &mut waiting.moved);
        } else {
            moved.append(&mut waiting.moved);
        }
        Poll::Ready(())
    }

    /// The lot ends: nothing is taken any more.
    pub(super) fn close(&self) {
        let left = {
            let mut waiting = self.lock();
            waiting.is_closed = true;
            (mem::take(&mut waiting.messages), waiting.waker.take())
        };
        // Outside the lock: what is dropped here may tell the inbox of it.
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<H, I>> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a lot because a group's channels moved.
pub(super) struct GroupWaker<H, I> {
    pub(super) inbox: Arc<Inbox<H, I>>,
    pub(super) group: u32,
}

impl<H, I> Wake for GroupWaker<H, I> {
    fn wake(self: Arc<Self>) {
        self.inbox.mark(self.group);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.inbox.mark(self.group);
    }
}

/// Wakes a lot because one of its members was ended.
pub(super) struct MemberWaker<H, I> {
    pub(super) inbox: Arc<Inbox<H, I>>,
    pub(super) key: u32,
}

impl<H, I> Wake for MemberWaker<H, I> {
    fn wake(self: Arc<Self>) {
        self.inbox.send(Message::Ended(self.key));
    }
}
