//! What the system tells of changed directories: one queue for the whole process, shared by all accounts, because a user
//! may have few of them (128 on Linux).
//!
//! The queue is read by a thread of its own, and by whoever is about to look at a folder: what happened before a look is
//! then known to it, and who looks need not wait for the thread.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(in crate::store) use elsewhere::{Notices, Watch};
#[cfg(target_os = "linux")]
pub(in crate::store) use linux::{Notices, Watch};

use std::ffi::OsStr;

use super::file::Place;
use super::scan::What;
use crate::store::FolderId;

/// What a directory is to who watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) enum Spot {
    /// It holds the folders.
    Root,
    /// It may become a folder.
    Incomplete,
    /// It holds messages.
    Messages(FolderId, Place),
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Notice<'n> {
    /// A file came or went.
    File(What, &'n OsStr),
    /// A directory came or went.
    Dir(&'n OsStr),
    /// The watched directory itself was moved or removed.
    Itself,
}

/// Who is told. It is called while the queue is held: it is quick, and does not watch anything from there.
pub(in crate::store) trait Listener: Send + Sync {
    fn notice(&self, spot: Spot, notice: Notice<'_>);

    /// Notices were lost.
    fn overflow(&self);
}
