//! `[mail]` and `[[mail.account]]`: the mailboxes that are served, and what devices may ask for.
//!
//! In reading order: `keys` (what can be set), `account` (one mailbox), and here the table as a whole.

pub(super) mod account;
pub(super) mod keys;
#[cfg(test)]
mod tests;
pub(super) mod user;

use std::net::SocketAddr;

use push_mail::MailConfig;
use push_mail::lmtp::LmtpConfig;
use toml::Spanned;
use toml::de::DeValue;

pub(crate) use account::{Account, Imap, Mailbox, Maildir, Remote, Sending};
pub(crate) use keys::help;
pub(crate) use user::User;

use super::error::ConfigError;
use super::file::{File, Section};
use super::secret::Secret;
use super::tables::entries;

/// All that can be set about mail.
#[derive(Clone, Debug)]
pub(crate) struct MailSettings {
    pub(crate) limits: MailConfig,
    /// What a mail server shows that posts hints.
    pub(crate) hook_token: Option<Secret>,
    /// Where messages are taken in over LMTP.
    pub(crate) lmtp_listen: Option<SocketAddr>,
    pub(crate) lmtp: LmtpConfig,
    pub(crate) accounts: Vec<Account>,
    /// Who logs in with a password.
    pub(crate) users: Vec<User>,
    /// Whether mail programs of phones are answered.
    pub(crate) serves_eas: bool,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            limits: MailConfig::default(),
            hook_token: None,
            lmtp_listen: None,
            lmtp: LmtpConfig::default(),
            accounts: Vec::new(),
            users: Vec::new(),
            serves_eas: true,
        }
    }
}

/// Reads `[mail]` with its accounts.
pub(crate) fn read<'a>(file: &'a File<'a>, value: &'a Spanned<DeValue<'a>>) -> Result<MailSettings, ConfigError> {
    let known: Vec<_> = keys::MAIL.iter().map(|key| key.name).chain(["account", "user", "eas"]).collect();
    let section = Section::new(file, "mail.", value, &known)?;
    let mut settings = MailSettings::default();
    section.fill(&keys::MAIL, &mut settings)?;
    let limits = &settings.limits;
    if limits.heartbeat_min > limits.heartbeat_max {
        let (least, most) = (limits.heartbeat_min.as_secs(), limits.heartbeat_max.as_secs());
        let problem = format!("{least} s is more than heartbeat_max_s, {most} s");
        return Err(section.refuse(None, "heartbeat_min_s", problem));
    }
    if limits.window > limits.max_window {
        let problem = format!("{} is more than max_window, {}", limits.window, limits.max_window);
        return Err(section.refuse(None, "window", problem));
    }
    if let Some(accounts) = section.get("account") {
        for entry in entries(file, "mail.account", accounts)? {
            let account = account::read(file, entry, &settings.accounts)?;
            settings.accounts.push(account);
        }
    }
    if let Some(users) = section.get("user") {
        for entry in entries(file, "mail.user", users)? {
            let user = user::read(file, entry, &settings.users)?;
            settings.users.push(user);
        }
    }
    if let Some(eas) = section.get("eas") {
        read_eas(file, eas, &mut settings)?;
    }
    if settings.lmtp_listen.is_some() {
        check_recipients(&settings.accounts)
            .map_err(|problem| section.refuse(section.place_of("lmtp_listen"), "lmtp_listen", problem))?;
    }
    Ok(settings)
}

/// Reads `[mail.eas]`.
fn read_eas<'a>(
    file: &'a File<'a>,
    value: &'a Spanned<DeValue<'a>>,
    settings: &mut MailSettings,
) -> Result<(), ConfigError> {
    let known: Vec<_> = keys::EAS.iter().map(|key| key.name).collect();
    let section = Section::new(file, "mail.eas.", value, &known)?;
    section.fill(&keys::EAS, settings)?;
    if let Some(url) = &settings.limits.eas.external_url {
        let is_url = ["https://", "http://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
        if !is_url || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let problem = format!("{url:?} does not begin with https:// or http://");
            return Err(section.refuse(section.place_of("external_url"), "external_url", problem));
        }
    }
    Ok(())
}

/// Mail is put into Maildirs, and capitals in an address tell no two of them apart.
fn check_recipients(accounts: &[Account]) -> Result<(), String> {
    let is_maildir = |account: &&Account| matches!(account.mailbox, Mailbox::Maildir(_));
    let mut names: Vec<_> =
        accounts.iter().filter(is_maildir).map(|account| account.name.to_ascii_lowercase()).collect();
    if names.is_empty() {
        return Err("no [[mail.account]] is a Maildir, which mail could be put into".to_owned());
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(format!("mail to {:?} may be for two accounts, whose names differ in capitals alone", pair[0]))
        }
        None => Ok(()),
    }
}
