//! A mailbox in memory: for tests, demonstrations, and accounts that only a program fills. Its messages go with the
//! process. It can hold calendars, address books, tasks and notes, too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use push_core::BoxFuture;

use super::content;
use super::now_ms;
use super::{
    Applied, Class, Command, Flags, Folder, FolderId, FolderKind, Hierarchy, Hint, HintSender, Hints, Item, MailStore,
    Page, StoreError, StoreErrorKind, Token, Uid, Wanted,
};
use crate::journal::{Journal, Known, Look, SeenFolder, SeenItem};
use crate::message;
use crate::pim;

/// Longest path of a folder, in bytes.
const MAX_PATH_BYTES: usize = 1024;

/// A mailbox in memory. Cheap to clone: all clones are the same.
#[derive(Clone, Debug)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journal: Journal,
    mailbox: Mutex<Mailbox>,
    /// Held while something changes: what is recorded comes in the order in which it happened.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Mailbox {
    messages: HashMap<(FolderId, Uid), Bytes>,
    /// By which the journal tells messages apart.
    last_key: u64,
    watchers: Vec<HintSender>,
}

/// How a message is put into a folder.
#[derive(Clone, Copy)]
struct Placed {
    flags: Flags,
    /// Of mail that is new, its key.
    identity: Option<u64>,
    received_ms: u64,
}

impl MemoryStore {
    /// An empty mailbox with an inbox.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the journal cannot be written.
    pub async fn open(journal: Journal) -> Result<Self, StoreError> {
        let tree = journal.record_hierarchy(vec![seen_folder("INBOX", "0")]).await?;
        for folder in &tree.folders {
            // Of an earlier process there may be messages in the journal, but nowhere else.
            journal.record(folder.id, Look { reset: true, ..Look::default() }).await?;
        }
        let shared = Shared { journal, mailbox: Mutex::default(), changing: tokio::sync::Mutex::default() };
        Ok(Self(Arc::new(shared)))
    }

    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.0.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hint(&self, hint: Hint) {
        self.mailbox().watchers.retain(|watcher| watcher.send(hint));
    }

    async fn add(&self, folder: FolderId, raw: Bytes, message: Placed) -> Result<Uid, StoreError> {
        let Placed { flags, identity, received_ms } = message;
        let number = {
            let mut mailbox = self.mailbox();
            mailbox.last_key += 1;
            mailbox.last_key
        };
        let key = number.to_string();
        let (identity, received_ms) = (identity.or(Some(number)), Some(received_ms));
        let seen = vec![SeenItem { uid: None, key: key.clone(), flags, identity, received_ms }];
        self.0.journal.record(folder, Look { seen, ..Look::default() }).await?;
        let known = self.0.journal.find(folder, &key)?;
        let uid = known.map(|known| known.uid).ok_or_else(|| StoreError::no_such_folder(folder))?;
        self.mailbox().messages.insert((folder, uid), raw);
        Ok(uid)
    }

    async fn remove(&self, folder: FolderId, uid: Uid) -> Result<Bytes, StoreError> {
        self.0.journal.folder_key(folder)?;
        let raw = self.mailbox().messages.get(&(folder, uid)).cloned();
        let raw = raw.ok_or_else(|| StoreError::no_such_item(uid))?;
        // Before it is let go of: what cannot be recorded was not removed.
        self.0.journal.record(folder, Look { gone: vec![uid], ..Look::default() }).await?;
        self.mailbox().messages.remove(&(folder, uid));
        Ok(raw)
    }

    /// Puts a message into a folder as one that came at another time than now, in Unix milliseconds.
    ///
    /// Cancel safety: dropped, it is there or not.
    ///
    /// # Errors
    ///
    /// As [`MailStore::apply`].
    pub async fn append_received(
        &self,
        folder: FolderId,
        raw: Bytes,
        flags: Flags,
        received_ms: u64,
    ) -> Result<Applied, StoreError> {
        let _changing = self.0.changing.lock().await;
        self.0.journal.settle().await?;
        self.append(folder, raw, flags, received_ms).await
    }

    async fn append(
        &self,
        folder: FolderId,
        raw: Bytes,
        flags: Flags,
        received_ms: u64,
    ) -> Result<Applied, StoreError> {
        let placed = match self.class_of(folder)? {
            Class::Email => Placed { flags, identity: None, received_ms },
            class => self.item_of(folder, class, None, &raw)?,
        };
        let uid = self.add(folder, raw, placed).await?;
        self.hint(Hint::Folder(folder));
        Ok(Applied { uid: Some(uid), folder: None })
    }

    fn class_of(&self, folder: FolderId) -> Result<Class, StoreError> {
        let tree = self.0.journal.hierarchy()?;
        tree.get(folder).map(|folder| folder.class).ok_or_else(|| StoreError::no_such_folder(folder))
    }

