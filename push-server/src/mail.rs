//! The mailboxes that are served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use push_core::Hub;
use push_mail::journal::Journal;
use push_mail::state::{State, StateError};
use push_mail::store::imap::{Credentials, ImapConfig, ImapStore};
use push_mail::store::joined::JoinedStore;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::store::memory::MemoryStore;
use push_mail::store::pop3::{Pop3Config, Pop3Store};
use push_mail::store::vdir::{VdirConfig, VdirStore};
use push_mail::store::{MailStore, StoreError};
use push_mail::submit::{SmtpConfig, SmtpSubmitter, SubmitError, Submitter};
use push_mail::{Mail, MailError};

use crate::config::{Account, Imap, MailSettings, Mailbox, Maildir, Remote, Sending};
use crate::lmtp::Maildirs;

/// The file of the state, in the directory of `data`.
const STATE: &str = "mail.redb";

/// How often the mean heartbeat is looked at.
const LOOK_EACH: Duration = Duration::from_secs(60);

/// At most so often it is said that it is short.
const SAY_EACH: Duration = Duration::from_secs(3600);

/// Exchange warns at a mean of this or less.
const SHORT_HEARTBEAT: Duration = Duration::from_secs(540);

/// Of fewer intervals the mean says nothing.
const ENOUGH_HEARTBEATS: usize = 20;

/// Why what every account has is there.
const CHECKED: &str = "it was checked when it was read";

/// Why mail cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot open the state of mail, {} ('data')", .path.display())]
    State { path: PathBuf, source: StateError },
    #[error("cannot keep the state of mail in memory")]
    Memory(#[source] StateError),
    #[error("cannot read the state of the mail account {name:?}")]
    Journal { name: String, source: StoreError },
    #[error("cannot open the mail account {name:?}")]
    Account { name: String, source: StoreError },
    #[error("cannot send for the mail account {name:?}")]
    Sending { name: String, source: SubmitError },
    #[error("cannot serve mail")]
    Mail(#[source] MailError),
}

/// The accounts, and those of them that take mail in.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) mail: Mail,
    pub(crate) maildirs: Maildirs,
}

/// Opens the accounts; nothing where there are none.
pub(crate) async fn open(
    settings: &MailSettings,
    data: Option<&PathBuf>,
    hub: &Hub,
) -> Result<Option<Opened>, OpenError> {
    if settings.accounts.is_empty() {
        return Ok(None);
    }
    let state = match data {
        Some(dir) => {
            let path = dir.join(STATE);
            State::open(&path).map_err(|source| OpenError::State { path, source })?
        }
        None => State::in_memory().map_err(OpenError::Memory)?,
    };
    let mut builder = Mail::builder(hub.clone(), state.clone(), settings.limits.clone());
    if let Some(token) = &settings.hook_token {
        builder = builder.hook_token(token.reveal());
    }
    let mut maildirs = Vec::new();
    for account in &settings.accounts {
        let name = || account.name.clone();
        let journal = Journal::open(&state, &account.name).await;
        let journal = journal.map_err(|error| OpenError::Journal { name: name(), source: error.into() })?;
        let store = match store(account, journal, &mut maildirs).await {
            Ok(store) => with_items(account, store, &state).await,
            Err(error) => Err(error),
        };
        let store = store.map_err(|source| OpenError::Account { name: name(), source })?;
        let submitter = submitter(&account.sending).map_err(|source| OpenError::Sending { name: name(), source })?;
        builder = builder.account(name(), &account.readers, store);
        if let Mailbox::Imap(remote, imap) = &account.mailbox
            && imap.login
        {
            builder = builder.login_by_imap(&account.name, imap_config(remote, imap));
        }
        builder = builder.submission(name(), account.sending.addresses.clone(), submitter);
    }
    for user in &settings.users {
        builder = builder.user(&user.name, user.password.clone());
    }
    let mail = builder.build().map_err(OpenError::Mail)?;
    Ok(Some(Opened { mail, maildirs }))
}

