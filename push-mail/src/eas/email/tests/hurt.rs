//! What nobody should write, and what programs do write: all of it is shown within the limits.

use proptest::prelude::*;

use super::*;
use crate::eas::email::view::MimeSupport;

/// What any message comes to: text that can be said, of bounded lengths, and as much as was asked for at most.
#[track_caller]
fn assert_sound(data: &Element, most: usize) {
    fn walk(element: &Element, check: &mut impl FnMut(&Element)) {
        check(element);
        element.elements().for_each(|child| walk(child, check));
    }
    walk(data, &mut |element| {
        let text = element.content.iter().filter_map(|content| match content {
            crate::wbxml::Content::Text(text) => Some(text.as_str()),
            _ => None,
        });
        for text in text {
            assert!(text.chars().all(text::is_sayable), "{:?}: {text:?}", element.tag);
            let limit = match element.tag {
                base::DATA => most,
                email::TO | email::CC | email::REPLY_TO => 32_768 * 4,
                _ => 4096 * 4,
            };
            assert!(text.len() <= limit, "{:?}: {} bytes", element.tag, text.len());
        }
    });
    for tag in [email::SUBJECT, email::DATE_RECEIVED, email::READ, email::MESSAGE_CLASS, base::BODY] {
        assert_eq!(data.children(tag).count(), 1, "{tag:?}");
    }
    let attachments = data.child(base::ATTACHMENTS).map_or(0, |all| all.elements().count());
    assert!(attachments <= 500, "{attachments} attachments");
}

const MOST: u32 = 1000;

fn every_view() -> Vec<View> {
    let preference = |form| Preference { truncation: Some(MOST), preview: Some(100), ..Preference::whole(form) };
    let view = |form| View { bodies: vec![preference(form)], mime_support: MimeSupport::Always, ..View::default() };
    vec![view(Form::Text), view(Form::Html), view(Form::Mime)]
}

fn assert_any_is_sound(raw: &[u8]) {
    for view in every_view() {
        assert_sound(&data_of(raw, &view, Version::V16_1), MOST as usize);
    }
    let raw = Bytes::copy_from_slice(raw);
    for part in 0..8 {
        let _ = attachment(&raw, part);
    }
}

#[test]
fn what_is_built_to_hurt_does_not() {
    // Half of what a thread of the runtime has.
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    small.spawn(hurt).expect("a thread").join().expect("no panic");
}

fn hurt() {
    let repeated = |head: &str, unit: &str| format!("{head}{}", unit.repeat(1_000_000 / unit.len()));
    let many = |head: &str, unit: &str, count: usize| format!("{head}{}", unit.repeat(count));
    let deep =
        |kind: &str| (0..20_000).map(|n| format!("Content-Type: multipart/{kind}; boundary={n}\n\n--{n}\n")).collect();
    let inner = many("", "Content-Type: message/rfc822\n\n", 30_000);
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &inner);
    for raw in [
        repeated("", "Content-Type: message/rfc822\n\n"),
        format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}"),
        repeated("Content-Type: text/html\n\n", "<a '"),
        repeated("Content-Type: text/html\n\n", "<!-"),
        repeated("Content-Type: text/html\n\n", "<pre>"),
        repeated("Content-Type: text/html\n\n", "</style<style>"),
        repeated("Content-Type: text/html\n\n", "&"),
        repeated("Content-Type: multipart/mixed; boundary=x\n\n", "\n--x\n"),
        repeated(
            "Content-Type: multipart/mixed; boundary=x\n\n",
            "\n--x\nContent-Type: multipart/mixed; boundary=y\n\n",
        ),
        repeated("Content-Type: multipart/mixed; boundary=x\n\n", "\n--x\nContent-Disposition: attachment\n\n"),
        repeated("Content-Type: multipart/mixed; boundary=x\n\n", "--"),
        repeated("Content-Type: application/x\nContent-Transfer-Encoding: base64\n\n", "====\n"),
        repeated("Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n", "=\n"),
        repeated("Content-Type: text/plain; charset=utf-7\n\n", "+"),
        repeated("Subject: ", "=?utf-8?Q?=20?= "),
        repeated("From: ", "(((((\"<"),
        repeated("To: ", "a@b, "),
        repeated("References: ", "<a@b> "),
        repeated("", "a:\n"),
        repeated("x: ", "y"),
        repeated("", "\n"),
        repeated("Content-Type: multipart/mixed; boundary=\"", "x"),
        deep("mixed"),
        deep("digest"),
        deep("alternative"),
        deep("related"),
    ] {
        for view in &every_view()[..2] {
            assert_sound(&data_of(raw.as_bytes(), view, Version::V16_1), MOST as usize);
        }
        let _ = attachment(&Bytes::from(raw), 0);
    }
}

