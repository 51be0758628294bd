//! Waking: how a publisher tells the subscribers of a channel that the log moved.
//!
//! A waiter is one connection. Its flag says "the log moved since you last looked"; it is set by
//! publishers and cleared by the connection *before* it reads, so nothing can fall between reading
//! and parking (searched in `tests/shuttle.rs`).

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::ending::Ending;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// One connection that waits for channels to move.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Unique in the hub, for counting a connection once however many of its channels match.
    id: u64,
    moved: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waker: Option<Waker>,
    /// Set once, by an operator or a drain; the connection says it to its client and ends.
    ending: Option<Ending>,
}

impl Waiter {
    pub(crate) fn new(id: u64) -> Arc<Self> {
        Arc::new(Self { id, moved: AtomicBool::new(false), state: Mutex::default() })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Sets the flag, and gives the waker to call once no lock is held: waking may run, or drop, anything.
    #[must_use]
    fn set_moved(&self) -> Option<Waker> {
        if self.moved.swap(true, Ordering::AcqRel) {
            return None; // it was told already and has not looked yet
        }
        self.state.lock().waker.take()
    }

    /// Ready once something moved since the last time this was ready.
    pub(crate) fn poll_moved(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        // Registered first, looked at second: a publisher either sees the waker or is seen here.
        let replaced = if state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            None
        } else {
            state.waker.replace(cx.waker().clone())
        };
        drop(state);
        drop(replaced); // like waking, it may run anything
        if self.moved.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ends the connection; the first ending counts. Returns whether this was it.
    pub(crate) fn end(&self, ending: Ending) -> bool {
        let first = {
            let mut state = self.state.lock();
            let first = state.ending.is_none();
            state.ending.get_or_insert(ending);
            first
        };
        if let Some(waker) = self.set_moved() {
            waker.wake();
        }
        first
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.state.lock().ending.clone()
    }
}

/// Wakers called between two looks at an audience: so many places are taken on the way, whatever its size.
const WAKE_AT_ONCE: usize = 32;

/// The waiters of one channel or pattern.
#[derive(Debug, Default)]
pub(crate) struct Audience(Mutex<Slab<Arc<Waiter>>>);

impl Audience {
    pub(crate) fn join(&self, waiter: &Arc<Waiter>) -> usize {
        self.0.lock().insert(Arc::clone(waiter))
    }

    /// Returns whether nobody is left.
    pub(crate) fn leave(&self, key: usize) -> bool {
        let mut waiters = self.0.lock();
        waiters.remove(key);
        if waiters.is_empty() {
            waiters.shrink_to_fit();
        }
        waiters.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Wakes everybody.
    pub(crate) fn notify(&self) {
        let mut wakers = Vec::new();
        let mut next = 0;
        loop {
            let end = {
                let waiters = self.0.lock();
                let end = waiters.capacity();
                while next < end && wakers.len() < WAKE_AT_ONCE {
                    wakers.extend(waiters.get(next).and_then(|waiter| waiter.set_moved()));
                    next += 1;
                }
                end
            };
            // Who joins meanwhile, at whatever place, joined after the publication was numbered.
            wakers.drain(..).for_each(Waker::wake);
            if next >= end {
                return;
            }
        }
    }

    /// Adds the ids of all waiters.
    pub(crate) fn ids(&self, into: &mut std::collections::HashSet<u64>) {
        into.extend(self.0.lock().iter().map(|(_, waiter)| waiter.id()));
    }
}

#[cfg(all(test, not(push_shuttle)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn a_waiter_that_has_not_looked_is_woken_once() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let waiter = Waiter::new(1);
        assert!(waiter.poll_moved(&mut cx).is_pending());
        let audience = Audience::default();
        audience.join(&waiter);
        audience.notify();
        audience.notify();
        assert_eq!(count.0.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert!(waiter.poll_moved(&mut cx).is_ready());
        assert!(waiter.poll_moved(&mut cx).is_pending());
    }

    #[test]
    fn the_first_ending_counts() {
        let waiter = Waiter::new(1);
        assert!(waiter.end(Ending::draining()));
        assert!(!waiter.end(Ending::disconnected()));
        assert_eq!(waiter.ending(), Some(Ending::draining()));
    }
}
