//! Where the list reaches a server: the only module that knows how one is built.

use std::net::SocketAddr;

use push_core::{Hub, HubConfig, Namespace, Pattern};
use push_transports::Push;
use push_transports::server::{ServeConfig, Tls, bind, serve};
use testkit::tls::{Authority, Relay};
use tokio::task::JoinHandle;

/// A way of serving the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Under `axum::serve`.
    AxumServe,
    /// Under `push_transports::server::serve`, every connection a task.
    OwnTasks,
    /// Under `push_transports::server::serve`, sockets in lots; two of them, whatever the machine has.
    OwnLots,
    /// The same with the shortcut past the application.
    OwnShortcut,
    /// Under `push_transports::server::serve` with TLS, which the clients of the list do not know: a relay speaks it for them.
    OwnTls,
}

impl Path {
    /// How many lots `serve` is given.
    fn lots(self) -> usize {
        match self {
            Self::AxumServe | Self::OwnTasks => 0,
            Self::OwnLots | Self::OwnShortcut | Self::OwnTls => 2,
        }
    }
}

/// What a case needs of its server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    namespaces: Vec<Namespace>,
}

impl Setup {
    /// Keeps `count` publications of the channels that `pattern` matches.
    pub(crate) fn retaining(mut self, pattern: &str, count: usize) -> Self {
        let mut namespace = Namespace::new(Pattern::parse(pattern).expect("a pattern"));
        namespace.retention.count = count;
        self.namespaces.push(namespace);
        self
    }

    /// Lists the members of the channels that `pattern` matches.
    pub(crate) fn with_presence(mut self, pattern: &str) -> Self {
        let mut namespace = Namespace::new(Pattern::parse(pattern).expect("a pattern"));
        namespace.presence = true;
        self.namespaces.push(namespace);
        self
    }
}

/// A running server; it ends with the value.
#[derive(Debug)]
pub(crate) struct Target {
    /// Where it listens.
    pub addr: SocketAddr,
    task: JoinHandle<()>,
    _relay: Option<Relay>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server with defaults.
pub(crate) async fn start(path: Path) -> Target {
    start_with(path, Setup::default()).await
}

/// Starts a server.
pub(crate) async fn start_with(path: Path, setup: Setup) -> Target {
    let mut config = HubConfig::default();
    config.namespaces = setup.namespaces;
    let push = Push::new(Hub::new(config), push_transports::Config::default()).expect("a policy");
    let app = axum::Router::new().nest("/push", push.router());
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let addr = listener.local_addr().expect("bound");
    if path == Path::AxumServe {
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        return Target { addr, task, _relay: None };
    }
    let authority = Authority::new();
    let mut config = ServeConfig::default();
    config.lots = path.lots();
    config.shortcut = matches!(path, Path::OwnShortcut | Path::OwnTls).then(|| push.shortcut("/push"));
    config.tls = (path == Path::OwnTls).then(|| certificate(&authority));
    let relay = match config.tls {
        Some(_) => Some(Relay::start(addr, authority.client(rustls::ALL_VERSIONS)).await),
        None => None,
    };
    let task = tokio::spawn(async move {
        serve(listener, app, config, std::future::pending()).await;
    });
    Target { addr: relay.as_ref().map_or(addr, |relay| relay.addr), task, _relay: relay }
}

fn certificate(authority: &Authority) -> Tls {
    let files = tempfile::tempdir().expect("a directory");
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    authority.issue("127.0.0.1").write(&certificate, &key);
    Tls::from_files(certificate, key).expect("a pair")
}
