//! What a lot is told from outside: descriptors that come (back), connections that ended, groups that moved.

use std::fmt;
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

// A model checker's where orders of events are searched, see `engine`.
#[cfg(push_shuttle)]
use shuttle::sync::atomic::{AtomicBool, Ordering};
#[cfg(push_shuttle)]
use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(push_shuttle))]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(push_shuttle))]
use std::sync::{Mutex, MutexGuard};

use super::cohort::Parking;
use super::house::Entered;
use super::socket::Returned;
use super::waits::ParkedWait;
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
    /// Its request waits for something of its own.
    Wait(Box<Returned<H>>, Box<ParkedWait>),
    /// Closed by its task.
    Gone(u32),
    /// An operator has ended this member, or a drain.
    Ended(u32),
}

/// The way into a lot.
#[derive(Debug)]
pub(in crate::server) struct Inbox<H = OwnedFd, I = ConnectionIo>(Mutex<Waiting<H, I>>);

/// What has come in.
#[derive(Debug)]
pub(super) struct News<H = OwnedFd, I = ConnectionIo> {
    pub(super) messages: Vec<Message<H, I>>,
    /// Groups whose channels moved.
    pub(super) moved: Vec<u32>,
    /// Waits that may have their answers.
    pub(super) called: Vec<Arc<WaitWaker<H, I>>>,
}

impl<H, I> News<H, I> {
    pub(super) const fn new() -> Self {
        Self { messages: Vec::new(), moved: Vec::new(), called: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.moved.is_empty() && self.called.is_empty()
    }
}

/// Moves what is in `from` behind what is in `into`.
fn take_all<T>(into: &mut Vec<T>, from: &mut Vec<T>) {
    match into.is_empty() {
        true => mem::swap(into, from),
        false => into.append(from),
    }
}

#[derive(Debug)]
struct Waiting<H, I> {
    news: News<H, I>,
    /// Something outside of the inbox changed: look at it.
    nudged: bool,
    waker: Option<Waker>,
    /// The lot has ended: what still comes is dropped.
    is_closed: bool,
}

impl<H, I> Waiting<H, I> {
    const fn new() -> Self {
        Self { news: News::new(), nudged: false, waker: None, is_closed: false }
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
            false => waiting.news.messages.push(message),
        });
        drop(refused);
    }

    /// A channel of `group` moved.
    pub(super) fn mark(&self, group: u32) {
        self.tell(|waiting| waiting.news.moved.push(group));
    }

    /// A wait may have its answer.
    fn call(&self, wait: Arc<WaitWaker<H, I>>) {
        let mut refused = None;
        self.tell(|waiting| match waiting.is_closed {
            true => refused = Some(wait),
            false => waiting.news.called.push(wait),
        });
        drop(refused);
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
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, news: &mut News<H, I>) -> Poll<()> {
        let mut waiting = self.lock();
        let nudged = mem::take(&mut waiting.nudged);
        if waiting.news.is_empty() && !nudged {
            let replaced = waiting.waker.replace(cx.waker().clone());
            drop(waiting);
            drop(replaced);
            return Poll::Pending;
        }
        take_all(&mut news.messages, &mut waiting.news.messages);
        take_all(&mut news.moved, &mut waiting.news.moved);
        take_all(&mut news.called, &mut waiting.news.called);
        Poll::Ready(())
    }

    /// The lot ends: nothing is taken any more.
    pub(super) fn close(&self) {
        let left = {
            let mut waiting = self.lock();
            waiting.is_closed = true;
            (mem::replace(&mut waiting.news, News::new()), waiting.waker.take())
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

/// Wakes a lot because one of its waits may have its answer; once, until the lot has looked.
///
/// The lot knows a wait by the address of this: one that is over is not taken for the one that has its key by now.
pub(super) struct WaitWaker<H, I> {
    inbox: Arc<Inbox<H, I>>,
    key: u32,
    is_called: AtomicBool,
}

impl<H, I> WaitWaker<H, I> {
    pub(super) const fn new(inbox: Arc<Inbox<H, I>>, key: u32) -> Self {
        Self { inbox, key, is_called: AtomicBool::new(false) }
    }

    /// The connection whose request waits, if it does still.
    pub(super) const fn key(&self) -> u32 {
        self.key
    }

    /// Whether nobody has called since the lot looked last: then it is for whoever asks to see that the lot looks.
    pub(super) fn is_first_call(&self) -> bool {
        !self.is_called.swap(true, Ordering::AcqRel)
    }

    /// The lot looks: what moves from here on calls again, and what moved before is seen.
    pub(super) fn begin_look(&self) {
        self.is_called.swap(false, Ordering::AcqRel);
    }
}

impl<H, I> fmt::Debug for WaitWaker<H, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitWaker").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<H, I> Wake for WaitWaker<H, I> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_first_call() {
            self.inbox.call(Arc::clone(self));
        }
    }
}
