//! Hints: where it is worth looking.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::folder::FolderId;

/// Where it is worth looking. Hints may be late, doubled, or for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// From now on nothing happens without a hint.
    Ready,
    /// Something may be anywhere, the tree included: hints were lost.
    All,
    /// Folders may have come, gone or been renamed.
    Tree,
    /// Something may have changed in this folder.
    Folder(FolderId),
}

#[derive(Debug, Default)]
struct Queue {
    /// Equal hints are one: whatever a mailbox does, there is one for each folder.
    waiting: BTreeSet<Hint>,
    /// Of who waits for a hint.
    waker: Option<Waker>,
    /// Of who waits for the end of the watch.
    closing: Option<Waker>,
    is_closed: bool,
    senders: usize,
}

#[derive(Debug, Default)]
struct Shared(Mutex<Queue>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hints of a store, for who watches it. Dropping it ends the watch.
#[derive(Debug)]
pub struct Hints(Arc<Shared>);

/// Gives hints. Cheap to clone. With the last clone goes one more hint, [`Hint::All`]: nobody will give others.
#[derive(Debug)]
pub struct HintSender(Arc<Shared>);

impl Hints {
    /// Hints, and who gives them.
    pub fn channel() -> (HintSender, Hints) {
        let shared = Arc::new(Shared(Mutex::new(Queue { senders: 1, ..Queue::default() })));
        (HintSender(Arc::clone(&shared)), Hints(shared))
    }

    /// The next hint.
    ///
    /// Cancel safety: a hint that was not returned stays.
    pub async fn next(&mut self) -> Hint {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next hint, if there is one.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Hint> {
        let mut queue = self.0.lock();
        if let Some(hint) = queue.waiting.pop_first() {
            return Poll::Ready(hint);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether nobody is left who gives hints: the watch has ended without being asked, and is to be begun again.
    pub fn is_abandoned(&self) -> bool {
        self.0.lock().senders == 0
    }

    /// A hint that is there already.
    pub fn try_next(&mut self) -> Option<Hint> {
        self.0.lock().waiting.pop_first()
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        let waker = {
            let mut queue = self.0.lock();
            queue.is_closed = true;
            queue.closing.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Clone for HintSender {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for HintSender {
    fn drop(&mut self) {
        let is_last = {
            let mut queue = self.0.lock();
            queue.senders -= 1;
            queue.senders == 0
        };
        if is_last {
            self.send(Hint::All);
        }
    }
}

impl HintSender {
    /// Gives a hint. `false` if nobody watches any more.
    pub fn send(&self, hint: Hint) -> bool {
        let (is_open, waker) = {
            let mut queue = self.0.lock();
            if !queue.is_closed {
                queue.waiting.insert(hint);
            }
            (!queue.is_closed, queue.waker.take())
        };
        if let Some(waker) = waker.filter(|_| is_open) {
            waker.wake();
        }
        is_open
    }

    /// Whether somebody still watches.
    pub fn is_watched(&self) -> bool {
        !self.0.lock().is_closed
    }

    /// Resolves when nobody watches any more.
    ///
    /// Cancel safety: nothing is lost. Only one of a sender's clones may wait for it at a time.
    pub async fn closed(&self) {
        let watched = poll_fn(|cx| {
            let mut queue = self.0.lock();
            if queue.is_closed {
                return Poll::Ready(());
            }
            queue.closing = Some(cx.waker().clone());
            Poll::Pending
        });
        watched.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn equal_hints_are_one_and_the_order_is_from_wide_to_narrow() {
        let (sender, mut hints) = Hints::channel();
        for hint in [Hint::Folder(FolderId(2)), Hint::Tree, Hint::Folder(FolderId(2)), Hint::Ready, Hint::All] {
            assert!(sender.send(hint));
        }
        let all = [hints.next().await, hints.next().await, hints.next().await, hints.next().await];
        assert_eq!(all, [Hint::Ready, Hint::All, Hint::Tree, Hint::Folder(FolderId(2))]);
        assert_eq!(hints.try_next(), None);
    }

    #[test]
    fn who_watches_learns_that_nobody_hints() {
        let (sender, mut hints) = Hints::channel();
        let other = sender.clone();
        sender.send(Hint::Ready);
        drop(sender);
        assert!(!hints.is_abandoned());
        drop(other);
        assert!(hints.is_abandoned());
        assert_eq!(hints.try_next(), Some(Hint::Ready), "what was hinted is there still");
        assert_eq!((hints.try_next(), hints.try_next()), (Some(Hint::All), None), "and hints were lost");
    }

    #[tokio::test]
    async fn who_hints_learns_that_nobody_watches() {
        let (sender, hints) = Hints::channel();
        let other = sender.clone();
        let ended = tokio::spawn(async move { other.closed().await });
        tokio::task::yield_now().await;
        assert!(!hints.is_abandoned());
        drop(hints);
        ended.await.expect("it ends");
        assert!(!sender.send(Hint::Tree) && !sender.is_watched());
    }
}
