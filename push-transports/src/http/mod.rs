//! HTTP: the handlers behind every route, as a tower `Service` and an axum `Router`.
//!
//! A handler reads and checks, asks the hub, and lets `proto` say it; what streams is a body that reads on from its
//! position whenever the server can take more.

mod admin;
mod alarm;
mod ask;
mod beside;
mod body;
mod config;
mod credentials;
mod later;
#[cfg(target_os = "linux")]
mod parked;
mod poll;
mod publish;
mod push;
mod reject;
mod request;
mod service;
#[cfg(target_os = "linux")]
mod shortcut;
mod stream;
mod ws;

pub use body::PushBody;
pub use config::Config;
pub use later::later;
pub use push::{Push, router};
pub use service::{PushService, ResponseFuture};
