//! Polls on a connection that is kept.

use push_core::Draft;
use testkit::{Connection, poll::Answer};

use crate::ask;
use crate::serving::{Path, answer, get, goes_on, until};

on_paths! {
    every:
    a_thousand_polls_on_one_connection_hear_everything_once,
    polls_publications_and_refusals_take_turns_on_one_connection,
    many_kept_connections_get_each_its_own_answers,
    an_answer_larger_than_every_buffer_is_whole_and_the_connection_goes_on,
}

async fn a_thousand_polls_on_one_connection_hear_everything_once(path: Path) {
    let server = path.start();
    let mut connection = server.connect().await;
    let mut cursor = Answer::from_response(&ask(&mut connection, "/push/poll?channel=c&timeout=0").await).cursor;
    let (mut heard, mut sent) = (Vec::new(), 0);
    for round in 0..1000 {
        let is_parked = round % 2 == 0;
        let target = format!("/push/poll?channel=c&since={cursor}&timeout={}", if is_parked { 30 } else { 0 });
        if !is_parked && round % 5 < 3 {
            server.publish("c", sent.to_string()).await;
            sent += 1;
        }
        connection.send_bytes(get(&target, "").as_bytes()).await.expect("it is kept");
        if is_parked {
            server.heard_by("c", 1).await;
            server.publish("c", sent.to_string()).await;
            sent += 1;
        }
        let answered = Answer::from_response(&answer(&mut connection).await);
        heard.extend(answered.events.iter().map(testkit::Publication::text));
        cursor = answered.cursor;
    }
    assert_eq!(heard, (0..sent).map(|n: u32| n.to_string()).collect::<Vec<_>>());
    assert_eq!((server.counters.accepted(), server.hub.connections()), (1, 0));
}

async fn polls_publications_and_refusals_take_turns_on_one_connection(path: Path) {
    let server = path.start();
    let mut connection = server.connect().await;
    for round in 0..200 {
        let body = format!("number {round}");
        let publish = testkit::Publish::new("c", body.as_str()).request().to_bytes(server.addr);
        connection.send_bytes(&publish).await.expect("it is kept");
        assert_eq!(answer(&mut connection).await.json()["offset"], round + 1);
        let raw = ask(&mut connection, "/push/poll?channel=c&last=1&format=raw").await;
        assert_eq!((raw.status(), raw.text()), (200, body));
        assert_eq!(ask(&mut connection, "/push/nowhere").await.problem(), "not_found");
        assert_eq!(ask(&mut connection, "/elsewhere").await.status(), 404);
        let empty = ask(&mut connection, "/push/poll?channel=c&timeout=0&format=raw").await;
        assert_eq!((empty.status(), empty.body.len()), (204, 0));
    }
    assert_eq!(server.counters.accepted(), 1);
}

async fn many_kept_connections_get_each_its_own_answers(path: Path) {
    const MANY: usize = 100;
    let server = path.start();
    let mut connections = Vec::new();
    for _ in 0..MANY {
        connections.push(server.connect().await);
    }
    for round in 0..20 {
        let now = server.now();
        for (n, connection) in connections.iter_mut().enumerate() {
            let target = format!("/push/poll?channel=own/{n}&channel=all&since={now}&format=raw");
            connection.send_bytes(get(&target, "").as_bytes()).await.expect("it is kept");
        }
        server.heard_by("all", MANY).await;
        for n in (0..MANY).rev() {
            server.publish(&format!("own/{n}"), format!("{round} for {n}")).await;
        }
        for (n, connection) in connections.iter_mut().enumerate() {
            assert_eq!(answer(connection).await.text(), format!("{round} for {n}"));
        }
    }
    assert_eq!(server.counters.accepted(), MANY as u64);
}

async fn an_answer_larger_than_every_buffer_is_whole_and_the_connection_goes_on(path: Path) {
    let server = path.start();
    let mut connection = Connection::open_with(server.addr, Some(16 << 10)).await.expect("somebody listens");
    for round in 0..4_u8 {
        let target = format!("/push/poll?channel=c&since={}&format=raw", server.now());
        connection.send_bytes(get(&target, "").as_bytes()).await.expect("it is kept");
        server.heard_by("c", 1).await;
        let payload: Vec<u8> = (0..1 << 20).map(|n: u32| (n / 7) as u8 ^ round).collect();
        server.hub.publish("c", Draft::new(payload.clone())).await.expect("published");
        until("it is answered", || server.hub.connections() == 0).await;
        assert!(answer(&mut connection).await.body == payload, "every byte of round {round}");
    }
    goes_on(&mut connection).await;
    assert_eq!(server.counters.accepted(), 1);
}
