//! Watching: the system tells which directory and which file, or the folders are looked at from time to time.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::Shared;
use super::file::Place;
use super::look::TreeLook;
use super::notices::{Listener, Notice, Notices, Spot, Watch};
use super::scan::Event;
use crate::store::{FolderId, Hint, HintSender, Hints, StoreError, Token};

/// Hints for `folders`, all if there are none, and for the tree.
pub(super) fn watch(shared: Arc<Shared>, folders: &[FolderId]) -> Hints {
    let (sender, hints) = Hints::channel();
    let ear = Arc::new(Ear {
        shared,
        hints: sender,
        only: folders.iter().copied().collect(),
        plant: Notify::new(),
        has_warned: AtomicBool::new(false),
    });
    tokio::spawn(Watcher::new(ear).run());
    hints
}

/// Who hears what the system tells.
struct Ear {
    shared: Arc<Shared>,
    hints: HintSender,
    only: HashSet<FolderId>,
    /// The tree may have changed: what is watched has to be arranged anew.
    plant: Notify,
    has_warned: AtomicBool,
}

impl Ear {
    fn is_wanted(&self, folder: FolderId) -> bool {
        self.only.is_empty() || self.only.contains(&folder)
    }

    fn arrange_anew(&self) {
        self.shared.tree.doubt();
        self.plant.notify_one();
    }

    /// Once for each watch: it would be said at every look.
    fn warn(&self, root: &Path, why: &dyn std::fmt::Display) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            let (root, every) = (root.display(), self.shared.config.poll);
            tracing::warn!("{root} is looked at every {every:?}, because the system does not tell of changes: {why}");
        }
    }
}

impl Listener for Ear {
    fn notice(&self, spot: Spot, notice: Notice<'_>) {
        match (spot, notice) {
            (Spot::Messages(folder, place), Notice::File(what, name)) => {
                self.shared.folder(folder).note(Event { place, name: name.to_owned(), what });
                self.hints.send(Hint::Folder(folder));
            }
            (Spot::Messages(folder, _), Notice::Itself) => {
                self.shared.folder(folder).doubt();
                self.arrange_anew();
            }
            (Spot::Root, Notice::Dir(name)) => {
                let name = name.as_encoded_bytes();
                if name.starts_with(b".") || name == b"cur" || name == b"new" {
                    self.arrange_anew();
                }
            }
            (Spot::Root | Spot::Incomplete, Notice::Itself) | (Spot::Incomplete, Notice::Dir(_)) => self.arrange_anew(),
            (Spot::Messages(..), Notice::Dir(_)) | (Spot::Root | Spot::Incomplete, Notice::File(..)) => {}
        }
    }

    fn overflow(&self) {
        self.shared.folders().values().for_each(|folder| folder.doubt());
        self.arrange_anew();
        self.hints.send(Hint::All);
    }
}

/// Keeps the right directories watched.
struct Watcher {
    ear: Arc<Ear>,
    listener: Arc<dyn Listener>,
    /// What is watched, and where it lay then.
    watches: HashMap<Watch, PathBuf>,
    /// Folders of which every change is told.
    trusted: HashSet<FolderId>,
    trusts_tree: bool,
    /// The tree's version that was hinted last.
    version: Option<u64>,
    /// What folders that are not trusted were like when they were looked at last.
    heads: HashMap<FolderId, Token>,
    is_ready: bool,
}

impl Watcher {
    fn new(ear: Arc<Ear>) -> Self {
        let listener: Arc<dyn Listener> = ear.clone();
        Self {
            ear,
            listener,
            watches: HashMap::new(),
            trusted: HashSet::new(),
            trusts_tree: false,
            version: None,
            heads: HashMap::new(),
            is_ready: false,
        }
    }

    async fn run(mut self) {
        let ear = Arc::clone(&self.ear);
        loop {
            let polls = match self.arrange().await {
                Ok(polls) => polls,
                Err(error) => {
                    ear.warn(&ear.shared.root, &with_cause(&error));
                    self.lose();
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
                () = tokio::time::sleep(ear.shared.config.poll), if polls => ear.shared.tree.doubt(),
            }
        }
    }

    /// Watches what is there now, hints at what differs, and tells whether it has to be looked at from time to time.
    async fn arrange(&mut self) -> Result<bool, StoreError> {
        let shared = Arc::clone(&self.ear.shared);
        // Watched before it is read: what comes between is told.
        let notices = self.notices();
        let watches_root = self.watch_root(notices.as_deref());
        let tree = shared.look_at_tree().await?;
        let mut unheard = !watches_root;
        if let Some(notices) = &notices {
            unheard |= !self.hear(notices, &tree);
        }
        self.hint_at_tree(&tree);
        self.look_at_unheard(&tree).await;
        Ok(unheard || notices.is_none() || shared.is_remote)
    }

    /// Has everything told that concerns the folders of `tree`, and nothing else. `false` if something is not told.
    fn hear(&mut self, notices: &Notices, tree: &TreeLook) -> bool {
        let mut hears_all = true;
        let mut kept: HashSet<Watch> = HashSet::new();
        let mut heard: HashMap<FolderId, usize> = HashMap::new();
        for (path, spot) in wanted(&self.ear.shared.root, tree) {
            let folder = if let Spot::Messages(folder, _) = spot { Some(folder) } else { None };
            if folder.is_some_and(|folder| !self.ear.is_wanted(folder)) {
                continue;
            }
            let watch = match notices.add(&path, spot, &self.listener) {
                Ok(watch) => watch,
                // It went or is being made: its parent tells.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.ear.arrange_anew();
                    continue;
                }
                Err(error) => {
                    self.ear.warn(&path, &error);
                    hears_all = false;
                    continue;
                }
            };
            kept.insert(watch.clone());
            let is_new = self.watches.insert(watch, path).is_none();
            folder.into_iter().for_each(|folder| *heard.entry(folder).or_default() += 1);
            match folder {
                Some(folder) if is_new => self.found(folder),
                // It may have become a folder since the tree was read.
                None if is_new => self.ear.arrange_anew(),
                _ => {}
            }
        }
        let is_heard = |folder: &FolderId| heard.get(folder) == Some(&Place::BOTH.len());
        let is_remote = self.ear.shared.is_remote;
        self.trust(tree.dirs.keys().copied().filter(|folder| !is_remote && is_heard(folder)).collect());
        self.remove(Some(notices), |watch| !kept.contains(watch));
        hears_all
    }

