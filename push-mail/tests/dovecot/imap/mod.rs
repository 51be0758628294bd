//! [`ImapStore`] against a real Dovecot.

mod applying;
mod basics;
mod faults;
mod idle;
mod login;
mod tree;

use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::imap::{Credentials, ImapConfig, ImapStore};
use push_mail::store::{Change, FolderId, Hint, Hints, MailStore, Token};
use testkit::dovecot::PASSWORD;
use testkit::{Dovecot, GUARD};

/// What Dovecot does not tell of itself in each case, in the order of what the store can do with it.
const CASES: [&[&str]; 4] = [
    &[],
    &["NOTIFY"],
    &["NOTIFY", "QRESYNC", "LIST-STATUS", "SPECIAL-USE", "LITERAL+", "MOVE", "UNSELECT"],
    &["NOTIFY", "QRESYNC", "CONDSTORE", "ENABLE", "IDLE", "LIST-STATUS", "UIDPLUS", "SASL-IR", "MOVE", "LITERAL+"],
];

fn config(dovecot: &Dovecot) -> ImapConfig {
    let credentials = Credentials::Password(PASSWORD.to_owned());
    let mut config = ImapConfig::new(format!("imap://{}", dovecot.imap_addr()), "alice", credentials);
    config.poll = (Duration::from_millis(100), Duration::from_millis(200));
    config.retry = (Duration::from_millis(50), Duration::from_millis(200));
    config
}

async fn journal() -> Journal {
    let state = State::in_memory().expect("memory");
    Journal::open(&state, "alice").await.expect("a journal")
}

async fn with(config: ImapConfig) -> ImapStore {
    ImapStore::new(config, journal().await).expect("a store")
}

async fn store(dovecot: &Dovecot) -> ImapStore {
    with(config(dovecot)).await
}

async fn folder(store: &ImapStore, path: &str) -> FolderId {
    let hierarchy = store.hierarchy().await.expect("folders");
    let folder = hierarchy.folders.iter().find(|folder| folder.path == path);
    folder.unwrap_or_else(|| panic!("{path} is not in {hierarchy:?}")).id
}

/// All that changed, and the point behind it.
async fn changes(store: &ImapStore, folder: FolderId, since: Token) -> (Vec<Change>, Token) {
    let page = store.changes(folder, since, 1000).await.expect("changes");
    assert!(!page.more);
    (page.changes, page.token)
}

async fn next(hints: &mut Hints) -> Hint {
    tokio::time::timeout(GUARD, hints.next()).await.expect("a hint")
}

/// Reads hints until there is this one.
async fn until(hints: &mut Hints, wanted: Hint) {
    while next(hints).await != wanted {}
}

fn message(subject: &str) -> String {
    format!("From: Bob <bob@example.org>\r\nSubject: {subject}\r\n\r\nbody of {subject}\r\n")
}
