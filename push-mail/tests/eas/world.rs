//! A server over mailboxes of every kind that other programs change too, and phones that ask it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use push_core::{Grants, Hub, HubConfig, Identity, Pattern, StaticTokens};
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::store::memory::MemoryStore;
use push_mail::store::{Command, Flags, FolderId, FolderKind, MailStore, Token, Uid};
use push_mail::submit::{SmtpConfig, SmtpSubmitter, Submitter};
use push_mail::{Mail, MailConfig};
use push_transports::server::{ServeConfig, bind, serve};
use push_transports::{Config, Push};
use tempfile::TempDir;
use testkit::smtp::{SmtpOptions, SmtpServer};

use crate::client::Phone;

/// Which mailbox, and which way of serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In memory; parked connections in lots.
    Memory,
    /// A Maildir; every connection a task.
    Maildir,
}

/// A time far outside every filter, in seconds.
const OLD_S: u64 = 1_577_872_800;

/// Alice's password, and what she is known by.
pub(crate) const PASSWORD: &str = "alice's secret";

/// A running server with a mailbox of alice's.
pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) mail: Mail,
    /// The mailbox, as other programs change it.
    pub(crate) store: Arc<dyn MailStore>,
    /// Takes what phones send, where they can.
    pub(crate) smtp: Option<SmtpServer>,
    memory: Option<MemoryStore>,
    dir: TempDir,
    phones: AtomicUsize,
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// What tests set: short heartbeats, no linger.
pub(crate) fn config() -> MailConfig {
    let mut config = MailConfig::default();
    config.heartbeat_min = Duration::from_secs(1);
    config.linger = Duration::ZERO;
    config
}

