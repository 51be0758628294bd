//! Calendars, address books, tasks and notes as a folder of folders: what vdirsyncer and others keep on the disk.
//!
//! ```text
//!  root/ ─┬─ work/     ─┬─ 7f3a.ics      one item a file: iCalendar or vCard
//!         │             ├─ displayname   what people call it, if it is there
//!         │             └─ color, ...    of no matter here
//!         └─ people/   ─── jane.vcf
//! ```
//!
//! A directory is a collection of the class that its first item is of, or that its name tells while it is empty; it stays
//! what it was seen as. Files of another class or kind are left alone, and so are those whose names begin with a dot.
//! An item is its file's name; what it says is told apart by a hash. Files are written beside where they belong and
//! renamed. Other programs may do anything at any time; one that writes a file in place is seen when it is done, as far
//! as the system tells, and a known file that is not understood for a moment stays what it was.
//!
//! A folder is read at each look: names, and of each file when it was changed; the file itself where that is not as it
//! was.

mod collections;
mod files;
mod watch;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use push_core::BoxFuture;

use super::{
    Applied, Class, Command, Flags, FolderId, Hierarchy, Hints, Item, MailStore, Page, StoreError, StoreErrorKind,
    Summary, Token, Uid, Wanted, content,
};
use crate::journal::{Journal, Known, Look};
use collections::Tree;
use files::{Files, Scan};

/// Settings of a [`VdirStore`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VdirConfig {
    /// Whether the root is made if it is not there, for its owner alone; off by default.
    pub create: bool,
    /// How often is looked where the system cannot tell of changes; 15 seconds by default.
    pub poll: Duration,
    /// Whether the system is asked to tell of changes; on by default.
    pub notices: bool,
    /// Largest item in bytes; larger files are no items. 4 MiB by default.
    pub max_item_bytes: u64,
    /// Most items of a collection; the others are not seen. 50,000 by default.
    pub max_items: usize,
}

impl Default for VdirConfig {
    fn default() -> Self {
        let poll = Duration::from_secs(15);
        Self { create: false, poll, notices: true, max_item_bytes: 4 << 20, max_items: 50_000 }
    }
}

/// A folder of collections. Cheap to clone: all clones are the same. Watching needs a tokio runtime, everything else is
/// to be called within one.
#[derive(Clone, Debug)]
pub struct VdirStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    journal: Journal,
    config: VdirConfig,
    /// What was seen of each folder's files; held while it is looked at.
    files: Mutex<HashMap<FolderId, Arc<tokio::sync::Mutex<Files>>>>,
    /// Held while the tree is looked at.
    looking: tokio::sync::Mutex<()>,
    /// Held while a command changes something.
    changing: tokio::sync::Mutex<()>,
    /// What empty directories are that were made here.
    made: Mutex<HashMap<String, Class>>,
}

impl VdirStore {
    /// The collections below `path`, and what `journal` knows of them.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] where it cannot be read, or is not there and not to be made.
    pub async fn open(path: impl AsRef<Path>, journal: Journal, config: VdirConfig) -> Result<Self, StoreError> {
        let root = path.as_ref().to_owned();
        if config.create {
            let root = root.clone();
            blocking(move || Ok(make_root(&root)?)).await?;
        }
        let (files, made) = (Mutex::default(), Mutex::default());
        let (looking, changing) = (tokio::sync::Mutex::default(), tokio::sync::Mutex::default());
        let shared = Shared { root, journal, config, files, looking, changing, made };
        shared.tree().await?;
        Ok(Self(Arc::new(shared)))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0.root
    }
}

fn make_root(root: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is done under these locks that can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::new(StoreErrorKind::Unavailable, "file work was not done").caused_by(error))?
}

