//! What a device changes is changed, and nothing else.

use super::documents::{CALL, CARD4, HOLIDAY, MEETING, NOTE, PERSON, TASK};
use super::*;
use crate::wbxml::Tag;
use crate::wbxml::tags::{air_sync_base, calendar, contacts, notes, tasks};

/// What it is told, with other texts in some elements; `None` takes one away.
fn with(raw: &str, class: Class, version: Version, texts: &[(Tag, Option<&str>)]) -> Element {
    let mut told = shown(raw, class, version);
    for (tag, text) in texts {
        told.retain(|element| element.tag != *tag);
        told.extend(text.map(|text| Element::text(*tag, text)));
    }
    application_data(told)
}

/// The difference that a change makes where what is left out goes.
fn change(raw: &str, class: Class, texts: &[(Tag, Option<&str>)]) -> Vec<String> {
    let fields = with(raw, class, Version::V14_1, texts);
    difference(raw, &merged(Some(raw), &fields, class, Version::V14_1, Omitted::Go).expect("an item"))
}

#[test]
fn texts_of_an_event_are_changed_alone() {
    let texts: &[(Tag, Option<&str>)] = &[
        (calendar::SUBJECT, Some("Neu; anders")),
        (calendar::LOCATION, None),
        (calendar::SENSITIVITY, Some("0")),
        (calendar::BUSY_STATUS, Some("3")),
        (calendar::REMINDER, Some("30")),
    ];
    let expected = [
        "-SUMMARY:Jour fixe\\, wöchentlich",
        "-LOCATION:Raum 4",
        "-CLASS:PRIVATE",
        "-TRIGGER:-PT15M",
        "+SUMMARY:Neu\\; anders",
        "+X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        "+TRIGGER:-PT30M",
    ];
    assert_eq!(change(MEETING, Class::Calendar, texts), expected);
}

#[test]
fn an_event_is_moved_within_its_zone() {
    let times = [(calendar::START_TIME, Some("20260112T100000Z")), (calendar::END_TIME, Some("20260112T113000Z"))];
    let expected = [
        "-DTSTART;TZID=Europe/Berlin:20260112T100000",
        "-DTEND;TZID=Europe/Berlin:20260112T110000",
        "+DTSTART;TZID=Europe/Berlin:20260112T110000",
        "+DTEND;TZID=Europe/Berlin:20260112T123000",
    ];
    assert_eq!(change(MEETING, Class::Calendar, &times), expected);
    let end = [(calendar::END_TIME, Some("20260601T130000Z"))];
    assert_eq!(change(CALL, Class::Calendar, &end), ["-DURATION:PT45M", "+DTEND:20260601T130000Z"]);
}

#[test]
fn an_event_gets_the_zone_that_a_device_means_and_it_is_described() {
    use base64::Engine as _;
    let new_york: calcard::common::timezone::Tz = "America/New_York".parse().expect("a zone");
    let named = zone::to_text(new_york, now());
    // As phones write it: the same rules without any name.
    let mut bytes = base64::engine::general_purpose::STANDARD.decode(&named).expect("base64");
    bytes[4..68].fill(0);
    bytes[88..152].fill(0);
    let nameless = base64::engine::general_purpose::STANDARD.encode(bytes);
    for blob in [named, nameless] {
        let fields = with(CALL, Class::Calendar, Version::V14_1, &[(calendar::TIMEZONE, Some(&blob))]);
        let made = merged(Some(CALL), &fields, Class::Calendar, Version::V14_1, Omitted::Stay).expect("an event");
        assert!(made.contains("DTSTART;TZID=America/New_York:20260601T080000\r\n"), "{made}");
        assert!(made.contains("BEGIN:VTIMEZONE\r\nTZID:America/New_York\r\n"), "{made}");
        assert_eq!(crate::pim::about(made.as_bytes()).map(|about| about.class), Some(Class::Calendar));
    }
    for broken in ["", "AAAA", "not base64", &"A".repeat(232)] {
        let fields = with(CALL, Class::Calendar, Version::V14_1, &[(calendar::TIMEZONE, Some(broken))]);
        let made = merged(Some(CALL), &fields, Class::Calendar, Version::V14_1, Omitted::Stay).expect("an event");
        assert!(made.contains("DTSTART:20260601T120000Z\r\n"), "{made}");
    }
}

