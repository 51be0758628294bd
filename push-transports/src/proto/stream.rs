//! A subscription that streams: the one state machine behind sse, stream and mixed.
//!
//! ```text
//!            handle_batch, handle_timeout
//!             ┌───────┐
//!   new ──▶ Open ──────┘ ── handle_end ──▶ Ending ── poll_output ──▶ Ended
//! ```
//!
//! The encoder knows the bytes; the session knows when: what goes together into one write, when silence has lasted
//! too long, and that an ending comes last.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use push_core::{Batch, Cursor, Ending, Gap, Publication, Start};

/// Most bytes of publications put together into one write.
///
/// One `send(2)` costs far more than copying 64 KiB; beyond that the copy begins to show.
pub const MAX_COALESCED_BYTES: usize = 64 * 1024;

/// Longest silence on a stream by default. Proxies and load balancers commonly give up after 30 s or 60 s.
pub const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(25);

/// The bytes of one way to stream.
pub trait Encoder: fmt::Debug {
    /// The `Content-Type` of the answer.
    fn content_type(&self) -> String;

    /// Appends what stands before the first publication: the starting cursor, and what was lost.
    ///
    /// `sent` is the cursor the client came with, if it came with one.
    fn open(&self, out: &mut Vec<u8>, start: &Start, sent: Option<Cursor>);

    /// A publication, in the form that all subscribers of this encoding share.
    fn publication(&self, publication: &Arc<Publication>) -> Bytes;

    /// What follows every publication at once, where that differs by connection.
    fn separator(&self) -> Option<Bytes> {
        None
    }

    /// Appends the gaps of a live subscription; `resume` is the point behind them.
    fn gaps(&self, out: &mut Vec<u8>, gaps: &[Gap], resume: Cursor);

    /// Appends what breaks a silence. `looked` is set when the server has looked further than the last cursor told.
    /// Appends nothing where the format has nothing that is silent.
    fn heartbeat(&self, out: &mut Vec<u8>, looked: Option<Cursor>);

    /// Appends the end.
    fn close(&self, out: &mut Vec<u8>, ending: &Ending);
}

impl<E: Encoder + ?Sized> Encoder for Box<E> {
    fn content_type(&self) -> String {
        (**self).content_type()
    }
    fn open(&self, out: &mut Vec<u8>, start: &Start, sent: Option<Cursor>) {
        (**self).open(out, start, sent);
    }
    fn publication(&self, publication: &Arc<Publication>) -> Bytes {
        (**self).publication(publication)
    }
    fn separator(&self) -> Option<Bytes> {
        (**self).separator()
    }
    fn gaps(&self, out: &mut Vec<u8>, gaps: &[Gap], resume: Cursor) {
        (**self).gaps(out, gaps, resume);
    }
    fn heartbeat(&self, out: &mut Vec<u8>, looked: Option<Cursor>) {
        (**self).heartbeat(out, looked);
    }
    fn close(&self, out: &mut Vec<u8>, ending: &Ending) {
        (**self).close(out, ending);
    }
}

/// The times of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Longest silence; default [`DEFAULT_HEARTBEAT`].
    pub heartbeat: Duration,
    /// How often the newest publication is sent again; default never.
    pub refresh: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { heartbeat: DEFAULT_HEARTBEAT, refresh: None }
    }
}

/// What waits to be written: bytes of this connection alone, or a publication not yet encoded.
#[derive(Debug)]
enum Item {
    Own(Vec<u8>),
    Publication(Arc<Publication>),
}

/// One streaming subscription, from its first byte to its last.
///
/// Hand it a batch when it has no output left, so that what waits for a slow client waits in the log. Encoding is
/// done as output is asked for: beside the batch it holds one write at a time.
#[derive(Debug)]
pub struct StreamSession<E> {
    encoder: E,
    pace: Pace,
    queue: VecDeque<Item>,
    /// A form too long to be put together with others, after what stood before it; then its separator.
    ready: VecDeque<Bytes>,
    /// The last cursor the client was told.
    told: Cursor,
    /// How far the reader has looked.
    looked: Cursor,
    /// Kept only where it is to be sent again.
    newest: Option<Arc<Publication>>,
    heartbeat_at: Instant,
    refresh_at: Option<Instant>,
    is_ended: bool,
}

impl<E: Encoder> StreamSession<E> {
    /// Opens the stream: its first output is what the encoder says before the first publication.
    pub fn new(now: Instant, encoder: E, start: &Start, sent: Option<Cursor>, pace: Pace) -> Self {
        let mut session = Self {
            encoder,
            pace,
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            told: start.cursor,
            looked: start.cursor,
            newest: None,
            heartbeat_at: now + pace.heartbeat,
            refresh_at: None,
            is_ended: false,
        };
        session.push_own(|encoder, out| encoder.open(out, start, sent));
        session
    }

