//! One account of two stores: mail, and calendars and address books beside it.
//!
//! ```text
//!            folders below 2^30                 folders from 2^30 on
//!  mail ◀───────────────────────── JoinedStore ─────────────────────────▶ items: 2^30 is taken away
//! ```
//!
//! Each store numbers its folders for itself, in a journal of its own, and never as high as 2^30: so a number means the
//! same folder for ever, whatever comes or goes in either store. Nothing is moved from one store to the other.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use push_core::BoxFuture;

use super::{
    Applied, Class, Command, Folder, FolderId, Hierarchy, Hint, HintSender, Hints, Item, MailStore, Page, StoreError,
    StoreErrorKind, Token, Uid, Wanted,
};
use crate::journal::Known;

/// What is added to the numbers of the second store's folders.
const OFFSET: u32 = 1 << 30;

/// Mail and other items as one account. Cheap to clone: all clones are the same.
#[derive(Clone, Debug)]
pub struct JoinedStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mail: Arc<dyn MailStore>,
    items: Arc<dyn MailStore>,
    /// The second store's folders as they were told last: it does not keep mail from being read that it cannot be asked.
    last: Mutex<Option<Hierarchy>>,
}

/// A folder, in the store that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Mail(FolderId),
    Items(FolderId),
}

impl Place {
    fn of(folder: FolderId) -> Self {
        match folder.0.checked_sub(OFFSET) {
            None => Place::Mail(folder),
            Some(number) => Place::Items(FolderId(number)),
        }
    }
}

/// The number of a folder of the second store in the account. Beyond what can be numbered there is none.
fn outer(folder: FolderId) -> FolderId {
    FolderId(folder.0.saturating_add(OFFSET))
}

impl JoinedStore {
    /// Folders of `mail`, and behind them those of `items`; each has to have a journal of its own.
    pub fn new(mail: Arc<dyn MailStore>, items: Arc<dyn MailStore>) -> Self {
        Self(Arc::new(Shared { mail, items, last: Mutex::default() }))
    }
}

impl Shared {
    fn store(&self, folder: FolderId) -> (&dyn MailStore, FolderId) {
        match Place::of(folder) {
            Place::Mail(folder) => (&*self.mail, folder),
            Place::Items(folder) => (&*self.items, folder),
        }
    }

    async fn hierarchy(&self) -> Result<Hierarchy, StoreError> {
        let mail = self.mail.hierarchy().await?;
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let items = match self.items.hierarchy().await {
            Ok(items) => {
                *last() = Some(items.clone());
                items
            }
            Err(error) => last().clone().ok_or(error)?,
        };
        Ok(joined(mail, items))
    }

    async fn apply(&self, command: Command) -> Result<Applied, StoreError> {
        match (command.folder().map(Place::of), &command) {
            (None, Command::CreateFolderOf { class, .. }) if *class != Class::Email => {
                let path = self.free_path(&command).await?;
                let Command::CreateFolderOf { class, .. } = command else { return Err(misplaced()) };
                let made = self.items.apply(Command::CreateFolderOf { class, path }).await?;
                Ok(Applied { folder: made.folder.map(outer), ..made })
            }
            (None, _) => {
                self.free_path(&command).await?;
                self.mail.apply(command).await
            }
            (Some(from), Command::Move { to, .. }) if is_elsewhere(from, *to) => {
                let (store, folder) = self.store(*to);
                // What is not there is refused as such.
                store.recorded(folder, Token::START, 1)?;
                Err(StoreError::new(StoreErrorKind::Unsupported, "the other folder is of another class"))
            }
            (Some(Place::Mail(_)), _) => self.mail.apply(command).await,
            (Some(Place::Items(folder)), _) => {
                let applied = self.items.apply(within(command, folder)).await?;
                Ok(Applied { folder: applied.folder.map(outer), ..applied })
            }
        }
    }

    /// The path of a folder that is to be made, if neither store has it.
    async fn free_path(&self, command: &Command) -> Result<String, StoreError> {
        let (Command::CreateFolder { path } | Command::CreateFolderOf { path, .. }) = command else {
            return Err(misplaced());
        };
        if self.hierarchy().await?.folders.iter().any(|folder| folder.path == *path) {
            return Err(StoreError::new(StoreErrorKind::Exists, format!("there is a folder {path:?}")));
        }
        Ok(path.clone())
    }
}

fn misplaced() -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, "the command makes no folder")
}

fn is_elsewhere(from: Place, to: FolderId) -> bool {
    matches!(from, Place::Mail(_)) != matches!(Place::of(to), Place::Mail(_))
}

/// The command as the second store has to be told.
fn within(mut command: Command, number: FolderId) -> Command {
    match &mut command {
        Command::Move { folder, to, .. } => {
            *folder = number;
            if let Place::Items(inner) = Place::of(*to) {
                *to = inner;
            }
        }
        Command::Append { folder, .. }
        | Command::Replace { folder, .. }
        | Command::Mark { folder, .. }
        | Command::Delete { folder, .. }
        | Command::RenameFolder { folder, .. }
        | Command::DeleteFolder { folder } => *folder = number,
        Command::CreateFolder { .. } | Command::CreateFolderOf { .. } => {}
    }
    command
}

/// Both trees; a path that both have is that of the mail.
fn joined(mail: Hierarchy, items: Hierarchy) -> Hierarchy {
    let mut folders = mail.folders;
    let mut taken: HashSet<String> = folders.iter().map(|folder| folder.path.clone()).collect();
    for folder in items.folders {
        let id = outer(folder.id);
        let mut path = folder.path;
        if taken.contains(&path) {
            path = format!("{path} ({})", folder.class.as_str());
        }
        if !taken.insert(path.clone()) {
            path = format!("{path} {id}");
            taken.insert(path.clone());
        }
        folders.push(Folder { id, path, ..folder });
    }
    // By path, but for the inbox, which stays the first.
    let own = usize::from(!folders.is_empty());
    folders[own..].sort_by(|a, b| a.path.cmp(&b.path));
    Hierarchy { version: mail.version + items.version, folders }
}

