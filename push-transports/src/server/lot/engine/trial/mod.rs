//! The engine, tried: real hub, crowds, tables and inbox; only the sockets, the tasks and the transports are played.
//!
//! ```text
//!   client ── asks, takes, says, leaves ─▶ pipe ──events──▶ stage (a lot) ──▶ engine
//!     │ reads words: its diary               ▲ ▲              │ members are written words
//!     └──────────────────────────────────────┘ └── session ◀──┘ resumed, parks again
//! ```
//!
//! - `stage`: a lot without sockets; `pipe`: what it has in their place, and what tasks are lent.
//! - `manner`: what the transports of this trial are: a stream, one that listens, and a poll.
//! - `client`: who is at the other end, and the diary that finds what is missing, doubled or out of order.
//! - `script`: any script of what can happen, in one thread. `model`: all at once, under a model checker.

mod client;
mod manner;
#[cfg(push_shuttle)]
mod model;
mod pipe;
#[cfg(not(push_shuttle))]
mod script;
mod stage;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use push_core::{
    Batch, Cursor, Draft, Ending, Gap, Hub, HubConfig, ManualClock, Namespace, Overflow, Pattern, Publication, Receipt,
    Retention,
};

use self::pipe::Handle;
use crate::server::lot::inbox::Inbox;

/// A connection on loan.
type Io = pipe::Lent;
type Letters = Inbox<Handle, Io>;

/// One thing that a client is told; on the wire its number in the world's book.
#[derive(Debug, Clone)]
enum Word {
    Gaps(Vec<Gap>, Cursor),
    Publication(Arc<Publication>),
    /// Everything up to here was looked at.
    Beat(Cursor),
    Answer(Vec<Gap>, Batch, Option<Ending>),
    /// What a ping is answered.
    Pong,
    /// What an operation is answered.
    Reply,
    End,
}

/// What everybody in a trial knows. Its locks are the standard library's: nobody waits for anything under one.
#[derive(Debug)]
struct World {
    hub: Hub,
    /// All words that were ever said.
    book: Mutex<Vec<Word>>,
    ledger: Mutex<BTreeMap<u64, Receipt>>,
    /// The lot's time.
    ticks: AtomicU32,
    /// What the sockets have to say to the lot.
    events: Mutex<Vec<(u32, u8)>>,
    inbox: Arc<Letters>,
}

impl World {
    /// Channels keep the last `count` publications.
    fn new(count: usize) -> Arc<Self> {
        let mut config = HubConfig::default();
        let mut namespace = Namespace::new(Pattern::parse("**").expect("a pattern"));
        namespace.retention = Retention { count, ..Retention::default() };
        config.namespaces = vec![namespace];
        let hub = Hub::builder(config).clock(Arc::new(ManualClock::new(1_780_000_000_000))).build().expect("memory");
        Arc::new(Self {
            hub,
            book: Mutex::default(),
            ledger: Mutex::default(),
            ticks: AtomicU32::new(0),
            events: Mutex::default(),
            inbox: Arc::default(),
        })
    }

    fn publish(&self, channel: &str) {
        let publishing = std::pin::pin!(self.hub.publish(channel, Draft::text("x")));
        match publishing.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(receipt) => {
                let receipt = receipt.expect("accepted");
                lock(&self.ledger).insert(receipt.id.number, receipt);
            }
            Poll::Pending => panic!("a local publish waits for nobody"),
        }
    }

    /// The frame that says `word`; frames differ in length.
    fn frame(&self, word: Word) -> Bytes {
        let mut book = lock(&self.book);
        book.push(word);
        let number = book.len() - 1;
        format!("<{number}{}>", ".".repeat(number % 5)).into()
    }

    /// The first frame of what was sent, and its length; `None` if it is not whole.
    fn word(&self, sent: &[u8]) -> Option<(Word, usize)> {
        assert!(
            sent.first().is_none_or(|byte| *byte == b'<'),
            "frames are mixed up: {}",
            String::from_utf8_lossy(sent)
        );
        let end = sent.iter().position(|byte| *byte == b'>')?;
        let text = std::str::from_utf8(&sent[1..end]).expect("ASCII");
        let number: usize =
            text.trim_end_matches('.').parse().unwrap_or_else(|_| panic!("frames are mixed up: {text}"));
        assert_eq!(text.len() - text.trim_end_matches('.').len(), number % 5, "bytes of a frame are missing: {text}");
        Some((lock(&self.book)[number].clone(), end + 1))
    }
}

/// What connections of a trial may differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    kind: Kind,
    channels: &'static [&'static str],
    overflow: Overflow,
    /// Whether the hub knows it by a name.
    is_named: bool,
    /// How many ticks it lasts.
    lasts: Option<u32>,
    /// Whether it is heard at the lot's door, and need not pass a task.
    at_door: bool,
}

/// The transports of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stream,
    /// As a WebSocket: pings are answered by the lot, operations by its session.
    Listening,
    /// As long polling: what is written is an answer, after which the client asks again.
    Poll,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
