//! Looks at the tree and at folders: what differs from what is known is recorded.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use super::notices::Notices;
use super::scan::{self, Entries, Entry, Event};
use super::tree::{self, Tree};
use super::{Shared, blocking, file};
use crate::journal::{Journal, Look, SeenItem};
use crate::store::{FolderId, Hierarchy, StoreError, StoreErrorKind, Uid};

/// Files whose notices wait for the next look; more of them, and the folder is read.
const MAX_EVENTS: usize = 1000;

/// Messages that are recorded at once; others write in between.
const RECORDED_AT_ONCE: usize = 5000;

/// How often is begun anew when the tree changes while a folder is looked at.
const ATTEMPTS: usize = 5;

/// What is known in memory of the tree.
#[derive(Debug, Default)]
pub(super) struct TreeState {
    /// Held while it is looked at.
    looking: tokio::sync::Mutex<Option<(u64, Arc<TreeLook>)>>,
    doubts: Mutex<TreeDoubts>,
}

#[derive(Debug, Default)]
struct TreeDoubts {
    /// Who gives notice of changes.
    watchers: usize,
    /// Something may be other than it was seen last.
    is_doubtful: bool,
}

/// The tree as it was seen.
#[derive(Debug)]
pub(super) struct TreeLook {
    pub(super) hierarchy: Arc<Hierarchy>,
    pub(super) dirs: HashMap<FolderId, FolderDir>,
    pub(super) incomplete: Vec<PathBuf>,
}

/// Where a folder lies.
#[derive(Clone, Debug)]
pub(super) struct FolderDir {
    pub(super) path: PathBuf,
    /// By which it is told whether that is still the same directory; the root is what it is.
    identity: Option<String>,
}

/// What is known in memory of a folder.
#[derive(Debug, Default)]
pub(super) struct FolderState {
    /// Held while it is looked at: looks are recorded in their order.
    looking: tokio::sync::Mutex<Option<View>>,
    doubts: Mutex<Doubts>,
}

/// A folder as it was seen.
#[derive(Debug)]
struct View {
    /// Of the journal that it was recorded in.
    generation: u64,
    entries: Entries,
}

#[derive(Debug, Default)]
struct Doubts {
    /// Who gives notice of changes. Without them everything is in doubt.
    watchers: usize,
    all: bool,
    events: Vec<Event>,
}

/// What a look has found.
struct Found {
    entries: Entries,
    seen: Vec<SeenItem>,
    gone: Vec<Uid>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is done under these locks that can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TreeState {
    pub(super) fn doubt(&self) {
        lock(&self.doubts).is_doubtful = true;
    }

    pub(super) fn watched(&self) {
        let mut doubts = lock(&self.doubts);
        doubts.watchers += 1;
        doubts.is_doubtful = true;
    }

    pub(super) fn unwatched(&self) {
        let mut doubts = lock(&self.doubts);
        doubts.watchers = doubts.watchers.saturating_sub(1);
    }

    /// Whether something may have changed; from now on it has not.
    fn take_doubt(&self) -> bool {
        let is_watched = lock(&self.doubts).watchers > 0;
        if is_watched {
            drain();
        }
        let mut doubts = lock(&self.doubts);
        std::mem::take(&mut doubts.is_doubtful) || doubts.watchers == 0 || !is_watched
    }
}

impl FolderState {
    pub(super) fn doubt(&self) {
        lock(&self.doubts).all = true;
    }

    pub(super) fn note(&self, event: Event) {
        let mut doubts = lock(&self.doubts);
        if doubts.events.len() >= MAX_EVENTS {
            doubts.all = true;
        }
        if doubts.all {
            doubts.events = Vec::new();
        } else {
            doubts.events.push(event);
        }
    }

    pub(super) fn watched(&self) {
        let mut doubts = lock(&self.doubts);
        doubts.watchers += 1;
        doubts.all = true;
    }

