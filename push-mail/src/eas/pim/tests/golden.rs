//! Documents, and all that a device is told of them.

use super::documents::{CALL, CARD4, HOLIDAY, MEETING, NOTE, PERSON, TASK};
use super::*;

/// Europe/Berlin as [MS-ASDTYPE] 2.7.6 has it, without names.
fn berlin() -> Vec<u8> {
    let mut bytes = vec![0; 172];
    bytes[..4].copy_from_slice(&(-60_i32).to_le_bytes());
    // The last Sunday in October at 3 and in March at 2.
    for (at, month, hour) in [(68, 10, 3), (152, 3, 2)] {
        bytes[at + 2] = month;
        bytes[at + 6] = 5;
        bytes[at + 8] = hour;
    }
    bytes[168..].copy_from_slice(&(-60_i32).to_le_bytes());
    bytes
}

fn without_names(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[4..68].fill(0);
    bytes[88..152].fill(0);
    bytes
}

fn zone_bytes(elements: &[Element]) -> Vec<u8> {
    use base64::Engine as _;
    let text = elements[0].to_text();
    without_names(base64::engine::general_purpose::STANDARD.decode(text).expect("base64"))
}

const MEETING_LINES: &[&str] = &[
    "DtStamp: 20260105T080000Z",
    "StartTime: 20260112T090000Z",
    "Subject: Jour fixe, wöchentlich",
    "Location: Raum 4",
    "EndTime: 20260112T100000Z",
    "AllDayEvent: 0",
    "Sensitivity: 2",
    "BusyStatus: 2",
    "Reminder: 15",
    "Categories.Category: Arbeit",
    "Categories.Category: Team",
    "Body.Type: 1",
    "Body.EstimatedDataSize: 21",
    "Body.Data: Erst dies,\r\ndann das.",
    "UID: 7f3a@example.org",
    "MeetingStatus: 1",
    "OrganizerName: Ann Example",
    "OrganizerEmail: ann@example.org",
    "Attendees.Attendee.Email: john@example.org",
    "Attendees.Attendee.Name: Doe, John",
    "Attendees.Attendee.AttendeeStatus: 3",
    "Attendees.Attendee.AttendeeType: 1",
    "Attendees.Attendee.Email: room4@example.org",
    "Attendees.Attendee.Name: room4@example.org",
    "Attendees.Attendee.AttendeeStatus: 5",
    "Attendees.Attendee.AttendeeType: 3",
    "ResponseType: 1",
    "ResponseRequested: 0",
    "Recurrence.Type: 1",
    "Recurrence.Until: 20260629T080000Z",
    "Recurrence.Interval: 1",
    "Recurrence.DayOfWeek: 2",
    "Exceptions.Exception.Deleted: 1",
    "Exceptions.Exception.ExceptionStartTime: 20260406T080000Z",
    "Exceptions.Exception.ExceptionStartTime: 20260119T090000Z",
    "Exceptions.Exception.DtStamp: 20260105T080000Z",
    "Exceptions.Exception.StartTime: 20260119T130000Z",
    "Exceptions.Exception.Subject: Jour fixe, am Nachmittag",
    "Exceptions.Exception.EndTime: 20260119T140000Z",
    "Exceptions.Exception.AllDayEvent: 0",
    "Exceptions.Exception.Sensitivity: 0",
    "Exceptions.Exception.BusyStatus: 2",
    "Exceptions.Exception.MeetingStatus: 0",
    "Exceptions.Exception.Location: ",
    "Exceptions.Exception.Reminder: ",
    "Exceptions.Exception.Categories: ",
    "Exceptions.Exception.Body.Type: 1",
    "Exceptions.Exception.Body.EstimatedDataSize: 0",
    "Exceptions.Exception.Attendees: ",
    "NativeBodyType: 1",
];

