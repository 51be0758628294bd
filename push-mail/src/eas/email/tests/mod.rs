//! Messages as phones get them.

mod bodies;
mod hurt;
mod meetings;

use testkit::{Random, mail};

use super::*;
use crate::store::{FolderId, Uid};
use crate::wbxml::Tag;
use crate::wbxml::tags::{air_sync, air_sync_base as base};

const AT: ItemId = ItemId { folder: FolderId(7), uid: Uid(9) };

/// 2026-11-22T07:00:00Z.
const RECEIVED_MS: u64 = 1_795_330_800_000;

fn data_of(raw: &[u8], view: &View, version: Version) -> Element {
    let raw = Bytes::copy_from_slice(raw);
    let message = Message { raw: &raw, flags: Flags::SEEN, received_ms: RECEIVED_MS, at: AT };
    Element::new(air_sync::APPLICATION_DATA).with_all(application_data(&message, view, version))
}

fn shown(raw: &[u8], bodies: &[Preference]) -> Element {
    data_of(raw, &View { bodies: bodies.to_vec(), ..View::default() }, Version::V14_1)
}

fn text_of(element: &Element, path: &[Tag]) -> Option<String> {
    let (last, path) = path.split_last().expect("a path");
    path.iter().try_fold(element, |element, tag| element.child(*tag))?.child_text(*last)
}

fn body_of(element: &Element) -> String {
    text_of(element, &[base::BODY, base::DATA]).unwrap_or_default()
}

#[test]
fn messages_of_every_kind_show_what_was_written() {
    let mut random = Random::from_env();
    for mail in mail::every_kind(&mut random) {
        for form in [Form::Text, Form::Html] {
            let data = shown(&mail.raw, &[Preference::whole(form)]);
            if mail.kind == "noise" {
                continue;
            }
            let subject = text_of(&data, &[email::SUBJECT]).unwrap_or_default();
            assert_eq!(subject, mail.subject.clone().unwrap_or_default(), "{}", mail.kind);
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = words(mail.text.as_deref().unwrap_or_default());
            let body = body_of(&data);
            let is_other = form == Form::Html && mail.kind == "alternatives that differ";
            if form == Form::Text {
                // What is expected is what a list shows: 200 bytes.
                let shown = words(&body);
                assert_eq!(text::beginning(&shown, 200), text, "{}: {}", mail.kind, String::from_utf8_lossy(&mail.raw));
            } else if !is_other {
                assert!(words(&body).contains(&text), "{}: {body}", mail.kind);
            }
        }
    }
}

