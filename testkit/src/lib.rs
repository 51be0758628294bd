//! The outside view of push: clients for every transport, written from the published surface alone, and a
//! starter for server processes. For tests only.
//!
//! In reading order: [`http`] is a raw HTTP/1.1 client that shows the bytes; [`publication`] reads the JSON
//! envelope; [`sse`], [`poll`], [`stream`], [`mixed`] and [`ws`] speak one transport each; [`Subscriber`] puts
//! them behind one face; [`publish`] and [`api`] are the other calls; [`process`] runs a server binary, [`dovecot`] a
//! real mail server; [`mail`] makes messages, [`smtp`]
//! takes them.
//! real mail server; [`mail`] makes messages; [`tls`] is an authority and a relay.
//!
//! A client that reads something the surface does not allow panics and shows what it read: a test has no use
//! for going on. What a test wants to look at (refusals, gaps, endings) is returned.

#![forbid(unsafe_code)]

pub mod api;
pub mod dovecot;
pub mod http;
pub mod mail;
pub mod mixed;
pub mod poll;
pub mod process;
pub mod publication;
pub mod publish;
pub mod random;
pub mod smtp;
pub mod sse;
pub mod stream;
pub mod subscriber;
pub mod tls;
pub mod ws;

pub use dovecot::{Dovecot, DovecotConfig};
pub use http::{Connection, GUARD, Request, Response};
pub use process::PushServer;
pub use publication::{Close, Gap, Item, Publication};
pub use publish::Publish;
pub use random::Random;
pub use smtp::{SmtpOptions, SmtpServer};
pub use subscriber::{Opened, Options, Refusal, Subscriber, Transport};
