//! A mailbox in memory and calls of a device to it, for tests of commands.

use std::sync::Arc;

use bytes::Bytes;
use push_core::{Hub, HubConfig, Identity};
use push_transports::{Config, Push};

use super::{Answer, Call, Command, ItemId, Params, Status, Version, dispatch};
use crate::direct::devices::DeviceId;
use crate::http::Site;
use crate::journal::Journal;
use crate::state::State;
use crate::store::memory::MemoryStore;
use crate::store::{Command as Change, Flags, FolderId, MailStore};
use crate::wbxml::Element;
use crate::{Mail, MailConfig};

pub(super) struct World {
    pub(super) site: Site,
    pub(super) store: MemoryStore,
    pub(super) inbox: FolderId,
    pub(super) version: Version,
    pub(super) accepts_multipart: bool,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(MailConfig::default()).await
    }

    pub(super) async fn with(config: MailConfig) -> Self {
        let state = State::in_memory().expect("memory");
        let store = MemoryStore::open(Journal::open(&state, "alice").await.expect("a journal")).await.expect("opened");
        let inbox = store.hierarchy().await.expect("a tree").folders[0].id;
        let hub = Hub::new(HubConfig::default());
        let mail = Mail::builder(hub.clone(), state, config).account("alice", ["alice"], Arc::new(store.clone()));
        let mail = mail.build().expect("an account");
        let push = Push::new(hub, Config::default()).expect("no origins");
        Self { site: Site { mail, push }, store, inbox, version: Version::V16_1, accepts_multipart: false }
    }

    pub(super) async fn folder(&self, path: &str) -> FolderId {
        let made = self.store.apply(Change::CreateFolder { path: path.into() }).await.expect("made");
        made.folder.expect("a number")
    }

    pub(super) async fn put(&self, folder: FolderId, raw: impl Into<Bytes>) -> ItemId {
        let append = Change::Append { folder, raw: raw.into(), flags: Flags::default() };
        let uid = self.store.apply(append).await.expect("put there").uid.expect("a number");
        ItemId { folder, uid }
    }

    /// How many items are in a folder.
    pub(super) async fn count(&self, folder: FolderId) -> usize {
        let page = self.store.changes(folder, crate::store::Token::START, usize::MAX).await.expect("a page");
        page.changes.len()
    }

    pub(super) async fn call(&self, command: Command, document: Element) -> Result<Answer, Status> {
        let account = Arc::clone(self.site.mail.accounts.by_name("alice").expect("it is there"));
        let call = Call {
            version: self.version,
            command,
            identity: Identity::default(),
            id: Arc::new(DeviceId { account: "alice".into(), user: None, device: "eas:d".into() }),
            account,
            device_type: "Test".into(),
            policy_key: None,
            accepts_multipart: self.accepts_multipart,
            params: Params::default(),
            document: Some(document),
            request: http::Request::new(Bytes::new()),
        };
        dispatch::dispatch(&self.site, call).await
    }

    /// The document that answers.
    pub(super) async fn answer(&self, command: Command, document: Element) -> Element {
        match self.call(command, document).await {
            Ok(Answer::Document(root) | Answer::Multipart(root, _)) => root,
            other => panic!("{other:?}"),
        }
    }
}
