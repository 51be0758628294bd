//! How a server ends.

mod accept_support;

use accept_support::{GUARD, Server, ended, endless, streaming, until, upgrade};
use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use bytes::Bytes;
use push_transports::server::ServeConfig;
use std::future::pending;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A grace that no test waits for.
fn patient() -> ServeConfig {
    let mut config = ServeConfig::default();
    config.grace = 10 * GUARD;
    config
}

fn hasty() -> ServeConfig {
    let mut config = ServeConfig::default();
    config.grace = Duration::from_millis(100);
    config
}

/// Streams what the test sends; the test gets one sender for each request.
fn stream() -> (Router, mpsc::Receiver<mpsc::Sender<Bytes>>) {
    let (senders, receiver) = mpsc::channel(1);
    let handler = || async move {
        let (sender, response) = streaming();
        senders.send(sender).await.expect("the test listens");
        response
    };
    (Router::new().route("/", get(handler)), receiver)
}

#[tokio::test]
async fn a_streaming_response_ends_in_its_own_time_and_its_connection_with_it() {
    let (app, mut senders) = stream();
    let server = Server::start(app, patient());
    let (addr, counters) = (server.addr, server.counters.clone());
    let mut client = server.client().await;
    client.get("/").await;
    let sender = senders.recv().await.expect("the handler ran");
    client.head().await;
    let mut running = server.stop();
    let refused = async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, refused).await.expect("the listener is closed");

    sender.send(Bytes::from_static(b"late")).await.expect("the body is polled");
    assert_eq!(client.read_until("late\r\n").await, "4\r\nlate\r\n");
    assert!(timeout(Duration::ZERO, &mut running).await.is_err(), "it waits for the body's end");
    drop(sender);
    assert_eq!(client.rest().await, "0\r\n\r\n");
    drop(client);
    assert_eq!(ended(running).await.cut, 0);
    assert_eq!(counters.connections(), 0);
}

#[tokio::test]
async fn idle_and_silent_connections_do_not_hold_up_a_shutdown() {
    let mut config = patient();
    config.linger = 10 * GUARD;
    let server = Server::start(Router::new().route("/", get(|| async { "hello" })), config);
    let (mut idle, mut silent) = (server.client().await, server.client().await);
    idle.get("/").await;
    idle.response().await;
    until("both are open", || server.counters.connections() == 2).await;
    assert_eq!(ended(server.stop()).await.cut, 0);
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
}

#[tokio::test]
async fn what_has_not_ended_by_the_grace_is_cut() {
    let (app, mut senders) = stream();
    let (hanging, mut hangs) = mpsc::channel(1);
    let hang = || async move {
        hanging.send(()).await.expect("the test listens");
        pending::<&str>().await
    };
    let app = app.route("/endless", get(|| async { endless() })).route("/hang", get(hang));
    let server = Server::start(app, hasty());
    let counters = server.counters.clone();
    let (mut quiet, mut blocked, mut hung) = (server.client().await, server.client().await, server.client().await);
    quiet.get("/").await;
    let sender = senders.recv().await.expect("the handler ran");
    quiet.head().await;
    blocked.get("/endless").await;
    blocked.head().await;
    // A second head behind the first keeps hyper from reading: this one does not even notice its socket.
    hung.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\nGET /hang HTTP/1.1\r\nHost: a\r\n\r\n").await;
    hangs.recv().await.expect("the handler ran");
    assert_eq!(counters.connections(), 3);
    assert_eq!(ended(server.stop()).await.cut, 3);
    assert_eq!(counters.connections(), 0);
    assert!(sender.is_closed(), "the body is gone");
    assert_eq!(quiet.rest().await, "");
    assert_eq!(hung.rest().await, "");
    drop(timeout(GUARD, blocked.0.read_to_end(&mut Vec::new())).await.expect("it is closed"));
}

#[tokio::test]
async fn upgraded_connections_are_waited_for() {
    let (ended_tx, mut end) = mpsc::channel(1);
    let app = Router::new().route("/upgrade", get(move |request: Request| upgrade(request, ended_tx.clone())));
    let server = Server::start(app, patient());
    let mut client = server.client().await;
    client.upgrade().await;
    assert_eq!(server.counters.connections(), 1);
    let running = server.stop();
    client.send("still here").await;
    assert_eq!(client.read_until("here").await, "still here");
    drop(client);
    let end = timeout(GUARD, end.recv()).await.expect("the task ends");
    assert_eq!(end.map(|e| e.kind()), Some(ErrorKind::UnexpectedEof));
    assert_eq!(ended(running).await.cut, 0);
}

#[tokio::test]
async fn upgraded_connections_are_cut_at_grace_and_their_tasks_see_it() {
    let (ended_tx, mut end) = mpsc::channel(2);
    let app = Router::new().route("/upgrade", get(move |request: Request| upgrade(request, ended_tx.clone())));
    let server = Server::start(app, hasty());
    let (mut reading, mut writing) = (server.client().await, server.client().await);
    reading.upgrade().await;
    writing.upgrade().await;
    writing.send("flood").await;
    let summary = ended(server.stop()).await;
    assert_eq!(summary.cut, 2);
    for _ in 0..2 {
        let end = timeout(GUARD, end.recv()).await.expect("the task is woken");
        assert_eq!(end.map(|e| e.kind()), Some(ErrorKind::ConnectionAborted));
    }
    assert_eq!(reading.rest().await, "");
}

#[tokio::test]
async fn dropping_the_server_cuts_every_connection() {
    let (app, mut senders) = stream();
    let server = Server::start(app, patient());
    let counters = server.counters.clone();
    let mut client = server.client().await;
    client.get("/").await;
    let sender = senders.recv().await.expect("the handler ran");
    client.head().await;
    server.abort().await;
    assert_eq!(client.rest().await, "");
    until("the connection has left", || counters.connections() == 0).await;
    assert!(sender.is_closed());
}
