//! A server that begins to go down while a client is on its way in: the client is told, as all others are.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use push_core::{Action, Authorizer, BoxFuture, Credentials, Hub, HubConfig, Identity, Selector, Unauthorized};
use push_transports::server::{ServeConfig, bind, serve};
use push_transports::{Config, Push};
use testkit::{Options, Request, ws};

/// Lets everybody in, and begins the drain while it looks.
#[derive(Debug, Default)]
struct DrainsMeanwhile(OnceLock<Push>);

impl Authorizer for DrainsMeanwhile {
    fn authenticate<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        Box::pin(async {
            self.0.get().expect("set before anybody comes").drain(Duration::ZERO);
            Ok(Identity::default())
        })
    }

    fn authorize<'a>(&'a self, _: &'a Identity, _: Action, _: Option<&'a Selector>) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

fn start() -> SocketAddr {
    let authorizer = Arc::new(DrainsMeanwhile::default());
    let mut config = Config::default();
    config.authorizer = Arc::clone(&authorizer) as Arc<dyn Authorizer>;
    let push = Push::new(Hub::new(HubConfig::default()), config).expect("valid settings");
    authorizer.0.set(push.clone()).expect("set once");
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let app = axum::Router::new().nest("/push", push.router());
    tokio::spawn(serve(listener, app, ServeConfig::default(), std::future::pending()));
    addr
}

#[tokio::test]
async fn a_websocket_on_its_way_in_is_closed_with_3000() {
    for format in ["json", "raw"] {
        let opened = ws::Client::open(start(), &Options::channels(["a"]), "ws", &[("format", format)]).await;
        let (code, reason) = opened.expect("refusals come after the handshake").closed().await;
        assert_eq!(code, 3000, "{format}: {reason}");
    }
}

#[tokio::test]
async fn a_request_on_its_way_in_is_refused() {
    for route in ["poll", "stream", "mixed"] {
        let refused = Request::get(&format!("/push/{route}?channel=a")).send(start()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (503, "draining"), "{route}");
    }
    let closed = Request::get("/push/sse?channel=a").send(start()).await;
    assert!(closed.status() == 200 && closed.text().contains("event: push.close"), "{}", closed.text());
}
