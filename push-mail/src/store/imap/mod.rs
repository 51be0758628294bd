//! A mailbox behind IMAP (RFC 9051, RFC 3501), made for Dovecot.
//!
//! ```text
//!  changes, fetch, apply, hierarchy, watch ─▶ queue ─▶ task ─▶ the account's one connection
//!  watchers ◀─ hints ◀─ ledger: what was told of each folder ◀─ what the server tells (NOTIFY, IDLE, or asked)
//! ```
//!
//! Changes are told by NOTIFY (RFC 5465) where the server has it, else by IDLE and asking, else by asking alone; what has
//! changed is found by QRESYNC or CONDSTORE (RFC 7162), else by comparing everything. Without CONDSTORE nobody tells
//! when a flag other than `\Seen` changes in a folder that IDLE is not about: that is found every
//! [`ImapConfig::safety`].
//!
//! A folder stays the same through a rename by its number (RFC 8474) or, where there is none, by its UIDVALIDITY if no
//! other folder has the same.

mod apply;
mod command;
mod config;
mod connection;
mod counters;
mod fetch;
mod hierarchy;
mod login;
mod look;
mod mark;
mod name;
mod perform;
mod session;
mod task;
mod watch;
mod watchers;
mod wire;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use push_core::BoxFuture;
use tokio::sync::{Semaphore, mpsc, oneshot};

pub use config::{Credentials, ImapConfig};
pub use counters::ImapCounters;
pub(crate) use login::read_token;

use super::{
    Applied, Command, FolderId, Hierarchy, Hint, HintSender, Hints, Item, MailStore, Page, StoreError, StoreErrorKind,
    Token, Uid, Wanted,
};
use crate::journal::{Journal, Known};
use counters::Counters;
use task::Task;
use work::{Ask, Message, Work};

/// Questions that may wait for the connection; more wait for their turn to wait.
const MAX_WAITING: usize = 1024;

/// A mailbox behind IMAP. Cheap to clone: all clones are the same, and share the one connection there is while somebody
/// watches or asks. Watching and asking need a tokio runtime.
#[derive(Clone, Debug)]
pub struct ImapStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journal: Journal,
    counters: Arc<Counters>,
    places: Arc<Semaphore>,
    outbox: mpsc::UnboundedSender<Message>,
    /// Until somebody watches or asks.
    task: Mutex<Option<Task>>,
    watchers: AtomicU64,
    /// How often everything is looked at where somebody else tells of changes.
    hooked: Option<Duration>,
}

impl ImapStore {
    /// The mailbox of that configuration; what is seen is recorded into `journal`. Connects when somebody watches or
    /// asks.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Invalid`] for a url that is none, or certificates that cannot be read.
    pub fn new(config: ImapConfig, journal: Journal) -> Result<Self, StoreError> {
        let (endpoint, tls) = (config.endpoint()?, config.tls()?);
        let counters = Arc::new(Counters::default());
        let (outbox, inbox) = mpsc::unbounded_channel();
        let hooked = config.hooked.then_some(config.safety);
        let task = Task::new(config, (endpoint, tls), journal.clone(), Arc::clone(&counters), inbox);
        Ok(Self(Arc::new(Shared {
            journal,
            counters,
            places: Arc::new(Semaphore::new(MAX_WAITING)),
            outbox,
            task: Mutex::new(Some(task)),
            watchers: AtomicU64::new(0),
            hooked,
        })))
    }

    /// What the connection has done.
    pub fn counters(&self) -> ImapCounters {
        self.0.counters.read()
    }

    fn send(&self, message: Message) {
        let task = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            tokio::spawn(task.run());
        }
        // The task ends with the last sender: it is there.
        let _ = self.0.outbox.send(message);
    }

    async fn ask<T>(&self, work: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Work) -> Result<T, StoreError> {
        let gone = || StoreError::new(StoreErrorKind::Unavailable, "the mailbox is being closed");
        let permit = Arc::clone(&self.0.places).acquire_owned().await.map_err(|_| gone())?;
        let (to, answered) = oneshot::channel();
        self.send(Message::Ask(Ask { work: work(to), is_second_try: false, _permit: permit }));
        answered.await.map_err(|_| gone())?
    }
}

impl ImapConfig {
    /// Whether the server lets the user in with this password, asked over a connection of its own that then ends. What the
    /// configuration has as credentials plays no part.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unavailable`] where the server cannot be asked, [`StoreErrorKind::Invalid`] for a configuration
    /// that is none.
    pub async fn lets_in(&self, password: &str) -> Result<bool, StoreError> {
        if password.is_empty() || password.contains(char::is_control) {
            return Ok(false);
        }
        let config = Self { credentials: Credentials::Password(password.to_owned()), ..self.clone() };
        let (endpoint, tls) = (config.endpoint()?, config.tls()?);
        match login::log_in(&config, &endpoint, &tls, &Arc::default()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == StoreErrorKind::Refused => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl MailStore for ImapStore {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(self.ask(Work::Hierarchy))
    }

    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            self.ask(|to| Work::Look(folder, to)).await?;
            self.0.journal.changes(folder, since, limit)
        })
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
        Box::pin(self.ask(move |to| Work::Fetch(folder, uids.to_vec(), wanted, to)))
    }

    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(self.ask(|to| Work::Apply(command, to)))
    }

    fn watch(&self, folders: &[FolderId]) -> Hints {
        let (sender, hints) = Hints::channel();
        if let Some(each) = self.0.hooked {
            tokio::spawn(look_now_and_then(sender, each));
            return hints;
        }
        let number = self.0.watchers.fetch_add(1, Ordering::Relaxed);
        let watcher = sender.clone();
        self.send(Message::Watch { number, folders: folders.iter().copied().collect(), sender });
        let outbox = self.0.outbox.clone();
        tokio::spawn(async move {
            watcher.closed().await;
            // The task may be gone with its runtime.
            let _ = outbox.send(Message::Unwatch { number });
        });
        hints
    }
}

/// Somebody else tells of changes: this is for what they have lost.
async fn look_now_and_then(watcher: HintSender, each: Duration) {
    watcher.send(Hint::Ready);
    loop {
        tokio::select! {
            () = watcher.closed() => return,
            () = tokio::time::sleep(each) => watcher.send(Hint::All),
        };
    }
}
