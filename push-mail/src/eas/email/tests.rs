//! Messages as phones get them.

use proptest::prelude::*;
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

/// Text and HTML that differ, so that it shows which is given.
fn alternatives() -> Vec<u8> {
    with_line_ends(
        "Subject: two\nContent-Type: multipart/alternative; boundary=b\n\n\
         --b\nContent-Type: text/plain; charset=utf-8\n\nas text ü\n\
         --b\nContent-Type: text/html; charset=utf-8\n\n<p>as HTML ü</p>\n--b--\n",
    )
}

fn given(data: &Element) -> (String, String, Option<String>) {
    let body = data.child(base::BODY).expect("a body");
    let text = |tag| body.child_text(tag).unwrap_or_default();
    (text(base::TYPE), text(base::DATA), body.child_text(base::TRUNCATED))
}

/// [MS-ASAIRS] 2.2.2.3.2: the native form first, and the next where one is wanted whole and is too long.
#[test]
fn a_body_is_given_in_the_native_form_if_that_is_wanted_and_else_in_the_first_that_is() {
    let raw = alternatives();
    let plain = mail::plain("one", "only <text>");
    let whole = Preference::whole;
    let cut = |form, size, all_or_none| Preference { truncation: Some(size), all_or_none, ..whole(form) };
    let is = |raw: &[u8], bodies: &[Preference]| {
        let (form, data, truncated) = given(&shown(raw, bodies));
        (form, data.trim().to_owned(), truncated.is_some())
    };
    let said = |form: &str, data: &str, cut| (form.to_owned(), data.to_owned(), cut);
    assert_eq!(is(&raw, &[whole(Form::Text), whole(Form::Html)]), said("2", "<p>as HTML ü</p>", false));
    assert_eq!(is(&raw, &[whole(Form::Text)]), said("1", "as text ü", false));
    assert_eq!(is(&raw, &[whole(Form::Rtf), whole(Form::Text)]), said("1", "as text ü", false));
    assert_eq!(is(&plain, &[whole(Form::Html), whole(Form::Text)]), said("1", "only <text>", false));
    assert_eq!(
        is(&plain, &[whole(Form::Html)]),
        said("2", "<html><body><div>only &lt;text&gt;<br>\r\n</div></body></html>", false)
    );
    assert_eq!(is(&raw, &[cut(Form::Html, 5, true), whole(Form::Text)]), said("1", "as text ü", false));
    assert_eq!(is(&raw, &[cut(Form::Html, 5, true)]), said("2", "", true));
    assert_eq!(is(&raw, &[cut(Form::Html, 5, false)]), said("2", "<p>as", true));
    assert_eq!(is(&raw, &[cut(Form::Text, 0, false)]), said("1", "", true));
    assert_eq!(is(&raw, &[whole(Form::Rtf)]), said("2", "", true));
    assert_eq!(is(&raw, &[]), said("1", "as text ü", false));
}

#[test]
fn a_body_is_cut_at_the_end_of_a_character_and_says_how_long_the_whole_is() {
    let raw = "Content-Type: text/plain; charset=utf-8\r\n\r\na\u{1F680}b";
    for (size, data) in [(1, "a"), (2, "a"), (4, "a"), (5, "a\u{1F680}"), (6, "a\u{1F680}b"), (u32::MAX, "a\u{1F680}b")]
    {
        let preference = Preference { truncation: Some(size), ..Preference::whole(Form::Text) };
        let told = shown(raw.as_bytes(), &[preference]);
        assert_eq!(body_of(&told), data, "{size}");
        assert_eq!(text_of(&told, &[base::BODY, base::ESTIMATED_DATA_SIZE]).as_deref(), Some("6"));
        let truncated = text_of(&told, &[base::BODY, base::TRUNCATED]);
        assert_eq!(truncated.as_deref(), (size < 6).then_some("1"), "{size}");
    }
}

