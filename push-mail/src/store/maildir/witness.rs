//! Whether anything happened to a folder's files while it was read.
//!
//! A directory is not read while a file is renamed in it, and the system tells of the rename before it lets the directory
//! be read again. So whoever watches, reads, and hears nothing of a file has seen its directory without its being moved.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::file::{self, Place};
use super::notices::{Listener, Notice, Notices, Spot, Watch};
use crate::store::FolderId;

/// Hears which messages are moved, from its making on.
pub(super) struct Witness {
    notices: Arc<Notices>,
    listener: Arc<dyn Listener>,
    moved: Arc<Moved>,
    watches: Vec<Watch>,
}

/// By key.
#[derive(Default)]
struct Moved(Mutex<HashSet<String>>);

impl Listener for Moved {
    fn notice(&self, _: Spot, notice: Notice<'_>) {
        if let Notice::File(_, name) = notice
            && let Some(key) = file::key(name)
        {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
    }

    /// Whoever watches the folder is told as well, and reads it again.
    fn overflow(&self) {}
}

impl Witness {
    /// `None` where the system does not tell.
    pub(super) fn new(dir: &Path) -> Option<Self> {
        let notices = Notices::shared().ok()?;
        let moved = Arc::new(Moved::default());
        let listener: Arc<dyn Listener> = moved.clone();
        let mut witness = Self { notices, listener, moved, watches: Vec::new() };
        for place in Place::BOTH {
            // No account is meant: the spot only tells the two directories apart.
            let spot = Spot::Messages(FolderId(0), place);
            let watch = witness.notices.add(&dir.join(place.dir()), spot, &witness.listener).ok()?;
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
