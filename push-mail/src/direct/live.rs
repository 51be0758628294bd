//! Pings that wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::devices::DeviceId;
use super::ping::PingAnswer;
use crate::account::{Account, Interest};
use crate::store::{FolderId, Hierarchy, StoreError, StoreErrorKind, Token};

/// A folder of a ping, and how far its device is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    folder: FolderId,
    /// Whether the device speaks EAS: then it is compared with what it holds, and not with a point.
    by_eas: bool,
    epoch: u64,
    modseq: u64,
}

// Density: many pings have many folders.
const _: () = assert!(size_of::<Watched>() == 24);

impl Watched {
    pub(crate) fn new(folder: FolderId, point: Token) -> Self {
        Self { folder, by_eas: false, epoch: point.epoch, modseq: point.modseq }
    }

    /// One of a device that speaks EAS.
    pub(crate) fn by_eas(folder: FolderId) -> Self {
        Self { folder, by_eas: true, epoch: 0, modseq: 0 }
    }

    fn point(&self) -> Token {
        Token { epoch: self.epoch, modseq: self.modseq, paging: None }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    /// Apart: most of the time there is none.
    answer: Option<Box<PingAnswer>>,
    waker: Option<Waker>,
}

/// A ping that waits: what is shared between its request, its account's watcher, and a newer ping of its device.
#[derive(Debug)]
pub(crate) struct Live {
    /// Keeps the mailbox watched.
    interest: Interest,
    pub(crate) id: DeviceId,
    /// As the device has them.
    folders: Box<[Watched]>,
    /// When it was asked.
    pub(crate) began: Instant,
    /// Greater than that of a ping whose request came before.
    pub(super) ticket: u64,
    waiting: Mutex<Waiting>,
}

// Density: there is one for each device that waits; what it is asked for and by whom is all that is in it.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Live>() <= 128);

/// What was found out of folders and points, for pings that are compared together: of one account most are at the same.
#[derive(Debug, Default)]
pub(crate) struct Compared(HashMap<(FolderId, Token), bool>);

impl Compared {
    /// Whether a sync would tell something of this folder behind the point.
    fn differs(&mut self, account: &Account, folder: FolderId, point: Token) -> Result<bool, StoreError> {
        if let Some(known) = self.0.get(&(folder, point)) {
            return Ok(*known);
        }
        let differs = match account.store.recorded(folder, point, 1) {
            Ok(page) => !page.changes.is_empty(),
            // Whatever the device has, it must begin again.
            Err(error) if error.kind() == StoreErrorKind::TokenExpired => true,
            // Its answer is on its way.
            Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => false,
            Err(error) => return Err(error),
        };
        self.0.insert((folder, point), differs);
        Ok(differs)
    }
}

impl Live {
    pub(crate) fn new(
        interest: Interest,
        id: DeviceId,
        folders: Box<[Watched]>,
        (began, ticket): (Instant, u64),
    ) -> Self {
        Self { interest, id, folders, began, ticket, waiting: Mutex::default() }
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        self.interest.account()
    }

    /// Whether it waits for such a folder.
    pub(crate) fn is_for(&self, is_meant: impl Fn(FolderId) -> bool) -> bool {
        self.folders.iter().any(|watched| is_meant(watched.folder))
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
            waiting.answer = Some(Box::new(answer));
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
            waiting.answer = Some(Box::new(PingAnswer::NoChanges));
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// While its answer is put off: whether it is to end before.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.answer.as_deref() == Some(&PingAnswer::NoChanges) {
            return Poll::Ready(());
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// One of its folders is gone.
    pub(crate) fn folder_is_gone(&self) {
        self.answer(PingAnswer::FoldersStale);
    }

    /// The tree has changed: a device that speaks EAS is to ask for it, unless it made the change itself.
    pub(crate) fn compare_tree(&self, now: &Hierarchy) {
        if !self.folders.iter().any(|watched| watched.by_eas) {
            return;
        }
        match self.account().eas.is_tree_stale(&self.id, now) {
            Ok(false) => {}
            Ok(true) => self.answer(PingAnswer::FoldersStale),
            Err(error) => {
                tracing::error!(account = &*self.account().name, %error, "a ping cannot be compared");
                self.answer(PingAnswer::ServerError);
            }
        }
    }

    /// Answers it if its folders differ from what its device has; those of `behind` do in any case.
    pub(crate) fn compare(&self, behind: &[FolderId], compared: &mut Compared) {
        if self.lock().answer.is_some() {
            return;
        }
        let account = self.account();
        let mut differing = Vec::new();
        for watched in &*self.folders {
            let is_behind = behind.contains(&watched.folder);
            let differs = match watched.by_eas {
                _ if is_behind => Ok(true),
                true => account.eas.differs(account, &self.id, watched.folder),
                false => compared.differs(account, watched.folder, watched.point()),
            };
            match differs {
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
        if let Some(answer) = &waiting.answer {
            return Poll::Ready(PingAnswer::clone(answer));
        }
        let is_same = waiting.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if !is_same {
            waiting.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Its answer once its time is over.
    pub(crate) fn expire(&self) -> PingAnswer {
        PingAnswer::clone(self.lock().answer.get_or_insert_with(|| Box::new(PingAnswer::NoChanges)))
    }
}

/// A ping's place among those who wait for its account, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(pub(crate) Arc<Live>);

impl Place {
    /// Takes it: whatever happens in the ping's folders from now on, it is woken.
    pub(crate) fn take(live: Live) -> Self {
        let live = Arc::new(live);
        live.account().join(&live);
        Self(live)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.account().leave(&self.0);
    }
}
