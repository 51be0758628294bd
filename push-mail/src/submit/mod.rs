//! Sending: a message with its envelope, and who takes it on its way.
//!
//! ```text
//!  Outgoing ─▶ Submitter::open ─▶ connected, logged in, sender and recipients accepted: nothing is sent yet
//!                                  └▶ Opened::hand_over ─▶ the message; from here on it may have been taken
//! ```
//!
//! Two steps, so that whoever sends can remember in between that from now on nobody knows, and after a crash of the first
//! step send again with a good conscience.

mod config;
mod error;
mod session;

use std::sync::Arc;

use bytes::Bytes;
use push_core::BoxFuture;

pub use config::SmtpConfig;
pub use error::{SubmitError, SubmitErrorKind};
pub use session::SmtpSubmitter;

use crate::eas::Turns;

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Who hears if it cannot be delivered (RFC 5321 §4.1.1.2): an address.
    pub from: String,
    /// Who gets it: at least one address.
    pub recipients: Vec<String>,
    /// The message (RFC 5322): lines end in CRLF, and no header field names who gets it in secret.
    pub raw: Bytes,
}

/// A way by which messages are sent, [`SmtpSubmitter`] for instance.
pub trait Submitter: std::fmt::Debug + Send + Sync + 'static {
    /// Does all that can be done before the message itself is told: most that is refused is refused here.
    ///
    /// Cancel safety: dropped, nothing was sent; neither if what comes of it is dropped.
    ///
    /// # Errors
    ///
    /// [`SubmitError`] of any kind but [`SubmitErrorKind::InDoubt`].
    fn open(&self, message: Outgoing) -> BoxFuture<'_, Result<Box<dyn Opened>, SubmitError>>;
}

/// A message whose envelope was accepted.
pub trait Opened: std::fmt::Debug + Send {
    /// Hands the message over.
    ///
    /// Cancel safety: none. Dropped, the message was sent or not.
    ///
    /// # Errors
    ///
    /// [`SubmitErrorKind::InDoubt`] where all was told and no answer came; with any other kind it was not sent.
    fn hand_over(self: Box<Self>) -> BoxFuture<'static, Result<(), SubmitError>>;
}

/// Who an account is when it sends, and how it sends.
#[derive(Debug, Default)]
pub(crate) struct Submission {
    /// Its addresses, the one that it prefers first.
    pub(crate) addresses: Vec<String>,
    pub(crate) submitter: Option<Arc<dyn Submitter>>,
    /// Whose messages are being sent.
    pub(crate) turns: Turns,
}
