//! Connections that begin another protocol after some requests.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get as on_get;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use push_core::Ending;
use testkit::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use crate::ask;
use crate::serving::{Path, Server, UPGRADE, get, head, read_until, soon};

on_paths! {
    every:
    a_websocket_may_begin_on_a_connection_that_had_requests,
    a_foreign_upgrade_works_also_after_other_requests,
    a_foreign_upgrade_works_behind_other_requests_in_one_segment,
}

/// Four requests of different kinds, all answered.
async fn four_requests(server: &Server) -> Connection {
    let mut connection = server.connect().await;
    assert_eq!(ask(&mut connection, "/push/poll?channel=c&timeout=0").await.status(), 200);
    assert_eq!(ask(&mut connection, "/push/nowhere").await.status(), 404);
    connection.send_bytes(get("/push/poll?channel=c", "").as_bytes()).await.expect("it is kept");
    assert_eq!(server.wake(&mut connection, "c", "news").await.status(), 200);
    connection.send_bytes(get("/push/stream?channel=c", "").as_bytes()).await.expect("it is kept");
    head(&mut connection).await;
    server.heard_by("c", 1).await;
    server.publish("c", "more").await;
    read_until(&mut connection, "more").await;
    server.hub.disconnect_all(Ending::draining);
    connection.body().await.expect("a last chunk");
    connection
}

async fn a_websocket_may_begin_on_a_connection_that_had_requests(path: Path) {
    let server = path.start();
    let mut connection = four_requests(&server).await;
    connection.send_bytes(get("/push/ws?channel=w", UPGRADE).as_bytes()).await.expect("it is kept");
    assert_eq!(head(&mut connection).await.status, 101);
    let (stream, early) = connection.into_parts();
    let mut socket = WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Client, None).await;
    let subscribed = soon("a message", socket.next()).await.expect("it goes on").expect("a message");
    assert!(subscribed.to_string().contains(r#""op":"subscribed""#), "{subscribed}");
    for n in 0..50 {
        server.publish("w", n.to_string()).await;
        socket.send(Message::Ping(n.to_string().into())).await.expect("it reads");
    }
    let (mut publications, mut pongs): (Vec<u32>, Vec<u32>) = Default::default();
    while publications.len() < 50 || pongs.last().is_none_or(|last: &u32| *last != 49) {
        match soon("a message", socket.next()).await.expect("it goes on").expect("a message") {
            Message::Text(text) => {
                let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(read["op"], "publication", "{text}");
                publications.push(read["data"].as_str().and_then(|data| data.parse().ok()).expect("a number"));
            }
            Message::Pong(pong) => {
                pongs.push(std::str::from_utf8(&pong).ok().and_then(|n| n.parse().ok()).expect("as sent"))
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(publications, (0..50).collect::<Vec<u32>>());
    assert!(pongs.is_sorted_by(|one, other| one < other), "RFC 6455 §5.5.3: the newest of several at least: {pongs:?}");
    assert_eq!(server.counters.accepted(), 1);
    drop(socket);
    server.emptied().await;
}

/// Switches to a protocol of its own: an echo.
async fn echo(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgrade.await.expect("the connection is handed over"));
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = io.read(&mut buffer).await {
            io.write_all(&buffer[..read]).await.expect("the client reads");
        }
    });
    let switch = Response::builder().status(101).header("Connection", "upgrade").header("Upgrade", "echo");
    switch.body(Body::empty()).expect("well formed")
}

async fn a_foreign_upgrade_works_also_after_other_requests(path: Path) {
    let server = path.plan().start_with(|app: Router| app.route("/echo", on_get(echo)));
    for mut connection in [server.connect().await, four_requests(&server).await] {
        // What is said in the same segment belongs to the new protocol.
        let early = get("/echo", "Connection: upgrade\r\nUpgrade: echo\r\n") + "early";
        connection.send_bytes(early.as_bytes()).await.expect("it is kept");
        assert_eq!(connection.head().await.expect("an answer").status, 101);
        let (mut stream, read) = connection.into_parts();
        let mut seen = read.to_vec();
        for said in ["", "one", "GET / HTTP/1.1\r\n\r\n", "three"] {
            stream.write_all(said.as_bytes()).await.expect("it reads");
            let expected = if said.is_empty() { "early" } else { said };
            while seen.len() < expected.len() {
                assert_ne!(soon("the echo", stream.read_buf(&mut seen)).await.expect("bytes"), 0);
            }
            assert_eq!(std::mem::take(&mut seen), expected.as_bytes());
        }
    }
    server.emptied().await;
}

async fn a_foreign_upgrade_works_behind_other_requests_in_one_segment(path: Path) {
    let server = path.plan().start_with(|app: Router| app.route("/echo", on_get(echo)));
    let upgrade = get("/echo", "Connection: upgrade\r\nUpgrade: echo\r\n") + "early";
    for (first, status) in
        [("/push/nowhere", 404), ("/push/poll?channel=c&timeout=0", 200), ("/push/poll?channel=c&timeout=1", 200)]
    {
        let mut connection = server.sent(get(first, "") + &get(first, "") + &upgrade).await;
        for _ in 0..2 {
            assert_eq!(crate::serving::answer(&mut connection).await.status(), status, "{first}");
        }
        assert_eq!(connection.head().await.expect("an answer").status, 101, "{first}");
        let (mut stream, read) = connection.into_parts();
        let mut seen = read.to_vec();
        while seen.len() < 5 {
            assert_ne!(soon("the echo", stream.read_buf(&mut seen)).await.expect("bytes"), 0, "{first}");
        }
        assert_eq!(seen, b"early", "{first}");
    }
    server.emptied().await;
}
