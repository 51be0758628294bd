//! The lot's time: tenths of a second since it began, in four bytes.

use std::time::{Duration, Instant};

/// The length of a tick. Everything a lot waits for takes seconds, so a tenth of one more does no harm.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The tick that never comes: a deadline of this value is none.
pub(crate) const NEVER: u32 = u32::MAX;

/// Converts between instants and ticks since a lot's start.
///
/// A `u32` of ticks lasts 13 years; beyond, and before the start, ticks saturate. A deadline is rounded up and the
/// present is rounded down, so nothing fires early, and what is due fires less than one tick late.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    start: Instant,
}

impl Ticks {
    pub(crate) const fn new(start: Instant) -> Self {
        Self { start }
    }

    /// Ticks that are over at `now`.
    pub(crate) fn passed(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.start);
        saturate(since.as_nanos() / TICK.as_nanos())
    }

    /// The first tick at or after `at`: for deadlines, and for anything that may be taken for later than it was but
    /// never for earlier, as the time a connection was last heard.
    pub(crate) fn reaching(&self, at: Instant) -> u32 {
        in_ticks(at.saturating_duration_since(self.start))
    }

    /// When a tick is over; `None` for [`NEVER`].
    pub(crate) fn instant(&self, tick: u32) -> Option<Instant> {
        (tick != NEVER).then(|| self.start.checked_add(TICK.saturating_mul(tick)))?
    }
}

/// The ticks that a duration takes, rounded up.
pub(crate) fn in_ticks(duration: Duration) -> u32 {
    saturate(duration.as_nanos().div_ceil(TICK.as_nanos()))
}

/// The last tick is not [`NEVER`], so that what is far off stays a deadline.
fn saturate(ticks: u128) -> u32 {
    u32::try_from(ticks).unwrap_or(NEVER).min(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticks() -> Ticks {
        #[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
        Ticks::new(Instant::now())
    }

    #[test]
    fn instants_before_the_start_and_beyond_the_range_saturate() {
        let mut ticks = ticks();
        let before = ticks.start;
        ticks.start += Duration::from_secs(10);
        assert_eq!((ticks.passed(before), ticks.reaching(before)), (0, 0));
        assert_eq!(in_ticks(Duration::MAX), NEVER - 1);
        assert_eq!(ticks.instant(NEVER), None);
        assert_eq!(ticks.instant(NEVER - 1), Some(ticks.start + TICK * (NEVER - 1)));
    }

    proptest! {
        #[test]
        fn a_deadline_is_reached_no_earlier_and_less_than_a_tick_later(nanos in 0u64..10_000_000_000) {
            let ticks = ticks();
            let at = ticks.start + Duration::from_nanos(nanos);
            let fires = ticks.instant(ticks.reaching(at)).expect("not never");
            prop_assert!(at <= fires && fires < at + TICK);
            prop_assert!(ticks.passed(fires) >= ticks.reaching(at));
            let earlier = fires - Duration::from_nanos(1);
            prop_assert!(fires == ticks.start || ticks.passed(earlier) < ticks.reaching(at));
        }
    }
}
