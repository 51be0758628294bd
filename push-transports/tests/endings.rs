//! How subscriptions are ended by the server: nobody is forgotten, and all are told when to come back.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use push_core::{
    Action, Authorizer, BoxFuture, Client, Clock, Credentials, Hub, HubConfig, Identity, Selector, Since, SystemClock,
    Unauthorized,
};
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
    serve_on_free_port(&push)
}

fn serve_on_free_port(push: &Push) -> SocketAddr {
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

#[tokio::test]
async fn a_few_clients_are_not_kept_waiting_for_a_window_made_for_many() {
    let hub = Hub::new(HubConfig::default());
    let push = Push::new(hub.clone(), Config::default()).expect("valid settings");
    let mut subscriber = hub.connect(Client::default()).expect("there is room");
    subscriber.open(&[Selector::parse("a").expect("a channel")], Since::Now, None).expect("there is room");
    assert_eq!(push.drain(Duration::from_secs(3600)), 1);
    let retry = subscriber.ending().and_then(|ending| ending.retry()).expect("it is told when to come back");
    let base = Config::default().retry;
    assert!((base..=base + Duration::from_millis(1)).contains(&retry), "{retry:?}");
}

/// Lets everybody in for a moment.
#[derive(Debug)]
struct Shortly;

impl Authorizer for Shortly {
    fn authenticate<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        let expires_ms = Some(SystemClock.unix_ms() + 200);
        Box::pin(std::future::ready(Ok(Identity { expires_ms, ..Identity::default() })))
    }

    fn authorize<'a>(&'a self, _: &'a Identity, _: Action, _: Option<&'a Selector>) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

#[tokio::test]
async fn whatever_ends_it_a_client_is_told_to_come_back_at_a_time_of_its_own() {
    let mut config = Config::default();
    config.authorizer = Arc::new(Shortly);
    config.retry = Duration::from_secs(7);
    let push = Push::new(Hub::new(HubConfig::default()), config).expect("valid settings");
    let addr = serve_on_free_port(&push);
    for route in ["poll", "stream", "sse"] {
        let ended = Request::get(&format!("/push/{route}?channel=a")).send(addr).await.text();
        let (_, close) = ended.split_once(r#""code":3005"#).expect("the token expires");
        let (_, retry) = close.split_once(r#""retry_ms":"#).expect("it says when");
        let digits: String = retry.chars().take_while(char::is_ascii_digit).collect();
        let retry_ms: u64 = digits.parse().expect("a number");
        assert!((7000..=14_000).contains(&retry_ms), "{route}: {ended}");
    }
}
