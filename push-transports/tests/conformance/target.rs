//! Where the list reaches a server: the only module that knows how one is built.

use std::net::SocketAddr;

use push_core::{Hub, HubConfig, Namespace, Pattern};
use push_transports::server::{ServeConfig, bind, serve};
use tokio::task::JoinHandle;

/// A way of serving the router.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path {
    /// Under `axum::serve`.
    AxumServe,
    /// Under `push_transports::server::serve`, every connection a task.
    OwnTasks,
    /// Under `push_transports::server::serve`, sockets in lots; two of them, whatever the machine has.
    OwnLots,
}

impl Path {
    /// How many lots `serve` is given.
    fn lots(self) -> usize {
        match self {
            Self::AxumServe | Self::OwnTasks => 0,
            Self::OwnLots => 2,
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
    let hub = Hub::new(config);
    let app = axum::Router::new().nest("/push", push_transports::router(hub, push_transports::Config::default()));
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let task = match path {
        Path::AxumServe => tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") }),
        Path::OwnTasks | Path::OwnLots => {
            let mut config = ServeConfig::default();
            config.lots = path.lots();
            tokio::spawn(async move {
                serve(listener, app, config, std::future::pending()).await;
            })
        }
    };
    Target { addr, task }
}
