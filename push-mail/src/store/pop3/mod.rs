//! A mailbox behind POP3 (RFC 1939): one folder, `INBOX`, looked at now and then while somebody watches.
//!
//! ```text
//!  changes, or the poll ─▶ connect, log in ─▶ STAT ─▶ UIDL, compared with what is known ─▶ QUIT ─▶ journal, hints
//! ```
//!
//! A server locks the mailbox for the time of a session, so sessions are short and one at a time, and who asks for the
//! same look shares it. POP3 knows no marks and no folders, and takes no messages: all of that is
//! [`StoreErrorKind::Unsupported`]. Messages are deleted when that is asked for and never else.

mod config;
mod reply;
mod session;
mod watching;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use push_core::BoxFuture;
use tokio::time::timeout;

pub use config::Pop3Config;

use super::now_ms;
use super::{
    Applied, Class, Command, Flags, FolderId, FolderKind, Hierarchy, Hint, HintSender, Hints, Item, MailStore, Page,
    StoreError, StoreErrorKind, Token, Uid, Wanted,
};
use crate::journal::{Journal, Known, Look, SeenFolder, SeenItem};
use crate::message;
use crate::net::{Endpoint, Tls};
use session::Session;

/// Of a message of which a summary is wanted, so many lines of its body are read.
const TOP_LINES: u32 = 200;
/// A whole session may take so many times as long as one silence.
const SILENCES: u32 = 20;

/// What a POP3 store has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pop3Counters {
    /// Sessions that were begun.
    pub sessions: u64,
    /// Sessions that failed.
    pub failures: u64,
    /// Lists of all messages.
    pub lists: u64,
}

/// A mailbox behind POP3. Cheap to clone: all clones are the same. Watching and asking need a tokio runtime.
#[derive(Clone, Debug)]
pub struct Pop3Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Pop3Config,
    endpoint: Endpoint,
    tls: Tls,
    journal: Journal,
    /// One session at a time; and what the last one found.
    turn: tokio::sync::Mutex<Found>,
    /// Looks that were begun.
    begun: AtomicU64,
    sessions: AtomicU64,
    failures: AtomicU64,
    lists: AtomicU64,
    watchers: Mutex<watching::Watchers>,
    /// Somebody new watches.
    news: tokio::sync::Notify,
}

/// What the last look found.
#[derive(Debug, Default)]
struct Found {
    /// Which one it was, counted as they begin.
    number: u64,
    /// What STAT said.
    stat: Option<(u64, u64)>,
}

impl Pop3Store {
    /// The mailbox of that configuration; what is seen is recorded into `journal`. Connects when somebody watches or
    /// asks.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Invalid`] for a url that is none, a user or password of several lines, or certificates that
    /// cannot be read.
    pub fn new(config: Pop3Config, journal: Journal) -> Result<Self, StoreError> {
        let (endpoint, tls) = (config.endpoint()?, config.tls()?);
        Ok(Self(Arc::new(Shared {
            config,
            endpoint,
            tls,
            journal,
            turn: tokio::sync::Mutex::default(),
            begun: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            lists: AtomicU64::new(0),
            watchers: Mutex::default(),
            news: tokio::sync::Notify::new(),
        })))
    }

    /// What it has done.
    pub fn counters(&self) -> Pop3Counters {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Pop3Counters {
            sessions: number(&self.0.sessions),
            failures: number(&self.0.failures),
            lists: number(&self.0.lists),
        }
    }
}

impl Shared {
    fn watchers(&self) -> MutexGuard<'_, watching::Watchers> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<Session<'_>, StoreError> {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        Session::open(&self.config, &self.endpoint, &self.tls).await
    }

