//! Requests that are not the plain `GET` of HTTP/1.1.

use push_core::Ending;
use testkit::{Connection, Request, poll::Answer};

use crate::serving::{Path, answer, get, goes_on, goes_on_or_is_closed, head, read_until};

on_paths! {
    every:
    head_is_answered_without_a_body_and_holds_no_place,
    a_client_of_http_1_0_is_sent_no_chunks,
    a_parked_poll_of_http_1_0_is_closed_unless_it_is_to_be_kept,
    a_client_that_asks_to_close_is_closed_after_its_answer,
    an_upgrade_to_something_else_is_not_heeded,
    a_target_in_absolute_form_is_served,
    heads_in_any_spelling_are_served,
}

const ROUTES: [(&str, &str); 5] = [
    ("sse?channel=c", "data: news"),
    ("sse?channel=c&format=json", "\"data\":\"news\""),
    ("stream?channel=c", "\"data\":\"news\""),
    ("stream?channel=c&format=script", "\"data\":\"news\""),
    ("mixed?channel=c", "\r\nnews\r\n--"),
];

// RFC 9110 §9.3.2: the header fields of a GET and no content.
async fn head_is_answered_without_a_body_and_holds_no_place(path: Path) {
    let server = path.start();
    for target in ROUTES.map(|(target, _)| target).into_iter().chain(["poll?channel=c", "poll?channel=c&format=raw"]) {
        let mut connection = server.connect().await;
        connection.send(&Request::new("HEAD", &format!("/push/{target}"))).await.expect("it reads");
        let head = connection.head().await.expect("an answer");
        assert!(matches!(head.status, 200 | 204), "{target}: {head:?}");
        let count = |name: &str| head.headers.iter().filter(|(known, _)| known == name).count();
        assert_eq!(count("date"), 1, "{target}: {head:?}");
        assert!(count("transfer-encoding") + count("content-length") <= 1, "{target}: {head:?}");
        goes_on_or_is_closed(&mut connection).await;
        assert_eq!(server.hub.connections(), 0, "{target}");
    }
}

// RFC 9112 §6.1: no Transfer-Encoding to a client of HTTP/1.0; the end of the connection is the end of the body.
async fn a_client_of_http_1_0_is_sent_no_chunks(path: Path) {
    let server = path.start();
    for (target, shown) in ROUTES {
        for more in ["", "Connection: keep-alive\r\n"] {
            let request = format!("GET /push/{target} HTTP/1.0\r\nHost: localhost\r\n{more}\r\n");
            let mut connection = server.sent(request).await;
            let head = connection.head().await.expect("an answer");
            assert_eq!((head.status, head.header("transfer-encoding")), (200, None), "{target}: {head:?}");
            assert_eq!(head.header("content-length"), None, "{target}: {head:?}");
            server.heard_by("c", 1).await;
            server.publish("c", "news").await;
            let mut body = read_until(&mut connection, shown).await;
            server.hub.disconnect_all(Ending::draining);
            body.push_str(&String::from_utf8(connection.body().await.expect("an end")).expect("it is text"));
            assert!(body.starts_with(['r', '{', '<', '-']) && !body.ends_with("0\r\n\r\n"), "{target}: {body:?}");
            assert!(connection.is_closed().await);
            drop(connection);
            server.emptied().await;
        }
    }
}

async fn a_parked_poll_of_http_1_0_is_closed_unless_it_is_to_be_kept(path: Path) {
    let server = path.start();
    for (more, is_kept) in [("", false), ("Connection: keep-alive\r\n", true)] {
        let request = format!("GET /push/poll?channel=c HTTP/1.0\r\nHost: localhost\r\n{more}\r\n");
        let mut connection = server.sent(request).await;
        let response = server.wake(&mut connection, "c", "news").await;
        assert_eq!(Answer::from_response(&response).events[0].text(), "news");
        assert_eq!(response.header("transfer-encoding"), None, "{response:?}");
        if is_kept {
            assert_eq!(response.header("connection"), Some("keep-alive"), "RFC 9112 §C.2.2: {response:?}");
            goes_on(&mut connection).await;
        } else {
            assert!(connection.is_closed().await);
        }
    }
}

