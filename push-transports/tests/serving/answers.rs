//! Answers, held to HTTP.

use testkit::http::Head;
use testkit::{Connection, Request, Response};

/// Holds a head to what RFC 9112 §6 asks of every answer: one date, one way to know the length, no field twice.
pub(crate) fn assert_head(head: &Head) {
    let count = |name: &str| head.headers.iter().filter(|(known, _)| known == name).count();
    assert_eq!(count("date"), 1, "one date: {head:?}");
    let framing = (count("transfer-encoding"), count("content-length"));
    if matches!(head.status, 101 | 204) {
        assert_eq!(framing, (0, 0), "no body, no framing: {head:?}");
    } else {
        assert!(matches!(framing, (1, 0) | (0, 1)), "one framing: {head:?}");
    }
    for (name, _) in head.headers.iter().filter(|(name, _)| name != "set-cookie") {
        assert_eq!(count(name), 1, "{name} comes once: {head:?}");
    }
}

/// The next head, held to [`assert_head`].
pub(crate) async fn head(connection: &mut Connection) -> Head {
    let head = connection.head().await.expect("an answer");
    assert_head(&head);
    head
}

/// The next answer, held to [`assert_head`].
pub(crate) async fn answer(connection: &mut Connection) -> Response {
    let response = connection.response().await.expect("an answer");
    assert_head(&response.head);
    response
}

/// Reads a streamed body until what came contains `shown`; what came.
pub(crate) async fn read_until(connection: &mut Connection, shown: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(shown) {
        let chunk = connection.chunk().await.expect("well framed");
        read.extend_from_slice(&chunk.unwrap_or_else(|| panic!("it ended after {:?}", String::from_utf8_lossy(&read))));
    }
    String::from_utf8(read).expect("it is text")
}

/// The same connection still takes a request; or the server has closed it, in order.
pub(crate) async fn goes_on_or_is_closed(connection: &mut Connection) {
    match connection.request(&Request::get("/push/history?channel=still")).await {
        Ok(response) => {
            assert_head(&response.head);
            assert_eq!((response.status(), response.json()["events"].to_string().as_str()), (200, "[]"));
        }
        Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{error}"),
    }
}

/// The same connection still takes a request.
pub(crate) async fn goes_on(connection: &mut Connection) {
    let response = connection.request(&Request::get("/push/history?channel=still")).await.expect("it is kept");
    assert_head(&response.head);
    assert_eq!((response.status(), response.json()["events"].to_string().as_str()), (200, "[]"));
}
