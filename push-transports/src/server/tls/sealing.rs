//! A socket that speaks TLS once hands are shaken, and is itself before that.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::session::{RECORD, Session};

/// Read at a time, on the stack: a connection holds no buffer.
const SCRATCH: usize = 16 * 1024;

/// A socket, and the TLS that is spoken on it, if any is.
#[derive(Debug)]
pub(in crate::server) struct Sealing<S> {
    socket: S,
    /// Boxed: most connections of a process have none.
    session: Option<Box<Session>>,
}

impl<S> Sealing<S> {
    pub(in crate::server) fn new(socket: S, session: Option<Box<Session>>) -> Self {
        Self { socket, session }
    }

    pub(in crate::server) fn socket(&self) -> &S {
        &self.socket
    }

    #[cfg(target_os = "linux")]
    pub(in crate::server) fn socket_mut(&mut self) -> &mut S {
        &mut self.socket
    }

    /// What was deciphered and not read.
    #[cfg(target_os = "linux")]
    pub(in crate::server) fn clear(&self) -> &[u8] {
        self.session.as_ref().map_or(&[], |session| session.clear())
    }

    /// Speaks TLS from here on, hands first.
    pub(in crate::server) fn begin(&mut self, session: Box<Session>) {
        self.session = Some(session);
    }

    /// Whether a write that was taken may still have to be pushed out.
    pub(in crate::server) fn has_outgoing(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.has_outgoing())
    }

    #[cfg(target_os = "linux")]
    pub(in crate::server) fn into_parts(self) -> (S, Option<Box<Session>>) {
        (self.socket, self.session)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sealing<S> {
    /// Ready once hands are shaken.
    pub(in crate::server) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_push(cx))?;
            match &self.session {
                Some(session) if session.is_handshaking() => {}
                _ => return Poll::Ready(Ok(())),
            }
            if !ready!(self.poll_take_in(cx))? {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Takes what the socket has; false at its end.
    fn poll_take_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut scratch = [const { MaybeUninit::uninit() }; SCRATCH];
        let mut came = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut came))?;
        let Some(session) = &mut self.session else { return Poll::Ready(Ok(false)) };
        let taken = session.take_in(came.filled_mut());
        let is_more = !came.filled().is_empty();
        // An alert, or an answer to new keys: what the socket does not take goes out with the next write.
        if let Poll::Ready(Err(error)) = self.poll_push(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(taken.map(|()| is_more))
    }

    /// Ready once all ciphertext is out.
    fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(session) = &mut self.session else { return Poll::Ready(Ok(())) };
        while session.has_outgoing() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, session.outgoing()))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            session.has_sent(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Enciphers and sends `clear`, or the beginning of it.
    ///
    /// Not before what was enciphered earlier is out: a client that does not read is to be seen at the next write, as it
    /// is without TLS.
    fn poll_seal(&mut self, cx: &mut Context<'_>, clear: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_push(cx))?;
        let Some(session) = &mut self.session else { return Poll::Ready(Ok(0)) };
        let taken = clear.len().min(RECORD);
        session.encipher(&clear[..taken])?;
        match self.poll_push(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What the socket does not take is pushed out by a flush, or before the next write.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Sealing<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let Some(session) = &mut this.session else { return Pin::new(&mut this.socket).poll_read(cx, buf) };
            let clear = session.clear();
            if !clear.is_empty() {
                let taken = clear.len().min(buf.remaining());
                buf.put_slice(&clear[..taken]);
                session.has_read(taken);
                return Poll::Ready(Ok(()));
            }
            // RFC 9112 §9.8: who ends a connection without closing TLS has ended it. A request says where it ends.
            if session.has_ended() || !ready!(this.poll_take_in(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Sealing<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.session {
            None => Pin::new(&mut this.socket).poll_write(cx, buf),
            Some(_) => this.poll_seal(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match (&this.session, bufs) {
            (None, _) => Pin::new(&mut this.socket).poll_write_vectored(cx, bufs),
            (Some(_), [one]) => this.poll_seal(cx, one),
            // One record for all, as far as they fit.
            (Some(_), _) => this.poll_seal(cx, &gather(bufs)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_push(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    /// RFC 8446 §6.1: says that nothing is missing, before the socket does.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(session) = this.session.as_mut().filter(|session| !session.is_handshaking()) {
            session.close()?;
        }
        ready!(this.poll_push(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

fn gather(bufs: &[IoSlice<'_>]) -> Vec<u8> {
    let mut all = Vec::with_capacity(RECORD.min(bufs.iter().map(|buf| buf.len()).sum()));
    for buf in bufs {
        all.extend_from_slice(&buf[..buf.len().min(RECORD - all.len())]);
    }
    all
}
