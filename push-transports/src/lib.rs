//! Transports for [`push_core`]: WebSocket, server-sent events, long polls, HTTP streams and pictures over one hub.
//!
//! ```no_run
//! use push_core::{Hub, HubConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::new(HubConfig::default());
//! let app = axum::Router::new().nest("/push", push_transports::router(hub.clone(), Default::default()));
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?;
//! # Ok(()) }
//! ```
//!
//! In reading order: [`proto`] is what each transport says (pure: no tokio, no clock), `http` the handlers behind the
//! routes, [`server`] an accept loop that looks after slow and hostile clients.
#![forbid(unsafe_code)]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "parts of it serve connections that a lot owns"))]

mod http;
pub mod proto;
pub mod server;

pub use http::{Config, Push, PushBody, PushService, ResponseFuture, router};
