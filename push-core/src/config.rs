//! What can be set about a hub. Everything a stranger can send or make the hub hold has a bound here.

use std::time::Duration;

use crate::ending::Overflow;
use crate::name::{ChannelName, Pattern};

/// How much of a channel its history keeps; whichever bound is reached first trims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Publications; default 1,024. 0 keeps none: they reach only who is subscribed, as if each were not to be kept.
    pub count: usize,
    /// Age; default 1 h.
    pub age: Duration,
    /// Bytes of payload; default 8 MiB. The newest publication is kept even if it alone is larger.
    pub bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { count: 1024, age: Duration::from_secs(3600), bytes: 8 << 20 }
    }
}

/// Settings of the channels that a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Namespace {
    /// Which channels; the first namespace that matches wins.
    pub pattern: Option<Pattern>,
    /// What history keeps.
    pub retention: Retention,
    /// Whether members are listed and joins and leaves published; default no.
    pub presence: bool,
    /// What happens to slow subscribers that did not ask for a policy; default [`Overflow::Gap`].
    pub overflow: Overflow,
}

impl Namespace {
    /// The defaults, for the channels that `pattern` matches.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern: Some(pattern), ..Self::defaults() }
    }

    /// The defaults, for channels that no namespace matches.
    pub(crate) fn defaults() -> Self {
        Self { pattern: None, retention: Retention::default(), presence: false, overflow: Overflow::default() }
    }

    pub(crate) fn matches(&self, channel: &ChannelName) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.matches(channel))
    }
}

/// Settings of a hub. Start from [`HubConfig::default`] and change fields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubConfig {
    /// Settings by pattern, first match wins; default none.
    pub namespaces: Vec<Namespace>,
    /// Largest payload in bytes; default 1 MiB.
    pub max_payload_bytes: usize,
    /// What all histories may hold together, in bytes of payload and 256 a publication; default 512 MiB.
    /// Beyond it the oldest publications of the hub go first.
    pub max_history_bytes: u64,
    /// What the wire forms made of publications may hold together, in bytes; default 64 MiB.
    pub max_form_bytes: u64,
    /// Channels held at a time; default 1,000,000.
    pub max_channels: usize,
    /// Patterns subscribed at a time; default 100,000.
    pub max_patterns: usize,
    /// Channels and patterns of one connection; default 128.
    pub max_channels_per_connection: usize,
    /// Connections that subscribe (parked polls and in-process streams included); default 1,000,000.
    pub max_connections: usize,
    /// How long a channel or pattern that nobody uses and that holds nothing is still held; default 60 s.
    pub idle: Duration,
    /// How long a push id is remembered; default 5 min.
    pub push_id_age: Duration,
    /// How many push ids are remembered for a channel; default 10,000.
    pub max_push_ids: usize,
    /// How long a member stays after its last connection is gone; default 15 s.
    pub presence_linger: Duration,
    /// Members listed and announced a channel, beyond that only counted; default 1,000.
    pub max_members: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            max_payload_bytes: 1 << 20,
            max_history_bytes: 512 << 20,
            max_form_bytes: 64 << 20,
            max_channels: 1_000_000,
            max_patterns: 100_000,
            max_channels_per_connection: 128,
            max_connections: 1_000_000,
            idle: Duration::from_secs(60),
            push_id_age: Duration::from_secs(300),
            max_push_ids: 10_000,
            presence_linger: Duration::from_secs(15),
            max_members: 1_000,
        }
    }
}