#[test]
fn a_whole_day_of_another_zone_is_the_day_that_is_meant() {
    let berlin = zone::to_text("Europe/Berlin".parse().expect("a zone"), now());
    let texts = [
        (calendar::TIMEZONE, Some(berlin.as_str())),
        (calendar::START_TIME, Some("20261223T230000Z")),
        (calendar::END_TIME, Some("20261225T230000Z")),
    ];
    let expected = [
        "-DTSTART;VALUE=DATE:20261225",
        "-DTEND;VALUE=DATE:20261227",
        "+DTSTART;VALUE=DATE:20261224",
        "+DTEND;VALUE=DATE:20261226",
    ];
    assert_eq!(change(HOLIDAY, Class::Calendar, &texts), expected);
    // [MS-ASCAL] 2.2.2.1: from 16.0 on as it is written.
    let fields = application_data([Element::text(calendar::START_TIME, "20261224T000000Z")]);
    let made = merged(Some(HOLIDAY), &fields, Class::Calendar, Version::V16_1, Omitted::Stay).expect("an event");
    assert_eq!(difference(HOLIDAY, &made), expected, "moved as a whole");
}

#[test]
fn a_rule_that_was_not_told_stays_when_nothing_is_said_of_it() {
    let after = change(CALL, Class::Calendar, &[(calendar::SUBJECT, Some("Ring"))]);
    assert_eq!(after, ["-SUMMARY:Call", "+SUMMARY:Ring"]);
    let after = change(MEETING, Class::Calendar, &[(calendar::RECURRENCE, None), (calendar::EXCEPTIONS, None)]);
    assert_eq!(after, ["-RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20260629T080000Z"]);
}

fn exceptions(all: impl IntoIterator<Item = Element>) -> Element {
    let mut told = shown(MEETING, Class::Calendar, Version::V14_1);
    told.retain(|element| element.tag != calendar::EXCEPTIONS);
    told.push(Element::new(calendar::EXCEPTIONS).with_all(all));
    application_data(told)
}

fn exception(at: &str) -> Element {
    Element::new(calendar::EXCEPTION).with_text(calendar::EXCEPTION_START_TIME, at)
}

#[test]
fn exceptions_are_those_that_a_device_names() {
    let fields = exceptions([
        exception("20260119T090000Z").with_text(calendar::SUBJECT, "Am Abend"),
        exception("20260126T090000Z")
            .with_text(calendar::START_TIME, "20260127T090000Z")
            .with_text(calendar::END_TIME, "20260127T100000Z"),
        exception("20260202T090000Z").with_text(calendar::DELETED, 1),
    ]);
    let made = merged(Some(MEETING), &fields, Class::Calendar, Version::V14_1, Omitted::Stay).expect("a series");
    let expected = [
        "-EXDATE;TZID=Europe/Berlin:20260406T100000",
        "-SUMMARY:Jour fixe\\, am Nachmittag",
        "+EXDATE;TZID=Europe/Berlin:20260202T100000",
        "+SUMMARY:Am Abend",
        "+DTSTART;TZID=Europe/Berlin:20260127T100000",
        "+DTEND;TZID=Europe/Berlin:20260127T110000",
        "+RECURRENCE-ID;TZID=Europe/Berlin:20260126T100000",
    ];
    let mut told = difference(MEETING, &made);
    told.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(told, sorted);
    assert!(made.contains("X-OWN:1"), "what a device does not know of an exception stays");
    let wrong = exceptions([Element::new(calendar::EXCEPTION)]);
    assert!(merged(Some(MEETING), &wrong, Class::Calendar, Version::V14_1, Omitted::Stay).is_err());
    let many = exceptions((0..1001).map(|_| exception("20260119T090000Z")));
    assert!(merged(Some(MEETING), &many, Class::Calendar, Version::V14_1, Omitted::Stay).is_err());
}

