//! SIGTERM: everyone is told, everything is answered, and it ends.

use testkit::{Connection, Item, Options, Request, Subscriber, Transport, api, ws::Client};

use crate::support::open_server;

#[tokio::test]
async fn subscribers_are_told_and_the_process_ends_well() {
    let mut server = open_server().await;
    let mut told = Vec::new();
    for transport in Transport::RESUMABLE {
        let mut subscriber = Subscriber::open(transport, server.addr(), &Options::channel("d")).await;
        told.push((transport, tokio::spawn(async move { subscriber.next().await })));
    }
    let mut mixed = Subscriber::open(Transport::Mixed, server.addr(), &Options::channel("d")).await;
    let mut bare = Client::bare(server.addr()).await;
    api::eventually("all wait, the polls too", || async {
        api::channels(server.addr(), &[("prefix", "d")], None).await["channels"][0]["subscribers"] == 8
    })
    .await;
    server.terminate();
    for (transport, heard) in told {
        let close = match heard.await.expect("it heard something") {
            Item::Close(close) => close,
            other => panic!("{transport:?}: {other:?}"),
        };
        assert_eq!((close.code, close.reconnect), (3000, Some(true)), "{transport:?}: {close:?}");
    }
    assert_eq!(mixed.next().await, Item::End, "mixed has no words for it");
    assert_eq!(bare.closed().await.0, 3000, "a connection without a subscription too");
    drop(bare);
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let mut server = open_server().await;
    let mut idle = Connection::open(server.addr()).await.expect("listening");
    assert_eq!(idle.request(&Request::get("/healthz")).await.expect("answered").status(), 200);
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(idle.is_closed().await);
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_readiness_is_503() {
    let mut server = open_server().await;
    assert_eq!(Request::get("/readyz").send(server.addr()).await.status(), 200);
    let mut publishing = Connection::open(server.addr()).await.expect("listening");
    let half = Request::post("/push/publish?channel=d", "half ").header("Content-Length", "10");
    publishing.send(&half).await.expect("it reads");
    let mut probing = Connection::open(server.addr()).await.expect("listening");
    // The head of this request is under way when the signal comes.
    probing.send_bytes(b"GET /readyz HTTP/1.1\r\n").await.expect("it reads");
    // Both requests have reached the server once a later one is answered.
    assert_eq!(Request::get("/healthz").send(server.addr()).await.status(), 200);
    server.terminate();
    let addr = server.addr();
    api::eventually("new requests are refused or told 503", || async move {
        !matches!(Request::get("/readyz").try_send(addr).await, Ok(answer) if answer.status() == 200)
    })
    .await;
    probing.send_bytes(b"Host: localhost\r\n\r\n").await.expect("it reads");
    if let Ok(answer) = probing.response().await {
        assert_eq!(answer.status(), 503, "{}", answer.text());
    }
    publishing.send_bytes(b"whole").await.expect("it reads");
    let answer = publishing.response().await.expect("answered");
    assert!(matches!(answer.status(), 200 | 503), "{}", answer.text());
    drop((publishing, probing));
    assert_eq!(server.ended().await.code(), Some(0));
}
