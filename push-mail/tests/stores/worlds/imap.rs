//! A Dovecot. Other programs are another IMAP client.

use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::imap::{Credentials, ImapConfig, ImapStore};
use push_mail::store::{Flags, MailStore};
use tempfile::TempDir;
use testkit::dovecot::{PASSWORD, RawImap};
use testkit::{Dovecot, DovecotConfig};
use tokio::sync::Mutex;

use crate::{Abilities, World};

/// Which folder is tried, and what the server does not tell of itself.
pub(crate) trait Setting {
    const FOLDER: &'static str = "INBOX";
    const HIDDEN: &'static [&'static str] = &[];
}

/// As Dovecot is: NOTIFY and QRESYNC.
pub(crate) struct Notify;

impl Setting for Notify {}

/// IDLE, and change numbers alone.
pub(crate) struct Idle;

impl Setting for Idle {
    const HIDDEN: &'static [&'static str] = &["NOTIFY", "QRESYNC", "LIST-STATUS", "MOVE", "LITERAL+"];
}

/// As little as a server can do, and a folder whose name has to be encoded.
pub(crate) struct Polled;

impl Setting for Polled {
    const FOLDER: &'static str = "Listen/Entwürfe & mehr";
    const HIDDEN: &'static [&'static str] =
        &["NOTIFY", "QRESYNC", "CONDSTORE", "ENABLE", "IDLE", "LIST-STATUS", "SPECIAL-USE", "UNSELECT", "SASL-IR"];
}

pub(crate) struct ImapWorld<S> {
    dovecot: Dovecot,
    client: Mutex<RawImap>,
    dir: TempDir,
    store: Option<ImapStore>,
    setting: PhantomData<S>,
}

fn name(path: &str) -> &str {
    match path {
        "Listen/Entwürfe & mehr" => "Listen/Entw&APw-rfe &- mehr",
        path => path,
    }
}

fn words(flags: Flags) -> String {
    let words = flags.words().map(|word| match word {
        "forwarded" => "$Forwarded".to_owned(),
        word => format!("\\{word}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

impl<S: Setting> ImapWorld<S> {
    async fn open(dovecot: &Dovecot, dir: &Path) -> ImapStore {
        let state = loop {
            // What used it before ends in tasks and threads of its own.
            match State::open(dir.join("state")) {
                Ok(state) => break state,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let credentials = Credentials::Password(PASSWORD.to_owned());
        let mut config = ImapConfig::new(format!("imap://{}", dovecot.imap_addr()), "alice", credentials);
        config.poll = (Duration::from_millis(50), Duration::from_millis(100));
        // Without change numbers flags are looked for this often; and so is the tree.
        config.safety = Duration::from_millis(if S::HIDDEN.is_empty() { 600_000 } else { 300 });
        ImapStore::new(config, journal).expect("a store")
    }

    /// Does something to the messages of that subject.
    async fn with_message(&self, folder: &str, subject: &str, commands: &[String]) {
        let mut client = self.client.lock().await;
        client.ok(&format!("SELECT \"{}\"", name(folder))).await;
        let found = client.ok(&format!("UID SEARCH HEADER Subject \"{subject}\"")).await;
        let uid = found[0].strip_prefix("* SEARCH ").unwrap_or_else(|| panic!("there is no {subject:?}")).to_owned();
        for command in commands {
            client.ok(&command.replace('?', &uid)).await;
        }
        client.ok("UNSELECT").await;
    }
}

impl<S: Setting> World for ImapWorld<S> {
    const ABILITIES: Abilities =
        Abilities { folders: true, flags: true, append: true, delete: true, dates: true, survives: true };

    const FOLDER: &'static str = S::FOLDER;

    async fn new() -> Self {
        let dovecot = Dovecot::start(DovecotConfig::new().hide(S::HIDDEN)).await;
        let dir = tempfile::tempdir().expect("a directory");
        let mut client = dovecot.client("alice").await;
        if S::FOLDER != "INBOX" {
            client.ok(&format!("CREATE \"{}\"", name(S::FOLDER))).await;
        }
        let store = Some(Self::open(&dovecot, dir.path()).await);
        Self { dovecot, client: Mutex::new(client), dir, store, setting: PhantomData }
    }

    fn store(&self) -> &dyn MailStore {
        self.store.as_ref().expect("it is up")
    }

    async fn down(&mut self) {
        self.store = None;
    }

    async fn up(&mut self) {
        self.store = Some(Self::open(&self.dovecot, self.dir.path()).await);
    }

    async fn deliver(&self, folder: &str, raw: &[u8]) {
        self.client.lock().await.append(name(folder), &String::from_utf8_lossy(raw)).await;
    }

    async fn deliver_dated(&self, folder: &str, raw: &[u8]) {
        let (name, raw) = (name(folder), String::from_utf8_lossy(raw));
        let date = "02-Jan-2020 05:04:05 +0200";
        let command = format!("APPEND \"{name}\" \"{date}\" {{{}+}}\r\n{raw}", raw.len());
        self.client.lock().await.ok(&command).await;
    }

    async fn mark(&self, folder: &str, subject: &str, flags: Flags) {
        self.with_message(folder, subject, &[format!("UID STORE ? +FLAGS ({})", words(flags))]).await;
    }

    async fn delete(&self, folder: &str, subject: &str) {
        let commands = ["UID STORE ? +FLAGS (\\Deleted)".to_owned(), "UID EXPUNGE ?".to_owned()];
        self.with_message(folder, subject, &commands).await;
    }

    async fn create_folder(&self, path: &str) {
        self.client.lock().await.ok(&format!("CREATE \"{}\"", name(path))).await;
    }

    async fn rename_folder(&self, from: &str, to: &str) {
        self.client.lock().await.ok(&format!("RENAME \"{}\" \"{}\"", name(from), name(to))).await;
    }

    async fn delete_folder(&self, path: &str) {
        self.client.lock().await.ok(&format!("DELETE \"{}\"", name(path))).await;
    }
}
