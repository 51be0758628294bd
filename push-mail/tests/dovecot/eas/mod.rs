//! A phone in front of a real Dovecot: it adds an account, and is pushed what happens there.

#[path = "../../eas/client/mod.rs"]
#[allow(dead_code, reason = "of the phone that the scenarios use, a part is enough here")]
mod client;
mod day;
mod pushes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use push_core::{Grants, Hub, HubConfig, Identity, Pattern, StaticTokens};
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::imap::{Credentials, ImapConfig, ImapStore};
use push_mail::submit::{SmtpConfig, SmtpSubmitter, Submitter};
use push_mail::wbxml::tags::email as e;
use push_mail::{Mail, MailConfig};
use push_transports::server::{ServeConfig, Tls, bind, serve};
use push_transports::{Config, Push};
use testkit::dovecot::{PASSWORD, RawImap};
use testkit::smtp::{SmtpOptions, SmtpServer};
use testkit::tls::{Authority, Relay};
use testkit::{Dovecot, DovecotConfig};
use tokio::sync::oneshot;

use client::Phone;

const SECRET: &str = "alice's secret";

/// Alice's mailbox at a Dovecot, and a server between it and her phones; all that they say to each other is enciphered.
struct World {
    dovecot: Dovecot,
    smtp: SmtpServer,
    store: ImapStore,
    mail: Mail,
    /// What the phone sends goes to the server over TLS.
    enciphered: Relay,
    _files: tempfile::TempDir,
    _stop: oneshot::Sender<()>,
}

impl World {
    async fn new() -> Self {
        let dovecot = Dovecot::start(DovecotConfig::new()).await;
        let smtp = SmtpServer::start(SmtpOptions::new().tls()).await;
        let state = State::in_memory().expect("memory");
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let password = || Credentials::Password(PASSWORD.to_owned());
        let mut imap =
            ImapConfig::new(format!("imaps://localhost:{}", dovecot.imaps_addr().port()), "alice", password());
        imap.ca = Some(dovecot.ca());
        let store = ImapStore::new(imap, journal).expect("a store");
        let mut submission = SmtpConfig::new(format!("smtps://localhost:{}", smtp.addr().port()));
        submission.ca = Some(smtp.ca());
        let submitter: Arc<dyn Submitter> = Arc::new(SmtpSubmitter::new(submission).expect("it can be used"));
        let hub = Hub::new(HubConfig::default());
        let mut config = MailConfig::default();
        config.heartbeat_min = Duration::from_secs(1);
        config.linger = Duration::ZERO;
        let mail = Mail::builder(hub.clone(), state, config)
            .account("alice", ["alice"], Arc::new(store.clone()))
            .submission("alice", ["alice@example.org"], Some(submitter))
            .build()
            .expect("an account");
        let mut transports = Config::default();
        let subscribe = vec![Pattern::parse("**").expect("a pattern")];
        let grants = Grants { subscribe, ..Grants::default() };
        let alice = Identity { user: Some("alice".into()), grants, expires_ms: None };
        transports.authorizer = mail.authorizer(Arc::new(StaticTokens::new().with(SECRET, alice)));
        let push = Push::new(hub, transports).expect("no origins");
        let app = push_mail::eas_router(mail.clone(), push);
        let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let addr = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let (files, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
        let (certificate, key) = (files.path().join("certificate.pem"), files.path().join("key.pem"));
        authority.issue("127.0.0.1").write(&certificate, &key);
        let mut config = ServeConfig::default();
        config.tls = Some(Tls::from_files(certificate, key).expect("a pair"));
        tokio::spawn(serve(listener, app, config, async { drop(stopped.await) }));
        let enciphered = Relay::start(addr, authority.client(rustls::ALL_VERSIONS)).await;
        Self { dovecot, smtp, store, mail, enciphered, _files: files, _stop: stop }
    }

    fn phone(&self, device: &str) -> Phone {
        Phone::new(self.enciphered.addr, "alice", SECRET, device)
    }
}

/// What IMAP shows of a folder: subjects, with whether each is read and flagged.
async fn shown(client: &mut RawImap, folder: &str) -> Vec<(String, bool, bool)> {
    let selected = client.ok(&format!("EXAMINE \"{folder}\"")).await;
    if selected.iter().any(|line| line == "* 0 EXISTS") {
        return Vec::new();
    }
    let lines = client.ok("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await;
    let mut all: Vec<(String, bool, bool)> = Vec::new();
    for line in lines {
        if line.starts_with("* ") && line.contains(" FETCH ") {
            all.push((String::new(), line.contains("\\Seen"), line.contains("\\Flagged")));
        } else if let Some(subject) = line.strip_prefix("Subject: ") {
            all.last_mut().expect("an item").0 = subject.to_owned();
        }
    }
    all.sort();
    all
}

/// The same of what a phone holds.
fn held(phone: &Phone, folder: &str) -> Vec<(String, bool, bool)> {
    let held = &phone.held[folder];
    let row = |id: &String| (held.field(id, e::SUBJECT), held.is_read(id), held.is_flagged(id));
    let mut all: Vec<_> = held.items.keys().map(row).collect();
    all.sort();
    all
}

/// Folders of a phone by their names.
fn folders(phone: &Phone) -> BTreeMap<String, String> {
    phone.tree.iter().map(|(id, row)| (row.name.clone(), id.clone())).collect()
}
