//! Who watches which folders.

use std::collections::HashSet;

use crate::store::{FolderId, Hint, HintSender};

#[derive(Debug)]
struct Watcher {
    number: u64,
    /// All, if there are none named.
    folders: HashSet<FolderId>,
    sender: HintSender,
    /// Whether it was told that from now on nothing happens without a hint.
    is_ready: bool,
}

/// All who watch an account.
#[derive(Debug, Default)]
pub(super) struct Watchers(Vec<Watcher>);

impl Watchers {
    pub(super) fn add(&mut self, number: u64, folders: HashSet<FolderId>, sender: HintSender) {
        if sender.is_watched() {
            self.0.push(Watcher { number, folders, sender, is_ready: false });
        }
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.0.retain(|watcher| watcher.number != number);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some are not told yet that they watch.
    pub(super) fn has_new(&self) -> bool {
        self.0.iter().any(|watcher| !watcher.is_ready)
    }

    /// The watch is in force for all. Who was told so before has missed something since.
    pub(super) fn ready(&mut self, was_lost: bool) {
        for watcher in &mut self.0 {
            if !watcher.is_ready {
                watcher.sender.send(Hint::Ready);
                watcher.is_ready = true;
            } else if was_lost {
                watcher.sender.send(Hint::All);
            }
        }
    }

    /// Tells everybody it concerns.
    pub(super) fn hint(&self, hint: Hint) {
        for watcher in &self.0 {
            let concerns = match hint {
                Hint::Folder(folder) => watcher.folders.is_empty() || watcher.folders.contains(&folder),
                _ => true,
            };
            if concerns && watcher.is_ready {
                watcher.sender.send(hint);
            }
        }
    }

    /// Whether somebody watches this folder.
    pub(super) fn watches(&self, folder: FolderId) -> bool {
        self.0.iter().any(|watcher| watcher.folders.is_empty() || watcher.folders.contains(&folder))
    }
}
