//! What all sessions of one endpoint have in common, so that none of them pays for it.

use std::time::Duration;

use super::deflate::InflaterPool;

/// Limits and times of an endpoint's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Longest message, in bytes of payload over all its fragments; a compressed one counts
    /// inflated. Default 4 MiB + 64 KiB: a payload of 1 MiB, even in base64 or escaped, inside an operation.
    pub max_message: usize,
    /// Most fragments without payload in one message. Default 1,024. Fragments with payload need no
    /// such bound: the message's size bounds them, and none leaves anything behind but its payload.
    pub max_empty_fragments: u32,
    /// Silence of the peer after which it is pinged, and again after each further such time.
    /// Default 25 s, below the 30 s after which some middleboxes forget a connection. Zero: never.
    pub heartbeat: Duration,
    /// Silence of the peer after which the connection is taken for dead. Default 60 s: two heartbeats
    /// and 10 s for the answer. Zero: never. Any byte received breaks the silence.
    pub silence_limit: Duration,
    /// How long the peer's close frame is waited for after ours was queued. Default 5 s.
    pub close_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let heartbeat = Duration::from_secs(25);
        Self {
            max_message: 4 * 1024 * 1024 + 64 * 1024,
            max_empty_fragments: 1024,
            heartbeat,
            silence_limit: 2 * heartbeat + Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// Longest compressed form of a message that is still read: what does not compress grows by
    /// five bytes for each stored block, and senders make those 16 KiB or longer.
    pub(super) fn max_compressed(&self) -> usize {
        let growth = self.max_message / 1024 + 64;
        self.max_message.saturating_add(growth)
    }
}

/// Settings and inflaters of one endpoint, held by all its sessions through one `Arc`.
#[derive(Debug)]
pub struct Endpoint {
    /// Limits and times.
    pub settings: Settings,
    /// Inflaters, lent for one message each.
    pub inflaters: InflaterPool,
}

impl Endpoint {
    /// An endpoint that keeps up to four idle inflaters (some 60 KiB each).
    pub const fn new(settings: Settings) -> Self {
        Self { settings, inflaters: InflaterPool::new(4) }
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}
