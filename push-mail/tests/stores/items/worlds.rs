//! The stores that are tried.

#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
#[cfg(unix)]
use push_mail::store::joined::JoinedStore;
use push_mail::store::memory::MemoryStore;
#[cfg(unix)]
use push_mail::store::vdir::{VdirConfig, VdirStore};
use push_mail::store::{Class, Command, Flags, FolderId, MailStore, Token, Uid, Wanted};

use super::{CALENDAR, ItemWorld};

/// Other programs are clones of the store.
pub(crate) struct MemoryItems {
    state: State,
    store: Option<MemoryStore>,
}

impl MemoryItems {
    async fn open(state: &State) -> MemoryStore {
        let journal = Journal::open(state, "alice").await.expect("a journal");
        let store = MemoryStore::open(journal).await.expect("a store");
        let make = Command::CreateFolderOf { class: Class::Calendar, path: CALENDAR.to_owned() };
        store.apply(make).await.expect("made");
        store
    }

    async fn find(&self, uid: &str) -> (FolderId, Option<Uid>) {
        let tree = self.store().hierarchy().await.expect("a tree");
        let folder = tree.folders.iter().find(|folder| folder.path == CALENDAR).expect("it is there").id;
        for change in self.store().changes(folder, Token::START, 1000).await.expect("changes").changes {
            let items = self.store().fetch(folder, &[change.uid], Wanted::Whole).await.expect("fetched");
            let line = format!("UID:{uid}\r\n");
            if items.iter().any(|item| String::from_utf8_lossy(item.raw.as_ref().expect("all of it")).contains(&line)) {
                return (folder, Some(change.uid));
            }
        }
        (folder, None)
    }
}

impl ItemWorld for MemoryItems {
    const SURVIVES: bool = false;

    async fn new() -> Self {
        let state = State::in_memory().expect("a state");
        let store = Some(Self::open(&state).await);
        Self { state, store }
    }

    fn store(&self) -> &dyn MailStore {
        self.store.as_ref().expect("it is up")
    }

    async fn down(&mut self) {
        self.store = None;
    }

    async fn up(&mut self) {
        self.store = Some(Self::open(&self.state).await);
    }

    async fn put(&self, uid: &str, raw: &str) {
        let raw = raw.as_bytes().to_vec().into();
        let command = match self.find(uid).await {
            (folder, Some(uid)) => Command::Replace { folder, uid, raw },
            (folder, None) => Command::Append { folder, raw, flags: Flags::default() },
        };
        self.store().apply(command).await.expect("applied");
    }

    async fn remove(&self, uid: &str) {
        let (folder, uid) = self.find(uid).await;
        let uid = uid.expect("it is there");
        self.store().apply(Command::Delete { folder, uid }).await.expect("deleted");
    }
}

/// Other programs write files in place. The system tells of them or not.
#[cfg(unix)]
pub(crate) struct VdirItems<const NOTICES: bool> {
    dir: tempfile::TempDir,
    store: Option<VdirStore>,
}

#[cfg(unix)]
async fn state(path: std::path::PathBuf) -> State {
    loop {
        // What used it before ends in tasks and threads of its own.
        match State::open(&path) {
            Ok(state) => return state,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

#[cfg(unix)]
async fn vdir(dir: &std::path::Path, notices: bool) -> VdirStore {
    let journal = Journal::open(&state(dir.join("state")).await, "alice").await.expect("a journal");
    let mut config = VdirConfig::default();
    config.notices = notices;
    config.poll = Duration::from_millis(if notices { 60_000 } else { 20 });
    VdirStore::open(dir.join("vdir"), journal, config).await.expect("a store")
}

#[cfg(unix)]
impl<const NOTICES: bool> ItemWorld for VdirItems<NOTICES> {
    const SURVIVES: bool = true;

    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("vdir").join(CALENDAR)).expect("made");
        let store = Some(vdir(dir.path(), NOTICES).await);
        Self { dir, store }
    }

    fn store(&self) -> &dyn MailStore {
        self.store.as_ref().expect("it is up")
    }

    async fn down(&mut self) {
        self.store = None;
    }

    async fn up(&mut self) {
        self.store = Some(vdir(self.dir.path(), NOTICES).await);
    }

    async fn put(&self, uid: &str, raw: &str) {
        std::fs::write(self.file(uid), raw).expect("written");
    }

    async fn remove(&self, uid: &str) {
        std::fs::remove_file(self.file(uid)).expect("removed");
    }
}

#[cfg(unix)]
impl<const NOTICES: bool> VdirItems<NOTICES> {
    fn file(&self, uid: &str) -> std::path::PathBuf {
        self.dir.path().join("vdir").join(CALENDAR).join(format!("{uid}.ics"))
    }
}

/// The same beside mail in memory.
#[cfg(unix)]
pub(crate) struct JoinedItems {
    items: VdirItems<true>,
    store: Option<JoinedStore>,
}

#[cfg(unix)]
impl JoinedItems {
    async fn open(items: &VdirItems<true>) -> JoinedStore {
        let state = State::in_memory().expect("a state");
        let mail = MemoryStore::open(Journal::open(&state, "alice").await.expect("a journal")).await.expect("a store");
        JoinedStore::new(Arc::new(mail), Arc::new(items.store.clone().expect("it is up")))
    }
}

#[cfg(unix)]
impl ItemWorld for JoinedItems {
    const SURVIVES: bool = true;

    async fn new() -> Self {
        let items = VdirItems::new().await;
        let store = Some(Self::open(&items).await);
        Self { items, store }
    }

    fn store(&self) -> &dyn MailStore {
        self.store.as_ref().expect("it is up")
    }

    async fn down(&mut self) {
        self.store = None;
        self.items.down().await;
    }

    async fn up(&mut self) {
        self.items.up().await;
        self.store = Some(Self::open(&self.items).await);
    }

    async fn put(&self, uid: &str, raw: &str) {
        self.items.put(uid, raw).await;
    }

    async fn remove(&self, uid: &str) {
        self.items.remove(uid).await;
    }
}
