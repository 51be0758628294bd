//! A Dovecot's POP3. Other programs are an IMAP client.

use std::path::Path;
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::pop3::{Pop3Config, Pop3Store};
use push_mail::store::{Flags, MailStore};
use tempfile::TempDir;
use testkit::dovecot::{PASSWORD, RawImap};
use testkit::{Dovecot, DovecotConfig};
use tokio::sync::Mutex;

use crate::{Abilities, World};

pub(crate) struct Pop3World {
    dovecot: Dovecot,
    client: Mutex<RawImap>,
    dir: TempDir,
    store: Option<Pop3Store>,
}

impl Pop3World {
    async fn open(dovecot: &Dovecot, dir: &Path) -> Pop3Store {
        let state = loop {
            // What used it before ends in tasks and threads of its own.
            match State::open(dir.join("state")) {
                Ok(state) => break state,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let mut config = Pop3Config::new(format!("pop3://{}", dovecot.pop3_addr()), "alice", PASSWORD);
        config.poll = (Duration::from_millis(50), Duration::from_millis(100));
        Pop3Store::new(config, journal).expect("a store")
    }
}

impl World for Pop3World {
    const ABILITIES: Abilities =
        Abilities { folders: false, flags: false, append: false, delete: true, dates: false, survives: true };

    async fn new() -> Self {
        let dovecot = Dovecot::start(DovecotConfig::new()).await;
        let dir = tempfile::tempdir().expect("a directory");
        let client = Mutex::new(dovecot.client("alice").await);
        let store = Some(Self::open(&dovecot, dir.path()).await);
        Self { dovecot, client, dir, store }
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
        self.client.lock().await.append(folder, &String::from_utf8_lossy(raw)).await;
    }

    async fn deliver_dated(&self, _: &str, _: &[u8]) {
        unreachable!("POP3 does not tell when a message came");
    }

    async fn mark(&self, _: &str, _: &str, _: Flags) {
        unreachable!("POP3 knows no marks");
    }

    async fn delete(&self, folder: &str, subject: &str) {
        let mut client = self.client.lock().await;
        client.ok(&format!("SELECT \"{folder}\"")).await;
        let found = client.ok(&format!("UID SEARCH HEADER Subject \"{subject}\"")).await;
        let uid = found[0].strip_prefix("* SEARCH ").unwrap_or_else(|| panic!("there is no {subject:?}")).to_owned();
        client.ok(&format!("UID STORE {uid} +FLAGS (\\Deleted)")).await;
        client.ok(&format!("UID EXPUNGE {uid}")).await;
        client.ok("UNSELECT").await;
    }

    async fn create_folder(&self, _: &str) {
        unreachable!("POP3 knows no folders");
    }

    async fn rename_folder(&self, _: &str, _: &str) {
        unreachable!("POP3 knows no folders");
    }

    async fn delete_folder(&self, _: &str) {
        unreachable!("POP3 knows no folders");
    }
}
