//! The socket under a WebSocket: taken out of hyper where it is a TCP connection, so that hyper's buffers go.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::server::ConnectionIo;

/// Whatever carries bytes.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What carries a WebSocket.
enum Carrier {
    /// A connection of our own server, which may be able to park.
    Own(Box<ConnectionIo>),
    Other(Box<dyn Io>),
}

impl Carrier {
    fn io(&mut self) -> Pin<&mut dyn Io> {
        match self {
            Self::Own(io) => Pin::new(&mut **io),
            Self::Other(io) => Pin::new(&mut **io),
        }
    }
}

/// A socket, what the client had sent beyond its handshake, and what is to be written.
pub(super) struct Socket {
    io: Carrier,
    /// Read by hyper together with the handshake; comes first.
    early: Bytes,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    is_given_up: bool,
}

/// Waits for the upgrade and takes the socket.
pub(super) async fn upgraded(upgrade: OnUpgrade) -> Result<Socket, hyper::Error> {
    let upgraded = upgrade.await?;
    let (io, early) = take(upgraded);
    // A slice of hyper's read buffer, even when it is empty: copied, so that the buffer goes.
    let early = Bytes::copy_from_slice(&early);
    Ok(Socket { io, early, out: VecDeque::new(), out_bytes: 0, is_given_up: false })
}

fn take(upgraded: Upgraded) -> (Carrier, Bytes) {
    match upgraded.downcast::<TokioIo<ConnectionIo>>() {
        Ok(parts) => {
            let io = parts.io.into_inner();
            io.info().upgraded();
            (Carrier::Own(Box::new(io)), parts.read_buf)
        }
        Err(upgraded) => match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => (Carrier::Other(Box::new(parts.io.into_inner())), parts.read_buf),
            Err(upgraded) => (Carrier::Other(Box::new(TokioIo::new(upgraded))), Bytes::new()),
        },
    }
}

/// Read at a time.
const READ_BYTES: usize = 16 * 1024;
/// Buffers given to one vectored write.
const SLICES: usize = 16;
/// After a close, how much and how long is read and dropped so that the client sees the close frame, not a reset.
const LINGER_BYTES: usize = 256 * 1024;
const LINGER: std::time::Duration = std::time::Duration::from_secs(2);

impl Socket {
    /// One that goes on, where `rest` is left of a frame that was begun.
    #[cfg(target_os = "linux")]
    pub(super) fn resume(io: ConnectionIo, rest: Bytes) -> Self {
        let mut socket = Self {
            io: Carrier::Own(Box::new(io)),
            early: Bytes::new(),
            out: VecDeque::new(),
            out_bytes: 0,
            is_given_up: false,
        };
        socket.push(rest);
        socket
    }

    /// Whether a lot owns the connection, and nothing is left to be read again or written.
    #[cfg(target_os = "linux")]
    pub(super) fn may_park(&self) -> bool {
        let is_idle = self.early.is_empty() && self.out_bytes == 0 && !self.is_given_up;
        is_idle && matches!(&self.io, Carrier::Own(io) if io.is_on_lot() && io.is_flushed())
    }

    /// The connection, to be parked.
    #[cfg(target_os = "linux")]
    pub(super) fn into_connection(self) -> Option<ConnectionIo> {
        match self.io {
            Carrier::Own(io) => Some(*io),
            Carrier::Other(_) => None,
        }
    }

    /// Queues bytes that are written as a whole, behind what waits already.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.out_bytes += bytes.len();
            self.out.push_back(bytes);
        }
    }

    /// Forgets what waits: the client takes nothing.
    pub(super) fn give_up(&mut self) {
        self.out.clear();
        self.out_bytes = 0;
        self.is_given_up = true;
    }

    /// Bytes that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.out_bytes
    }

    /// Writes some of what waits; ready once something was written.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_given_up {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        for (slice, bytes) in slices.iter_mut().zip(&self.out) {
            *slice = IoSlice::new(bytes);
            used += 1;
        }
        let written = match self.io.io().poll_write_vectored(cx, &slices[..used]) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        self.written(written);
        Poll::Ready(Ok(()))
    }

    fn written(&mut self, mut written: usize) {
        self.out_bytes -= written;
        while let Some(front) = self.out.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.out.pop_front();
        }
        // A burst long gone must not keep its places.
        self.out.shrink_to(SLICES);
    }

    /// Pushes out what a layer below (TLS) may hold.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.io().poll_flush(cx)
    }

    /// Appends what the client has sent; ready with how much, 0 at the end.
    ///
    /// Read on the stack: while nothing comes, a connection holds no buffer.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        if self.is_given_up {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            into.extend_from_slice(&early);
            return Poll::Ready(Ok(early.len()));
        }
        let mut scratch = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        match self.io.io().poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                into.extend_from_slice(buffer.filled());
                Poll::Ready(Ok(buffer.filled().len()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Reads and forgets. On the stack of the poll: held over a wait, the buffer would be part of every connection's task.
    fn poll_drop(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [const { MaybeUninit::uninit() }; 4096];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        self.io.io().poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    /// Closes our direction and waits a little for the client's, so that what was written last is seen.
    pub(super) async fn close(mut self) {
        let closing = async {
            poll_fn(|cx| self.io.io().poll_shutdown(cx)).await?;
            let mut left = LINGER_BYTES;
            while left > 0 {
                match poll_fn(|cx| self.poll_drop(cx)).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            io::Result::Ok(())
        };
        // An error says that the client is gone: nothing is left to be told.
        let _ = tokio::time::timeout(LINGER, closing).await;
    }
}
