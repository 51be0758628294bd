//! What carries a connection's bytes: a socket that the runtime watches, in the clear or under TLS, or one that a lot has lent.

use std::io::{self, IoSlice};
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
use super::lot::LotSocket;
use super::tls::Secured;

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Secured),
    #[cfg(target_os = "linux")]
    Lot(LotSocket),
    /// One that may be taken away from whoever has the connection.
    #[cfg(target_os = "linux")]
    Shared(Arc<Shared>),
}

/// A socket that two have hold of: who speaks HTTP on it, and who takes it from there.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct Shared(Mutex<Option<LotSocket>>);

#[cfg(target_os = "linux")]
impl Shared {
    pub(super) fn new(socket: LotSocket) -> Self {
        Self(Mutex::new(Some(socket)))
    }

    pub(super) fn take(&self) -> Option<LotSocket> {
        self.lock().take()
    }

    /// Lets everything be read.
    pub(super) fn lift_limit(&self) {
        if let Some(socket) = &mut *self.lock() {
            socket.set_limit(None);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<LotSocket>> {
        // A socket is valid whatever panicked while it was held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the same on whichever it is.
macro_rules! on_either {
    ($stream:expr, $io:ident => $do:expr) => {
        match $stream.get_mut() {
            Stream::Tcp(stream) => {
                let $io = Pin::new(stream);
                $do
            }
            Stream::Tls(stream) => {
                let $io = Pin::new(&mut **stream);
                $do
            }
            #[cfg(target_os = "linux")]
            Stream::Lot(socket) => {
                let $io = Pin::new(socket);
                $do
            }
            #[cfg(target_os = "linux")]
            Stream::Shared(shared) => match &mut *shared.lock() {
                Some(socket) => {
                    let $io = Pin::new(socket);
                    $do
                }
                None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            },
        }
    };
}

impl Stream {
    /// Ready once what was enciphered before is out: a client that does not read is to be seen at the next write, as it is
    /// without TLS, and not when rustls' buffer is full.
    fn poll_enciphered(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tls(stream) if stream.get_ref().1.wants_write() => Pin::new(&mut **stream).poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Whether a runtime watches the socket, so that "pending" may also mean that the task has had its share.
    pub(super) fn is_watched(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Tls(_))
    }

    /// Whether a write that was taken may still have to be pushed out.
    pub(super) fn buffers(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let is_tls = matches!(*self, Self::Tls(_));
        match on_either!(self, io => io.poll_read(cx, buf)) {
            // RFC 9112 §9.8: who ends a connection without closing TLS has ended it. A request says where it ends.
            Poll::Ready(Err(error)) if is_tls && error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_enciphered(cx))?;
        on_either!(self, io => io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_enciphered(cx))?;
        on_either!(self, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, io => io.poll_shutdown(cx))
    }
}
