//! The date of answers, which is written once a second.

use std::time::{Duration, SystemTime};

use super::door::date;

/// The date as it was written last.
#[derive(Debug)]
pub(super) struct Dates {
    until: SystemTime,
    from: SystemTime,
    text: String,
}

impl Default for Dates {
    fn default() -> Self {
        Self { until: SystemTime::UNIX_EPOCH, from: SystemTime::UNIX_EPOCH, text: String::new() }
    }
}

impl Dates {
    /// That of now, RFC 9110 §6.6.1.
    pub(super) fn now(&mut self) -> &str {
        self.at(date())
    }

    fn at(&mut self, now: SystemTime) -> &str {
        if now < self.from || self.until <= now {
            let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.from = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs());
            self.until = self.from + Duration::from_secs(1);
            self.text = httpdate::fmt_http_date(now);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_second_whichever_way_the_clock_goes() {
        let mut dates = Dates::default();
        for ms in [0, 999, 1000, 86_400_000, 86_399_999, 5] {
            let now = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
            assert_eq!(dates.at(now), httpdate::fmt_http_date(now), "{ms}");
        }
    }
}
