//! Pings that wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::ping::PingAnswer;
use crate::account::Account;
use crate::store::{FolderId, StoreError, StoreErrorKind, Token};

/// A folder of a ping, and how far its device is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) folder: FolderId,
    epoch: u64,
    modseq: u64,
}

impl Watched {
    pub(crate) fn new(folder: FolderId, point: Token) -> Self {
        Self { folder, epoch: point.epoch, modseq: point.modseq }
    }

    fn point(&self) -> Token {
        Token { epoch: self.epoch, modseq: self.modseq, paging: None }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    answer: Option<PingAnswer>,
    waker: Option<Waker>,
}

/// A ping that waits: what is shared between its request, its account's watcher, and a newer ping of its device.
#[derive(Debug)]
pub(crate) struct Live {
    /// As the device has them.
    pub(crate) folders: Box<[Watched]>,
    waiting: Mutex<Waiting>,
}

impl Live {
    pub(crate) fn new(folders: Box<[Watched]>) -> Self {
        Self { folders, waiting: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing is left half done under this lock: a poisoned one holds what it always holds.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers it, unless it has an answer.
    pub(crate) fn answer(&self, answer: PingAnswer) {
        let waker = {
            let mut waiting = self.lock();
            if waiting.answer.is_some() {
                return;
            }
            waiting.answer = Some(answer);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A newer ping of its device has come, or the server goes down: it ends without changes, though its answer may be
    /// put off still.
    pub(crate) fn end(&self) {
        let waker = {
            let mut waiting = self.lock();
            waiting.answer = Some(PingAnswer::NoChanges);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// While its answer is put off: whether it is to end before.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.answer == Some(PingAnswer::NoChanges) {
            return Poll::Ready(());
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// One of its folders is gone.
    pub(crate) fn folder_is_gone(&self) {
        self.answer(PingAnswer::FoldersStale);
    }

    /// Whether a sync would tell its device something of this folder.
    fn differs(account: &Account, watched: &Watched) -> Result<bool, StoreError> {
        match account.store.recorded(watched.folder, watched.point(), 1) {
            Ok(page) => Ok(!page.changes.is_empty()),
            // Whatever the device has, it must begin again.
            Err(error) if error.kind() == StoreErrorKind::TokenExpired => Ok(true),
            // Its answer is on its way.
            Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Answers it if its folders differ from what its device has; those of `behind` do in any case.
    pub(crate) fn compare(&self, account: &Account, behind: &[FolderId]) {
        if self.lock().answer.is_some() {
            return;
        }
        let mut differing = Vec::new();
        for watched in &*self.folders {
            let differs = behind.contains(&watched.folder);
            match if differs { Ok(true) } else { Self::differs(account, watched) } {
                Ok(true) => differing.push(watched.folder),
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(account = &*account.name, %error, "a ping cannot be compared");
                    return self.answer(PingAnswer::ServerError);
                }
            }
        }
        if !differing.is_empty() {
            self.answer(PingAnswer::Changes(differing));
        }
    }

    /// Its answer, if it has one.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<PingAnswer> {
        let mut waiting = self.lock();
        if let Some(answer) = waiting.answer.clone() {
            return Poll::Ready(answer);
        }
        let is_same = waiting.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if !is_same {
            waiting.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Its answer once its time is over.
    pub(crate) fn expire(&self) -> PingAnswer {
        self.lock().answer.get_or_insert(PingAnswer::NoChanges).clone()
    }
}

/// A ping's places among those who wait, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) account: Arc<Account>,
    pub(crate) live: Arc<Live>,
}

impl Places {
    /// Takes its places: whatever happens in its folders from now on, it is woken.
    pub(crate) fn take(account: &Arc<Account>, folders: Box<[Watched]>) -> Self {
        let live = Arc::new(Live::new(folders));
        live.folders.iter().for_each(|watched| account.join(watched.folder, &live));
        Self { account: Arc::clone(account), live }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.live.folders.iter().for_each(|watched| self.account.leave(watched.folder, &self.live));
    }
}
