//! What to do when accepting fails: never give up, never spin.

use std::io::{self, ErrorKind};
use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// The pauses of one burst of failures.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    pause: Option<Duration>,
}

/// What a failed accept asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// That one connection failed: take the next one.
    Again,
    /// The process or the system lacks something: wait until somebody has given it back.
    Pause {
        length: Duration,
        /// It is the first of its burst, and worth a line in the log.
        first: bool,
    },
}

impl Backoff {
    /// Decides after a failure.
    ///
    /// The kinds that are listed are about one connection, or one route: Linux hands a new socket's network errors to accept
    /// (accept(2), "Error handling"). All others, first of all EMFILE and ENFILE, have no kind of their own and would come
    /// back at once, for the connection stays in the backlog.
    pub(super) fn failed(&mut self, error: &io::Error) -> Next {
        match error.kind() {
            ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::Interrupted
            | ErrorKind::WouldBlock => Next::Again,
            _ => {
                let first = self.pause.is_none();
                let length = self.pause.map_or(SHORTEST, |pause| LONGEST.min(pause * 2));
                self.pause = Some(length);
                Next::Pause { length, first }
            }
        }
    }

    /// A connection was accepted: the burst is over.
    pub(super) fn succeeded(&mut self) {
        self.pause = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn descriptors_that_run_out_pause_ever_longer_up_to_a_second_and_are_told_once_a_burst() {
        for errno in [24, 23] {
            let error = io::Error::from_raw_os_error(errno);
            let mut backoff = Backoff::default();
            let pauses: Vec<_> = (0..7).map(|_| backoff.failed(&error)).collect();
            let expected: Vec<_> = [50, 100, 200, 400, 800, 1000, 1000]
                .into_iter()
                .enumerate()
                .map(|(i, ms)| Next::Pause { length: Duration::from_millis(ms), first: i == 0 })
                .collect();
            assert_eq!(pauses, expected, "errno {errno}");
            backoff.succeeded();
            assert_eq!(backoff.failed(&error), Next::Pause { length: SHORTEST, first: true });
        }
    }

    #[test]
    fn a_connection_that_left_before_it_was_accepted_does_not_pause_and_does_not_end_a_burst() {
        let mut backoff = Backoff::default();
        let other = io::Error::from(ErrorKind::Other);
        assert_eq!(backoff.failed(&other), Next::Pause { length: SHORTEST, first: true });
        assert_eq!(backoff.failed(&ErrorKind::ConnectionAborted.into()), Next::Again);
        assert_eq!(backoff.failed(&other), Next::Pause { length: 2 * SHORTEST, first: false });
    }
}
