//! Requests with a body: a connection is taken over only behind the last byte of it.

use push_core::Ending;
use testkit::poll::Answer;

use crate::requests::split_into_bytes;
use crate::serving::{Path, Server, answer, get, goes_on, goes_on_or_is_closed, head, read_until};

on_paths! {
    every:
    a_body_may_come_byte_by_byte_and_a_poll_waits_for_all_of_it,
    what_follows_the_body_of_a_poll_is_the_next_request,
    what_follows_the_body_of_a_stream_waits_for_its_end,
    a_client_that_expects_100_continue_is_told_to_go_on,
    a_body_nobody_asked_for_may_come_while_a_poll_is_parked,
    a_body_nobody_asked_for_may_come_while_a_stream_goes_on,
    a_body_that_breaks_off_subscribes_to_nothing,
}

const JSON: &str = "Content-Type: application/json\r\n";

/// The same request with its body counted, and in chunks of several forms.
fn posts(target: &str, body: &str) -> Vec<String> {
    let (one, other) = body.split_at(body.len() / 2);
    let head = |more: &str| format!("POST {target} HTTP/1.1\r\nHost: localhost\r\n{JSON}{more}\r\n");
    let (length, size) = (body.len(), one.len());
    vec![
        head(&format!("Content-Length: {length}\r\n")) + body,
        head("Transfer-Encoding: chunked\r\n") + &format!("{length:x}\r\n{body}\r\n0\r\n\r\n"),
        head("Transfer-Encoding: chunked\r\n")
            + &format!(
                "{size:X};a=b\r\n{one}\r\n00{:x}\r\n{other}\r\n0\r\nX-Trailer: GET / HTTP/1.1\r\n\r\n",
                other.len()
            ),
    ]
}

async fn polled(server: &Server, connection: &mut testkit::Connection) {
    let answered = Answer::from_response(&server.wake(connection, "p", "news").await);
    assert_eq!(answered.events[0].text(), "news");
}

async fn a_body_may_come_byte_by_byte_and_a_poll_waits_for_all_of_it(path: Path) {
    let server = path.start();
    for request in posts("/push/poll", r#"{"channel":["p","q/*"],"timeout":30}"#) {
        let mut connection = server.connect().await;
        let (most, last) = request.as_bytes().split_at(request.len() - 1);
        split_into_bytes(&mut connection, most).await;
        // It has no subscriber yet: one that is published now is none of its news.
        if !request.contains("chunked") {
            assert_eq!(server.hub.connections(), 0);
        }
        connection.send_bytes(last).await.expect("it reads");
        polled(&server, &mut connection).await;
        goes_on(&mut connection).await;
    }
}

async fn what_follows_the_body_of_a_poll_is_the_next_request(path: Path) {
    let server = path.start();
    for request in posts("/push/poll", r#"{"channel":"p","timeout":30}"#) {
        let three = request.clone() + &request + &get("/push/history?channel=none", "");
        let mut connection = server.sent(three).await;
        polled(&server, &mut connection).await;
        polled(&server, &mut connection).await;
        assert_eq!(answer(&mut connection).await.json()["events"], serde_json::json!([]));
        goes_on(&mut connection).await;
    }
}

