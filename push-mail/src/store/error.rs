//! Why a mailbox did not do what it was asked.

use std::error::Error;
use std::fmt;

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no folder of that number.
    NoSuchFolder,
    /// There is no message of that number.
    NoSuchItem,
    /// It is not known what has changed since that token: begin again.
    TokenExpired,
    /// A folder of that path is there.
    Exists,
    /// What was asked can never be done: a path that is none, a message that is too large.
    Invalid,
    /// This store cannot do it.
    Unsupported,
    /// The mailbox does not accept who asks: user or password.
    Refused,
    /// The mailbox cannot be reached, or its storage fails; it may pass.
    Unavailable,
}

/// Why a mailbox did not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    detail: Box<str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind`. `detail` is for people: lower case, without a full stop, without secrets.
    pub fn new(kind: StoreErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into().into(), source: None }
    }

    /// With its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The folder that there is not.
    pub fn no_such_folder(folder: super::FolderId) -> Self {
        Self::new(StoreErrorKind::NoSuchFolder, format!("there is no folder {folder}"))
    }

    /// The message that there is not.
    pub fn no_such_item(uid: super::Uid) -> Self {
        Self::new(StoreErrorKind::NoSuchItem, format!("there is no message {uid}"))
    }

    /// What only stores of other things than mail can do.
    pub(crate) fn mail_only() -> Self {
        Self::new(StoreErrorKind::Unsupported, "it holds mail and nothing else")
    }

    /// A store that panicked.
    pub(crate) fn panicked() -> Self {
        Self::new(StoreErrorKind::Unavailable, "the store is at fault")
    }

    /// What it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same may work later.
    pub fn is_retryable(&self) -> bool {
        self.kind == StoreErrorKind::Unavailable
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::new(StoreErrorKind::Unavailable, "the mailbox cannot be read or written").caused_by(error)
    }
}
