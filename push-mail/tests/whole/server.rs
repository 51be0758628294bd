//! A server over a Maildir, with its state on the disk.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use push_core::{Hub, HubConfig, Open};
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::{Mail, MailConfig};
use push_transports::server::{ServeConfig, bind, serve};
use push_transports::{Config, Push};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    stop: oneshot::Sender<()>,
    /// Ends once nothing holds the state any more.
    ended: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(root: &Path, state: &Path, addr: Option<SocketAddr>) -> Self {
        let path = state.to_owned();
        let state = opened(&path).await;
        let hub = Hub::new(HubConfig::default());
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let store = MaildirStore::open(root, journal, MaildirConfig::default()).await.expect("a Maildir");
        let mut config = MailConfig::default();
        config.heartbeat_min = Duration::from_secs(1);
        config.linger = Duration::from_millis(5);
        let mail = Mail::builder(hub.clone(), state, config).account("alice", ["alice"], Arc::new(store));
        let mail = mail.build().expect("an account");
        let mut transports = Config::default();
        transports.authorizer = mail.authorizer(Arc::new(Open));
        let push = Push::new(hub, transports).expect("no origins");
        let app = axum::Router::new().nest("/push/mail", push_mail::router(mail.clone(), push.clone()));
        let addr = addr.unwrap_or_else(|| "127.0.0.1:0".parse().expect("an address"));
        let listener = bind(addr).expect("bound");
        let addr = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            let stopped = async {
                drop(stopped.await);
                mail.drain();
            };
            serve(listener, app, ServeConfig::default(), stopped).await;
        });
        Self { addr, stop, ended }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.ended.await.expect("it ends");
    }
}

/// The one before may hold it for another moment.
async fn opened(path: &Path) -> State {
    for _ in 0..200 {
        if let Ok(state) = State::open(path) {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the state is never free")
}
