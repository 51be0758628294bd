//! Files are kept as they are but for what is changed.

use proptest::prelude::*;

use super::*;
use crate::store::Class;

const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Desk//EN\r\nBEGIN:VTIMEZONE\r\n\
TZID:Mein Berlin\r\nX-LIC-LOCATION:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n\
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\n\
END:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:1@example.org\r\nDTSTART;TZID=Mein Berlin:20260105T100000\r\nDURATION:PT90M\r\n\
SUMMARY;LANGUAGE=de:Grüße\\, alle\\; hier\\n\\\\o/ und noch einiges dahinter\\, damit\r\n  es gefaltet ist\r\n\
X-ODD;X-P=\"a;b:c\",d:x\\,y;z,w\r\nGEO;X-Y=^'quoted^':37.38;-122.08\r\nBEGIN:VALARM\r\nTRIGGER:-PT15M\r\n\
ACTION:DISPLAY\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

fn event() -> Document {
    Document::parse(EVENT.as_bytes()).expect("an event")
}

#[test]
fn what_is_read_is_written_as_it_was() {
    for text in [EVENT, &EVENT.replace("\r\n", "\n"), &format!("\u{feff}{EVENT}\r\n"), &format!("\r\n{EVENT}END")] {
        assert_eq!(Document::parse(text.as_bytes()).expect("an event").to_string(), text);
    }
    for broken in ["", "BEGIN:VCARD\r\n", "BEGIN:A\r\nEND:B\r\n", "X:1\r\n", &"BEGIN:A\r\n".repeat(100_000)] {
        assert_eq!(Document::parse(broken.as_bytes()), None);
    }
    assert_eq!(Document::parse(b"BEGIN:VCARD\r\nFN:\xff\r\nEND:VCARD\r\n"), None);
}

#[test]
fn values_and_parameters_are_understood() {
    let document = event();
    let event = document.root.components().nth(1).expect("the event");
    let text = "Grüße, alle; hier\n\\o/ und noch einiges dahinter, damit es gefaltet ist";
    assert_eq!(event.text("summary").as_deref(), Some(text));
    let odd = event.line("X-ODD").expect("it is there");
    assert_eq!(odd.params(), [("X-P".to_owned(), vec!["a;b:c".to_owned(), "d".to_owned()])]);
    assert_eq!(split(odd.value(), ';'), ["x,y", "z,w"]);
    assert_eq!(event.line("GEO").and_then(|line| line.param("x-y")).as_deref(), Some("\"quoted\""));
    let card = "BEGIN:VCARD\r\nVERSION:2.1\r\nitem1.TEL;HOME;VOICE:1\r\n\
                N;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:M=C3=BC=\r\nller;A\r\nEND:VCARD\r\n";
    let card = Document::parse(card.as_bytes()).expect("a card").root;
    assert!(card.line("TEL").is_some_and(|line| line.has_value_in("TYPE", "home")));
    assert_eq!(card.text("N").as_deref(), Some("Müller;A"));
}

#[test]
fn one_line_is_changed_and_no_other() {
    let mut document = event();
    let inner = document.root.components_mut().nth(1).expect("the event");
    inner.set_text("SUMMARY", Some("Neu,\r\nhier"));
    inner.set_text("LOCATION", Some("Köln"));
    inner.set_text("DESCRIPTION", None);
    inner.set_text("UID", Some("1@example.org"));
    let before: Vec<&str> = EVENT.lines().collect();
    let after = document.to_string();
    let after: Vec<&str> = after.lines().collect();
    let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(new, [&"SUMMARY;LANGUAGE=de:Neu\\,\\nhier", &"LOCATION:Köln"]);
    let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    assert_eq!(gone.len(), 2, "the two lines of the summary: {gone:?}");
    let at = |line: &str| after.iter().position(|other| *other == line).expect("it is there");
    assert!(at("LOCATION:Köln") < at("BEGIN:VALARM"), "lines stand before components");
}

