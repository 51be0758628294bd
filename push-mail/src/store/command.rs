//! What can be done to a mailbox.

use bytes::Bytes;

use super::folder::{Class, FolderId};
use super::item::{Flags, Uid};

/// A change that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Puts a message into a folder, or an item of the folder's class.
    Append {
        /// Where.
        folder: FolderId,
        /// The message (RFC 5322); of a calendar, tasks or notes iCalendar (RFC 5545), of an address book a vCard
        /// (RFC 6350).
        raw: Bytes,
        /// How it is marked.
        flags: Flags,
    },
    /// Gives an item another content, whose UID property is the same. Messages have always the same:
    /// [`StoreErrorKind::Unsupported`](super::StoreErrorKind::Unsupported).
    Replace {
        /// Where it is.
        folder: FolderId,
        /// Which.
        uid: Uid,
        /// All of its new content, as in [`Command::Append`].
        raw: Bytes,
    },
    /// Marks a message, and takes marks away.
    Mark {
        /// Where it is.
        folder: FolderId,
        /// Which.
        uid: Uid,
        /// Marks that it gets.
        add: Flags,
        /// Marks that it loses.
        remove: Flags,
    },
    /// Puts a message into another folder.
    Move {
        /// Where it is.
        folder: FolderId,
        /// Which.
        uid: Uid,
        /// Where it is to be.
        to: FolderId,
    },
    /// Removes a message for good.
    Delete {
        /// Where it is.
        folder: FolderId,
        /// Which.
        uid: Uid,
    },
    /// Makes a folder for messages.
    CreateFolder {
        /// Its path, as [`Folder::path`](super::Folder::path).
        path: String,
    },
    /// Makes a folder for items of a class.
    CreateFolderOf {
        /// What its items are.
        class: Class,
        /// Its path, as [`Folder::path`](super::Folder::path).
        path: String,
    },
    /// Gives a folder another path; those below it go with it.
    RenameFolder {
        /// Which; not the inbox.
        folder: FolderId,
        /// Its new path.
        path: String,
    },
    /// Removes a folder with its messages; those below it stay.
    DeleteFolder {
        /// Which; not the inbox.
        folder: FolderId,
    },
}

impl Command {
    /// The folder that the command is about, if it is there already.
    pub fn folder(&self) -> Option<FolderId> {
        match self {
            Command::Append { folder, .. }
            | Command::Replace { folder, .. }
            | Command::Mark { folder, .. }
            | Command::Move { folder, .. }
            | Command::Delete { folder, .. }
            | Command::RenameFolder { folder, .. }
            | Command::DeleteFolder { folder } => Some(*folder),
            Command::CreateFolder { .. } | Command::CreateFolderOf { .. } => None,
        }
    }
}

/// What came of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The message's number where it is now, if it has one and the store knows it.
    pub uid: Option<Uid>,
    /// The folder that was made.
    pub folder: Option<FolderId>,
}
