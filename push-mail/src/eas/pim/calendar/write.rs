//! An appointment as a device changes it.

use calcard::common::timezone::Tz;
use calcard::icalendar::ICalendar;
use chrono::{Duration, NaiveDateTime};

use super::super::recurrence::{CALENDAR, Rule};
use super::super::{Change, Invalid, body, dates, zone};
use super::{end, is_main, moment, people, reminder, series, set_categories};
use crate::eas::Version;
use crate::pim::moment::{Moment, Zones};
use crate::pim::{Component, Document, Line};
use crate::wbxml::tags::{air_sync_base, calendar};

/// Longest time before an event at which it is told of: a year, in minutes.
const MAX_REMINDER_MINUTES: u32 = 366 * 24 * 60;

/// Changes a `VCALENDAR`.
pub(in super::super) fn merge(root: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    let zones = Zones::of(root);
    let is_new = root.components().all(|inner| inner.line("DTSTART").is_none());
    let place = root.components().position(is_main).or_else(|| root.components().position(|it| it.name == "VEVENT"));
    let place = place.ok_or(Invalid("there is no event"))?;
    let mut event = root.components().nth(place).cloned().ok_or(Invalid("there is no event"))?;
    if is_new {
        name(&mut event, change);
    }
    let start = times(&mut event, change, &zones)?.ok_or(Invalid("an event begins at no time"))?;
    texts(&mut event, change)?;
    people::merge(&mut event, change)?;
    rule(&mut event, change, start)?;
    let exceptions = series::exceptions(&mut event, root, change, start, &zones)?;
    if let Some(slot) = root.components_mut().nth(place) {
        *slot = event;
    }
    if let Some(exceptions) = exceptions {
        root.retain_components(|inner| !super::is_exception(inner) || exceptions.contains(inner));
        for exception in exceptions {
            if !root.components().any(|inner| *inner == exception) {
                root.push(exception);
            }
        }
    }
    add_zones(root);
    Ok(())
}

/// A new event is called as the device calls it: what is sent twice is the same then.
fn name(event: &mut Component, change: &Change<'_>) {
    let given = [calendar::UID, calendar::CLIENT_UID].into_iter().find_map(|tag| change.fields.child_text(tag));
    let given = given.map(|uid| uid.trim().to_owned()).filter(|uid| !uid.is_empty() && uid.len() <= 300);
    if given.is_some() {
        event.set_text("UID", given.as_deref());
    }
}

/// The zone that times are to be told in, if the device says one.
fn zone_of(change: &Change<'_>, at: NaiveDateTime, before: Option<Moment>) -> Option<Tz> {
    let liked = if let Some(Moment::Zoned(_, zone)) = before { Some(zone) } else { None };
    zone::of_text(&change.fields.child_text(calendar::TIMEZONE)?, at, liked)
}

/// The day that a moment means which begins a whole day: the nearest midnight, as zones may differ by an hour.
fn day(at: NaiveDateTime, zone: Option<Tz>, version: Version) -> Moment {
    let wall = match zone.filter(|_| version < Version::V16_1) {
        Some(zone) => Moment::Zoned(at, zone).at_utc(at).wall(),
        None => at,
    };
    let nearest = wall.checked_add_signed(Duration::hours(12)).unwrap_or(wall);
    Moment::Day(nearest.date())
}

