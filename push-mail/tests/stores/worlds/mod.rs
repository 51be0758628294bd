//! The stores that are tried, each with other programs beside it.

#[cfg(unix)]
pub(crate) mod imap;
#[cfg(unix)]
pub(crate) mod joined;
#[cfg(unix)]
pub(crate) mod maildir;
pub(crate) mod memory;
#[cfg(unix)]
pub(crate) mod pop3;
