//! Mailbox folders as channels, and Direct Push: devices wait for mail with one long request.
//!
//! In reading order: [`store`] (what a mailbox must be able to do, and the stores there are), [`journal`] (what was
//! seen of each folder, numbered) over [`state`] (the one database), [`message`] (a raw message as a summary).
#![forbid(unsafe_code)]

pub mod journal;
pub mod message;
mod name;
mod net;
pub mod state;
pub mod store;

pub use name::{folder_channel, tree_channel};
