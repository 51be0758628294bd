//! Requests whose end is told in two ways, or in none that counts (RFC 9112 §6, §11.2).

use std::time::Duration;

use push_core::Ending;

use crate::serving::{Path, Server, UPGRADE, get, soon};

on_paths! {
    every:
    a_length_beside_chunks_hides_nothing,
    chunks_under_a_false_name_hide_nothing,
    lengths_that_are_none_hide_nothing,
    chunks_that_are_none_hide_nothing,
    a_body_on_a_get_hides_nothing,
    a_body_on_a_handshake_hides_nothing,
}

/// The requests an attack is hung on: a stream, polls that are and are not parked, one with a body of its own, a publication.
const CARRIERS: [&str; 6] = [
    "GET /push/sse?channel=s",
    "GET /push/poll?channel=p&timeout=0",
    "GET /push/poll?channel=p&timeout=30",
    "POST /push/poll",
    "POST /push/stream",
    "POST /push/publish?channel=open",
];

/// A request that would publish, were it taken for one.
const HIDDEN: &str = "POST /push/publish?channel=hidden HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nbad";

fn request(carrier: &str, framing: &str, body: &str) -> String {
    format!("{carrier} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{framing}\r\n{body}")
}

async fn ending_all(server: &Server) {
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        server.hub.disconnect_all(Ending::draining);
    }
}

/// Sends it, ends our direction and reads all that comes back: at most one answer, and nothing that was hidden was done.
async fn finds_nothing(server: &Server, bytes: &str) -> String {
    let mut connection = server.sent(bytes).await;
    // The server may have closed already.
    drop(connection.finish_writing().await);
    let seen = tokio::select! {
        seen = soon("the end", connection.rest()) => String::from_utf8_lossy(&seen).into_owned(),
        // A stream would go on, and what waits behind it wait.
        () = ending_all(server) => unreachable!("it goes on for ever"),
    };
    assert!(seen.matches("HTTP/1.").count() <= 1, "{bytes:?} was answered by {seen:?}");
    assert!(seen.is_empty() || seen.starts_with("HTTP/1.1 "), "{bytes:?} was answered by {seen:?}");
    assert_eq!(server.hub.channels("hidden", "", 1).len(), 0, "{bytes:?} published");
    seen
}

// RFC 9112 §6.1: whichever counts, the connection is closed after the answer.
async fn a_length_beside_chunks_hides_nothing(path: Path) {
    let server = path.start();
    let ended_early = format!("0\r\n\r\n{HIDDEN}");
    let within = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let size_line = within.find('\n').expect("it has a line") + 1;
    for carrier in CARRIERS {
        for (length, body) in [(ended_early.len(), &ended_early), (size_line, &within), (0, &within)] {
            let framings = [
                format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
                format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
            ];
            for framing in framings {
                finds_nothing(&server, &request(carrier, &framing, body)).await;
            }
        }
    }
    server.emptied().await;
}

async fn chunks_under_a_false_name_hide_nothing(path: Path) {
    let server = path.start();
    let names = [
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\tchunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding\r\n : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: CHUNKED\r\n",
        "Transfer_Encoding: chunked\r\n",
    ];
    let body = format!("0\r\n\r\n{HIDDEN}");
    for carrier in CARRIERS {
        for name in names {
            let framing = format!("Content-Length: {}\r\n{name}", body.len());
            finds_nothing(&server, &request(carrier, &framing, &body)).await;
        }
    }
    server.emptied().await;
}

