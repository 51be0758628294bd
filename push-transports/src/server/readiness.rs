//! What the lot knows of a busy connection's socket, and who waits to hear it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes may be there.
pub(in crate::server) const READ: u8 = 1;
/// There may be room to write.
pub(in crate::server) const WRITE: u8 = 2;
/// The client has ended its direction.
pub(in crate::server) const ENDED: u8 = 4;
/// The connection is gone: both directions are closed, or it failed.
pub(in crate::server) const GONE: u8 = 8;

/// Readiness as epoll tells it, edge by edge. A bit that is taken is to be tried until the system says that it would block.
#[derive(Debug, Default)]
pub(in crate::server) struct Readiness(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    bits: u8,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Readiness {
    /// Adds what was heard, and wakes who waits for it.
    pub(in crate::server) fn raise(&self, bits: u8) {
        let (mut reader, mut writer) = (None, None);
        {
            let mut waiting = self.lock();
            waiting.bits |= bits;
            if bits & (READ | ENDED | GONE) != 0 {
                reader = waiting.reader.take();
            }
            if bits & (WRITE | GONE) != 0 {
                writer = waiting.writer.take();
            }
        }
        // Not under the lock: waking runs code that is not ours.
        reader.into_iter().chain(writer).for_each(Waker::wake);
    }

    /// Ready if reading is worth a try, which takes the bit; else leaves word.
    pub(in crate::server) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        let worth = waiting.bits & (READ | ENDED | GONE) != 0;
        waiting.bits &= !READ;
        if !worth {
            let replaced = waiting.reader.replace(cx.waker().clone());
            drop(waiting);
            drop(replaced);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Ready if writing is worth a try, which takes the bit; else leaves word.
    pub(in crate::server) fn poll_write(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        let worth = waiting.bits & (WRITE | GONE) != 0;
        waiting.bits &= !WRITE;
        if !worth {
            let replaced = waiting.writer.replace(cx.waker().clone());
            drop(waiting);
            drop(replaced);
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Ready once the client has ended its direction, with whether it is gone altogether. Takes nothing. Uses the
    /// reader's place: whoever waits for this does not read.
    pub(in crate::server) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut waiting = self.lock();
        if waiting.bits & (ENDED | GONE) != 0 {
            return Poll::Ready(waiting.bits & GONE != 0);
        }
        let replaced = waiting.reader.replace(cx.waker().clone());
        drop(waiting);
        drop(replaced);
        Poll::Pending
    }

    /// What was taken is still there.
    pub(in crate::server) fn put_back(&self, bits: u8) {
        self.lock().bits |= bits;
    }

    /// Forgets who waits, and tells what is known.
    pub(in crate::server) fn close(&self) -> u8 {
        let mut waiting = self.lock();
        let wakers = (waiting.reader.take(), waiting.writer.take());
        let bits = waiting.bits;
        drop(waiting);
        drop(wakers);
        bits
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
