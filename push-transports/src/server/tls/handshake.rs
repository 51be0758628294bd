//! From an accepted socket to a connection that is enciphered, without anybody waiting for whom is slow.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::Tls;
use super::session::Session;
use crate::server::config::ServeConfig;
use crate::server::connection::{ConnectionInfo, Side};
use crate::server::counters::ServeCounters;
use crate::server::io::ConnectionIo;

/// How long a handshake has its slot for itself, however many wait for one. Two round trips over a bad mobile network fit;
/// who takes more may go on only while nobody waits.
const UNDISTURBED: Duration = Duration::from_secs(1);

/// Who is woken later than this is not to say that a client is slow: all cores are at handshakes, and ending those that are
/// under way would only make their clients come again.
const LATE: Duration = Duration::from_millis(100);

/// The first byte of a client that speaks TLS: a record of the handshake, RFC 8446 §5.1.
const HANDSHAKE_RECORD: u8 = 22;

/// Why there is no connection.
#[derive(Debug)]
pub(in crate::server) enum TurnedAway {
    /// It speaks HTTP without TLS.
    InTheClear,
    /// It has said nothing, nothing that is known, or too little in its time; or the server goes down.
    Failed(io::Error),
}

impl From<io::Error> for TurnedAway {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<io::ErrorKind> for TurnedAway {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Failed(kind.into())
    }
}

/// Takes connections in.
#[derive(Debug)]
pub(in crate::server) struct Acceptor {
    tls: Tls,
    lasts: Duration,
    slots: Semaphore,
    /// Those that wait for a slot.
    waiting: AtomicUsize,
}

impl Acceptor {
    pub(in crate::server) fn new(tls: Tls, config: &ServeConfig) -> Self {
        let slots = config.max_handshakes.clamp(1, Semaphore::MAX_PERMITS);
        Self { tls, lasts: config.handshake_timeout, slots: Semaphore::new(slots), waiting: AtomicUsize::new(0) }
    }

    /// Speaks TLS on a connection that was accepted, in [`ServeConfig::handshake_timeout`] from here on, beside the wait for
    /// a slot.
    pub(in crate::server) async fn take_in(&self, io: &mut ConnectionIo) -> Result<(), TurnedAway> {
        let info = io.info().clone();
        tokio::select! {
            biased;
            begun = self.begin(io) => begun,
            () = ended(&info) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    async fn begin(&self, io: &mut ConnectionIo) -> Result<(), TurnedAway> {
        match timeout(self.lasts, io.first_byte()).await {
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
            Ok(Ok(HANDSHAKE_RECORD)) => Ok(self.shake_hands(io).await?),
            Ok(Ok(first)) if first.is_ascii_uppercase() => Err(TurnedAway::InTheClear),
            Ok(Ok(_)) => Err(io::ErrorKind::InvalidData.into()),
            Ok(Err(error)) => Err(error.into()),
        }
    }

    async fn shake_hands(&self, io: &mut ConnectionIo) -> io::Result<()> {
        let _slot = self.slot().await?;
        let until = Instant::now() + self.lasts;
        let session = Session::new(Arc::clone(&self.tls.0.config))?;
        let mut handshake = pin!(io.shake_hands(Box::new(session)));
        loop {
            let pause = until.min(Instant::now() + UNDISTURBED);
            if let Ok(ended) = timeout_at(pause, handshake.as_mut()).await {
                return ended;
            }
            let is_disturbed = self.waiting.load(Relaxed) > 0 && pause.elapsed() < LATE;
            if pause == until || is_disturbed {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    async fn slot(&self) -> io::Result<SemaphorePermit<'_>> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let _waiting = Waiting::new(&self.waiting);
        self.slots.acquire().await.map_err(io::Error::other)
    }
}

impl TurnedAway {
    /// Ends what is no connection, and counts it.
    pub(in crate::server) async fn end(self, mut io: ConnectionIo, counters: &ServeCounters) {
        counters.handshake_failed();
        let peer = io.info().peer();
        match self {
            Self::Failed(error) => tracing::debug!(%peer, %error, "no TLS connection"),
            Self::InTheClear => {
                tracing::debug!(%peer, "HTTP in the clear, where TLS is spoken");
                // What fails is the client's loss.
                let _ = say_tls_is_spoken(&mut io).await;
                io.hang_up().await;
            }
        }
    }
}

/// Answers a request that came in the clear. It is not read but for its first bytes: nothing in it is to be obeyed.
async fn say_tls_is_spoken(io: &mut ConnectionIo) -> io::Result<()> {
    const BODY: &str = "TLS is spoken here: https:// or wss:// and not http:// or ws://\n";
    // Also lets the connection linger, so that a reset does not overtake the answer.
    io.read_u8().await?;
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\nCache-Control: no-store\r\n\r\n",
        BODY.len()
    );
    io.write_all(head.as_bytes()).await?;
    io.write_all(BODY.as_bytes()).await
}

/// Counts one that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Resolves once the server takes no more requests.
fn ended(info: &ConnectionInfo) -> impl Future<Output = ()> {
    poll_fn(|cx| {
        info.register(Side::Driver, cx.waker());
        if info.draining() { Poll::Ready(()) } else { Poll::Pending }
    })
}
