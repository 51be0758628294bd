//! Moments: as iCalendar writes them, and the zones that they are told in.

use calcard::common::timezone::Tz;
use chrono::{DateTime, Datelike as _, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};

use super::document::Component;
use super::lines::Line;

/// What a `DTSTART` or another property of its kind says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Moment {
    /// A day, wherever one is.
    Day(NaiveDate),
    /// A time of the day wherever one is.
    Floating(NaiveDateTime),
    /// A time in a zone.
    Zoned(NaiveDateTime, Tz),
    /// A time everywhere.
    Utc(NaiveDateTime),
}

impl Moment {
    /// The moments of a line, with the zones of its calendar.
    pub(crate) fn all_of(line: &Line, zones: &Zones) -> Vec<Self> {
        let zone = line.param("TZID").and_then(|id| zones.find(&id));
        line.value().split(',').filter_map(|value| Self::parse(value.trim(), zone)).collect()
    }

    pub(crate) fn of(line: &Line, zones: &Zones) -> Option<Self> {
        Self::all_of(line, zones).into_iter().next()
    }

    fn parse(value: &str, zone: Option<Tz>) -> Option<Self> {
        // Years of four digits: no sum of them and any zone overflows.
        let is_near = |day: NaiveDate| (1..=9998).contains(&day.year());
        if let Ok(day) = NaiveDate::parse_from_str(value, "%Y%m%d") {
            return is_near(day).then_some(Moment::Day(day));
        }
        let is_utc = value.ends_with(['Z', 'z']);
        let time = NaiveDateTime::parse_from_str(value.trim_end_matches(['Z', 'z']), "%Y%m%dT%H%M%S").ok()?;
        if !is_near(time.date()) {
            return None;
        }
        Some(match zone {
            _ if is_utc => Moment::Utc(time),
            Some(zone) if zone.is_utc() => Moment::Utc(time),
            Some(zone) if !zone.is_floating() => Moment::Zoned(time, zone),
            _ => Moment::Floating(time),
        })
    }

    pub(crate) fn is_day(self) -> bool {
        matches!(self, Moment::Day(_))
    }

    /// What a clock on the wall shows.
    pub(crate) fn wall(self) -> NaiveDateTime {
        match self {
            Moment::Day(day) => day.and_time(NaiveTime::MIN),
            Moment::Floating(time) | Moment::Zoned(time, _) | Moment::Utc(time) => time,
        }
    }

    /// In UTC; what is told wherever one is, as if one were there.
    pub(crate) fn utc(self) -> NaiveDateTime {
        match self {
            Moment::Zoned(time, zone) => to_utc(time, zone),
            other => other.wall(),
        }
    }

    /// The same kind of moment at another time.
    pub(crate) fn at_wall(self, time: NaiveDateTime) -> Self {
        match self {
            Moment::Day(_) => Moment::Day(time.date()),
            Moment::Floating(_) => Moment::Floating(time),
            Moment::Zoned(_, zone) => Moment::Zoned(time, zone),
            Moment::Utc(_) => Moment::Utc(time),
        }
    }

    /// The same kind of moment at a time in UTC.
    pub(crate) fn at_utc(self, time: NaiveDateTime) -> Self {
        match self {
            Moment::Zoned(_, zone) => Moment::Zoned(zone.from_utc_datetime(&time).naive_local(), zone),
            other => other.at_wall(time),
        }
    }

    /// A line that says so. Zones are called as the database calls them.
    pub(crate) fn line(self, name: &str) -> Line {
        let time = |time: NaiveDateTime| time.format("%Y%m%dT%H%M%S").to_string();
        match self {
            Moment::Day(day) => Line::new(name, &[("VALUE", "DATE")], &day.format("%Y%m%d").to_string()),
            Moment::Floating(at) => Line::new(name, &[], &time(at)),
            Moment::Utc(at) => Line::new(name, &[], &(time(at) + "Z")),
            Moment::Zoned(at, zone) => match zone.name() {
                Some(id) => Line::new(name, &[("TZID", &id)], &time(at)),
                None => Moment::Utc(to_utc(at, zone)).line(name),
            },
        }
    }
}

/// A time that a clock shows twice is the first, one that it never shows is as if it had not been set.
fn to_utc(time: NaiveDateTime, zone: Tz) -> NaiveDateTime {
    let found = zone.from_local_datetime(&time).earliest();
    let found = found.or_else(|| {
        let before = zone.from_local_datetime(&time.checked_sub_signed(Duration::hours(3))?).earliest()?;
        before.checked_add_signed(Duration::hours(3))
    });
    found.map_or(time, |found| found.naive_utc())
}

/// The zones that a calendar brings with it, by what it calls them.
#[derive(Debug, Default)]
pub(crate) struct Zones(Vec<(String, Tz)>);

impl Zones {
    /// Those of a `VCALENDAR`.
    pub(crate) fn of(calendar: &Component) -> Self {
        let zones = calendar.components().filter(|inner| inner.name == "VTIMEZONE");
        let zone = |inner: &Component| {
            let id = inner.line("TZID")?.value().to_owned();
            let text = super::Document::new(inner.clone()).to_string();
            let parsed = calcard::icalendar::ICalendar::parse(&text).ok()?;
            let (_, zone) = parsed.components.first()?.timezone()?;
            Some((id, zone))
        };
        Self(zones.filter_map(zone).collect())
    }

    /// By the calendar's word, else by that of the database or of Windows.
    pub(crate) fn find(&self, id: &str) -> Option<Tz> {
        let own = self.0.iter().find(|(known, _)| known == id).map(|(_, zone)| *zone);
        let known = || id.parse::<Tz>().ok();
        own.or_else(known).filter(|zone| !zone.is_floating())
    }
}

/// `DURATION`, or the length of a `TRIGGER` (RFC 5545 §3.3.6).
pub(crate) fn duration(value: &str) -> Option<Duration> {
    let (is_negative, rest) = match value.trim().strip_prefix(['-', '+']) {
        Some(rest) => (value.trim().starts_with('-'), rest),
        None => (false, value.trim()),
    };
    let mut seconds: i64 = 0;
    let mut number = String::new();
    for c in rest.strip_prefix(['P', 'p'])?.chars() {
        let unit = match c.to_ascii_uppercase() {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'T' => continue,
            'W' => 7 * 86_400,
            'D' => 86_400,
            'H' => 3600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        let count: i64 = std::mem::take(&mut number).parse().ok()?;
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
    }
    Duration::try_seconds(if is_negative { -seconds } else { seconds })
}

/// Unix milliseconds, 0 before 1970.
pub(crate) fn millis(utc: NaiveDateTime) -> u64 {
    u64::try_from(utc.and_utc().timestamp_millis()).unwrap_or(0)
}

/// The moment of Unix milliseconds; the last there is where that is beyond.
pub(crate) fn of_millis(ms: u64) -> NaiveDateTime {
    let at = i64::try_from(ms).ok().and_then(DateTime::<Utc>::from_timestamp_millis);
    at.unwrap_or(DateTime::<Utc>::MAX_UTC).naive_utc()
}
