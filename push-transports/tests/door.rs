//! Strangers at the door: too slow, too silent, too many, too large. They are let go by the limit that is meant for them, and
//! those who are served notice nothing.

#[path = "serving/paths.rs"]
#[macro_use]
mod paths;
mod serving;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serving::listener::{Form, Heard, Listener, payload};
use serving::{GUARD, Path, Server, answer, get, goes_on, soon, until};
use testkit::{Connection, poll::Answer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

on_paths! {
    both:
    heads_that_come_byte_by_byte_are_closed_while_others_are_served,
    a_flood_beyond_the_limit_is_told_429_and_the_rest_is_served,
    one_address_may_not_take_all_places,
    garbage_is_told_400_and_leaves_nothing,
    what_a_parked_client_pours_in_is_not_taken,
}

on_paths! {
    every:
    silent_and_idle_connections_are_closed_and_parked_ones_are_not,
    a_kept_connection_is_given_its_time_anew_after_each_answer,
    heads_over_the_limits_are_told_431_first_or_later,
    a_body_that_does_not_come_is_not_waited_for,
}

const SHORT: Duration = Duration::from_millis(300);

/// One of each that parks, listening to `c`.
async fn listeners(server: &Server) -> Vec<Listener> {
    let mut listeners = Vec::new();
    for form in Form::ALL {
        listeners.push(Listener::open(server.addr, form, "channel=c", None).await);
    }
    listeners
}

/// Publishes the next number, which all of them hear.
async fn are_served(server: &Server, listeners: &mut [Listener], number: u64) {
    server.publish("c", payload("c", number, 100)).await;
    for listener in listeners {
        assert_eq!(listener.next().await, Heard::Publication { channel: "c".into(), number });
    }
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=0", "Connection: close\r\n")).await;
    assert_eq!(answer(&mut connection).await.status(), 200);
}

async fn heads_that_come_byte_by_byte_are_closed_while_others_are_served(path: Path) {
    const SLOW: usize = 500;
    let mut plan = path.plan();
    plan.serve.header_timeout = Duration::from_secs(1);
    let server = plan.start();
    let mut listeners = listeners(&server).await;
    let gone = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for n in 0..SLOW {
        let mut connection = server.connect().await;
        if n % 2 == 0 {
            // A later head is no better than the first.
            connection.send_bytes(get("/push/poll?channel=c&timeout=0", "").as_bytes()).await.expect("it reads");
            assert_eq!(answer(&mut connection).await.status(), 200);
        }
        let gone = Arc::clone(&gone);
        tasks.spawn(async move {
            let (reading, mut writing) = connection.into_parts().0.into_split();
            let ended = async {
                let (mut reading, mut seen) = (reading, Vec::new());
                drop(reading.read_to_end(&mut seen).await);
                assert_eq!(String::from_utf8_lossy(&seen), "", "closed without an answer");
            };
            let trickling = async {
                for byte in b"GET /push/poll HTTP/1.1\r\nX: ".iter().chain(std::iter::repeat(&b'x')) {
                    // Once it is closed the end is what counts.
                    drop(writing.write_all(&[*byte]).await);
                    sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                () = ended => {}
                () = trickling => unreachable!("it goes on for ever"),
            }
            gone.fetch_add(1, Ordering::Relaxed);
        });
    }
    let mut number = 0;
    while gone.load(Ordering::Relaxed) < SLOW as u64 {
        number += 1;
        soon("service beside the slow", are_served(&server, &mut listeners, number)).await;
        // Ends early what failed.
        while let Some(ended) = tasks.try_join_next() {
            ended.expect("as it should end");
        }
    }
    until("only the good are left", || server.counters.connections() == listeners.len()).await;
}

async fn a_flood_beyond_the_limit_is_told_429_and_the_rest_is_served(path: Path) {
    const PLACES: usize = 50;
    let mut plan = path.plan();
    plan.serve.max_connections = PLACES;
    let server = plan.start();
    let mut listeners = listeners(&server).await;
    let mut others = Vec::new();
    for n in listeners.len()..PLACES {
        let target = ["/push/poll?channel=d", "/push/sse?channel=d"][n % 2];
        others.push(server.sent(get(target, "")).await);
    }
    server.heard_by("d", others.len()).await;
    let mut flood = JoinSet::new();
    for n in 0..300 {
        let addr = server.addr;
        flood.spawn(async move {
            let mut connection = Connection::open(addr).await.expect("the backlog has room");
            if n % 2 == 0 {
                drop(connection.send_bytes(get("/push/sse?channel=d", "").as_bytes()).await);
            }
            match connection.response().await {
                Ok(refused) => {
                    assert_eq!((refused.status(), refused.problem().as_str()), (429, "too_many_connections"));
                    assert_eq!(refused.header("retry-after"), Some("5"));
                }
                // A reset may overtake the answer where a request was on its way.
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
            }
        });
    }
    while let Some(ended) = soon("a refusal", flood.join_next()).await {
        ended.expect("refused in order");
    }
    assert_eq!((server.counters.refused(), server.counters.connections()), (300, PLACES));
    server.publish("c", payload("c", 1, 100)).await;
    for listener in &mut listeners {
        assert_eq!(listener.next().await, Heard::Publication { channel: "c".into(), number: 1 });
    }
    drop(others);
    until("there is room", || server.counters.connections() == listeners.len()).await;
    are_served(&server, &mut listeners, 2).await;
}

async fn one_address_may_not_take_all_places(path: Path) {
    let mut plan = path.plan();
    plan.serve.max_connections_per_address = 10;
    let server = plan.start();
    let mut taken = Vec::new();
    for _ in 0..10 {
        taken.push(server.sent(get("/push/sse?channel=c", "")).await);
    }
    server.heard_by("c", 10).await;
    let mut one_more = server.connect().await;
    assert_eq!(one_more.response().await.expect("an answer").problem(), "too_many_connections");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 2], 0).into()).expect("all of 127/8 is the loopback");
    let mut other = socket.connect(server.addr).await.expect("it listens");
    other.write_all(get("/push/poll?channel=c&timeout=0", "Connection: close\r\n").as_bytes()).await.expect("it reads");
    let mut seen = String::new();
    soon("an answer", other.read_to_string(&mut seen)).await.expect("whole");
    assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    drop(taken.pop());
    server.heard_by("c", 9).await;
    until("its place is free", || server.counters.connections() == 9).await;
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=0", "")).await;
    assert_eq!(answer(&mut connection).await.status(), 200);
}

