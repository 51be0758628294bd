//! What the leading process asks of a client, a line of JSON each way.

use serde::{Deserialize, Serialize};

use super::chat::{Counted, Plan};
use super::tally::Latency;
use crate::kind::Kind;

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Opens connections more: [`Done`].
    Open { kind: Kind, count: usize },
    /// Sees that all of them are subscribed: [`Done`].
    Greet,
    /// Publishes when everybody has the last message, for `ms`: [`Slice`].
    Fanout { ms: u64 },
    /// Publishes as fast as answers come, for `ms`: [`Slice`].
    Burst { ms: u64, batch: usize, pipeline: usize },
    /// Publishes `per_sec` messages a second, for `ms`: [`Slice`].
    Paced { ms: u64, per_sec: u64 },
    /// Publishes every `each_ms` and measures how long it takes: [`Latency`].
    Probe { ms: u64, each_ms: u64 },
    /// Opens connections and resets them once they are open, for `ms`: [`Slice`] of connections.
    Storm { kind: Kind, ms: u64 },
    /// Opens and closes connections of all kinds, `held` at a time: [`Done`].
    Churn { count: usize, held: usize },
    /// Some subscribers stop to read: [`Slowness`].
    Slow { stopped: usize, ms: u64, batch: usize },
    /// Only takes what comes, for `ms`: [`Done`].
    Rest { ms: u64 },
    /// Opens subscribers of many channels and those who publish there: [`Done`].
    Chat(Plan),
    /// They publish for `ms`: [`Slice`].
    Talk { ms: u64, counted: Counted },
    /// Closes all subscribers: [`Done`].
    Close,
    /// Waits for what is still to come: [`super::tally::Account`].
    Settle,
}

/// It is done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Done {}

/// What was reached in some time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Slice {
    /// Deliveries or connections.
    pub(crate) count: u64,
    pub(crate) ns: u64,
}

impl Slice {
    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.ns += other.ns;
    }

    pub(crate) fn per_sec(&self) -> f64 {
        self.count as f64 * 1e9 / self.ns.max(1) as f64
    }
}

/// What slow subscribers did to the others, and how they came back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Slowness {
    /// Of all, while all read.
    pub(crate) before: Latency,
    /// Of the others, while some did not read.
    pub(crate) during: Latency,
    /// Of the others, while those who had stopped caught up.
    pub(crate) after: Latency,
    pub(crate) rate_before: Slice,
    pub(crate) rate_during: Slice,
    /// Publications that one who stopped was behind when it went on.
    pub(crate) backlog: u64,
    pub(crate) catch_up_ns: u64,
    /// Whether they were level again before publishing ended.
    pub(crate) is_level: bool,
}
