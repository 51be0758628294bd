//! Requests sent before the answers to those ahead of them (RFC 9112 §9.3.2).

use push_core::Ending;
use testkit::{Connection, Publish, poll::Answer};

use crate::serving::{Path, Server, answer, get, goes_on, head, read_until};

on_paths! {
    every:
    polls_in_one_segment_are_answered_in_order,
    publications_and_polls_in_one_segment_are_each_done_once,
    parked_polls_in_one_segment_are_parked_one_after_the_other,
    a_second_request_may_come_in_two_pieces_wherever_it_is_cut,
    a_second_request_may_come_in_two_pieces_behind_a_parked_poll,
    requests_behind_a_stream_wait_for_its_end,
    an_error_ends_the_pipeline_behind_it,
}

async fn filled(path: Path, channels: usize) -> Server {
    let server = path.start();
    for n in 0..channels {
        server.publish(&format!("p/{n}"), format!("number {n}")).await;
    }
    server
}

fn raw_poll(n: usize) -> String {
    get(&format!("/push/poll?channel=p/{n}&since=start&format=raw"), "")
}

async fn polls_in_one_segment_are_answered_in_order(path: Path) {
    let server = filled(path, 20).await;
    for count in [2, 3, 20] {
        let mut connection = server.sent((0..count).map(raw_poll).collect::<String>()).await;
        for n in 0..count {
            assert_eq!(answer(&mut connection).await.text(), format!("number {n}"));
        }
        goes_on(&mut connection).await;
    }
}

async fn publications_and_polls_in_one_segment_are_each_done_once(path: Path) {
    let server = path.start();
    let mut bytes = Vec::new();
    for n in 0..20 {
        bytes.extend(Publish::new("c", format!("number {n}")).request().to_bytes(server.addr));
        bytes.extend(get("/push/poll?channel=c&last=1&format=raw", "").into_bytes());
        bytes.extend(get("/push/nowhere", "").into_bytes());
    }
    let mut connection = server.sent(bytes).await;
    for n in 0..20 {
        assert_eq!(answer(&mut connection).await.json()["offset"], n + 1);
        assert_eq!(answer(&mut connection).await.text(), format!("number {n}"));
        assert_eq!(answer(&mut connection).await.status(), 404);
    }
    goes_on(&mut connection).await;
    assert_eq!((server.hub.stats().published, server.counters.accepted()), (20, 1));
}

async fn parked_polls_in_one_segment_are_parked_one_after_the_other(path: Path) {
    let server = path.start();
    let now = server.now();
    let polls = (0..10).map(|n| get(&format!("/push/poll?channel=p/{n}&since={now}&format=raw"), ""));
    let mut connection = server.sent(polls.collect::<String>()).await;
    for n in 0..10 {
        let channel = format!("p/{n}");
        server.heard_by(&channel, 1).await;
        assert_eq!(server.hub.connections(), 1, "one at a time");
        server.publish(&channel, format!("number {n}")).await;
        assert_eq!(answer(&mut connection).await.text(), format!("number {n}"));
    }
    goes_on(&mut connection).await;
}

async fn a_second_request_may_come_in_two_pieces_wherever_it_is_cut(path: Path) {
    let server = filled(path, 2).await;
    let (first, second) = (raw_poll(0), raw_poll(1));
    for cut in 0..=second.len() {
        let mut connection = server.sent(first.clone() + &second[..cut]).await;
        assert_eq!(answer(&mut connection).await.text(), "number 0", "cut at {cut}");
        connection.send_bytes(&second.as_bytes()[cut..]).await.expect("it is kept");
        assert_eq!(answer(&mut connection).await.text(), "number 1", "cut at {cut}");
    }
}

async fn a_second_request_may_come_in_two_pieces_behind_a_parked_poll(path: Path) {
    let server = filled(path, 2).await;
    let second = raw_poll(1);
    for cut in 0..=second.len() {
        let first = get(&format!("/push/poll?channel=parked&since={}&format=raw", server.now()), "");
        let mut connection = server.sent(first + &second[..cut / 2]).await;
        server.heard_by("parked", 1).await;
        // A piece comes while it is parked, and one when it is not.
        connection.send_bytes(&second.as_bytes()[cut / 2..cut]).await.expect("it is kept");
        server.publish("parked", "news").await;
        assert_eq!(answer(&mut connection).await.text(), "news", "cut at {cut}");
        connection.send_bytes(&second.as_bytes()[cut..]).await.expect("it is kept");
        assert_eq!(answer(&mut connection).await.text(), "number 1", "cut at {cut}");
    }
}

/// What follows a stream is answered in order, or the connection is closed at some point and the rest not done.
async fn answered_in_order_or_closed(connection: &mut Connection, count: usize) {
    for n in 0..count {
        match connection.response().await {
            Ok(response) => assert_eq!(response.text(), format!("number {n}")),
            Err(error) => return assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}"),
        }
    }
}

async fn requests_behind_a_stream_wait_for_its_end(path: Path) {
    for route in ["sse", "stream", "mixed"] {
        let server = filled(path, 3).await;
        let more: String = (0..3).map(raw_poll).collect();
        for cut in [0, 1, more.len() / 2, more.len()] {
            let request = get(&format!("/push/{route}?channel=c"), "");
            let mut connection = server.sent(request + &more[..cut]).await;
            head(&mut connection).await;
            server.heard_by("c", 1).await;
            for n in 0..3 {
                server.publish("c", format!("news {n}.")).await;
                read_until(&mut connection, &format!("news {n}.")).await;
            }
            connection.send_bytes(&more.as_bytes()[cut..]).await.expect("it is open");
            server.publish("c", "the last").await;
            let seen = read_until(&mut connection, "the last").await;
            server.hub.disconnect_all(Ending::draining);
            let rest = connection.body().await.expect("a last chunk");
            let seen = seen + &String::from_utf8_lossy(&rest);
            assert!(!seen.contains("number") && !seen.contains("HTTP/1."), "{route} cut at {cut}: {seen:?}");
            answered_in_order_or_closed(&mut connection, 3).await;
        }
    }
}

// RFC 9112 §9.6: nothing behind it is done.
async fn an_error_ends_the_pipeline_behind_it(path: Path) {
    let server = path.start();
    let publish = String::from_utf8(Publish::new("hidden", "bad").request().to_bytes(server.addr)).expect("it is text");
    for broken in
        ["no request\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "\0\0\0\0", "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n"]
    {
        for first in ["/push/poll?channel=c&timeout=0", "/push/poll?channel=c&timeout=1"] {
            let mut connection = server.sent(get(first, "") + broken + &publish).await;
            assert_eq!(Answer::from_response(&answer(&mut connection).await).events.len(), 0);
            let rest = String::from_utf8_lossy(&connection.rest().await).into_owned();
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400 "), "{broken:?}: {rest:?}");
            assert!(rest.matches("HTTP/1.").count() <= 1, "{broken:?}: {rest:?}");
        }
    }
    assert_eq!(server.hub.channels("hidden", "", 1).len(), 0);
}
