//! What befalls connections while they wait in a lot: times that come together, ends, floods, bits of readiness.

#![cfg(target_os = "linux")]

#[path = "serving/paths.rs"]
#[macro_use]
mod paths;
mod serving;

use std::time::Duration;

use serving::{Path, Server, UPGRADE, answer, get, goes_on, head, soon, until};
use testkit::Connection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

on_paths! {
    every:
    a_poll_whose_client_ended_its_direction_is_answered_if_its_time_is_over_first,
    room_to_write_on_an_idle_connection_does_not_end_it,
    members_of_a_crowd_are_asked_to_come_back_one_after_another,
    an_upgrade_behind_another_request_in_one_piece_is_one,
    a_raw_poll_whose_body_is_somebody_elses_has_its_headers,
}

/// A poll's cursor and texts.
fn told(answer: &testkit::Response) -> (String, Vec<String>) {
    let page = answer.json();
    let events = page["events"].as_array().expect("a list");
    let texts = events.iter().map(|event| event["data"].as_str().expect("text").to_owned()).collect();
    (page["cursor"].as_str().expect("a cursor").to_owned(), texts)
}

// The publication and the deadline are there when the server looks next.
async fn a_poll_whose_time_is_over_when_something_comes_says_so_or_leaves_it_for_the_next(path: Path) {
    let server = path.start();
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=20", "")).await;
    server.heard_by("c", 1).await;
    if path.has_lots() {
        until("it is parked", || server.counters.parked() == 1).await;
    }
    tokio::time::pause();
    let published = futures_util::FutureExt::now_or_never(server.hub.publish("c", push_core::Draft::text("news")));
    published.expect("local").expect("published");
    tokio::time::advance(Duration::from_secs(20)).await;
    tokio::time::resume();
    let (cursor, mut texts) = told(&answer(&mut connection).await);
    let next = get(&format!("/push/poll?channel=c&timeout=0&since={cursor}"), "");
    connection.send_bytes(next.as_bytes()).await.expect("it reads");
    texts.extend(told(&answer(&mut connection).await).1);
    assert_eq!(texts, ["news"]);
}

#[tokio::test]
async fn a_poll_of_a_task_whose_time_is_over_when_something_comes() {
    a_poll_whose_time_is_over_when_something_comes_says_so_or_leaves_it_for_the_next(Path::Tasks).await;
}

#[tokio::test]
async fn a_poll_of_a_lot_whose_time_is_over_when_something_comes() {
    a_poll_whose_time_is_over_when_something_comes_says_so_or_leaves_it_for_the_next(Path::OneLot).await;
}

async fn a_poll_whose_client_ended_its_direction_is_answered_if_its_time_is_over_first(path: Path) {
    let mut plan = path.plan();
    plan.serve.half_close = Duration::from_secs(20);
    let server = plan.start();
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=1", "")).await;
    server.heard_by("c", 1).await;
    connection.finish_writing().await.expect("open");
    assert_eq!(told(&answer(&mut connection).await).1, [""; 0]);
    assert!(connection.is_closed().await);
}

