//! Which server takes messages, as whom, and within which limits.

use std::path::PathBuf;
use std::time::Duration;

use super::{SubmitError, SubmitErrorKind};
use crate::net::{Endpoint, Schemes, Tls};
use crate::store::imap::Credentials;

/// RFC 6409 §3.1, RFC 8314 §7.3.
const SCHEMES: Schemes = Schemes { plain: ("smtp", 587), tls: ("smtps", 465) };

/// A server that takes messages from its users (RFC 6409).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmtpConfig {
    /// `smtps://host[:port]`, or `smtp://host[:port]` where TLS is begun by a command before anything secret is said.
    /// `smtp` to `localhost` or a loopback address is without TLS (`?tls=starttls` wants it there too), and with
    /// `?tls=none` to any host: messages and passwords can be read on the way then. Ports: 465 and 587.
    pub url: String,
    /// Who, and what proves it; none for a server that asks nobody. Default: none.
    pub login: Option<(String, Credentials)>,
    /// Certificate authorities to believe besides the system's: a file in PEM.
    pub ca: Option<PathBuf>,
    /// How long the server may be silent when something is expected of it; while a message is written or judged, five
    /// times as long. Default: 30 s.
    pub timeout: Duration,
}

impl SmtpConfig {
    /// The defaults.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), login: None, ca: None, timeout: Duration::from_secs(30) }
    }

    pub(super) fn endpoint(&self) -> Result<Endpoint, SubmitError> {
        Endpoint::parse(&self.url, &SCHEMES).map_err(|why| SubmitError::new(SubmitErrorKind::Invalid, why))
    }

    pub(super) fn tls(&self) -> Result<Tls, SubmitError> {
        let unusable = |error| {
            SubmitError::new(SubmitErrorKind::Invalid, "the certificate authorities cannot be used").caused_by(error)
        };
        Tls::new(self.ca.as_deref()).map_err(unusable)
    }
}
