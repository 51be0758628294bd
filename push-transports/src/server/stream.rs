//! What carries a connection's bytes: a socket that the runtime watches, in the clear or under TLS, or one that a lot has lent.

use std::io::{self, IoSlice};
use std::pin::Pin;
#[cfg(target_os = "linux")]
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
use super::lot::LotSocket;
use super::tls::{Sealing, Session};

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(Sealing<TcpStream>),
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
    /// Whether a runtime watches the socket, so that "pending" may also mean that the task has had its share.
    pub(super) fn is_watched(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Whether a write that was taken still has to be pushed out.
    pub(super) fn has_outgoing(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.has_outgoing(),
            #[cfg(target_os = "linux")]
            Self::Lot(socket) => socket.has_outgoing(),
            #[cfg(target_os = "linux")]
            Self::Shared(shared) => shared.lock().as_ref().is_some_and(LotSocket::has_outgoing),
        }
    }

    /// The first byte, which stays where it is, from a socket on which nothing was said; ready with 0 bytes at the end.
    pub(super) fn poll_peek(&mut self, cx: &mut Context<'_>, first: &mut [u8; 1]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => stream.socket().poll_peek(cx, &mut ReadBuf::new(first)),
            #[cfg(target_os = "linux")]
            Self::Lot(socket) => socket.line().socket_mut().poll_peek(cx, first),
            #[cfg(target_os = "linux")]
            Self::Shared(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Speaks TLS from here on, hands first.
    pub(super) fn begin(&mut self, session: Box<Session>) {
        match self {
            Self::Tcp(stream) => stream.begin(session),
            #[cfg(target_os = "linux")]
            Self::Lot(socket) => socket.line().begin(session),
            #[cfg(target_os = "linux")]
            Self::Shared(_) => {}
        }
    }

    /// Ready once hands are shaken.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_handshake(cx),
            #[cfg(target_os = "linux")]
            Self::Lot(socket) => socket.line().poll_handshake(cx),
            #[cfg(target_os = "linux")]
            Self::Shared(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_either!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_either!(self, io => io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
