//! Mailbox folders as channels, and Direct Push: devices wait for mail with one long request.
//!
//! In reading order: [`store`] (what a mailbox must be able to do, and the stores there are), [`journal`] (what was
//! seen of each folder, numbered) over [`state`] (the one database), [`message`] (a raw message as a summary), `lmtp`
//! (mail as a mail server hands it over), `account` (the watcher that turns hints into publications), [`direct`] (sync
//! keys and pings), `readers` (who may), `mail` (all accounts together) and `http` (the calls of wire.md §9). The other
//! end: [`device`] (how long a device waits, and a client) and [`simulator`] (what its rules cost, without a network).
#![forbid(unsafe_code)]

mod account;
mod config;
mod described;
pub mod device;
pub mod direct;
mod eas;
pub mod hook;
mod http;
pub mod journal;
#[cfg(unix)]
pub mod lmtp;
mod logins;
mod mail;
pub mod message;
mod name;
mod net;
mod pim;
mod readers;
pub mod simulator;
pub mod state;
mod stats;
pub mod store;
pub mod submit;
#[cfg(test)]
mod trial;
pub mod wbxml;

pub use config::MailConfig;
pub use direct::pulse::{DeviceClasses, DevicePings};
pub use eas::{DeviceSummary, EasConfig, eas_router, is_eas_path};
pub use http::router;
pub use logins::{BadHash, Password};
pub use mail::{Mail, MailBuilder, MailError};
pub use name::{folder_channel, tree_channel};
pub use stats::{CUT_BOUNDS_S, MailStats};

/// The README's programs are compiled with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