#[test]
fn a_meeting_that_repeats_is_told_with_its_zone_and_exceptions() {
    let told = shown(MEETING, Class::Calendar, Version::V14_1);
    assert_eq!(zone_bytes(&told), berlin());
    assert_eq!(lines(&told[1..]), MEETING_LINES);
    // [MS-ASCAL] 2.2.2.22, [MS-ASAIRS] 2.2.2.26 and 2.2.2.27: later versions say the same otherwise.
    let told = shown(MEETING, Class::Calendar, Version::V16_1);
    let later: Vec<_> = MEETING_LINES
        .iter()
        .map(|line| line.replace("Location: R", "Location.DisplayName: R").replace("ExceptionStartTime", "InstanceId"))
        .collect();
    assert_eq!(lines(&told[1..]), later);
}

#[test]
fn who_is_invited_is_told_so() {
    let invited = MEETING.replace("mailto:ann@", "mailto:boss@").replace("mailto:john@", "MAILTO:ANN@");
    let told = lines(&shown(&invited, Class::Calendar, Version::V14_1));
    for line in ["MeetingStatus: 3", "ResponseType: 3", "OrganizerEmail: boss@example.org"] {
        assert!(told.iter().any(|other| other == line), "{line}: {told:?}");
    }
    let cancelled = invited.replace("SEQUENCE:2", "STATUS:CANCELLED");
    assert!(lines(&shown(&cancelled, Class::Calendar, Version::V14_1)).contains(&"MeetingStatus: 7".to_owned()));
}

#[test]
fn a_whole_day_begins_at_midnight_of_its_zone_and_has_none_in_later_versions() {
    let expected = [
        "DtStamp: 20260101T000000Z",
        "StartTime: 20261225T000000Z",
        "Subject: Christmas",
        "EndTime: 20261227T000000Z",
        "AllDayEvent: 1",
        "Sensitivity: 0",
        "BusyStatus: 0",
        "UID: holiday-1",
        "MeetingStatus: 0",
    ];
    let told = shown(HOLIDAY, Class::Calendar, Version::V14_1);
    assert_eq!(zone_bytes(&told), vec![0; 172]);
    assert_eq!(lines(&told[1..]), expected);
    assert_eq!(lines(&shown(HOLIDAY, Class::Calendar, Version::V16_1)), expected);
}

#[test]
fn a_rule_that_cannot_be_told_is_not() {
    let told = lines(&shown(CALL, Class::Calendar, Version::V14_1));
    assert!(told.contains(&"EndTime: 20260601T124500Z".to_owned()), "{told:?}");
    assert!(!told.iter().any(|line| line.starts_with("Recurrence")), "{told:?}");
}

