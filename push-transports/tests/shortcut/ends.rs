//! Limits and endings of connections that are served at the door.

use std::io::Write as _;
use std::net::Shutdown;
use std::time::Duration;

use push_core::Ending;
use testkit::Connection;

use crate::doors::{Door, PASSED, publish, start, start_on};
use crate::serving::listener::{Form, Heard, Listener};
use crate::serving::{Path, UPGRADE, answer, get, goes_on, head, masked, read_until, reset, soon, until};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_ends_its_direction_behind_its_request_is_answered_and_closed() {
    let server = start(Door::Open, |_| {});
    for together in [publish("a", "one"), publish("a", "one") + &publish("a", "two")] {
        let mut connection = server.sent(&together).await;
        connection.finish_writing().await.expect("it is open");
        for _ in 0..together.matches("POST").count() {
            assert_eq!(answer(&mut connection).await.status(), 200);
        }
        assert!(soon("the end", connection.is_closed()).await);
    }
    server.emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_at_any_point_leaves_nothing() {
    let server = start(Door::Open, |_| {});
    let together = publish("a", "one") + &get("/push/poll?channel=w&timeout=30", "") + &publish("a", "two");
    for cut in (1..=together.len()).step_by(7) {
        let connection = server.sent(&together[..cut]).await;
        reset(connection.into_parts().0);
    }
    for target in ["/push/sse?channel=w", "/push/stream?channel=w", "/push/poll?channel=w&timeout=30"] {
        let connection = server.sent(get(target, "")).await;
        server.heard_by("w", 1).await;
        reset(connection.into_parts().0);
        until("it is gone", || server.audience("w") == 0).await;
    }
    server.emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_parked_at_once_are_told_when_they_are_ended() {
    let server = start(Door::Open, |_| {});
    let mut listeners = Vec::new();
    for form in Form::ALL {
        listeners.push(Listener::open(server.addr, form, "channel=c", None).await);
    }
    let mut poll = server.sent(get("/push/poll?channel=c&timeout=30", "")).await;
    server.heard_by("c", 4).await;
    until("all are parked", || server.counters.parked() == 4).await;
    assert_eq!(server.counters.resumed(), 0);
    server.push.drain(Duration::ZERO);
    for listener in &mut listeners {
        assert_eq!(listener.next().await, Heard::Close(3000));
    }
    assert_eq!(answer(&mut poll).await.status(), 200);
    let refused = server.sent(get("/push/poll?channel=c&timeout=30", "")).await;
    let told = answer(&mut { refused }).await;
    assert_eq!((told.status(), told.problem().as_str(), told.header(PASSED)), (503, "draining", None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_parked_at_once_and_is_named_is_told_by_an_operators_end() {
    let server = start(Door::Open, |_| {});
    let mut stream = server.sent(get("/push/sse?channel=c", "")).await;
    server.heard_by("c", 1).await;
    server.hub.disconnect_all(Ending::disconnected);
    assert_eq!(head(&mut stream).await.status, 200);
    read_until(&mut stream, "push.close").await;
}

/// The steps: a parked WebSocket says something and ends its direction before the lot looks; what was said was read, and the
/// end was not heard of again. On one thread, so that both are one event.
#[tokio::test]
async fn a_websocket_whose_last_word_and_end_come_together_is_let_go() {
    let server = start_on(Path::OneLot, Door::Open, |_| {});
    let listener = Listener::open(server.addr, Form::Ws, "channel=c", None).await;
    until("it is parked", || server.counters.parked() == 1).await;
    let mut stream = listener.into_stream().into_std().expect("a socket");
    stream.write_all(&masked(9, b"last")).expect("there is room");
    stream.shutdown(Shutdown::Write).expect("it is open");
    server.emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_its_answers_is_closed_for_it() {
    let server = start(Door::Open, |plan| {
        plan.serve.stall = SHORT;
        plan.serve.send_buffer = 4 * 1024;
    });
    let mut connection = Connection::open_with(server.addr, Some(4 * 1024)).await.expect("somebody listens");
    let many = publish("a", "x").repeat(600);
    connection.send_bytes(many.as_bytes()).await.expect("it fits into the buffers");
    until("it is closed", || server.counters.stalled() == 1 && server.counters.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answered_connection_that_rests_is_closed_after_its_idle_time() {
    let server = start(Door::Open, |plan| plan.serve.idle = SHORT);
    let mut connection = server.connect().await;
    for _ in 0..3 {
        connection.send_bytes(publish("a", "x").as_bytes()).await.expect("it reads");
        assert_eq!(answer(&mut connection).await.status(), 200);
    }
    assert!(soon("the end", connection.is_closed()).await);
    server.emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_a_later_head_begins_with_its_first_byte() {
    let server = start(Door::Open, |plan| plan.serve.header_timeout = Duration::from_secs(1));
    let mut served = server.sent(publish("a", "one")).await;
    assert_eq!(answer(&mut served).await.status(), 200);
    let mut silent = server.connect().await;
    // The time from accept on is over for both.
    assert!(soon("the silent one's end", silent.is_closed()).await);
    let next = publish("a", "two");
    served.send_bytes(&next.as_bytes()[..20]).await.expect("it reads");
    until("half a head is read", || server.counters.busy() == 1).await;
    served.send_bytes(&next.as_bytes()[20..]).await.expect("it reads");
    assert_eq!(answer(&mut served).await.json()["offset"], 2);
    // Half a head that stays half is not waited for.
    let mut half = server.sent(next.clone() + &next[..20]).await;
    assert_eq!(answer(&mut half).await.json()["offset"], 3);
    assert!(soon("its end", half.is_closed()).await);
    goes_on(&mut served).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_served_at_the_door_count_for_the_limits() {
    let server = start(Door::Open, |plan| plan.serve.max_connections = 3);
    let mut poll = server.sent(get("/push/poll?channel=w&timeout=30", "")).await;
    let _stream = server.sent(get("/push/sse?channel=w", "")).await;
    server.heard_by("w", 2).await;
    let mut resting = server.sent(publish("a", "x")).await;
    assert_eq!(answer(&mut resting).await.status(), 200);
    let refused = server.connect().await.response().await.expect("told why");
    assert_eq!((refused.status(), refused.problem().as_str()), (429, "too_many_connections"));
    server.publish("w", "x").await;
    assert_eq!(answer(&mut poll).await.status(), 200);
    drop((poll, resting));
    until("there is room", || server.counters.connections() == 1).await;
    let mut next = server.sent(publish("a", "x")).await;
    assert_eq!(answer(&mut next).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_application_is_asked_for_what_is_not_plain_and_for_nothing_else() {
    let server = start(Door::Open, |_| {});
    let passed = async |request: String| {
        let mut connection = server.sent(request).await;
        head(&mut connection).await.header(PASSED).is_some()
    };
    for plain in [
        publish("a", "x"),
        get("/push/history?channel=a", ""),
        get("/push/poll?channel=a&timeout=0", ""),
        get("/push/sse?channel=a", ""),
        get("/push/sse", ""),
        get("/push/publish", ""),
        get("/push/ws?channel=a", UPGRADE),
    ] {
        assert!(!passed(plain.clone()).await, "{plain}");
    }
    for other in [
        get("/push/other", ""),
        get("/elsewhere", ""),
        get("/push/history?channel=a", "Connection: close\r\n"),
        publish("a", "x")
            .replace("Content-Length: 1\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        get("/push/sse?channel=a", "Connection: close\r\n"),
    ] {
        assert!(passed(other.clone()).await, "{other}");
    }
}