    pub(super) fn unwatched(&self) {
        let mut doubts = lock(&self.doubts);
        // A folder that went and its state with it may be heard of once more.
        doubts.watchers = doubts.watchers.saturating_sub(1);
        if doubts.watchers == 0 {
            doubts.events = Vec::new();
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        lock(&self.doubts).watchers > 0
    }

    /// What happened since the last look; `None` if that is not known.
    fn take_events(&self) -> Option<Vec<Event>> {
        let is_watched = self.is_watched();
        if is_watched {
            drain();
        }
        let mut doubts = lock(&self.doubts);
        let events = std::mem::take(&mut doubts.events);
        let is_known = !std::mem::take(&mut doubts.all) && is_watched && doubts.watchers > 0;
        is_known.then_some(events)
    }

    /// The file of a message, as it was seen last.
    pub(super) async fn entry(&self, key: &str) -> Option<Entry> {
        let looking = self.looking.lock().await;
        looking.as_ref().and_then(|view| view.entries.get(key)).cloned()
    }

    /// Forgets what was seen, unless it is watched: it would have to be read anyway.
    pub(super) fn forget(&self) {
        if !self.is_watched()
            && let Ok(mut looking) = self.looking.try_lock()
        {
            *looking = None;
        }
    }
}

/// Lets everything be told that has happened up to now.
fn drain() {
    if let Ok(notices) = Notices::shared() {
        notices.drain();
    }
}

impl Shared {
    /// The folders there are now.
    pub(super) async fn look_at_tree(&self) -> Result<Arc<TreeLook>, StoreError> {
        let mut looking = self.tree.looking.lock().await;
        let generation = self.journal.generation();
        let known = looking.take().filter(|(of, _)| *of == generation);
        let is_doubtful = self.tree.take_doubt();
        if let Some((_, look)) = known.filter(|_| !is_doubtful) {
            *looking = Some((generation, Arc::clone(&look)));
            return Ok(look);
        }
        // Whatever becomes of this look, without its end nothing is known.
        self.journal.settle().await?;
        let known = self.journal.hierarchy()?.folders.into_iter().map(|folder| folder.path).collect::<Vec<_>>();
        let root = self.root.clone();
        let Tree { folders: mut found, incomplete } =
            blocking(move || tree::read(&root, &known).map_err(|e| unreadable(&root, e))).await?;
        let seen = found.iter().map(|found| found.seen.clone()).collect();
        let hierarchy = self.journal.record_hierarchy(seen).await?;
        found.sort_by(|a, b| a.seen.path.cmp(&b.seen.path));
        let mut dirs = HashMap::new();
        for folder in &hierarchy.folders {
            if let Ok(at) = found.binary_search_by(|found| found.seen.path.cmp(&folder.path)) {
                let found = &found[at];
                let dir = FolderDir { path: found.dir.clone(), identity: found.seen.identity.clone() };
                dirs.insert(folder.id, dir);
            }
        }
        self.folders().retain(|id, _| dirs.contains_key(id));
        let look = Arc::new(TreeLook { hierarchy: Arc::new(hierarchy), dirs, incomplete });
        if self.journal.generation() == generation {
            *looking = Some((generation, Arc::clone(&look)));
        }
        Ok(look)
    }

    /// Where a folder lies now.
    pub(super) async fn dir(&self, folder: FolderId) -> Result<FolderDir, StoreError> {
        let tree = self.look_at_tree().await?;
        tree.dirs.get(&folder).cloned().ok_or_else(|| StoreError::no_such_folder(folder))
    }

