//! What a client sees of HTTP/1.1 on our accept loop.

mod accept_support;

use accept_support::{GUARD, Server, until};
use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use push_transports::server::{ConnectionInfo, ServeConfig};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/never", get(std::future::pending::<()>))
        .route("/panic", get(|| async { panic!("a handler's fault") as &str }))
        .route("/refuse", post(|| async { (http::StatusCode::PAYLOAD_TOO_LARGE, "too much") }))
        .fallback(|request: Request| async move { request.uri().to_string().len().to_string() })
}

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let server = Server::start(app(), ServeConfig::default());
    let mut client = server.client().await;
    for _ in 0..3 {
        client.get("/").await;
        let (head, body) = client.response().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(body, "hello");
    }
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(client.response().await.1, "hello");
    assert_eq!(client.response().await.1, "hello");
    assert_eq!(client.rest().await, "");
    assert_eq!(server.counters.accepted(), 1);
}

#[tokio::test]
async fn each_request_knows_its_connection() {
    let seen = |request: Request| async move {
        let info = request.extensions().get::<ConnectionInfo>().expect("every request carries it");
        format!("{} {} {} {}", info.peer(), info.blocked(), info.bytes_read(), info.bytes_written())
    };
    for lots in [0, 1] {
        let mut config = ServeConfig::default();
        config.lots = lots;
        let server = Server::start(Router::new().route("/", get(seen)), config);
        let mut client = server.client().await;
        let peer = client.0.local_addr().expect("it is connected");
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client.send(request).await;
        let (head, body) = client.response().await;
        assert_eq!(body, format!("{peer} false {} 0", request.len()));
        client.send(request).await;
        // A lot forgets what a connection did before it was idle.
        let (read, written) = if lots == 0 { (2 * request.len(), head.len() + body.len()) } else { (request.len(), 0) };
        assert_eq!(client.response().await.1, format!("{peer} false {read} {written}"));
    }
}

#[tokio::test]
async fn what_is_not_http_gets_400_and_nothing_else() {
    let server = Server::start(app(), ServeConfig::default());
    let garbage: [&[u8]; 3] =
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"];
    for bytes in garbage {
        let mut client = server.client().await;
        client.send(bytes).await;
        let seen = client.rest().await;
        assert!(seen.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{seen}");
        assert!(seen.ends_with("\r\n\r\n") && seen.matches("HTTP/").count() == 1, "{seen}");
    }
}

#[tokio::test]
async fn a_head_over_the_limit_gets_431() {
    let mut config = ServeConfig::default();
    config.header_bytes = 16 * 1024;
    let server = Server::start(app(), config);
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(16 * 1024)),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(64)),
        // Never ends by itself: it is the limit that answers.
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(300 * 1024)),
    ] {
        let mut client = server.client().await;
        client.send(head).await;
        let seen = client.rest().await;
        assert!(seen.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{seen}");
    }
}