/// [MS-ASAIRS] 2.2.2.35: plain text, and none beside text that is given.
#[test]
fn a_preview_is_text_beside_another_form() {
    let raw = alternatives();
    let preference = |form, truncation| Preference { preview: Some(5), truncation, ..Preference::whole(form) };
    let preview = |preference| text_of(&shown(&raw, &[preference]), &[base::BODY, base::PREVIEW]);
    assert_eq!(preview(preference(Form::Html, Some(0))).as_deref(), Some("as te"));
    assert_eq!(preview(preference(Form::Text, None)), None);
    assert_eq!(preview(preference(Form::Text, Some(0))).as_deref(), Some("as te"));
    let part = View { body_part: Some(preference(Form::Html, None)), ..View::default() };
    let data = data_of(&raw, &part, Version::V14_1);
    let part = data.child(base::BODY_PART).expect("a part");
    assert_eq!(part.child_text(base::STATUS).as_deref(), Some("1"));
    assert_eq!(part.child_text(base::DATA).as_deref(), Some("<p>as HTML ü</p>"));
}

fn smime() -> Vec<u8> {
    with_line_ends(
        "Subject: signed\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\n\n\
         --s\nContent-Type: text/plain\n\nsigned text\n--s\nContent-Type: application/pkcs7-signature; name=smime.p7s\n\
         Content-Transfer-Encoding: base64\n\nAAAA\n--s--\n",
    )
}

/// [MS-ASCMD] 2.2.3.110: MIMESupport 0 never, 1 of S/MIME, 2 always.
#[test]
fn a_message_is_given_as_it_came_where_that_is_wanted_and_may_be() {
    let view = |mime_support, truncation, mime_truncation| View {
        bodies: vec![Preference { truncation, ..Preference::whole(Form::Mime) }, Preference::whole(Form::Text)],
        mime_support,
        mime_truncation,
        ..View::default()
    };
    let form = |raw: &[u8], mime_support| {
        text_of(&data_of(raw, &view(mime_support, None, None), Version::V14_1), &[base::BODY, base::TYPE])
    };
    for (raw, mime_support, expected) in [
        (alternatives(), MimeSupport::Never, "1"),
        (alternatives(), MimeSupport::Smime, "1"),
        (alternatives(), MimeSupport::Always, "4"),
        (smime(), MimeSupport::Never, "1"),
        (smime(), MimeSupport::Smime, "4"),
    ] {
        assert_eq!(form(&raw, mime_support).as_deref(), Some(expected), "{mime_support:?}");
    }
    // With the line ends of mail, whatever the store has.
    let bare = smime().into_iter().filter(|byte| *byte != b'\r').collect::<Vec<_>>();
    for raw in [smime(), bare] {
        let data = data_of(&raw, &view(MimeSupport::Smime, None, Some(4096)), Version::V14_1);
        assert_eq!(data.child(base::BODY).and_then(|body| body.child(base::DATA)).expect("data").to_bytes(), smime());
        assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some("IPM.Note.SMIME.MultipartSigned"));
    }
    for (truncation, mime_truncation, length) in [(Some(10), Some(20), 10), (None, Some(20), 20), (Some(0), None, 0)] {
        let data = data_of(&smime(), &view(MimeSupport::Always, truncation, mime_truncation), Version::V14_1);
        assert_eq!(body_of(&data).len(), length);
        assert_eq!(text_of(&data, &[base::BODY, base::TRUNCATED]).as_deref(), Some("1"));
        let size = text_of(&data, &[base::BODY, base::ESTIMATED_DATA_SIZE]);
        assert_eq!(size, Some(smime().len().to_string()));
    }
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

fn invitation(method: &str, partstat: &str) -> Vec<u8> {
    with_line_ends(&format!(
        "From: ann@example.org\nSubject: Lunch\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n\
         Let us have lunch\n--b\nContent-Type: text/calendar; method={method}; charset=utf-8\n\n\
         BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nMETHOD:{method}\nBEGIN:VEVENT\nUID:u@example.org\n\
         DTSTAMP:20261121T114415Z\nDTSTART:20261123T110000Z\nDTEND:20261123T120000Z\nSUMMARY:Lunch\n\
         LOCATION:Café\nORGANIZER;CN=Ann:mailto:ann@example.org\n\
         ATTENDEE;PARTSTAT={partstat};RSVP=TRUE:mailto:bob@example.org\n\
         RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=MO\nEND:VEVENT\nEND:VCALENDAR\n--b--\n"
    ))
}

