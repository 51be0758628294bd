//! A server on a free port, and clients that speak raw bytes to it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use push_transports::server::{ServeConfig, ServeCounters, ServeSummary, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A guard against hanging, never a measure.
pub(crate) const GUARD: Duration = Duration::from_secs(20);

/// A server under test.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) counters: ServeCounters,
    stop: oneshot::Sender<()>,
    running: JoinHandle<ServeSummary>,
}

impl Server {
    pub(crate) fn start(app: Router, config: ServeConfig) -> Self {
        let listener = bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
        let addr = listener.local_addr().expect("it is bound");
        let counters = config.counters.clone();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(serve(listener, app, config, async move { drop(stopped.await) }));
        Self { addr, counters, stop, running }
    }

    pub(crate) async fn client(&self) -> Client {
        Client(TcpStream::connect(self.addr).await.expect("the server listens"))
    }

    /// Sends the shutdown signal; the returned handle tells how it ended.
    pub(crate) fn stop(self) -> JoinHandle<ServeSummary> {
        drop(self.stop);
        self.running
    }

    /// Drops the `serve` future.
    pub(crate) async fn abort(self) {
        self.running.abort();
        assert!(self.running.await.is_err_and(|e| e.is_cancelled()));
    }
}

pub(crate) async fn ended(running: JoinHandle<ServeSummary>) -> ServeSummary {
    timeout(GUARD, running).await.expect("the server ends").expect("the server does not panic")
}

/// One client connection.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("the server takes it");
    }

    pub(crate) async fn get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
    }

    /// Reads up to and with the first `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut seen = Vec::new();
        let read = async {
            while !seen.ends_with(end.as_bytes()) {
                seen.push(self.0.read_u8().await.expect("the connection stays open"));
            }
        };
        timeout(GUARD, read).await.expect("the answer comes");
        String::from_utf8(seen).expect("it is text")
    }

    pub(crate) async fn head(&mut self) -> String {
        self.read_until("\r\n\r\n").await
    }

    /// Reads a response whose body has a length.
    pub(crate) async fn response(&mut self) -> (String, String) {
        let head = self.head().await;
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
            .expect("the response has a length");
        let mut body = vec![0; length.parse().expect("a length is a number")];
        timeout(GUARD, self.0.read_exact(&mut body)).await.expect("the body comes").expect("the body is whole");
        (head, String::from_utf8(body).expect("it is text"))
    }

    /// Reads until the server closes, by an end or a reset.
    pub(crate) async fn rest(&mut self) -> String {
        let mut seen = Vec::new();
        // A reset is a close as well; what came before it is kept.
        drop(timeout(GUARD, self.0.read_to_end(&mut seen)).await.expect("the server closes"));
        String::from_utf8(seen).expect("it is text")
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(GUARD, wait).await.unwrap_or_else(|_| panic!("never came true: {what}"));
}

/// A response whose body is what the sender is given, and ends when it is dropped.
pub(crate) fn streaming() -> (mpsc::Sender<Bytes>, Response) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let chunks = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(Ok::<_, Infallible>);
    (sender, Response::new(Body::from_stream(chunks)))
}

/// A response that never ends and is never short of bytes.
pub(crate) fn endless() -> Response {
    let chunk = Bytes::from(vec![b'x'; 16 * 1024]);
    let chunks: Pin<Box<dyn futures_util::Stream<Item = _> + Send>> =
        Box::pin(stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone())));
    Response::new(Body::from_stream(chunks))
}

/// Switches to a protocol that echoes, and tells when its task has ended and why.
pub(crate) async fn upgrade(mut request: axum::extract::Request, ended: mpsc::Sender<std::io::Error>) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = upgrade.await.expect("hyper hands the stream over");
        let mut io = connection_io(upgraded);
        let mut buf = [0; 1024];
        let error = loop {
            match io.read(&mut buf).await {
                Ok(0) => break std::io::ErrorKind::UnexpectedEof.into(),
                // "flood" asks for more than any buffer holds.
                Ok(n) if &buf[..n] == b"flood" => {
                    if let Err(error) = io.write_all(&vec![b'x'; 64 << 20]).await {
                        break error;
                    }
                }
                Ok(n) => io.write_all(&buf[..n]).await.expect("the client reads"),
                Err(error) => break error,
            }
        };
        drop(io);
        drop(ended.send(error).await);
    });
    let switch = Response::builder().status(101).header("Connection", "upgrade").header("Upgrade", "echo");
    switch.body(Body::empty()).expect("the response is well formed")
}

fn connection_io(upgraded: hyper::upgrade::Upgraded) -> push_transports::server::ConnectionIo {
    let parts = upgraded.downcast::<hyper_util::rt::TokioIo<_>>().expect("it is the type that is documented");
    assert!(parts.read_buf.is_empty());
    parts.io.into_inner()
}

impl Client {
    /// Upgrades and sees one echo.
    pub(crate) async fn upgrade(&mut self) {
        self.send("GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").await;
        assert!(self.head().await.starts_with("HTTP/1.1 101 "));
        self.send("hello").await;
        assert_eq!(self.read_until("hello").await, "hello");
    }
}
