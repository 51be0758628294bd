//! All accounts, and what is asked of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use push_core::{Authorizer, Hub};
use sha1::{Digest as _, Sha1};

use crate::account::{Account, Phase};
use crate::config::MailConfig;
use crate::direct::Direct;
use crate::direct::devices::DeviceId;
use crate::eas::{DeviceSummary, Eas};
use crate::logins::{Logins, Password, Server};
use crate::name::account_segment;
use crate::readers::Readers;
use crate::state::{State, StateError};
use crate::stats::MailStats;
use crate::store::imap::ImapConfig;
use crate::store::{FolderId, Hierarchy, Hint, MailStore, StoreError};
use crate::submit::{Submission, Submitter};

/// The accounts, by the segment of their channels, which is the name of most of them.
#[derive(Debug, Default)]
pub(crate) struct Accounts(BTreeMap<String, Arc<Account>>);

impl Accounts {
    pub(crate) fn by_segment(&self, segment: &str) -> Option<&Arc<Account>> {
        self.0.get(segment)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<Account>> {
        self.by_segment(&account_segment(name)).filter(|account| &*account.name == name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.0.values()
    }
}

/// Mail accounts whose folders are channels of a hub, and Direct Push over them. Cheap to clone: all clones are the same.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use push_core::{Hub, HubConfig};
/// use push_mail::journal::Journal;
/// use push_mail::state::State;
/// use push_mail::store::memory::MemoryStore;
/// use push_mail::{Mail, MailConfig};
///
/// let (hub, state) = (Hub::new(HubConfig::default()), State::in_memory()?);
/// let inbox = MemoryStore::open(Journal::open(&state, "alice").await?).await?;
/// let mail = Mail::builder(hub.clone(), state, MailConfig::default())
///     .account("alice", ["alice"], Arc::new(inbox))
///     .build()?;
/// assert_eq!(mail.accounts().collect::<Vec<_>>(), ["alice"]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Mail {
    pub(crate) hub: Hub,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) direct: Arc<Direct>,
    pub(crate) eas: Arc<Eas>,
    pub(crate) hook_token: Option<HookToken>,
    pub(crate) logins: Arc<Logins>,
}

/// What a mail server shows that posts to `hook/dovecot`: its digest, so that it is nowhere to be seen, and the time of a
/// comparison tells nothing of it.
#[derive(Clone)]
pub(crate) struct HookToken([u8; 20]);

impl std::fmt::Debug for HookToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookToken")
    }
}

impl HookToken {
    fn new(token: &str) -> Self {
        Self(Sha1::digest(token.as_bytes()).into())
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, shown: &str) -> bool {
        self.0 == Self::new(shown).0
    }
}

/// Why mail cannot be served as it is set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// Two accounts have one name, or names whose channels are the same.
    #[error("there are two accounts {0:?}")]
    TwiceNamed(String),
    /// An account without a name.
    #[error("an account has no name")]
    Nameless,
    /// Addresses or a way to send for an account that there is not.
    #[error("there is no account {0:?} that could send")]
    NoAccount(String),
    /// A way to send without an address to send from.
    #[error("the account {0:?} has a way to send, and no address")]
    NoAddress(String),
    /// The shortest heartbeat is longer than the longest, shorter than a second, or the longest longer than 59 min.
    #[error("heartbeats are from 1 to 3540 s, the shortest not above the longest")]
    Heartbeats,
}

/// Builds [`Mail`].
#[derive(Debug)]
pub struct MailBuilder {
    hub: Hub,
    state: State,
    config: MailConfig,
    accounts: Vec<New>,
    submissions: BTreeMap<String, Submission>,
    hook_token: Option<HookToken>,
    users: HashMap<String, Password>,
    servers: Vec<Server>,
}

/// An account to be: its name, its readers, its mailbox.
type New = (String, Vec<Arc<str>>, Arc<dyn MailStore>);

impl MailBuilder {
    /// Adds an account. `readers` are the users who may read it; where anyone may do anything, anyone may.
    #[must_use]
    pub fn account<R: AsRef<str>>(
        mut self,
        name: impl Into<String>,
        readers: impl IntoIterator<Item = R>,
        store: Arc<dyn MailStore>,
    ) -> Self {
        let readers = readers.into_iter().map(|reader| reader.as_ref().into()).collect();
        self.accounts.push((name.into(), readers, store));
        self
    }