impl Shared {
    /// The collections there are now.
    async fn tree(&self) -> Result<Tree, StoreError> {
        let _looking = self.looking.lock().await;
        self.journal.settle().await?;
        let mut known = HashMap::new();
        for folder in self.journal.hierarchy()?.folders {
            known.insert(self.journal.folder_key(folder.id)?, folder.class);
        }
        known.extend(lock(&self.made).iter().map(|(name, class)| (name.clone(), *class)));
        let (root, most) = (self.root.clone(), self.config.max_item_bytes);
        let found = blocking(move || collections::read(&root, &known, most)).await?;
        let hierarchy = self.journal.record_hierarchy(found.seen).await?;
        let mut dirs = HashMap::new();
        for folder in &hierarchy.folders {
            let name = self.journal.folder_key(folder.id)?;
            lock(&self.made).remove(&name);
            dirs.insert(folder.id, self.root.join(name));
        }
        lock(&self.files).retain(|folder, _| dirs.contains_key(folder));
        Ok(Tree { hierarchy, dirs, unknown: found.unknown })
    }

    /// Where a collection lies, and what its items are.
    async fn collection(&self, folder: FolderId) -> Result<(PathBuf, Class), StoreError> {
        let tree = self.tree().await?;
        let known = tree.hierarchy.get(folder).ok_or_else(|| StoreError::no_such_folder(folder))?;
        let dir = tree.dirs.get(&folder).cloned().ok_or_else(|| StoreError::no_such_folder(folder))?;
        Ok((dir, known.class))
    }

    /// Looks at a collection, and records what is not as it was.
    async fn look(&self, folder: FolderId) -> Result<(), StoreError> {
        let (dir, class) = self.collection(folder).await?;
        let files = Arc::clone(lock(&self.files).entry(folder).or_default());
        let mut files = files.lock().await;
        // A look that was given up may still be recorded.
        self.journal.settle().await?;
        let known = self.journal.known(folder)?;
        let (before, config) = (std::mem::take(&mut *files), self.config.clone());
        let Scan { now, seen, gone } = blocking(move || files::scan(&dir, class, before, &known, &config)).await?;
        if !seen.is_empty() || !gone.is_empty() {
            self.journal.record(folder, Look { seen, gone, ..Look::default() }).await?;
        }
        *files = now;
        Ok(())
    }

    async fn changes(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError> {
        self.look(folder).await?;
        self.journal.changes(folder, since, limit)
    }

    async fn fetch(&self, folder: FolderId, uids: &[Uid], wanted: Wanted) -> Result<Vec<Item>, StoreError> {
        let (dir, _) = self.collection(folder).await?;
        let known = self.journal.look_up_all(folder, uids)?;
        let most = self.config.max_item_bytes;
        blocking(move || known.iter().filter_map(|known| item(&dir, known, wanted, most).transpose()).collect()).await
    }
}

/// `None` if it is gone.
fn item(dir: &Path, known: &Known, wanted: Wanted, most: u64) -> Result<Option<Item>, StoreError> {
    let Some(raw) = files::read(&dir.join(&known.key), most)? else { return Ok(None) };
    let summary = match wanted {
        Wanted::Summary { .. } => content::summary(&raw),
        Wanted::Flags | Wanted::Whole => Summary::default(),
    };
    let (size, raw) = (Some(raw.len() as u64), (wanted == Wanted::Whole).then_some(raw));
    let received_ms = known.received_ms;
    Ok(Some(Item { uid: known.uid, flags: Flags::default(), size, received_ms, summary, raw }))
}

impl MailStore for VdirStore {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(async move { Ok(self.0.tree().await?.hierarchy) })
    }

    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(self.0.changes(folder, since, limit))
    }

    fn recorded(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError> {
        self.0.journal.changes(folder, since, limit)
    }

    fn known(&self, folder: FolderId, uids: &[Uid]) -> Result<Vec<Known>, StoreError> {
        Ok(self.0.journal.look_up_all(folder, uids)?)
    }

    fn fetch<'a>(
        &'a self,
        folder: FolderId,
        uids: &'a [Uid],
        wanted: Wanted,
    ) -> BoxFuture<'a, Result<Vec<Item>, StoreError>> {
        Box::pin(self.0.fetch(folder, uids, wanted))
    }

    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(self.0.apply(command))
    }

    fn watch(&self, folders: &[FolderId]) -> Hints {
        watch::watch(Arc::clone(&self.0), folders)
    }

    fn is_local(&self) -> bool {
        true
    }
}
