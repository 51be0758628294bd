//! What a device remembers: the server's bounds, and each network's part, the newest first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{millis, track::Track};

/// What a [`super::Heartbeat`] learnt: small, bounded, and serialisable so that a device can store it.
///
/// The stored form is JSON or whatever serde writes; durations are milliseconds. A memory made up by somebody else is
/// harmless: values are moved into the bounds when it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The name of the network the device is in.
    #[serde(default)]
    network: String,
    /// The server's own minimum, once it has refused an interval for it.
    #[serde(with = "millis::option", default, skip_serializing_if = "Option::is_none")]
    server_minimum: Option<Duration>,
    /// Likewise its maximum.
    #[serde(with = "millis::option", default, skip_serializing_if = "Option::is_none")]
    server_maximum: Option<Duration>,
    /// Networks, the one left last at the end.
    #[serde(default)]
    networks: Vec<Known>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    network: String,
    #[serde(flatten)]
    track: Track,
}

/// The allowed intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) minimum: Duration,
    pub(super) maximum: Duration,
}

impl Bounds {
    pub(super) fn nearest(self, interval: Duration) -> Duration {
        interval.clamp(self.minimum, self.maximum)
    }
}

impl Memory {
    /// Networks remembered at most; the one that was left the longest ago is forgotten first.
    pub const NETWORKS: usize = 16;

    /// Bytes of a network's name that count; longer ones are cut.
    const NAME_BYTES: usize = 255;

    /// The name of the network the device is in; empty before the first
    /// [`super::Event::NetworkChanged`].
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    pub(super) fn is_in(&self, id: &str) -> bool {
        self.network == cut(id)
    }

    pub(super) fn enter(&mut self, id: &str) {
        cut(id).clone_into(&mut self.network);
    }

    /// The current network's part, if it is known.
    pub(super) fn take(&mut self) -> Option<Track> {
        let at = self.networks.iter().position(|known| known.network == self.network)?;
        Some(self.networks.remove(at).track)
    }

    /// Keeps the current network's part as the newest.
    pub(super) fn keep(&mut self, track: Track) {
        self.networks.retain(|known| known.network != self.network);
        self.networks.push(Known { network: self.network.clone(), track });
        self.shorten();
    }

    /// Forgets what is too much, also in a memory that was stored by somebody else.
    pub(super) fn shorten(&mut self) {
        let too_many = self.networks.len().saturating_sub(Self::NETWORKS);
        self.networks.drain(..too_many);
        let name = cut(&self.network).len();
        self.network.truncate(name);
    }

    /// Takes the server's word on a bound that `asked` violates.
    pub(super) fn adopt(&mut self, asked: Duration, bound: Duration) {
        // A bound of nothing would make a loop without pauses: no server means that.
        if bound.is_zero() {
            return;
        }
        if bound > asked {
            self.server_minimum = Some(bound);
            self.server_maximum = self.server_maximum.filter(|maximum| *maximum >= bound);
        } else if bound < asked {
            self.server_maximum = Some(bound);
            self.server_minimum = self.server_minimum.filter(|minimum| *minimum <= bound);
        }
    }

    /// The device's bounds, narrowed by the server's; the server's win where they do not meet, because it refuses
    /// everything else.
    pub(super) fn bounds(&self, minimum: Duration, maximum: Duration) -> Bounds {
        let mut bounds = Bounds { minimum, maximum };
        if let Some(least) = self.server_minimum {
            bounds.minimum = bounds.minimum.max(least);
            bounds.maximum = bounds.maximum.max(least);
        }
        if let Some(most) = self.server_maximum {
            bounds.minimum = bounds.minimum.min(most);
            bounds.maximum = bounds.maximum.min(most);
        }
        bounds
    }
}

fn cut(id: &str) -> &str {
    let mut end = id.len().min(Memory::NAME_BYTES);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    &id[..end]
}
