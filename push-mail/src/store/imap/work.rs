//! What is asked of the task that owns the connection.

use std::collections::HashSet;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::store::{Applied, Command, FolderId, Hierarchy, HintSender, Item, StoreError, StoreErrorKind, Uid, Wanted};

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What reaches the task.
#[derive(Debug)]
pub(super) enum Message {
    Ask(Ask),
    Watch { number: u64, folders: HashSet<FolderId>, sender: HintSender },
    Unwatch { number: u64 },
}

/// A question, and its place among those that may wait.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) work: Work,
    /// Whether a connection broke over it already.
    pub(super) is_second_try: bool,
    pub(super) _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) enum Work {
    Hierarchy(Answer<Hierarchy>),
    /// Looks at a folder and records what is seen.
    Look(FolderId, Answer<()>),
    Fetch(FolderId, Vec<Uid>, Wanted, Answer<Vec<Item>>),
    Apply(Command, Answer<Applied>),
}

impl Work {
    /// Whether nobody waits for it any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Work::Hierarchy(to) => to.is_closed(),
            Work::Look(_, to) => to.is_closed(),
            Work::Fetch(.., to) => to.is_closed(),
            // It was asked for, and who asked went: as the contract has it, it is done or not.
            Work::Apply(_, to) => to.is_closed(),
        }
    }

    /// Whether it may be done twice.
    pub(super) fn is_repeatable(&self) -> bool {
        !matches!(self, Work::Apply(..))
    }

    /// Answers that it cannot be done now. Who asked may be gone.
    pub(super) fn fail(self, kind: StoreErrorKind, detail: &str) {
        let error = StoreError::new(kind, detail);
        let _ = match self {
            Work::Hierarchy(to) => to.send(Err(error)).is_ok(),
            Work::Look(_, to) => to.send(Err(error)).is_ok(),
            Work::Fetch(.., to) => to.send(Err(error)).is_ok(),
            Work::Apply(_, to) => to.send(Err(error)).is_ok(),
        };
    }
}
