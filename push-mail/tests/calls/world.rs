//! A server over a mailbox in memory, and a device that asks it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_core::{Authorizer, Grants, Hub, HubConfig, Identity, Open, Pattern, StaticTokens};
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::memory::MemoryStore;
use push_mail::store::{Command, Flags, FolderId, MailStore as _, Uid};
use push_mail::{Mail, MailConfig};
use push_transports::server::{ServeConfig, bind, serve};
use push_transports::{Config, Push};
use serde_json::{Value, json};
use testkit::http::{Request, Response};

/// A running server with accounts in memory.
pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) mail: Mail,
    pub(crate) alice: MemoryStore,
    app: axum::Router,
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// What tests set: short heartbeats, no linger.
pub(crate) fn config() -> MailConfig {
    let mut config = MailConfig::default();
    config.heartbeat_min = Duration::from_secs(1);
    config.linger = Duration::ZERO;
    config
}

/// The calls beside the transports, as they are served.
pub(crate) fn app_of(hub: Hub, mail: &Mail, authorizer: Arc<dyn Authorizer>) -> axum::Router {
    let mut transports = Config::default();
    transports.authorizer = mail.authorizer(authorizer);
    let push = Push::new(hub, transports).expect("no origins");
    axum::Router::new()
        .nest("/push/mail", push_mail::router(mail.clone(), push.clone()))
        .nest_service("/push", push.service())
}

/// Serves it until the sender is dropped.
pub(crate) fn listen(app: axum::Router) -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let addr = listener.local_addr().expect("bound");
    let (stop, stopped) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut config = ServeConfig::default();
        config.lots = 2;
        serve(listener, app, config, async { drop(stopped.await) }).await;
    });
    (addr, stop)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config(), Arc::new(Open), State::in_memory().expect("memory")).await
    }

    /// Users `alice` and `bob` by tokens of their names; each reads the account of that name.
    pub(crate) async fn with_users() -> Self {
        let user = |name: &str| {
            let subscribe = vec![Pattern::parse("**").expect("a pattern")];
            let grants = Grants { subscribe, ..Grants::default() };
            Identity { user: Some(name.into()), grants, expires_ms: None }
        };
        let tokens = StaticTokens::new().with("alice", user("alice")).with("bob", user("bob")).with("eve", user("eve"));
        Self::with(config(), Arc::new(tokens), State::in_memory().expect("memory")).await
    }

    pub(crate) async fn with(config: MailConfig, authorizer: Arc<dyn Authorizer>, state: State) -> Self {
        let hub = Hub::new(HubConfig::default());
        let open = async |name: &str| {
            let journal = Journal::open(&state, name).await.expect("a journal");
            MemoryStore::open(journal).await.expect("a mailbox")
        };
        let (alice, bob) = (open("alice").await, open("bob").await);
        let is_open = authorizer.is_open();
        let mut builder = Mail::builder(hub.clone(), state.clone(), config);
        builder = builder.account("alice", ["alice"], Arc::new(alice.clone()));
        if !is_open {
            builder = builder.account("bob", ["bob"], Arc::new(bob));
        }
        let mail = builder.build().expect("accounts");
        let app = app_of(hub, &mail, authorizer);
        let (addr, stop) = listen(app.clone());
        Self { addr, mail, alice, app, _stop: stop }
    }

    /// What it serves, to be served otherwise too.
    pub(crate) fn app(&self) -> axum::Router {
        self.app.clone()
    }

    pub(crate) async fn call(&self, call: &str, body: &Value) -> Value {
        self.call_as(None, call, body).await
    }

    pub(crate) async fn call_as(&self, token: Option<&str>, call: &str, body: &Value) -> Value {
        let response = self.respond(token, call, body).await;
        assert_eq!(response.status(), 200, "{call} {body}: {}", response.text());
        assert_eq!(response.header("cache-control"), Some("no-store, no-transform"));
        response.json()
    }

    pub(crate) async fn respond(&self, token: Option<&str>, call: &str, body: &Value) -> Response {
        let request = Request::post(&format!("/push/mail/{call}"), body.to_string()).maybe_bearer(token);
        request.send(self.addr).await
    }

    pub(crate) async fn folders(&self) -> Value {
        let response = Request::get("/push/mail/folders").send(self.addr).await;
        assert_eq!(response.status(), 200);
        response.json()
    }

    pub(crate) async fn inbox(&self) -> FolderId {
        self.alice.hierarchy().await.expect("a tree").folders[0].id
    }

    pub(crate) async fn deliver(&self, folder: FolderId, subject: &str) -> Uid {
        let raw = format!("From: Bob <bob@example.org>\r\nSubject: {subject}\r\n\r\nHello Alice,\r\nhow are you?\r\n");
        let append = Command::Append { folder, raw: Bytes::from(raw), flags: Flags::default() };
        self.alice.apply(append).await.expect("appended").uid.expect("a number")
    }

    pub(crate) async fn make_folder(&self, path: &str) -> FolderId {
        let make = Command::CreateFolder { path: path.to_owned() };
        self.alice.apply(make).await.expect("made").folder.expect("a number")
    }

    /// All that is new to the device, and the key behind it.
    pub(crate) async fn sync_all(&self, device: &str, folder: FolderId, mut key: String) -> (String, Vec<Value>) {
        let mut all = Vec::new();
        loop {
            let body = json!({"device": device, "folder": folder.to_string(), "sync_key": key});
            let answer = self.call("sync", &body).await;
            assert_eq!(answer["status"], "ok", "{answer}");
            key = answer["sync_key"].as_str().expect("a key").to_owned();
            all.extend(answer["changes"].as_array().expect("changes").iter().cloned());
            if answer["more"] == false {
                return (key, all);
            }
        }
    }

    /// A ping that waits, on a task of its own.
    pub(crate) fn ping(&self, body: Value) -> tokio::task::JoinHandle<Value> {
        let addr = self.addr;
        tokio::spawn(async move {
            let response = Request::post("/push/mail/ping", body.to_string()).send(addr).await;
            assert_eq!(response.status(), 200, "{}", response.text());
            response.json()
        })
    }

    /// Waits until so many pings wait.
    pub(crate) async fn parked(&self, pings: usize) {
        testkit::api::eventually("pings wait", || async { self.mail.stats().waiting == pings }).await;
    }
}

/// A ping of one folder.
pub(crate) fn ping_of(device: &str, heartbeat_s: u64, folders: &[FolderId]) -> Value {
    let folders: Vec<_> = folders.iter().map(|id| json!({"id": id.to_string(), "class": "Email"})).collect();
    json!({"device": device, "heartbeat_s": heartbeat_s, "folders": folders})
}
