//! LMTP (RFC 2033): receives mail from a mail server and delivers it, told to whoever waits for it before the mail server
//! is told.
//!
//! ```text
//!  bytes ─▶ session (commands, pure) ─▶ recipient? ─▶ Deliver::accepts
//!              └▶ body (dots, line ends, pure) ─▶ spool: memory, then a file ─▶ Deliver::deliver, once a recipient
//!  replies ◀─ session ◀──────────────────────────────────────── durable and published
//! ```
//!
//! It is meant for a mail server on the same machine or network: there is no authentication, so it listens on a loopback
//! address or a unix socket that others cannot open.

mod body;
mod mailboxes;
mod serve;
mod session;
mod spool;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use push_core::BoxFuture;

pub use mailboxes::Mailboxes;
pub use serve::LmtpListener;

pub use crate::store::maildir::Letter;

/// Why a mailbox does not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such mailbox: the sender is told.
    NoSuchMailbox,
    /// The mailbox cannot be written now: the mail server tries again later.
    Unavailable,
    /// The mailbox is full: the mail server tries again later.
    Full,
    /// The mailbox will never take this message.
    Rejected,
}

impl Refusal {
    /// The reply (RFC 5321 §4.2.2, RFC 3463).
    const fn reply(self) -> &'static str {
        match self {
            Refusal::NoSuchMailbox => "550 5.1.1 there is no such mailbox",
            Refusal::Unavailable => "451 4.3.0 the mailbox cannot be written now",
            Refusal::Full => "452 4.2.2 the mailbox is full",
            Refusal::Rejected => "554 5.6.0 the mailbox does not take this message",
        }
    }
}

/// The mailboxes that mail is for.
pub trait Deliver: std::fmt::Debug + Send + Sync + 'static {
    /// Whether there is a mailbox of that address (RFC 5321 Mailbox, as the mail server wrote it).
    ///
    /// # Errors
    ///
    /// [`Refusal`]: the recipient is refused before the message is sent.
    fn accepts<'a>(&'a self, recipient: &'a str) -> BoxFuture<'a, Result<(), Refusal>>;

    /// Delivers a message. Once it resolves well the message is on the disk and told to whoever waits for it: the mail server
    /// is told next, and forgets it.
    ///
    /// Cancel safety: dropped, the message is delivered or not; the mail server sends it again.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what the mail server is told instead.
    fn deliver<'a>(&'a self, recipient: &'a str, letter: Letter) -> BoxFuture<'a, Result<(), Refusal>>;
}

/// Settings of [`Lmtp`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LmtpConfig {
    /// What it calls itself; `localhost` by default.
    pub hostname: String,
    /// Largest message, in bytes; 50 MiB by default. Told to the mail server (RFC 1870).
    pub max_message_bytes: u64,
    /// Recipients of a message; 100 by default, which is the least that RFC 5321 §4.5.3.1.8 allows.
    pub max_recipients: usize,
    /// Longest command line, its end included; 2048 bytes by default.
    pub max_line_bytes: usize,
    /// Commands that are refused before the connection is closed; 20 by default.
    pub max_errors: usize,
    /// Connections at a time; 100 by default. Further ones are told to come later.
    pub max_connections: usize,
    /// Longest silence of a mail server; 5 minutes by default (RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
    /// How long messages that are being received may go on once it is to stop; 10 seconds by default.
    pub grace: Duration,
    /// Bytes of a message that are kept in memory while it is received, on each connection; 1 MiB by default. The rest lies
    /// in a file.
    pub memory_bytes: usize,
    /// Where such files lie, without a name; the system's directory for them by default.
    pub spool: PathBuf,
}

impl Default for LmtpConfig {
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            max_message_bytes: 50 * 1024 * 1024,
            max_recipients: 100,
            max_line_bytes: 2048,
            max_errors: 20,
            max_connections: 100,
            idle: Duration::from_secs(300),
            grace: Duration::from_secs(10),
            memory_bytes: 1024 * 1024,
            spool: std::env::temp_dir(),
        }
    }
}

/// Receives mail. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lmtp {
    mailboxes: Arc<dyn Deliver>,
    config: Arc<LmtpConfig>,
}

impl Lmtp {
    /// Mail for these mailboxes.
    pub fn new(mailboxes: impl Deliver, config: LmtpConfig) -> Self {
        Self { mailboxes: Arc::new(mailboxes), config: Arc::new(config) }
    }

    /// Receives mail from all who connect, until `stop` resolves. Then who is between two messages is told to come later,
    /// and who is in the midst of one has [`LmtpConfig::grace`] to end it.
    ///
    /// Cancel safety: dropped, all connections end at once.
    pub async fn serve(&self, listener: impl Into<LmtpListener>, stop: impl Future<Output = ()>) {
        serve::serve(self, listener.into(), stop).await;
    }
}
