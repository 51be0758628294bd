//! A server with mailboxes in memory, and a phone that speaks bytes.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use push_core::{Authorizer, Grants, Hub, HubConfig, Identity, Open, StaticTokens};
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::memory::MemoryStore;
use push_mail::wbxml::tags::{provision, settings};
use push_mail::wbxml::{Element, Limits, Tag, decode, encode};
use push_mail::{EasConfig, Mail, MailConfig, Password};
use push_transports::server::{ServeConfig, bind, serve};
use push_transports::{Config, Push};
use testkit::http::{Request, Response};

pub(crate) const PATH: &str = "/Microsoft-Server-ActiveSync";
pub(crate) const WBXML: &str = "application/vnd.ms-sync.wbxml";
pub(crate) const POLICY_TYPE: &str = "MS-EAS-Provisioning-WBXML";

/// Of `correct horse`, by another implementation.
const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$rAjuexKlLdAHLvqk7TeeiWZjW4OPoRGwldJXdHbTuKI";

pub(crate) struct World {
    pub(crate) addr: SocketAddr,
    pub(crate) mail: Mail,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl World {
    /// Users `alice` and `bob`, by secrets of their names with `-secret`; each reads the account of that name, and Alice
    /// `alice@example.org` too. `eve` reads none.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(set: impl FnOnce(&mut EasConfig)) -> Self {
        Self::over(set, State::in_memory().expect("memory"), tokens()).await
    }

    /// `alice` and `bob` by passwords, `eve` by a token, over that authorizer or the tokens of the others.
    pub(crate) async fn with_passwords(
        set: impl FnOnce(&mut EasConfig),
        authorizer: Option<Arc<dyn Authorizer>>,
    ) -> Self {
        let hashed = Password::argon2(HASH).expect("a hash");
        let users = [("alice", Password::plain("pässword")), ("bob", hashed)];
        let authorizer = authorizer.unwrap_or_else(tokens);
        Self::build(set, State::in_memory().expect("memory"), authorizer, &users).await
    }

    /// Anyone may do anything.
    pub(crate) async fn open() -> Self {
        Self::over(|_| {}, State::in_memory().expect("memory"), Arc::new(Open)).await
    }

    pub(crate) async fn over(set: impl FnOnce(&mut EasConfig), state: State, authorizer: Arc<dyn Authorizer>) -> Self {
        Self::build(set, state, authorizer, &[]).await
    }

    async fn build(
        set: impl FnOnce(&mut EasConfig),
        state: State,
        authorizer: Arc<dyn Authorizer>,
        users: &[(&str, Password)],
    ) -> Self {
        let hub = Hub::new(HubConfig::default());
        let mut config = MailConfig::default();
        set(&mut config.eas);
        let mut builder = Mail::builder(hub.clone(), state.clone(), config);
        for (name, reader) in [("alice", "alice"), ("bob", "bob"), ("alice@example.org", "alice")] {
            let journal = Journal::open(&state, name).await.expect("a journal");
            let store = MemoryStore::open(journal).await.expect("a mailbox");
            builder = builder.account(name, [reader], Arc::new(store));
        }
        for (name, password) in users {
            builder = builder.user(*name, password.clone());
        }
        let mail = builder.build().expect("accounts");
        let mut transports = Config::default();
        transports.authorizer = mail.authorizer(authorizer);
        let push = Push::new(hub, transports).expect("no origins");
        let app = axum::Router::new()
            .nest("/push/mail", push_mail::router(mail.clone(), push.clone()))
            .nest_service("/push", push.service())
            .fallback_service(push_mail::eas_router(mail.clone(), push));
        let (addr, stop) = listen(app);
        Self { addr, mail, _stop: stop }
    }

    pub(crate) async fn send(&self, request: Request) -> Response {
        request.send(self.addr).await
    }

    /// Alice's phone.
    pub(crate) fn phone(&self) -> Phone<'_> {
        self.phone_of("alice", "phone1")
    }

    pub(crate) fn phone_of<'a>(&'a self, user: &str, device: &str) -> Phone<'a> {
        let authorization = basic(user.as_bytes(), format!("{user}-secret").as_bytes());
        let version = "16.1".to_owned();
        Phone { world: self, authorization, device: device.to_owned(), version, key: None }
    }
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

