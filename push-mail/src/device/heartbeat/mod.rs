//! How long to wait: the machine that finds the longest heartbeat interval a network lets live.
//!
//! A parked ping is an idle connection, and somewhere between device and server stands a box that forgets idle
//! connections, mostly without a word. Too long an interval means mail that waits behind a dead connection; too short a
//! one wakes the radio for nothing. No end can see the box, so the device has to try.
//!
//! ```text
//!            answered in time               silence, reset
//!   initial ------------------> longer ...... ------------> shorter ...... settled
//!      |  silence                  |  a change was told: neither grows nor shrinks
//!      `------> minimum            `------> the same again
//! ```
//!
//! [`Heartbeat`] is pure: it has no clock and no socket. [`Heartbeat::next`] says how long to ask for and when to give up,
//! [`Heartbeat::on`] takes how it went. What it learnt is a [`Memory`], small and serialisable, kept per network.
//! The rules it may follow stand in one file each: `walk` (the documented one), `android`, `search` (ours).

mod android;
mod memory;
mod millis;
mod search;
mod settings;
mod track;
mod walk;

use std::time::Duration;

use self::{memory::Bounds, track::Track};
pub use self::{
    memory::Memory,
    settings::{Preset, Search, Settings, Strategy, UnknownPreset},
};

/// How a ping ended, or what else happened that bears on the next one.
///
/// `after` is always the age of the connection's silence: how long ago its last byte had moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The interval passed and the server's answer, nothing new, came through.
    Expired,
    /// A change was told after so long.
    Changed {
        /// How long the ping had been parked.
        after: Duration,
    },
    /// No answer came, not even at the deadline: something forgot the connection without a word.
    TimedOut,
    /// The connection was reset.
    Reset {
        /// How long the ping had been parked.
        after: Duration,
    },
    /// The server refused the interval and named the bound that it violates.
    OutOfRange {
        /// The nearest interval that it allows: its minimum if more than was asked for, else its maximum.
        bound: Duration,
    },
    /// The device is in another network now; `id` is any name that stays the same for the same network.
    NetworkChanged(String),
    /// The connection was closed in order, or answered by something in between, before the interval had passed.
    ServerClosedEarly {
        /// How long the ping had been parked.
        after: Duration,
    },
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// The heartbeat interval to ask for.
    pub interval: Duration,
    /// Silence on the socket after which the connection counts as dead: the interval and some slack.
    pub socket_timeout: Duration,
    /// Why it is this interval.
    pub why: Why,
}

/// Why the next interval is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// Nothing is known yet.
    Initial,
    /// The last one was answered: a longer one is tried.
    Longer,
    /// As long as is allowed.
    Maximum,
    /// A change was told, which says nothing about the network.
    Same,
    /// The last one failed right after it was made longer: back to what worked.
    Back,
    /// The last one failed although nothing had been made longer: as short as is allowed.
    Minimum,
    /// The last one failed: a shorter one is tried.
    Shorter,
    /// Between what worked and what failed.
    Between,
    /// Found: nothing longer is tried any more.
    Settled,
    /// The failure may have had another cause: the same once more.
    Doubt,
    /// Settled for so long that the ceiling is tried once more.
    Again,
    /// The server's bound.
    Bound,
    /// What was learnt in this network before.
    Remembered,
}

/// The machine: minimum, maximum, initial and step, and what was learnt so far.
///
/// Deterministic: the same settings, memory and events give the same intervals. Its memory is bounded
/// ([`Memory::NETWORKS`]).
///
/// ```
/// use push_mail::device::{Event, Heartbeat, Preset};
/// use std::time::Duration;
///
/// let mut heartbeat = Heartbeat::new(Preset::Walk.settings());
/// assert_eq!(heartbeat.next().interval, Duration::from_secs(15 * 60));
/// assert_eq!(heartbeat.on(&Event::TimedOut).interval, Duration::from_secs(8 * 60));
/// assert_eq!(heartbeat.on(&Event::Expired).interval, Duration::from_secs(12 * 60));
/// ```
#[derive(Clone, Debug)]
pub struct Heartbeat {
    settings: Settings,
    memory: Memory,
    /// The network's part of the memory, out of it while it is in use.
    track: Track,
    why: Why,
}

impl Heartbeat {
    /// A machine that knows nothing yet. Settings that contradict each other are put right: see [`Settings`].
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::restore(settings, Memory::default())
    }

    /// A machine that goes on from what [`Heartbeat::memory`] gave; values outside of the settings' bounds are moved
    /// to the nearest bound.
    #[must_use]
    pub fn restore(settings: Settings, mut memory: Memory) -> Self {
        let settings = settings.put_right();
        memory.shorten();
        let known = memory.take();
        let why = if known.is_some() { Why::Remembered } else { Why::Initial };
        let mut heartbeat =
            Self { track: known.unwrap_or_else(|| Track::new(settings.initial)), settings, memory, why };
        heartbeat.track.clamp(heartbeat.bounds());
        heartbeat
    }

    /// The interval to ask for now.
    #[must_use]
    pub fn next(&self) -> Next {
        let interval = self.track.interval;
        Next { interval, socket_timeout: interval + self.settings.slack, why: self.why }
    }

    /// Takes how the last ping ended and says what is next.
    pub fn on(&mut self, event: &Event) -> Next {
        self.why = match event {
            Event::NetworkChanged(id) => self.enter(id),
            Event::OutOfRange { bound } => self.adopt(*bound),
            ended => self.ended(ended),
        };
        self.track.clamp(self.bounds());
        self.next()
    }

    /// Whether nothing longer is tried any more in this network.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.track.settled
    }

    /// What was learnt, to be stored by the device.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut memory = self.memory.clone();
        memory.keep(self.track.clone());
        memory
    }

    /// The settings it follows.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn bounds(&self) -> Bounds {
        self.memory.bounds(self.settings.minimum, self.settings.maximum)
    }

    fn ended(&mut self, event: &Event) -> Why {
        let bounds = self.bounds();
        match self.settings.strategy {
            Strategy::Fixed => Why::Same,
            Strategy::Walk => walk::on(&mut self.track, &self.settings, bounds, event),
            Strategy::HighWater => android::classic(&mut self.track, &self.settings, bounds, event),
            Strategy::UpAndDown => android::later(&mut self.track, &self.settings, bounds, event),
            Strategy::Search(search) => search::on(&mut self.track, &self.settings, &search, bounds, event),
        }
    }

    fn enter(&mut self, id: &str) -> Why {
        match self.settings.strategy {
            // A ceiling belongs to a network: each has its own memory, so that they do not teach each other.
            Strategy::Search(_) => {
                if self.memory.is_in(id) {
                    return Why::Remembered;
                }
                let left = std::mem::replace(&mut self.track, Track::new(self.settings.initial));
                self.memory.keep(left);
                self.memory.enter(id);
                let Some(known) = self.memory.take() else { return Why::Initial };
                self.track = known;
                Why::Remembered
            }
            // Android's first rule lets it grow again once connectivity has changed.
            Strategy::HighWater => {
                self.track.settled = false;
                Why::Same
            }
            Strategy::Fixed | Strategy::Walk | Strategy::UpAndDown => Why::Same,
        }
    }

    fn adopt(&mut self, bound: Duration) -> Why {
        self.memory.adopt(self.track.interval, bound);
        // What failed to be allowed says nothing about the network: growing may go on within the new bounds.
        self.track.settled = false;
        Why::Bound
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