    /// Looks at a folder, and records what is not as it was.
    pub(super) async fn look(&self, folder: FolderId) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let dir = self.dir(folder).await?;
            if self.look_in(folder, dir).await? {
                return Ok(());
            }
            self.tree.doubt();
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "the folder goes on changing its place"))
    }

    /// `false` if the folder is no longer there.
    async fn look_in(&self, folder: FolderId, dir: FolderDir) -> Result<bool, StoreError> {
        let state = self.folder(folder);
        let mut looking = state.looking.lock().await;
        let generation = self.journal.generation();
        let events = state.take_events();
        // Whatever becomes of this look, without its end nothing is known.
        let view = looking.take().filter(|view| view.generation == generation);
        let before = view.map(|view| view.entries);
        let before = match (before, &events) {
            (Some(entries), Some(events)) if events.is_empty() => {
                *looking = Some(View { generation, entries });
                return Ok(true);
            }
            (before, _) => before,
        };
        if before.is_none() {
            // The look before was given up, perhaps while it was recorded.
            self.journal.settle().await?;
        }
        let journal = self.journal.clone();
        let found = blocking(move || find(&journal, folder, &dir, before, events)).await?;
        let Some(Found { entries, seen, gone }) = found else { return Ok(false) };
        self.record(folder, seen, gone).await?;
        if self.journal.generation() == generation {
            *looking = Some(View { generation, entries });
        }
        Ok(true)
    }

    async fn record(&self, folder: FolderId, mut seen: Vec<SeenItem>, mut gone: Vec<Uid>) -> Result<(), StoreError> {
        while !seen.is_empty() || !gone.is_empty() {
            let rest = seen.split_off(seen.len().min(RECORDED_AT_ONCE));
            let look = Look { seen, gone: std::mem::take(&mut gone), ..Look::default() };
            self.journal.record(folder, look).await?;
            seen = rest;
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: io::Error) -> StoreError {
    let detail = format!("{} cannot be read as a Maildir", path.display());
    StoreError::new(StoreErrorKind::Unavailable, detail).caused_by(error)
}

/// `None` if the folder is no longer there, or another one is.
fn find(
    journal: &Journal,
    folder: FolderId,
    dir: &FolderDir,
    before: Option<Entries>,
    events: Option<Vec<Event>>,
) -> Result<Option<Found>, StoreError> {
    let is_there = || dir.identity.is_none() || tree::identity(&dir.path).ok() == dir.identity;
    let before = match (before, events) {
        (Some(before), Some(events)) => match scan::named(&dir.path, &before, events) {
            Some(_) if !is_there() => return Ok(None),
            Some(became) => return apply(journal, (folder, &dir.path), before, became).map(Some),
            None => before,
        },
        (Some(before), None) => before,
        (None, _) => recorded(journal, folder)?,
    };
    let entries = match scan::all(&dir.path, &before) {
        Ok(entries) => entries,
        Err(_) if dir.identity.is_some() && !tree::is_maildir(&dir.path) => return Ok(None),
        Err(error) => return Err(unreadable(&dir.path, error)),
    };
    if !is_there() {
        return Ok(None);
    }
    let is_as_before = |key: &str, entry: &Entry| before.get(key).is_some_and(|was| was.flags == entry.flags);
    let changed = entries.iter().filter(|(key, entry)| !is_as_before(key, entry));
    let is_new = |key: &str| !before.contains_key(key);
    let seen = changed.map(|(key, entry)| seen_item(&dir.path, key, entry, is_new(key))).collect();
    let gone = before.keys().filter(|key| !entries.contains_key(*key));
    let gone = gone.filter_map(|key| journal.find(folder, key).transpose()).map(|known| known.map(|known| known.uid));
    let gone = gone.collect::<Result<_, _>>()?;
    Ok(Some(Found { seen: in_order(seen), gone, entries }))
}

/// The messages that the journal knows; where their files are called otherwise is not known.
fn recorded(journal: &Journal, folder: FolderId) -> Result<Entries, StoreError> {
    let known = journal.known(folder)?.into_iter();
    Ok(known.map(|known| (known.key.into_boxed_str(), Entry::recorded(known.flags))).collect())
}

fn apply(
    journal: &Journal,
    (folder, dir): (FolderId, &Path),
    mut entries: Entries,
    became: HashMap<String, Option<Entry>>,
) -> Result<Found, StoreError> {
    let (mut seen, mut gone) = (Vec::new(), Vec::new());
    for (key, entry) in became {
        let Some(entry) = entry else {
            if entries.remove(key.as_str()).is_some() {
                gone.extend(journal.find(folder, &key)?.map(|known| known.uid));
            }
            continue;
        };
        let was = entries.get(key.as_str());
        if was.is_none_or(|was| was.flags != entry.flags) {
            seen.push(seen_item(dir, &key, &entry, was.is_none()));
        }
        entries.insert(key.into_boxed_str(), entry);
    }
    Ok(Found { entries, seen: in_order(seen), gone })
}

fn seen_item(dir: &Path, key: &str, entry: &Entry, is_new: bool) -> SeenItem {
    let received_ms = if is_new { received_ms(dir, key, entry) } else { None };
    SeenItem { uid: None, key: key.to_owned(), flags: entry.flags, identity: Some(file::identity(key)), received_ms }
}

/// When it was delivered: as its name tells, else when its file was written.
fn received_ms(dir: &Path, key: &str, entry: &Entry) -> Option<u64> {
    file::received_ms(key).or_else(|| {
        let written = entry.path(dir, key).metadata().and_then(|about| about.modified()).ok()?;
        u64::try_from(written.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    })
}

/// As they were delivered.
fn in_order(mut seen: Vec<SeenItem>) -> Vec<SeenItem> {
    seen.sort_by(|a, b| (file::arrival(&a.key), &a.key).cmp(&(file::arrival(&b.key), &b.key)));
    seen
}