fn tokens() -> Arc<dyn Authorizer> {
    let user = |name: &str| Identity { user: Some(name.into()), grants: Grants::default(), expires_ms: None };
    let mut tokens = StaticTokens::new();
    for name in ["alice", "bob", "eve"] {
        tokens = tokens.with(format!("{name}-secret"), user(name));
    }
    Arc::new(tokens)
}

/// The header's value of HTTP Basic.
pub(crate) fn basic(user: &[u8], secret: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode([user, b":", secret].concat()))
}

/// A device with its login.
#[derive(Clone)]
pub(crate) struct Phone<'a> {
    world: &'a World,
    pub(crate) authorization: String,
    pub(crate) device: String,
    pub(crate) version: String,
    pub(crate) key: Option<u32>,
}

impl Phone<'_> {
    pub(crate) fn target(&self, command: &str) -> String {
        format!("{PATH}?Cmd={command}&User=alice&DeviceId={}&DeviceType=SmartPhone", self.device)
    }

    /// A command as it is sent, with whatever body.
    pub(crate) fn request(&self, command: &str, body: impl Into<Vec<u8>>) -> Request {
        let request = Request::post(&self.target(command), body)
            .header("Authorization", &self.authorization)
            .header("MS-ASProtocolVersion", &self.version)
            .header("User-Agent", "TestPhone/1.0")
            .header("Content-Type", WBXML);
        match self.key {
            Some(key) => request.header("X-MS-PolicyKey", key.to_string()),
            None => request,
        }
    }

    pub(crate) async fn send(&self, command: &str, body: impl Into<Vec<u8>>) -> Response {
        self.world.send(self.request(command, body)).await
    }

    /// The document that answers a document.
    pub(crate) async fn ask(&self, command: &str, document: &Element) -> Element {
        let response = self.send(command, encode(document).to_vec()).await;
        read(&response)
    }

    /// Takes the policy.
    pub(crate) async fn provision(&mut self) {
        let offered = self.ask("Provision", &policy_request(None)).await;
        self.key = Some(key_of(&offered));
        let given = self.ask("Provision", &policy_request(Some((key_of(&offered), 1)))).await;
        self.key = Some(key_of(&given));
    }
}

/// The document of an answer, after checking that it is one as phones take it.
pub(crate) fn read(response: &Response) -> Element {
    assert_eq!((response.status(), response.header("content-type")), (200, Some(WBXML)), "{}", response.text());
    assert_eq!(response.header("content-length"), Some(&*response.body.len().to_string()));
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!(response.header("cache-control"), Some("private"));
    assert!(response.header("ms-server-activesync").is_some());
    decode(&Bytes::copy_from_slice(&response.body), &Limits::default()).expect("a document")
}

/// The number in an element of an element.
pub(crate) fn number(element: &Element, tag: Tag) -> u32 {
    element.child_text(tag).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {tag:?} in {element:?}"))
}

/// A step of Provision: the first, or the acknowledgement of a key with a status.
pub(crate) fn policy_request(acknowledged: Option<(u32, u32)>) -> Element {
    let mut policy = Element::new(provision::POLICY).with_text(provision::POLICY_TYPE, POLICY_TYPE);
    if let Some((key, status)) = acknowledged {
        policy = policy.with_text(provision::POLICY_KEY, key).with_text(provision::STATUS, status);
    }
    Element::new(provision::PROVISION).with(Element::new(provision::POLICIES).with(policy))
}

/// The policy in an answer.
pub(crate) fn policy_of(answer: &Element) -> &Element {
    let policies = answer.child(provision::POLICIES).unwrap_or_else(|| panic!("no policies: {answer:?}"));
    policies.child(provision::POLICY).expect("a policy")
}

pub(crate) fn key_of(answer: &Element) -> u32 {
    number(policy_of(answer), provision::POLICY_KEY)
}

/// What a device says of itself.
pub(crate) fn information(model: &str) -> Element {
    let set = Element::new(settings::SET).with_text(settings::MODEL, model).with_text(settings::OS, "Test 1.0");
    Element::new(settings::DEVICE_INFORMATION).with(set)
}