async fn store(account: &Account, journal: Journal, maildirs: &mut Maildirs) -> Result<Arc<dyn MailStore>, StoreError> {
    Ok(match &account.mailbox {
        Mailbox::Memory => Arc::new(MemoryStore::open(journal).await?),
        Mailbox::Maildir(maildir) => {
            let store = open_maildir(maildir, journal).await?;
            maildirs.push((account.name.clone(), store.clone()));
            Arc::new(store)
        }
        Mailbox::Imap(remote, imap) => Arc::new(ImapStore::new(imap_config(remote, imap), journal)?),
        Mailbox::Pop3(remote) => Arc::new(Pop3Store::new(pop3_config(remote), journal)?),
    })
}

/// The mailbox with the account's calendars and address books beside it, if it has any.
async fn with_items(
    account: &Account,
    store: Arc<dyn MailStore>,
    state: &State,
) -> Result<Arc<dyn MailStore>, StoreError> {
    let Some(path) = &account.vdir else { return Ok(store) };
    // What was seen there is remembered beside what was seen of mail, under a name too long for any account.
    let name = format!("{:\0<256}vdir", account.name);
    let journal = Journal::open(state, &name).await?;
    let mut config = VdirConfig::default();
    config.create = may_be_made(path);
    let said = |error: StoreError| {
        StoreError::new(error.kind(), format!("the calendars in {} cannot be used", path.display())).caused_by(error)
    };
    let items = VdirStore::open(path, journal, config).await.map_err(said)?;
    Ok(Arc::new(JoinedStore::new(store, Arc::new(items))))
}

/// How an account sends, if it does.
fn submitter(sending: &Sending) -> Result<Option<Arc<dyn Submitter>>, SubmitError> {
    let Some(url) = &sending.url else { return Ok(None) };
    let mut config = SmtpConfig::new(url);
    config.login = sending.user.clone().map(|user| {
        let credentials = match (&sending.password, &sending.token_file) {
            (Some(password), _) => Credentials::Password(password.reveal().to_owned()),
            (None, file) => Credentials::TokenFile(file.clone().expect(CHECKED)),
        };
        (user, credentials)
    });
    config.ca.clone_from(&sending.ca);
    config.timeout = sending.timeout;
    Ok(Some(Arc::new(SmtpSubmitter::new(config)?)))
}

async fn open_maildir(maildir: &Maildir, journal: Journal) -> Result<MaildirStore, StoreError> {
    let path = maildir.path.as_deref().expect(CHECKED);
    let mut config = MaildirConfig::default();
    config.create = maildir.create.unwrap_or_else(|| may_be_made(path));
    config.poll = maildir.poll;
    let said = |error: StoreError| {
        StoreError::new(error.kind(), format!("the Maildir {} cannot be used", path.display())).caused_by(error)
    };
    MaildirStore::open(path, journal, config).await.map_err(said)
}

fn login(remote: &Remote) -> (String, String) {
    (remote.url.clone().expect(CHECKED), remote.user.clone().expect(CHECKED))
}

fn imap_config(remote: &Remote, imap: &Imap) -> ImapConfig {
    let (url, user) = login(remote);
    let credentials = match (&remote.password, &imap.token_file) {
        (Some(password), _) => Credentials::Password(password.reveal().to_owned()),
        (None, file) => Credentials::TokenFile(file.clone().expect(CHECKED)),
    };
    let mut config = ImapConfig::new(url, user, credentials);
    config.ca.clone_from(&remote.ca);
    (config.poll, config.retry, config.timeout) = (remote.poll, remote.retry, remote.timeout);
    config.max_messages = remote.max_messages.unwrap_or(config.max_messages);
    (config.linger, config.idle, config.safety) = (imap.keep, imap.idle, imap.safety);
    (config.notify, config.hooked, config.max_folders) = (imap.notify, imap.hooked, imap.max_folders);
    config
}

fn pop3_config(remote: &Remote) -> Pop3Config {
    let (url, user) = login(remote);
    let mut config = Pop3Config::new(url, user, remote.password.as_ref().expect(CHECKED).reveal());
    config.ca.clone_from(&remote.ca);
    (config.poll, config.retry, config.timeout) = (remote.poll, remote.retry, remote.timeout);
    config.max_messages = remote.max_messages.unwrap_or(config.max_messages);
    config
}

