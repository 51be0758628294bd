//! Connections that wait.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ws,
    Sse,
    Stream,
    /// A long poll that waits for its answer.
    Poll,
    /// Connected, without a byte sent.
    Silent,
    /// Answered once and kept alive.
    KeptAlive,
    /// A device that waits for mail: each is another, all of one mailbox.
    Ping,
}

/// Devices so far.
static DEVICES: AtomicUsize = AtomicUsize::new(0);

impl Kind {
    /// Those that leave nothing behind: a device is remembered.
    pub(crate) const ALL: [Self; 6] = [Self::Ws, Self::Sse, Self::Stream, Self::Poll, Self::Silent, Self::KeptAlive];

    /// Whether it is a subscriber while it waits.
    pub(crate) fn subscribes(self) -> bool {
        !matches!(self, Self::Silent | Self::KeptAlive)
    }

    fn request(self) -> String {
        let get = |target: &str, more: &str| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
        match self {
            Self::Ws => get(
                "/push/ws?channel=news",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ),
            Self::Sse => get("/push/sse?channel=news", ""),
            Self::Stream => get("/push/stream?channel=news", ""),
            Self::Poll => get("/push/poll?channel=news&timeout=3000", ""),
            Self::Silent => String::new(),
            Self::KeptAlive => get("/push/poll?channel=news&timeout=0", ""),
            Self::Ping => {
                let device = DEVICES.fetch_add(1, Ordering::Relaxed);
                let body = format!(
                    r#"{{"device":"device-{device:08}","heartbeat_s":3540,"folders":[{{"id":"1","class":"Email"}}]}}"#
                );
                let len = body.len();
                format!("POST /push/mail/ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n{body}")
            }
        }
    }

    /// Opens one, and waits for what the server has to say at once.
    pub(crate) async fn open(self, addr: SocketAddr) -> TcpStream {
        self.begin(TcpStream::connect(addr).await.expect("connected")).await
    }

    /// Begins on a connection, and waits for what the server has to say at once.
    pub(crate) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(self, mut stream: S) -> S {
        stream.write_all(self.request().as_bytes()).await.expect("asked");
        if !matches!(self, Self::Poll | Self::Silent | Self::Ping) {
            let mut begun = [0; 12];
            stream.read_exact(&mut begun).await.expect("answered");
            let status = if self == Self::Ws { "101" } else { "200" };
            assert_eq!(&begun[9..], status.as_bytes(), "{self:?}");
        }
        stream
    }

    /// Opens many, one after another, so that no crowd of half-open connections is measured along.
    pub(crate) async fn open_many(self, addr: SocketAddr, count: usize) -> Vec<TcpStream> {
        let mut held = Vec::with_capacity(count);
        for _ in 0..count {
            held.push(self.open(addr).await);
        }
        held
    }
}
