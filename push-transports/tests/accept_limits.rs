//! Clients that are slow, silent, deaf or too many.

mod accept_support;

use accept_support::{Client, GUARD, Server, endless, streaming, until, upgrade};
use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use bytes::Bytes;
use push_transports::server::{ConnectionInfo, ServeConfig, bind, serve};
use std::future::pending;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(200);

fn config(set: impl FnOnce(&mut ServeConfig)) -> ServeConfig {
    let mut config = ServeConfig::default();
    set(&mut config);
    config
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

async fn greeted(client: &mut Client) {
    client.get("/").await;
    assert_eq!(client.response().await.1, "hello");
}

#[tokio::test]
async fn a_head_that_never_ends_closes_the_connection_without_an_answer() {
    let server = Server::start(hello(), config(|c| c.header_timeout = SHORT));
    for begun in ["", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        let mut client = server.client().await;
        client.send(begun).await;
        assert_eq!(client.rest().await, "");
    }
    until("both have left", || server.counters.connections() == 0).await;
}

#[tokio::test]
async fn a_later_head_that_never_ends_closes_a_kept_alive_connection_long_before_idle() {
    let server = Server::start(hello(), config(|c| c.header_timeout = SHORT));
    let mut client = server.client().await;
    greeted(&mut client).await;
    client.send("GET / HTTP/1.1\r\nHos").await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = Server::start(hello(), config(|c| c.idle = SHORT));
    let mut client = server.client().await;
    greeted(&mut client).await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn durations_without_bound_are_taken_as_never() {
    let server = Server::start(
        hello(),
        config(|c| {
            for duration in [&mut c.header_timeout, &mut c.idle, &mut c.stall, &mut c.linger, &mut c.grace] {
                *duration = Duration::MAX;
            }
        }),
    );
    greeted(&mut server.client().await).await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_counted() {
    let server = Server::start(Router::new().route("/", get(|| async { endless() })), config(|c| c.stall = SHORT));
    let mut client = server.client().await;
    client.get("/").await;
    until("the stall is counted", || server.counters.stalled() == 1).await;
    until("the connection has left", || server.counters.connections() == 0).await;
    // Only what the kernel held is there: the end or a reset follows, and not the end of the body.
    let mut seen = Vec::new();
    drop(client.0.read_to_end(&mut seen).await);
    assert!(seen.starts_with(b"HTTP/1.1 200 ") && !seen.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_client_that_reads_again_in_time_was_only_blocked() {
    let (infos, mut info) = mpsc::channel(1);
    let (chunks, mut chunk) = mpsc::channel(1);
    let app = Router::new().route(
        "/",
        get(|request: Request| async move {
            let (sender, response) = streaming();
            infos.send(request.extensions().get::<ConnectionInfo>().cloned()).await.expect("the test listens");
            chunks.send(sender).await.expect("the test listens");
            response
        }),
    );
    let server = Server::start(app, ServeConfig::default());
    let mut client = server.client().await;
    client.get("/").await;
    let info = info.recv().await.flatten().expect("the request carries it");
    let sender = chunk.recv().await.expect("the handler ran");
    client.head().await;
    assert!(!info.blocked());
    let body = Bytes::from(vec![b'x'; 32 << 20]);
    sender.send(body.clone()).await.expect("the body is polled");
    until("the connection is blocked", || info.blocked()).await;
    let taken = info.bytes_written();
    assert!(taken < body.len() as u64, "the kernel took {taken} bytes");
    drop(sender);
    let mut seen = vec![0; body.len()];
    assert_eq!(client.read_until("\r\n").await, "2000000\r\n");
    client.0.read_exact(&mut seen).await.expect("the body comes whole");
    assert_eq!(client.read_until("0\r\n\r\n").await, "\r\n0\r\n\r\n");
    assert!(!info.blocked() && info.bytes_written() > body.len() as u64);
    assert_eq!(server.counters.stalled(), 0);
}

#[tokio::test]
async fn the_stall_limit_holds_after_an_upgrade() {
    let (ended, mut end) = mpsc::channel(1);
    let app = Router::new().route("/upgrade", get(move |request: Request| upgrade(request, ended.clone())));
    let server = Server::start(app, config(|c| c.stall = SHORT));
    let mut client = server.client().await;
    client.upgrade().await;
    client.send("flood").await;
    let end = timeout(GUARD, end.recv()).await.expect("the write fails");
    assert_eq!(end.map(|e| e.kind()), Some(ErrorKind::TimedOut));
    assert_eq!(server.counters.stalled(), 1);
    until("the connection has left", || server.counters.connections() == 0).await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_finds_room_once_another_has_left() {
    let server = Server::start(hello(), config(|c| c.max_connections = 2));
    let (mut first, mut second) = (server.client().await, server.client().await);
    greeted(&mut first).await;
    greeted(&mut second).await;

    for _ in 0..3 {
        let mut third = server.client().await;
        // As a client does that sends without looking first: its request finds an answer, and no reset.
        third.get("/").await;
        let (head, body) = third.response().await;
        assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{head}");
        assert!(head.contains("\r\nRetry-After: 5\r\n") && head.contains("\r\nConnection: close\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: application/problem+json\r\n"), "{head}");
        assert!(body.contains(r#""code":"too_many_connections""#), "{body}");
        assert_eq!(third.rest().await, "");
    }
    assert_eq!((server.counters.refused(), server.counters.connections()), (3, 2));
    greeted(&mut first).await;

    drop(second);
    until("the second has left", || server.counters.connections() == 1).await;
    greeted(&mut server.client().await).await;
    assert_eq!(server.counters.accepted(), 3);
}

#[tokio::test]
async fn connections_inherit_the_send_buffer_that_is_set() {
    let bound = bind(([127, 0, 0, 1], 0).into()).and_then(TcpListener::into_std).expect("loopback can be bound");
    let same = bound.try_clone().expect("a descriptor is left");
    let listener = TcpListener::from_std(bound).expect("it is non-blocking");
    let addr = listener.local_addr().expect("it is bound");
    let server = tokio::spawn(serve(listener, hello(), config(|c| c.send_buffer = 16 * 1024), pending()));
    greeted(&mut Client(TcpStream::connect(addr).await.expect("the server listens"))).await;
    // Linux reserves twice of what it is told.
    let size = socket2::SockRef::from(&same).send_buffer_size().expect("a socket has one");
    assert!((16 * 1024..=32 * 1024).contains(&size), "{size}");
    server.abort();
    assert!(server.await.is_err_and(|e| e.is_cancelled()));

    TcpStream::connect(addr).await.expect("the backlog has room");
    same.set_nonblocking(false).expect("a socket can be made so");
    let (accepted, _) = same.accept().expect("one is there");
    assert_eq!(socket2::SockRef::from(&accepted).send_buffer_size().expect("a socket has one"), size);
}
