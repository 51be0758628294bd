//! What can be done to a mailbox.

use bytes::Bytes;

use super::folder::FolderId;
use super::item::{Flags, Uid};

/// A change that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Puts a message into a folder.
    Append {
        /// Where.
        folder: FolderId,
        /// The message (RFC 5322).
        raw: Bytes,
        /// How it is marked.
        flags: Flags,
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
    /// Makes a folder.
    CreateFolder {
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

/// What came of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The message's number where it is now, if it has one and the store knows it.
    pub uid: Option<Uid>,
    /// The folder that was made.
    pub folder: Option<FolderId>,
}
