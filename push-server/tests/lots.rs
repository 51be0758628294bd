//! Lots as an operator sees them: the settings that make and bound them, and the metrics that show them.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;

use testkit::process::Launch;
use testkit::{Options, PushServer, Request, Subscriber, Transport, api, publish};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

const SUBSCRIBERS: usize = 40;

async fn start(config: &str) -> PushServer {
    Launch::new(env!("CARGO_BIN_EXE_push-server")).config(&format!("demo = false\n{config}")).start().await
}

/// The value of one line of `/metrics`.
async fn metric(server: &PushServer, name: &str) -> u64 {
    let page = Request::get("/metrics").send(server.addr()).await.text();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is not in {page}")).parse().expect("a whole number")
}

async fn becomes(server: &PushServer, name: &str, expected: u64) {
    api::eventually(&format!("{name} is {expected}"), || async { metric(server, name).await == expected }).await;
}

const PARKED: &str = "push_lot_connections{state=\"parked\"}";

async fn subscribed(server: &PushServer, transport: Transport) -> Vec<Subscriber> {
    let mut held = Vec::with_capacity(SUBSCRIBERS);
    for _ in 0..SUBSCRIBERS {
        held.push(Subscriber::open(transport, server.addr(), &Options::channel("news")).await);
    }
    held
}

#[tokio::test]
async fn who_waits_for_publications_is_parked_and_each_delivery_is_one_send_at_most() {
    let server = start("lots = 2\n").await;
    for (transport, round) in [(Transport::SseJson, 1), (Transport::WsJson, 2)] {
        let mut held = subscribed(&server, transport).await;
        becomes(&server, PARKED, SUBSCRIBERS as u64).await;
        assert!((1..=2).contains(&metric(&server, "push_lot_groups").await), "one in each lot that has some");
        publish::text(server.addr(), "news", "hello").await;
        for subscriber in &mut held {
            assert_eq!(subscriber.publication().await.text(), "hello");
        }
        becomes(&server, "push_lot_deliveries_total", round * SUBSCRIBERS as u64).await;
        assert_eq!(metric(&server, "push_lot_sends_total").await, round * SUBSCRIBERS as u64);
        assert!(metric(&server, "push_lot_passes_total").await <= round * 2);
        drop(held);
        becomes(&server, PARKED, 0).await;
        becomes(&server, "push_lot_groups", 0).await;
    }
    assert_eq!(metric(&server, "push_lot_blocked_total").await, 0);
    assert_eq!(metric(&server, "push_lot_resumed").await, 0);
}

#[tokio::test]
async fn without_lots_everything_is_delivered_and_their_metrics_stay_zero() {
    let server = start("lots = 0\n").await;
    let mut held = subscribed(&server, Transport::SseJson).await;
    publish::text(server.addr(), "news", "hello").await;
    for subscriber in &mut held {
        assert_eq!(subscriber.publication().await.text(), "hello");
    }
    for name in [PARKED, "push_lot_groups", "push_lot_deliveries_total", "push_lot_sends_total"] {
        assert_eq!(metric(&server, name).await, 0, "{name}");
    }
    assert!(metric(&server, "push_connections").await > SUBSCRIBERS as u64);
}

#[tokio::test]
async fn who_does_not_read_is_resumed_and_comes_back_once_it_has_read_all() {
    let server = start("lots = 1\nsend_buffer_bytes = 4096\nstall_s = 600\n").await;
    let mut reading = Subscriber::open(Transport::SseRaw, server.addr(), &Options::channel("news")).await;
    let mut idle = Subscriber::open(Transport::SseRaw, server.addr(), &Options::channel("news")).await;
    becomes(&server, PARKED, 2).await;
    let (payload, mut published) = ("x".repeat(512 * 1024), 0);
    while metric(&server, "push_lot_blocked_total").await == 0 || metric(&server, "push_lot_resumed").await == 0 {
        publish::text(server.addr(), "news", &payload).await;
        published += 1;
        assert!(published < 1000, "a socket takes no end of bytes");
        assert_eq!(reading.publication().await.text().len(), payload.len());
    }
    for _ in 0..published {
        assert_eq!(idle.publication().await.text().len(), payload.len());
    }
    becomes(&server, "push_lot_resumed", 0).await;
    becomes(&server, PARKED, 2).await;
}

/// Connects from `from` and asks; gives the connection and the status.
async fn asked(addr: SocketAddr, from: [u8; 4]) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("all of 127.0.0.0/8 is the loopback's");
    let mut stream = socket.connect(addr).await.expect("somebody listens");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it reads");
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.expect("it answers");
    (stream, String::from_utf8_lossy(&line[9..]).into_owned())
}

#[tokio::test]
async fn one_address_does_not_take_the_connections_of_others_where_that_is_set() {
    for lots in [0, 1, 2] {
        let server = start(&format!("lots = {lots}\nmax_connections_per_address = 3\n")).await;
        let mut held = Vec::new();
        for _ in 0..3 {
            let (stream, status) = asked(server.addr(), [127, 0, 0, 2]).await;
            assert_eq!(status, "200", "{lots}");
            held.push(stream);
        }
        assert_eq!(asked(server.addr(), [127, 0, 0, 2]).await.1, "429", "{lots}");
        assert_eq!(asked(server.addr(), [127, 0, 0, 3]).await.1, "200", "{lots}");
        becomes(&server, "push_connections_refused_total", 1).await;
        drop(held.pop());
        let addr = server.addr();
        api::eventually("there is room again", || async move { asked(addr, [127, 0, 0, 2]).await.1 == "200" }).await;
    }
    let server = start("max_connections_per_address = 0\n").await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let (stream, status) = asked(server.addr(), [127, 0, 0, 2]).await;
        assert_eq!(status, "200");
        held.push(stream);
    }
}
