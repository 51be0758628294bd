//! Requests that come together, in pieces, or faster than their answers are read.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use testkit::Connection;
use tokio::io::AsyncWriteExt as _;

use crate::doors::{Door, PASSED, publish, start, start_on};
use crate::serving::{Path, Server, answer, get, goes_on, soon, until};

/// What is retained of `channel`, as text.
async fn retained(server: &Server, channel: &str) -> Vec<String> {
    let mut connection = server.sent(get(&format!("/push/history?channel={channel}&limit=1000"), "")).await;
    let history = answer(&mut connection).await.json();
    let events = history["events"].as_array().expect("a list").clone();
    events.iter().map(|event| event["data"].as_str().expect("text").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_one_segment_are_answered_in_their_turn_and_a_poll_among_them_parks() {
    let server = start(Door::Open, |_| {});
    let poll = get("/push/poll?channel=w&timeout=30", "");
    let together = publish("a", "one")
        + &publish("a", "two")
        + &get("/push/history?channel=a", "")
        + &poll
        + &publish("a", "three")
        + &get("/push/history?channel=a", "");
    let mut connection = server.sent(together).await;
    for offset in [1, 2] {
        let receipt = answer(&mut connection).await;
        assert_eq!((receipt.status(), receipt.json()["offset"].as_u64()), (200, Some(offset)));
        assert_eq!(receipt.header(PASSED), None);
    }
    let history = answer(&mut connection).await.json();
    assert_eq!(history["events"].as_array().map(Vec::len), Some(2), "{history}");
    // What lies behind the poll is not looked at before it is answered.
    let polled = server.wake(&mut connection, "w", "now").await.json();
    assert_eq!(polled["events"][0]["data"], "now");
    assert_eq!(answer(&mut connection).await.json()["offset"], 3);
    assert_eq!(answer(&mut connection).await.json()["events"].as_array().map(Vec::len), Some(3));
    goes_on(&mut connection).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_two_pieces_is_answered_like_a_whole_one() {
    let server = start(Door::Open, |_| {});
    let request = publish("cut", "hello, everybody");
    for cut in 1..request.len() {
        let mut connection = server.sent(&request[..cut]).await;
        // A task waits for the rest: the first piece was read.
        until("the first piece is read", || server.counters.busy() == 1).await;
        connection.send_bytes(&request.as_bytes()[cut..]).await.expect("it reads");
        let receipt = answer(&mut connection).await;
        assert_eq!((receipt.status(), receipt.json()["offset"].as_u64()), (200, Some(cut as u64)), "cut at {cut}");
        drop(connection);
        until("nobody is there", || server.counters.connections() == 0).await;
    }
    let payloads = retained(&server, "cut").await;
    assert!(!payloads.is_empty() && payloads.iter().all(|payload| payload == "hello, everybody"), "{payloads:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_piece_of_the_next_request_behind_a_whole_one_is_kept() {
    let server = start(Door::Open, |_| {});
    let (first, second) = (publish("kept", "first"), publish("kept", "second"));
    for cut in 1..second.len() {
        let mut connection = server.sent(first.clone() + &second[..cut]).await;
        assert_eq!(answer(&mut connection).await.status(), 200);
        connection.send_bytes(&second.as_bytes()[cut..]).await.expect("it reads");
        assert_eq!(answer(&mut connection).await.json()["offset"].as_u64(), Some(2 * cut as u64), "cut at {cut}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_any_length_is_answered_alike() {
    const MOST: usize = 300_000;
    let change = |plan: &mut crate::serving::Plan| plan.hub.max_payload_bytes = MOST;
    let (open, shut) = (start(Door::Open, change), start(Door::Shut, change));
    for length in [0, 1, 16_000, 65_000, 65_400, 65_536, 65_537, 131_072, MOST - 1, MOST, MOST + 1] {
        let mut answers = Vec::new();
        for server in [&open, &shut] {
            let mut connection = server.connect().await;
            let request = publish("long", &"x".repeat(length)) + &get("/push/history?channel=still", "");
            // A server that refuses does not read to the end.
            drop(connection.send_bytes(request.as_bytes()).await);
            let told = answer(&mut connection).await;
            let json = told.json();
            answers.push((told.status(), json["offset"].clone(), json["code"].clone()));
            if told.status() == 200 {
                assert_eq!(answer(&mut connection).await.status(), 200);
            }
        }
        assert_eq!(answers[0], answers[1], "{length} bytes");
        assert_eq!(answers[0].0, if length > MOST { 413 } else { 200 }, "{length} bytes");
    }
    assert_eq!(retained(&open, "long").await.last().map(String::len), Some(MOST));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_its_answers_is_not_read_from_and_gets_all_of_them_later() {
    const REQUESTS: usize = 10_000;
    let server = start(Door::Open, |plan| plan.serve.send_buffer = 16 * 1024);
    let connection = Connection::open_with(server.addr, Some(16 * 1024)).await.expect("somebody listens");
    let (stream, _) = connection.into_parts();
    let (reading, mut writing) = stream.into_split();
    let writer = tokio::spawn(async move {
        for number in 0..REQUESTS {
            let request = publish("many", &number.to_string());
            writing.write_all(request.as_bytes()).await.expect("it reads on in the end");
        }
        writing
    });
    // Until it takes no more. Nothing tells of what does not happen: a look that comes too early only asks for less.
    let mut before = 0;
    while before == 0 || before != server.hub.head().number {
        before = server.hub.head().number;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // What it does not read is in the sockets' buffers, as far as they go; the server holds an answer or two.
    assert!(before < REQUESTS as u64 / 2, "{before} published");
    let mut reader = tokio::io::BufReader::new(reading);
    for number in 1..=REQUESTS as u64 {
        let receipt = soon("an answer", receipt(&mut reader)).await;
        assert_eq!(receipt["offset"].as_u64(), Some(number));
    }
    drop(soon("the writer's end", writer).await.expect("all is written"));
    assert_eq!(server.hub.head().number, REQUESTS as u64);
}

/// The next answer's body.
async fn receipt(reader: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> serde_json::Value {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _};
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).await.expect("a line");
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).await.expect("a line");
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

/// The steps: a client does not read, its socket is full, and an answer and a request that waits come in one segment; what
/// the socket did not take of the answer was taken for the answer of what waits, which was never heard of again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_behind_an_answer_that_the_socket_does_not_take_is_answered() {
    let server = start(Door::Open, |plan| plan.serve.send_buffer = 4 * 1024);
    server.publish("long", "x".repeat(3000)).await;
    let together = get("/push/history?channel=long", "") + &get("/push/poll?channel=w&timeout=30", "");
    let mut connection = Connection::open_with(server.addr, Some(4 * 1024)).await.expect("somebody listens");
    let mut rounds = 0;
    while server.counters.resumed() == 0 {
        rounds += 1;
        assert!(rounds < 1000, "no socket takes so much");
        connection.send_bytes(together.as_bytes()).await.expect("it reads");
        server.heard_by("w", 1).await;
        server.publish("w", "polled").await;
        until("it is answered, or waits", || server.audience("w") == 0 || server.counters.resumed() == 1).await;
    }
    for _ in 0..rounds {
        assert_eq!(answer(&mut connection).await.json()["events"][0]["data"].as_str().map(str::len), Some(3000));
        assert_eq!(answer(&mut connection).await.json()["events"][0]["data"], "polled");
    }
    goes_on(&mut connection).await;
}

/// The steps: a client sends requests faster than they are answered, and reads the answers; its connection's task never had
/// to wait, and so was polled for ever where it was begun: in its lot, which heard nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_stops_asking_does_not_keep_others_waiting() {
    for door in [Door::Open, Door::Shut] {
        let server = start_on(Path::OneLot, door, |_| {});
        let (mut others, is_over) = (server.connect().await, Arc::new(AtomicBool::new(false)));
        let mut asking = TcpStream::connect(server.addr).expect("somebody listens");
        let mut hearing = asking.try_clone().expect("a handle");
        let over = Arc::clone(&is_over);
        let asker = std::thread::spawn(move || {
            let many = get("/push/history?channel=none", "").repeat(2000);
            while !over.load(SeqCst) && asking.write_all(many.as_bytes()).is_ok() {}
            drop(asking.shutdown(Shutdown::Both));
        });
        let heard = Arc::new(AtomicUsize::new(0));
        let hears = Arc::clone(&heard);
        let hearer = std::thread::spawn(move || {
            let mut room = vec![0; 1 << 20];
            while let Ok(read @ 1..) = hearing.read(&mut room) {
                hears.fetch_add(read, SeqCst);
            }
        });
        for _ in 0..20 {
            let before = heard.load(SeqCst);
            until("it is answered more", || heard.load(SeqCst) > before).await;
            goes_on(&mut others).await;
        }
        is_over.store(true, SeqCst);
        soon("the end", tokio::task::spawn_blocking(|| (asker.join(), hearer.join())))
            .await
            .expect("they end")
            .0
            .expect("no panic");
    }
}