#[test]
fn one_event_of_a_series_is_changed_and_deleted_by_later_versions() {
    let of = |raw: &str, instance: &str, fields: Option<Element>| {
        let made = merge_instance(raw.as_bytes(), instance, fields.as_ref(), Version::V16_1)?;
        Ok::<_, Invalid>(String::from_utf8(made.to_vec()).expect("text"))
    };
    let subject = application_data([Element::text(calendar::SUBJECT, "Nur heute")]);
    let made = of(MEETING, "20260209T090000Z", Some(subject)).expect("changed");
    let told = difference(MEETING, &made);
    for line in [
        "+SUMMARY:Nur heute",
        "+RECURRENCE-ID;TZID=Europe/Berlin:20260209T100000",
        "+DTSTART;TZID=Europe/Berlin:20260209T100000",
        "+DTEND;TZID=Europe/Berlin:20260209T110000",
    ] {
        assert!(told.iter().any(|other| other == line), "{line}: {told:?}");
    }
    assert!(told.iter().all(|line| line.starts_with('+')), "{told:?}");
    let gone = of(&made, "20260209T090000Z", None).expect("deleted");
    assert_eq!(difference(MEETING, &gone), ["+EXDATE;TZID=Europe/Berlin:20260209T100000"]);
    assert_eq!(of(&gone, "20260209T090000Z", None).expect("deleted"), gone, "again");
    assert!(of(HOLIDAY, "20261225T000000Z", None).is_err(), "it does not repeat");
    assert!(of(MEETING, "nonsense", None).is_err());
}

#[test]
fn guests_keep_what_devices_do_not_say() {
    let john = Element::new(calendar::ATTENDEE)
        .with_text(calendar::EMAIL, "john@example.org")
        .with_text(calendar::NAME, "Doe, John")
        .with_text(calendar::ATTENDEE_STATUS, 4)
        .with_text(calendar::ATTENDEE_TYPE, 1);
    let eve =
        Element::new(calendar::ATTENDEE).with_text(calendar::EMAIL, "eve@example.org").with_text(calendar::NAME, "Eve");
    let mut told = shown(MEETING, Class::Calendar, Version::V14_1);
    told.retain(|element| element.tag != calendar::ATTENDEES);
    told.push(Element::new(calendar::ATTENDEES).with(john).with(eve));
    let made = merged(Some(MEETING), &application_data(told), Class::Calendar, Version::V14_1, Omitted::Stay);
    let attendees: Vec<_> = difference(MEETING, &made.expect("a meeting"))
        .into_iter()
        .filter(|line| line.starts_with("+ATTENDEE"))
        .collect();
    let expected = [
        "+ATTENDEE;CN=\"Doe, John\";ROLE=REQ-PARTICIPANT;PARTSTAT=DECLINED;X-NUM=7:mailto:john@example.org",
        "+ATTENDEE;CN=Eve:mailto:eve@example.org",
    ];
    assert_eq!(attendees, expected);
}

