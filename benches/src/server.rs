//! The server under test: a hub, its transports and our accept loop, in a process of its own.

use std::io::Write as _;
use std::time::Duration;

use push_core::{Hub, HubConfig, Namespace, Pattern};
use push_transports::server::{ServeConfig, bind, serve};
use push_transports::{Config, Push};

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
    let listener = bind(([127, 0, 0, 1], 0).into())?;
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
    let app = app.nest_service("/push", push.service());
    // Whoever reads the address finds everything open.
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    serve(listener, app, serve_config(args), std::future::pending()).await;
    Ok(())
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
