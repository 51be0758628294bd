//! Time as it is passed in: the hub and all pure code ask a [`Clock`], never the system.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sync::Mutex;

/// Where a hub gets its time from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now, for deadlines: never goes back.
    fn now(&self) -> Instant;
    /// Now, for people and retention: Unix time in milliseconds; may jump with the system's clock.
    fn unix_ms(&self) -> u64;
}

/// The system's clock: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is passed")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is passed")]
    fn unix_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }
}

/// A clock that stands still until it is moved: hours of a test in microseconds.
#[derive(Debug)]
pub struct ManualClock {
    base: Instant,
    base_unix_ms: u64,
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that shows `unix_ms`.
    pub fn new(unix_ms: u64) -> Self {
        Self { base: SystemClock.now(), base_unix_ms: unix_ms, elapsed: Mutex::new(Duration::ZERO) }
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        *self.elapsed.lock() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.base + *self.elapsed.lock()
    }

    fn unix_ms(&self) -> u64 {
        self.base_unix_ms + self.elapsed.lock().as_millis() as u64
    }
}
