//! Why a client ended.

use std::fmt;

/// Why a client could not begin, or why going on is of no use.
#[derive(Debug)]
pub struct ClientError {
    kind: ClientErrorKind,
    detail: String,
}

/// Kinds of [`ClientError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// The URL or the certificates cannot be used.
    Settings,
    /// The server does not know the credentials (401).
    Unauthorized,
    /// The server knows them and refuses the account (403).
    Forbidden,
    /// Nothing of the kind is served there (404, 405), or it does not answer as mail is served.
    NotFound,
    /// The server takes the request for malformed.
    Refused,
}

impl ClientError {
    pub(super) fn new(kind: ClientErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Which of them.
    #[must_use]
    pub fn kind(&self) -> ClientErrorKind {
        self.kind
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ClientErrorKind::Settings => "cannot begin",
            ClientErrorKind::Unauthorized => "the server does not know these credentials",
            ClientErrorKind::Forbidden => "the server refuses this account",
            ClientErrorKind::NotFound => "no mail is served there",
            ClientErrorKind::Refused => "the server takes the request for malformed",
        };
        write!(f, "{what}: {}", self.detail)
    }
}

impl std::error::Error for ClientError {}
