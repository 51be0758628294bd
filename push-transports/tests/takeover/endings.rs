//! How an answer ends: whole chunks, one last chunk, and a connection that is either good for more or closed.

use std::time::Duration;

use push_core::{Draft, Ending};
use testkit::{poll::Answer, ws};

use crate::serving::{Path, answer, get, goes_on, goes_on_or_is_closed, head, read_until};

on_paths! {
    every:
    chunks_of_every_size_are_framed_to_the_last_byte,
    a_drain_ends_every_stream_with_a_last_chunk,
    a_drain_answers_a_parked_poll_and_closes_a_websocket,
    a_refused_subscription_leaves_the_connection_as_it_was,
    a_stream_that_ended_is_followed_by_another_on_the_same_connection,
    a_poll_that_expires_is_answered_like_any_other,
}

// RFC 9112 §7.1; the client fails on a chunk that is not as long as it says.
async fn chunks_of_every_size_are_framed_to_the_last_byte(path: Path) {
    let sizes = [0, 1, 2, 9, 15, 16, 17, 255, 256, 4095, 4096, 16_383, 16_384, 65_535, 65_536, 200_000, 1 << 20];
    for target in
        ["sse?channel=c", "stream?channel=c", "stream?channel=c&format=script", "mixed?channel=c&overflow=gap"]
    {
        let server = path.start();
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        head(&mut connection).await;
        server.heard_by("c", 1).await;
        let reading = async {
            let body = read_until(&mut connection, "the end").await;
            (connection, body)
        };
        let publishing = async {
            for size in sizes {
                server.hub.publish("c", Draft::text("x".repeat(size))).await.expect("published");
            }
            server.publish("c", "the end").await;
        };
        let ((mut connection, body), ()) = tokio::join!(reading, publishing);
        let runs: Vec<usize> = body.split(|c| c != 'x').map(str::len).filter(|length| *length > 3).collect();
        let expected: Vec<usize> = sizes.into_iter().filter(|size| *size > 3).collect();
        assert_eq!(runs, expected, "{target}");
        server.hub.disconnect_all(Ending::draining);
        connection.body().await.expect("it ends well");
        goes_on_or_is_closed(&mut connection).await;
        drop(connection);
        server.emptied().await;
    }
}

async fn a_drain_ends_every_stream_with_a_last_chunk(path: Path) {
    for target in ["sse?channel=c", "stream?channel=c", "stream?channel=c&format=script", "mixed?channel=c"] {
        let server = path.start();
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        head(&mut connection).await;
        server.heard_by("c", 1).await;
        server.push.drain(Duration::ZERO);
        let body = String::from_utf8(connection.body().await.expect("a last chunk")).expect("it is text");
        let told = target.starts_with("mixed") || body.contains("3000") && body.contains("draining");
        assert!(told, "{target}: {body:?}");
        goes_on_or_is_closed(&mut connection).await;
        drop(connection);
        server.emptied().await;
    }
}

async fn a_drain_answers_a_parked_poll_and_closes_a_websocket(path: Path) {
    let server = path.start();
    let mut poll = server.sent(get("/push/poll?channel=c", "")).await;
    let mut socket = ws::Client::bare(server.addr).await;
    assert_eq!(socket.call(serde_json::json!({"op": "subscribe", "channel": "c"})).await["op"], "subscribed");
    server.heard_by("c", 2).await;
    assert_eq!(server.push.drain(Duration::ZERO), 2);
    let answered = Answer::from_response(&answer(&mut poll).await);
    assert_eq!(answered.close.map(|close| close.code), Some(3000));
    assert_eq!(socket.closed().await.0, 3000);
    assert_eq!(socket.frame().await, ws::Frame::End);
    goes_on(&mut poll).await;
    drop(poll);
    server.emptied().await;
}

async fn a_refused_subscription_leaves_the_connection_as_it_was(path: Path) {
    let server = path.start();
    let mut connection = server.connect().await;
    for route in ["sse", "stream", "mixed", "poll"] {
        for (query, status) in [("channel=a//b", 400), ("channel=c&since=x", 400), ("channel=c&format=x", 400)] {
            connection.send_bytes(get(&format!("/push/{route}?{query}"), "").as_bytes()).await.expect("it is kept");
            assert_eq!(answer(&mut connection).await.status(), status, "{route}?{query}");
        }
    }
    goes_on(&mut connection).await;
    assert_eq!(server.counters.accepted(), 1);
}

async fn a_stream_that_ended_is_followed_by_another_on_the_same_connection(path: Path) {
    let server = path.start();
    let mut connection = server.connect().await;
    for round in 0..20 {
        let target = ["sse", "stream", "mixed"][round % 3];
        connection.send_bytes(get(&format!("/push/{target}?channel=c"), "").as_bytes()).await.expect("it is kept");
        head(&mut connection).await;
        server.heard_by("c", 1).await;
        server.publish("c", format!("news-{round}.")).await;
        read_until(&mut connection, &format!("news-{round}.")).await;
        server.hub.disconnect_all(Ending::draining);
        connection.body().await.expect("a last chunk");
        goes_on(&mut connection).await;
    }
    assert_eq!(server.counters.accepted(), 1);
}

async fn a_poll_that_expires_is_answered_like_any_other(path: Path) {
    let server = path.start();
    let mut connection = server.connect().await;
    for format in ["json", "raw"] {
        let target = format!("/push/poll?channel=c&timeout=1&format={format}");
        connection.send_bytes(get(&target, "").as_bytes()).await.expect("it is kept");
        let response = answer(&mut connection).await;
        assert_eq!(response.status(), if format == "raw" { 204 } else { 200 });
        goes_on(&mut connection).await;
    }
    assert_eq!(server.hub.connections(), 0);
}