fn with_line_ends(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

#[test]
fn a_message_is_told_in_the_order_that_clients_know() {
    let raw = with_line_ends(
        "From: =?utf-8?B?w4RubiBFeGFtcGxl?= <ann@example.org>\nTo: \"Bob, the\" <bob@example.org>, carl@example.org\n\
         Cc: \"Dora \\\"D\\\"\" <dora@example.org>\nReply-To: list@example.org\nSender: Eve <eve@example.org>\n\
         Subject: Re: =?iso-8859-1?Q?Gr=FC=DFe?=\nImportance: High\nMessage-ID: <2@example.org>\n\
         References: <1@example.org>\nDate: Sat, 21 Nov 2026 13:14:15 +0130\n\nHello\nthere\n",
    );
    let data = data_of(&raw, &View::default(), Version::V14_1);
    let body = Element::new(base::BODY)
        .with_text(base::TYPE, 1)
        .with_text(base::ESTIMATED_DATA_SIZE, 14)
        .with_text(base::DATA, "Hello\r\nthere\r\n");
    let mut index = ((1_795_261_455_000_i64 * 10_000 + 116_444_736_000_000_000) >> 16).to_be_bytes()[3..].to_vec();
    index.extend([0; 5]);
    let expected = [
        Element::text(email::TO, "\"Bob, the\" <bob@example.org>, carl@example.org"),
        Element::text(email::CC, "\"Dora \\\"D\\\"\" <dora@example.org>"),
        Element::text(email::FROM, "\"Änn Example\" <ann@example.org>"),
        Element::text(email::SUBJECT, "Re: Grüße"),
        Element::text(email::REPLY_TO, "list@example.org"),
        Element::text(email::DATE_RECEIVED, "2026-11-22T07:00:00.000Z"),
        Element::text(email::DISPLAY_TO, "Bob, the; carl@example.org"),
        Element::text(email::THREAD_TOPIC, "Grüße"),
        Element::text(email::IMPORTANCE, 2),
        Element::text(email::READ, 1),
        body,
        Element::text(email::MESSAGE_CLASS, "IPM.Note"),
        Element::text(email::INTERNET_CPID, 65001),
        Element::new(email::FLAG),
        Element::text(email::CONTENT_CLASS, "urn:content-classes:message"),
        Element::text(base::NATIVE_BODY_TYPE, 1),
        Element::opaque(email2::CONVERSATION_ID, md5_of("1@example.org")),
        Element::opaque(email2::CONVERSATION_INDEX, index),
        Element::new(email::CATEGORIES),
        Element::text(email2::SENDER, "\"Eve\" <eve@example.org>"),
    ];
    let told: Vec<_> = data.elements().cloned().collect();
    assert_eq!(told, expected);
    let newer = data_of(&raw, &View::default(), Version::V16_1);
    assert_eq!(text_of(&newer, &[email2::IS_DRAFT]).as_deref(), Some("0"));
}

fn md5_of(text: &str) -> Vec<u8> {
    use md5::Digest;
    md5::Md5::digest(text.as_bytes()).to_vec()
}

#[test]
fn the_messages_of_a_conversation_have_one_id() {
    let id = |head: &str| {
        let data = data_of(&with_line_ends(&format!("{head}Subject: x\n\nx")), &View::default(), Version::V14_1);
        data.child(email2::CONVERSATION_ID).expect("an id").to_bytes()
    };
    let first = id("Message-ID: <a@b>\n");
    assert_eq!(first, id("Message-ID: <c@b>\nIn-Reply-To: <a@b>\n"));
    assert_eq!(first, id("Message-ID: <d@b>\nIn-Reply-To: <c@b>\nReferences: <a@b>\n <c@b>\n"));
    assert_ne!(first, id("Message-ID: <e@b>\n"));
    assert_eq!(first.len(), 16);
}

#[test]
fn the_index_of_a_conversation_that_outlook_began_is_outlooks() {
    // [MS-OXOMSG] 2.2.1.3: 01, five bytes of time, a GUID, one answer.
    let mut theirs = vec![1, 0xDA, 0x71, 0x72, 0x7C, 0x81];
    theirs.extend([7; 16]);
    theirs.extend([1, 2, 3, 4, 5]);
    let head = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &theirs);
    let data =
        data_of(format!("Thread-Index: {head}\r\nSubject: x\r\n\r\nx").as_bytes(), &View::default(), Version::V14_1);
    let index = data.child(email2::CONVERSATION_INDEX).expect("an index").to_bytes();
    assert_eq!(index.as_ref(), [0xDA, 0x71, 0x72, 0x7C, 0x81, 1, 2, 3, 4, 5]);
}

fn attached() -> Vec<u8> {
    with_line_ends(
        "Subject: files\nContent-Type: multipart/mixed; boundary=m\n\n--m\n\
         Content-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n\
         <p>See <img src=\"cid:seen@x\"></p>\n--r\nContent-Type: image/png\nContent-ID: <seen@x>\n\
         Content-Transfer-Encoding: base64\n\naGVsbG8=\n--r\nContent-Type: image/png; name=unseen.png\n\
         Content-ID: <unseen@x>\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\naGVsbG8h\n--r--\n--m\n\
         Content-Type: application/octet-stream\n\
         Content-Disposition: attachment; filename*=utf-8''%E2%82%AC%20rates.txt\n\nplain bytes\n--m\n\
         Content-Type: message/rfc822\n\nSubject: inner/most\nContent-Type: text/plain\n\ninner\n--m\n\
         Content-Type: text/plain; name=notes.txt\nContent-Disposition: attachment\n\nnotes\n--m--\n",
    )
}