#[test]
fn a_person_is_changed_alone() {
    let texts: &[(Tag, Option<&str>)] = &[
        (contacts::LAST_NAME, Some("Roe")),
        (contacts::DEPARTMENT, Some("Sales, West")),
        (contacts::EMAIL1_ADDRESS, Some("\"J\" <new@example.org>")),
        (contacts::BUSINESS_PHONE_NUMBER, None),
        (contacts::HOME_PHONE_NUMBER, Some("+49 30 55")),
        (contacts::PAGER_NUMBER, Some("7")),
        (contacts::HOME_CITY, Some("Köln")),
        (contacts::BIRTHDAY, Some("1980-02-28T23:00:00.000Z")),
        (contacts::ANNIVERSARY, Some("2011-06-01T00:00:00.000Z")),
    ];
    let expected = [
        "-N:Doe;John;Q,R;Dr.;Jr.",
        "-FN:Dr. John Doe Jr.",
        "-ORG:Acme\\; Inc.;Research;Lab 7",
        "-item1.EMAIL;type=INTERNET;type=pref:john@example.org",
        "-TEL;TYPE=WORK:+49 30 2",
        "-TEL:+49 30 5",
        "-ADR;TYPE=HOME:;Rear;Main St 1\\, 2nd;Berlin;BE;10115;Germany",
        "-X-ANNIVERSARY:2010-06-01",
        "+N:Roe;John;Q,R;Dr.;Jr.",
        "+FN:Dr. John Q,R Roe Jr.",
        "+ORG:Acme\\; Inc.;Sales\\, West;Lab 7",
        "+item1.EMAIL;type=INTERNET;type=pref:new@example.org",
        "+TEL:+49 30 55",
        "+TEL;TYPE=PAGER:7",
        "+ADR;TYPE=HOME:;Rear;Main St 1\\, 2nd;Köln;BE;10115;Germany",
        "+X-ANNIVERSARY;VALUE=DATE:2011-06-01",
    ];
    let mut told = change(PERSON, Class::Contacts, texts);
    // How it was filed is told as FN and comes back: it is now something else than the name.
    told.retain(|line| !line.starts_with("+X-FILE-AS"));
    let escaped = told.iter().map(|line| line.replace("FN:Dr. John Q\\,R", "FN:Dr. John Q,R")).collect::<Vec<_>>();
    assert_eq!(escaped, expected);
}

#[test]
fn pictures_are_replaced_where_they_are_and_kept_where_nothing_is_said() {
    assert_eq!(change(PERSON, Class::Contacts, &[(contacts::PICTURE, None)]), Vec::<String>::new());
    let expected = ["-PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=", "+PHOTO;ENCODING=b;TYPE=JPEG:/9j/"];
    assert_eq!(change(PERSON, Class::Contacts, &[(contacts::PICTURE, Some("/9j/"))]), expected);
    let expected = ["-PHOTO:data:image/jpeg;base64,AAEC", "+PHOTO:data:image/gif;base64,R0lG"];
    assert_eq!(change(CARD4, Class::Contacts, &[(contacts::PICTURE, Some("R0lG"))]), expected);
    assert_eq!(
        change(CARD4, Class::Contacts, &[(contacts::PICTURE, Some(""))]),
        ["-PHOTO:data:image/jpeg;base64,AAEC"]
    );
    for wrong in ["!", &"AAAA".repeat(20_000)] {
        let fields = with(CARD4, Class::Contacts, Version::V14_1, &[(contacts::PICTURE, Some(wrong))]);
        assert!(merged(Some(CARD4), &fields, Class::Contacts, Version::V14_1, Omitted::Go).is_err());
    }
}

#[test]
fn only_what_a_device_says_it_keeps_goes_with_its_silence() {
    let fields = application_data([Element::text(contacts::FIRST_NAME, "Jane")]);
    let made = |omitted| merged(Some(PERSON), &fields, Class::Contacts, Version::V14_1, omitted).expect("a card");
    let gone = |made: &str, line: &str| !made.contains(line);
    let stay = made(Omitted::Stay);
    assert!(!gone(&stay, "TITLE:Engineer") && !gone(&stay, "BDAY:1980"));
    let some = made(Omitted::GoIf(&[contacts::JOB_TITLE]));
    assert!(gone(&some, "TITLE:Engineer") && !gone(&some, "BDAY:1980"));
    let all = made(Omitted::Go);
    assert!(gone(&all, "TITLE:Engineer") && gone(&all, "BDAY:1980"));
    for line in ["NOTE:", "PHOTO", "X-SOCIALPROFILE", "GEO:", "N:;Jane;;;", "UID:p-1"] {
        assert!(!gone(&all, line), "{line} {all}");
    }
}

