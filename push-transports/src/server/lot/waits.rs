//! Requests that wait for something of their own: parked like members, each with its own answer.
//!
//! ```text
//!  takeover ─▶ admit ─▶ queue ─▶ look ─┬─ pending ─▶ parked: a record, an entry, a waker
//!                         ▲            │                │ called, its time is over, the server goes down
//!                         └────────────┼────────────────┘
//!                                      └─ answered ─▶ the next request, or the end
//! ```
//!
//! What is called here is not ours: a wait that panics ends its own connection.

use std::any::Any;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio::io::AsyncWriteExt as _;

use super::door::date;
use super::engine::{Outlet as _, Sent, unpark};
use super::inbox::WaitWaker;
use super::keys::{self, KeyMap};
use super::run::Lot;
use super::socket::Returned;
use super::starter::said;
use crate::proto::head;
use crate::proto::lot::records::{CLOSE, LEAVING, OVER, State};
use crate::server::connection::Phase;
use crate::server::io::ConnectionIo;
use crate::server::readiness::{GONE, WRITE};
use crate::server::wait::{Wait, asks_to_close, may_have_content, whole};

type Caller = WaitWaker<OwnedFd, ConnectionIo>;

/// Header lines; thin, for they are in every entry.
type Lines = Arc<Box<[u8]>>;

/// A wait that is to be parked with its connection.
pub(crate) struct ParkedWait {
    pub(crate) wait: Box<dyn Wait>,
    /// How long until [`Wait::expired`].
    pub(crate) lasts: Duration,
    /// The header lines that the answer has beside its own.
    pub(crate) lines: Box<[u8]>,
    /// Whether the connection ends after the answer.
    pub(crate) closes: bool,
}

impl fmt::Debug for ParkedWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParkedWait").field("lasts", &self.lasts).finish_non_exhaustive()
    }
}

/// What a lot keeps of a wait beside the record.
struct Entry {
    wait: Box<dyn Wait>,
    lines: Lines,
    caller: Arc<Caller>,
}

// Density: this with its key, the record, the handle, the waker and what the wait itself is are all that it costs.
const _: () = assert!(size_of::<(u32, Entry)>() == 40);
#[cfg(not(push_shuttle))]
const _: () = assert!(size_of::<Caller>() == 16);

/// The waits of a lot.
#[derive(Default)]
pub(super) struct Waits {
    entries: KeyMap<Entry>,
    /// What most waits have in common is there once.
    lines: HashSet<Lines>,
    /// Those to look at, in turn.
    queue: VecDeque<Arc<Caller>>,
}

impl Waits {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are some to look at.
    pub(super) fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Those that were called from outside.
    pub(super) fn queue_called(&mut self, called: &mut Vec<Arc<Caller>>) {
        self.queue.extend(called.drain(..));
    }

    /// All are to be looked at.
    pub(super) fn queue_all(&mut self) {
        let first = self.entries.values().map(|entry| &entry.caller).filter(|caller| caller.is_first_call());
        self.queue.extend(first.cloned());
    }

    fn queue(&mut self, key: u32) {
        if let Some(entry) = self.entries.get(&key)
            && entry.caller.is_first_call()
        {
            self.queue.push_back(Arc::clone(&entry.caller));
        }
    }

    /// The next to look at, unless it is over by now.
    fn next(&mut self) -> Option<Option<&mut Entry>> {
        let caller = self.queue.pop_front()?;
        let entry = self.entries.get_mut(&caller.key());
        Some(entry.filter(|entry| Arc::ptr_eq(&entry.caller, &caller)))
    }

    fn insert(&mut self, key: u32, wait: Box<dyn Wait>, lines: Box<[u8]>, caller: Arc<Caller>) {
        let known = self.lines.get(&lines).cloned();
        let lines = known.unwrap_or_else(|| {
            let lines = Arc::new(lines);
            self.lines.insert(Arc::clone(&lines));
            lines
        });
        self.entries.insert(key, Entry { wait, lines, caller });
    }

    /// Takes a wait out, and lets go of it; its header lines are left.
    fn end(&mut self, key: u32) -> Option<Lines> {
        let Entry { wait, lines, .. } = self.entries.remove(&key)?;
        let_go(wait);
        // This one, and the one that is known: nobody else has them.
        if Arc::strong_count(&lines) == 2 {
            self.lines.remove(&lines);
        }
        Some(lines)
    }

    /// Lets go of all.
    pub(super) fn clear(&mut self) {
        std::mem::take(self).entries.into_values().for_each(|entry| let_go(entry.wait));
    }

    /// Memory of a crowd that has left.
    pub(super) fn shrink(&mut self) {
        keys::shrink(&mut self.entries);
        if self.lines.capacity() > 256 && self.lines.len() * 8 < self.lines.capacity() {
            self.lines.shrink_to(self.lines.len() * 2);
        }
        if self.queue.is_empty() && self.queue.capacity() > 1024 {
            self.queue = VecDeque::new();
        }
    }
}

/// Calls what is not ours. `None` if it panicked.
fn call<T>(what: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(what));
    let log = |panic: &(dyn Any + Send)| tracing::error!(panic = said(panic), "what a request waits for panicked");
    done.inspect_err(|panic| log(&**panic)).ok()
}

