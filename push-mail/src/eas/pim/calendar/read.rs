//! An appointment as a device sees it.

use super::super::recurrence::{CALENDAR, Rule};
use super::super::{Reader, body, dates, zone};
use super::{categories, end, is_exception, is_main, moment, people, reminder};
use crate::eas::Version;
use crate::eas::email::{Form, View};
use crate::pim::moment::{Moment, Zones};
use crate::pim::{Component, Line};
use crate::wbxml::tags::{air_sync_base, calendar};
use crate::wbxml::{Element, Tag};
use calcard::common::timezone::Tz;

/// What a series can have that an exception of it has not.
const MAY_BE_MISSING: [Tag; 7] = [
    calendar::SUBJECT,
    calendar::LOCATION,
    air_sync_base::LOCATION,
    calendar::REMINDER,
    calendar::CATEGORIES,
    air_sync_base::BODY,
    calendar::ATTENDEES,
];

/// The children of `ApplicationData`.
pub(in super::super) fn data(root: &Component, reader: &Reader<'_>) -> Vec<Element> {
    let zones = Zones::of(root);
    // Of a series of which only single events were sent on, the first stands for all.
    let main = root.components().find(|inner| is_main(inner));
    let Some(event) = main.or_else(|| root.components().find(|inner| inner.name == "VEVENT")) else {
        return Vec::new();
    };
    let Some(start) = moment(event, "DTSTART", &zones) else { return Vec::new() };
    let mut all = vec![zone_of(start, reader.version)];
    all.extend(shared(event, start, &zones, reader).into_iter().map(Some));
    all.push(event.text("UID").map(|uid| Element::text(calendar::UID, uid)));
    all.extend(people::elements(event, reader).into_iter().map(Some));
    let rule = event.line("RRULE").and_then(|line| Rule::of_rrule(line.value(), start));
    if let Some(rule) = rule {
        all.push(Some(Element::new(calendar::RECURRENCE).with_all(rule.elements(&CALENDAR))));
        all.push(exceptions(root, event, start, &zones, reader));
    }
    // [MS-ASAIRS] 2.2.2.32.
    let has_body = all.iter().flatten().any(|element| element.tag == air_sync_base::BODY);
    all.push(has_body.then(|| Element::text(air_sync_base::NATIVE_BODY_TYPE, Form::Text as u8)));
    all.into_iter().flatten().collect()
}

/// [MS-ASCAL] 2.2.2.1: from 16.0 on, whole days are the same days everywhere, and have no zone.
fn zone_of(start: Moment, version: Version) -> Option<Element> {
    if start.is_day() && version >= Version::V16_1 {
        return None;
    }
    let zone = if let Moment::Zoned(_, zone) = start { zone } else { Tz::UTC };
    Some(Element::text(calendar::TIMEZONE, zone::to_text(zone, start.utc())))
}

/// What an event and an exception of it have alike.
fn shared(event: &Component, start: Moment, zones: &Zones, reader: &Reader<'_>) -> Vec<Element> {
    let stamp = ["LAST-MODIFIED", "DTSTAMP"].into_iter().find_map(|name| moment(event, name, zones)).unwrap_or(start);
    let text = |tag, name: &str| event.text(name).map(|text| Element::text(tag, text));
    let minutes = event.components().find_map(reminder);
    let words = categories(event);
    let all = [
        Some(Element::text(calendar::DT_STAMP, dates::compact(stamp.utc()))),
        Some(Element::text(calendar::START_TIME, dates::compact(start.utc()))),
        text(calendar::SUBJECT, "SUMMARY"),
        location(event, reader.version),
        Some(Element::text(calendar::END_TIME, dates::compact(end(event, start, zones).utc()))),
        Some(Element::text(calendar::ALL_DAY_EVENT, u8::from(start.is_day()))),
        Some(Element::text(calendar::SENSITIVITY, sensitivity(event))),
        Some(Element::text(calendar::BUSY_STATUS, busy(event, reader.version))),
        minutes.map(|minutes| Element::text(calendar::REMINDER, minutes)),
        (!words.is_empty()).then(|| {
            let words = words.into_iter().map(|word| Element::text(calendar::CATEGORY, word));
            Element::new(calendar::CATEGORIES).with_all(words)
        }),
        description(event, reader.view),
    ];
    all.into_iter().flatten().collect()
}

