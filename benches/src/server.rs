//! The server under test: a hub, its transports and our accept loop, in a process of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::get;
use axum::serve::ListenerExt as _;
use push_core::{Hub, HubConfig, Namespace, Pattern};
use push_transports::server::{ServeConfig, Tls, bind, serve};
use push_transports::{Config, Push};
use tokio::net::TcpListener;

use crate::args::ServerArgs;
use crate::{Result, mailbox, system};

/// No bench runs for longer.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// Bytes that histories may hold: the count of publications is to be what bounds them.
const HISTORY_BYTES: u64 = 4 << 30;

/// Serves until the process that started it ends.
pub(crate) fn run(args: &ServerArgs) -> Result<()> {
    system::end_with_parent()?;
    system::raise_descriptors()?;
    // Threads for files stay, too: with one that ends its processor time is forgotten.
    let runtime = match args.threads {
        1 => {
            system::pin(system::SERVER_CORE)?;
            tokio::runtime::Builder::new_current_thread().enable_all().thread_keep_alive(NEVER).build()?
        }
        threads => {
            system::unpin()?;
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(threads)
                .enable_all()
                .thread_keep_alive(NEVER)
                .build()?
        }
    };
    runtime.block_on(run_until_killed(args))
}

async fn run_until_killed(args: &ServerArgs) -> Result<()> {
    let address = ([127, 0, 0, 1], 0).into();
    let listener = if args.portable { TcpListener::bind::<SocketAddr>(address).await? } else { bind(address)? };
    let hub = Hub::new(hub_config(args)?);
    let mut transports = transports_config(args);
    let mut app = axum::Router::new();
    let served = mailbox::Served::open(&hub, &args.mail).await?;
    if let Some(served) = &served {
        transports.authorizer = served.mail.authorizer(transports.authorizer);
    }
    let push = Push::new(hub, transports)?;
    if let Some(served) = served {
        let mail = served.mail.clone();
        app = app.nest("/push/mail", push_mail::router(mail.clone(), push.clone())).merge(served.router());
        app = app.merge(push_mail::eas_router(mail, push.clone()));
    }
    // Bytes that are allocated; 0 if nobody counts.
    let heap = async || system::heap_bytes().to_string();
    let app = app.route("/mailbox/heap", get(heap)).nest_service("/push", push.service());
    let (app, _files) = if args.tls { with_tls(app, args).await? } else { (app.route("/mailbox/tls", get("")), None) };
    // Whoever reads the address finds everything open.
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    if args.portable {
        return portable(listener, app).await;
    }
    let mut config = serve_config(args);
    config.shortcut = Some(push.shortcut("/push"));
    serve(listener, app, config, std::future::pending()).await;
    Ok(())
}

/// Serves it as an application does that knows nothing of our accept loop.
async fn portable(listener: TcpListener, app: axum::Router) -> Result<()> {
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            eprintln!("a connection without TCP_NODELAY: {error}");
        }
    });
    Ok(axum::serve(listener, app).await?)
}

/// Serves it over TLS as well, and tells where, and by which certificate, at `/mailbox/tls`. The files are read again and
/// again: they go with what is returned.
async fn with_tls(app: axum::Router, args: &ServerArgs) -> Result<(axum::Router, Option<tempfile::TempDir>)> {
    let dir = tempfile::tempdir()?;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    let listener = bind(([127, 0, 0, 1], 0).into())?;
    let told = format!("{}\n{}", listener.local_addr()?, made.cert.pem());
    let mut config = serve_config(args);
    config.tls = Some(Tls::from_files(&certificate, &key)?);
    tokio::spawn(serve(listener, app.clone(), config, std::future::pending()));
    Ok((app.route("/mailbox/tls", get(told)), Some(dir)))
}

/// How sockets are served: the figures are taken with this.
fn serve_config(args: &ServerArgs) -> ServeConfig {
    let mut config = ServeConfig::default();
    config.lots = args.lots();
    config.max_connections = 1_000_000;
    // Silent and idle connections are to stay while they are measured.
    config.header_timeout = NEVER;
    config.idle = NEVER;
    config
}

fn transports_config(args: &ServerArgs) -> Config {
    let mut config = Config::default();
    config.heartbeat = Duration::from_secs(args.heartbeat);
    config
}

fn hub_config(args: &ServerArgs) -> Result<HubConfig> {
    let mut all = Namespace::new(Pattern::parse("**")?);
    all.retention.count = args.retention;
    all.retention.bytes = HISTORY_BYTES;
    let mut config = HubConfig::default();
    config.namespaces = vec![all];
    config.max_history_bytes = HISTORY_BYTES;
    Ok(config)
}
