//! The socket of one connection, with what hyper does not do: backpressure seen, stalled writes ended, a close that lingers.

use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::config::ServeConfig;
use super::connection::{ConnectionInfo, Side};
use super::counters::ServeCounters;
#[cfg(target_os = "linux")]
use super::lot::{LotSocket, Message, ParkedWait, Parking};
use super::registry::Place;
#[cfg(target_os = "linux")]
use super::stream::Shared;
use super::stream::Stream;
use super::tls::{Sealing, Session};

/// Bytes read and forgotten after a shutdown.
///
/// Twice the largest body that is taken by default: many clients look for an answer only when all of their body is out, and
/// who is a little over the limit must see why. Past this the client's window closes and it can only wait.
const LINGER_BYTES: usize = 16 << 20;
/// Of that, before others have their turn.
const LINGER_AT_ONCE: usize = 1 << 20;
/// Read and forgotten at a time.
const LINGER_READ: usize = 16 * 1024;

/// A TCP connection accepted by [`serve`](super::serve), under TLS where that is set.
///
/// hyper is given it as `TokioIo<ConnectionIo>`: that is what `hyper::upgrade::Upgraded::downcast` yields after an upgrade.
///
/// - A write that stays pending for [`ServeConfig::stall`] fails with [`TimedOut`](io::ErrorKind::TimedOut), and so does
///   every write, flush and shutdown after it. The limit wakes the task that polled the write last.
/// - `shutdown` ends our direction, then waits for the client to end its own, for [`ServeConfig::linger`] at most, reading and
///   forgetting what still comes (RFC 9112 §9.6, RFC 6455 §7.1.1). It does not wait where the client has not sent anything
///   since its last request was answered. Whoever wants to read on must not shut down.
/// - A client that ends its direction while its request is being answered is reported as gone after
///   [`ServeConfig::half_close`]: many programs end theirs as soon as they have sent.
/// - Once the server is past its grace, every read and write fails with [`ConnectionAborted`](io::ErrorKind::ConnectionAborted).
///
/// The connection counts as open until this is dropped.
#[derive(Debug)]
pub struct ConnectionIo {
    stream: Stream,
    info: ConnectionInfo,
    counters: ServeCounters,
    /// In the registry of those with a task; a lot counts its own.
    _place: Option<Place>,
    stall: Duration,
    linger: Duration,
    half_close: Duration,
    /// Runs while a write is pending. Boxed and absent else: an idle connection pays a pointer.
    stalling: Option<Pin<Box<Sleep>>>,
    end: End,
}

/// How far the connection's two directions are closed.
#[derive(Debug)]
enum End {
    Open,
    /// The client has ended its direction in the middle of an answer; nobody is told until this has passed.
    HalfClosed(Pin<Box<Sleep>>),
    /// The client has ended its direction: nothing can come that would be lost.
    ReadEnded,
    /// We have ended ours and wait for the client.
    Lingering {
        left: Pin<Box<Sleep>>,
        bytes: usize,
    },
    /// A write was pending for too long.
    Stalled,
    Closed,
}

impl ConnectionIo {
    pub(super) fn new(stream: TcpStream, info: ConnectionInfo, place: Place, config: &ServeConfig) -> Self {
        Self::over(Stream::Tcp(Sealing::new(stream, None)), info, Some(place), config)
    }

    /// Over a socket that a lot has lent.
    #[cfg(target_os = "linux")]
    pub(super) fn on_lot(socket: LotSocket, info: ConnectionInfo, config: &ServeConfig) -> Self {
        Self::over(Stream::Lot(socket), info, None, config)
    }

    fn over(stream: Stream, info: ConnectionInfo, place: Option<Place>, config: &ServeConfig) -> Self {
        let ServeConfig { stall, linger, half_close, ref counters, .. } = *config;
        let counters = counters.clone();
        Self { stream, info, counters, _place: place, stall, linger, half_close, stalling: None, end: End::Open }
    }