#[test]
fn a_person_is_told() {
    let expected = [
        "FileAs: Dr. John Doe Jr.",
        "LastName: Doe",
        "FirstName: John",
        "MiddleName: Q,R",
        "Title: Dr.",
        "Suffix: Jr.",
        "CompanyName: Acme; Inc.",
        "Department: Research",
        "JobTitle: Engineer",
        "WebPage: https://example.org/~john",
        "NickName: Johnny",
        "Email1Address: john@example.org",
        "Email2Address: jd@example.net",
        "HomeFaxNumber: +49 30 4",
        "MobilePhoneNumber: +49 170 1",
        "BusinessPhoneNumber: +49 30 2",
        "Business2PhoneNumber: +49 30 3",
        "HomePhoneNumber: +49 30 5",
        "Home2PhoneNumber: +49 30 6",
        "HomeAddressStreet: Main St 1, 2nd",
        "HomeAddressCity: Berlin",
        "HomeAddressState: BE",
        "HomeAddressPostalCode: 10115",
        "HomeAddressCountry: Germany",
        "BusinessAddressStreet: Office Rd 2",
        "BusinessAddressCity: Potsdam",
        "BusinessAddressPostalCode: 14467",
        "Birthday: 1980-02-29T00:00:00.000Z",
        "Anniversary: 2010-06-01T00:00:00.000Z",
        "Picture: iVBORw0KGgo=",
        "Categories.Category: Friends",
        "Categories.Category: Work",
        "Body.Type: 1",
        "Body.EstimatedDataSize: 38",
        "Body.Data: Met in 2001.\r\nLikes tea; no coffee.",
    ];
    let told = lines(&shown(PERSON, Class::Contacts, Version::V14_1));
    let said: Vec<_> = told.iter().filter(|line| !line.starts_with("Body.EstimatedDataSize")).collect();
    let expected: Vec<_> = expected.iter().filter(|line| !line.starts_with("Body.EstimatedDataSize")).collect();
    assert_eq!(said, expected);
    let told = lines(&shown(CARD4, Class::Contacts, Version::V16_1));
    let expected = [
        "FileAs: Jane",
        "FirstName: Jane",
        "HomePhoneNumber: +1-555;ext=5",
        "Birthday: 1604-02-03T00:00:00.000Z",
        "Picture: AAEC",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_picture_that_is_too_large_is_not_told() {
    let large = PERSON.replace("iVBORw0KGgo=", &"AAAA".repeat(12 << 10)).replace("TYPE=PNG:", "TYPE=PNG:AAAA");
    let told = lines(&shown(&large, Class::Contacts, Version::V14_1));
    assert!(!told.iter().any(|line| line.starts_with("Picture")), "it has more than 48 KiB");
}

#[test]
fn a_task_is_told() {
    let expected = [
        "Subject: Steuer",
        "Importance: 2",
        "Sensitivity: 0",
        "Complete: 0",
        "UtcStartDate: 2026-05-01T00:00:00.000Z",
        "StartDate: 2026-05-01T00:00:00.000Z",
        "UtcDueDate: 2026-05-31T00:00:00.000Z",
        "DueDate: 2026-05-31T00:00:00.000Z",
        "Recurrence.Type: 5",
        "Recurrence.Interval: 1",
        "Recurrence.MonthOfYear: 5",
        "Recurrence.DayOfMonth: 1",
        "Recurrence.CalendarType: 1",
        "Recurrence.Start: 20260501T000000Z",
        "ReminderSet: 1",
        "ReminderTime: 2026-05-30T00:00:00.000Z",
        "Categories.Category: Amt",
        "Body.Type: 1",
        "Body.EstimatedDataSize: 6",
        "Body.Data: Belege",
    ];
    assert_eq!(lines(&shown(TASK, Class::Tasks, Version::V14_1)), expected);
}

#[test]
fn a_note_is_told() {
    let expected = [
        "Subject: Liste",
        "MessageClass: IPM.StickyNote",
        "LastModifiedDate: 20260102T030405Z",
        "Categories.Category: Einkauf",
        "Body.Type: 1",
        "Body.EstimatedDataSize: 11",
        "Body.Data: Milch\r\nBrot",
    ];
    assert_eq!(lines(&shown(NOTE, Class::Notes, Version::V14_1)), expected);
}

#[test]
fn a_body_is_in_the_form_and_of_the_length_that_is_wanted() {
    let body = |preference: Preference| {
        let view = View { bodies: vec![preference], ..View::default() };
        let told = lines(&data(NOTE.as_bytes(), Class::Notes, &view, Version::V14_1, ""));
        told.into_iter().filter(|line| line.starts_with("Body.")).collect::<Vec<_>>()
    };
    let html = "Body.Data: <html><body><div>Milch";
    assert!(body(Preference::whole(Form::Html)).iter().any(|line| line.starts_with(html)));
    let cut = Preference { truncation: Some(6), ..Preference::whole(Form::Text) };
    let expected = ["Body.Type: 1", "Body.EstimatedDataSize: 11", "Body.Truncated: 1", "Body.Data: Milch\r"];
    assert_eq!(body(cut), expected);
    let none = Preference { all_or_none: true, ..cut };
    assert_eq!(body(none), expected[..3]);
}

#[test]
fn what_is_no_item_is_told_as_nothing() {
    for class in [Class::Email, Class::Calendar, Class::Contacts, Class::Tasks, Class::Notes] {
        for raw in [
            "",
            "x",
            "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        ] {
            assert_eq!(shown(raw, class, Version::V14_1), []);
        }
    }
}
