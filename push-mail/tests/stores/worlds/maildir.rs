//! Maildirs. Other programs rename files.

use std::fs;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::store::{Flags, MailStore};
use tempfile::TempDir;

use crate::world::DATED_MS;
use crate::{Abilities, World};

/// Which folder is tried, and how it is watched.
pub(crate) trait Setting {
    const FOLDER: &'static str;
    const NOTICES: bool = true;
    /// Whether names of files begin with the time.
    const NAMES_TELL: bool = true;
}

pub(crate) struct Inbox;

impl Setting for Inbox {
    const FOLDER: &'static str = "INBOX";
}

/// A folder of Maildir++ whose name has to be encoded.
pub(crate) struct Subfolder;

impl Setting for Subfolder {
    const FOLDER: &'static str = "Listen/Entwürfe & mehr";
}

/// Where the system does not tell of changes.
pub(crate) struct Polled;

impl Setting for Polled {
    const FOLDER: &'static str = "INBOX";
    const NOTICES: bool = false;
    const NAMES_TELL: bool = false;
}

pub(crate) struct MaildirWorld<S> {
    dir: TempDir,
    store: Option<MaildirStore>,
    setting: PhantomData<S>,
}

/// The letters of marks, as the format has them.
const LETTERS: [(Flags, char); 6] = [
    (Flags::DRAFT, 'D'),
    (Flags::FLAGGED, 'F'),
    (Flags::FORWARDED, 'P'),
    (Flags::ANSWERED, 'R'),
    (Flags::SEEN, 'S'),
    (Flags::DELETED, 'T'),
];

impl<S: Setting> MaildirWorld<S> {
    fn root(&self) -> PathBuf {
        self.dir.path().join("Maildir")
    }

    fn folder(&self, path: &str) -> PathBuf {
        match path {
            "INBOX" => self.root(),
            path if path == Subfolder::FOLDER => self.root().join(".Listen.Entw&APw-rfe &- mehr"),
            path => self.root().join(format!(".{}", path.replace('/', "."))),
        }
    }

    fn file(&self, folder: &str, subject: &str) -> PathBuf {
        let line = format!("Subject: {subject}\r\n");
        let folder = self.folder(folder);
        let files = ["new", "cur"].map(|place| fs::read_dir(folder.join(place)).expect("a folder"));
        let mut paths = files.into_iter().flatten().map(|entry| entry.expect("an entry").path());
        let is_it = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).expect("a message")).contains(&line);
        paths.find(is_it).unwrap_or_else(|| panic!("there is no {subject:?}"))
    }

    /// The store itself.
    pub(crate) fn maildir(&self) -> MaildirStore {
        self.store.clone().expect("it is up")
    }

    async fn open(dir: &Path) -> MaildirStore {
        let state = loop {
            // What used it before ends in tasks and threads of its own.
            match State::open(dir.join("state")) {
                Ok(state) => break state,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let mut config = MaildirConfig::default();
        config.create = true;
        config.notices = S::NOTICES;
        config.poll = Duration::from_millis(if S::NOTICES { 60_000 } else { 20 });
        MaildirStore::open(dir.join("Maildir"), journal, config).await.expect("a store")
    }
}

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Mail as delivery agents bring it: written elsewhere, and renamed.
pub(crate) fn deliver(folder: &Path, raw: &[u8]) -> PathBuf {
    deliver_as(folder, raw, 1_700_000_000 + COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The same at a time of its own.
fn deliver_as(folder: &Path, raw: &[u8], seconds: u64) -> PathBuf {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{seconds}.{}_{count}.there", std::process::id());
    let draft = folder.join("tmp").join(&name);
    let target = folder.join("new").join(&name);
    fs::write(&draft, raw).expect("written");
    fs::rename(draft, &target).expect("delivered");
    target
}

impl<S: Setting> World for MaildirWorld<S> {
    const ABILITIES: Abilities =
        Abilities { folders: true, flags: true, append: true, delete: true, dates: true, survives: true };
    const FOLDER: &'static str = S::FOLDER;

    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Self::open(dir.path()).await;
        let world = Self { dir, store: Some(store), setting: PhantomData };
        if S::FOLDER != "INBOX" {
            world.create_folder(S::FOLDER).await;
        }
        world
    }

    fn store(&self) -> &dyn MailStore {
        self.store.as_ref().expect("it is up")
    }

    async fn down(&mut self) {
        self.store = None;
    }

    async fn up(&mut self) {
        self.store = Some(Self::open(self.dir.path()).await);
    }

    async fn deliver(&self, folder: &str, raw: &[u8]) {
        deliver(&self.folder(folder), raw);
    }

    async fn deliver_dated(&self, folder: &str, raw: &[u8]) {
        let folder = self.folder(folder);
        if S::NAMES_TELL {
            deliver_as(&folder, raw, DATED_MS / 1000);
        } else {
            let path = deliver_as(&folder, raw, 5);
            let written = SystemTime::UNIX_EPOCH + Duration::from_millis(DATED_MS);
            fs::File::open(&path).and_then(|file| file.set_modified(written)).expect("dated");
        }
    }

    async fn mark(&self, folder: &str, subject: &str, flags: Flags) {
        let file = self.file(folder, subject);
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let (unique, old) = name.split_once(":2,").unwrap_or((&name, ""));
        let has = |(flag, letter): &(Flags, char)| flags.contains(*flag) || old.contains(*letter);
        let letters: String = LETTERS.iter().filter(|mark| has(mark)).map(|(_, letter)| *letter).collect();
        let target = self.folder(folder).join("cur").join(format!("{unique}:2,{letters}"));
        fs::rename(file, target).expect("marked");
    }

    async fn delete(&self, folder: &str, subject: &str) {
        fs::remove_file(self.file(folder, subject)).expect("deleted");
    }

    async fn create_folder(&self, path: &str) {
        for dir in ["tmp", "new", "cur"] {
            fs::create_dir_all(self.folder(path).join(dir)).expect("made");
        }
    }

    async fn rename_folder(&self, from: &str, to: &str) {
        fs::rename(self.folder(from), self.folder(to)).expect("renamed");
    }

    async fn delete_folder(&self, path: &str) {
        fs::remove_dir_all(self.folder(path)).expect("removed");
    }
}
