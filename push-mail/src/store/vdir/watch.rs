//! Watching: the system tells which directory, or all are looked at from time to time.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Notify;

use super::Shared;
use super::collections::{DISPLAY_NAME, Tree};
use crate::store::maildir::file::Place;
use crate::store::maildir::notices::{Listener, Notice, Notices, Spot, Watch};
use crate::store::{FolderId, Hint, HintSender, Hints, StoreError, Token};

/// Hints for `folders`, all if there are none, and for the tree.
pub(super) fn watch(shared: Arc<Shared>, folders: &[FolderId]) -> Hints {
    let (sender, hints) = Hints::channel();
    let ear = Arc::new(Ear { hints: sender, only: folders.iter().copied().collect(), plant: Notify::new() });
    let listener: Arc<dyn Listener> = ear.clone();
    let watcher = Watcher {
        shared,
        ear,
        listener,
        watches: HashMap::new(),
        version: None,
        heads: HashMap::new(),
        is_ready: false,
        has_warned: false,
    };
    tokio::spawn(watcher.run());
    hints
}

/// Who hears what the system tells.
struct Ear {
    hints: HintSender,
    only: HashSet<FolderId>,
    /// The tree may have changed: what is watched has to be arranged anew.
    plant: Notify,
}

impl Ear {
    fn is_wanted(&self, folder: FolderId) -> bool {
        self.only.is_empty() || self.only.contains(&folder)
    }
}

impl Listener for Ear {
    fn notice(&self, spot: Spot, notice: Notice<'_>) {
        match (spot, notice) {
            (Spot::Messages(..), Notice::File(_, name)) if name == DISPLAY_NAME => self.plant.notify_one(),
            // Files that are written beside where they belong are no items yet.
            (Spot::Messages(..), Notice::File(_, name)) if name.as_encoded_bytes().starts_with(b".") => {}
            (Spot::Messages(folder, _), Notice::File(..)) => {
                if self.is_wanted(folder) {
                    self.hints.send(Hint::Folder(folder));
                }
            }
            (Spot::Root, Notice::File(..)) | (Spot::Messages(..), Notice::Dir(_)) => {}
            (Spot::Root | Spot::Incomplete, _) | (Spot::Messages(..), Notice::Itself) => self.plant.notify_one(),
        }
    }

    fn overflow(&self) {
        self.plant.notify_one();
        self.hints.send(Hint::All);
    }
}

/// Keeps the right directories watched.
struct Watcher {
    shared: Arc<Shared>,
    ear: Arc<Ear>,
    listener: Arc<dyn Listener>,
    /// What is watched, and where it lay then.
    watches: HashMap<Watch, PathBuf>,
    /// The tree's version that was hinted last.
    version: Option<u64>,
    /// What folders were like when they were looked at last, where the system does not tell.
    heads: HashMap<FolderId, Token>,
    is_ready: bool,
    has_warned: bool,
}

impl Watcher {
    async fn run(mut self) {
        let ear = Arc::clone(&self.ear);
        loop {
            let polls = match self.arrange().await {
                Ok(polls) => polls,
                Err(error) => {
                    self.warn(&error);
                    self.remove(|_| true);
                    if self.is_ready {
                        ear.hints.send(Hint::All);
                    }
                    true
                }
            };
            if !self.is_ready {
                self.is_ready = true;
                ear.hints.send(Hint::Ready);
            }
            tokio::select! {
                () = ear.hints.closed() => return,
                () = ear.plant.notified() => {}
                () = tokio::time::sleep(self.shared.config.poll), if polls => {}
            }
        }
    }

    fn warn(&mut self, why: &dyn std::fmt::Display) {
        if !std::mem::replace(&mut self.has_warned, true) {
            let (root, every) = (self.shared.root.display(), self.shared.config.poll);
            tracing::warn!("{root} is looked at every {every:?}, because the system does not tell of changes: {why}");
        }
    }

    /// Watches what is there now, hints at what differs, and tells whether it has to be looked at from time to time.
    async fn arrange(&mut self) -> Result<bool, StoreError> {
        let notices = if self.shared.config.notices { Notices::shared().ok() } else { None };
        let mut hears_all = notices.is_some();
        // Watched before it is read: what comes between is told.
        if let Some(notices) = &notices {
            let root = self.shared.root.clone();
            hears_all &= self.add(notices, root, Spot::Root);
        }
        let tree = self.shared.tree().await?;
        if let Some(notices) = &notices {
            hears_all &= self.hear(notices, &tree);
        }
        let version = tree.hierarchy.version;
        if self.version.replace(version).is_some_and(|known| known != version) {
            self.ear.hints.send(Hint::Tree);
        }
        if !hears_all {
            self.look_at_all(&tree).await;
        }
        Ok(!hears_all)
    }

    /// Watches a directory. `false` if that cannot be.
    fn add(&mut self, notices: &Notices, path: PathBuf, spot: Spot) -> bool {
        let Ok(watch) = notices.add(&path, spot, &self.listener) else { return false };
        let is_new = self.watches.insert(watch, path).is_none();
        match spot {
            // What happened in it before is not known.
            Spot::Messages(folder, _) if is_new && self.is_ready && self.ear.is_wanted(folder) => {
                self.ear.hints.send(Hint::Folder(folder));
            }
            // It may have been filled since the tree was read.
            Spot::Root | Spot::Incomplete if is_new => self.ear.plant.notify_one(),
            _ => {}
        }
        true
    }

    /// Has everything told that concerns the collections there are, and nothing else.
    fn hear(&mut self, notices: &Notices, tree: &Tree) -> bool {
        let mut wanted = vec![(self.shared.root.clone(), Spot::Root)];
        wanted.extend(tree.dirs.iter().map(|(folder, dir)| (dir.clone(), Spot::Messages(*folder, Place::Cur))));
        wanted.extend(tree.unknown.iter().map(|dir| (dir.clone(), Spot::Incomplete)));
        let mut hears_all = true;
        let mut kept = HashSet::new();
        for (path, spot) in wanted {
            hears_all &= self.add(notices, path.clone(), spot);
            kept.extend(notices.add(&path, spot, &self.listener).ok());
        }
        self.remove(|watch| !kept.contains(watch));
        hears_all
    }

    fn remove(&mut self, is_unwanted: impl Fn(&Watch) -> bool) {
        let notices = Notices::shared().ok();
        let listener = &self.listener;
        self.watches.retain(|watch, _| {
            let is_unwanted = is_unwanted(watch);
            if is_unwanted && let Some(notices) = &notices {
                notices.remove(watch, listener);
            }
            !is_unwanted
        });
    }

    async fn look_at_all(&mut self, tree: &Tree) {
        for folder in tree.hierarchy.folders.iter().map(|folder| folder.id) {
            if !self.ear.is_wanted(folder) {
                continue;
            }
            // What cannot be looked at now is tried again.
            let Ok(()) = self.shared.look(folder).await else { continue };
            let Ok(head) = self.shared.journal.head(folder) else { continue };
            if self.heads.insert(folder, head).is_none_or(|known| known != head) && self.is_ready {
                self.ear.hints.send(Hint::Folder(folder));
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.remove(|_| true);
    }
}
