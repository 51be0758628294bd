//! Readers that stop and go on, by policy.

use std::net::SocketAddr;

use testkit::{Connection, Item, Options, Publish, Subscriber, Transport, publish};

use crate::target::{Path, Setup, Target, start_with};

/// More than the sockets' buffers hold, in pieces of which the log keeps few.
const PIECE: usize = 256 << 10;
const PIECES: u64 = 120;
const KEPT: usize = 6;

async fn flooded(path: Path, transport: Transport, policy: &str) -> (Target, Subscriber) {
    let target = start_with(path, Setup::default().retaining("slow/**", KEPT)).await;
    let options = Options::channel("slow/a").overflow(policy).receive_buffer(8 << 10);
    let subscriber = Subscriber::open(transport, target.addr, &options).await;
    flood(target.addr).await;
    (target, subscriber)
}

/// Publishes pieces that begin with their number, with two keys in turn.
async fn flood(addr: SocketAddr) {
    let mut connection = Connection::open(addr).await.expect("listening");
    for number in 1..=PIECES {
        let mut body = format!("{number}|").into_bytes();
        body.resize(PIECE, b'x');
        let key = if number % 2 == 0 { "even" } else { "odd" };
        let request = Publish::new("slow/a", body).media_type("text/plain").key(key).request();
        let answer = connection.request(&request).await.expect("published, however slow the reader");
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
}

fn number(publication: &testkit::Publication) -> u64 {
    let text = publication.text();
    text.split('|').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

pub(crate) async fn a_slow_reader_reads_on_and_is_told_what_it_lost(path: Path, transport: Transport) {
    let (target, mut subscriber) = flooded(path, transport, "gap").await;
    publish::text(target.addr, "slow/a", "0|the end").await;
    let (mut heard, mut missed, mut gaps) = (Vec::new(), 0, 0);
    loop {
        match subscriber.next().await {
            Item::Publication(publication) if number(&publication) == 0 => break,
            Item::Publication(publication) => heard.push(number(&publication)),
            Item::Gap(gap) => {
                let (from, to) = (gap.from.expect("known here"), gap.to.expect("known here"));
                assert_eq!(gap.missed, Some(to - from + 1), "{gap:?}");
                assert_eq!(gap.outcome, "partial");
                assert!(heard.iter().all(|heard| !(from..=to).contains(heard)), "told as missed, but heard: {gap:?}");
                assert!(heard.last().is_none_or(|last| last + 1 == from), "{:?} then {gap:?}", heard.last());
                missed += to - from + 1;
                gaps += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(heard.is_sorted_by(|one, other| one < other), "in order, none twice: {heard:?}");
    assert!(gaps >= 1, "{PIECES} pieces do not fit into the sockets' buffers: {heard:?}");
    assert_eq!(heard.len() as u64 + missed, PIECES, "all is heard or told as missed: {heard:?}, {missed}");
    assert_eq!(heard.last(), Some(&PIECES), "it caught up");
}

pub(crate) async fn a_slow_reader_that_asked_for_the_latest_gets_the_newest_per_key(path: Path, transport: Transport) {
    let (target, mut subscriber) = flooded(path, transport, "latest").await;
    // Read up to the newest of both keys before the end is published, or they could be skipped for it.
    let mut heard: Vec<u64> = Vec::new();
    while !(heard.contains(&PIECES) && heard.contains(&(PIECES - 1))) {
        match subscriber.next().await {
            Item::Publication(publication) => heard.push(number(&publication)),
            other => panic!("without a notice: {other:?} after {heard:?}"),
        }
    }
    assert!(heard.is_sorted_by(|one, other| one < other), "in order, none twice: {heard:?}");
    assert!((heard.len() as u64) < PIECES, "most were skipped: {heard:?}");
    publish::text(target.addr, "slow/a", "0|after").await;
    assert_eq!(number(&subscriber.publication().await), 0, "and it goes on");
}

pub(crate) async fn a_slow_reader_that_asked_to_be_disconnected_is_told_3008(path: Path, transport: Transport) {
    let (_target, mut subscriber) = flooded(path, transport, "disconnect").await;
    let mut heard: Vec<u64> = Vec::new();
    let close = loop {
        match subscriber.next().await {
            Item::Publication(publication) => heard.push(number(&publication)),
            Item::Close(close) => break close,
            other => panic!("{other:?} after {heard:?}"),
        }
    };
    assert_eq!((close.code, close.reconnect), (3008, Some(true)), "{close:?}");
    let expected: Vec<u64> = (1..=heard.len() as u64).collect();
    assert_eq!(heard, expected, "what came before the end came whole and in order");
    assert_eq!(subscriber.next().await, Item::End);
}
