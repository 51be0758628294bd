//! Our accept loop: HTTP/1.1 over TCP with a limit on everything a stranger can take.
//!
//! `axum::serve` and its like arm no time-out, count nothing and see no backpressure. [`serve`] runs any `tower` service, an
//! axum `Router` for example, on hyper's HTTP/1 with what is missing there:
//!
//! | a client that | meets | setting |
//! | --- | --- | --- |
//! | sends its head slowly | the connection closed | [`ServeConfig::header_timeout`] |
//! | sends nothing more | the connection closed | [`ServeConfig::idle`] |
//! | sends a huge head | 431 | [`ServeConfig::header_bytes`], [`ServeConfig::max_headers`] |
//! | does not read | the connection closed | [`ServeConfig::stall`], [`ServeConfig::send_buffer`] |
//! | is one too many | 429 | [`ServeConfig::max_connections`] |
//! | goes on sending after its answer | an orderly close | [`ServeConfig::linger`] |
//! | ends its side before its answer | its answer, if that comes soon | [`ServeConfig::half_close`] |
//! | is there at shutdown | its answer, then a close | [`ServeConfig::grace`] |
//! | sends what is not HTTP | 400 | |
//! | is slow to speak TLS, or does not | the connection closed | [`ServeConfig::handshake_timeout`], [`ServeConfig::max_handshakes`] |
//!
//! ```text
//!  bind ─▶ lot: accepts, and owns who waits ─▶ hyper, while a request is in memory ─▶ the service
//!            │    ▲                                 │        with a ConnectionInfo in each request
//!            │    └── answered, or parked: a row ───┼─▶ a session of the transports
//!            ▼                                      └─▶ upgraded: the application's task
//!          refuse
//! ```
//!
//! With [`ServeConfig::lots`] of 0, and on systems other than Linux, each connection is a task of its own instead. TLS
//! ([`ServeConfig::tls`]) is spoken on either way, by the lot itself while a connection is parked.

mod accept;
mod backoff;
mod bind;
mod config;
mod connection;
mod counters;
mod drive;
mod head_timer;
mod io;
#[cfg(target_os = "linux")]
pub(crate) mod lot;
mod readiness;
mod refuse;
mod registry;
#[cfg(target_os = "linux")]
pub(crate) mod shortcut;
mod stream;
mod tls;
mod wait;

pub use accept::{ServeSummary, serve};
pub use bind::bind;
pub use config::ServeConfig;
pub use connection::ConnectionInfo;
pub use counters::ServeCounters;
pub use io::ConnectionIo;
#[cfg(target_os = "linux")]
pub use shortcut::Shortcut;
pub use tls::{Tls, TlsError};
pub use wait::Wait;
pub(crate) use wait::Waiting;

pub use crate::http::later;
