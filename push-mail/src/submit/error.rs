//! Why a message was not sent.

use std::error::Error;
use std::fmt;

/// The kinds of [`SubmitError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubmitErrorKind {
    /// Somebody cannot get it; then nobody did.
    Recipients,
    /// It was refused for good.
    Rejected,
    /// It is larger than what is accepted.
    TooLarge,
    /// User or password were refused, or there is no safe way to tell them.
    Refused,
    /// It may work later: nobody answers, or is ready now.
    Temporary,
    /// All of it was handed over, and no answer came: it was sent, or not.
    InDoubt,
    /// It can never work as it is set.
    Invalid,
}

/// Why a message was not sent.
#[derive(Debug)]
pub struct SubmitError {
    kind: SubmitErrorKind,
    detail: Box<str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SubmitError {
    /// An error of `kind`. `detail` is for people: lower case, without a full stop, without secrets.
    pub fn new(kind: SubmitErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into().into(), source: None }
    }

    /// With its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What it is.
    pub fn kind(&self) -> SubmitErrorKind {
        self.kind
    }

    /// Whether the same may work later, and nothing was sent.
    pub fn is_retryable(&self) -> bool {
        self.kind == SubmitErrorKind::Temporary
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for SubmitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
