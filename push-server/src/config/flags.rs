//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use super::error::{ConfigError, Place};
use super::value::Value;
use super::{Settings, keys, tls};

/// Publish and subscribe over WebSocket, server-sent events, polls and HTTP streams.
///
/// Started without anything it listens on http://127.0.0.1:8080, where / is a page that shows it at work and /push has the
/// transports. Without a token in its configuration anyone may do anything, so it then listens on the loopback only.
/// The first line on stdout says where it listens; logs go to stderr. SIGTERM and SIGINT end it in order, a second one at once.
#[derive(Clone, Debug, Default, clap::Parser)]
#[command(name = "push-server", version, after_long_help = keys::help())]
pub(crate) struct Flags {
    /// Where to listen; port 0 takes a free one.
    #[arg(
        long,
        value_name = "ADDR",
        help = "Where to listen: 127.0.0.1:8080, [::1]:8080 or localhost:8080; port 0 takes a free one"
    )]
    pub(crate) listen: Option<String>,
    /// A TOML file; --help shows its keys [env: PUSH_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where it is kept what outlives a restart: devices of mail; in this version history stays in memory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<OsString>,
    /// Answer /push/echo, a plain WebSocket echo for conformance suites
    #[arg(long)]
    pub(crate) echo: bool,
    /// Speak TLS with a certificate for HOST that it makes at the first start, into --data; phones refuse it
    #[arg(long, value_name = "HOST")]
    pub(crate) tls_self_signed: Vec<String>,
    /// What to log on stderr: error, warn, info, debug, trace, or by module
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

impl Flags {
    /// Reads what was given into `settings`.
    pub(crate) fn apply(&self, settings: &mut Settings) -> Result<(), ConfigError> {
        let texts = [("--listen", "listen", &self.listen), ("--log", "log", &self.log)];
        for (flag, name, text) in texts {
            let Some(text) = text else { continue };
            let key = keys::find(name).expect("every flag but --config is a key");
            key.set(settings, Value::Text(text)).map_err(|problem| ConfigError::new(Place::Flag(flag), problem))?;
        }
        if let Some(data) = &self.data {
            if data.is_empty() {
                return Err(ConfigError::new(Place::Flag("--data"), "the path is empty"));
            }
            settings.data = Some(PathBuf::from(data));
        }
        settings.transports.echo |= self.echo;
        self.apply_self_signed(settings)
    }

    fn apply_self_signed(&self, settings: &mut Settings) -> Result<(), ConfigError> {
        if self.tls_self_signed.is_empty() {
            return Ok(());
        }
        let refused = |problem: String| ConfigError::new(Place::Flag("--tls-self-signed"), problem);
        tls::check_names(&self.tls_self_signed).map_err(refused)?;
        let tls = settings.tls.get_or_insert_default();
        if tls.cert.is_some() {
            return Err(refused("the file has a [tls] with a certificate".to_owned()));
        }
        tls.self_signed.clone_from(&self.tls_self_signed);
        Ok(())
    }
}