    fn notices(&self) -> Option<Arc<Notices>> {
        let shared = &self.ear.shared;
        if !shared.config.notices {
            return None;
        }
        Notices::shared().inspect_err(|error| self.ear.warn(&shared.root, error)).ok()
    }

    fn watch_root(&mut self, notices: Option<&Notices>) -> bool {
        let shared = Arc::clone(&self.ear.shared);
        let watch = notices.and_then(|notices| notices.add(&shared.root, Spot::Root, &self.listener).ok());
        let is_heard = watch.is_some() && !shared.is_remote;
        if let Some(watch) = watch
            && self.watches.insert(watch, shared.root.clone()).is_none()
        {
            shared.tree.doubt();
        }
        match (self.trusts_tree, is_heard) {
            (false, true) => shared.tree.watched(),
            (true, false) => shared.tree.unwatched(),
            _ => {}
        }
        self.trusts_tree = is_heard;
        is_heard
    }

    /// A directory is watched from now on; what happened in it before is not known.
    fn found(&self, folder: FolderId) {
        self.ear.shared.folder(folder).doubt();
        if self.is_ready {
            self.ear.hints.send(Hint::Folder(folder));
        }
    }

    fn trust(&mut self, now: HashSet<FolderId>) {
        let shared = &self.ear.shared;
        now.difference(&self.trusted).for_each(|folder| shared.folder(*folder).watched());
        for folder in self.trusted.difference(&now) {
            // A folder that is gone is forgotten with its state.
            if let Some(state) = shared.folders().get(folder).cloned() {
                state.unwatched();
            }
        }
        self.trusted = now;
    }

    fn remove(&mut self, notices: Option<&Notices>, is_unwanted: impl Fn(&Watch) -> bool) {
        let listener = &self.listener;
        self.watches.retain(|watch, _| {
            let is_unwanted = is_unwanted(watch);
            if is_unwanted && let Some(notices) = notices {
                notices.remove(watch, listener);
            }
            !is_unwanted
        });
    }

    fn hint_at_tree(&mut self, tree: &TreeLook) {
        let version = tree.hierarchy.version;
        if self.version.is_some_and(|known| known != version) {
            self.ear.hints.send(Hint::Tree);
        }
        self.version = Some(version);
    }

    /// Looks at the folders of which nothing is told.
    async fn look_at_unheard(&mut self, tree: &TreeLook) {
        let shared = Arc::clone(&self.ear.shared);
        for folder in tree.hierarchy.folders.iter().map(|folder| folder.id) {
            if self.trusted.contains(&folder) || !self.ear.is_wanted(folder) {
                continue;
            }
            // What cannot be looked at now is tried again.
            let Ok(()) = shared.look(folder).await else { continue };
            let Ok(head) = shared.journal.head(folder) else { continue };
            if self.heads.insert(folder, head).is_none_or(|known| known != head) && self.is_ready {
                self.ear.hints.send(Hint::Folder(folder));
            }
        }
    }

    /// Nothing is told any more.
    fn lose(&mut self) {
        let notices = Notices::shared().ok();
        self.remove(notices.as_deref(), |_| true);
        self.trust(HashSet::new());
        if std::mem::take(&mut self.trusts_tree) {
            self.ear.shared.tree.unwatched();
        }
        if self.is_ready {
            self.ear.hints.send(Hint::All);
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.is_ready = false;
        let watched: Vec<FolderId> = self.trusted.iter().copied().collect();
        self.lose();
        let folders = self.ear.shared.folders();
        watched.iter().filter_map(|folder| folders.get(folder)).for_each(|folder| folder.forget());
    }
}

/// Every directory that tells of a change.
fn wanted(root: &Path, tree: &TreeLook) -> Vec<(PathBuf, Spot)> {
    let mut wanted = vec![(root.to_owned(), Spot::Root)];
    wanted.extend(tree.incomplete.iter().map(|dir| (dir.clone(), Spot::Incomplete)));
    for (folder, dir) in &tree.dirs {
        wanted.extend(Place::BOTH.map(|place| (dir.path.join(place.dir()), Spot::Messages(*folder, place))));
    }
    wanted
}

fn with_cause(error: &StoreError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
