//! What a rule knows of one network.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{memory::Bounds, millis};

/// What a rule knows of one network. Every rule uses the fields that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Track {
    /// The interval to ask for.
    #[serde(with = "millis")]
    pub(super) interval: Duration,
    /// The longest silence that the network is known to let live.
    #[serde(with = "millis::option", default, skip_serializing_if = "Option::is_none")]
    pub(super) good: Option<Duration>,
    /// The shortest silence that is known to have been cut.
    #[serde(with = "millis::option", default, skip_serializing_if = "Option::is_none")]
    pub(super) bad: Option<Duration>,
    /// The interval was made longer and has not been answered since: if it fails, that was why.
    #[serde(default)]
    pub(super) raised: bool,
    /// Nothing longer is tried any more.
    #[serde(default)]
    pub(super) settled: bool,
    /// Failures in a row that contradict what is known, or that are not believed yet.
    #[serde(default)]
    pub(super) strikes: u8,
    /// The shortest age at which one of them came.
    #[serde(with = "millis::option", default, skip_serializing_if = "Option::is_none")]
    pub(super) struck: Option<Duration>,
    /// Time waited in this network since it settled, towards the next try of the ceiling.
    #[serde(with = "millis", default)]
    pub(super) waited: Duration,
}

impl Track {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            good: None,
            bad: None,
            raised: false,
            settled: false,
            strikes: 0,
            struck: None,
            waited: Duration::ZERO,
        }
    }

    /// Keeps the interval within the bounds, whatever a rule or a stored memory says.
    pub(super) fn clamp(&mut self, bounds: Bounds) {
        self.interval = bounds.nearest(self.interval);
    }

    /// The interval `step` longer, or none if it is as long as is allowed.
    pub(super) fn raise(&mut self, step: Duration, bounds: Bounds) -> bool {
        let longer = bounds.nearest(self.interval.saturating_add(step));
        let raised = longer > self.interval;
        self.interval = longer;
        self.raised = raised;
        raised
    }
}
