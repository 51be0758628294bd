//! What was seen of an account's folders, each change numbered: for mailboxes that cannot tell themselves what has
//! changed since a point.
//!
//! A store looks at its mailbox and records what it sees; the journal compares with what it knows, and gives every
//! difference the folder's next number (modseq). What devices and channels ask, "what is new behind this number", is then
//! one look along the numbers, whatever the mailbox can do.
//!
//! ```text
//!  a look at the mailbox ─▶ record ─▶ items: uid ─▶ key, flags, created, modified
//!                                     log: modseq ─▶ uid, created, gone     where it came and changed last, or went
//!                                     changes(since) reads the log behind `since`
//! ```
//!
//! Numbers are set aside in blocks, durably, before they are given: after a crash the numbering goes on behind the block,
//! and no uid or modseq that anybody was told is given again. Deleted messages are remembered, [`TOMBSTONES`] a folder;
//! a token from before that is [`StoreErrorKind::TokenExpired`](crate::store::StoreErrorKind::TokenExpired).

mod changes;
mod folders;
mod items;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use items::resume;

use crate::state::{Durability, State, StateError};
use crate::store::{Class, Flags, FolderId, FolderKind, Hierarchy, Page, StoreError, Token, Uid};

/// Deleted messages that a folder remembers.
pub const TOMBSTONES: u64 = 10_000;

/// The journal of one account. Cheap to clone: all clones are the same.
#[derive(Clone, Debug)]
pub struct Journal {
    state: State,
    account: u32,
    name: Arc<str>,
}

/// A folder as a store sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFolder {
    /// What the store calls it: no two of an account are called the same.
    pub key: String,
    /// What stays when it is renamed, where there is such a thing and no other folder has the same.
    pub identity: Option<String>,
    /// As [`Folder::path`](crate::store::Folder::path).
    pub path: String,
    /// What it is for.
    pub kind: FolderKind,
    /// What its items are.
    pub class: Class,
}

/// A message as a store sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenItem {
    /// Its number where the mailbox numbers its messages itself; else the journal does.
    pub uid: Option<Uid>,
    /// What the store calls it: no two of a folder are called the same.
    pub key: String,
    /// How it is marked.
    pub flags: Flags,
    /// As [`Change::identity`](crate::store::Change::identity); kept as it was if `None`. Another one than before is a
    /// change.
    pub identity: Option<u64>,
    /// As [`Change::received_ms`](crate::store::Change::received_ms); kept as it was if `None`, or 0. Another one than
    /// before is none.
    pub received_ms: Option<u64>,
}

/// What a look at a folder has shown.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Everything known before is void: uids mean other messages now.
    pub reset: bool,
    /// Messages that are there. Those that are as they were change nothing; those not named stay.
    pub seen: Vec<SeenItem>,
    /// Messages that are no longer there; unknown ones change nothing.
    pub gone: Vec<Uid>,
    /// Where the store is to look on from; kept as it was if `None`.
    pub mark: Option<Vec<u8>>,
}

/// A message that the journal knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub uid: Uid,
    /// What the store calls it.
    pub key: String,
    /// How it is marked.
    pub flags: Flags,
    /// As it was recorded.
    pub identity: Option<u64>,
    /// As it was recorded, or 0.
    pub received_ms: u64,
}

impl Journal {
    /// The journal of the account of that name, which is made if there is none.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be written.
    pub async fn open(state: &State, account: &str) -> Result<Self, StateError> {
        let name: Arc<str> = account.into();
        let key = Arc::clone(&name);
        let id = state.write(Durability::Disk, move |transaction| folders::account(transaction, &key)).await?;
        Ok(Self { state: state.clone(), account: id, name })
    }

    /// The account's name.
    pub fn account(&self) -> &Arc<str> {
        &self.name
    }

    /// Changes when what a store remembers of this journal may no longer be so, because the database had to be opened
    /// again: then it looks at everything anew.
    pub fn generation(&self) -> u64 {
        self.state.opened()
    }