/// Passes on what either store hints, `Ready` once both have said so.
async fn pass_on(mut mail: Hints, mut items: Hints, wanted: [Option<HashSet<FolderId>>; 2], to: HintSender) {
    let mut ready = [false; 2];
    let [of_mail, of_items] = wanted;
    let is_wanted = |wanted: &Option<HashSet<FolderId>>, folder: &FolderId| {
        wanted.as_ref().is_none_or(|wanted| wanted.contains(folder))
    };
    loop {
        let next = poll_fn(|cx| match (mail.poll_next(cx), items.poll_next(cx)) {
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            (one, other) => Poll::Ready((one, other)),
        });
        let (one, other) = tokio::select! {
            () = to.closed() => return,
            next = next => next,
        };
        for (place, hint, of) in [(0, one, &of_mail), (1, other, &of_items)] {
            let Poll::Ready(hint) = hint else { continue };
            match hint {
                Hint::Ready => {
                    ready[place] = true;
                    if ready == [true; 2] {
                        to.send(Hint::Ready);
                    }
                }
                Hint::Folder(folder) if !is_wanted(of, &folder) => {}
                Hint::Folder(folder) if place == 1 => drop(to.send(Hint::Folder(outer(folder)))),
                hint => drop(to.send(hint)),
            }
        }
        // With the sender goes a last hint, and who watches begins again.
        if mail.is_abandoned() || items.is_abandoned() {
            return;
        }
    }
}

impl MailStore for JoinedStore {
    fn hierarchy(&self) -> BoxFuture<'_, Result<Hierarchy, StoreError>> {
        Box::pin(self.0.hierarchy())
    }

    fn changes(&self, folder: FolderId, since: Token, limit: usize) -> BoxFuture<'_, Result<Page, StoreError>> {
        let (store, folder) = self.0.store(folder);
        store.changes(folder, since, limit)
    }

    fn recorded(&self, folder: FolderId, since: Token, limit: usize) -> Result<Page, StoreError> {
        let (store, folder) = self.0.store(folder);
        store.recorded(folder, since, limit)
    }

    fn known(&self, folder: FolderId, uids: &[Uid]) -> Result<Vec<Known>, StoreError> {
        let (store, folder) = self.0.store(folder);
        store.known(folder, uids)
    }

    fn fetch<'a>(
        &'a self,
        folder: FolderId,
        uids: &'a [Uid],
        wanted: Wanted,
    ) -> BoxFuture<'a, Result<Vec<Item>, StoreError>> {
        let (store, folder) = self.0.store(folder);
        store.fetch(folder, uids, wanted)
    }

    fn apply(&self, command: Command) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(self.0.apply(command))
    }

    fn watch(&self, folders: &[FolderId]) -> Hints {
        let of = |is_mail: bool| {
            folders.iter().filter_map(move |folder| match Place::of(*folder) {
                Place::Mail(inner) if is_mail => Some(inner),
                Place::Items(inner) if !is_mail => Some(inner),
                _ => None,
            })
        };
        let (of_mail, of_items): (Vec<_>, Vec<_>) = (of(true).collect(), of(false).collect());
        // Of a store of which no folder is wanted, the tree still is.
        let hints = [self.0.mail.watch(&of_mail), self.0.items.watch(&of_items)];
        let wanted = [of_mail, of_items].map(|wanted| (!folders.is_empty()).then(|| wanted.into_iter().collect()));
        let (sender, joined) = Hints::channel();
        let [mail, items] = hints;
        tokio::spawn(pass_on(mail, items, wanted, sender));
        joined
    }

    fn is_local(&self) -> bool {
        self.0.mail.is_local() && self.0.items.is_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::FolderKind;

    fn tree(version: u64, folders: &[(u32, &str, FolderKind)]) -> Hierarchy {
        let folder = |(id, path, kind): &(u32, &str, FolderKind)| {
            let (id, path) = (FolderId(*id), (*path).to_owned());
            Folder { id, path, kind: *kind, class: kind.class() }
        };
        Hierarchy { version, folders: folders.iter().map(folder).collect() }
    }

    #[test]
    fn trees_are_one_and_paths_are_not_told_twice() {
        let mail = tree(3, &[(1, "INBOX", FolderKind::Inbox), (2, "Notes", FolderKind::Mail)]);
        let items = tree(
            2,
            &[
                (1, "Calendar", FolderKind::Calendar),
                (2, "Notes", FolderKind::Notes),
                (3, "Notes (Notes)", FolderKind::UserNotes),
            ],
        );
        let joined = joined(mail, items);
        let told: Vec<_> = joined.folders.iter().map(|folder| (folder.id.0, folder.path.as_str())).collect();
        let expected = [
            (1, "INBOX"),
            (OFFSET + 1, "Calendar"),
            (2, "Notes"),
            (OFFSET + 2, "Notes (Notes)"),
            (OFFSET + 3, "Notes (Notes) (Notes)"),
        ];
        assert_eq!((told.as_slice(), joined.version), (expected.as_slice(), 5));
    }

    #[test]
    fn numbers_tell_the_store() {
        for number in [0, 1, OFFSET - 1] {
            assert_eq!(Place::of(FolderId(number)), Place::Mail(FolderId(number)));
            assert_eq!(Place::of(outer(FolderId(number))), Place::Items(FolderId(number)));
        }
        assert_eq!(Place::of(FolderId(u32::MAX)), Place::Items(FolderId(u32::MAX - OFFSET)));
    }
}
