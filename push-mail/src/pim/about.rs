//! What a store has to know of an item.

use calcard::common::timezone::Tz;
use calcard::icalendar::ICalendar;
use calcard::icalendar::dates::TimeOrDelta;

use super::lines::{Component, Document};
use super::moment::{Moment, Zones, duration, millis};
use crate::store::Class;

/// Repetitions that are looked at to find out when the last one ends.
const MAX_REPETITIONS: usize = 5000;

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) class: Class,
    /// Its UID property.
    pub(crate) uid: Option<String>,
    /// When it is over, in Unix milliseconds; `u64::MAX` where that is never.
    pub(crate) ends_ms: u64,
}

/// What a file is; `None` where it is no item that is understood.
pub(crate) fn about(raw: &[u8]) -> Option<About> {
    let document = Document::parse(raw)?;
    if document.root.name == "VCARD" {
        return Some(About { class: Class::Contacts, uid: document.root.text("UID"), ends_ms: u64::MAX });
    }
    if document.root.name != "VCALENDAR" {
        return None;
    }
    let class_of = |name: &str| match name {
        "VEVENT" => Some(Class::Calendar),
        "VTODO" => Some(Class::Tasks),
        "VJOURNAL" => Some(Class::Notes),
        _ => None,
    };
    let (class, first) = document.root.components().find_map(|inner| Some((class_of(&inner.name)?, inner)))?;
    let ends_ms = match class {
        Class::Calendar => end_of_events(&document),
        Class::Tasks => end_of_task(first, &Zones::of(&document.root)),
        // Filters by age do not apply to the others ([MS-ASCMD] 2.2.3.68.2).
        _ => u64::MAX,
    };
    Some(About { class, uid: first.text("UID"), ends_ms })
}

/// A task is there until it is done.
fn end_of_task(task: &Component, zones: &Zones) -> u64 {
    let completed = task.line("COMPLETED").and_then(|line| Moment::of(line, zones));
    let is_done = task.text("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("COMPLETED"));
    match completed {
        Some(completed) => millis(completed.utc()).max(1),
        None if is_done => 1,
        None => u64::MAX,
    }
}

fn end_of_events(document: &Document) -> u64 {
    let zones = Zones::of(&document.root);
    let events = || document.root.components().filter(|inner| inner.name == "VEVENT");
    let single = events().map(|event| end_of(event, &zones)).max().unwrap_or(u64::MAX);
    let rules: Vec<_> = events().flat_map(|event| event.all("RRULE")).map(|rule| rule.value().to_uppercase()).collect();
    let is_repeated = !rules.is_empty() || events().any(|event| event.line("RDATE").is_some());
    if !is_repeated {
        return single;
    }
    if rules.iter().any(|rule| !rule.contains("COUNT=") && !rule.contains("UNTIL=")) {
        return u64::MAX;
    }
    let Ok(calendar) = ICalendar::parse(document.to_string()) else { return u64::MAX };
    let expanded = calendar.expand_dates(Tz::UTC, MAX_REPETITIONS);
    if !expanded.errors.is_empty() || expanded.events.len() >= MAX_REPETITIONS {
        return u64::MAX;
    }
    let ends = expanded.events.into_iter().map(|event| match event.end {
        TimeOrDelta::Time(end) => end.naive_utc(),
        TimeOrDelta::Delta(length) => event.start.naive_utc() + length,
    });
    ends.map(millis).max().unwrap_or(0).max(single)
}

fn end_of(event: &Component, zones: &Zones) -> u64 {
    let moment = |name: &str| event.line(name).and_then(|line| Moment::of(line, zones));
    let Some(start) = moment("DTSTART") else { return u64::MAX };
    let by_length = || {
        let length = duration(event.line("DURATION")?.value())?;
        Some(start.utc().checked_add_signed(length)?)
    };
    let whole_day = || start.is_day().then(|| start.utc().checked_add_signed(chrono::Duration::days(1))).flatten();
    let end = moment("DTEND").map(Moment::utc).or_else(by_length).or_else(whole_day);
    millis(end.unwrap_or(start.utc()))
}

/// A hash of a content, never 0: of those digits that a cryptographic one begins with.
pub(crate) fn hash(raw: &[u8]) -> u64 {
    use sha1::{Digest as _, Sha1};
    let digest: [u8; 20] = Sha1::digest(raw).into();
    let first: [u8; 8] = std::array::from_fn(|place| digest[place]);
    u64::from_be_bytes(first).max(1)
}