    /// The folders recorded last.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be read.
    pub fn hierarchy(&self) -> Result<Hierarchy, StateError> {
        self.state.read(|transaction| folders::hierarchy(transaction, &self.name, self.account))
    }

    /// Records all folders that there are. One with the identity of a known one is that one, renamed; else one with the
    /// same key. Those that are not there any more are forgotten with their messages.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be written; nothing was recorded then.
    pub async fn record_hierarchy(&self, seen: Vec<SeenFolder>) -> Result<Hierarchy, StateError> {
        let account = self.account;
        self.settle().await?;
        let known = self.state.read(|transaction| folders::rows(transaction, account))?;
        if folders::are_as_recorded(&known, &seen) {
            return self.hierarchy();
        }
        let name = Arc::clone(&self.name);
        self.state.write(Durability::Disk, move |transaction| folders::record(transaction, &name, account, seen)).await
    }

    /// What the store calls the folder.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NoSuchFolder`](crate::store::StoreErrorKind::NoSuchFolder), or where it cannot be read.
    pub fn folder_key(&self, folder: FolderId) -> Result<String, StoreError> {
        let key = self.state.read(|transaction| folders::key(transaction, (self.account, folder.0)))?;
        key.ok_or_else(|| StoreError::no_such_folder(folder))
    }

    /// Where the store wanted to look on from.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be read.
    pub fn mark(&self, folder: FolderId) -> Result<Option<Vec<u8>>, StateError> {
        self.state.read(|transaction| items::mark(transaction, (self.account, folder.0)))
    }

    /// All messages that are known of a folder, by uid.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be read.
    pub fn known(&self, folder: FolderId) -> Result<Vec<Known>, StateError> {
        self.state.read(|transaction| items::known(transaction, (self.account, folder.0)))
    }

    /// A message that is known.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be read.
    pub fn look_up(&self, folder: FolderId, uid: Uid) -> Result<Option<Known>, StateError> {
        self.state.read(|transaction| items::look_up(transaction, (self.account, folder.0), uid))
    }

    /// Messages that are known, in the order asked for; unknown ones are left out.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be read.
    pub fn look_up_all(&self, folder: FolderId, uids: &[Uid]) -> Result<Vec<Known>, StateError> {
        self.state.read(|transaction| items::look_up_all(transaction, (self.account, folder.0), uids))
    }

    /// A message that is known, by what the store calls it.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be read.
    pub fn find(&self, folder: FolderId, key: &str) -> Result<Option<Known>, StateError> {
        self.state.read(|transaction| items::find(transaction, (self.account, folder.0), key))
    }

    /// Records what a look has shown, and numbers what differs. Looks at one folder must be recorded in the order in which
    /// they were made.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NoSuchFolder`](crate::store::StoreErrorKind::NoSuchFolder), or where it cannot be written;
    /// nothing was recorded then.
    pub async fn record(&self, folder: FolderId, look: Look) -> Result<Token, StoreError> {
        let at = (self.account, folder.0);
        let recorded = self.state.write_raising(move |transaction| items::record(transaction, at, look)).await?;
        recorded.ok_or_else(|| StoreError::no_such_folder(folder))
    }

    /// Resolves when everything can be read that was recorded before, also by those who did not wait for it: a call that is
    /// dropped may still be recorded. Who compares with what is [known](Self::known) after that settles first.
    ///
    /// # Errors
    ///
    /// [`StateError`] where nothing can be written.
    pub async fn settle(&self) -> Result<(), StateError> {
        self.state.write(Durability::Later, |_| Ok(())).await
    }

    /// The point behind everything recorded of a folder.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NoSuchFolder`](crate::store::StoreErrorKind::NoSuchFolder), or where it cannot be read.
    pub fn head(&self, folder: FolderId) -> Result<Token, StoreError> {
        let head = self.state.read(|transaction| items::head(transaction, (self.account, folder.0)))?;
        head.ok_or_else(|| StoreError::no_such_folder(folder))
    }

    /// As [`MailStore::changes`](crate::store::MailStore::changes), of what is recorded.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn changes(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError> {
        self.state.read(|transaction| changes::changes(transaction, (self.account, folder.0), since, limit))?
    }
}
