//! One `[[mail.account]]`.

use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::super::error::ConfigError;
use super::super::file::{File, Section};
use super::super::keys::Key;
use super::super::secret::Secret;
use super::super::tables::check_user;
use super::super::value::Value;
use super::keys;

/// Longest name of an account, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// A mailbox that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) readers: Vec<String>,
    pub(crate) mailbox: Mailbox,
    /// Where its calendars and address books are.
    pub(crate) vdir: Option<PathBuf>,
    pub(crate) sending: Sending,
}

impl Account {
    /// Whether its mail server decides who logs in by phone.
    pub(crate) fn has_login(&self) -> bool {
        matches!(&self.mailbox, Mailbox::Imap(_, imap) if imap.login)
    }
}

/// What there is of an account whatever its kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    pub(crate) name: Option<String>,
    pub(crate) readers: Vec<String>,
    pub(crate) vdir: Option<PathBuf>,
}

/// Who an account is when it sends, and how it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    /// The one that it prefers first.
    pub(crate) addresses: Vec<String>,
    /// Without it nothing is sent.
    pub(crate) url: Option<String>,
    /// With a password or a token once it was read; neither for a server that asks nobody.
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) timeout: Duration,
}

impl Default for Sending {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            url: None,
            user: None,
            password: None,
            password_file: None,
            token_file: None,
            ca: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// Where an account's messages lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mailbox {
    Memory,
    Maildir(Maildir),
    Imap(Remote, Imap),
    Pop3(Remote),
}

/// A mailbox on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maildir {
    /// There once it was read.
    pub(crate) path: Option<PathBuf>,
    /// By default it is made where the directory above is there.
    pub(crate) create: Option<bool>,
    pub(crate) poll: Duration,
}

impl Default for Maildir {
    fn default() -> Self {
        Self { path: None, create: None, poll: Duration::from_secs(15) }
    }
}

/// A mailbox on another server. Url and user are there once it was read, and a password unless a token takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) url: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca: Option<PathBuf>,
    /// The shortest and the longest.
    pub(crate) poll: (Duration, Duration),
    /// The shortest and the longest.
    pub(crate) retry: (Duration, Duration),
    pub(crate) timeout: Duration,
    /// By default the store's.
    pub(crate) max_messages: Option<usize>,
}

/// What is set of IMAP alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Imap {
    /// In the place of a password.
    pub(crate) token_file: Option<PathBuf>,
    /// Whether the server decides who logs in by phone.
    pub(crate) login: bool,
    pub(crate) keep: Duration,
    pub(crate) idle: Duration,
    pub(crate) safety: Duration,
    pub(crate) hooked: bool,
    pub(crate) notify: bool,
    pub(crate) max_folders: usize,
}

impl Default for Imap {
    fn default() -> Self {
        Self {
            token_file: None,
            login: false,
            keep: Duration::from_secs(30),
            idle: Duration::from_secs(28 * 60),
            safety: Duration::from_secs(600),
            hooked: false,
            notify: true,
            max_folders: 10_000,
        }
    }
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            url: None,
            user: None,
            password: None,
            password_file: None,
            ca: None,
            poll: (Duration::from_secs(15), Duration::from_secs(600)),
            retry: (Duration::from_secs(1), Duration::from_secs(300)),
            timeout: Duration::from_secs(30),
            max_messages: None,
        }
    }
}

/// What `kind` may be.
const KINDS: [&str; 4] = ["maildir", "imap", "pop3", "memory"];

/// Reads an account that comes after those of `before`.
pub(super) fn read<'a>(
    file: &'a File<'a>,
    value: &'a Spanned<DeValue<'a>>,
    before: &[Account],
) -> Result<Account, ConfigError> {
    let of_kinds = names(&keys::MAILDIR).chain(names(&keys::REMOTE)).chain(names(&keys::IMAP));
    let known: Vec<_> = names(&keys::ACCOUNT).chain(["kind"]).chain(names(&keys::SENDING)).chain(of_kinds).collect();
    let section = Section::new(file, "mail.account.", value, &known)?;
    let mut base = Base::default();
    section.fill(&keys::ACCOUNT, &mut base)?;
    let name = base.name.ok_or_else(|| section.refuse(None, "name", "it is missing"))?;
    check_name(&name, before).map_err(|problem| section.refuse(section.place_of("name"), "name", problem))?;
    let kind = section.need("kind", kind)?;
    let (maildir, remote, imap) = (names(&keys::MAILDIR), names(&keys::REMOTE), names(&keys::IMAP));
    let of_other_kinds: Vec<_> = match kind {
        "maildir" => remote.chain(imap).collect(),
        "imap" => maildir.collect(),
        "pop3" => maildir.chain(imap).collect(),
        _ => maildir.chain(remote).chain(imap).collect(),
    };
    if let Some((wrong, at)) = of_other_kinds.iter().find_map(|name| Some((*name, section.place_of(name)?))) {
        return Err(section.refuse(Some(at), wrong, format!("an account of kind {kind:?} has no such key")));
    }
    let mailbox = match kind {
        "maildir" => Mailbox::Maildir(read_maildir(&section)?),
        "imap" => {
            let mut imap = Imap::default();
            section.fill(&keys::IMAP, &mut imap)?;
            let has_token = imap.token_file.is_some();
            Mailbox::Imap(read_remote(&section, &["imap", "imaps"], has_token)?, imap)
        }
        "pop3" => Mailbox::Pop3(read_remote(&section, &["pop3", "pop3s"], false)?),
        _ => Mailbox::Memory,
    };
    let sending = read_sending(&section, &name)?;
    Ok(Account { name, readers: base.readers, mailbox, vdir: base.vdir, sending })
}

