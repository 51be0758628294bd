//! Whether anything happened to a folder's files, or to the folders, while they were read.
//!
//! A directory is not read while a file is renamed in it, and the system tells of the rename before it lets the directory
//! be read again. So whoever watches, reads, and hears nothing of a file has seen its directory without its being moved.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::file::{self, Place};
use super::notices::{Listener, Notice, Notices, Spot, Watch};
use crate::store::FolderId;

/// Hears which messages or folders are moved, from its making on.
pub(super) struct Witness {
    notices: Arc<Notices>,
    listener: Arc<dyn Listener>,
    moved: Arc<Moved>,
    watches: Vec<Watch>,
}

/// Messages by their keys, folders by their names.
#[derive(Default)]
struct Moved(Mutex<HashSet<String>>);

impl Listener for Moved {
    fn notice(&self, spot: Spot, notice: Notice<'_>) {
        let moved = match (spot, notice) {
            (Spot::Messages(..), Notice::File(_, name)) => file::key(name),
            (Spot::Root, Notice::Dir(name)) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(moved);
    }

    /// Whoever watches the folder is told as well, and reads it again.
    fn overflow(&self) {}
}

impl Witness {
    /// Of a folder's messages. `None` where the system does not tell.
    pub(super) fn of_messages(dir: &Path) -> Option<Self> {
        // No account is meant: the spot only tells the two directories apart.
        Self::of(Place::BOTH.map(|place| (dir.join(place.dir()), Spot::Messages(FolderId(0), place))))
    }

    /// Of the folders. `None` where the system does not tell.
    pub(super) fn of_folders(root: &Path) -> Option<Self> {
        Self::of([(root.to_owned(), Spot::Root)])
    }

    fn of(dirs: impl IntoIterator<Item = (PathBuf, Spot)>) -> Option<Self> {
        let notices = Notices::shared().ok()?;
        let moved = Arc::new(Moved::default());
        let listener: Arc<dyn Listener> = moved.clone();
        let mut witness = Self { notices, listener, moved, watches: Vec::new() };
        for (dir, spot) in dirs {
            let watch = witness.notices.add(&dir, spot, &witness.listener).ok()?;
            witness.watches.push(watch);
        }
        Some(witness)
    }

    /// What was moved since the last call.
    pub(super) fn take(&self) -> HashSet<String> {
        self.notices.drain();
        std::mem::take(&mut *self.moved.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.watches.iter().for_each(|watch| self.notices.remove(watch, &self.listener));
    }
}