    /// Says who an account is when it sends, and how: `addresses` are its own, the one that it prefers first; its name, if
    /// there are none and that is one. Without a `submitter` it cannot send; that of an earlier call for the same account counts no longer.
    #[must_use]
    pub fn submission<A: Into<String>>(
        mut self,
        account: impl Into<String>,
        addresses: impl IntoIterator<Item = A>,
        submitter: Option<Arc<dyn Submitter>>,
    ) -> Self {
        let addresses = addresses.into_iter().map(Into::into).collect();
        self.submissions.insert(account.into(), Submission { addresses, submitter, ..Submission::default() });
        self
    }

    /// What a mail server has to show that posts to `hook/dovecot`, as a bearer token or the password of HTTP Basic.
    /// Without it, it has to be an admin; where anyone may do anything, nothing.
    #[must_use]
    pub fn hook_token(mut self, token: &str) -> Self {
        self.hook_token = Some(HookToken::new(token));
        self
    }

    /// Lets a mail program of a phone log in over Exchange ActiveSync as this user, with this password, to the accounts that
    /// have it among their readers; a second password of the same user takes the place of the first. Who has a name and a
    /// secret that the authorizer knows may log in too, unless that lets anyone do anything.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: Password) -> Self {
        self.users.insert(name.into(), password);
        self
    }

    /// Lets the mail server decide who opens this account over Exchange ActiveSync: who logs in as the account or as the
    /// user of `imap`, with a password that the server takes for that user. What it says holds for
    /// [`EasConfig::login_cache`](crate::EasConfig::login_cache).
    #[must_use]
    pub fn login_by_imap(mut self, account: impl AsRef<str>, imap: ImapConfig) -> Self {
        self.servers.push(Server { account: account.as_ref().into(), imap });
        self
    }

    /// Begins to watch the mailboxes.
    ///
    /// # Errors
    ///
    /// [`MailError`] for what cannot be served.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn build(mut self) -> Result<Mail, MailError> {
        let config = Arc::new(self.config);
        let bounds = std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(3540);
        let is_right = bounds.contains(&config.heartbeat_min)
            && bounds.contains(&config.heartbeat_max)
            && config.heartbeat_min <= config.heartbeat_max;
        if !is_right {
            return Err(MailError::Heartbeats);
        }
        let direct = Arc::new(Direct::new(&self.state, Arc::clone(&config)));
        let eas = Arc::new(Eas::new(&self.state, &config, Arc::clone(&direct.lost)));
        let mut accounts = BTreeMap::new();
        for (name, readers, store) in self.accounts {
            if name.is_empty() {
                return Err(MailError::Nameless);
            }
            let mut submission = self.submissions.remove(&name).unwrap_or_default();
            if submission.addresses.is_empty() && is_address(&name) {
                submission.addresses.push(name.clone());
            }
            if submission.submitter.is_some() && submission.addresses.is_empty() {
                return Err(MailError::NoAddress(name));
            }
            let shared = (self.hub.clone(), self.state.clone(), Arc::clone(&config), Arc::clone(&eas));
            let account = Account::new(&name, readers, store, submission, shared);
            if accounts.insert(account.segment().to_owned(), account).is_some() {
                return Err(MailError::TwiceNamed(name));
            }
        }
        if let Some((unknown, _)) = self.submissions.pop_first() {
            return Err(MailError::NoAccount(unknown));
        }
        accounts.values().for_each(Account::start);
        let accounts = Arc::new(Accounts(accounts));
        let logins = Arc::new(Logins::new(self.users, self.servers, &eas.config));
        Ok(Mail { hub: self.hub, accounts, direct, eas, hook_token: self.hook_token, logins })
    }
}

/// Whether an account's name is where mail for it goes.
fn is_address(name: &str) -> bool {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || "<>,".contains(c);
    let is_split = name.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    is_split && !name.contains(is_odd)
}

impl Mail {
    /// Mail whose folders are channels of `hub`, and whose devices are remembered in `state`, where the journals of the
    /// accounts are too.
    pub fn builder(hub: Hub, state: State, config: MailConfig) -> MailBuilder {
        let (accounts, submissions) = (Vec::new(), BTreeMap::new());
        let (users, servers) = (HashMap::new(), Vec::new());
        MailBuilder { hub, state, config, accounts, submissions, hook_token: None, users, servers }
    }

