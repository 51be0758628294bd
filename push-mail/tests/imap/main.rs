//! [`ImapStore`], and in `pop3` its elder, against servers that say what a script has them say: what the RFCs show, and
//! what no honest server does.

mod faults;
mod login;
mod pop3;
mod resync;
mod script;
mod watch;

use std::net::SocketAddr;
use std::time::Duration;

use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::imap::{Credentials, ImapConfig, ImapStore};
use push_mail::store::{FolderId, Hint, Hints, MailStore};
use testkit::GUARD;

fn config(addr: SocketAddr) -> ImapConfig {
    let credentials = Credentials::Password("secret".to_owned());
    let mut config = ImapConfig::new(format!("imap://{addr}"), "alice", credentials);
    config.timeout = Duration::from_secs(10);
    config.retry = (Duration::from_millis(10), Duration::from_millis(20));
    config
}

async fn with(config: ImapConfig) -> ImapStore {
    let state = State::in_memory().expect("memory");
    let journal = Journal::open(&state, "alice").await.expect("a journal");
    ImapStore::new(config, journal).expect("a store")
}

async fn folder(store: &ImapStore, path: &str) -> FolderId {
    let hierarchy = store.hierarchy().await.expect("folders");
    let folder = hierarchy.folders.iter().find(|folder| folder.path == path);
    folder.unwrap_or_else(|| panic!("{path} is not in {hierarchy:?}")).id
}

async fn next(hints: &mut Hints) -> Hint {
    tokio::time::timeout(GUARD, hints.next()).await.expect("a hint")
}
