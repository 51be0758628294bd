//! The stores that are tried, each with other programs beside it.

#[cfg(unix)]
pub mod imap;
#[cfg(unix)]
pub mod maildir;
pub mod memory;
#[cfg(unix)]
pub mod pop3;