fn description(event: &Component, view: &View) -> Option<Element> {
    body::element(event.text("DESCRIPTION").as_deref(), view)
}

fn location(event: &Component, version: Version) -> Option<Element> {
    let place = event.text("LOCATION")?;
    Some(match version {
        Version::V14_1 => Element::text(calendar::LOCATION, place),
        // [MS-ASAIRS] 2.2.2.27.
        _ => Element::new(air_sync_base::LOCATION).with_text(air_sync_base::DISPLAY_NAME, place),
    })
}

/// [MS-ASCAL] 2.2.2.41, [MS-ASTASK] 2.2.2.24.
pub(in super::super) fn sensitivity(inner: &Component) -> u8 {
    match inner.text("CLASS").unwrap_or_default().to_ascii_uppercase().as_str() {
        "PRIVATE" => 2,
        "CONFIDENTIAL" => 3,
        _ => 0,
    }
}

/// [MS-ASCAL] 2.2.2.8.
pub(super) fn busy(event: &Component, version: Version) -> u8 {
    let is = |name: &str, word: &str| event.text(name).is_some_and(|text| text.eq_ignore_ascii_case(word));
    match event.text("X-MICROSOFT-CDO-BUSYSTATUS").unwrap_or_default().to_ascii_uppercase().as_str() {
        "FREE" => 0,
        "TENTATIVE" => 1,
        "BUSY" => 2,
        "OOF" => 3,
        "WORKINGELSEWHERE" if version >= Version::V16_1 => 4,
        _ if is("TRANSP", "TRANSPARENT") => 0,
        _ if is("STATUS", "TENTATIVE") => 1,
        _ => 2,
    }
}

fn exceptions(
    root: &Component,
    event: &Component,
    start: Moment,
    zones: &Zones,
    reader: &Reader<'_>,
) -> Option<Element> {
    let of = |original: Moment| match reader.version {
        Version::V14_1 => Element::text(calendar::EXCEPTION_START_TIME, dates::compact(original.utc())),
        _ => Element::text(air_sync_base::INSTANCE_ID, dates::compact(original.utc())),
    };
    let of_series: Vec<_> = shared(event, start, zones, reader).into_iter().chain(people::attendees(event)).collect();
    let mut all = Vec::new();
    for line in event.all("EXDATE") {
        for original in Moment::all_of(line, zones) {
            // A day alone among times is the event of that day.
            let original = if original.is_day() && !start.is_day() { at_time_of(original, start) } else { original };
            all.push(Element::new(calendar::EXCEPTION).with_text(calendar::DELETED, 1).with(of(original)));
        }
    }
    for inner in root.components().filter(|inner| is_exception(inner)) {
        let original = inner.line("RECURRENCE-ID").filter(|line| is_of_one(line));
        let Some(original) = original.and_then(|line| Moment::of(line, zones)) else { continue };
        let Some(own_start) = moment(inner, "DTSTART", zones) else { continue };
        let one = Element::new(calendar::EXCEPTION).with(of(original));
        let one = one.with_all(shared(inner, own_start, zones, reader));
        let one = one.with_all(people::attendees(inner)).with_all(people::meeting_status(inner, reader.me));
        all.push(with_what_is_missing(one, &of_series));
    }
    (!all.is_empty()).then(|| Element::new(calendar::EXCEPTIONS).with_all(all))
}

/// [MS-ASCAL] 2.2.2.21: what an exception does not say is as in the series, so that what it lacks is said to be empty.
fn with_what_is_missing(mut one: Element, of_series: &[Element]) -> Element {
    let lacks = |one: &Element, tag| one.child(tag).is_none();
    for element in of_series.iter().filter(|element| MAY_BE_MISSING.contains(&element.tag)) {
        if lacks(&one, element.tag) {
            one.push(match element.tag {
                air_sync_base::BODY => Element::new(element.tag)
                    .with_text(air_sync_base::TYPE, Form::Text as u8)
                    .with_text(air_sync_base::ESTIMATED_DATA_SIZE, 0),
                tag => Element::new(tag),
            });
        }
    }
    one
}

/// What holds for all that follow cannot be said to devices.
fn is_of_one(line: &Line) -> bool {
    line.param("RANGE").is_none()
}

fn at_time_of(day: Moment, start: Moment) -> Moment {
    start.at_wall(day.wall().date().and_time(start.wall().time()))
}