/// When it begins and ends. What it begins with, if it is known.
pub(super) fn times(event: &mut Component, change: &Change<'_>, zones: &Zones) -> Result<Option<Moment>, Invalid> {
    let before = moment(event, "DTSTART", zones);
    let (begins, ends) = (change.moment(calendar::START_TIME)?, change.moment(calendar::END_TIME)?);
    let was_all_day = before.is_some_and(Moment::is_day);
    let is_all_day = match change.number(calendar::ALL_DAY_EVENT)? {
        Some(flag) => flag == 1,
        None => was_all_day,
    };
    let Some(at) = begins.or(before.map(Moment::utc)) else { return Ok(None) };
    let zone = zone_of(change, at, before);
    let of = |at: NaiveDateTime| match before {
        _ if is_all_day => day(at, zone, change.version),
        Some(known @ Moment::Zoned(_, its)) if zone.is_none_or(|zone| zone == its) => known.at_utc(at),
        Some(known @ (Moment::Floating(_) | Moment::Utc(_))) if zone.is_none_or(|zone| zone.is_utc()) => {
            known.at_utc(at)
        }
        _ => match zone {
            Some(zone) if !zone.is_utc() => Moment::Zoned(at, zone).at_utc(at),
            _ => Moment::Utc(at),
        },
    };
    let old_end = before.map(|before| end(event, before, zones));
    let start = if begins.is_none() && is_all_day == was_all_day { before.unwrap_or(of(at)) } else { of(at) };
    if Some(start) != before {
        set_moment(event, "DTSTART", start, zones);
    }
    let new_end = match (ends, old_end) {
        (Some(at), _) => of(at),
        // Moved as a whole.
        (None, Some(old_end)) => {
            let length = old_end.utc() - before.map_or(start.utc(), Moment::utc);
            start.at_utc(start.utc().checked_add_signed(length).unwrap_or(start.utc()))
        }
        (None, None) => return Ok(Some(start)),
    };
    if new_end.utc() < start.utc() {
        return Err(Invalid("an event ends before it begins"));
    }
    // A day at least.
    let new_end = if start.is_day() && new_end.utc() == start.utc() {
        start.at_wall(start.wall().checked_add_signed(Duration::days(1)).unwrap_or(start.wall()))
    } else {
        new_end
    };
    if old_end != Some(new_end) || (Some(start) != before && event.line("DURATION").is_none()) {
        event.replace("DURATION", None);
        set_moment(event, "DTEND", new_end, zones);
    }
    Ok(Some(start))
}

/// A zone that a calendar calls by a name of its own keeps it.
pub(super) fn set_moment(event: &mut Component, name: &str, at: Moment, zones: &Zones) {
    let new = at.line(name);
    let same_zone = event.line(name).or_else(|| event.line("DTSTART")).and_then(|line| {
        let id = line.param("TZID")?;
        let Moment::Zoned(_, zone) = at else { return None };
        (zones.find(&id) == Some(zone)).then_some(id)
    });
    let new = match same_zone {
        Some(id) => new.with_param("TZID", Some(&id)),
        None => new,
    };
    event.set(name, Some(new));
}

/// What is the same in an event and an exception of it.
pub(super) fn texts(event: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    if let Some(subject) = change.text(calendar::SUBJECT) {
        event.set_text("SUMMARY", Some(&subject));
    }
    if let Some(place) = location(change) {
        event.set_text("LOCATION", Some(&place));
    }
    if let Some(text) = body::text(change)? {
        event.set_text("DESCRIPTION", Some(&text));
        // The same in another form: it would say what was.
        event.replace("X-ALT-DESC", None);
    }
    if let Some(sensitivity) = change.number(calendar::SENSITIVITY)? {
        set_sensitivity(event, sensitivity);
    }
    if let Some(busy) = change.number(calendar::BUSY_STATUS)? {
        set_busy(event, busy, change.version);
    }
    if let Some(words) = words(change, calendar::CATEGORIES, calendar::CATEGORY) {
        set_categories(event, &words);
    }
    if let Some(minutes) = change.text(calendar::REMINDER) {
        set_reminder(event, minutes.trim())?;
    }
    let status = change.number(calendar::MEETING_STATUS)?.unwrap_or(0);
    // [MS-ASCAL] 2.2.2.30: the bit of what is cancelled.
    if status & 4 != 0 {
        event.set_text("STATUS", Some("CANCELLED"));
    }
    Ok(())
}

fn location(change: &Change<'_>) -> Option<String> {
    let within = change.fields.child(air_sync_base::LOCATION);
    let within = within.map(|place| place.child_text(air_sync_base::DISPLAY_NAME).unwrap_or_default());
    within.or_else(|| change.text(calendar::LOCATION))
}

/// Categories, if they are said or to go.
pub(in super::super) fn words(
    change: &Change<'_>,
    all: crate::wbxml::Tag,
    one: crate::wbxml::Tag,
) -> Option<Vec<String>> {
    let Some(element) = change.fields.child(all) else { return change.omitted.goes(all).then(Vec::new) };
    let words = element.children(one).map(|word| word.to_text().trim().to_owned());
    Some(words.filter(|word| !word.is_empty()).collect())
}