/// [MS-ASEMAIL] 2.2.2.48.
#[test]
fn an_invitation_is_a_meeting_request() {
    let raw = invitation("REQUEST", "NEEDS-ACTION");
    let data = data_of(&raw, &View::default(), Version::V14_1);
    assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some("IPM.Schedule.Meeting.Request"));
    assert_eq!(text_of(&data, &[email::CONTENT_CLASS]).as_deref(), Some("urn:content-classes:calendarmessage"));
    assert_eq!(body_of(&data).trim(), "Let us have lunch");
    assert!(data.child(base::ATTACHMENTS).is_none());
    let request = data.child(email::MEETING_REQUEST).expect("a request");
    let tags: Vec<_> = request.elements().map(|element| element.tag).collect();
    let expected = [
        email::ALL_DAY_EVENT,
        email::START_TIME,
        email::DT_STAMP,
        email::END_TIME,
        email::INSTANCE_TYPE,
        email::LOCATION,
        email::ORGANIZER,
        email::RESPONSE_REQUESTED,
        email::RECURRENCES,
        email::SENSITIVITY,
        email::BUSY_STATUS,
        email::TIME_ZONE,
        email::GLOBAL_OBJ_ID,
        email2::MEETING_MESSAGE_TYPE,
    ];
    assert_eq!(tags, expected);
    let text = |tag| request.child_text(tag).unwrap_or_default();
    assert_eq!(text(email::START_TIME), "2026-11-23T11:00:00.000Z");
    assert_eq!(text(email::ORGANIZER), "\"Ann\" <ann@example.org>");
    assert_eq!((text(email::LOCATION), text(email::INSTANCE_TYPE)), ("Café".to_owned(), "1".to_owned()));
    let rule = request.child(email::RECURRENCES).and_then(|all| all.child(email::RECURRENCE)).expect("a rule");
    let rule = |tag| rule.child_text(tag).unwrap_or_default();
    assert_eq!(
        (rule(email::TYPE), rule(email::OCCURRENCES), rule(email::DAY_OF_WEEK)),
        ("1".into(), "3".into(), "2".into())
    );
    let newer = data_of(&raw, &View::default(), Version::V16_1);
    let request = newer.child(email::MEETING_REQUEST).expect("a request");
    assert_eq!(request.child_text(crate::wbxml::tags::calendar::UID).as_deref(), Some("u@example.org"));
    assert!(request.child(email::GLOBAL_OBJ_ID).is_none() && request.child(base::LOCATION).is_some());
}

#[test]
fn what_answers_or_calls_off_a_meeting_says_so_by_its_class() {
    for (method, partstat, class, is_request) in [
        ("CANCEL", "ACCEPTED", "IPM.Schedule.Meeting.Canceled", true),
        ("REPLY", "ACCEPTED", "IPM.Schedule.Meeting.Resp.Pos", false),
        ("REPLY", "DECLINED", "IPM.Schedule.Meeting.Resp.Neg", false),
        ("REPLY", "TENTATIVE", "IPM.Schedule.Meeting.Resp.Tent", false),
        ("PUBLISH", "ACCEPTED", "IPM.Note", false),
    ] {
        let data = data_of(&invitation(method, partstat), &View::default(), Version::V14_1);
        assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some(class), "{method} {partstat}");
        assert_eq!(data.child(email::MEETING_REQUEST).is_some(), is_request);
        assert_eq!(data.child(base::ATTACHMENTS).is_some(), !is_request, "what is not hidden is there");
    }
    let broken = String::from_utf8(invitation("REQUEST", "x")).expect("text").replace("DTSTART", "DTBEGIN");
    let data = data_of(broken.as_bytes(), &View::default(), Version::V14_1);
    assert!(data.child(email::MEETING_REQUEST).is_none() && data.child(base::ATTACHMENTS).is_some());
    assert_eq!(text_of(&data, &[email::MESSAGE_CLASS]).as_deref(), Some("IPM.Note"));
}

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
