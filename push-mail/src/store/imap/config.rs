//! Which mailbox, as whom, and within which limits.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::{Endpoint, Schemes, Tls};
use crate::store::{StoreError, StoreErrorKind};

const SCHEMES: Schemes = Schemes { plain: ("imap", 143), tls: ("imaps", 993) };

/// What a user proves with who they are. Its `Debug` shows no secret.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// A password: SASL PLAIN (RFC 4616), or LOGIN where there is no PLAIN.
    Password(String),
    /// An OAuth 2 access token: XOAUTH2.
    Token(String),
    /// A file with an access token, which somebody else renews. Read at each login; once more when the token is refused.
    TokenFile(PathBuf),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Password(_) => f.write_str("Password"),
            Credentials::Token(_) => f.write_str("Token"),
            Credentials::TokenFile(path) => f.debug_tuple("TokenFile").field(path).finish(),
        }
    }
}

/// A mailbox behind IMAP.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImapConfig {
    /// `imaps://host[:port]`, or `imap://host[:port]` where TLS is begun by a command before anything secret is said.
    /// `imap` to `localhost` or a loopback address is without TLS (`?tls=starttls` wants it there too), and with
    /// `?tls=none` to any host: passwords can be read on the way then.
    pub url: String,
    /// Who.
    pub user: String,
    /// What proves it.
    pub credentials: Credentials,
    /// Certificate authorities to believe besides the system's: a file in PEM.
    pub ca: Option<PathBuf>,
    /// How long a connection is kept when nobody watches and nothing is asked. Default: 30 s.
    pub linger: Duration,
    /// How long a server may be silent when something is expected of it; a whole command may take 20 times as long.
    /// Default: 30 s.
    pub timeout: Duration,
    /// The shortest and the longest time between two looks at a folder that the server tells nothing of; in between it
    /// goes by how often mail comes. Default: 15 s and 10 min.
    pub poll: (Duration, Duration),
    /// How often everything watched is looked at although the server tells of changes. Default: 10 min.
    pub safety: Duration,
    /// Whether somebody else tells of changes, as Dovecot does by `hook/dovecot`: then no connection is held to watch, and
    /// without a hint everything is looked at every `safety`. Default: false.
    pub hooked: bool,
    /// How long IDLE may last before it is begun again. Default: 28 min; servers may end it after 30 (RFC 2177).
    pub idle: Duration,
    /// The shortest and the longest time before a lost connection is tried again; where the credentials were refused it
    /// is the longest at once. Default: 1 s and 5 min.
    pub retry: (Duration, Duration),
    /// The largest message that is read whole. Default: 50 MiB. A server's response may be 1 MiB longer.
    pub max_message: u32,
    /// Messages that a folder may have. Default: 1,000,000.
    pub max_messages: usize,
    /// Folders that an account may have. Default: 10,000.
    pub max_folders: usize,
    /// Whether NOTIFY (RFC 5465) may be used. Default: yes.
    pub notify: bool,
}

impl ImapConfig {
    /// The defaults.
    pub fn new(url: impl Into<String>, user: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            url: url.into(),
            user: user.into(),
            credentials,
            ca: None,
            linger: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            poll: (Duration::from_secs(15), Duration::from_secs(600)),
            safety: Duration::from_secs(600),
            idle: Duration::from_secs(28 * 60),
            retry: (Duration::from_secs(1), Duration::from_secs(300)),
            max_message: 50 << 20,
            max_messages: 1_000_000,
            max_folders: 10_000,
            notify: true,
            hooked: false,
        }
    }

    pub(super) fn endpoint(&self) -> Result<Endpoint, StoreError> {
        Endpoint::parse(&self.url, &SCHEMES).map_err(|why| StoreError::new(StoreErrorKind::Invalid, why))
    }

    pub(super) fn tls(&self) -> Result<Tls, StoreError> {
        let unusable = |error| {
            StoreError::new(StoreErrorKind::Invalid, "the certificate authorities cannot be used").caused_by(error)
        };
        Tls::new(self.ca.as_deref()).map_err(unusable)
    }
}
