//! The socket of a busy connection: a descriptor on loan, the TLS on it, and what was read from it too early.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::inbox::Inbox;
use super::loan::{Loan, SCRATCH};
use crate::server::tls::{Sealing, Session};

/// What a lot has lent. Dropping it closes the connection and tells the lot.
#[derive(Debug)]
pub(in crate::server) struct LotSocket {
    line: Sealing<Loan>,
    /// What the client sent and nobody has read: comes before what is in the socket.
    early: Bytes,
    /// How much of it may be read for now; everything, and the socket, if `None`.
    limit: Option<usize>,
}

/// A descriptor that goes back to its lot.
#[derive(Debug)]
pub(in crate::server) struct Returned<H = OwnedFd> {
    pub(in crate::server) key: u32,
    pub(in crate::server) descriptor: H,
    /// What is spoken on it; taken by the lot as soon as it hears of it.
    pub(in crate::server) session: Option<Box<Session>>,
    pub(in crate::server) early: Bytes,
    /// What was heard of the socket and not taken.
    pub(in crate::server) bits: u8,
}

impl LotSocket {
    pub(super) fn new(loan: Loan, session: Option<Box<Session>>, early: Bytes) -> Self {
        Self { line: Sealing::new(loan, session), early, limit: None }
    }

    /// Puts bytes that were read in front of what comes next.
    pub(in crate::server) fn unread(&mut self, bytes: Bytes) {
        if self.early.is_empty() {
            self.early = bytes;
        } else if !bytes.is_empty() {
            self.early = [&bytes[..], &self.early[..]].concat().into();
        }
    }

    /// Keeps what lies behind the first `limit` bytes from being read, until that is lifted.
    pub(in crate::server) fn set_limit(&mut self, limit: Option<usize>) {
        self.limit = limit;
    }

    /// What carries the bytes.
    pub(in crate::server) fn line(&mut self) -> &mut Sealing<Loan> {
        &mut self.line
    }

    /// Whether a write that was taken still has to be pushed out.
    pub(in crate::server) fn has_outgoing(&self) -> bool {
        self.line.has_outgoing()
    }

    /// Ends the loan; the lot is told what comes next by whoever asks.
    pub(in crate::server) fn give_back(mut self) -> (Arc<Inbox>, Returned) {
        // Nothing would be heard of what is deciphered already.
        self.early = [&self.early[..], self.line.clear()].concat().into();
        let (loan, mut session) = self.line.into_parts();
        if let Some(session) = &mut session {
            session.has_read(session.clear().len());
        }
        let (inbox, key, descriptor, bits) = loan.give_back();
        (inbox, Returned { key, descriptor, session, early: self.early, bits })
    }

    /// At the limit: ready only at the connection's end. What comes before that is for whoever lifts the limit, and so is
    /// the end behind it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [const { MaybeUninit::<u8>::uninit() }; SCRATCH];
        if self.early.is_empty() {
            let mut came = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(&mut self.line).poll_read(cx, &mut came))?;
            if came.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.early = Bytes::copy_from_slice(came.filled());
            self.line.socket().unread();
        }
        Poll::Pending
    }
}

impl AsyncRead for LotSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.limit == Some(0) {
            return this.poll_end(cx);
        }
        if this.early.is_empty() {
            return Pin::new(&mut this.line).poll_read(cx, buf);
        }
        let taken = this.early.len().min(buf.remaining()).min(this.limit.unwrap_or(usize::MAX));
        this.limit = this.limit.map(|limit| limit - taken);
        buf.put_slice(&this.early[..taken]);
        this.early.advance(taken);
        if this.early.is_empty() {
            this.early = Bytes::new(); // lets go of what it was a slice of
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LotSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().line).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().line).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().line).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().line).poll_shutdown(cx)
    }
}