    /// Bounds a whole session, and counts it if it failed.
    async fn bounded<T>(&self, session: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let slow = || StoreError::new(StoreErrorKind::Unavailable, "the server does not come to an end");
        let result = timeout(self.config.timeout * SILENCES, session).await.unwrap_or_else(|_| Err(slow()));
        if result.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    async fn tree(&self) -> Result<Hierarchy, StoreError> {
        let inbox = SeenFolder {
            key: "INBOX".to_owned(),
            identity: None,
            path: "INBOX".to_owned(),
            kind: FolderKind::Inbox,
            class: Class::Email,
        };
        Ok(self.journal.record_hierarchy(vec![inbox]).await?)
    }

    async fn inbox(&self) -> Result<FolderId, StoreError> {
        let tree = self.tree().await?;
        let inbox = tree.folders.first().map(|folder| folder.id);
        inbox.ok_or_else(|| StoreError::new(StoreErrorKind::Unavailable, "the inbox was not recorded"))
    }

    /// Looks at the mailbox, unless a look that began after this was asked for is done by then. With `stat_is_enough`
    /// messages are not listed where there are as many, and of the same size together, as the last time.
    async fn look(&self, folder: FolderId, stat_is_enough: bool) -> Result<(), StoreError> {
        let asked = self.begun.load(Ordering::SeqCst);
        let mut found = self.turn.lock().await;
        if found.number > asked {
            return Ok(());
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let before = if stat_is_enough { found.stat } else { None };
        // Whatever goes wrong from here on, what was found last is no longer sure.
        found.stat = None;
        let (stat, names) = self.bounded(self.list(before)).await?;
        if let Some(names) = names {
            self.record(folder, names).await?;
        }
        *found = Found { number, stat: Some(stat) };
        Ok(())
    }

    async fn list(&self, before: Option<(u64, u64)>) -> Result<((u64, u64), Option<Vec<String>>), StoreError> {
        let mut session = self.open().await?;
        let stat = session.stat().await?;
        let names = match before {
            Some(before) if before == stat => None,
            _ => {
                self.lists.fetch_add(1, Ordering::Relaxed);
                Some(session.names().await?.into_iter().map(|(_, name)| name).collect())
            }
        };
        // What was read is read, however the server takes leave.
        let _ = session.quit().await;
        Ok((stat, names))
    }

    async fn record(&self, folder: FolderId, names: Vec<String>) -> Result<(), StoreError> {
        let known = self.journal.known(folder)?;
        let present: HashSet<&str> = names.iter().map(String::as_str).collect();
        let gone = known.iter().filter(|known| !present.contains(known.key.as_str())).map(|known| known.uid).collect();
        let was_known: HashSet<&str> = known.iter().map(|known| known.key.as_str()).collect();
        // POP3 does not tell when a message came: to the mailbox it has come when it is seen first.
        let (flags, received_ms) = (Flags::default(), Some(now_ms()));
        let item = |key: &String| SeenItem { uid: None, key: key.clone(), flags, identity: None, received_ms };
        let seen = names.iter().filter(|name| !was_known.contains(name.as_str())).map(item).collect();
        let before = self.journal.head(folder)?;
        let now = self.journal.record(folder, Look { seen, gone, ..Look::default() }).await?;
        if now != before {
            self.watchers().changed(folder);
        }
        Ok(())
    }

    /// The messages of these numbers in a new session, by the server's numbers.
    async fn numbered(&self, folder: FolderId, uids: &[Uid]) -> Result<(Session<'_>, Vec<(Known, u32)>), StoreError> {
        let wanted = self.journal.look_up_all(folder, uids)?;
        let mut session = self.open().await?;
        let names: HashMap<_, _> = session.names().await?.into_iter().map(|(number, name)| (name, number)).collect();
        self.lists.fetch_add(1, Ordering::Relaxed);
        let numbered = wanted.into_iter().filter_map(|known| Some((*names.get(&known.key)?, known)));
        let numbered = numbered.map(|(number, known)| (known, number)).collect();
        Ok((session, numbered))
    }

    async fn fetch(&self, folder: FolderId, uids: &[Uid], wanted: Wanted) -> Result<Vec<Item>, StoreError> {
        self.journal.folder_key(folder)?;
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let _turn = self.turn.lock().await;
        let fetch = async {
            let (mut session, numbered) = self.numbered(folder, uids).await?;
            let mut items = Vec::with_capacity(numbered.len());
            for (known, number) in numbered {
                items.extend(self.fetch_one(&mut session, &known, number, wanted).await?);
            }
            let _ = session.quit().await;
            Ok(items)
        };
        self.bounded(fetch).await
    }

    async fn fetch_one(
        &self,
        session: &mut Session<'_>,
        known: &Known,
        number: u32,
        wanted: Wanted,
    ) -> Result<Option<Item>, StoreError> {
        let Some(size) = session.size(number).await? else { return Ok(None) };
        let (uid, limit) = (known.uid, self.config.max_message);
        if wanted == Wanted::Whole && size > limit as u64 {
            let detail = format!("the message {uid} has {size} bytes, and {limit} are allowed");
            return Err(StoreError::new(StoreErrorKind::Invalid, detail));
        }
        let (flags, summary) = (Flags::default(), Default::default());
        let received_ms = known.received_ms;
        let mut item = Item { uid, flags, size: Some(size), received_ms, summary, raw: None };
        match wanted {
            Wanted::Flags => {}
            Wanted::Summary { preview_bytes } => {
                item.summary = message::summary(&session.top(number, TOP_LINES).await?, preview_bytes);
            }
            Wanted::Whole => {
                let raw = session.whole(number).await?;
                // Servers count lines as they keep them.
                item.size = Some(raw.len() as u64);
                item.raw = Some(Bytes::from(raw));
            }
        }
        Ok(Some(item))
    }

    async fn apply(&self, command: Command) -> Result<Applied, StoreError> {
        let unsupported = || StoreError::new(StoreErrorKind::Unsupported, "POP3 can delete messages and nothing else");
        match command {
            Command::Delete { folder, uid } => self.delete(folder, uid).await,
            Command::Append { folder, .. }
            | Command::Replace { folder, .. }
            | Command::Mark { folder, .. }
            | Command::Move { folder, .. }
            | Command::RenameFolder { folder, .. }
            | Command::DeleteFolder { folder } => {
                self.journal.folder_key(folder)?;
                Err(unsupported())
            }
            Command::CreateFolder { .. } | Command::CreateFolderOf { .. } => Err(unsupported()),
        }
    }

    async fn delete(&self, folder: FolderId, uid: Uid) -> Result<Applied, StoreError> {
        self.journal.folder_key(folder)?;
        {
            let mut found = self.turn.lock().await;
            found.stat = None;
            let delete = async {
                let (mut session, numbered) = self.numbered(folder, &[uid]).await?;
                let Some((_, number)) = numbered.first() else { return Err(StoreError::no_such_item(uid)) };
                session.delete(*number).await?;
                session.quit().await
            };
            self.bounded(delete).await?;
        }
        self.watchers().changed(folder);
        Ok(Applied::default())
    }
}

impl MailStore for Pop3Store {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(self.0.tree())
    }

    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            self.0.journal.folder_key(folder)?;
            self.0.look(folder, false).await?;
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
        Box::pin(self.0.fetch(folder, uids, wanted))
    }

    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(self.0.apply(command))
    }

    fn watch(&self, _: &[FolderId]) -> Hints {
        let (sender, hints) = Hints::channel();
        self.add_watcher(sender);
        hints
    }
}
