//! Wakes the client's epoll at a moment that is finer than the milliseconds it counts in.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::Timespec;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use crate::Result;

const SECOND_NS: u64 = 1_000_000_000;

/// A timer that can be read when it is time.
#[derive(Debug)]
pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?))
    }

    /// Rings once, `ns` from now.
    pub(crate) fn set(&self, ns: u64) -> Result<()> {
        // Of zero a timer thinks that it is to be stopped.
        let ns = ns.max(1);
        let value = Timespec { tv_sec: (ns / SECOND_NS) as i64, tv_nsec: (ns % SECOND_NS) as i64 };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: never, it_value: value })?;
        Ok(())
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MS;
    use crate::poller::Poller;

    #[test]
    fn it_rings_each_time_that_it_is_set() {
        let (alarm, mut poller) = (Alarm::new().expect("a timer"), Poller::new().expect("an epoll"));
        poller.add(&alarm, 7).expect("added");
        for ns in [0, 1, MS] {
            alarm.set(ns).expect("set");
            assert_eq!(poller.wait(30_000 * MS).expect("waited"), 1, "{ns}");
            assert_eq!(poller.ready(0).key, 7);
        }
        assert_eq!(poller.wait(0).expect("waited"), 0);
    }
}
