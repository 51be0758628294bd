//! A client that takes nothing is let go after the stall limit, on every transport that streams (wire.md §5).

use std::net::SocketAddr;
use std::time::Duration;

use push_core::{Draft, Hub, HubConfig, Overflow, SubscribeRequest};
use push_transports::server::{ServeConfig, bind, serve};
use push_transports::{Config, router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const STALL: Duration = Duration::from_millis(300);
/// Long enough for any machine; nothing waits this long unless it fails.
const GUARD: Duration = Duration::from_secs(30);

const STREAMS: [&str; 5] = [
    "/push/sse?channel=big",
    "/push/sse?channel=*&channel=big&format=json",
    "/push/stream?channel=big",
    "/push/stream?channel=big&format=script",
    "/push/mixed?channel=big&overflow=gap",
];
const WEBSOCKET: &str = "/push/ws?channel=big";

fn app(hub: &Hub) -> axum::Router {
    let mut config = Config::default();
    config.stall = STALL;
    axum::Router::new().nest("/push", router(hub.clone(), config))
}

async fn own_server(hub: &Hub) -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let addr = listener.local_addr().expect("an address");
    let mut config = ServeConfig::default();
    config.stall = STALL;
    tokio::spawn(serve(listener, app(hub), config, std::future::pending()));
    addr
}

async fn foreign_server(hub: &Hub) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let addr = listener.local_addr().expect("an address");
    let app = app(hub);
    tokio::spawn(async move { axum::serve(listener, app).await });
    addr
}

/// Asks, reads the head of the answer, and then nothing any more.
async fn stuck(addr: SocketAddr, target: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(addr).await.expect("connected");
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = if target == WEBSOCKET { upgrade } else { "" };
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{upgrade}\r\n");
    stream.write_all(request.as_bytes()).await.expect("asked");
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("answered");
    assert!(matches!(&head[9..], b"200" | b"101"), "{target}: {head:?}");
    stream
}

async fn is_let_go(hub: &Hub, addr: SocketAddr, target: &str) {
    let client = stuck(addr, target).await;
    let fill = async {
        // More than any socket buffer holds; the log's own bound keeps what waits.
        while hub.connections() > 0 {
            hub.publish("big", Draft::new(vec![b'x'; 256 << 10])).await.expect("published");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(GUARD, fill).await.is_ok(), "{target} still holds its place");
    drop(client);
}

#[tokio::test]
async fn a_reader_that_stops_is_let_go_on_every_transport() {
    let hub = Hub::new(HubConfig::default());
    let addr = own_server(&hub).await;
    for target in STREAMS.into_iter().chain([WEBSOCKET]) {
        is_let_go(&hub, addr, target).await;
    }
}

#[tokio::test]
async fn a_websocket_that_stops_reading_is_let_go_under_a_foreign_server() {
    let hub = Hub::new(HubConfig::default());
    let addr = foreign_server(&hub).await;
    is_let_go(&hub, addr, WEBSOCKET).await;
}

#[tokio::test]
async fn the_others_notice_nothing_of_one_that_stops() {
    let hub = Hub::new(HubConfig::default());
    let addr = own_server(&hub).await;
    let request = SubscribeRequest::to("small").expect("a channel").overflow(Overflow::Disconnect);
    let mut other = hub.subscribe(request).expect("room");
    let stuck = stuck(addr, STREAMS[0]).await;
    for n in 0..200 {
        hub.publish("big", Draft::new(vec![b'x'; 256 << 10])).await.expect("published");
        hub.publish("small", Draft::text(n.to_string())).await.expect("published");
        let next = std::future::poll_fn(|cx| futures_core::Stream::poll_next(std::pin::Pin::new(&mut other), cx));
        match tokio::time::timeout(GUARD, next).await {
            Ok(Some(push_core::Delivery::Publication(got))) => assert_eq!(got.payload(), n.to_string().as_bytes()),
            got => panic!("{got:?}"),
        }
    }
    drop(stuck);
}
