//! The one place that reads the clock.

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds since this process first asked.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub(crate) fn now_ns() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    let since = now.duration_since(*ORIGIN.get_or_init(|| now));
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A millisecond in nanoseconds.
pub(crate) const MS: u64 = 1_000_000;

/// A moment that waiting must not pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    until_ns: u64,
    waiting_for: &'static str,
}

impl Guard {
    /// Fails `secs` from now.
    pub(crate) fn new(secs: u64, waiting_for: &'static str) -> Self {
        Self { until_ns: now_ns() + secs * 1000 * MS, waiting_for }
    }

    pub(crate) fn check(&self) -> crate::Result<()> {
        if now_ns() > self.until_ns {
            return Err(format!("gave up waiting: {}", self.waiting_for).into());
        }
        Ok(())
    }
}
