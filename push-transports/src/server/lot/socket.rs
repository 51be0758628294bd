//! The socket of a busy connection: its descriptor, lent by the lot to a task that reads and writes it.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::epoll::watch_room;
use super::inbox::{Inbox, Message};
use crate::server::connection::ConnectionInfo;
use crate::server::readiness::{READ, WRITE};

/// Read at a time, on the stack: a connection holds no buffer.
const SCRATCH: usize = 16 * 1024;
const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// A descriptor on loan. Dropping it closes the connection and tells the lot.
#[derive(Debug)]
pub(in crate::server) struct LotSocket {
    /// `None` once it was given back.
    descriptor: Option<OwnedFd>,
    key: u32,
    inbox: Arc<Inbox>,
    epoll: Arc<OwnedFd>,
    info: ConnectionInfo,
    /// What the client sent and nobody has read: comes before what is in the socket.
    early: Bytes,
    /// How much of it may be read for now; everything, and the socket, if `None`.
    limit: Option<usize>,
    /// Whether the lot hears of room to write.
    watches_room: bool,
}

/// A descriptor that goes back to its lot.
#[derive(Debug)]
pub(in crate::server) struct Returned<H = OwnedFd> {
    pub(in crate::server) key: u32,
    pub(in crate::server) descriptor: H,
    pub(in crate::server) early: Bytes,
    /// What was heard of the socket and not taken.
    pub(in crate::server) bits: u8,
}

impl LotSocket {
    pub(super) fn new(
        descriptor: OwnedFd,
        key: u32,
        (inbox, epoll): (Arc<Inbox>, Arc<OwnedFd>),
        info: ConnectionInfo,
        early: Bytes,
    ) -> Self {
        Self { descriptor: Some(descriptor), key, inbox, epoll, info, early, limit: None, watches_room: false }
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

    /// Ends the loan; the lot is told what comes next by whoever asks.
    pub(in crate::server) fn give_back(mut self) -> (Arc<Inbox>, Returned) {
        let descriptor = self.descriptor.take().expect("it is taken only here and at the drop");
        let early = std::mem::take(&mut self.early);
        let returned = Returned { key: self.key, descriptor, early, bits: self.info.readiness().close() };
        (Arc::clone(&self.inbox), returned)
    }

    /// At the limit: ready only at the connection's end. What comes before that is for whoever lifts the limit, and so is
    /// the end behind it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [const { MaybeUninit::<u8>::uninit() }; SCRATCH];
        while self.early.is_empty() {
            ready!(self.info.readiness().poll_read(cx));
            match rustix::net::recv(self.descriptor(), &mut scratch, RecvFlags::DONTWAIT) {
                Ok((([], _), _)) => return Poll::Ready(Ok(())),
                Ok(((read, _), _)) => {
                    self.early = Bytes::copy_from_slice(read);
                    self.info.readiness().put_back(READ);
                }
                Err(Errno::INTR) => self.info.readiness().put_back(READ),
                Err(Errno::AGAIN) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        Poll::Pending
    }

    fn descriptor(&self) -> &OwnedFd {
        self.descriptor.as_ref().expect("it is taken only when the socket goes")
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        send: impl Fn(&OwnedFd) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.info.readiness().poll_write(cx));
            match send(self.descriptor()) {
                Ok(sent) => {
                    self.info.readiness().put_back(WRITE);
                    return Poll::Ready(Ok(sent));
                }
                Err(Errno::INTR) => self.info.readiness().put_back(WRITE),
                Err(Errno::AGAIN) if !self.watches_room => {
                    self.watches_room = true;
                    watch_room(&self.epoll, self.descriptor(), self.key)?;
                }
                Err(Errno::AGAIN) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncRead for LotSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.limit == Some(0) {
            return this.poll_end(cx);
        }
        if !this.early.is_empty() {
            let taken = this.early.len().min(buf.remaining()).min(this.limit.unwrap_or(usize::MAX));
            this.limit = this.limit.map(|limit| limit - taken);
            buf.put_slice(&this.early[..taken]);
            this.early.advance(taken);
            if this.early.is_empty() {
                this.early = Bytes::new(); // lets go of what it was a slice of
            }
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [const { MaybeUninit::<u8>::uninit() }; SCRATCH];
        let room = buf.remaining().min(SCRATCH);
        loop {
            ready!(this.info.readiness().poll_read(cx));
            match rustix::net::recv(this.descriptor(), &mut scratch[..room], RecvFlags::DONTWAIT) {
                Ok(((read, _), _)) => {
                    // Less than there was room for: all that was there. More to come makes a new event.
                    if read.len() == room {
                        this.info.readiness().put_back(READ);
                    }
                    buf.put_slice(read);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::INTR) => this.info.readiness().put_back(READ),
                Err(Errno::AGAIN) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncWrite for LotSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, |descriptor| rustix::net::send(descriptor, buf, SEND))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, |descriptor| match bufs {
            [one] => rustix::net::send(descriptor, one, SEND),
            _ => rustix::net::sendmsg(descriptor, bufs, &mut SendAncillaryBuffer::default(), SEND),
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match rustix::net::shutdown(self.descriptor(), Shutdown::Write) {
            // The client has reset the connection meanwhile.
            Ok(()) | Err(Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

impl Drop for LotSocket {
    fn drop(&mut self) {
        // Closed before the lot is told: it gives the key to another connection then.
        if self.descriptor.take().is_some() {
            self.info.readiness().close();
            self.inbox.send(Message::Gone(self.key));
        }
    }
}