#[test]
fn attachments_are_told_with_what_they_are_and_fetched_by_their_numbers() {
    let raw = attached();
    let data = shown(&raw, &[Preference::whole(Form::Text)]);
    let all = data.child(base::ATTACHMENTS).expect("attachments");
    let told: Vec<_> = all
        .elements()
        .map(|one| {
            let text = |tag| one.child_text(tag).unwrap_or_default();
            (
                text(base::DISPLAY_NAME),
                text(base::FILE_REFERENCE),
                text(base::METHOD),
                text(base::ESTIMATED_DATA_SIZE),
                text(base::CONTENT_ID),
                text(base::IS_INLINE),
            )
        })
        .collect();
    let one = |name: &str, reference: &str, method: &str, size: &str, id: &str, inline: &str| {
        (name.to_owned(), reference.to_owned(), method.to_owned(), size.to_owned(), id.to_owned(), inline.to_owned())
    };
    let expected = [
        one("attachment3.png", "7:9:3", "1", "5", "seen@x", "1"),
        one("unseen.png", "7:9:4", "1", "6", "unseen@x", ""),
        one("€ rates.txt", "7:9:5", "1", "11", "", ""),
        one("inner_most.eml", "7:9:6", "5", "54", "", ""),
        one("notes.txt", "7:9:7", "1", "5", "", ""),
    ];
    assert_eq!(told, expected);
    assert_eq!(body_of(&data).trim(), "See");
    let raw = Bytes::from(raw);
    for (part, content_type, bytes) in [
        (3, "image/png", &b"hello"[..]),
        (4, "image/png", b"hello!"),
        (5, "application/octet-stream", b"plain bytes"),
        (6, "message/rfc822", b"Subject: inner/most\r\nContent-Type: text/plain\r\n\r\ninner"),
        (7, "text/plain", b"notes"),
    ] {
        let fetched = attachment(&raw, part).expect("an attachment");
        assert_eq!((fetched.content_type.as_str(), fetched.bytes.as_ref()), (content_type, bytes));
    }
    for none in [0, 1, 8, u32::MAX] {
        assert_eq!(attachment(&raw, none), None, "{none}");
    }
}

#[test]
fn a_part_that_is_broken_is_given_as_far_as_it_is_whole() {
    let raw = |encoding: &str, body: &str| {
        let head = "Content-Type: application/x; name=f\r\nContent-Disposition: attachment\r\n";
        Bytes::from(format!("{head}Content-Transfer-Encoding: {encoding}\r\n\r\n{body}"))
    };
    for (encoding, body, bytes) in [
        ("base64", "aGVs\r\nbG8=", "hello"),
        ("base64", "aGVsbG8", "hello"),
        ("base64", "aG!V\0s b-G8=rest", "hello"),
        ("base64", "aGVsbG8hI", "hello!"),
        ("base64", "", ""),
        ("quoted-printable", "a=3Db=\r\nc", "a=bc"),
        ("quoted-printable", "a=ZZ", "a=ZZ"),
        ("x-unknown", "as it is", "as it is"),
    ] {
        let fetched = attachment(&raw(encoding, body), 0).expect("an attachment");
        assert_eq!(String::from_utf8_lossy(&fetched.bytes), bytes, "{encoding} {body:?}");
    }
}

#[test]
fn character_sets_are_read_as_they_are_meant() {
    let body = |charset: &str, bytes: &[u8]| {
        let raw = [format!("Content-Type: text/plain{charset}\r\n\r\n").as_bytes(), bytes].concat();
        body_of(&shown(&raw, &[Preference::whole(Form::Text)]))
    };
    for (charset, bytes, text) in [
        ("; charset=iso-8859-1", &b"\xe4"[..], "ä"),
        ("; charset=utf-8", "ä".as_bytes(), "ä"),
        ("; charset=us-ascii", "ä".as_bytes(), "ä"),
        ("", "ä".as_bytes(), "ä"),
        ("", b"\xe4", "ä"),
        ("; charset=utf-8", b"a\xe4b", "aäb"),
        ("; charset=no-such", b"\xe4", "ä"),
        ("; charset=windows-1251", b"\xff", "я"),
        ("; charset=utf-16le", b"a\0\xe4\0", "aä"),
        ("; charset=shift_jis", b"\x83e\x83X", "テス"),
    ] {
        assert_eq!(body(charset, bytes), text, "{charset:?} {bytes:?}");
    }
}

#[test]
fn classes_of_messages_are_told() {
    let class = |head: &str| {
        text_of(
            &data_of(&with_line_ends(&format!("{head}\n\nx")), &View::default(), Version::V14_1),
            &[email::MESSAGE_CLASS],
        )
    };
    for (head, expected) in [
        ("Subject: x", "IPM.Note"),
        ("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "IPM.Note.SMIME"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=x", "REPORT.IPM.Note.NDR"),
        ("Content-Type: multipart/report; report-type=disposition-notification; boundary=x", "REPORT.IPM.Note.IPNRN"),
        ("Content-Type: multipart/signed; protocol=application/pgp-signature; boundary=x", "IPM.Note"),
    ] {
        assert_eq!(class(head).as_deref(), Some(expected), "{head}");
    }
}
