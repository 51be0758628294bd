//! The mailbox in memory. Other programs are clones of the store.

use bytes::Bytes;
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::memory::MemoryStore;
use push_mail::store::{Command, Flags, FolderId, MailStore, Token, Uid, Wanted};

use crate::world::DATED_MS;
use crate::{Abilities, World};

pub(crate) struct MemoryWorld {
    state: State,
    store: Option<MemoryStore>,
    other: MemoryStore,
}

impl MemoryWorld {
    async fn folder(&self, path: &str) -> FolderId {
        let tree = self.other.hierarchy().await.expect("a tree");
        tree.folders.iter().find(|folder| folder.path == path).expect("a folder").id
    }

    async fn apply(&self, command: Command) {
        self.other.apply(command).await.expect("applied");
    }

    async fn message(&self, folder: FolderId, subject: &str) -> Uid {
        let page = self.other.changes(folder, Token::START, 1000).await.expect("changes");
        for change in page.changes {
            let item = self.other.fetch(folder, &[change.uid], Wanted::Summary { preview_bytes: 1 }).await;
            if item.expect("fetched").iter().any(|item| item.summary.subject.as_deref() == Some(subject)) {
                return change.uid;
            }
        }
        panic!("there is no {subject:?}");
    }
}

impl World for MemoryWorld {
    const ABILITIES: Abilities =
        Abilities { folders: true, flags: true, append: true, delete: true, dates: true, survives: false };

    async fn new() -> Self {
        let state = State::in_memory().expect("a state");
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let store = MemoryStore::open(journal).await.expect("a store");
        Self { state, other: store.clone(), store: Some(store) }
    }

    fn store(&self) -> &dyn MailStore {
        self.store.as_ref().expect("it is up")
    }

    async fn down(&mut self) {
        self.store = None;
    }

    async fn up(&mut self) {
        let journal = Journal::open(&self.state, "alice").await.expect("a journal");
        let store = MemoryStore::open(journal).await.expect("a store");
        self.other = store.clone();
        self.store = Some(store);
    }

    async fn deliver(&self, folder: &str, raw: &[u8]) {
        let folder = self.folder(folder).await;
        self.apply(Command::Append { folder, raw: Bytes::copy_from_slice(raw), flags: Flags::default() }).await;
    }

    async fn deliver_dated(&self, folder: &str, raw: &[u8]) {
        let folder = self.folder(folder).await;
        let raw = Bytes::copy_from_slice(raw);
        self.other.append_received(folder, raw, Flags::default(), DATED_MS).await.expect("appended");
    }

    async fn mark(&self, folder: &str, subject: &str, flags: Flags) {
        let folder = self.folder(folder).await;
        let uid = self.message(folder, subject).await;
        self.apply(Command::Mark { folder, uid, add: flags, remove: Flags::default() }).await;
    }

    async fn delete(&self, folder: &str, subject: &str) {
        let folder = self.folder(folder).await;
        let uid = self.message(folder, subject).await;
        self.apply(Command::Delete { folder, uid }).await;
    }

    async fn create_folder(&self, path: &str) {
        self.apply(Command::CreateFolder { path: path.to_owned() }).await;
    }

    async fn rename_folder(&self, from: &str, to: &str) {
        let folder = self.folder(from).await;
        self.apply(Command::RenameFolder { folder, path: to.to_owned() }).await;
    }

    async fn delete_folder(&self, path: &str) {
        let folder = self.folder(path).await;
        self.apply(Command::DeleteFolder { folder }).await;
    }
}
