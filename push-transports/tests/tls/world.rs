//! A server that speaks TLS, its files and its authority.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use push_transports::server::{ServeConfig, ServeCounters, ServeSummary, Tls, bind, serve};
use rustls::SupportedProtocolVersion;
use tempfile::TempDir;
use testkit::tls::{Authority, connect};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

/// A guard against hanging, never a measure.
pub(crate) const GUARD: Duration = Duration::from_secs(30);

/// For limits that are to be met.
pub(crate) const SHORT: Duration = Duration::from_millis(200);

/// A certificate, its authority, and the directory of its files.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) authority: Authority,
    pub(crate) dir: TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self { authority: Authority::new(), dir: tempfile::tempdir().expect("a directory") };
        files.issue();
        files
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    /// Puts another certificate into place.
    pub(crate) fn issue(&self) {
        self.authority.issue("127.0.0.1").write(&self.certificate(), &self.key());
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::from_files(self.certificate(), self.key()).expect("a pair")
    }
}

pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) counters: ServeCounters,
    pub(crate) files: Files,
    pub(crate) tls: Tls,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<ServeSummary>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

pub(crate) fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

impl Server {
    pub(crate) fn start(app: Router, set: impl FnOnce(&mut ServeConfig)) -> Self {
        let files = Files::new();
        let tls = files.tls();
        let mut config = ServeConfig::default();
        config.tls = Some(tls.clone());
        set(&mut config);
        let counters = config.counters.clone();
        let listener = bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
        let addr = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(serve(listener, app, config, async move { drop(stopped.await) }));
        Self { addr, counters, files, tls, stop: Some(stop), running }
    }

    /// A client that speaks these versions.
    pub(crate) async fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Client<TlsStream<TcpStream>> {
        Client(connect(self.addr, &self.files.authority.client(versions)).await.expect("it gets in"))
    }

    pub(crate) async fn client(&self) -> Client<TlsStream<TcpStream>> {
        self.client_of(rustls::ALL_VERSIONS).await
    }

    /// One that has not said anything yet.
    pub(crate) async fn plain(&self) -> Client<TcpStream> {
        Client(TcpStream::connect(self.addr).await.expect("it listens"))
    }

    pub(crate) async fn stopped(mut self) -> ServeSummary {
        drop(self.stop.take());
        timeout(GUARD, &mut self.running).await.expect("it ends").expect("it does not panic")
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client<T>(pub(crate) T);

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("it takes it");
        self.0.flush().await.expect("it takes it");
    }

    /// A request, and the body of its answer.
    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        self.body().await
    }

    pub(crate) async fn body(&mut self) -> String {
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        timeout(GUARD, self.0.read_exact(&mut body)).await.expect("it comes").expect("it is whole");
        String::from_utf8(body).expect("text")
    }

    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.expect("it stays open"));
            }
        };
        timeout(GUARD, read).await.expect("it comes");
        String::from_utf8(head).expect("text")
    }

    pub(crate) async fn greeted(&mut self) {
        assert_eq!(self.get("/").await, "hello");
    }

    /// All up to the end, and how that was: an error where TLS was not closed.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, std::io::Result<usize>) {
        let mut rest = Vec::new();
        let end = timeout(GUARD, self.0.read_to_end(&mut rest)).await.expect("it closes");
        (rest, end)
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(GUARD, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}