// RFC 9112 §9.6
async fn a_client_that_asks_to_close_is_closed_after_its_answer(path: Path) {
    let server = path.start();
    for (target, shown) in ROUTES {
        let mut connection = server.sent(get(&format!("/push/{target}"), "Connection: close\r\n")).await;
        let head = head(&mut connection).await;
        assert_eq!((head.status, head.header("connection")), (200, Some("close")), "{target}: {head:?}");
        server.heard_by("c", 1).await;
        server.publish("c", "news").await;
        read_until(&mut connection, shown).await;
        server.hub.disconnect_all(Ending::draining);
        connection.body().await.expect("it ends well");
        assert!(connection.is_closed().await, "{target}");
    }
    for timeout in [0, 30] {
        let target = format!("/push/poll?channel=c&timeout={timeout}");
        // What follows a request that asks to close is none.
        let bytes = get(&target, "Connection: close\r\n") + &get("/push/history?channel=c", "");
        let mut connection = server.sent(bytes).await;
        let response = match timeout {
            0 => answer(&mut connection).await,
            _ => server.wake(&mut connection, "c", "news").await,
        };
        assert_eq!((response.status(), response.header("connection")), (200, Some("close")), "{response:?}");
        assert_eq!(connection.rest().await, b"", "{target}");
    }
    server.emptied().await;
}

async fn an_upgrade_to_something_else_is_not_heeded(path: Path) {
    let server = path.start();
    let upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    for (target, shown) in ROUTES {
        let mut connection = server.sent(get(&format!("/push/{target}"), upgrade)).await;
        assert_eq!(head(&mut connection).await.status, 200, "{target}");
        server.heard_by("c", 1).await;
        server.publish("c", "news").await;
        read_until(&mut connection, shown).await;
        drop(connection);
        server.emptied().await;
    }
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=0", upgrade)).await;
    assert_eq!(answer(&mut connection).await.status(), 200);
    goes_on(&mut connection).await;
}

// RFC 9112 §3.2.2
async fn a_target_in_absolute_form_is_served(path: Path) {
    let server = path.start();
    let mut connection = server.sent(get("http://localhost/push/poll?channel=c&timeout=0", "")).await;
    assert_eq!(answer(&mut connection).await.status(), 200);
    goes_on(&mut connection).await;
    let mut connection = server.sent(get("http://localhost/push/sse?channel=c", "")).await;
    assert_eq!(head(&mut connection).await.status, 200);
    server.heard_by("c", 1).await;
    server.publish("c", "news").await;
    read_until(&mut connection, "data: news").await;
}

// RFC 9112 §2.2: empty lines before a request, and a bare LF as a line's end, may be taken; §5: names in any case.
async fn heads_in_any_spelling_are_served(path: Path) {
    let server = path.start();
    let heads = [
        "\r\n\r\nGET /push/sse?channel=c HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /push/sse?channel=c HTTP/1.1\r\nHOST:localhost\r\nCONNECTION:   keep-alive   \r\n\r\n",
        "GET /push/sse?channel=c HTTP/1.1\r\nhost: localhost\r\nX-Long: \x21\r\n\r\n",
        "GET /push/sse?channel=c HTTP/1.1\nHost: localhost\n\n",
    ];
    for bytes in heads {
        let mut connection = server.connect().await;
        split_into_bytes(&mut connection, bytes.as_bytes()).await;
        assert_eq!(head(&mut connection).await.status, 200, "{bytes:?}");
        server.heard_by("c", 1).await;
        server.publish("c", "news").await;
        read_until(&mut connection, "data: news").await;
        drop(connection);
        server.emptied().await;
    }
}

/// Every byte in a segment of its own, as far as the kernel lets it.
pub(crate) async fn split_into_bytes(connection: &mut Connection, bytes: &[u8]) {
    for byte in bytes {
        connection.send_bytes(&[*byte]).await.expect("it reads");
        tokio::task::yield_now().await;
    }
}