#[test]
fn items_are_told_by_class_uid_and_end() {
    let end = |text: &str| about(text.as_bytes()).map(|about| about.ends_ms);
    let event =
        |lines: &str| format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n");
    let told = about(EVENT.as_bytes()).expect("an event");
    // 11:30 in Berlin.
    let expected = About { class: Class::Calendar, uid: Some("1@example.org".to_owned()), ends_ms: 1_767_609_000_000 };
    assert_eq!(told, expected);
    for (lines, ends_ms) in [
        ("DTSTART:20260105T100000Z\r\n", 1_767_607_200_000),
        ("DTSTART:20260105T100000Z\r\nDTEND:20260105T103000Z\r\n", 1_767_609_000_000),
        ("DTSTART;VALUE=DATE:20260105\r\n", 1_767_657_600_000),
        ("DTSTART;VALUE=DATE:20260105\r\nRRULE:FREQ=DAILY;COUNT=3\r\n", 1_767_830_400_000),
        ("DTSTART;VALUE=DATE:20260105\r\nRRULE:FREQ=DAILY;UNTIL=20260107\r\n", 1_767_830_400_000),
        ("DTSTART;VALUE=DATE:20260105\r\nRRULE:FREQ=DAILY\r\n", u64::MAX),
        ("SUMMARY:none\r\n", u64::MAX),
        ("DTSTART:99991231T235959Z\r\nDURATION:P9999999W\r\n", u64::MAX),
        ("DTSTART:20260105T100000Z\r\nDURATION:P4294967295W\r\nRRULE:FREQ=DAILY;COUNT=2\r\n", u64::MAX),
        ("DTSTART:+2620000105T100000Z\r\n", u64::MAX),
        ("DTSTART:20260105T100000Z\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2\r\n", u64::MAX),
    ] {
        let told = end(&event(lines)).expect("an event");
        assert!(told == ends_ms || ends_ms == u64::MAX && told >= 1_767_607_200_000, "{lines}: {told}");
    }
    let class = |inner: &str| about(inner.as_bytes()).map(|about| about.class);
    assert_eq!(class("BEGIN:VCARD\r\nEND:VCARD\r\n"), Some(Class::Contacts));
    assert_eq!(class("BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"), Some(Class::Tasks));
    assert_eq!(class("BEGIN:VCALENDAR\r\nBEGIN:VJOURNAL\r\nEND:VJOURNAL\r\nEND:VCALENDAR\r\n"), Some(Class::Notes));
    assert_eq!(class("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"), None);
    assert_eq!(class("BEGIN:VFREEBUSY\r\nEND:VFREEBUSY\r\n"), None);
}

#[test]
fn durations_are_read() {
    let seconds = |text: &str| moment::duration(text).map(|length| length.num_seconds());
    for (text, expected) in [
        ("PT15M", Some(900)),
        ("-P1DT2H", Some(-93_600)),
        ("+P2W", Some(1_209_600)),
        ("P", Some(0)),
        ("15M", None),
        ("PTM", None),
        ("P99999999999999999999D", None),
        ("P9223372036854775807W", None),
    ] {
        assert_eq!(seconds(text), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_back(text in "\\PC{0,200}", lines in "[a-z\n,;\\\\:\"^é]{0,200}") {
        for text in [text, lines] {
            let mut root = Component::new("VEVENT");
            root.set_text("SUMMARY", Some(&text));
            let line = Line::new("X-A", &[("P", &text)], "v").with_param("Q", Some(&text));
            root.replace("X-A", [line]);
            let read = Document::parse(Document::new(root).to_string().as_bytes()).expect("it is whole").root;
            prop_assert_eq!(read.text("SUMMARY").unwrap_or_default(), text.clone());
            let line = read.line("X-A").expect("it is there");
            prop_assert_eq!(line.value(), "v");
            prop_assert_eq!(line.param("Q").unwrap_or_default(), text);
        }
    }

    #[test]
    fn nothing_makes_it_panic(text in "(BEGIN:V(EVENT|CALENDAR|CARD)\r\n|END:V(EVENT|CALENDAR|CARD)\r\n|DTSTART[;:TZID=0-9VALUE]{0,20}\r\n|RRULE:[A-Z=;0-9,]{0,30}\r\n|\\PC{0,9}\r\n){0,12}") {
        let _ = about(text.as_bytes());
        if let Some(document) = Document::parse(text.as_bytes()) {
            prop_assert_eq!(document.to_string(), text);
        }
    }
}
