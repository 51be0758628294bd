//! When a connection that failed is tried again. Pure but for the dice.

use std::time::Duration;

use super::StoreErrorKind;

/// Doubles from the shortest to the longest time, and lets nobody come at the same moment as everybody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    shortest: Duration,
    longest: Duration,
    failures: u32,
}

impl Retry {
    pub(crate) fn new((shortest, longest): (Duration, Duration)) -> Self {
        Self { shortest, longest: longest.max(shortest), failures: 0 }
    }

    /// It works.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed again: how long to wait. Refused credentials are not tried soon: servers lock accounts for that.
    pub(crate) fn failed(&mut self, kind: StoreErrorKind) -> Duration {
        let doubled = self.shortest.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let whole = if kind == StoreErrorKind::Refused { self.longest } else { doubled };
        let dice = getrandom::u32().unwrap_or(u32::MAX / 2);
        // Between three quarters and five quarters of it.
        whole.mul_f64(0.75 + f64::from(dice) / f64::from(u32::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_tried_again_ever_later_and_refusals_late_at_once() {
        let second = Duration::from_secs(1);
        let mut retry = Retry::new((second, 300 * second));
        let about = |waited: Duration, whole: Duration| {
            assert!(waited >= whole.mul_f64(0.74) && waited <= whole.mul_f64(1.26), "{waited:?} and not {whole:?}");
        };
        for whole in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            about(retry.failed(StoreErrorKind::Unavailable), whole * second);
        }
        retry.reset();
        about(retry.failed(StoreErrorKind::Refused), 300 * second);
    }
}
