//! How long to wait after trouble: twice as long each time, and not at the same moment as everybody else.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// Grows with each trouble in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Pause {
    in_a_row: u32,
}

impl Pause {
    /// All is well again.
    pub(super) fn end(&mut self) {
        self.in_a_row = 0;
    }

    /// The next pause, at least `ordered`: half of it for certain, the other half by chance.
    pub(super) fn next(&mut self, ordered: Option<Duration>) -> Duration {
        let full = FIRST.saturating_mul(1 << self.in_a_row.min(16)).min(LONGEST);
        self.in_a_row = self.in_a_row.saturating_add(1);
        let by_chance = full / 2 + (full / 2).mul_f64(chance());
        // Who was told the same moment as everybody comes a little later.
        ordered.map_or(by_chance, |ordered| by_chance.max(ordered + (ordered / 10).mul_f64(chance())))
    }
}

/// In 0..=1. Without randomness everybody waits as long as they may.
fn chance() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_five_minutes_and_begin_again_after_success() {
        let mut pause = Pause::default();
        for full in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let full = Duration::from_secs(full);
            let next = pause.next(None);
            assert!(next >= full / 2 && next <= full, "{next:?} of {full:?}");
        }
        pause.end();
        assert!(pause.next(None) <= FIRST);
    }

    #[test]
    fn a_pause_is_never_shorter_than_the_server_ordered() {
        let ordered = Duration::from_secs(40);
        let next = Pause::default().next(Some(ordered));
        assert!(next >= ordered && next <= ordered + ordered / 10, "{next:?}");
    }
}
