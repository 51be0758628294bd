//! Subscribers under TLS: told at once, in order, and all of it, whether they read or not.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use push_core::{Draft, Hub, HubConfig};
use push_transports::{Config, Push};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::world::{Client, GUARD, Server, until};

const WS: &str = "GET /push/ws?channel=a&format=raw HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SSE: &str = "GET /push/sse?channel=a&format=raw HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// By a task each; in a lot; in a lot that answers plain requests itself.
const WAYS: [(usize, bool); 3] = [(0, false), (1, false), (1, true)];

fn serve((lots, has_shortcut): (usize, bool)) -> (Hub, Server) {
    let mut config = Config::default();
    config.heartbeat = Duration::from_secs(3600);
    let hub = Hub::new(HubConfig::default());
    let push = Push::new(hub.clone(), config).expect("a policy");
    let app = Router::new().nest("/push", push.router());
    let server = Server::start(app, |config| {
        (config.lots, config.send_buffer) = (lots, 16 * 1024);
        config.shortcut = has_shortcut.then(|| push.shortcut("/push"));
    });
    (hub, server)
}

/// A client whose request has its status.
async fn begun(server: &Server, request: &str) -> Client<TlsStream<TcpStream>> {
    let mut client = server.client().await;
    client.send(request).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 ") || head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

/// Reads until `text` has come; returns all.
async fn read_up_to<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, text: &str) -> Vec<u8> {
    let mut seen = Vec::new();
    let read = async {
        let mut some = vec![0; 64 * 1024];
        while !seen.ends_with(text.as_bytes()) {
            let read = client.0.read(&mut some).await.expect("it stays open");
            assert_ne!(read, 0, "it stays open");
            seen.extend_from_slice(&some[..read]);
        }
    };
    timeout(GUARD, read).await.unwrap_or_else(|_| panic!("{text} never comes"));
    seen
}

#[tokio::test]
async fn a_websocket_and_a_stream_are_told_at_once_and_live_on_over_a_silence() {
    for way in WAYS {
        let (hub, server) = serve(way);
        let (mut ws, mut sse) = (begun(&server, WS).await, begun(&server, SSE).await);
        for number in 0..50 {
            let text = format!("publication {number}");
            hub.publish("a", Draft::text(text.clone())).await.expect("published");
            read_up_to(&mut ws, &text).await;
            read_up_to(&mut sse, &format!("{text}\n\n\r\n")).await;
        }
    }
}

/// What a lot has enciphered and the socket did not take waits in part of a record.
#[tokio::test]
async fn who_does_not_read_for_a_while_gets_all_in_order_afterwards() {
    const PUBLICATIONS: usize = 600;
    for way in WAYS {
        let (hub, server) = serve(way);
        let (mut ws, mut sse) = (begun(&server, WS).await, begun(&server, SSE).await);
        for round in 0..2 {
            for number in 0..PUBLICATIONS {
                // Some larger than a record, and more in all than both ends take unread.
                let mut text = format!("[{round}/{number}:");
                let _ = write!(text, "{:>width$}]", "", width = (number * 37) % 20_000);
                hub.publish("a", Draft::text(text)).await.expect("published");
            }
            hub.publish("a", Draft::text(format!("end {round}"))).await.expect("published");
            for (client, last) in [(&mut ws, format!("end {round}")), (&mut sse, format!("end {round}\n\n\r\n"))] {
                let seen = String::from_utf8_lossy(&read_up_to(client, &last).await).into_owned();
                let numbers: Vec<usize> = seen
                    .split(&format!("[{round}/"))
                    .skip(1)
                    .map(|rest| rest.split(':').next().expect("a number").parse().expect("a number"))
                    .collect();
                assert_eq!(numbers, (0..PUBLICATIONS).collect::<Vec<_>>(), "{way:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_poll_s_large_answer_is_whole_and_the_next_request_is_served_behind_it() {
    const POLL: &str = "GET /push/poll?channel=a&format=raw&timeout=600 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for way in WAYS {
        let (hub, server) = serve(way);
        let mut client = server.client().await;
        for number in 0..3 {
            client.send(POLL).await;
            until("it waits", || hub.stats().connections.values().sum::<usize>() == 1).await;
            let text = format!("{number}").repeat(200_000);
            hub.publish("a", Draft::text(text.clone())).await.expect("published");
            // So that the answer is under way, and not taken, before it is read.
            tokio::task::yield_now().await;
            assert!(client.body().await == text);
        }
    }
}

/// RFC 6455 §5.5.2
#[tokio::test]
async fn a_ping_is_answered_while_a_websocket_is_parked() {
    let (hub, server) = serve((1, true));
    let mut ws = begun(&server, WS).await;
    hub.publish("a", Draft::text("first")).await.expect("published");
    read_up_to(&mut ws, "first").await;
    for payload in [b"1", b"2", b"3"] {
        ws.send([0x89, 0x81, 0, 0, 0, 0, payload[0]]).await;
        let mut pong = [0; 3];
        timeout(GUARD, ws.0.read_exact(&mut pong)).await.expect("it comes").expect("it stays open");
        assert_eq!(pong, [0x8a, 1, payload[0]]);
    }
    hub.publish("a", Draft::text("last")).await.expect("published");
    read_up_to(&mut ws, "last").await;
}

/// What comes in one piece with the request: more requests, or the end of TLS.
#[tokio::test]
async fn requests_that_come_together_are_answered_in_order_and_so_are_those_of_who_says_no_more() {
    const GET: &str = "GET /push/channels HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for way in WAYS {
        let (_hub, server) = serve(way);
        let mut client = server.client().await;
        client.send(GET.repeat(3)).await;
        for _ in 0..3 {
            client.body().await;
        }
        client.send(GET).await;
        client.0.get_mut().1.send_close_notify();
        client.send("").await;
        client.body().await;
        until("it has left", || server.counters.connections() == 0).await;
    }
}
