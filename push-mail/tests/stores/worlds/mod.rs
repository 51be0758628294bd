//! The stores that are tried, each with other programs beside it.

#[cfg(unix)]
pub mod maildir;
pub mod memory;
