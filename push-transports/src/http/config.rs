//! What can be set about the transports. Every limit a stranger can hit is here, in the hub's settings or in the server's.

use std::sync::Arc;
use std::time::Duration;

use push_core::{Authorizer, Open};

use crate::proto::params::Bounds;
use crate::proto::{batch, stream};

/// Settings of the transports. Start from [`Config::default`] and change fields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Who may do what; default [`Open`]: anyone may do anything, and only loopback names are answered.
    pub authorizer: Arc<dyn Authorizer>,
    /// Origins whose pages may reach the server beside its own (`https://app.example`, or `null`); default none.
    pub origins: Vec<String>,
    /// Names under which the server answers (`push.example`, `push.example:8080`); default any, in open mode the
    /// loopback's alone.
    pub hosts: Vec<String>,
    /// Longest silence on a stream or WebSocket, and how long after it a WebSocket client must have answered a ping is
    /// twice that and 10 s; default 25 s.
    pub heartbeat: Duration,
    /// How soon a client that was cut comes back: told as a value between this and its double; default 1 s.
    pub retry: Duration,
    /// Longest `timeout` of a poll; default 3,540 s.
    pub max_poll_timeout: Duration,
    /// Longest request target in bytes; default 16 KiB, else 414.
    pub max_target_bytes: usize,
    /// Longest JSON body of a subscription or an operator's call; default 64 KiB.
    pub max_json_bytes: usize,
    /// Longest NDJSON batch in bytes; default 8 MiB.
    pub max_batch_bytes: usize,
    /// Most lines of an NDJSON batch; default 10,000.
    pub max_batch_lines: usize,
    /// How long a request body may take to arrive; default 30 s.
    pub body_timeout: Duration,
    /// How long a WebSocket that must show a token and has not may take to send `auth`; default 10 s.
    pub auth_window: Duration,
    /// How long a WebSocket may take nothing before it is closed; default 30 s. For the other transports that limit is
    /// the server's: [`crate::server::ServeConfig::stall`].
    pub stall: Duration,
    /// How long a publish, or an NDJSON batch, that is faster than all subscribers of its channels is held back; default 1 s.
    /// In a program, [`push_core::Hub::is_pressed`] tells when to wait.
    pub publish_wait: Duration,
    /// Active media types (HTML, SVG, XML, script) that mixed sends as they are; default none: they go out as
    /// `text/plain`.
    pub active_types: Vec<String>,
    /// Whether `echo` answers: a plain WebSocket echo for conformance suites; default no.
    pub echo: bool,
    /// Longest message of `echo`; default 16 MiB.
    pub max_echo_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        let batch = batch::BatchBounds::default();
        Self {
            authorizer: Arc::new(Open),
            origins: Vec::new(),
            hosts: Vec::new(),
            heartbeat: stream::DEFAULT_HEARTBEAT,
            retry: Duration::from_secs(1),
            max_poll_timeout: Duration::from_secs(3540),
            max_target_bytes: 16 * 1024,
            max_json_bytes: 64 * 1024,
            max_batch_bytes: batch.bytes,
            max_batch_lines: batch.lines,
            body_timeout: Duration::from_secs(30),
            auth_window: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            publish_wait: Duration::from_secs(1),
            active_types: Vec::new(),
            echo: false,
            max_echo_bytes: 16 << 20,
        }
    }
}

impl Config {
    /// Bounds of what a subscription may ask for.
    pub(crate) fn bounds(&self, channels: usize) -> Bounds {
        Bounds { channels, timeout_secs: self.max_poll_timeout.as_secs() }
    }
}