// Urgent data makes the kernel look at a full socket; when that empties, it tells of room to write.
async fn room_to_write_on_an_idle_connection_does_not_end_it(path: Path) {
    let server = path.start();
    for round in 0..40 {
        server.publish("c", format!("{round:02}{}", "x".repeat(100_000))).await;
    }
    let mut connection = Connection::open_with(server.addr, Some(64 * 1024)).await.expect("somebody listens");
    let request = get("/push/history?channel=c&since=start", "");
    connection.send_bytes(request.as_bytes()).await.expect("it reads");
    let (mut stream, early) = connection.into_parts();
    let mut read = early.to_vec();
    // All but what the kernels hold: the server is done with it.
    let mut length = None;
    while length.is_none_or(|length| read.len() < length - 150_000) {
        let mut some = [0; 4096];
        let count = soon("an answer", stream.read(&mut some)).await.expect("it goes on");
        assert_ne!(count, 0, "it ended after {}", read.len());
        read.extend_from_slice(&some[..count]);
        length = testkit::http::find(&read, b"\r\n\r\n").map(|end| {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let line = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            end + 4 + line.parse::<usize>().expect("a number")
        });
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    socket2::SockRef::from(&stream).send_out_of_band(b"!").expect("it is open");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let length = length.expect("seen");
    read.resize(read.len(), 0);
    let mut rest = vec![0; length - read.len()];
    soon("the rest", stream.read_exact(&mut rest)).await.expect("all of it");
    let mut byte = [0];
    let ended = timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
    assert!(ended.is_err(), "it is idle, and not closed: {ended:?}");
}

#[tokio::test]
async fn requests_that_came_before_the_stop_are_answered() {
    let mut plan = Path::OneLot.plan();
    plan.serve.grace = Duration::from_secs(20);
    let server = plan.start();
    let mut idle = server.connect().await;
    goes_on(&mut idle).await;
    let mut silent = server.connect().await;
    until("both are there", || server.counters.connections() == 2).await;
    for connection in [&mut idle, &mut silent] {
        connection.send_bytes(get("/push/history?channel=still", "").as_bytes()).await.expect("it reads");
    }
    let (summary, ()) = tokio::join!(server.stopped(), async {
        for (name, connection) in [("idle", &mut idle), ("silent", &mut silent)] {
            let answer = connection.response().await.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(answer.status(), 200);
        }
    });
    assert_eq!(summary.cut, 0);
}

// design.md: those who come back do not come all at once.
async fn members_of_a_crowd_are_asked_to_come_back_one_after_another(path: Path) {
    let server = path.start();
    let mut connections = Vec::new();
    for _ in 0..60 {
        connections.push(server.sent(get("/push/stream?channel=c", "")).await);
    }
    server.heard_by("c", 60).await;
    if path.has_lots() {
        until("they are parked", || server.counters.parked() == 60).await;
    }
    assert_eq!(server.push.drain(Duration::from_secs(60)), 60);
    let mut times = Vec::new();
    for connection in &mut connections {
        let seen = String::from_utf8(connection.response().await.expect("an end").body).expect("text");
        let last: serde_json::Value = serde_json::from_str(seen.lines().last().expect("a line")).expect("JSON");
        assert_eq!((&last["op"], &last["code"]), (&"close".into(), &3000.into()));
        times.push(last["retry_ms"].as_u64().expect("a time"));
    }
    times.sort_unstable();
    // A millisecond for each: 60 of them over 60 ms behind the shortest time.
    assert!(times[0] >= 1000 && times[59] <= 1060, "{times:?}");
    times.dedup();
    assert!(times.len() > 20, "{times:?}");
}

async fn an_upgrade_behind_another_request_in_one_piece_is_one(path: Path) {
    let server = path.start();
    let both = get("/push/history?channel=still", "") + &get("/push/ws?channel=c", UPGRADE);
    let mut connection = server.sent(both).await;
    assert_eq!(answer(&mut connection).await.status(), 200);
    assert_eq!(head(&mut connection).await.status, 101);
    let (mut stream, _) = connection.into_parts();
    stream.write_all(&serving::masked(9, b"there?")).await.expect("it reads");
    let mut seen = Vec::new();
    while testkit::http::find(&seen, b"there?").is_none() {
        assert_ne!(soon("a pong", stream.read_buf(&mut seen)).await.expect("open"), 0, "it is a WebSocket");
    }
}

async fn a_raw_poll_whose_body_is_somebody_elses_has_its_headers(path: Path) {
    let server = path.plan().start_with(|app| {
        app.layer(axum::middleware::map_response(|mut response: axum::response::Response| {
            let identity = http::HeaderValue::from_static("identity");
            response.headers_mut().insert(http::header::CONTENT_ENCODING, identity);
            std::future::ready(response)
        }))
    });
    let mut connection = server.sent(get("/push/poll?channel=c&format=raw&timeout=20", "")).await;
    let answer = server.wake(&mut connection, "c", "news").await;
    assert_eq!((answer.status(), answer.text().as_str()), (200, "news"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert!(answer.header("push-cursor").is_some() && answer.header("push-channel").is_some(), "{answer:?}");
    let mut connection = server.sent(get("/push/poll?channel=c&format=raw&timeout=1", "")).await;
    assert_eq!(serving::answer(&mut connection).await.status(), 204);
}

/// For cases of lots alone.
async fn parked(server: &Server, target: &str) -> Connection {
    let connection = server.sent(get(target, "")).await;
    server.heard_by("c", 1).await;
    connection
}

#[tokio::test]
async fn a_lot_that_waits_for_nobody_ends_at_once() {
    let server = Path::OneLot.start();
    let mut poll = parked(&server, "/push/poll?channel=c&timeout=20").await;
    server.publish("c", "news").await;
    assert_eq!(answer(&mut poll).await.status(), 200);
    assert_eq!(server.stopped().await.cut, 0);
}

/// Sends `frame` without a pause, and reads what comes, until the returned value is dropped or 20 s are over.
fn flood(stream: tokio::net::TcpStream, frame: &[u8]) -> std::sync::mpsc::Sender<()> {
    let stream = stream.into_std().expect("a socket");
    stream.set_nonblocking(false).expect("an option of every socket");
    let (stop, stopped) = std::sync::mpsc::channel();
    let mut reader = stream.try_clone().expect("a descriptor");
    std::thread::spawn(move || while std::io::Read::read(&mut reader, &mut [0; 65536]).is_ok_and(|read| read > 0) {});
    let frames = frame.repeat(8192);
    std::thread::spawn(move || {
        let began = tokio::time::Instant::now();
        let goes_on = || matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
        while goes_on() && began.elapsed() < Duration::from_secs(20) {
            if std::io::Write::write_all(&mut &stream, &frames).is_err() {
                break;
            }
        }
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    stop
}

// On one thread: who never stops sending must not keep everybody else from being served.
#[tokio::test]
async fn a_flood_of_frames_does_not_keep_others_waiting() {
    let server = Path::OneLot.start();
    // Pongs that fill each read to its end, pings, and data that nobody asked for.
    for frame in [serving::masked(10, &[0; 122]), serving::masked(9, b""), serving::masked(2, &[0; 125])] {
        let mut connection = server.sent(get("/push/ws?channel=c&format=raw", UPGRADE)).await;
        assert_eq!(head(&mut connection).await.status, 101);
        server.heard_by("c", 1).await;
        let stop = flood(connection.into_parts().0, &frame);
        for _ in 0..5 {
            let mut other = server.connect().await;
            goes_on(&mut other).await;
        }
        assert!(stop.send(()).is_ok(), "they had to wait until the flood of {:x} was over", frame[0]);
        server.emptied().await;
    }
}

// RFC 9112 §2.2: empty lines before a request are passed over, but not for ever and not into memory.
#[tokio::test]
async fn a_flood_of_empty_lines_is_ended() {
    let mut plan = Path::OneLot.plan();
    plan.serve.header_timeout = Duration::from_secs(600);
    let server = plan.start();
    let _stop = flood(server.connect().await.into_parts().0, b"\r\n");
    let mut other = server.connect().await;
    goes_on(&mut other).await;
    until("it is closed", || server.counters.connections() == 1).await;
    goes_on(&mut other).await;
}

// Each answer is read, so that there is always the next request to be read.
#[tokio::test]
async fn a_flood_of_requests_does_not_keep_others_waiting() {
    let server = Path::OneLot.start();
    let stop = flood(server.connect().await.into_parts().0, get("/push/history?channel=still", "").as_bytes());
    for _ in 0..5 {
        let mut other = server.connect().await;
        goes_on(&mut other).await;
    }
    assert!(stop.send(()).is_ok(), "they had to wait until the flood was over");
    server.emptied().await;
}

// Code of the application runs in a lot as well: what of it fails ends that lot's connections, and not the service.
#[tokio::test]
async fn a_lot_that_fails_is_followed_by_another_and_nothing_of_it_stays_counted() {
    let push =
        push_transports::Push::new(push_core::Hub::new(push_core::HubConfig::default()), Path::OneLot.plan().push);
    let push = push.expect("valid settings");
    let hub = push.hub().clone();
    let fails = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let app = serving::fragile::Fragile(axum::Router::new().nest("/push", push.router()), fails.clone());
    let config = Path::OneLot.plan().serve;
    let counters = config.counters.clone();
    let listener = push_transports::server::bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
    let addr = listener.local_addr().expect("it is bound");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(push_transports::server::serve(listener, app, config, async { drop(stopped.await) }));
    for _ in 0..2 {
        let mut parked = Vec::new();
        for target in ["/push/poll?channel=c", "/push/sse?channel=c"] {
            let mut connection = Connection::open(addr).await.expect("somebody listens");
            connection.send_bytes(get(target, "").as_bytes()).await.expect("it reads");
            parked.push(connection);
        }
        until("they are parked", || (hub.connections(), counters.parked()) == (2, 2)).await;
        fails.store(true, std::sync::atomic::Ordering::SeqCst);
        let mut unlucky = Connection::open(addr).await.expect("somebody listens");
        let _ = unlucky.send_bytes(get("/push/history?channel=still", "").as_bytes()).await;
        unlucky.rest().await;
        for connection in &mut parked {
            connection.rest().await;
        }
        until("nothing is counted", || (hub.connections(), counters.connections()) == (0, 0)).await;
    }
    let mut connection = Connection::open(addr).await.expect("somebody listens");
    goes_on(&mut connection).await;
    drop(stop);
    assert_eq!(soon("the end", running).await.expect("no panic").cut, 0);
}
