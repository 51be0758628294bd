//! How often to look at a mailbox that tells nothing on its own. Pure.

use std::time::{Duration, Instant};

/// Of the time between two arrivals, so much may pass until one is seen.
const SHARE: u32 = 8;

/// An interval between two bounds that goes by how often something comes: short while it comes often, longer the longer
/// nothing has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    shortest: Duration,
    longest: Duration,
    /// The usual time between two arrivals.
    gap: Duration,
    last: Instant,
}

impl Pace {
    pub(crate) fn new((shortest, longest): (Duration, Duration), now: Instant) -> Self {
        Self { shortest, longest: longest.max(shortest), gap: shortest * SHARE, last: now }
    }

    /// Something came.
    pub(crate) fn arrived(&mut self, now: Instant) {
        let gap = now.saturating_duration_since(self.last);
        self.gap = (self.gap * 3 + gap) / 4;
        self.last = now;
    }

    /// How long to wait until the next look.
    pub(crate) fn interval(&self, now: Instant) -> Duration {
        let quiet = now.saturating_duration_since(self.last);
        (self.gap.max(quiet) / SHARE).clamp(self.shortest, self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to begin with")]
    fn looks_are_frequent_while_mail_is_and_rare_when_it_is_rare() {
        let second = Duration::from_secs(1);
        let mut now = Instant::now();
        let mut pace = Pace::new((15 * second, 900 * second), now);
        assert_eq!(pace.interval(now), 15 * second);
        now += 8 * 100 * second;
        assert_eq!(pace.interval(now), 100 * second, "the longer it is quiet, the rarer");
        now += 86_400 * second;
        assert_eq!(pace.interval(now), 900 * second);
        for _ in 0..40 {
            now += 20 * second;
            pace.arrived(now);
        }
        assert_eq!(pace.interval(now), 15 * second);
        for _ in 0..40 {
            now += 1600 * second;
            pace.arrived(now);
        }
        let usual = pace.interval(now);
        assert!((190 * second..=200 * second).contains(&usual), "{usual:?}");
    }
}
