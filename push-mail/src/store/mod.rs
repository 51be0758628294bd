//! What a mailbox must be able to do, and the stores there are.
//!
//! ```text
//!  hierarchy() ─ which folders          watch() ─▶ hints: "look at this folder", late, doubled or for nothing
//!  changes(folder, since) ─▶ the truth  ◀───────── and whoever is hinted asks for it
//!  fetch() ─ messages    apply() ─ flags, moves, deletes, new messages and folders
//! ```
//!
//! To add a store: implement [`MailStore`], record what is seen into a [`Journal`](crate::journal::Journal) if the
//! mailbox itself cannot tell what has changed since a point, and run the conformance list of `tests/stores` over it.

mod clock;
mod command;
mod content;
mod error;
mod folder;
mod hints;
pub mod imap;
mod item;
pub mod joined;
#[cfg(unix)]
pub mod maildir;
pub mod memory;
mod pace;
pub mod pop3;
mod retry;
#[cfg(unix)]
pub mod vdir;

use push_core::BoxFuture;

use crate::journal::Known;

pub(crate) use clock::now_ms;
pub use command::{Applied, Command};
pub use error::{StoreError, StoreErrorKind};
pub use folder::{Class, Folder, FolderId, FolderKind, Hierarchy};
pub(crate) use folder::{name_of_part, part_of_path};
pub use hints::{Hint, HintSender, Hints};
pub use item::{Change, ChangeKind, Flags, Item, Page, Paging, Summary, Token, Uid, Wanted};

/// A mailbox: the folders of one account.
///
/// # What must be atomic, and what breaks otherwise
///
/// - **Only `changes` is truth.** What it tells up to a token is all that had happened up to there: a change that is
///   told neither before nor after a token is mail that a phone never shows.
/// - **A hint comes after its change can be seen.** Whoever is hinted and asks must find it; a hint that runs ahead is a
///   change that nobody looks for again.
/// - **Nothing is missed behind [`Hint::Ready`].** Every change after it gives a hint, whatever happens to the
///   connection or queue behind; where a store cannot know, it hints at everything ([`Hint::All`]).
/// - **An id is for ever.** A [`FolderId`] stays through renames and is never given to another folder, an [`Uid`] never
///   to another message of its folder while the token's epoch is the same.
///
/// # Cancel safety
///
/// All futures may be dropped: what was begun is done or not, as after an error.
pub trait MailStore: std::fmt::Debug + Send + Sync + 'static {
    /// The folders there are now.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] or [`StoreErrorKind::Refused`] where the mailbox cannot be asked.
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>>;

    /// What has changed in `folder` behind `since`, oldest first, at most about `limit` changes; looks at the mailbox
    /// itself. A message that came and went behind `since` is not told, one that changed often is told once. Only where
    /// it went between two pages of one sequence may a message be told as deleted that was never told.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::TokenExpired`] when it is no longer known what has changed since: begin with
    /// [`Token::START`]. [`StoreErrorKind::NoSuchFolder`], and those of [`MailStore::hierarchy`].
    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>>;

    /// The same of what the last look at the mailbox has shown, without another: for who was hinted, and for many who ask
    /// at once.
    ///
    /// # Errors
    ///
    /// As [`MailStore::changes`].
    fn recorded(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError>;

    /// What the last look has shown of single messages, in the order asked for; those that it has not shown are left out,
    /// and all of a folder that is not there.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] where what was seen cannot be read.
    fn known(&self, folder: FolderId, uids: &[Uid]) -> Result<Vec<Known>, StoreError>;

    /// Messages of `folder`, in the order asked for; those that are gone are left out.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NoSuchFolder`], and those of [`MailStore::hierarchy`].
    fn fetch<'a>(
        &'a self,
        folder: FolderId,
        uids: &'a [Uid],
        wanted: Wanted,
    ) -> BoxFuture<'a, Result<Vec<Item>, StoreError>>;

    /// Changes the mailbox. The change is seen by the next `changes`.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NoSuchFolder`], [`StoreErrorKind::NoSuchItem`], [`StoreErrorKind::Exists`],
    /// [`StoreErrorKind::Invalid`], [`StoreErrorKind::Unsupported`], and those of [`MailStore::hierarchy`]; nothing was
    /// changed then, or it is not known ([`StoreErrorKind::Unavailable`]).
    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>>;

    /// Watches `folders`, all if there are none named, until the hints are dropped. The first hint is
    /// [`Hint::Ready`]. While nobody watches, a store holds no connection.
    fn watch(&self, folders: &[FolderId]) -> Hints;

    /// Whether watching takes nothing that is scarce, a connection for instance: then it is watched all the time, and
    /// what changes is told on the channels whether somebody waits or not.
    fn is_local(&self) -> bool {
        false
    }
}
