//! Settings: flags over environment over file over defaults, every value checked before anything is bound.
//!
//! In reading order: `keys` and `limits` (what can be set), `value` (how it is read), `file` and `tables`, `env`,
//! `flags`, `mail`, `tls`, `error` (refusals with their place), `secret` and `address`.

mod address;
mod env;
mod error;
mod file;
mod flags;
mod keys;
mod limits;
mod mail;
#[cfg(test)]
mod page_tests;
mod secret;
mod tables;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use push_core::{HubConfig, Identity, StaticTokens};
use push_transports::server::ServeConfig;

pub(crate) use error::ConfigError;
pub(crate) use flags::Flags;
pub(crate) use mail::{Account, Imap, MailSettings, Mailbox, Maildir, Remote, Sending};
pub(crate) use tls::TlsSettings;

use env::Environment;
use error::Place;

/// All that can be set about a server.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    /// Directives of a `tracing_subscriber::EnvFilter`.
    pub(crate) log: String,
    /// By default on while no token is configured: [`Settings::has_demo`].
    pub(crate) demo: Option<bool>,
    /// By default as many as descriptors allow.
    pub(crate) max_connections: Option<usize>,
    /// By default some fewer than connections.
    pub(crate) max_subscribers: Option<usize>,
    /// By default, and with 0, as many as connections in all.
    pub(crate) max_connections_per_address: Option<usize>,
    /// By default one a core.
    pub(crate) lots: Option<usize>,
    pub(crate) drain_notice: Duration,
    pub(crate) drain_window: Duration,
    pub(crate) hub: HubConfig,
    /// Its authorizer is set from `tokens` at the end.
    pub(crate) transports: push_transports::Config,
    pub(crate) serve: ServeConfig,
    pub(crate) tokens: Vec<Token>,
    pub(crate) mail: MailSettings,
    /// Without it none is spoken.
    pub(crate) tls: Option<TlsSettings>,
}

/// A static token. Its `Debug` shows no secret.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) identity: Identity,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_listen: None,
            data: None,
            log: "info".to_owned(),
            demo: None,
            max_connections: None,
            max_subscribers: None,
            max_connections_per_address: None,
            lots: None,
            drain_notice: Duration::from_secs(1),
            drain_window: Duration::from_secs(10),
            hub: HubConfig::default(),
            transports: push_transports::Config::default(),
            serve: ServeConfig::default(),
            tokens: Vec::new(),
            mail: MailSettings::default(),
            tls: None,
        }
    }
}

/// Secrets shorter than this are guessed sooner or later; told at the start.
const SHORT_SECRET_BYTES: usize = 16;

impl Settings {
    /// Whether anyone may do anything.
    pub(crate) fn is_open(&self) -> bool {
        let has_logins = !self.mail.users.is_empty() || self.mail.accounts.iter().any(Account::has_login);
        self.tokens.is_empty() && !has_logins
    }

    /// Whether the page is served and the host's load published.
    pub(crate) fn has_demo(&self) -> bool {
        self.demo.unwrap_or(self.is_open())
    }

    /// Whether `listen` speaks TLS.
    pub(crate) fn listens_by_tls(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.listen.is_none())
    }

    /// What an operator should know about these settings before the first client comes.
    pub(crate) fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.is_open() {
            notices.push("no [[token]] is configured: anyone may do anything, on the loopback only".to_owned());
        } else if !address::is_loopback(self.listen) && !self.listens_by_tls() {
            notices.push(
                "'listen' speaks plain HTTP: set [tls], or put a proxy that ends TLS in front of it, or tokens can be read"
                    .to_owned(),
            );
        }
        let short = self.tokens.iter().filter(|token| token.secret.len() < SHORT_SECRET_BYTES).count();
        if short > 0 {
            notices
                .push(format!("secrets of fewer than {SHORT_SECRET_BYTES} characters can be guessed: {short} of them"));
        }
        let short = self.mail.users.iter().filter(|user| user.is_short).count();
        if short > 0 {
            notices.push(format!("passwords of fewer than 8 characters can be guessed: {short} of them"));
        }
        if self.data.is_some() {
            notices.push("'data' is set, but in this version history stays in memory: a restart forgets it".to_owned());
        }
        notices.extend(self.mail_notices());
        if self.mail.lmtp_listen.is_some_and(|address| !address::is_loopback(address)) {
            notices.push("LMTP asks nobody who they are: whoever reaches 'lmtp_listen' can deliver mail".to_owned());
        }
        notices
    }

    /// Of accounts that nobody can read.
    fn mail_notices(&self) -> impl Iterator<Item = String> {
        let is_user = |reader: &String| {
            self.tokens.iter().any(|token| token.identity.user.as_deref() == Some(reader))
                || self.mail.users.iter().any(|user| user.name == *reader)
        };
        let unread = self
            .mail
            .accounts
            .iter()
            .filter(move |account| !account.has_login() && !account.readers.iter().any(is_user));
        unread.filter(|_| !self.is_open()).map(|account| {
            let name = &account.name;
            format!("nobody can read the mail account {name:?}: none of its 'readers' is a [[mail.user]] or the 'user' of a [[token]]")
        })
    }

    /// What no single value tells.
    fn check(&self) -> Result<(), ConfigError> {
        let addresses = [
            ("listen", Some(self.listen)),
            ("metrics_listen", self.metrics_listen),
            ("tls.listen", self.tls.as_ref().and_then(|tls| tls.listen)),
            ("mail.lmtp_listen", self.mail.lmtp_listen),
        ];
        for (key, address) in addresses {
            let Some(address) = address.filter(|address| self.is_open() && !address::is_loopback(*address)) else {
                continue;
            };
            return Err(ConfigError::new(Place::All, open_refusal(key, address)));
        }
        if self.data.is_none() && self.tls.as_ref().is_some_and(|tls| !tls.self_signed.is_empty()) {
            let problem = "a self-signed certificate needs a directory to be kept in: set 'data'";
            return Err(ConfigError::new(Place::All, problem));
        }
        Ok(())
    }

    fn authorize(&mut self) {
        if self.is_open() {
            return;
        }
        let with = |tokens: StaticTokens, token: &Token| tokens.with(&*token.secret, token.identity.clone());
        self.transports.authorizer = Arc::new(self.tokens.iter().fold(StaticTokens::new(), with));
    }
}

fn open_refusal(key: &str, address: SocketAddr) -> String {
    format!(
        "refusing to listen on {address} ('{key}'): no [[token]] is configured, so anyone who reaches it could do anything.\n\
         Either listen on the loopback, such as 127.0.0.1:{port}, or say who may do what in a file given with --config:\n\n\
         [[token]]\n\
         secret = \"a-long-random-text\"\n\
         user = \"alice\"\n\
         subscribe = [\"**\"]\n\
         publish = [\"**\"]",
        port = address.port()
    )
}

/// Settings, and what is to be said about them.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) notices: Vec<String>,
}

/// Reads the file, then the environment, then the flags.
///
/// # Errors
///
/// The first value that is not what its key takes, with its place; or what does not go together.
pub(crate) fn load(
    flags: &Flags,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Loaded, ConfigError> {
    let environment = Environment::new(environment);
    let mut settings = Settings::default();
    let path = flags.config.clone().or_else(|| environment.get(env::CONFIG).map(PathBuf::from));
    if let Some(path) = path {
        file::apply(&path, &mut settings)?;
    }
    environment.apply(&mut settings)?;
    flags.apply(&mut settings)?;
    settings.check()?;
    settings.authorize();
    let mut notices = environment.notices();
    notices.extend(settings.notices());
    Ok(Loaded { settings, notices })
}
