//! Appointments: `VEVENT` and [MS-ASCAL].

mod people;
mod read;
mod series;
mod write;

pub(super) use read::{data, sensitivity};
pub(super) use series::merge_instance;
pub(super) use write::{merge, set_sensitivity, words};

use crate::pim::moment::{Moment, Zones, duration};
use crate::pim::{Component, Line};

/// The event that repeats, or is the only one: it has no `RECURRENCE-ID`.
fn is_main(inner: &Component) -> bool {
    inner.name == "VEVENT" && inner.line("RECURRENCE-ID").is_none()
}

fn is_exception(inner: &Component) -> bool {
    inner.name == "VEVENT" && inner.line("RECURRENCE-ID").is_some()
}

fn moment(event: &Component, name: &str, zones: &Zones) -> Option<Moment> {
    event.line(name).and_then(|line| Moment::of(line, zones))
}

/// When it ends: as it says, or by its length, or with the day that it is on (RFC 5545 §3.6.1).
fn end(event: &Component, start: Moment, zones: &Zones) -> Moment {
    let by_length = || {
        let length = duration(event.line("DURATION")?.value())?;
        let end = start.utc().checked_add_signed(length)?;
        Some(start.at_utc(end))
    };
    let day = || start.at_wall(start.wall().checked_add_signed(chrono::Duration::days(1)).unwrap_or(start.wall()));
    let end = moment(event, "DTEND", zones).or_else(by_length);
    end.unwrap_or_else(|| if start.is_day() { day() } else { start })
}

/// The alarm that a device can be told of: a time before the beginning, in minutes.
fn reminder(alarm: &Component) -> Option<i64> {
    let shows = alarm.text("ACTION").is_none_or(|action| !action.eq_ignore_ascii_case("EMAIL"));
    let trigger = alarm.line("TRIGGER").filter(|trigger| shows && !trigger.has_value_in("RELATED", "END"))?;
    let before = -duration(trigger.value())?;
    (before >= chrono::Duration::zero() && alarm.name == "VALARM").then(|| before.num_minutes())
}

/// The words of `CATEGORIES`, of all such lines.
pub(super) fn categories(inner: &Component) -> Vec<String> {
    let words = inner.all("CATEGORIES").flat_map(|line| crate::pim::split(line.value(), ','));
    words.map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// `CATEGORIES` with these words, unless it says them already.
pub(super) fn set_categories(inner: &mut Component, words: &[String]) {
    if categories(inner) == words {
        return;
    }
    let value: Vec<_> = words.iter().map(|word| crate::pim::escaped(word)).collect();
    let line = (!value.is_empty()).then(|| Line::new("CATEGORIES", &[], &value.join(",")));
    inner.replace("CATEGORIES", line);
}