#[test]
fn a_task_is_done_and_undone() {
    let done = change(
        TASK,
        Class::Tasks,
        &[(tasks::COMPLETE, Some("1")), (tasks::DATE_COMPLETED, Some("2026-05-03T10:00:00.000Z"))],
    );
    let expected = [
        "-STATUS:IN-PROCESS",
        "-PERCENT-COMPLETE:40",
        "+STATUS:COMPLETED",
        "+PERCENT-COMPLETE:100",
        "+COMPLETED:20260503T100000Z",
    ];
    assert_eq!(done, expected);
    let fields = with(TASK, Class::Tasks, Version::V14_1, &[(tasks::COMPLETE, Some("1"))]);
    let done = merged(Some(TASK), &fields, Class::Tasks, Version::V14_1, Omitted::Stay).expect("a task");
    let ends = crate::pim::about(done.as_bytes()).map(|about| about.ends_ms);
    assert_eq!(ends, Some(NOW_MS), "a task is there until it is done");
    let undone = change(&done, Class::Tasks, &[(tasks::COMPLETE, Some("0"))]);
    assert_eq!(
        undone,
        ["-STATUS:COMPLETED", "-PERCENT-COMPLETE:100", "-COMPLETED:20260301T120000Z", "+STATUS:NEEDS-ACTION"]
    );
}

#[test]
fn a_task_is_moved_and_reminded_of() {
    let texts: &[(Tag, Option<&str>)] = &[
        (tasks::UTC_DUE_DATE, Some("2026-06-14T22:00:00.000Z")),
        (tasks::DUE_DATE, Some("2026-06-15T00:00:00.000Z")),
        (tasks::REMINDER_TIME, Some("2026-06-10T07:30:00.000Z")),
        (tasks::IMPORTANCE, Some("0")),
    ];
    let expected = [
        "-DUE;VALUE=DATE:20260531",
        "-PRIORITY:2",
        "-TRIGGER;RELATED=END:-P1D",
        "+DUE;VALUE=DATE:20260615",
        "+PRIORITY:9",
        "+TRIGGER;VALUE=DATE-TIME:20260610T073000Z",
    ];
    assert_eq!(change(TASK, Class::Tasks, texts), expected);
    let quiet = change(TASK, Class::Tasks, &[(tasks::REMINDER_SET, Some("0")), (tasks::REMINDER_TIME, None)]);
    assert!(quiet.contains(&"-BEGIN:VALARM".to_owned()), "{quiet:?}");
}

#[test]
fn a_note_is_changed_alone() {
    let body = Element::new(air_sync_base::BODY)
        .with_text(air_sync_base::TYPE, 2)
        .with_text(air_sync_base::DATA, "<p>Milch</p><p>Käse &amp; Brot</p>");
    let mut told = shown(NOTE, Class::Notes, Version::V14_1);
    told.retain(|element| element.tag != air_sync_base::BODY && element.tag != notes::CATEGORIES);
    told.push(body);
    let made =
        merged(Some(NOTE), &application_data(told), Class::Notes, Version::V14_1, Omitted::Stay).expect("a note");
    assert_eq!(difference(NOTE, &made), ["-DESCRIPTION:Milch\\nBrot", "+DESCRIPTION:Milch\\n\\nKäse & Brot"]);
    let wrong = with(NOTE, Class::Notes, Version::V14_1, &[(notes::MESSAGE_CLASS, Some("IPM.Note"))]);
    assert!(merged(Some(NOTE), &wrong, Class::Notes, Version::V14_1, Omitted::Stay).is_err());
}

#[test]
fn nothing_comes_of_what_is_no_item() {
    let nothing = application_data([]);
    assert!(merged(None, &nothing, Class::Calendar, Version::V14_1, Omitted::Stay).is_err(), "it never begins");
    assert!(merged(None, &nothing, Class::Email, Version::V14_1, Omitted::Stay).is_err());
    for (tag, text) in [
        (calendar::START_TIME, "never"),
        (calendar::START_TIME, "99990101T000000Z"),
        (calendar::END_TIME, "20250101T000000Z"),
        (calendar::REMINDER, "soon"),
        (calendar::REMINDER, "4000000000"),
        (calendar::SENSITIVITY, "x"),
    ] {
        let fields = with(MEETING, Class::Calendar, Version::V14_1, &[(tag, Some(text))]);
        assert!(merged(Some(MEETING), &fields, Class::Calendar, Version::V14_1, Omitted::Stay).is_err(), "{text}");
    }
    for raw in ["", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"] {
        assert!(merged(Some(raw), &nothing, Class::Tasks, Version::V14_1, Omitted::Stay).is_err());
    }
}
