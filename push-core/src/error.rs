//! What can go wrong when publishing or subscribing.

use std::error::Error;
use std::fmt;

/// Why a publication was not accepted; nothing was changed.
#[derive(Debug)]
pub struct PublishError {
    kind: PublishErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of [`PublishError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishErrorKind {
    /// The channel's name breaks the grammar.
    BadChannel,
    /// A system channel or `mail/...`: written by the server alone.
    Reserved,
    /// A payload under a JSON type that is not JSON.
    InvalidPayload,
    /// The payload is larger than `max_payload_bytes`.
    TooLarge,
    /// The push id was used with another payload.
    Conflict,
    /// An engine delivered a number that is not larger than all before: a fault of the broker.
    OutOfOrder,
    /// The hub holds `max_channels` channels.
    TooManyChannels,
    /// The history could not keep it.
    Storage,
    /// The hub or the engine behind it is gone.
    Closed,
}

impl PublishError {
    pub(crate) fn new(kind: PublishErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn caused_by(kind: PublishErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// What happened.
    pub fn kind(&self) -> PublishErrorKind {
        self.kind
    }

    /// Whether the same publication may be accepted later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, PublishErrorKind::TooManyChannels | PublishErrorKind::Storage | PublishErrorKind::Closed)
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            PublishErrorKind::BadChannel => "not a channel",
            PublishErrorKind::Reserved => "this channel is written by the server alone",
            PublishErrorKind::InvalidPayload => "the payload does not fit its type",
            PublishErrorKind::TooLarge => "the payload is too large",
            PublishErrorKind::Conflict => "the push id was used with another payload",
            PublishErrorKind::OutOfOrder => "the number is not larger than all before",
            PublishErrorKind::TooManyChannels => "the hub holds as many channels as it may",
            PublishErrorKind::Storage => "the history could not keep the publication",
            PublishErrorKind::Closed => "the hub is gone",
        })
    }
}

impl Error for PublishError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a subscription was not begun; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The same channel or pattern is subscribed on this connection.
    #[error("already subscribed")]
    AlreadySubscribed,
    /// The connection has `max_channels_per_connection` channels and patterns.
    #[error("a connection has at most {0} channels and patterns")]
    TooManyOnConnection(usize),
    /// The hub has `max_connections` subscribers.
    #[error("the hub has as many connections as it may")]
    TooManyConnections,
    /// The hub holds `max_channels` channels or `max_patterns` patterns.
    #[error("the hub holds as many channels or patterns as it may")]
    TooManyChannels,
    /// The history could not be opened.
    #[error("the history could not be opened")]
    Storage(#[from] crate::history::StoreError),
}
