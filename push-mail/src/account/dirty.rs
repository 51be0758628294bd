//! Where it is to be looked.

use std::collections::BTreeSet;

use crate::store::{FolderId, Hint};

/// What is still to be looked at.
#[derive(Default)]
pub(super) struct Dirty {
    pub(super) tree: bool,
    pub(super) folders: BTreeSet<FolderId>,
    /// Whether from now on nothing happens without a hint.
    pub(super) is_ready: bool,
}

impl Dirty {
    pub(super) fn add(&mut self, hint: Hint, all: impl FnOnce() -> Vec<FolderId>) {
        match hint {
            Hint::Ready => {
                self.is_ready = true;
                self.tree = true;
                self.folders.extend(all());
            }
            Hint::All => {
                self.tree = true;
                self.folders.extend(all());
            }
            Hint::Tree => self.tree = true,
            Hint::Folder(folder) => {
                self.folders.insert(folder);
            }
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        !self.tree && self.folders.is_empty()
    }
}
