//! The command line.

use std::path::PathBuf;

/// Publish and subscribe over WebSocket, server-sent events, polls and HTTP streams.
///
/// Without [[token]] in its configuration anyone may do anything, so it listens on the loopback only.
#[derive(Clone, Debug, Default, clap::Parser)]
#[command(name = "push-server", version)]
pub(crate) struct Flags {
    /// Where to listen: 127.0.0.1:8080, [::1]:8080, localhost:8080; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// A TOML file with the keys below
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where history is to be kept; in this version it stays in memory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Answer /push/echo, a plain WebSocket echo for conformance suites
    #[arg(long)]
    pub(crate) echo: bool,
    /// What to log on stderr: error, warn, info, debug, trace, or by module
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}