/// Whether a Maildir is made here unasked: where nothing is, in a directory that is there. A slip in a path makes no tree
/// of directories, and no home directory becomes a Maildir.
fn may_be_made(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => path.parent().is_some_and(|above| above.as_os_str().is_empty() || above.is_dir()),
    }
}

/// Waits until the mailboxes of this machine are watched, as long as a ping would: whoever subscribes then hears all that
/// comes, also to a mailbox that was never seen before.
pub(crate) async fn be_ready(mail: &Mail, settings: &MailSettings) {
    let is_here = |account: &&Account| matches!(account.mailbox, Mailbox::Memory | Mailbox::Maildir(_));
    let mut looks = tokio::task::JoinSet::new();
    for account in settings.accounts.iter().filter(is_here) {
        let (mail, name) = (mail.clone(), account.name.clone());
        looks.spawn(async move {
            if !mail.publish(&name, None).await {
                tracing::warn!(account = name, "it takes long to read the mailbox: what comes meanwhile is told later");
            }
        });
    }
    looks.join_all().await;
}

/// Says, at most once an hour, that devices have to wait in short intervals; for as long as it is polled.
pub(crate) async fn watch_heartbeats(mail: Mail, longest: Duration) {
    // Where the operator allows no longer ones, it is no surprise.
    if longest <= SHORT_HEARTBEAT {
        return;
    }
    loop {
        tokio::time::sleep(LOOK_EACH).await;
        let stats = mail.stats();
        let Some(mean) = stats.mean_heartbeat.filter(|mean| is_short(*mean, stats.heartbeats)) else { continue };
        tracing::warn!(
            mean_s = mean.as_secs(),
            of = stats.heartbeats,
            "devices ask for short heartbeats: something on the way cuts connections early; \
             see push_mail_ping_cut_age_seconds, and docs/mail.md"
        );
        tokio::time::sleep(SAY_EACH).await;
    }
}

fn is_short(mean: Duration, of: usize) -> bool {
    mean <= SHORT_HEARTBEAT && of >= ENOUGH_HEARTBEATS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildir_is_made_unasked_only_where_nothing_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let (empty, full) = (dir.path().join("empty"), dir.path().join("full"));
        std::fs::create_dir_all(full.join("something")).expect("made");
        std::fs::create_dir(&empty).expect("made");
        for (path, expected) in [
            (dir.path().join("new"), true),
            (empty, true),
            (full, false),
            (dir.path().join("not/there"), false),
            (PathBuf::from("here"), true),
        ] {
            assert_eq!(may_be_made(&path), expected, "{}", path.display());
        }
    }

    #[test]
    fn what_is_not_set_of_a_mailbox_elsewhere_is_as_its_store_has_it() {
        let (url, user) = ("imap://localhost".to_owned(), "u".to_owned());
        let remote = Remote { url: Some(url.clone()), user: Some(user.clone()), ..Remote::default() };
        let imap = Imap { token_file: Some(PathBuf::from("token")), ..Imap::default() };
        let store = ImapConfig::new(url, user, Credentials::TokenFile("token".into()));
        assert_eq!(format!("{:?}", imap_config(&remote, &imap)), format!("{store:?}"));
    }

    #[test]
    fn what_is_not_set_of_sending_is_as_it_is_sent() {
        let none = SmtpConfig::new("smtp://h");
        assert_eq!(Sending::default().timeout, none.timeout);
        assert!(submitter(&Sending::default()).expect("nothing is wrong").is_none());
        let wrong = Sending { url: Some("smtp://h?tls=maybe".to_owned()), ..Sending::default() };
        assert!(submitter(&wrong).is_err());
    }

    #[test]
    fn short_heartbeats_are_told_where_enough_were_asked_for() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        assert!(is_short(minutes(9), 20) && is_short(minutes(1), 200));
        assert!(!is_short(minutes(10), 200) && !is_short(minutes(1), 19));
    }
}
