//! Against devices that ping without ever syncing: answered at once each time, they would ask as fast as they can.
//!
//! Answers `changes` are counted until the device syncs. Beyond a number of them each is put off, twice as long as the
//! one before; a device that goes on is refused for a while.

use std::time::{Duration, Instant};

/// The longest that an answer is put off.
const LONGEST: Duration = Duration::from_secs(60);

/// Refused after so many times as many answers as are let through.
const PATIENCE: u32 = 4;

/// After how long without an answer it is forgotten.
pub(crate) const FORGIVEN: Duration = Duration::from_secs(300);

/// What is to be done with an answer `changes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes out.
    Answer,
    /// It waits so long.
    PutOff(Duration),
    /// The device is refused, and told to come back after so long.
    Refuse(Duration),
}

/// The count of one device. 24 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    answers: u32,
    pub(crate) last: Instant,
}

impl Guard {
    pub(crate) fn new(now: Instant) -> Self {
        Self { answers: 0, last: now }
    }

    /// Counts an answer `changes`.
    pub(crate) fn count(&mut self, now: Instant, free: u32) -> Verdict {
        if now.saturating_duration_since(self.last) >= FORGIVEN {
            self.answers = 0;
        }
        self.last = now;
        self.answers = self.answers.saturating_add(1);
        let free = free.max(1);
        let beyond = self.answers.saturating_sub(free);
        match beyond {
            0 => Verdict::Answer,
            _ if self.answers > free.saturating_mul(PATIENCE) => Verdict::Refuse(LONGEST),
            _ => Verdict::PutOff(Duration::from_secs(1 << (beyond - 1).min(6)).min(LONGEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use push_core::{Clock as _, ManualClock};

    #[test]
    fn who_never_syncs_waits_longer_and_longer_and_is_refused_in_the_end() {
        let clock = ManualClock::new(0);
        let mut guard = Guard::new(clock.now());
        let verdicts: Vec<_> = (0..9).map(|_| guard.count(clock.now(), 2)).collect();
        let put_off = |seconds| Verdict::PutOff(Duration::from_secs(seconds));
        let refused = Verdict::Refuse(LONGEST);
        let expected = [
            Verdict::Answer,
            Verdict::Answer,
            put_off(1),
            put_off(2),
            put_off(4),
            put_off(8),
            put_off(16),
            put_off(32),
            refused,
        ];
        assert_eq!(verdicts, expected);
        clock.advance(FORGIVEN);
        assert_eq!(guard.count(clock.now(), 2), Verdict::Answer);
    }
}
