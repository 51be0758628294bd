//! What becomes of a connection that is in: upgrades, ends, who does not read, who does not close.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use push_transports::server::ConnectionInfo;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::world::{GUARD, SHORT, Server, hello, until};

/// RFC 8446 §6.1, RFC 9112 §9.8
#[tokio::test]
async fn whoever_is_sent_away_is_told_that_nothing_is_missing() {
    for lots in [0, 1] {
        let server = Server::start(hello(), |config| config.lots = lots);
        for version in [&TLS12, &TLS13] {
            let mut client = server.client_of(&[version]).await;
            client.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
            assert_eq!(client.body().await, "hello");
            let (rest, end) = client.rest().await;
            assert!(rest.is_empty() && end.is_ok(), "{end:?}");
        }
        let mut idle = server.client().await;
        idle.greeted().await;
        assert_eq!(server.stopped().await.cut, 0);
        let (rest, end) = idle.rest().await;
        assert!(rest.is_empty() && end.is_ok(), "{end:?}");
    }
}

/// RFC 9112 §9.8
#[tokio::test]
async fn a_client_that_ends_its_direction_still_gets_its_answer_however_it_ended_it() {
    let app = Router::new().route("/", get(|| async { "hello" })).route("/echo", post(|body: Bytes| async { body }));
    let server = Server::start(app, |_| {});
    let request = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    let mut client = server.client().await;
    client.send(request).await;
    client.0.shutdown().await.expect("TLS is closed, then TCP");
    assert_eq!(client.body().await, "hello");
    let mut client = server.client().await;
    client.send(request).await;
    client.0.get_mut().0.shutdown().await.expect("TCP alone is closed");
    assert_eq!(client.body().await, "hello");
}

#[tokio::test]
async fn a_client_that_vanishes_lets_its_request_go() {
    let (began, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (left, has_left) = oneshot::channel::<()>();
    let left = std::sync::Arc::new(std::sync::Mutex::new(Some(left)));
    let wait = move || {
        let held = left.lock().expect("not poisoned").take();
        let _ = began.send(());
        async move {
            let _held = held;
            std::future::pending::<()>().await
        }
    };
    let server = Server::start(Router::new().route("/wait", get(wait)), |config| config.half_close = SHORT);
    let mut client = server.client().await;
    client.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    has_begun.recv().await.expect("it begins");
    drop(client);
    assert!(timeout(GUARD, has_left).await.expect("it is let go").is_err(), "what it held is dropped");
    until("it has left", || server.counters.connections() == 0).await;
}

/// One of a client that does not read: an endless body.
async fn endless() -> Response {
    let chunk = Bytes::from_static(&[b'x'; 16 * 1024]);
    let chunks = futures_util::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(chunk.clone()));
    Response::new(Body::from_stream(chunks))
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_after_the_stall_limit() {
    for lots in [0, 1] {
        let server = Server::start(Router::new().route("/", get(endless)), |config| {
            (config.lots, config.stall) = (lots, SHORT);
        });
        let mut client = server.client().await;
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        until("it is seen", || server.counters.stalled() == 1).await;
        until("it has left", || server.counters.connections() == 0).await;
    }
}

/// What was written may be enciphered and not out: then it is the flush that waits.
#[tokio::test]
async fn a_client_that_does_not_read_is_seen_as_blocked_by_its_own_request() {
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |request: Request| {
        let info = request.extensions().get::<ConnectionInfo>().expect("each has one").clone();
        let _ = told.send(info);
        endless()
    };
    let server = Server::start(Router::new().route("/", get(handler)), |_| {});
    let mut client = server.client().await;
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let info = hears.recv().await.expect("it came");
    until("it is blocked", || info.blocked()).await;
    let taken = info.bytes_written();
    let mut some = vec![0; 1 << 20];
    client.0.read_exact(&mut some).await.expect("there is more than enough");
    until("it goes on", || info.bytes_written() > taken).await;
    assert!(info.is_secured());
}
