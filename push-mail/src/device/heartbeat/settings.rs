//! Settings of the machine, and the presets: rules that devices have followed, as data.

use std::{fmt, str::FromStr, time::Duration};

/// The least interval that is ever used, so that no settings make a loop without pauses.
const LEAST: Duration = Duration::from_millis(1);

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// Minimum, maximum, initial, step and the rule that uses them.
///
/// A minimum above the maximum becomes the maximum, an initial value outside of them the nearest bound, a step of zero
/// one millisecond: [`super::Heartbeat::new`] puts that right instead of refusing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Shortest interval, and what a failure may fall back to.
    pub minimum: Duration,
    /// Longest interval.
    pub maximum: Duration,
    /// The first one in a network of which nothing is known.
    pub initial: Duration,
    /// What a success adds.
    pub step: Duration,
    /// How much longer than the interval the device listens before it takes the connection for dead.
    pub slack: Duration,
    /// What is made of successes and failures.
    pub strategy: Strategy,
}

/// What is made of successes and failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Nothing: always the initial interval.
    Fixed,
    /// The documented walk: a step longer after each success; after a failure back to the value before the step, for
    /// good, or to the minimum if there was no step.
    Walk,
    /// Android's first rule: steps up until one fails, then one step down and no more steps until connectivity changes.
    HighWater,
    /// Android's later rule: a step up after each success, a step down after each failure, for ever.
    UpAndDown,
    /// Ours: steps up until one fails, then halves what is left, per network.
    Search(Search),
}

/// The numbers of [`Strategy::Search`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// The search ends when what worked and what failed are this close.
    pub grain: Duration,
    /// It then sits this much below what worked, for boxes whose timers are not exact.
    pub margin: Duration,
    /// Time waited in one network after which what failed is tried once more; `None`: never.
    pub retry: Option<Duration>,
}

impl Settings {
    pub(super) fn put_right(mut self) -> Self {
        self.maximum = self.maximum.max(LEAST);
        self.minimum = self.minimum.clamp(LEAST, self.maximum);
        self.initial = self.initial.clamp(self.minimum, self.maximum);
        self.step = self.step.max(LEAST);
        if let Strategy::Search(search) = &mut self.strategy {
            search.grain = search.grain.max(LEAST);
        }
        self
    }
}

/// Settings under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Preset {
    /// `fixed`: 15 minutes, whatever happens.
    Fixed,
    /// `walk`: the documented walk. Minimum 8, initial 15, step 4 minutes; the maximum of 30 is the idle time-out that
    /// the same documents ask of firewalls.
    Walk,
    /// `windows-mobile`: the same rule from 8 minutes on in steps of 5 to 29. The minimum is documented; step and
    /// maximum are not confirmed.
    WindowsMobile,
    /// `aosp-classic`: Android's first Exchange client, 470 s, steps of 180 s, 290..=1010 s.
    AospClassic,
    /// `aosp-later`: its successor, steps of 5 minutes up and down between 8 and 28.
    AospLater,
    /// `ours`: searches the ceiling of each network between the bounds that servers have, 60..=3540 s.
    Ours,
}

impl Preset {
    /// All of them, in the order of their age.
    pub const ALL: [Self; 6] =
        [Self::Fixed, Self::Walk, Self::WindowsMobile, Self::AospClassic, Self::AospLater, Self::Ours];

    /// Its name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Walk => "walk",
            Self::WindowsMobile => "windows-mobile",
            Self::AospClassic => "aosp-classic",
            Self::AospLater => "aosp-later",
            Self::Ours => "ours",
        }
    }

    /// What it stands for.
    #[must_use]
    pub fn settings(self) -> Settings {
        let slack = Duration::from_secs(5);
        let [minimum, maximum, initial, step] = match self {
            Self::Fixed => [15, 15, 15, 1].map(minutes),
            Self::Walk => [8, 30, 15, 4].map(minutes),
            Self::WindowsMobile => [8, 29, 8, 5].map(minutes),
            Self::AospClassic => [290, 1010, 470, 180].map(Duration::from_secs),
            Self::AospLater => [8, 28, 8, 5].map(minutes),
            Self::Ours => [1, 59, 8, 4].map(minutes),
        };
        let strategy = match self {
            Self::Fixed => Strategy::Fixed,
            Self::Walk | Self::WindowsMobile => Strategy::Walk,
            Self::AospClassic => Strategy::HighWater,
            Self::AospLater => Strategy::UpAndDown,
            Self::Ours => Strategy::Search(Search {
                grain: Duration::from_secs(30),
                margin: Duration::from_secs(10),
                retry: Some(minutes(7 * 24 * 60)),
            }),
        };
        Settings { minimum, maximum, initial, step, slack, strategy }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No preset has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no preset is called {0:?}: there are fixed, walk, windows-mobile, aosp-classic, aosp-later and ours")]
pub struct UnknownPreset(String);

impl FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or_else(|| UnknownPreset(name.to_owned()))
    }
}
