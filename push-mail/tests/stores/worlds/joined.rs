//! A Maildir with collections beside it, as one account. Other programs rename files of the Maildir.

use std::sync::Arc;
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::joined::JoinedStore;
use push_mail::store::vdir::{VdirConfig, VdirStore};
use push_mail::store::{Flags, MailStore};
use tempfile::TempDir;

use super::maildir::{Inbox, MaildirWorld};
use crate::{Abilities, World};

pub(crate) struct JoinedWorld {
    mail: MaildirWorld<Inbox>,
    dir: TempDir,
    store: Option<JoinedStore>,
}

impl JoinedWorld {
    async fn open(mail: &MaildirWorld<Inbox>, dir: &TempDir) -> JoinedStore {
        let state = loop {
            // What used it before ends in tasks and threads of its own.
            match State::open(dir.path().join("state")) {
                Ok(state) => break state,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let mut config = VdirConfig::default();
        config.create = true;
        let items = VdirStore::open(dir.path().join("vdir"), journal, config).await.expect("a store");
        JoinedStore::new(Arc::new(mail.maildir()), Arc::new(items))
    }
}

impl World for JoinedWorld {
    const ABILITIES: Abilities = MaildirWorld::<Inbox>::ABILITIES;

    async fn new() -> Self {
        let mail = MaildirWorld::new().await;
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("vdir/calendar")).expect("made");
        let store = Self::open(&mail, &dir).await;
        Self { mail, dir, store: Some(store) }
    }

    fn store(&self) -> &dyn MailStore {
        self.store.as_ref().expect("it is up")
    }

    async fn down(&mut self) {
        self.store = None;
        self.mail.down().await;
    }

    async fn up(&mut self) {
        self.mail.up().await;
        self.store = Some(Self::open(&self.mail, &self.dir).await);
    }

    async fn deliver(&self, folder: &str, raw: &[u8]) {
        self.mail.deliver(folder, raw).await;
    }

    async fn deliver_dated(&self, folder: &str, raw: &[u8]) {
        self.mail.deliver_dated(folder, raw).await;
    }

    async fn mark(&self, folder: &str, subject: &str, flags: Flags) {
        self.mail.mark(folder, subject, flags).await;
    }

    async fn delete(&self, folder: &str, subject: &str) {
        self.mail.delete(folder, subject).await;
    }

    async fn create_folder(&self, path: &str) {
        self.mail.create_folder(path).await;
    }

    async fn rename_folder(&self, from: &str, to: &str) {
        self.mail.rename_folder(from, to).await;
    }

    async fn delete_folder(&self, path: &str) {
        self.mail.delete_folder(path).await;
    }
}
