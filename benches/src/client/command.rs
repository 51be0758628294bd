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
    /// Publishes a message each `each_ns`, whoever has what, and measures from when it was due: [`super::pace::Paced`].
    Pace { ms: u64, each_ns: u64 },
    /// Publishes every `each_ms` and measures how long it takes: [`Latency`].
    Probe { ms: u64, each_ms: u64 },
    /// Opens connections and resets them once they are open, for `ms`: [`Slice`] of connections.
    Storm { kind: Kind, ms: u64 },
    /// Opens and closes connections of all kinds, `held` at a time: [`Done`].
    Churn { count: usize, held: usize },
    /// Some subscribers stop to read: [`Slowness`].
    Slow { stopped: usize, ms: u64, load: Load },
    /// Subscribers that are opened from now on keep what they would come back with: [`Done`].
    Remember,
    /// Others publish; subscribers that are opened from now on begin with whatever comes first: [`Done`].
    Follow,
    /// Publishes `count` messages with one request and waits until everybody has them: [`Slice`].
    Publish { count: usize },
    /// Some are cut off and come back at once, while publishing goes on: [`Return`].
    Comeback(Comeback),
    /// Publishes `per_sec` messages a second for `ms`; the first `stopped` subscribers do not read in the first half of
    /// it: [`Watch`].
    Steady { ms: u64, per_sec: f64, stopped: usize },
    /// Subscribers leave, and come back or others come in their place, `per_sec` of them a second, for `ms`: [`Milled`].
    Mill { ms: u64, per_sec: f64 },
    /// Waits until all that are open are known to be subscribed: [`Done`].
    Calm,
    /// Waits until everybody has the message `seq`, which another one has published: [`super::tally::Account`].
    Reach { seq: u64 },
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

/// How much is published.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Load {
    /// The next `batch` messages when everybody has the last ones.
    Full { batch: usize },
    /// A message each `each_ns`; who is not more than `ahead` behind counts as level.
    Paced { each_ns: u64, ahead: usize },
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

/// How some are cut off and come back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Comeback {
    /// How many of a hundred subscribers; others from round to round.
    pub(crate) percent: usize,
    pub(crate) round: usize,
    /// How long publishing goes on before.
    pub(crate) before_ms: u64,
    /// How long they are away.
    pub(crate) away_ms: u64,
    /// Requests to publish, each second.
    pub(crate) per_sec: f64,
    /// Messages of a request.
    pub(crate) batch: usize,
}

/// How they came back; times are since the first was cut off.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Return {
    pub(crate) gone: usize,
    /// Messages that they missed and were to be sent when they were back.
    pub(crate) missed: u64,
    /// All are cut off.
    pub(crate) cut_ns: u64,
    /// The last has asked to go on.
    pub(crate) asked_ns: u64,
    /// The last is answered.
    pub(crate) answered_ns: u64,
    /// Everybody, of those who stayed as well, has all that was published until the last had asked.
    pub(crate) level_ns: u64,
    /// Requests to publish from the first cut to there.
    pub(crate) published: u64,
}

/// What was seen of steady publishing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// Of those who read all the time.
    pub(crate) latency: Latency,
    pub(crate) slice: Slice,
    /// Messages that one who stopped was behind when it went on.
    pub(crate) backlog: u64,
    /// The sequence number of the last message.
    pub(crate) last_seq: u64,
}

/// Who came and went.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Milled {
    /// Came back with a cursor.
    pub(crate) resumed: u64,
    /// New ones in the place of others.
    pub(crate) replaced: u64,
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
