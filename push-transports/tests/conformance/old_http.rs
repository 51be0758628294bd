//! Corners of HTTP/1 that clients still use.

use testkit::{Connection, Request, publish};

use crate::target::{Path, start};

pub(crate) async fn a_client_of_http_1_0_reads_until_the_end(path: Path) {
    let target = start(path).await;
    publish::text(target.addr, "old", "first").await;
    for (route, shown) in [("sse", "data: first\n"), ("stream", "\"data\":\"first\"}\n"), ("mixed", "\r\nfirst\r\n--")]
    {
        let mut connection = Connection::open(target.addr).await.expect("listening");
        let request = format!("GET /push/{route}?channel=old&last=1 HTTP/1.0\r\nHost: localhost\r\n\r\n");
        connection.send_bytes(request.as_bytes()).await.expect("it reads");
        let head = connection.head().await.expect("an answer");
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.header("transfer-encoding"), None, "RFC 9112 §6.1: {head:?}");
        let mut text = String::new();
        while !text.contains(shown) {
            let chunk = connection.chunk().await.expect("bytes").expect("it goes on");
            text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}

pub(crate) async fn head_has_no_body_and_does_not_park(path: Path) {
    let target = start(path).await;
    for route in ["sse", "poll", "stream", "mixed", "history"] {
        let mut connection = Connection::open(target.addr).await.expect("listening");
        let head =
            connection.request(&Request::new("HEAD", &format!("/push/{route}?channel=h"))).await.expect("an answer");
        assert!(matches!(head.status(), 200 | 405), "{route}: {head:?}");
        let next = connection.request(&Request::get("/push/history?channel=h")).await;
        assert!(next.is_err() || next.is_ok_and(|answer| answer.status() == 200), "{route}: what follows is an answer");
    }
}

pub(crate) async fn pipelined_polls_are_answered_in_order(path: Path) {
    let target = start(path).await;
    for channel in ["p/1", "p/2", "p/3"] {
        publish::text(target.addr, channel, channel).await;
    }
    let mut connection = Connection::open(target.addr).await.expect("listening");
    let requests: Vec<u8> = ["p/1", "p/2", "p/3"]
        .iter()
        .flat_map(|channel| {
            Request::get(&format!("/push/poll?channel={channel}&since=start&format=raw")).to_bytes(target.addr)
        })
        .collect();
    connection.send_bytes(&requests).await.expect("it reads");
    for channel in ["p/1", "p/2", "p/3"] {
        assert_eq!(connection.response().await.expect("answered").text(), channel);
    }
}
