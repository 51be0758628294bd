//! Requests that are answered at the door of a lot ([`ServeConfig::shortcut`]): as the application would have answered
//! them, each once and in its turn, and whatever is not plain goes the long way.
//!
//! [`ServeConfig::shortcut`]: push_transports::server::ServeConfig::shortcut

#![cfg(target_os = "linux")]

mod differences;
mod doors;
mod ends;
mod handshakes;
mod pipelines;
#[path = "../serving/mod.rs"]
mod serving;
mod waiting;