#[test]
fn a_message_of_fifty_megabytes_is_read() {
    let line = "a line of an attachment that nobody wanted, seventy-six characters of it ...";
    let mut raw = with_line_ends(
        "Subject: large\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\n\
         Content-Type: application/x\nContent-Disposition: attachment; filename=large\n\n",
    );
    raw.extend_from_slice(line.repeat(50_000_000 / line.len()).as_bytes());
    let raw = Bytes::from(raw);
    let message = Message { raw: &raw, flags: Flags::default(), received_ms: 0, at: AT };
    let data =
        Element::new(air_sync::APPLICATION_DATA).with_all(application_data(&message, &View::default(), Version::V14_1));
    assert_eq!(body_of(&data), "text");
    let large = attachment(&raw, 2).expect("an attachment");
    assert!(large.bytes.len() > 49_000_000 && raw.ends_with(&large.bytes));
    assert!(raw.as_ptr_range().contains(&large.bytes.as_ptr()), "it shares the message's memory");
}

#[test]
fn ten_thousand_attachments_are_told_up_to_a_limit() {
    let part = "\r\n--x\r\nContent-Type: image/png; name=a.png\r\nContent-ID: <a@b>\r\n\r\nx";
    let raw = format!("Content-Type: multipart/mixed; boundary=x\r\n{}\r\n--x--\r\n", part.repeat(10_000));
    let data = shown(raw.as_bytes(), &[Preference::whole(Form::Text)]);
    assert_eq!(data.child(base::ATTACHMENTS).expect("some").elements().count(), 500);
    assert!(attachment(&Bytes::from(raw), 500).is_some());
}

#[test]
fn a_message_that_cannot_be_read_is_there_all_the_same() {
    let data = data_of(b"\x01\x02no header, no end", &View::default(), Version::V14_1);
    assert_sound(&data, 0);
    assert_eq!(text_of(&data, &[email::SUBJECT]).as_deref(), Some("(unreadable message)"));
    assert_eq!(text_of(&data, &[email::DATE_RECEIVED]).as_deref(), Some("2026-11-22T07:00:00.000Z"));
    assert_sound(&data_of(b"", &View::default(), Version::V14_1), 0);
}

#[test]
fn shared_samples_are_shown_within_the_limits() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/mail-samples");
    let mut folders: Vec<_> = samples.is_dir().then_some(samples).into_iter().collect();
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "eml") {
                assert_any_is_sound(&std::fs::read(&path).expect("a message"));
                count += 1;
            }
        }
    }
    assert!(count == 0 || count > 90, "{count} samples");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn anything_is_shown_within_the_limits(raw in proptest::collection::vec(any::<u8>(), 0..2000)) {
        assert_any_is_sound(&raw);
    }

    #[test]
    fn damaged_messages_are_shown_within_the_limits(seed: u64, cuts in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..8)) {
        let mut random = Random::new(seed);
        for mut mail in mail::every_kind(&mut random).into_iter().filter(|mail| mail.raw.len() < 20_000) {
            for (at, byte) in &cuts {
                let length = mail.raw.len().max(1);
                if let Some(place) = mail.raw.get_mut(usize::from(*at) % length) {
                    *place = *byte;
                }
            }
            let end = random.below(mail.raw.len() as u64 + 1);
            assert_any_is_sound(&mail.raw);
            assert_any_is_sound(&mail.raw[..usize::try_from(end).expect("small")]);
        }
    }
}