fn let_go(wait: Box<dyn Wait>) {
    call(|| drop(wait));
}

impl Lot {
    /// A task hands its connection over, to wait here.
    pub(super) fn admit_wait(&mut self, returned: Box<Returned>, parked: ParkedWait) {
        let ParkedWait { wait, lasts, lines, closes } = parked;
        let Some(Returned { key, descriptor, early, bits, .. }) = self.take_back(returned).map(|returned| *returned)
        else {
            return let_go(wait);
        };
        if self.records.put_back(key, descriptor).is_err() {
            return let_go(wait);
        }
        if !early.is_empty() {
            self.early.insert(key, Bytes::copy_from_slice(&early));
        }
        if let Some(record) = self.records.get_mut(key) {
            record.set_state(State::Waiting);
            record.set(CLOSE, closes);
        }
        let deadline = self.tick_in(lasts);
        self.records.set_deadline(key, deadline);
        self.waits.insert(key, wait, lines, Arc::new(Caller::new(Arc::clone(&self.inbox), key)));
        // What came since it was asked last has called nobody who is here.
        self.waits.queue(key);
        self.notice_wait(key, bits & !WRITE);
    }

    /// The socket of a connection that waits has something to say.
    pub(super) fn notice_wait(&mut self, key: u32, bits: u8) {
        match bits & GONE != 0 {
            true => self.lose_wait(key),
            false => self.engine().mark(key, bits),
        }
    }

    /// A wait's time is over, or its client's that has ended its direction.
    pub(super) fn expire_wait(&mut self, key: u32) {
        let Some(record) = self.records.get_mut(key) else { return };
        if record.has(LEAVING) {
            return self.lose_wait(key);
        }
        record.set(OVER, true);
        self.waits.queue(key);
    }

    /// Looks at so many of those that were called or are over.
    pub(super) fn look_at_waits(&mut self, looks: usize) {
        for _ in 0..looks {
            let Some(next) = self.waits.next() else { return };
            let Some(entry) = next else { continue };
            let key = entry.caller.key();
            let is_over = self.phase != Phase::Open || self.records.get(key).is_some_and(|record| record.has(OVER));
            match call(|| entry.look(is_over)) {
                Some(Poll::Ready(answer)) => self.answer_wait(key, whole(answer)),
                Some(Poll::Pending) => {}
                None => self.lose_wait(key),
            }
        }
    }

    fn answer_wait(&mut self, key: u32, answer: Response<Bytes>) {
        // Its owner knows that it is over before the client can come back.
        let Some(lines) = self.waits.end(key) else { return };
        let is_open = self.phase == Phase::Open;
        let Some(record) = self.records.get_mut(key) else { return };
        let closes = record.has(CLOSE) || !is_open || asks_to_close(answer.headers());
        record.set(CLOSE, closes);
        let bytes = write(&answer, &lines, closes);
        let sent = self.send(key, &bytes);
        match sent {
            Sent::Whole => self.engine().go_on_with_next(key),
            Sent::Part(written) => self.finish_answer(key, bytes.slice(written..), closes),
            Sent::Gone => self.close(key),
        }
    }

    /// The socket did not take all of an answer: a task writes the rest.
    fn finish_answer(&mut self, key: u32, rest: Bytes, closes: bool) {
        let early = self.early.remove(&key).unwrap_or_default();
        let Some(bits) = self.records.get_mut(key).map(unpark) else { return };
        let Some(mut io) = self.borrow(key, early, bits | WRITE) else { return };
        self.spawn(Box::pin(async move {
            if io.write_all(&rest).await.is_err() || io.flush().await.is_err() {
                return;
            }
            if closes || io.info().draining() {
                io.hang_up().await;
            } else {
                io.rest();
            }
        }));
    }

    /// The client has left, or nobody can tell any more what it waits for.
    fn lose_wait(&mut self, key: u32) {
        self.waits.end(key);
        self.close(key);
    }
}

impl Entry {
    /// The answer, if there is one; in any case if its time is over.
    fn look(&mut self, is_over: bool) -> Poll<Response<Bytes>> {
        self.caller.begin_look();
        let waker = Waker::from(Arc::clone(&self.caller));
        match self.wait.poll_answer(&mut Context::from_waker(&waker)) {
            Poll::Pending if is_over => Poll::Ready(self.wait.expired()),
            polled => polled,
        }
    }
}

/// The whole answer: what it says itself comes before what stands in `lines`.
fn write(answer: &Response<Bytes>, lines: &[u8], closes: bool) -> Bytes {
    let mut own = Vec::with_capacity(512);
    head::write_merged(&mut own, lines, answer.headers());
    let (status, body) = (answer.status(), answer.body());
    let length = if may_have_content(status) { head::Body::Length(body.len()) } else { head::Body::None };
    let mut out = Vec::with_capacity(own.len() + body.len() + 128);
    head::write(&mut out, status, &own, length, &httpdate::fmt_http_date(date()), closes);
    out.extend_from_slice(body);
    out.into()
}
