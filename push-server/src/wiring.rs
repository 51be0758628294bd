//! From settings to a running server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use push_core::{Hub, Namespace, Pattern};
use push_transports::Push;
use push_transports::server::{ServeConfig, ServeSummary, Tls, bind, serve};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::config::{Loaded, Settings};
use crate::lmtp::{self, Maildirs};
use crate::metrics::Metrics;
use crate::routes::{self, Site};
use crate::signals::{Drain, Signals, drain_when_asked, reload_when_asked};
use crate::{demo, descriptors, feed, mail, tls};

/// Connections at a time of the listener that is for metrics alone.
const METRICS_CONNECTIONS: usize = 64;

/// Why a server did not start though its settings are right.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("cannot listen on {address} ('{key}')")]
    Listen { key: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("cannot take over SIGTERM and SIGINT")]
    Signals(#[source] std::io::Error),
    #[error("cannot make the directory {} ('data')", .path.display())]
    Data { path: PathBuf, source: std::io::Error },
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Mail(#[from] mail::OpenError),
    #[error(transparent)]
    Tls(#[from] tls::OpenError),
}

/// Runs a server to its end.
pub(crate) fn start(loaded: Loaded) -> ExitCode {
    let Loaded { settings, notices } = loaded;
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&settings.log))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    for notice in notices {
        tracing::warn!("{notice}");
    }
    run(settings).unwrap_or_else(|error| {
        eprintln!("push-server: {}", with_causes(&error));
        ExitCode::FAILURE
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

fn run(settings: Settings) -> Result<ExitCode, StartError> {
    if let Some(path) = &settings.data {
        std::fs::create_dir_all(path).map_err(|source| StartError::Data { path: path.clone(), source })?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    let code = runtime.block_on(serve_until_asked(settings));
    // A second signal ends at once: nothing is waited for.
    runtime.shutdown_background();
    code
}

async fn serve_until_asked(settings: Settings) -> Result<ExitCode, StartError> {
    let signals = Signals::new().map_err(StartError::Signals)?;
    let tls = match &settings.tls {
        Some(wanted) => Some(tls::open(wanted, settings.data.as_deref())?),
        None => None,
    };
    let doors = Doors::open(&settings, tls.as_ref())?;
    let metrics_listener = settings.metrics_listen.map(|address| listen("metrics_listen", address)).transpose()?;
    let max_connections = descriptors::connections(settings.max_connections, descriptors::room(descriptors::raise()));
    let max_subscribers = descriptors::subscribers(settings.max_subscribers, max_connections);
    tracing::debug!(max_connections, max_subscribers, "accepting");
    let (site, maildirs) = build(&settings, max_subscribers, tls.clone()).await?;
    let site = Arc::new(site);
    let lmtp = settings.mail.lmtp_listen.map(|address| listen("mail.lmtp_listen", address)).transpose()?;
    if let Some(mail) = &site.mail {
        tokio::spawn(mail::watch_heartbeats(mail.clone(), settings.mail.limits.heartbeat_max));
    }
    if settings.has_demo() {
        tokio::spawn(feed::publish_load(site.push.hub().clone()));
    }
    let (stop, stopped) = watch::channel(false);
    let drain = Drain { notice: settings.drain_notice, window: settings.drain_window };
    let again = tokio::spawn(drain_when_asked(signals, Arc::clone(&site), drain, stop));
    if let Some(mail) = &site.mail {
        mail::be_ready(mail, &settings.mail).await;
    }
    let receiving = site.mail.as_ref().zip(lmtp).map(|(mail, listener)| {
        tokio::spawn(lmtp::receive(mail, maildirs, listener, &settings, wait(stopped.clone())))
    });
    if let Some(tls) = tls {
        tokio::spawn(tls.clone().watch(tls::LOOK_EACH));
        tokio::spawn(reload_when_asked(tls));
    }
    if let Err(error) = announce(&doors, metrics_listener.as_ref()) {
        // Whoever closed stdout does not wait for it.
        tracing::debug!(%error, "nobody reads where it listens");
    }
    let serving = serve_all(serve_config(&settings, max_connections), site, doors, metrics_listener, stopped);
    tokio::select! {
        cut = serving => {
            if let Some(receiving) = receiving {
                // Who is in the midst of a message may end it; a receiver that panicked has ended.
                let _ = receiving.await;
            }
            if cut > 0 {
                tracing::warn!(connections = cut, "the grace was over before all connections had ended");
            }
            tracing::info!("ended");
            Ok(ExitCode::SUCCESS)
        }
        Ok(again) = again => Ok(ExitCode::from(again.exit_code())),
    }
}

fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    bind(address).map_err(|source| StartError::Listen { key, address, source })
}

/// Where everybody comes in: in the clear, by TLS, or each at an address of its own.
struct Doors {
    plain: Option<TcpListener>,
    secured: Option<(TcpListener, Tls)>,
}

impl Doors {
    fn open(settings: &Settings, tls: Option<&Tls>) -> Result<Self, StartError> {
        let first = listen("listen", settings.listen)?;
        let Some(tls) = tls.cloned() else { return Ok(Self { plain: Some(first), secured: None }) };
        Ok(match settings.tls.as_ref().and_then(|tls| tls.listen) {
            Some(address) => Self { plain: Some(first), secured: Some((listen("tls.listen", address)?, tls)) },
            None => Self { plain: None, secured: Some((first, tls)) },
        })
    }

    /// Their addresses, that of `listen` first.
    fn addresses(&self) -> std::io::Result<Vec<String>> {
        let plain = self.plain.iter().map(|listener| ("http", listener));
        let secured = self.secured.iter().map(|(listener, _)| ("https", listener));
        plain.chain(secured).map(|(scheme, door)| Ok(format!("{scheme}://{}", door.local_addr()?))).collect()
    }
}

fn serve_config(settings: &Settings, max_connections: usize) -> ServeConfig {
    let mut config = settings.serve.clone();
    config.max_connections = max_connections;
    config.lots = settings.lots.unwrap_or(config.lots);
    if let Some(most) = settings.max_connections_per_address.filter(|most| *most > 0) {
        config.max_connections_per_address = most;
    }
    config
}

/// What is served, and the mailboxes that take mail in.
async fn build(settings: &Settings, max_subscribers: usize, tls: Option<Tls>) -> Result<(Site, Maildirs), StartError> {
    let mut hub = settings.hub.clone();
    hub.max_connections = max_subscribers;
    if settings.has_demo() {
        hub.namespaces.extend(demo_namespaces());
    }
    let hub = Hub::new(hub);
    let opened = mail::open(&settings.mail, settings.data.as_ref(), &hub).await?;
    let (mail, maildirs) = opened.map(|opened| (opened.mail, opened.maildirs)).unzip();
    let mut transports = settings.transports.clone();
    if let Some(mail) = &mail {
        transports.authorizer = mail.authorizer(transports.authorizer);
    }
    let push = Push::new(hub, transports).expect("'origins' and 'hosts' were checked when they were read");
    let metrics = Metrics::new(push.clone(), settings.serve.counters.clone(), mail.clone(), tls);
    Ok((
        Site { push, mail, metrics, serves_eas: settings.mail.serves_eas, has_page: settings.has_demo() },
        maildirs.unwrap_or_default(),
    ))
}

/// What the page needs of its channels. They come last, so that a namespace of the operator's wins.
fn demo_namespaces() -> [Namespace; 3] {
    let namespace = |pattern: &str| Namespace::new(Pattern::parse(pattern).expect("the demo's names are valid"));
    let mut load = namespace(demo::LOAD_CHANNEL);
    load.retention.count = demo::load::HISTORY_LEN;
    let mut chart = namespace(demo::CHART_CHANNEL);
    chart.retention.count = 2;
    let mut chat = namespace("chat/**");
    chat.presence = true;
    [load, chart, chat]
}

/// The first line on stdout, which whoever started it may wait for; a second one where TLS has an address of its own. The
/// same goes to the log, with what else listens.
fn announce(doors: &Doors, metrics_listener: Option<&TcpListener>) -> std::io::Result<()> {
    if let Some(listener) = metrics_listener {
        tracing::info!("metrics are on http://{}/metrics", listener.local_addr()?);
    }
    let mut lines = String::new();
    for address in doors.addresses()? {
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "listening on {address}");
        lines.push_str(&format!("listening on {address}\n"));
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush())
}

/// Returns how many connections were cut.
async fn serve_all(
    mut config: ServeConfig,
    site: Arc<Site>,
    doors: Doors,
    metrics_listener: Option<TcpListener>,
    stopped: watch::Receiver<bool>,
) -> usize {
    let mut metrics_config = config.clone();
    metrics_config.max_connections = METRICS_CONNECTIONS;
    metrics_config.lots = config.lots.min(1);
    metrics_config.counters = Default::default();
    // No layer stands between the listener and these routes, see `routes::app`.
    config.shortcut = Some(site.push.shortcut("/push"));
    let metrics = async {
        if let Some(listener) = metrics_listener {
            serve(listener, routes::metrics_app(Arc::clone(&site)), metrics_config, wait(stopped.clone())).await;
        }
    };
    let app = routes::app(Arc::clone(&site));
    let plain = async {
        let Some(listener) = doors.plain else { return ServeSummary::default() };
        serve(listener, app.clone(), config.clone(), wait(stopped.clone())).await
    };
    let secured = async {
        let Some((listener, tls)) = doors.secured else { return ServeSummary::default() };
        let mut config = config.clone();
        config.tls = Some(tls);
        serve(listener, app.clone(), config, wait(stopped.clone())).await
    };
    let (plain, secured, ()) = tokio::join!(plain, secured, metrics);
    plain.cut + secured.cut
}

/// Resolves once the server is to accept no more.
async fn wait(mut stopped: watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        // The task that would say so is gone, and with it the wish to end.
        std::future::pending().await
    }
}