async fn what_follows_the_body_of_a_stream_waits_for_its_end(path: Path) {
    let server = path.start();
    for request in posts("/push/stream", r#"{"channel":"p"}"#) {
        let mut connection = server.sent(request + &get("/push/history?channel=none", "")).await;
        assert_eq!(head(&mut connection).await.status, 200);
        server.heard_by("p", 1).await;
        for text in ["one", "two", "three"] {
            server.publish("p", text).await;
            read_until(&mut connection, text).await;
        }
        server.hub.disconnect_all(Ending::draining);
        let rest = String::from_utf8(connection.body().await.expect("it ends well")).expect("it is text");
        assert!(rest.contains(r#""op":"close""#) && rest.ends_with('\n'), "{rest:?}");
        // RFC 9112 §9.3.2: answered, or left to be asked again.
        match connection.response().await {
            Ok(response) => assert_eq!(response.json()["events"], serde_json::json!([])),
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{error}"),
        }
    }
    server.emptied().await;
}

// RFC 9110 §10.1.1
async fn a_client_that_expects_100_continue_is_told_to_go_on(path: Path) {
    let server = path.start();
    let body = format!(r#"{{"channel":"p","since":"{}"}}"#, server.now());
    let expect = format!("{JSON}Expect: 100-continue\r\nContent-Length: {}\r\n", body.len());
    let mut connection = server.sent(get("/push/poll", &expect).replacen("GET", "POST", 1)).await;
    let (mut stream, _) = {
        connection.send_bytes(b"").await.expect("it reads");
        connection.into_parts()
    };
    let mut interim = [0; 25];
    let read = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut interim);
    crate::serving::soon("100 Continue", read).await.expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, body.as_bytes()).await.expect("it reads");
    server.heard_by("p", 1).await;
    server.publish("p", "news").await;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).ends_with('}') {
        let read = tokio::io::AsyncReadExt::read_buf(&mut stream, &mut seen);
        assert_ne!(crate::serving::soon("the answer", read).await.expect("bytes"), 0);
    }
    let seen = String::from_utf8(seen).expect("it is text");
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n") && seen.contains(r#""data":"news""#), "{seen}");
    assert_eq!(seen.matches("HTTP/1.1").count(), 1, "{seen}");
}

/// A request that would publish, were it taken for one.
fn hidden() -> String {
    "POST /push/publish?channel=hidden HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nbad".to_owned()
}

// RFC 9110 §9.3.1: a GET may have a body that means nothing; RFC 9112 §6.3: it is still no request.
async fn a_body_nobody_asked_for_may_come_while_a_poll_is_parked(path: Path) {
    let server = path.start();
    let body = hidden();
    for timeout in [0, 30] {
        let target = format!("/push/poll?channel=p&timeout={timeout}");
        let mut connection = server.sent(get(&target, &format!("Content-Length: {}\r\n", body.len()))).await;
        if timeout > 0 {
            server.heard_by("p", 1).await;
        }
        let (one, other) = body.as_bytes().split_at(20);
        // The server may answer without it and close: what is sent then meets nobody.
        drop(connection.send_bytes(one).await);
        let response = match timeout {
            0 => answer(&mut connection).await,
            _ => server.wake(&mut connection, "p", "news").await,
        };
        assert_eq!(response.status(), 200);
        drop(connection.send_bytes(other).await);
        goes_on_or_is_closed(&mut connection).await;
    }
    assert_eq!(server.hub.channels("hidden", "", 1).len(), 0, "the body was no request");
}

async fn a_body_nobody_asked_for_may_come_while_a_stream_goes_on(path: Path) {
    let server = path.start();
    let body = hidden();
    for (target, shown) in [("sse?channel=s", "data: "), ("stream?channel=s", "\"data\":\""), ("mixed?channel=s", "")] {
        let more = format!("Content-Length: {}\r\n", body.len());
        let mut connection = server.sent(get(&format!("/push/{target}"), &more)).await;
        assert_eq!(head(&mut connection).await.status, 200);
        server.heard_by("s", 1).await;
        for (n, piece) in body.as_bytes().chunks(30).enumerate() {
            drop(connection.send_bytes(piece).await);
            server.publish("s", format!("news-{n}")).await;
            read_until(&mut connection, &format!("{shown}news-{n}")).await;
        }
        server.hub.disconnect_all(Ending::draining);
        connection.body().await.expect("it ends well");
        goes_on_or_is_closed(&mut connection).await;
        drop(connection);
        server.emptied().await;
    }
    assert_eq!(server.hub.channels("hidden", "", 1).len(), 0, "the body was no request");
}

async fn a_body_that_breaks_off_subscribes_to_nothing(path: Path) {
    let server = path.start();
    for target in ["/push/poll", "/push/stream"] {
        for request in posts(target, r#"{"channel":"p"}"#) {
            let mut connection = server.sent(&request[..request.len() - 4]).await;
            if !request.contains("chunked") {
                assert_eq!(server.hub.connections(), 0);
            }
            connection.finish_writing().await.expect("it is open");
            let rest = String::from_utf8_lossy(&connection.rest().await).into_owned();
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400 "), "{rest}");
            server.emptied().await;
        }
    }
}