    /// The names of the accounts.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.accounts.all().map(|account| &*account.name)
    }

    /// An authorizer that grants `mail/...` to the readers of its account, and leaves everything else to `inner`. It is to
    /// be the one of the transports: without it nobody may read mail, and mailboxes that are not local are not watched for
    /// subscribers.
    pub fn authorizer(&self, inner: Arc<dyn Authorizer>) -> Arc<dyn Authorizer> {
        Arc::new(Readers::new(Arc::clone(&self.accounts), inner))
    }

    /// Says that something may have happened in a folder of an account, or anywhere in it: for what hears of mail by
    /// other ways than its store. Nothing happens while the account is not watched. `false` if there is no such account.
    pub fn hint(&self, account: &str, folder: Option<FolderId>) -> bool {
        let Some(account) = self.accounts.by_name(account) else { return false };
        if account.phase() != Phase::Idle {
            account.hint(folder.map_or(Hint::All, Hint::Folder));
        }
        true
    }

    /// Waits until everything that lies in a folder of the account now is published, or in all its folders. `false` if
    /// there is no such account, its mailbox cannot be watched, or that takes longer than [`MailConfig::ready_timeout`].
    ///
    /// Cancel safety: dropped, it is published all the same.
    pub async fn publish(&self, account: &str, folder: Option<FolderId>) -> bool {
        let Some(account) = self.accounts.by_name(account) else { return false };
        let _interest = account.interest();
        if !account.be_live().await {
            return false;
        }
        account.look_and_publish(folder.map_or(Hint::All, Hint::Folder)).await
    }

    /// The folders of an account, asked of its mailbox.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the mailbox cannot be asked; one of kind `Invalid` if there is no such account.
    pub async fn folders(&self, account: &str) -> Result<Hierarchy, StoreError> {
        let unknown = || StoreError::new(crate::store::StoreErrorKind::Invalid, "there is no such account");
        self.accounts.by_name(account).ok_or_else(unknown)?.store.hierarchy().await
    }

    /// Answers all pings that wait, and each that comes from now on, that nothing has changed: devices come back to
    /// whoever serves then. Returns how many there were.
    pub fn drain(&self) -> usize {
        self.direct.drain()
    }

    /// The devices that have asked for an account, over Exchange ActiveSync and by the calls in JSON, the one heard last before the
    /// others; of all accounts if none is named. As many as are remembered: [`MailConfig::max_devices`] of each account
    /// and way.
    ///
    /// # Errors
    ///
    /// [`StateError`] where the state cannot be read.
    pub fn devices(&self, account: Option<&str>) -> Result<Vec<DeviceSummary>, StateError> {
        let mut devices = Vec::new();
        for account in self.accounts.all().filter(|its| account.is_none_or(|name| name == &*its.name)) {
            for (id, summary) in self.eas.rows.devices(&account.name)? {
                devices.push(self.with_pings(&id, summary));
            }
            for (id, device) in self.direct.devices.of_calls(&account.name)? {
                let summary = DeviceSummary {
                    account: account.name.to_string(),
                    user: id.user.as_deref().map(str::to_owned),
                    device: id.own_name().to_owned(),
                    last_seen_ms: device.seen_ms,
                    heartbeat: device.ping.map(|ping| Duration::from_secs(ping.heartbeat_s)),
                    ..DeviceSummary::default()
                };
                devices.push(self.with_pings(&id, summary));
            }
        }
        devices.sort_by_key(|device| Reverse(device.last_seen_ms));
        Ok(devices)
    }

    /// With what is known of the pings of a device.
    fn with_pings(&self, id: &DeviceId, mut summary: DeviceSummary) -> DeviceSummary {
        let (pings, heard_ms) = self.direct.pings_of(id);
        summary.last_seen_ms = summary.last_seen_ms.max(heard_ms);
        summary.pings = pings;
        summary
    }

    /// How mail does.
    pub fn stats(&self) -> MailStats {
        let mut stats = self.direct.counters.read();
        stats.waiting = self.direct.waiting();
        stats.devices = self.direct.pulses.classes();
        stats.watched = self.accounts.all().filter(|account| account.phase() != Phase::Idle).count();
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn an_account_that_is_called_by_its_address_has_it() {
        assert!(is_address("alice@example.org"));
        for name in ["alice", "@", "alice@", "@example.org", "a b@c", "a@b>"] {
            assert!(!is_address(name), "{name}");
        }
    }
}
