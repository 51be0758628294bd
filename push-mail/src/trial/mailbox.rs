//! A mailbox that can only be looked at, like a folder of files, and whose truth is known.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use push_core::BoxFuture;

use crate::journal::{Journal, Known, Look, SeenFolder, SeenItem};
use crate::store::{
    Applied, Class, Command, Flags, FolderId, FolderKind, Hierarchy, Hint, HintSender, Hints, Item, MailStore, Page,
    StoreError, StoreErrorKind, Summary, Token, Uid, Wanted,
};

pub(crate) const FOLDERS: usize = 2;

/// When models begin; a message came as many days earlier as its name says.
pub(crate) const NOW_MS: u64 = 1_780_000_000_000;

/// What really lies in the mailbox: by folder, name of a message, and how it is marked.
pub(crate) type Truth = [BTreeMap<u8, Flags>; FOLDERS];

#[derive(Debug, Default)]
struct Inside {
    truth: Truth,
    /// How often the numbers of a folder's messages have become void.
    resets: [usize; FOLDERS],
    watchers: Vec<HintSender>,
}

/// A mailbox that can only be looked at, like a folder of files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Inside>>);

impl Mailbox {
    pub(crate) fn truth(&self) -> Truth {
        self.0.lock().expect("whole").truth.clone()
    }

    pub(crate) fn change(&self, folder: usize, change: impl FnOnce(&mut BTreeMap<u8, Flags>)) {
        let mut mailbox = self.0.lock().expect("whole");
        change(&mut mailbox.truth[folder]);
        let hint = Hint::Folder(FolderId(folder as u32 + 1));
        mailbox.watchers.retain(|watcher| watcher.send(hint));
    }

    pub(crate) fn reset(&self, folder: usize) {
        self.0.lock().expect("whole").resets[folder] += 1;
        self.change(folder, |_| {});
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Scanned {
    mailbox: Mailbox,
    journal: Journal,
    /// The resets that were recorded.
    looking: Arc<tokio::sync::Mutex<[usize; FOLDERS]>>,
}

impl Scanned {
    /// The mailbox, recorded in this journal.
    pub(crate) async fn open(mailbox: &Mailbox, journal: Journal) -> Self {
        let folder = |name: &str| SeenFolder {
            key: name.to_owned(),
            identity: None,
            path: name.to_owned(),
            kind: FolderKind::by_name(name),
            class: Class::Email,
        };
        journal.record_hierarchy(vec![folder("INBOX"), folder("Other")]).await.expect("recorded");
        Self { mailbox: mailbox.clone(), journal, looking: Arc::default() }
    }

    /// The name of a message.
    fn name(&self, folder: FolderId, uid: Uid) -> Result<u8, StoreError> {
        let known = self.journal.look_up(folder, uid)?;
        known.and_then(|known| known.key.parse().ok()).ok_or_else(|| StoreError::no_such_item(uid))
    }

    async fn look(&self, folder: FolderId) -> Result<(), StoreError> {
        let mut recorded = self.looking.lock().await;
        self.journal.folder_key(folder)?;
        let place = folder.0 as usize - 1;
        let (there, resets) = {
            let mailbox = self.mailbox.0.lock().expect("whole");
            (mailbox.truth[place].clone(), mailbox.resets[place])
        };
        let known = self.journal.known(folder)?;
        let gone = known.iter().filter(|known| known.key.parse().is_ok_and(|name: u8| !there.contains_key(&name)));
        let gone = gone.map(|known| known.uid).collect();
        let seen = |(name, flags): (&u8, &Flags)| SeenItem {
            uid: None,
            key: name.to_string(),
            flags: *flags,
            identity: None,
            received_ms: Some(received_ms(*name)),
        };
        let seen = there.iter().map(seen).collect();
        let reset = std::mem::replace(&mut recorded[place], resets) != resets;
        self.journal.record(folder, Look { seen, gone, reset, mark: None }).await.map(drop)
    }
}

impl MailStore for Scanned {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(std::future::ready(self.journal.hierarchy().map_err(Into::into)))
    }

    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            self.look(folder).await?;
            self.recorded(folder, since, limit)
        })
    }

    fn recorded(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError> {
        self.journal.changes(folder, since, limit)
    }

    fn known(&self, folder: FolderId, uids: &[Uid]) -> Result<Vec<Known>, StoreError> {
        Ok(self.journal.look_up_all(folder, uids)?)
    }

    fn fetch<'a>(
        &'a self,
        folder: FolderId,
        uids: &'a [Uid],
        _: Wanted,
    ) -> BoxFuture<'a, Result<Vec<Item>, StoreError>> {
        let item = |uid: &Uid| {
            let known = self.journal.look_up(folder, *uid).transpose()?;
            Some(known.map_err(StoreError::from).map(|known| Item {
                uid: *uid,
                received_ms: known.received_ms,
                flags: known.flags,
                size: None,
                raw: Some(format!("Subject: {}\r\n\r\nhello\r\n", known.key).into()),
                summary: Summary { subject: Some(known.key), ..Summary::default() },
            }))
        };
        Box::pin(std::future::ready(uids.iter().filter_map(item).collect()))
    }

    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(async move {
            let unsupported = || StoreError::new(StoreErrorKind::Unsupported, "marks, moves and deletions alone");
            match command {
                Command::Mark { folder, uid, add, remove } => {
                    let name = self.name(folder, uid)?;
                    self.mailbox.change(folder.0 as usize - 1, |there| {
                        if let Some(flags) = there.get_mut(&name) {
                            *flags = flags.with(add).without(remove);
                        }
                    });
                }
                Command::Delete { folder, uid } => {
                    let name = self.name(folder, uid)?;
                    self.mailbox.change(folder.0 as usize - 1, |there| {
                        there.remove(&name);
                    });
                }
                _ => return Err(unsupported()),
            }
            Ok(Applied::default())
        })
    }

    fn watch(&self, _: &[FolderId]) -> Hints {
        let (sender, hints) = Hints::channel();
        sender.send(Hint::Ready);
        self.mailbox.0.lock().expect("whole").watchers.push(sender);
        hints
    }
}

/// Those with a high name came long ago.
fn received_ms(name: u8) -> u64 {
    const DAY_MS: u64 = 86_400_000;
    NOW_MS - u64::from(name) * DAY_MS
}