async fn lengths_that_are_none_hide_nothing(path: Path) {
    let server = path.start();
    let length = HIDDEN.len();
    let framings = [
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}, 0\r\n"),
        format!("Content-Length: 0, {length}\r\n"),
        format!("Content-Length: +{length}\r\n"),
        format!("Content-Length: -{length}\r\n"),
        format!("Content-Length: 0x{length:x}\r\n"),
        format!("Content-Length: {length}abc\r\n"),
        format!("Content-Length: 0 {length}\r\n"),
        format!("Content-Length : {length}\r\n"),
        format!("Content-Length:\r\n {length}\r\n"),
        "Content-Length: 18446744073709551616\r\n".to_owned(),
        "Content-Length: \r\n".to_owned(),
    ];
    for carrier in CARRIERS {
        for framing in &framings {
            let seen = finds_nothing(&server, &request(carrier, framing, HIDDEN)).await;
            assert!(seen.is_empty() || seen.starts_with("HTTP/1.1 400 "), "{carrier} {framing:?}: {seen:?}");
        }
    }
    server.emptied().await;
}

// RFC 9112 §7.1
async fn chunks_that_are_none_hide_nothing(path: Path) {
    let server = path.start();
    let length = HIDDEN.len();
    let bodies = [
        format!("1{length:016x}\r\n{HIDDEN}\r\n0\r\n\r\n"),
        format!("-1\r\n{HIDDEN}"),
        format!("0x0\r\n\r\n{HIDDEN}"),
        format!("0\n\n{HIDDEN}"),
        format!("0 \x00\r\n\r\n{HIDDEN}"),
        format!(";0\r\n\r\n{HIDDEN}"),
        format!("\r\n\r\n{HIDDEN}"),
        format!("2\r\n{{}}0\r\n\r\n{HIDDEN}"),
        format!("1\r\n{{}}\r\n0\r\n\r\n{HIDDEN}"),
        format!("2;a\n=b\r\n{{}}\r\n0\r\n\r\n{HIDDEN}"),
        format!("0\r\n {HIDDEN}"),
        format!("0\r\n{HIDDEN}"),
    ];
    for carrier in CARRIERS.into_iter().filter(|carrier| carrier.starts_with("POST")) {
        for body in &bodies {
            finds_nothing(&server, &request(carrier, "Transfer-Encoding: chunked\r\n", body)).await;
        }
    }
    server.emptied().await;
}

// RFC 9110 §9.3.1
async fn a_body_on_a_get_hides_nothing(path: Path) {
    let server = path.start();
    let chunked = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let forms = [
        (format!("Content-Length: {}\r\n", HIDDEN.len()), HIDDEN),
        ("Transfer-Encoding: chunked\r\n".into(), &chunked),
    ];
    for carrier in CARRIERS.into_iter().filter(|carrier| carrier.starts_with("GET")) {
        for (framing, body) in &forms {
            let seen = finds_nothing(&server, &request(carrier, framing, body)).await;
            assert!(seen.is_empty() || seen.starts_with("HTTP/1.1 200 "), "{carrier} {framing:?}: {seen:?}");
            // What stands behind the body is a request, and is answered in its turn or left to be asked again.
            let more = request(carrier, framing, body) + &get("/push/history?channel=none", "Connection: close\r\n");
            let mut connection = server.sent(more).await;
            let seen = tokio::select! {
                seen = soon("the end", connection.rest()) => String::from_utf8_lossy(&seen).into_owned(),
                () = ending_all(&server) => unreachable!("it goes on for ever"),
            };
            let answers = seen.matches("HTTP/1.1 200 ").count();
            assert!((1..=2).contains(&answers), "{carrier} {framing:?}: {seen:?}");
            assert_eq!(seen.matches("HTTP/1.").count(), answers, "{carrier} {framing:?}: {seen:?}");
            assert_eq!(server.hub.channels("hidden", "", 1).len(), 0, "{carrier} {framing:?}");
        }
    }
}

async fn a_body_on_a_handshake_hides_nothing(path: Path) {
    let server = path.start();
    let chunked = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let forms = [
        (format!("Content-Length: {}\r\n", HIDDEN.len()), HIDDEN),
        ("Transfer-Encoding: chunked\r\n".into(), &chunked),
    ];
    for (framing, body) in &forms {
        let handshake = get("/push/ws?channel=w", &format!("{}{framing}", UPGRADE));
        finds_nothing(&server, &(handshake + body)).await;
    }
    server.emptied().await;
}
