//! Waking: how a publisher tells the subscribers of a channel that the log moved.
//!
//! A waiter is one connection. Its flag says "the log moved since you last looked"; it is set by
//! publishers and cleared by the connection *before* it reads, so nothing can fall between reading
//! and parking (searched in `tests/shuttle/`).

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::ending::Ending;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// One connection that waits for channels to move.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// Unique in the hub, for counting a connection once however many of its channels match.
    id: u64,
    moved: AtomicBool,
    /// Whether `state` has an ending.
    is_ending: AtomicBool,
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
        Arc::new(Self { id, moved: AtomicBool::new(false), is_ending: AtomicBool::new(false), state: Mutex::default() })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Sets the flag, and gives the waker to call once no lock is held: waking may run, or drop, anything.
    #[must_use]
    pub(crate) fn set_moved(&self) -> Option<Waker> {
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

    /// Whether something moved since this or [`Waiter::poll_moved`] last said so. Leaves no word for the next time.
    pub(crate) fn take_moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed) && self.moved.swap(false, Ordering::AcqRel)
    }

    /// Notes how it is to end; the first ending counts. Returns whether this was it: then wake it, without any lock.
    pub(crate) fn set_ending(&self, ending: Ending) -> bool {
        let mut state = self.state.lock();
        let first = state.ending.is_none();
        state.ending.get_or_insert(ending);
        self.is_ending.store(true, Ordering::Release);
        first
    }

    /// Says that it should look.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.set_moved() {
            waker.wake();
        }
    }

    /// Ready once it is to end. Never together with [`Waiter::poll_moved`]: one waker is kept.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = self.poll_moved(cx);
        // Looked at after the flag was taken: who sets an ending sets the flag behind it, and so wakes us or is seen.
        if self.ending().is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        // Asked for with every read: no lock for what hardly ever is.
        if self.is_ending.load(Ordering::Acquire) { self.state.lock().ending.clone() } else { None }
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
        waiter.wake();
        waiter.wake();
        assert_eq!(count.0.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert!(waiter.poll_moved(&mut cx).is_ready());
        assert!(waiter.poll_moved(&mut cx).is_pending());
    }

    #[test]
    fn the_first_ending_counts() {
        let waiter = Waiter::new(1);
        assert!(waiter.set_ending(Ending::draining()));
        assert!(!waiter.set_ending(Ending::disconnected()));
        assert_eq!(waiter.ending(), Some(Ending::draining()));
    }
}
