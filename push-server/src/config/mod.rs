//! Settings: flags over environment over file over defaults, every value checked before anything is bound.

mod flags;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use push_core::HubConfig;
use push_transports::server::ServeConfig;
use tracing_subscriber::EnvFilter;

pub(crate) use flags::Flags;

/// All that can be set about a server.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) demo: Option<bool>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) drain_notice: Duration,
    pub(crate) drain_window: Duration,
    pub(crate) hub: HubConfig,
    pub(crate) transports: push_transports::Config,
    pub(crate) serve: ServeConfig,
}

/// Settings, and what is to be said about them.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) filter: EnvFilter,
    pub(crate) notices: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(String);

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_listen: None,
            data: None,
            demo: None,
            max_connections: None,
            drain_notice: Duration::from_secs(1),
            drain_window: Duration::from_secs(10),
            hub: HubConfig::default(),
            transports: push_transports::Config::default(),
            serve: ServeConfig::default(),
        }
    }
}

impl Settings {
    pub(crate) fn has_demo(&self) -> bool {
        self.demo.unwrap_or(self.transports.authorizer.is_open())
    }

    pub(crate) fn say_how_it_runs(&self) {
        if self.transports.authorizer.is_open() {
            tracing::warn!("no [[token]] is configured: anyone may do anything, so it listens on the loopback only");
        }
        if self.data.is_some() {
            tracing::warn!("'data' is set, but history stays in memory in this version: a restart forgets it");
        }
    }
}

pub(crate) fn load(
    flags: &Flags,
    _environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Loaded, ConfigError> {
    let mut settings = Settings { data: flags.data.clone(), ..Settings::default() };
    if let Some(listen) = &flags.listen {
        settings.listen = listen.parse().map_err(|_| ConfigError(format!("--listen: {listen:?} is not an address")))?;
    }
    if settings.transports.authorizer.is_open() && !settings.listen.ip().is_loopback() {
        return Err(ConfigError(format!(
            "listening on {} without authorisation would let anyone do anything: add a [[token]] to the configuration, \
             or listen on the loopback",
            settings.listen
        )));
    }
    settings.transports.echo = flags.echo;
    let filter = EnvFilter::try_new(flags.log.as_deref().unwrap_or("info"))
        .map_err(|error| ConfigError(format!("--log: {error}")))?;
    Ok(Loaded { settings, filter, notices: Vec::new() })
}