fn users() -> StaticTokens {
    let subscribe = vec![Pattern::parse("**").expect("a pattern")];
    let identity = |user: &str| {
        let grants = Grants { subscribe: subscribe.clone(), ..Grants::default() };
        Identity { user: Some(user.into()), grants, expires_ms: None }
    };
    StaticTokens::new().with(PASSWORD, identity("alice")).with("eve's secret", identity("eve"))
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::with(kind, config()).await
    }

    /// One whose phones can send.
    pub(crate) async fn sending(kind: Kind) -> Self {
        Self::build(kind, config(), Some(SmtpServer::start(SmtpOptions::new()).await)).await
    }

    pub(crate) async fn with(kind: Kind, config: MailConfig) -> Self {
        Self::build(kind, config, None).await
    }

    async fn build(kind: Kind, config: MailConfig, smtp: Option<SmtpServer>) -> Self {
        let dir = TempDir::new().expect("a directory");
        let state = State::in_memory().expect("memory");
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let mut memory = None;
        let store: Arc<dyn MailStore> = match kind {
            Kind::Memory => Arc::new(memory.insert(MemoryStore::open(journal).await.expect("a mailbox")).clone()),
            Kind::Maildir => {
                for sub in ["tmp", "new", "cur"] {
                    std::fs::create_dir(dir.path().join(sub)).expect("made");
                }
                let opened = MaildirStore::open(dir.path(), journal, MaildirConfig::default()).await;
                Arc::new(opened.expect("a Maildir"))
            }
        };
        let hub = Hub::new(HubConfig::default());
        let mut builder = Mail::builder(hub.clone(), state, config).account("alice", ["alice"], Arc::clone(&store));
        if let Some(smtp) = &smtp {
            let submitter = SmtpSubmitter::new(SmtpConfig::new(format!("smtp://{}", smtp.addr())));
            let submitter: Arc<dyn Submitter> = Arc::new(submitter.expect("it can be used"));
            builder = builder.submission("alice", ["alice@example.org"], Some(submitter));
        }
        let mail = builder.build().expect("an account");
        let mut transports = Config::default();
        transports.authorizer = mail.authorizer(Arc::new(users()));
        let push = Push::new(hub, transports).expect("no origins");
        let app = push_mail::eas_router(mail.clone(), push);
        let (addr, stop) = listen(app, if kind == Kind::Memory { 2 } else { 0 });
        Self { addr, mail, store, smtp, memory, dir, phones: AtomicUsize::default(), _stop: stop }
    }

    /// A phone of alice's that has done nothing yet.
    pub(crate) fn fresh_phone(&self) -> Phone {
        let number = self.phones.fetch_add(1, Ordering::Relaxed);
        Phone::new(self.addr, "alice", PASSWORD, &format!("DEV{number:04}"))
    }

    /// A phone that has the account and its folders, but no items.
    pub(crate) async fn phone(&self) -> Phone {
        let mut phone = self.fresh_phone();
        phone.set_up().await;
        phone
    }

    /// A phone that has all of the inbox; with its id.
    pub(crate) async fn synced_phone(&self) -> (Phone, String) {
        let mut phone = self.phone().await;
        let inbox = phone.inbox();
        phone.sync_all(&inbox).await;
        (phone, inbox)
    }

    pub(crate) async fn inbox(&self) -> FolderId {
        self.folder_of(FolderKind::Inbox).await
    }

    async fn folder_of(&self, kind: FolderKind) -> FolderId {
        let tree = self.store.hierarchy().await.expect("a tree");
        tree.folders.iter().find(|folder| folder.kind == kind).expect("a folder of that kind").id
    }

    pub(crate) async fn apply(&self, command: Command) -> push_mail::store::Applied {
        self.store.apply(command).await.expect("applied")
    }

    /// Puts a message there.
    pub(crate) async fn put(&self, folder: FolderId, raw: Vec<u8>) -> Uid {
        let append = Command::Append { folder, raw: Bytes::from(raw), flags: Flags::default() };
        if let Some(uid) = self.apply(append).await.uid {
            return uid;
        }
        panic!("{:?} does not tell the number of a message", self.store)
    }

    /// Puts an ordinary message with that subject there.
    pub(crate) async fn deliver(&self, folder: FolderId, subject: &str) -> Uid {
        self.put(folder, testkit::mail::plain(subject, &format!("This is {subject}."))).await
    }

    /// A message that came into the inbox in January 2020.
    pub(crate) async fn deliver_old(&self, folder: FolderId, subject: &str) -> Uid {
        let raw = testkit::mail::plain(subject, "This is old.");
        if let Some(memory) = &self.memory {
            let appended = memory.append_received(folder, raw.into(), Flags::default(), OLD_S * 1000).await;
            return appended.expect("appended").uid.expect("a number");
        }
        let number = self.phones.fetch_add(1, Ordering::Relaxed);
        let name = format!("{OLD_S}.M{number}P1.host");
        std::fs::write(self.dir.path().join("tmp").join(&name), raw).expect("written");
        std::fs::rename(self.dir.path().join("tmp").join(&name), self.dir.path().join("new").join(&name))
            .expect("delivered");
        let page = self.store.changes(folder, Token::START, 1000).await.expect("changes");
        page.changes.iter().map(|change| change.uid).max().expect("a message")
    }

    /// Messages into the inbox: their subjects, in the order of the alphabet.
    pub(crate) async fn deliver_many(&self, count: usize) -> Vec<String> {
        let inbox = self.inbox().await;
        let subjects: Vec<String> = (0..count).map(|number| format!("mail {number:04}")).collect();
        for subject in &subjects {
            self.deliver(inbox, subject).await;
        }
        subjects
    }

    pub(crate) async fn mark(&self, folder: FolderId, uid: Uid, add: Flags, remove: Flags) {
        self.apply(Command::Mark { folder, uid, add, remove }).await;
    }

    pub(crate) async fn remove(&self, folder: FolderId, uid: Uid) {
        self.apply(Command::Delete { folder, uid }).await;
    }

    pub(crate) async fn make_folder(&self, path: &str) -> FolderId {
        let make = Command::CreateFolder { path: path.to_owned() };
        self.apply(make).await.folder.expect("a number")
    }

    /// Waits until so many pings wait.
    pub(crate) async fn parked(&self, pings: usize) {
        testkit::api::eventually("pings wait", || async { self.mail.stats().waiting == pings }).await;
    }
}

/// Serves it until the sender is dropped.
fn listen(app: axum::Router, lots: usize) -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let addr = listener.local_addr().expect("bound");
    let (stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut config = ServeConfig::default();
        config.lots = lots;
        serve(listener, app, config, async { drop(stopped.await) }).await;
    });
    (addr, stop)
}