    /// How an item that is no mail is kept, in the place of `old` or as a new one.
    fn item_of(&self, folder: FolderId, class: Class, old: Option<Uid>, raw: &[u8]) -> Result<Placed, StoreError> {
        let about = content::checked(class, raw)?;
        if let Some(name) = &about.uid {
            let mailbox = self.mailbox();
            let mut others = mailbox.messages.iter().filter(|((of, uid), _)| *of == folder && Some(*uid) != old);
            if others.any(|(_, other)| pim::about(other).is_some_and(|other| other.uid == about.uid)) {
                return Err(content::twice(name));
            }
        }
        Ok(Placed { flags: Flags::default(), identity: Some(pim::hash(raw)), received_ms: about.ends_ms })
    }

    async fn replace(&self, folder: FolderId, uid: Uid, raw: Bytes) -> Result<Applied, StoreError> {
        let class = self.class_of(folder)?;
        if class == Class::Email {
            return Err(StoreError::new(StoreErrorKind::Unsupported, "a message has always the same content"));
        }
        let known = self.0.journal.look_up(folder, uid)?.ok_or_else(|| StoreError::no_such_item(uid))?;
        let Placed { flags, identity, received_ms } = self.item_of(folder, class, Some(uid), &raw)?;
        let received_ms = Some(received_ms);
        let seen = vec![SeenItem { uid: Some(uid), key: known.key, flags, identity, received_ms }];
        self.0.journal.record(folder, Look { seen, ..Look::default() }).await?;
        self.mailbox().messages.insert((folder, uid), raw);
        self.hint(Hint::Folder(folder));
        Ok(Applied { uid: Some(uid), folder: None })
    }

    async fn mark(&self, folder: FolderId, uid: Uid, add: Flags, remove: Flags) -> Result<Applied, StoreError> {
        if self.class_of(folder)? != Class::Email {
            return Err(StoreError::new(StoreErrorKind::Unsupported, "only mail is marked"));
        }
        let known = self.0.journal.look_up(folder, uid)?.ok_or_else(|| StoreError::no_such_item(uid))?;
        let flags = known.flags.without(remove).with(add);
        let seen = vec![SeenItem { uid: Some(uid), key: known.key, flags, identity: None, received_ms: None }];
        self.0.journal.record(folder, Look { seen, ..Look::default() }).await?;
        self.hint(Hint::Folder(folder));
        Ok(Applied { uid: Some(uid), folder: None })
    }

    async fn move_to(&self, folder: FolderId, uid: Uid, to: FolderId) -> Result<Applied, StoreError> {
        if self.class_of(to)? != self.class_of(folder)? {
            return Err(StoreError::new(StoreErrorKind::Unsupported, "the other folder is of another class"));
        }
        let known = self.0.journal.look_up(folder, uid)?.ok_or_else(|| StoreError::no_such_item(uid))?;
        if folder == to {
            return Ok(Applied { uid: Some(uid), folder: None });
        }
        let raw = self.remove(folder, uid).await?;
        let Known { flags, identity, received_ms, .. } = known;
        let uid = self.add(to, raw, Placed { flags, identity, received_ms }).await?;
        self.hint(Hint::Folder(folder));
        self.hint(Hint::Folder(to));
        Ok(Applied { uid: Some(uid), folder: None })
    }

    /// Changes the tree: `change` gets the folders as they are recorded.
    async fn replant(
        &self,
        change: impl FnOnce(&mut Vec<SeenFolder>) -> Result<(), StoreError>,
    ) -> Result<Hierarchy, StoreError> {
        let tree = self.0.journal.hierarchy()?;
        let seen = |folder: &Folder| {
            let identity = Some(folder.id.to_string());
            SeenFolder { identity, kind: folder.kind, class: folder.class, ..seen_folder(&folder.path, "") }
        };
        let mut folders: Vec<_> = tree.folders.iter().map(seen).collect();
        change(&mut folders)?;
        // What stays in a rename is the number that the journal gave.
        let tree = self.0.journal.record_hierarchy(folders).await?;
        let tree = self.0.journal.record_hierarchy(tree.folders.iter().map(seen).collect()).await?;
        self.hint(Hint::Tree);
        Ok(tree)
    }

    async fn create(&self, class: Class, path: String) -> Result<Applied, StoreError> {
        check(&path)?;
        let tree = self
            .replant(|folders| {
                refuse_if_there(folders, &path)?;
                let is_the_one = folders.iter().all(|folder| folder.class != class);
                let kind = match class {
                    Class::Email => FolderKind::by_name(&path),
                    class => FolderKind::of_class(class, is_the_one),
                };
                folders.push(SeenFolder { identity: None, kind, class, ..seen_folder(&path, "") });
                Ok(())
            })
            .await?;
        let folder = tree.folders.iter().find(|folder| folder.path == path).map(|folder| folder.id);
        Ok(Applied { uid: None, folder })
    }

    async fn rename(&self, folder: FolderId, path: String) -> Result<Applied, StoreError> {
        check(&path)?;
        let from = self.path_of(folder)?;
        let below = format!("{from}/");
        self.replant(|folders| {
            refuse_if_there(folders, &path)?;
            for seen in folders.iter_mut() {
                let rest = if seen.path == from { Some("") } else { seen.path.strip_prefix(&below) };
                let Some(rest) = rest else { continue };
                let to = if rest.is_empty() { path.clone() } else { format!("{path}/{rest}") };
                let kind = if seen.class == Class::Email { FolderKind::by_name(&to) } else { seen.kind };
                let (identity, class) = (seen.identity.take(), seen.class);
                *seen = SeenFolder { identity, kind, class, ..seen_folder(&to, "") };
            }
            refuse_twice(folders)
        })
        .await?;
        Ok(Applied { uid: None, folder: Some(folder) })
    }