pub(in super::super) fn set_sensitivity(inner: &mut Component, sensitivity: u32) {
    if sensitivity == u32::from(super::read::sensitivity(inner)) {
        return;
    }
    let class = match sensitivity {
        1 | 2 => Some("PRIVATE"),
        3 => Some("CONFIDENTIAL"),
        _ => None,
    };
    inner.set_text("CLASS", class);
}

fn set_busy(event: &mut Component, busy: u32, version: Version) {
    if busy == u32::from(super::read::busy(event, version)) {
        return;
    }
    let word = match busy {
        0 => "FREE",
        1 => "TENTATIVE",
        3 => "OOF",
        4 => "WORKINGELSEWHERE",
        _ => "BUSY",
    };
    event.set_text("X-MICROSOFT-CDO-BUSYSTATUS", Some(word));
    event.set_text("TRANSP", Some(if matches!(busy, 0 | 4) { "TRANSPARENT" } else { "OPAQUE" }));
}

fn set_reminder(event: &mut Component, minutes: &str) -> Result<(), Invalid> {
    let known = event.components().find_map(reminder);
    if minutes.is_empty() {
        event.retain_components(|inner| reminder(inner).is_none());
        return Ok(());
    }
    let minutes: u32 = minutes.parse().map_err(|_| Invalid("a number is none"))?;
    if minutes > MAX_REMINDER_MINUTES {
        return Err(Invalid("a reminder is too long before"));
    }
    if known == Some(minutes.into()) {
        return Ok(());
    }
    let trigger = Line::new("TRIGGER", &[], &format!("-PT{minutes}M"));
    if let Some(alarm) = event.components_mut().find(|inner| reminder(inner).is_some()) {
        alarm.replace("TRIGGER", [trigger]);
        return Ok(());
    }
    let mut alarm = Component::new("VALARM");
    alarm.replace("ACTION", [Line::text("ACTION", "DISPLAY")]);
    alarm.replace("DESCRIPTION", [Line::text("DESCRIPTION", &event.text("SUMMARY").unwrap_or_default())]);
    alarm.replace("TRIGGER", [trigger]);
    event.push(alarm);
    Ok(())
}

/// How it repeats. What a device cannot be told it cannot take away by saying nothing.
fn rule(event: &mut Component, change: &Change<'_>, start: Moment) -> Result<(), Invalid> {
    let known = event.line("RRULE").and_then(|line| Rule::of_rrule(line.value(), start));
    match change.fields.child(calendar::RECURRENCE) {
        Some(element) if !element.is_empty() => {
            let new = Rule::of_element(element, &CALENDAR, start)?;
            // Devices leave out with which day a week begins where it means nothing.
            let is_so =
                known.is_some_and(|known| Rule { first_day: new.first_day.or(known.first_day), ..new } == known);
            if !is_so {
                event.set("RRULE", Some(Line::new("RRULE", &[], &new.to_rrule(start))));
            }
        }
        Some(_) => event.replace("RRULE", None),
        None if change.omitted.goes(calendar::RECURRENCE) && known.is_some() => event.replace("RRULE", None),
        None => {}
    }
    Ok(())
}

/// Describes every zone that is named and not described yet (RFC 5545 §3.2.19).
pub(super) fn add_zones(root: &mut Component) {
    let Ok(mut calendar) = ICalendar::parse(Document::new(root.clone()).to_string()) else { return };
    if calendar.add_missing_timezones() == 0 {
        return;
    }
    let described = |root: &Component| -> Vec<String> {
        let zones = root.components().filter(|inner| inner.name == "VTIMEZONE");
        zones.filter_map(|inner| inner.line("TZID").map(|id| id.value().to_owned())).collect()
    };
    let known = described(root);
    let Some(whole) = Document::parse(calendar.to_string().as_bytes()) else { return };
    for inner in whole.root.components().filter(|inner| inner.name == "VTIMEZONE") {
        if inner.line("TZID").is_some_and(|id| !known.iter().any(|known| known == id.value())) {
            root.push_front(inner.clone());
        }
    }
}

/// A moment at which a device says that an event of a series would have been.
pub(super) fn original(text: &str, change: &Change<'_>, start: Moment) -> Result<Moment, Invalid> {
    let at = dates::parse(text)?;
    if start.is_day() {
        return Ok(day(at, zone_of(change, at, None), change.version));
    }
    Ok(start.at_utc(at))
}