fn names<S>(keys: &'static [Key<S>]) -> impl Iterator<Item = &'static str> {
    keys.iter().map(|key| key.name)
}

fn kind(value: Value<'_>) -> Result<&'static str, String> {
    let text = value.text()?;
    let known = KINDS.into_iter().find(|kind| *kind == text);
    known.ok_or_else(|| format!("{text:?} is none of \"maildir\", \"imap\", \"pop3\" and \"memory\""))
}

fn check_name(name: &str, before: &[Account]) -> Result<(), String> {
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("it is longer than {MAX_NAME_BYTES} bytes"));
    }
    let tree = push_mail::tree_channel(name);
    match before.iter().find(|account| push_mail::tree_channel(&account.name) == tree) {
        Some(_) => Err(format!("an earlier [[mail.account]] is called {name:?}")),
        None => Ok(()),
    }
}

/// Readers are users of tokens.
pub(super) fn check_readers(readers: &[String]) -> Result<(), String> {
    readers.iter().try_for_each(|reader| check_user(reader))
}

fn read_maildir(section: &Section<'_>) -> Result<Maildir, ConfigError> {
    let mut maildir = Maildir::default();
    section.fill(&keys::MAILDIR, &mut maildir)?;
    match maildir.path {
        Some(_) => Ok(maildir),
        None => Err(section.refuse(None, "path", "it is missing")),
    }
}

/// `has_token`: no password is needed then.
fn read_remote(section: &Section<'_>, schemes: &[&str], has_token: bool) -> Result<Remote, ConfigError> {
    let mut remote = Remote::default();
    section.fill(&keys::REMOTE, &mut remote)?;
    let refuse = |name: &str, problem: String| section.refuse(section.place_of(name), name, problem);
    let url = remote.url.as_deref().ok_or_else(|| refuse("url", "it is missing".to_owned()))?;
    let is_ours = |url: &str| url.split_once("://").is_some_and(|(scheme, _)| schemes.contains(&scheme));
    if !is_ours(url) {
        let problem = format!("{url:?} begins neither with {}:// nor with {}://", schemes[0], schemes[1]);
        return Err(refuse("url", problem));
    }
    if remote.user.is_none() {
        return Err(refuse("user", "it is missing".to_owned()));
    }
    let proofs = [remote.password.is_some(), remote.password_file.is_some(), has_token];
    if proofs.iter().filter(|is_given| **is_given).count() != 1 {
        let problem = match schemes {
            ["imap", ..] => "one of 'password', 'password_file' and 'token_file' is needed, and one alone",
            _ => "one of 'password' and 'password_file' is needed, and one alone",
        };
        return Err(refuse("password", problem.to_owned()));
    }
    for (least, most, (min, max)) in
        [("poll_min_s", "poll_max_s", remote.poll), ("retry_min_s", "retry_max_s", remote.retry)]
    {
        if min > max {
            let problem = format!("{} s is more than {most}, {} s", min.as_secs_f64(), max.as_secs_f64());
            return Err(refuse(least, problem));
        }
    }
    if let Some(path) = &remote.password_file {
        remote.password = Some(first_line(path).map_err(|problem| refuse("password_file", problem))?);
    }
    Ok(remote)
}

/// How the account `name` sends, if it does.
fn read_sending(section: &Section<'_>, name: &str) -> Result<Sending, ConfigError> {
    let mut sending = Sending::default();
    section.fill(&keys::SENDING, &mut sending)?;
    let refuse = |name: &str, problem: &str| section.refuse(section.place_of(name), name, problem.to_owned());
    let Some(url) = &sending.url else {
        let needless = names(&keys::SENDING).find(|name| *name != "addresses" && section.place_of(name).is_some());
        return match needless {
            Some(needless) => Err(refuse(needless, "nothing is sent without 'smtp_url'")),
            None => Ok(sending),
        };
    };
    if !["smtp://", "smtps://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(refuse("smtp_url", &format!("{url:?} begins neither with smtp:// nor with smtps://")));
    }
    let proofs = [sending.password.is_some(), sending.password_file.is_some(), sending.token_file.is_some()];
    let needed = usize::from(sending.user.is_some());
    if proofs.iter().filter(|is_given| **is_given).count() != needed {
        let problem = "with 'smtp_user' one of 'smtp_password', 'smtp_password_file' and 'smtp_token_file' is needed, and one \
                       alone; none without";
        return Err(refuse("smtp_user", problem));
    }
    if sending.addresses.is_empty() {
        let user = sending.user.as_deref().unwrap_or_default();
        let known = [name, user].into_iter().find(|one| check_address(one).is_ok());
        let known =
            known.ok_or_else(|| refuse("addresses", "neither 'name' nor 'smtp_user' is an address to send from"))?;
        sending.addresses = vec![known.to_owned()];
    }
    if let Some(path) = &sending.password_file {
        sending.password = Some(first_line(path).map_err(|problem| refuse("smtp_password_file", &problem))?);
    }
    Ok(sending)
}

/// Addresses that mail can be from.
pub(super) fn check_addresses(addresses: &[String]) -> Result<(), String> {
    addresses.iter().try_for_each(|address| check_address(address))
}

fn check_address(text: &str) -> Result<(), String> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || "<>,".contains(c);
    let is_split = text.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if is_split && !text.contains(is_odd) {
        Ok(())
    } else {
        Err(format!("{text:?} is no address, as alice@example.org is"))
    }
}

/// The password in a file: its first line, without the line's end.
pub(super) fn first_line(path: &std::path::Path) -> Result<Secret, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    Secret::read(line).map_err(|problem| format!("the first line of {name}: {problem}"))
}
