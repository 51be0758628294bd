//! The one database: what was seen of the folders, and what devices know. A file, or memory.
//!
//! ```text
//!  read(..)  ─▶ a snapshot, at once
//!  write(..) ─▶ queue ─▶ one thread: all that waits becomes one transaction ─▶ answers
//! ```
//!
//! What can be found again by looking at the mailbox is written without waiting for the disk; it becomes durable with
//! the next write that has to be, and within [`LAZY`]. So a write that is durable makes everything before it durable
//! too: a sync key that a device was told never outlives the numbers it stands for.

mod error;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redb::backends::InMemoryBackend;
use redb::{Database, ReadTransaction, StorageBackend, WriteTransaction};

pub use error::StateError;
use writer::{Job, Writer};

/// How long what need not be durable at once may wait for the disk.
pub const LAZY: Duration = Duration::from_secs(1);

/// When a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Once it is on the disk: it survives the end of the process and of the machine.
    Disk,
    /// Once everybody can read it.
    Later,
}

/// The database. Cheap to clone: all clones are the same. Its thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct State {
    shared: Arc<Shared>,
    writer: Writer,
}

/// Opens the database, and opens it again after its storage failed.
type Opener = Box<dyn Fn() -> Result<Database, StateError> + Send + Sync>;

pub(crate) struct Shared {
    /// `None` after the storage failed, until it is opened again.
    database: RwLock<Option<Database>>,
    opener: Opener,
    /// How often it was opened: what was cached of an earlier one may be ahead of what is there now.
    opened: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl State {
    /// The database in this file, which is made if it is not there. One process at a time may have it open.
    ///
    /// # Errors
    ///
    /// [`StateError`] where the file cannot be opened, is in use, or is something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StateError> {
        let path: PathBuf = path.as_ref().to_owned();
        Self::with(Box::new(move || {
            Database::create(&path).map_err(|error| StateError::new("the state cannot be opened", error))
        }))
    }

    /// A database in memory: nothing outlives the process.
    ///
    /// # Errors
    ///
    /// [`StateError`] where no thread can be started.
    pub fn in_memory() -> Result<Self, StateError> {
        Self::with_backend(InMemoryBackend::new)
    }

    /// A database on storage of one's own; `backend` is called once more after each failure of the storage.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it cannot be opened.
    pub fn with_backend<B: StorageBackend>(
        backend: impl Fn() -> B + Send + Sync + 'static,
    ) -> Result<Self, StateError> {
        Self::with(Box::new(move || {
            let builder = Database::builder();
            builder.create_with_backend(backend()).map_err(|error| StateError::new("the state cannot be opened", error))
        }))
    }

    fn with(opener: Opener) -> Result<Self, StateError> {
        let opener: Opener = Box::new(move || {
            let database = opener()?;
            crate::journal::resume(&database).map_err(StateError::writing)?;
            Ok(database)
        });
        let database = opener()?;
        let shared = Shared { database: RwLock::new(Some(database)), opener, opened: AtomicU64::new(1) };
        let shared = Arc::new(shared);
        let writer = Writer::start(Arc::clone(&shared))?;
        Ok(Self { shared, writer })
    }

    /// How often the database was opened: once, unless its storage failed. What is kept in memory of it holds for as
    /// long as this number is the same.
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(Ordering::Acquire)
    }

    /// Reads from a snapshot.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StateError> {
        let database = self.shared.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(StateError::failed)?;
        let transaction = redb::ReadableDatabase::begin_read(database).map_err(StateError::reading)?;
        read(&transaction).map_err(StateError::reading)
    }

    /// Runs `write` in the next transaction. What it returns as an error undoes the whole transaction, with what others
    /// wrote in it: it checks before it changes.
    ///
    /// Cancel safety: dropped, the write happens or not.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StateError> {
        self.write_raising(move |transaction| Ok((write(transaction)?, durability))).await
    }

    /// The same, where `write` finds out how durable it has to be.
    pub(crate) async fn write_raising<T: Send + 'static>(
        &self,
        write: impl FnOnce(&WriteTransaction) -> Result<(T, Durability), redb::Error> + Send + 'static,
    ) -> Result<T, StateError> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        self.writer.send(Job::new(write, answer))?;
        answered.await.map_err(|_| StateError::ended())?
    }
}