async fn garbage_is_told_400_and_leaves_nothing(path: Path) {
    let server = path.start();
    let mut listeners = listeners(&server).await;
    let garbage: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\0\0\0\0\0\0\0",
        b"GET /push/sse?channel=c\r\n\r\n",
        b"GET /push/sse?channel=c HTTP/1.1\r\nHost: localhost\r\n: empty\r\n\r\n",
        b"\xff\xfe\xfd\r\n\r\n",
    ];
    for round in 1..=20 {
        for bytes in garbage {
            let mut connection = server.sent(bytes).await;
            let seen = String::from_utf8_lossy(&soon("the end", connection.rest()).await).into_owned();
            assert!(seen.starts_with("HTTP/1.1 400 ") && seen.matches("HTTP/").count() == 1, "{bytes:?}: {seen:?}");
        }
        are_served(&server, &mut listeners, round).await;
    }
    until("only the good are left", || server.counters.connections() == listeners.len()).await;
}

// Nothing a client does grows memory without bound: what cannot be used yet stays in the client's own buffers.
async fn what_a_parked_client_pours_in_is_not_taken(path: Path) {
    const POURED: u64 = 64 << 20;
    let server = path.start();
    for target in ["/push/poll?channel=c", "/push/sse?channel=c", "/push/stream?channel=c"] {
        let connection = server.sent(get(target, "")).await;
        server.heard_by("c", 1).await;
        let (mut reading, mut writing) = connection.into_parts().0.into_split();
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        let pouring = tokio::spawn(async move {
            while count.load(Ordering::Relaxed) < POURED && writing.write_all(&[b'\n'; 64 << 10]).await.is_ok() {
                count.fetch_add(64 << 10, Ordering::Relaxed);
            }
        });
        let mut before = u64::MAX;
        while taken.load(Ordering::Relaxed) != before {
            before = taken.load(Ordering::Relaxed);
            sleep(SHORT).await;
        }
        assert!(before < POURED / 2, "{target}: {before} bytes were taken");
        // And it is still served.
        server.publish("c", "news").await;
        let mut seen = Vec::new();
        while testkit::http::find(&seen, b"news").is_none() {
            assert_ne!(soon("the news", reading.read_buf(&mut seen)).await.expect("it goes on"), 0, "{target}");
        }
        pouring.abort();
        drop((pouring.await, reading));
        server.hub.disconnect_all(push_core::Ending::draining);
        until("its place is free", || server.hub.connections() == 0).await;
    }
    server.emptied().await;
}

