//! What a WebSocket waits for: an operation to be done, the client, room to write, the log, the clock.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use super::operations::Done;
use super::shell::Shell;

/// Replies that may wait before a client is no longer listened to.
pub(super) const MAX_WAITING_BYTES: usize = 64 * 1024;

/// What happened.
pub(super) enum Turn {
    Wrote,
    Read,
    Ended,
    Done(Box<Done>),
    Moved,
    Timeout,
    /// There is nothing to do that a lot could not do as well.
    #[cfg(target_os = "linux")]
    Quiet,
}

impl Shell {
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        if let Some(operation) = &mut self.operation
            && let Poll::Ready(done) = operation.as_mut().poll(cx)
        {
            self.operation = None;
            return Poll::Ready(Turn::Done(Box::new(done)));
        }
        if let Poll::Ready(turn) = self.poll_socket(cx) {
            return Poll::Ready(turn.unwrap_or(Turn::Ended));
        }
        let is_waiting = self.socket.waiting() == 0 && self.session.is_open();
        if let Some(subscriber) = self.subscriber.as_ref().filter(|_| is_waiting) {
            // More to read at once: a batch, or the rest of a recovery.
            if !self.recoveries.is_empty() || subscriber.poll_moved(cx).is_ready() {
                return Poll::Ready(Turn::Moved);
            }
        }
        let (deadline, now) = (self.deadline(), self.now());
        if self.alarm.poll(deadline, now, cx).is_ready() {
            return Poll::Ready(Turn::Timeout);
        }
        #[cfg(target_os = "linux")]
        if self.is_quiet() {
            return Poll::Ready(Turn::Quiet);
        }
        Poll::Pending
    }

    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Turn>> {
        let wants_input =
            self.inbox.is_empty() && self.operation.is_none() && self.socket.waiting() < MAX_WAITING_BYTES;
        // Read first while little waits: a client's close or publish is seen also under a flood of deliveries.
        if wants_input && let Poll::Ready(read) = self.socket.poll_read(cx, &mut self.inbox) {
            return Poll::Ready(read.map(|read| if read == 0 { Turn::Ended } else { Turn::Read }));
        }
        if self.socket.waiting() > 0 {
            match self.socket.poll_write(cx) {
                Poll::Ready(result) => {
                    self.stalled_since = None;
                    return Poll::Ready(result.map(|()| Turn::Wrote));
                }
                Poll::Pending => {
                    self.blocked = true;
                    let now = self.now();
                    self.stalled_since.get_or_insert(now);
                }
            }
        } else if let Poll::Ready(Err(error)) = self.socket.poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    }

    fn deadline(&self) -> Option<Instant> {
        let stall = self.stalled_since.map(|since| since + self.push.shared.config.stall);
        // Who is being written to may be slow, but is not silent: the stall limit looks after it.
        let session = self.session.next_deadline().filter(|_| self.socket.waiting() == 0);
        [stall, session, self.auth_until, self.expires_at].into_iter().flatten().min()
    }
}
