//! The ping log: one line for each ping, for people.
//!
//! A line tells when the ping ended, what interval it had asked for, how it ended and after how long, and what is next
//! and why. [`PingEntry`] is the same as data, for a page; its `Display` is the line.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::heartbeat::{Next, Why};

/// One ping, as it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingEntry {
    /// When it ended, in Unix milliseconds.
    pub time: u64,
    /// The network it went through; empty if the device does not name them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub network: String,
    /// The heartbeat interval that was asked for, in milliseconds.
    pub asked_ms: u64,
    /// After how long it ended, in milliseconds.
    pub after_ms: u64,
    /// How it ended.
    pub end: End,
    /// The next interval, in milliseconds.
    pub next_ms: u64,
    /// Why that one.
    pub why: Why,
}

/// How a ping ended, for people: more than [`super::Event`] tells the heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum End {
    /// Nothing changed.
    Expired,
    /// These folders changed.
    Changed {
        /// Their paths where known, else their ids.
        folders: Vec<String>,
    },
    /// No answer.
    TimedOut,
    /// The connection was reset.
    Reset,
    /// It was closed, or answered by something in between.
    ClosedEarly,
    /// The server does not allow the interval.
    OutOfRange {
        /// What it does allow, in milliseconds.
        bound_ms: u64,
    },
    /// Something else than the heartbeat went wrong.
    Trouble {
        /// What.
        what: String,
    },
}

/// The newest entries, a bounded number of them.
#[derive(Clone, Debug)]
pub struct PingLog {
    entries: VecDeque<PingEntry>,
    capacity: usize,
}

impl PingEntry {
    /// An entry of these parts.
    #[must_use]
    pub fn new(ended: SystemTime, network: &str, asked: Duration, after: Duration, end: End, next: Next) -> Self {
        Self {
            time: millis(ended.duration_since(UNIX_EPOCH).unwrap_or_default()),
            network: network.to_owned(),
            asked_ms: millis(asked),
            after_ms: millis(after),
            end,
            next_ms: millis(next.interval),
            why: next.why,
        }
    }
}

impl PingLog {
    /// An empty log of at most `capacity` entries, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity: capacity.max(1) }
    }

    /// Adds the newest entry; the oldest goes if there are too many.
    pub fn push(&mut self, entry: PingEntry) {
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The entries, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &PingEntry> + ExactSizeIterator {
        self.entries.iter()
    }
}

/// A list of the entries, the oldest first.
impl Serialize for PingLog {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(&self.entries)
    }
}

impl fmt::Display for PingLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Display for PingEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(self.time)).unwrap_or(UNIX_EPOCH);
        write!(f, "{} ", Moment(time))?;
        if !self.network.is_empty() {
            write!(f, "[{}] ", Printable(&self.network))?;
        }
        let (asked, after) = (Span(self.asked_ms), Span(self.after_ms));
        match &self.end {
            End::Expired => write!(f, "asked {asked}: nothing new in {after}")?,
            End::Changed { folders } => {
                write!(f, "asked {asked}: changes after {after} in ")?;
                for (index, folder) in folders.iter().enumerate() {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, Printable(folder))?;
                }
            }
            End::TimedOut => write!(f, "asked {asked}: silence, given up after {after}")?,
            End::Reset => write!(f, "asked {asked}: connection reset after {after}")?,
            End::ClosedEarly => write!(f, "asked {asked}: closed early, after {after}")?,
            End::OutOfRange { bound_ms } => write!(f, "asked {asked}: refused, the bound is {}", Span(*bound_ms))?,
            End::Trouble { what } => write!(f, "asked {asked}: {} after {after}", Printable(what))?,
        }
        write!(f, "; next {}, {}", Span(self.next_ms), self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Initial => "to begin with",
            Why::Longer => "longer because it was answered",
            Why::Maximum => "the longest allowed",
            Why::Same => "the same",
            Why::Back => "back to what worked, for good",
            Why::Minimum => "the shortest allowed",
            Why::Shorter => "shorter because it failed",
            Why::Between => "between what worked and what failed",
            Why::Settled => "staying, the ceiling is known",
            Why::Doubt => "the same once more, it may have had another cause",
            Why::Again => "trying the ceiling again",
            Why::Bound => "the server's bound",
            Why::Remembered => "remembered for this network",
        })
    }
}

/// Whole milliseconds; what does not fit is as long as fits.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A moment as day and time, in UTC.
struct Moment(SystemTime);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An HTTP date has a year of four digits; beyond them nothing sensible can be printed.
        let year_9999 = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        let date = httpdate::fmt_http_date(self.0.min(year_9999));
        // "Sun, 22 Nov 2026 04:07:56 GMT" without the day of the week and the zone.
        f.write_str(date.get(5..25).unwrap_or(&date))
    }
}

/// A time span as people say it: `12 min`, `8 min 5 s`, `350 ms`.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, rest) = (self.0 / 60_000, self.0 % 60_000);
        match (minutes, rest / 1000, rest % 1000) {
            (0, 0, ms) => write!(f, "{ms} ms"),
            (0, s, ms) if ms >= 100 => write!(f, "{s}.{} s", ms / 100),
            (0, s, _) => write!(f, "{s} s"),
            (min, 0, _) => write!(f, "{min} min"),
            (min, s, _) => write!(f, "{min} min {s} s"),
        }
    }
}

/// Text of strangers on one line: a folder's name must not forge lines, nor move a terminal's cursor, so control
/// characters are shown as replacement characters.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| fmt::Write::write_char(f, if c.is_control() { '\u{fffd}' } else { c }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(end: End) -> PingEntry {
        let next = Next { interval: Duration::from_secs(720), socket_timeout: Duration::ZERO, why: Why::Same };
        let ended = UNIX_EPOCH + Duration::from_secs(1_795_320_476);
        PingEntry::new(ended, "", Duration::from_secs(720), Duration::from_millis(245_350), end, next)
    }

    #[test]
    fn a_line_says_when_what_and_why() {
        let folders = vec!["INBOX".to_owned(), "a\u{1b}[2J\nb".to_owned()];
        assert_eq!(
            entry(End::Changed { folders }).to_string(),
            "22 Nov 2026 04:07:56 asked 12 min: changes after 4 min 5 s in INBOX, a\u{fffd}[2J\u{fffd}b; next 12 min, the same"
        );
    }

    #[test]
    fn an_entry_is_the_same_after_json() {
        for end in [End::Expired, End::Changed { folders: vec!["f".to_owned()] }, End::OutOfRange { bound_ms: 60_000 }]
        {
            let json = serde_json::to_string(&entry(end.clone())).expect("an entry is JSON");
            assert_eq!(serde_json::from_str::<PingEntry>(&json).expect("what was written is read"), entry(end));
        }
    }

    #[test]
    fn the_oldest_entry_goes_when_there_are_too_many() {
        let mut log = PingLog::new(2);
        for end in [End::TimedOut, End::Reset, End::Expired] {
            log.push(entry(end));
        }
        let ends: Vec<_> = log.entries().map(|entry| entry.end.clone()).collect();
        assert_eq!(ends, [End::Reset, End::Expired]);
        assert_eq!(log.to_string().lines().count(), 2);
        let page = serde_json::to_value(&log).expect("a log is JSON");
        assert_eq!((&page[0]["end"]["kind"], &page[1]["asked_ms"]), (&"reset".into(), &720_000.into()));
    }

    #[test]
    fn a_time_beyond_all_calendars_is_printed_all_the_same() {
        let mut late = entry(End::Expired);
        late.time = u64::MAX;
        assert!(late.to_string().contains("9999"), "{late}");
    }
}
