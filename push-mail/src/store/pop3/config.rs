//! Which mailbox, as whom, and within which limits.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::{Endpoint, Schemes, Tls};
use crate::store::{StoreError, StoreErrorKind};

const SCHEMES: Schemes = Schemes { plain: ("pop3", 110), tls: ("pop3s", 995) };

/// A mailbox behind POP3. Its `Debug` does not show the password.
#[derive(Clone)]
#[non_exhaustive]
pub struct Pop3Config {
    /// `pop3s://host[:port]`, or `pop3://host[:port]` where TLS is begun by STLS before anything secret is said. `pop3`
    /// to `localhost` or a loopback address is without TLS (`?tls=starttls` wants it there too), and with `?tls=none` to
    /// any host: passwords can be read on the way then, unless the server offers APOP.
    pub url: String,
    /// Who.
    pub user: String,
    /// What proves it.
    pub password: String,
    /// Certificate authorities to believe besides the system's: a file in PEM.
    pub ca: Option<PathBuf>,
    /// How long a server may be silent; a whole session may take 20 times as long. Default: 30 s.
    pub timeout: Duration,
    /// The shortest and the longest time between two looks while somebody watches; in between it goes by how often mail
    /// comes. Default: 15 s and 15 min.
    pub poll: (Duration, Duration),
    /// The shortest and the longest time before it is tried again after a failure; where the password was refused it is
    /// the longest at once. Default: 1 s and 5 min.
    pub retry: (Duration, Duration),
    /// The largest message that is read whole. Default: 50 MiB.
    pub max_message: usize,
    /// Messages that the mailbox may have. Default: 100,000.
    pub max_messages: usize,
}

impl fmt::Debug for Pop3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pop3Config").field("url", &self.url).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Pop3Config {
    /// The defaults.
    pub fn new(url: impl Into<String>, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user: user.into(),
            password: password.into(),
            ca: None,
            timeout: Duration::from_secs(30),
            poll: (Duration::from_secs(15), Duration::from_secs(900)),
            retry: (Duration::from_secs(1), Duration::from_secs(300)),
            max_message: 50 << 20,
            max_messages: 100_000,
        }
    }

    pub(super) fn endpoint(&self) -> Result<Endpoint, StoreError> {
        let invalid = |why| StoreError::new(StoreErrorKind::Invalid, why);
        if [&self.user, &self.password].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
            return Err(invalid("a user or password of POP3 is one line".to_owned()));
        }
        Endpoint::parse(&self.url, &SCHEMES).map_err(invalid)
    }

    pub(super) fn tls(&self) -> Result<Tls, StoreError> {
        let unusable = |error| {
            StoreError::new(StoreErrorKind::Invalid, "the certificate authorities cannot be used").caused_by(error)
        };
        Tls::new(self.ca.as_deref()).map_err(unusable)
    }
}
