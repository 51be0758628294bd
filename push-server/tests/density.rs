//! What an idle subscriber costs the server, held as a budget in bytes.
//!
//! The portable path keeps hyper's connection for each: two buffers of 8 KiB and the objects around them. Its budget is
//! 24 KiB; a WebSocket's socket is taken out of hyper, and takes far less.

use std::net::SocketAddr;

use testkit::{api, process::Launch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 2_000;
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// One after another, so that no crowd of half-open connections is measured along.
async fn subscribe(addr: SocketAddr, target: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.expect("connected");
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("asked");
    if !target.starts_with("/push/poll") {
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).await.expect("answered");
    }
    stream
}

async fn bytes_each(target: &str, headers: &str) -> u64 {
    let server = Launch::new(env!("CARGO_BIN_EXE_push-server")).config("demo = false\n").start().await;
    let before = server.rss_kib();
    let mut held = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        held.push(subscribe(server.addr(), target, headers).await);
    }
    api::eventually("all are parked", || async {
        api::stats(server.addr(), None).await["connections"]["total"] == CONNECTIONS
    })
    .await;
    let each = server.rss_kib().saturating_sub(before) * 1024 / CONNECTIONS as u64;
    println!("{target}: {each} bytes each");
    each
}

#[tokio::test]
async fn an_idle_stream_and_a_parked_poll_stay_within_24_kib() {
    for target in ["/push/sse?channel=news", "/push/stream?channel=news", "/push/poll?channel=news&timeout=600"] {
        assert!(bytes_each(target, "").await <= 24 << 10, "{target}");
    }
}

#[tokio::test]
async fn an_idle_websocket_stays_within_6_kib() {
    assert!(bytes_each("/push/ws?channel=news", UPGRADE).await <= 6 << 10);
}
