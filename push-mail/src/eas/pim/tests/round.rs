//! There and back: what a device sends back as it got it changes nothing, whatever the item.

use proptest::prelude::*;

use super::documents::ALL;
use super::*;

const VERSIONS: [Version; 2] = [Version::V14_1, Version::V16_1];

#[test]
fn what_comes_back_as_it_was_told_changes_nothing() {
    for (raw, class) in ALL {
        for version in VERSIONS {
            for omitted in [Omitted::Stay, Omitted::Go] {
                let fields = application_data(shown(raw, class, version));
                let after = merged(Some(raw), &fields, class, version, omitted).expect("an item");
                assert_eq!(difference(raw, &after), Vec::<String>::new());
                assert_eq!(after, raw, "{version:?}");
            }
        }
    }
}

#[test]
fn what_is_new_is_told_as_it_was_sent() {
    for (raw, class) in ALL {
        for version in VERSIONS {
            let sent = shown(raw, class, version);
            let made = merged(None, &application_data(sent.clone()), class, version, Omitted::Go).expect("an item");
            assert_eq!(crate::pim::about(made.as_bytes()).map(|about| about.class), Some(class));
            // Their moment is the server's.
            let timeless = |elements: &[Element]| {
                let mut all = lines(elements);
                all.retain(|line| !line.contains("DtStamp") && !line.contains("LastModified"));
                all.sort_unstable();
                all
            };
            let told = shown(&made, class, version);
            assert_eq!(timeless(&told), timeless(&sent), "{made}");
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Zäß,;\\\\:\"^ .<>&]{1,40}"
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("not empty", |text| !text.is_empty())
}

prop_compose! {
    fn events()(
        day in 0..3000_i64,
        minutes in 0..1440_i64,
        length in 0..3000_i64,
        is_all_day in any::<bool>(),
        zone in prop::sample::select(vec!["", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo", "Asia/Kathmandu"]),
        rule in prop::sample::select(vec![
            "", "FREQ=DAILY;INTERVAL=3;COUNT=5", "FREQ=WEEKLY;BYDAY=MO,WE;WKST=SU", "FREQ=MONTHLY;BYMONTHDAY=31",
            "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2", "FREQ=YEARLY", "FREQ=MONTHLY;BYMONTHDAY=-1",
            "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "FREQ=HOURLY", "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;UNTIL=20401231T235959Z",
        ]),
        subject in text(),
        place in text(),
        minutes_before in prop::option::of(0..5000_u32),
    ) -> String {
        let begin = chrono::NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day").and_hms_opt(0, 0, 0).expect("a time")
            + chrono::Duration::days(day) + chrono::Duration::minutes(if is_all_day { 0 } else { minutes });
        let end = begin + if is_all_day { chrono::Duration::days(1 + length / 1440) } else { chrono::Duration::minutes(length) };
        let mut event = Component::new("VEVENT");
        event.set_text("UID", Some("x"));
        let zone = zone.parse().ok().filter(|_| !zone.is_empty());
        for (name, at) in [("DTSTART", begin), ("DTEND", end)] {
            use crate::pim::moment::Moment;
            let at = match zone {
                _ if is_all_day => Moment::Day(at.date()),
                // A time that was never shown, or twice, is none to compare with.
                Some(zone) => Moment::Zoned(at, zone).at_utc(Moment::Zoned(at, zone).utc()),
                None => Moment::Utc(at),
            };
            event.set(name, Some(at.line(name)));
        }
        event.set_text("SUMMARY", Some(&subject));
        event.set_text("LOCATION", Some(&place));
        if !rule.is_empty() {
            event.set("RRULE", Some(Line::new("RRULE", &[], rule)));
        }
        if let Some(minutes) = minutes_before {
            let mut alarm = Component::new("VALARM");
            alarm.set("TRIGGER", Some(Line::new("TRIGGER", &[], &format!("-PT{minutes}M"))));
            event.push(alarm);
        }
        let mut calendar = Component::new("VCALENDAR");
        calendar.push(event);
        Document::new(calendar).to_string()
    }
}

prop_compose! {
    fn cards()(
        name in prop::collection::vec(prop::option::of(text()), 5),
        phones in prop::collection::vec((prop::sample::select(vec!["", ";TYPE=CELL", ";TYPE=HOME", ";TYPE=WORK", ";TYPE=WORK,FAX", ";TYPE=MAIN", ";WORK"]), "[0-9+ ]{1,9}"), 0..9),
        emails in prop::collection::vec("[a-z]{1,5}@example\\.org", 0..5),
        note in prop::option::of(text()),
    ) -> String {
        let mut card = Component::new("VCARD");
        card.set_text("VERSION", Some("3.0"));
        let parts: Vec<_> = name.into_iter().map(|part| crate::pim::escaped(&part.unwrap_or_default())).collect();
        card.set("N", Some(Line::new("N", &[], &parts.join(";"))));
        card.set_text("FN", Some("Somebody"));
        card.set_text("NOTE", note.as_deref());
        let mut text = Document::new(card).to_string();
        let mut more = String::new();
        for (kind, number) in phones {
            more += &format!("TEL{kind}:{}\r\n", number.trim());
        }
        for email in emails {
            more += &format!("EMAIL:{email}\r\n");
        }
        text = text.replace("END:VCARD", &format!("{more}END:VCARD"));
        text
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if std::env::var_os("PUSH_TEST_LONG").is_some() { 2000 } else { 96 }, failure_persistence: None, ..Default::default() })]

    #[test]
    fn events_come_back_as_they_were(raw in events(), is_late in any::<bool>()) {
        let version = VERSIONS[usize::from(is_late)];
        let sent = shown(&raw, Class::Calendar, version);
        prop_assert!(!sent.is_empty());
        let fields = application_data(sent.clone());
        let after = merged(Some(&raw), &fields, Class::Calendar, version, Omitted::Go).expect("an item");
        let is_named = raw.contains("TZID=");
        // A zone that is named and not described is described now.
        prop_assert!(after == raw || is_named, "{raw}\n{after}");
        prop_assert!(difference(&raw, &after).iter().all(|line| line.starts_with('+')), "{raw}\n{after}");
        let made = merged(None, &fields, Class::Calendar, version, Omitted::Go).expect("an item");
        let timeless = |elements: &[Element]| {
            let mut all = lines(elements);
            all.retain(|line| !line.contains("DtStamp") && !line.contains("Timezone"));
            all
        };
        prop_assert_eq!(timeless(&shown(&made, Class::Calendar, version)), timeless(&sent), "{}", made);
    }

    #[test]
    fn cards_come_back_as_they_were(raw in cards()) {
        let sent = shown(&raw, Class::Contacts, Version::V14_1);
        let fields = application_data(sent);
        let after = merged(Some(&raw), &fields, Class::Contacts, Version::V14_1, Omitted::Go).expect("an item");
        prop_assert_eq!(after, raw);
    }

    /// Whatever a device sends, it is refused or makes an item.
    #[test]
    fn no_change_makes_it_panic(
        place in 0..ALL.len(),
        words in prop::collection::vec((0..400_usize, "[0-9TZ:.\\-]{0,20}|\\PC{0,8}"), 1..12),
        is_new in any::<bool>(),
        is_late in any::<bool>(),
    ) {
        let (raw, class) = ALL[place];
        let version = VERSIONS[usize::from(is_late)];
        let mut fields = application_data(shown(raw, class, version));
        for (place, word) in words {
            damage(&mut fields, place, &word);
        }
        let existing = (!is_new).then_some(raw);
        if let Ok(made) = merged(existing, &fields, class, version, Omitted::Go) {
            prop_assert_eq!(crate::pim::about(made.as_bytes()).map(|about| about.class), Some(class), "{}", made);
        }
    }
}

/// Gives the element of that number another text, or takes it away.
fn damage(element: &mut Element, place: usize, word: &str) {
    fn walk(element: &mut Element, left: &mut usize, word: &str) {
        for content in &mut element.content {
            let Content::Element(inner) = content else { continue };
            if *left == 0 {
                inner.content = vec![Content::Text(word.to_owned())];
                *left = usize::MAX;
                return;
            }
            *left -= 1;
            walk(inner, left, word);
            if *left == usize::MAX {
                return;
            }
        }
    }
    let mut left = place % 60;
    walk(element, &mut left, word);
}