    /// The connection's shared state, the same that its requests carry.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// The first byte of a client, which stays where it is.
    pub(super) async fn first_byte(&mut self) -> io::Result<u8> {
        let mut first = [0];
        match poll_fn(|cx| self.stream.poll_peek(cx, &mut first)).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(first[0]),
        }
    }

    /// Speaks TLS from here on, and shakes hands.
    pub(super) async fn shake_hands(&mut self, session: Box<Session>) -> io::Result<()> {
        self.stream.begin(session);
        poll_fn(|cx| self.stream.poll_handshake(cx)).await?;
        self.info.secured();
        Ok(())
    }

    /// Whether what was written is out, as far as this is for us to see to.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.stream.has_outgoing()
    }

    /// Closes the connection so that what was written last is read: our direction first, then, after a moment for the
    /// client's, the rest.
    pub(crate) async fn hang_up(mut self) {
        // An error says that the client is gone: nothing is left to be told.
        let _ = poll_fn(|cx| Pin::new(&mut self).poll_shutdown(cx)).await;
    }

    /// Fails if the connection has been cut; else leaves word to be woken when it is.
    fn check_cut(&self, side: Side, cx: &Context<'_>) -> io::Result<()> {
        self.info.register(side, cx.waker());
        if self.info.cut() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    /// Fails if nothing may be written any more.
    fn check_writable(&self) -> io::Result<()> {
        match self.end {
            End::Stalled => Err(io::ErrorKind::TimedOut.into()),
            _ if self.info.cut() => Err(io::ErrorKind::ConnectionAborted.into()),
            _ => Ok(()),
        }
    }

    /// Runs one write under the stall limit.
    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let result = ready!(self.poll_limited(cx, write));
        self.info.wrote(*result.as_ref().unwrap_or(&0));
        Poll::Ready(result)
    }

    /// Runs what needs the client to take something, under the stall limit.
    fn poll_limited<T>(
        &mut self,
        cx: &mut Context<'_>,
        push: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.check_writable()?;
        if let Poll::Ready(result) = push(Pin::new(&mut self.stream), cx) {
            if self.stalling.take().is_some() {
                self.info.set_blocked(false);
            }
            return Poll::Ready(result);
        }
        // tokio also says "pending" to a task that had its share and has to let others run: the socket may well have room.
        if self.stream.is_watched() && !tokio::task::coop::has_budget_remaining() {
            return Poll::Pending;
        }
        self.check_cut(Side::Write, cx)?;
        self.info.set_blocked(true);
        let stall = self.stall;
        let stalling = self.stalling.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(stalling.as_mut().poll(cx));
        self.stalling = None;
        self.end = End::Stalled;
        self.counters.stall();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// The client has ended its direction: ready once that is to be told.
    fn poll_read_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.end, End::Open) {
            self.end = End::HalfClosed(Box::pin(tokio::time::sleep(self.half_close)));
        }
        if let End::HalfClosed(left) = &mut self.end {
            if self.info.is_answering() && left.as_mut().poll(cx).is_pending() {
                self.check_cut(Side::Read, cx)?;
                return Poll::Pending;
            }
            self.end = End::ReadEnded;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and forgets until the client ends its direction, or enough time has passed.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let End::Lingering { left, bytes } = &mut self.end else {
            return Poll::Ready(Ok(()));
        };
        let pause_at = *bytes + LINGER_AT_ONCE;
        while left.as_mut().poll(cx).is_pending() {
            if *bytes >= pause_at {
                cx.waker().wake_by_ref(); // others have their turn first
                return Poll::Pending;
            }
            let mut scratch = [MaybeUninit::uninit(); LINGER_READ];
            let mut forgotten = ReadBuf::uninit(&mut scratch);
            if *bytes >= LINGER_BYTES || Pin::new(&mut self.stream).poll_read(cx, &mut forgotten)?.is_pending() {
                self.check_cut(Side::Write, cx)?;
                return Poll::Pending;
            }
            if forgotten.filled().is_empty() {
                break;
            }
            *bytes += forgotten.filled().len();
        }
        self.end = End::Closed;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ConnectionIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.info.cut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let (before, room) = (buf.filled().len(), buf.remaining());
        let Poll::Ready(result) = Pin::new(&mut this.stream).poll_read(cx, buf) else {
            this.check_cut(Side::Read, cx)?;
            return Poll::Pending;
        };
        let read = buf.filled().len() - before;
        this.info.has_read(read);
        if read == 0 && room > 0 && result.is_ok() {
            return this.poll_read_ended(cx);
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for ConnectionIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_written(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_written(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.stream.has_outgoing() {
            return this.poll_limited(cx, |stream, cx| stream.poll_flush(cx));
        }
        this.check_writable()?;
        // A TCP stream has nothing to flush and is always ready, which says nothing about a write that is pending.
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check_writable()?;
        if matches!(this.end, End::Open | End::HalfClosed(_) | End::ReadEnded) {
            ready!(this.poll_limited(cx, |stream, cx| stream.poll_shutdown(cx)))?;
            // RFC 9112 §9.6: close in stages, or a reset may overtake the answer.
            let linger = matches!(this.end, End::Open) && !this.linger.is_zero() && this.info.head_begun();
            this.end = if linger {
                End::Lingering { left: Box::pin(tokio::time::sleep(this.linger)), bytes: 0 }
            } else {
                End::Closed
            };
        }
        ready!(this.poll_linger(cx))?;
        Poll::Ready(Ok(()))
    }
}

/// What a lot's connections can do beside.
#[cfg(target_os = "linux")]
impl ConnectionIo {
    pub(super) fn lot_socket(&mut self) -> Option<&mut LotSocket> {
        match &mut self.stream {
            Stream::Lot(socket) => Some(socket),
            Stream::Tcp(_) | Stream::Shared(_) => None,
        }
    }

    /// Over a socket that can be taken away again.
    pub(super) fn shared(socket: Arc<Shared>, info: ConnectionInfo, config: &ServeConfig) -> Self {
        Self::over(Stream::Shared(socket), info, None, config)
    }

    /// Keeps what lies behind the first `limit` bytes from being read; nothing, without one.
    pub(super) fn set_limit(&mut self, limit: Option<usize>) {
        if let Stream::Lot(socket) = &mut self.stream {
            socket.set_limit(limit);
        }
    }

    /// The socket alone.
    pub(super) fn into_socket(self) -> Option<LotSocket> {
        match self.stream {
            Stream::Lot(socket) => Some(socket),
            Stream::Tcp(_) | Stream::Shared(_) => None,
        }
    }

    /// Whether a lot owns the connection, so that it can be parked.
    pub(crate) fn is_on_lot(&self) -> bool {
        matches!(self.stream, Stream::Lot(_))
    }

    /// Puts bytes that were read in front of what comes next.
    pub(crate) fn unread(&mut self, bytes: bytes::Bytes) {
        if let Stream::Lot(socket) = &mut self.stream {
            socket.unread(bytes);
        }
    }

    /// Gives the connection back to its lot, between two requests.
    pub(crate) fn rest(self) {
        if let Stream::Lot(socket) = self.stream {
            let (inbox, returned) = socket.give_back();
            inbox.send(Message::Idle(Box::new(returned)));
        }
    }

    /// Gives the connection back to its lot, to be served together with others.
    pub(crate) fn park(self, parking: Parking) {
        if let Stream::Lot(socket) = self.stream {
            let (inbox, returned) = socket.give_back();
            inbox.send(Message::Park(Box::new(returned), Box::new(parking)));
        }
    }

    /// Gives the connection back to its lot, where its request waits.
    pub(crate) fn wait(self, wait: ParkedWait) {
        if let Stream::Lot(socket) = self.stream {
            let (inbox, returned) = socket.give_back();
            inbox.send(Message::Wait(Box::new(returned), Box::new(wait)));
        }
    }

    /// Ready once the client has ended its direction and had its moment, or is gone. For a session that does not read.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.check_cut(Side::Read, cx).is_err() || ready!(self.info.readiness().poll_ended(cx)) {
            return Poll::Ready(());
        }
        if matches!(self.end, End::Open) {
            self.end = End::HalfClosed(Box::pin(tokio::time::sleep(self.half_close)));
        }
        match &mut self.end {
            End::HalfClosed(left) => left.as_mut().poll(cx),
            _ => Poll::Ready(()),
        }
    }
}
