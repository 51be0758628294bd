//! A descriptor on loan: lent by the lot to a task that reads and writes it.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::epoll::watch_room;
use super::inbox::{Inbox, Message};
use crate::server::connection::ConnectionInfo;
use crate::server::readiness::{READ, WRITE};

/// Read at a time, on the stack: a connection holds no buffer.
pub(super) const SCRATCH: usize = 16 * 1024;
const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// A descriptor on loan. Dropping it closes the connection and tells the lot.
#[derive(Debug)]
pub(in crate::server) struct Loan {
    /// `None` once it was given back.
    descriptor: Option<OwnedFd>,
    key: u32,
    inbox: Arc<Inbox>,
    epoll: Arc<OwnedFd>,
    info: ConnectionInfo,
    /// Whether the lot hears of room to write.
    watches_room: bool,
}

impl Loan {
    pub(super) fn new(
        descriptor: OwnedFd,
        key: u32,
        (inbox, epoll): (Arc<Inbox>, Arc<OwnedFd>),
        info: ConnectionInfo,
    ) -> Self {
        Self { descriptor: Some(descriptor), key, inbox, epoll, info, watches_room: false }
    }

    /// Ends the loan: the way to the lot, the key, the descriptor, and what was heard of it and not taken.
    pub(super) fn give_back(mut self) -> (Arc<Inbox>, u32, OwnedFd, u8) {
        let descriptor = self.descriptor.take().expect("it is taken only here and at the drop");
        (Arc::clone(&self.inbox), self.key, descriptor, self.info.readiness().close())
    }

    /// Looks at the first byte, which stays where it is; ready with 0 bytes at the end.
    pub(in crate::server) fn poll_peek(
        &mut self,
        cx: &mut Context<'_>,
        first: &mut [u8; 1],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.info.readiness().poll_read(cx));
            match rustix::net::recv(self.descriptor(), &mut *first, RecvFlags::DONTWAIT | RecvFlags::PEEK) {
                Ok((read, _)) => {
                    self.unread();
                    return Poll::Ready(Ok(read));
                }
                Err(Errno::INTR) => self.unread(),
                Err(Errno::AGAIN) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// There may be more to read, whatever is heard.
    pub(super) fn unread(&self) {
        self.info.readiness().put_back(READ);
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

impl AsyncRead for Loan {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut scratch = [const { MaybeUninit::<u8>::uninit() }; SCRATCH];
        let room = buf.remaining().min(SCRATCH);
        loop {
            ready!(this.info.readiness().poll_read(cx));
            match rustix::net::recv(this.descriptor(), &mut scratch[..room], RecvFlags::DONTWAIT) {
                Ok(((read, _), _)) => {
                    // Less than there was room for: all that was there. More to come makes a new event.
                    if read.len() == room {
                        this.unread();
                    }
                    buf.put_slice(read);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::INTR) => this.unread(),
                Err(Errno::AGAIN) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncWrite for Loan {
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

impl Drop for Loan {
    fn drop(&mut self) {
        // Closed before the lot is told: it gives the key to another connection then.
        if self.descriptor.take().is_some() {
            self.info.readiness().close();
            self.inbox.send(Message::Gone(self.key));
        }
    }
}