#[tokio::test]
async fn a_small_head_limit_holds_although_hypers_buffer_is_larger() {
    let mut config = ServeConfig::default();
    config.header_bytes = 100;
    let server = Server::start(app(), config);
    let mut client = server.client().await;
    client.get("/").await;
    assert_eq!(client.response().await.1, "hello");
    client.get(&format!("/{}", "x".repeat(100))).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_target_of_17_kib_reaches_the_application() {
    let server = Server::start(app(), ServeConfig::default());
    let mut client = server.client().await;
    let target = format!("/{}", "x".repeat(17 * 1024 - 1));
    client.get(&target).await;
    assert_eq!(client.response().await.1, target.len().to_string());
}

#[tokio::test]
async fn a_panic_in_a_handler_ends_its_connection_only() {
    let server = Server::start(app(), ServeConfig::default());
    let mut other = server.client().await;
    other.get("/").await;
    assert_eq!(other.response().await.1, "hello");
    let mut client = server.client().await;
    client.get("/panic").await;
    assert_eq!(client.rest().await, "");
    until("the connection has left", || server.counters.connections() == 1).await;
    other.get("/").await;
    assert_eq!(other.response().await.1, "hello");
    let mut next = server.client().await;
    next.get("/").await;
    assert_eq!(next.response().await.1, "hello");
}

// RFC 9112 §9.6: a server that closes early reads on for a while, lest a reset destroys the answer.
#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending_and_the_rest_is_not_read() {
    const LENGTH: usize = 100 << 20;
    let mut config = ServeConfig::default();
    config.linger = Duration::from_millis(300);
    let server = Server::start(app(), config);
    let mut client = server.client().await;
    client.send(format!("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
    let chunk = vec![0; 64 * 1024];
    let mut sent = 0;
    let sending = async {
        // Not a look at the answer before the last byte is out, as many clients have it.
        while sent < LENGTH && client.0.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
    };
    timeout(GUARD, sending).await.expect("the server does not hold the connection");
    assert!(sent < LENGTH / 2, "{sent} bytes were taken");
    let seen = client.rest().await;
    assert!(seen.starts_with("HTTP/1.1 413 Payload Too Large\r\n") && seen.ends_with("too much"), "{seen}");
    until("the connection has left", || server.counters.connections() == 0).await;
}

// RFC 9112 §9.6: what is a little over the largest batch comes in whole, so a client that sends first and reads then is told.
#[tokio::test]
async fn who_sends_nine_mebibytes_before_looking_gets_the_answer() {
    let server = Server::start(app(), ServeConfig::default());
    let mut client = server.client().await;
    client.send(format!("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 9 << 20)).await;
    let chunk = vec![0; 64 * 1024];
    for _ in 0..9 * 16 {
        client.0.write_all(&chunk).await.expect("the server still reads");
    }
    let seen = client.rest().await;
    assert!(seen.starts_with("HTTP/1.1 413 Payload Too Large\r\n") && seen.ends_with("too much"), "{seen}");
}

// RFC 9112 §9.6
#[tokio::test]
async fn what_is_still_sent_after_an_early_answer_meets_an_end_and_no_reset() {
    let server = Server::start(app(), ServeConfig::default());
    let mut client = server.client().await;
    client.send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n").await;
    assert!(client.response().await.0.starts_with("HTTP/1.1 413 "));
    client.send(vec![0; 100_000]).await;
    client.send(vec![0; 100_000]).await;
    client.0.shutdown().await.expect("the connection stands");
    let end = timeout(GUARD, client.0.read(&mut [0; 1])).await.expect("the server closes");
    assert_eq!(end.expect("it is not a reset"), 0);
    until("the connection has left", || server.counters.connections() == 0).await;
}

#[tokio::test]
async fn a_client_that_expects_100_and_is_refused_sends_nothing() {
    let server = Server::start(app(), ServeConfig::default());
    let mut client = server.client().await;
    client.send("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 413 "));
}

// RFC 9112 §9.6 speaks of half-closed connections as usual; scripts end their direction with the last byte they send.
#[tokio::test]
async fn a_client_that_has_ended_its_direction_still_gets_every_answer() {
    let server = Server::start(app(), ServeConfig::default());
    for _ in 0..50 {
        let mut client = server.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.0.shutdown().await.expect("the connection stands");
        assert_eq!(client.rest().await.matches("hello").count(), 2);
    }
    until("the connections have left", || server.counters.connections() == 0).await;
}

#[tokio::test]
async fn a_request_without_an_answer_is_let_go_a_moment_after_its_client_has_left() {
    let mut config = ServeConfig::default();
    config.half_close = Duration::from_millis(20);
    let server = Server::start(app(), config);
    let mut client = server.client().await;
    client.get("/never").await;
    client.0.shutdown().await.expect("the connection stands");
    assert_eq!(client.rest().await, "");
    until("the connection has left", || server.counters.connections() == 0).await;
}
