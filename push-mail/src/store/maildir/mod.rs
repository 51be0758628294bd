//! Maildir and Maildir++: a mailbox as other programs keep it on the disk.
//!
//! ```text
//!  MaildirStore ─ look: tree, folder ─▶ Journal ─▶ changes
//!     ▲   what happened to which file, or all of it
//!     └── watch ◀─ notices (one inotify for the process) ◀─ new/ and cur/ of each folder, and the root
//!  fetch, write, folders: messages and folders as commands change them;  deliver: as LMTP brings them
//! ```
//!
//! The root is the inbox; a folder `A/B` is the directory `.A.B` in it. Other programs may do anything at any time:
//! nothing is moved from `new` to `cur` here unless a mark has to be written. The first part of a file's name is what stays of a
//! message while it is marked and moved.
//!
//! A watched folder is read once, and then only the files that the system names are looked at; it is read again where
//! notices were lost or leave a doubt. A folder that is not watched is read at each look.

mod deliver;
mod fetch;
pub(in crate::store) mod file;
mod folder_name;
mod folders;
mod look;
pub(in crate::store) mod notices;
pub(in crate::store) mod scan;
#[cfg(test)]
mod tests;
mod tree;
mod watch;
mod witness;
mod write;

use std::collections::HashMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use push_core::BoxFuture;

pub use deliver::Letter;
pub(in crate::store) use tree::identity;

use super::{
    Applied, Command, FolderId, Hierarchy, Hints, Item, MailStore, Page, StoreError, StoreErrorKind, Token, Uid, Wanted,
};
use crate::journal::{Journal, Known};
use look::{FolderState, TreeState};

/// Files that are read at once, over all calls.
const READERS: usize = 8;

/// How the names of folders are written on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FolderNames {
    /// In modified UTF-7 (RFC 3501 §5.1.3), as Dovecot and Courier do.
    #[default]
    ModifiedUtf7,
    /// In UTF-8. Names that are valid modified UTF-7 are read as that all the same.
    Utf8,
}

/// Settings of a [`MaildirStore`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MaildirConfig {
    /// Whether the Maildir is made if it is not there, for its owner alone; off by default.
    pub create: bool,
    /// How names of new folders are written; modified UTF-7 by default.
    pub names: FolderNames,
    /// How often is looked where the system cannot tell of changes: elsewhere than on Linux, on network file systems,
    /// when watches have run out; and how long is waited before a Maildir that cannot be read is tried again. 15 seconds
    /// by default.
    pub poll: Duration,
    /// Whether the system is asked to tell of changes; on by default. Off, folders are looked at every `poll`.
    pub notices: bool,
    /// Largest message that is fetched whole, in bytes; of larger ones `raw` is `None`. 128 MiB by default.
    pub max_message_bytes: u64,
}

impl Default for MaildirConfig {
    fn default() -> Self {
        Self {
            create: false,
            names: FolderNames::default(),
            poll: Duration::from_secs(15),
            notices: true,
            max_message_bytes: 128 * 1024 * 1024,
        }
    }
}

/// A Maildir with its folders. Cheap to clone: all clones are the same.
///
/// Its calls run file work on the blocking threads of the tokio runtime that they are awaited in; [`MailStore::watch`] has
/// to be called within one.
#[derive(Clone, Debug)]
pub struct MaildirStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    journal: Journal,
    config: MaildirConfig,
    /// Whether other machines may change it, of which the system does not tell.
    is_remote: bool,
    tree: TreeState,
    folders: Mutex<HashMap<FolderId, Arc<FolderState>>>,
    /// Held while a command changes folders.
    changing: tokio::sync::Mutex<()>,
    readers: tokio::sync::Semaphore,
}

impl MaildirStore {
    /// The Maildir at `path`, and what `journal` knows of it.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] where it cannot be read, or is no Maildir and is not to be made.
    pub async fn open(path: impl AsRef<Path>, journal: Journal, config: MaildirConfig) -> Result<Self, StoreError> {
        let root = path.as_ref().to_owned();
        let create = config.create;
        let (root, is_remote) = blocking(move || {
            if create {
                for dir in ["tmp", "new", "cur"] {
                    DirBuilder::new().recursive(true).mode(0o700).create(root.join(dir))?;
                }
            }
            let is_remote = is_remote(&root);
            Ok((root, is_remote))
        })
        .await?;
        let shared = Shared {
            root,
            journal,
            config,
            is_remote,
            tree: TreeState::default(),
            folders: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            readers: tokio::sync::Semaphore::new(READERS),
        };
        shared.look_at_tree().await?;
        Ok(Self(Arc::new(shared)))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0.root
    }
}

impl Shared {
    /// What is known in memory of a folder.
    fn folder(&self, id: FolderId) -> Arc<FolderState> {
        Arc::clone(self.folders().entry(id).or_default())
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<FolderId, Arc<FolderState>>> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn changes(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError> {
        self.look(folder).await?;
        self.journal.changes(folder, since, limit)
    }
}

impl MailStore for MaildirStore {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(async move { Ok((*self.0.look_at_tree().await?.hierarchy).clone()) })
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

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::new(StoreErrorKind::Unavailable, "file work was not done").caused_by(error))?
}

/// Whether the directory lies on a file system that other machines may change.
#[cfg(target_os = "linux")]
fn is_remote(path: &Path) -> bool {
    /// nfs, smb, smb2 and cifs, 9p, fuse, ceph, afs (statfs(2)).
    const REMOTE: [u32; 8] =
        [0x6969, 0x517b, 0xfe53_4d42, 0xff53_4d42, 0x0102_1997, 0x6573_5546, 0x00c3_6400, 0x5346_414f];
    let kind = rustix::fs::statfs(path).map(|about| about.f_type);
    // The type has another width on each machine; the numbers have 32 bits.
    kind.is_ok_and(|kind| REMOTE.iter().any(|remote| i128::from(*remote) == i128::from(kind) & 0xffff_ffff))
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_: &Path) -> bool {
    false
}