async fn silent_and_idle_connections_are_closed_and_parked_ones_are_not(path: Path) {
    let mut plan = path.plan();
    plan.serve.header_timeout = SHORT;
    plan.serve.idle = SHORT;
    let server = plan.start();
    let mut listeners = listeners(&server).await;
    let mut parked = server.sent(get("/push/poll?channel=parked", "")).await;
    let mut closed = Vec::new();
    for _ in 0..50 {
        closed.push(server.connect().await);
        let mut idle = server.sent(get("/push/poll?channel=c&timeout=0", "")).await;
        assert_eq!(answer(&mut idle).await.status(), 200);
        closed.push(idle);
    }
    for mut connection in closed {
        assert_eq!(soon("the end", connection.rest()).await, b"", "closed without a word");
    }
    are_served(&server, &mut listeners, 1).await;
    let answered = Answer::from_response(&server.wake(&mut parked, "parked", "news").await);
    assert_eq!(answered.events[0].text(), "news");
    // Only now is it idle.
    assert_eq!(soon("the end", parked.rest()).await, b"");
    until("only the parked are left", || server.counters.connections() == listeners.len()).await;
}

async fn a_kept_connection_is_given_its_time_anew_after_each_answer(path: Path) {
    let mut plan = path.plan();
    plan.serve.idle = Duration::from_secs(2);
    plan.serve.header_timeout = Duration::from_secs(2);
    let server = plan.start();
    let mut connection = server.connect().await;
    // Longer in all than either limit; a parked poll is no idle connection.
    for _ in 0..5 {
        connection.send_bytes(get("/push/poll?channel=c&timeout=1", "").as_bytes()).await.expect("it is kept");
        assert_eq!(answer(&mut connection).await.status(), 200);
    }
    goes_on(&mut connection).await;
    assert_eq!(server.counters.accepted(), 1);
}

async fn heads_over_the_limits_are_told_431_first_or_later(path: Path) {
    let mut plan = path.plan();
    plan.serve.header_bytes = 4 << 10;
    plan.serve.max_headers = 20;
    let server = plan.start();
    let heads = [
        get("/push/poll?channel=c&timeout=0", &format!("X: {}\r\n", "x".repeat(5 << 10))),
        get(&format!("/push/poll?channel={}", "c".repeat(5 << 10)), ""),
        get("/push/poll?channel=c&timeout=0", &"X: y\r\n".repeat(30)),
    ];
    for head in heads {
        let firsts =
            [String::new(), get("/push/poll?channel=c&timeout=0", ""), get("/push/poll?channel=c&timeout=1", "")];
        for first in firsts {
            let mut connection = server.sent(first.clone() + &head).await;
            if !first.is_empty() {
                assert_eq!(answer(&mut connection).await.status(), 200);
            }
            let seen = String::from_utf8_lossy(&soon("the end", connection.rest()).await).into_owned();
            assert!(seen.starts_with("HTTP/1.1 431 ") && seen.matches("HTTP/").count() == 1, "{seen:?}");
        }
    }
    // Just within the limits is within them.
    let within = get("/push/poll?channel=c&timeout=0", &format!("X: {}\r\n", "x".repeat(3 << 10)));
    let mut connection = server.sent(within + &get("/push/poll?channel=c&timeout=0", &"X: y\r\n".repeat(19))).await;
    assert_eq!(answer(&mut connection).await.status(), 200);
    assert_eq!(answer(&mut connection).await.status(), 200);
    drop(connection);
    server.emptied().await;
}

async fn a_body_that_does_not_come_is_not_waited_for(path: Path) {
    let mut plan = path.plan();
    plan.push.body_timeout = SHORT;
    let server = plan.start();
    for target in ["/push/poll", "/push/stream", "/push/publish?channel=c"] {
        for framing in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
            let more = format!("Content-Type: application/json\r\n{framing}");
            let mut connection = server.sent(get(target, &more).replacen("GET", "POST", 1) + "5\r\n").await;
            let response = answer(&mut connection).await;
            assert_eq!((response.status(), response.problem().as_str()), (400, "bad_parameter"), "{target} {framing}");
            let rest = timeout(GUARD, connection.rest()).await.expect("and it is closed");
            assert!(rest.is_empty(), "{rest:?}");
        }
    }
    server.emptied().await;
    assert_eq!(server.hub.stats().published, 0);
}