    async fn delete_folder(&self, folder: FolderId) -> Result<Applied, StoreError> {
        let path = self.path_of(folder)?;
        self.replant(|folders| {
            folders.retain(|seen| seen.path != path);
            Ok(())
        })
        .await?;
        self.mailbox().messages.retain(|(of, _), _| *of != folder);
        Ok(Applied::default())
    }

    /// Of a folder that is not the inbox.
    fn path_of(&self, folder: FolderId) -> Result<String, StoreError> {
        let path = self.0.journal.folder_key(folder)?;
        if path == "INBOX" {
            return Err(StoreError::new(StoreErrorKind::Invalid, "the inbox stays what it is"));
        }
        Ok(path)
    }

    async fn carry_out(&self, command: Command) -> Result<Applied, StoreError> {
        let _changing = self.0.changing.lock().await;
        self.0.journal.settle().await?;
        match command {
            Command::Append { folder, raw, flags } => self.append(folder, raw, flags, now_ms()).await,
            Command::Mark { folder, uid, add, remove } => self.mark(folder, uid, add, remove).await,
            Command::Move { folder, uid, to } => self.move_to(folder, uid, to).await,
            Command::Delete { folder, uid } => {
                self.remove(folder, uid).await?;
                self.hint(Hint::Folder(folder));
                Ok(Applied::default())
            }
            Command::Replace { folder, uid, raw } => self.replace(folder, uid, raw).await,
            Command::CreateFolder { path } => self.create(Class::Email, path).await,
            Command::CreateFolderOf { class, path } => self.create(class, path).await,
            Command::RenameFolder { folder, path } => self.rename(folder, path).await,
            Command::DeleteFolder { folder } => self.delete_folder(folder).await,
        }
    }

    fn item(&self, folder: FolderId, uid: Uid, wanted: Wanted) -> Result<Option<Item>, StoreError> {
        let Some(known) = self.0.journal.look_up(folder, uid)? else { return Ok(None) };
        let Some(raw) = self.mailbox().messages.get(&(folder, uid)).cloned() else { return Ok(None) };
        let summary = match wanted {
            Wanted::Summary { preview_bytes } => match self.class_of(folder)? {
                Class::Email => message::summary(&raw, preview_bytes),
                _ => content::summary(&raw),
            },
            Wanted::Flags | Wanted::Whole => Default::default(),
        };
        let size = Some(raw.len() as u64);
        Ok(Some(Item {
            uid,
            flags: known.flags,
            size,
            received_ms: known.received_ms,
            summary,
            raw: (wanted == Wanted::Whole).then_some(raw),
        }))
    }
}

fn seen_folder(path: &str, identity: &str) -> SeenFolder {
    SeenFolder {
        key: path.to_owned(),
        identity: Some(identity.to_owned()),
        path: path.to_owned(),
        kind: FolderKind::by_name(path),
        class: Class::Email,
    }
}

fn check(path: &str) -> Result<(), StoreError> {
    let is_right = path.len() <= MAX_PATH_BYTES
        && path.split('/').all(|name| !name.is_empty() && !name.chars().any(char::is_control));
    if is_right { Ok(()) } else { Err(StoreError::new(StoreErrorKind::Invalid, format!("{path:?} is no path"))) }
}

/// Folders below a renamed one may meet others that are below its new path already.
fn refuse_twice(folders: &[SeenFolder]) -> Result<(), StoreError> {
    let mut paths = std::collections::HashSet::new();
    match folders.iter().find(|folder| !paths.insert(&folder.path)) {
        Some(twice) => Err(StoreError::new(StoreErrorKind::Exists, format!("there is a folder {:?}", twice.path))),
        None => Ok(()),
    }
}

fn refuse_if_there(folders: &[SeenFolder], path: &str) -> Result<(), StoreError> {
    if folders.iter().any(|folder| folder.path == path) {
        return Err(StoreError::new(StoreErrorKind::Exists, format!("there is a folder {path:?}")));
    }
    Ok(())
}

impl MailStore for MemoryStore {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(std::future::ready(self.0.journal.hierarchy().map_err(Into::into)))
    }

    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(std::future::ready(self.recorded(folder, since, limit)))
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
        Box::pin(async move {
            self.0.journal.folder_key(folder)?;
            uids.iter().filter_map(|uid| self.item(folder, *uid, wanted).transpose()).collect()
        })
    }

    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(self.carry_out(command))
    }

    fn watch(&self, _: &[FolderId]) -> Hints {
        let (sender, hints) = Hints::channel();
        sender.send(Hint::Ready);
        self.mailbox().watchers.push(sender);
        hints
    }

    fn is_local(&self) -> bool {
        true
    }
}
