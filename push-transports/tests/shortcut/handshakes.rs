//! Subscriptions that begin at the door: with a backlog, with what the client says at once, among others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::doors::{Door, PASSED, start, start_on};
use crate::serving::listener::{Form, Heard, Listener, payload};
use crate::serving::{GUARD, Path, Server, UPGRADE, answer, get, head, masked, soon, until};

const PONG: u8 = 0x8a;

/// Reads frames of at most 125 bytes until there are `count`.
async fn frames(server: &Server, request: Vec<u8>, count: usize) -> Vec<(u8, Vec<u8>)> {
    let mut connection = server.sent(request).await;
    let shown = head(&mut connection).await;
    assert_eq!((shown.status, shown.header(PASSED)), (101, None));
    let (mut stream, early) = connection.into_parts();
    let (mut bytes, mut frames) = (early.to_vec(), Vec::new());
    while frames.len() < count {
        match bytes.as_slice() {
            [opcode, length, rest @ ..] if rest.len() >= usize::from(*length) => {
                assert!(*length < 126, "a short frame");
                let (payload, left) = rest.split_at(usize::from(*length));
                frames.push((*opcode, payload.to_vec()));
                bytes = left.to_vec();
            }
            _ => {
                use tokio::io::AsyncReadExt as _;
                let read = soon("more frames", stream.read_buf(&mut bytes)).await.expect("it is open");
                assert!(read > 0, "it ended after {frames:?}");
            }
        }
    }
    frames
}

fn handshake(query: &str, said: &[Vec<u8>]) -> Vec<u8> {
    [get(&format!("/push/ws?{query}"), UPGRADE).into_bytes(), said.concat()].concat()
}

/// The steps: a WebSocket parked at once had frames behind its handshake; nobody read them, and the next that came took
/// their place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_behind_a_handshake_are_answered() {
    let server = start(Door::Open, |_| {});
    let (ping, operation) = (masked(9, b"hi"), masked(1, br#"{"op":"ping","seq":7}"#));
    let pong = (PONG, b"hi".to_vec());
    // The first of its kind, then one among others.
    let _first = Listener::open(server.addr, Form::Ws, "channel=w", None).await;
    for channel in ["v", "w"] {
        let told = frames(&server, handshake(&format!("channel={channel}"), std::slice::from_ref(&ping)), 2).await;
        assert!(told[0].1.starts_with(br#"{"op":"subscribed""#), "{told:?}");
        assert_eq!(told[1], pong);
        let said = [ping.clone(), operation.clone(), ping.clone()];
        let told = frames(&server, handshake(&format!("channel={channel}"), &said), 4).await;
        assert_eq!(told.iter().filter(|told| **told == pong).count(), 2, "{told:?}");
        assert!(told.iter().any(|(_, text)| text.windows(7).any(|part| part == br#""seq":7"#)), "{told:?}");
        let half = frames(&server, handshake(&format!("channel={channel}"), &[ping[..3].to_vec()]), 1).await;
        assert_eq!(half.len(), 1);
    }
    let raw = frames(&server, handshake("channel=w&format=raw", std::slice::from_ref(&ping)), 1).await;
    assert_eq!(raw, [pong]);
}

/// The steps: more than one read holds comes with the handshake, and nothing after it; what was still in the socket was
/// never heard of. On one thread, so that all is there before the server looks.
#[tokio::test]
async fn more_frames_behind_a_handshake_than_one_read_holds_are_all_answered() {
    const OPERATIONS: usize = 900;
    let server = start_on(Path::OneLot, Door::Open, |_| {});
    let cursor = server.now();
    server.publish("c", "backlog").await;
    // Parks at once, and runs.
    for query in ["channel=c".to_owned(), format!("channel=c&since={cursor}")] {
        let mut stream = TcpStream::connect(server.addr).expect("somebody listens");
        let operation = |seq: usize| masked(1, format!("{:100}", format!(r#"{{"op":"ping","seq":{seq}}}"#)).as_bytes());
        let said: Vec<_> = (1..=OPERATIONS).map(operation).collect();
        stream.write_all(&handshake(&query, &said)).expect("it fits into the buffers");
        stream.set_read_timeout(Some(GUARD)).expect("a socket's option");
        let reading = tokio::task::spawn_blocking(move || {
            let (mut seen, mut room) = (Vec::new(), [0; 16 * 1024]);
            let last = format!("\"seq\":{OPERATIONS}}}");
            while testkit::http::find(&seen, last.as_bytes()).is_none() {
                let read = stream.read(&mut room).expect("more replies");
                assert!(read > 0, "it ended after {}", String::from_utf8_lossy(&seen));
                seen.extend_from_slice(&room[..read]);
            }
            String::from_utf8_lossy(&seen).matches("\"seq\":").count()
        });
        assert_eq!(soon("all replies", reading).await.expect("it is read"), OPERATIONS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_with_a_backlog_is_told_all_of_it_and_goes_on_live() {
    let server = start(Door::Open, |_| {});
    let cursor = server.now();
    for number in 1..=50 {
        server.publish("c", payload("c", number, 3000)).await;
    }
    let mut others = Vec::new();
    let mut listeners = Vec::new();
    for form in Form::ALL {
        // A group of those who are level is there already.
        others.push(Listener::open(server.addr, form, "channel=c", None).await);
        listeners.push(Listener::open(server.addr, form, &format!("channel=c&since={cursor}"), None).await);
    }
    server.publish("c", payload("c", 51, 3000)).await;
    for listener in &mut listeners {
        for number in 1..=51 {
            assert_eq!(listener.next().await, Heard::Publication { channel: "c".into(), number });
        }
    }
    for other in &mut others {
        assert_eq!(other.next().await, Heard::Publication { channel: "c".into(), number: 51 });
    }
    until("all are parked", || server.counters.parked() == 6).await;
    let mut poll = server.sent(get(&format!("/push/poll?channel=c&since={cursor}&limit=10&timeout=30"), "")).await;
    assert_eq!(answer(&mut poll).await.json()["events"].as_array().map(Vec::len), Some(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_that_asked_for_the_latest_gets_the_newest_and_the_others_all() {
    const LAST: u64 = 400;
    let server = start(Door::Open, |plan| plan.serve.send_buffer = 16 * 1024);
    let mut fast = Listener::open(server.addr, Form::Sse, "channel=c&overflow=latest", None).await;
    let mut slow = Listener::open(server.addr, Form::Sse, "channel=c&overflow=latest", Some(16 * 1024)).await;
    for number in 1..=LAST {
        server.publish("c", payload("c", number, 4000)).await;
        assert_eq!(fast.next().await, Heard::Publication { channel: "c".into(), number });
    }
    let (mut last, mut count) = (0, 0);
    while last < LAST {
        match slow.next().await {
            Heard::Publication { number, .. } => {
                assert!(number > last, "{number} after {last}");
                (last, count) = (number, count + 1);
            }
            Heard::Gap(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(count < LAST, "it was slow");
}