    /// A stream that goes on: it was opened, and everything up to `at` is written.
    pub(crate) fn resume(now: Instant, encoder: E, at: Cursor, pace: Pace) -> Self {
        Self {
            encoder,
            pace,
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            told: Cursor { number: 0, ..at }, // not kept: the next heartbeat tells how far it is
            looked: at,
            newest: None,
            heartbeat_at: now + pace.heartbeat,
            refresh_at: None,
            is_ended: false,
        }
    }

    /// The encoder, for the answer's head.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }

    /// Takes what the reader found, and its ending if it has one. After the end it changes nothing.
    pub fn handle_batch(&mut self, now: Instant, batch: Batch) {
        if self.is_ended {
            return;
        }
        let Batch { gaps, publications, before, cursor, ending, more: _ } = batch;
        if !gaps.is_empty() {
            // The point just before what follows: a client cut behind the gap must still get all of this batch.
            let resume = if publications.is_empty() { cursor } else { before };
            self.push_own(|encoder, out| encoder.gaps(out, &gaps, resume));
            self.told = resume;
        }
        if let Some(last) = publications.last() {
            self.told = last.id();
            if let Some(refresh) = self.pace.refresh {
                self.newest = Some(Arc::clone(last));
                self.refresh_at = Some(now + refresh);
            }
        }
        if !gaps.is_empty() || !publications.is_empty() {
            self.heartbeat_at = now + self.pace.heartbeat;
        }
        self.queue.extend(publications.into_iter().map(Item::Publication));
        self.looked = cursor;
        if let Some(ending) = ending {
            self.handle_end(&ending);
        }
    }

    /// Breaks a silence that has lasted too long, or sends the newest again. Early calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_ended {
            return;
        }
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.handle_refresh(now);
        }
        if self.heartbeat_at <= now {
            self.heartbeat_at = now + self.pace.heartbeat;
            // A client that still has output to take is not in silence.
            if !self.has_output() {
                let looked = is_further(self.looked, self.told).then_some(self.looked);
                self.told = looked.unwrap_or(self.told);
                self.push_own(|encoder, out| encoder.heartbeat(out, looked));
            }
        }
    }

    fn handle_refresh(&mut self, now: Instant) {
        self.refresh_at = self.pace.refresh.map(|refresh| now + refresh);
        if let (false, Some(newest)) = (self.has_output(), &self.newest) {
            self.queue.push_back(Item::Publication(Arc::clone(newest)));
            self.heartbeat_at = now + self.pace.heartbeat;
        }
    }

    /// Ends the subscription: what is queued still goes out, then the ending.
    pub fn handle_end(&mut self, ending: &Ending) {
        if !self.is_ended {
            self.push_own(|encoder, out| encoder.close(out, ending));
            self.is_ended = true;
            self.newest = None;
        }
    }

    /// The next bytes to write. Publications that wait are put together up to [`MAX_COALESCED_BYTES`]; one alone, or
    /// a longer one, is the shared form itself.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        if let Some(ready) = self.ready.pop_front() {
            return Some(ready);
        }
        let mut buffer = Vec::new();
        while let Some(item) = self.queue.pop_front() {
            let (bytes, separator) = match item {
                Item::Own(own) => (Bytes::from(own), None),
                Item::Publication(publication) => (self.encoder.publication(&publication), self.encoder.separator()),
            };
            let is_alone = buffer.is_empty() && self.queue.is_empty();
            let len = bytes.len() + separator.as_ref().map_or(0, Bytes::len);
            if is_alone || buffer.len() + len > MAX_COALESCED_BYTES {
                self.ready.push_back(bytes);
                self.ready.extend(separator);
                break;
            }
            buffer.extend_from_slice(&bytes);
            buffer.extend_from_slice(separator.as_deref().unwrap_or_default());
        }
        if buffer.is_empty() { self.ready.pop_front() } else { Some(buffer.into()) }
    }

    /// Whether [`StreamSession::poll_output`] has something to give.
    pub fn has_output(&self) -> bool {
        !self.ready.is_empty() || !self.queue.is_empty()
    }

    /// When to call [`StreamSession::handle_timeout`]; `None` once it has ended.
    pub fn next_deadline(&self) -> Option<Instant> {
        (!self.is_ended).then(|| self.refresh_at.map_or(self.heartbeat_at, |at| at.min(self.heartbeat_at)))
    }

    /// Whether nothing more will come: the ending was written.
    pub fn is_finished(&self) -> bool {
        self.is_ended && !self.has_output()
    }

    fn push_own(&mut self, write: impl FnOnce(&E, &mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&self.encoder, &mut out);
        if !out.is_empty() {
            self.queue.push_back(Item::Own(out));
        }
    }
}

fn is_further(looked: Cursor, told: Cursor) -> bool {
    looked.epoch != told.epoch || looked.number > told.number
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
