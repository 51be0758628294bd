//! Messages with their originals, as whoever gets them reads them.

use mail_parser::{Message, MessageParser, MimeHeaders};

use super::*;

const PLAIN: &str = "From: Bob <bob@example.org>\nTo: alice@example.org\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nMessage-ID: <2@b>\nReferences: <1@b>\nSubject: plans\n\nthe plans ä\n";

const HTML: &str = "From: bob@example.org\nSubject: =?utf-8?q?pl=C3=A4ne?=\nContent-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n<html><body style=3D\"color:red\">sch=F6n <img src=3D\"cid:pic@b\"></body></html>\n--r\nContent-Type: image/png\nContent-ID: <pic@b>\nContent-Transfer-Encoding: base64\n\naGk=\n--r--\n--m\nContent-Type: application/pdf; name=\"a.pdf\"\nContent-Disposition: attachment; filename=\"a.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERg==\n--m--\n";

const SIGNED: &str = "From: bob@example.org\nSubject: sealed\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\n\n--s\nContent-Type: text/plain\n\nsigned words\n--s\nContent-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\nAAEC\n--s--\n";

const HEAD: &str = "To: carol@example.org\nSubject: RE: plans\n";

fn made(written: &str, verb: Verb, raw: &str) -> String {
    let original = Original { class: Class::Email, raw: raw.as_bytes() };
    let made = with_original(&super::super::letter::crlf(written.as_bytes()), verb, original).expect("it can be made");
    assert!(!made.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'), "a line end of its own kind");
    String::from_utf8(made).expect("text")
}

fn parsed(made: &str) -> Message<'_> {
    let message = MessageParser::default().parse(made).expect("a message");
    assert_eq!(message.headers().iter().filter(|field| field.name == HeaderName::MimeVersion).count(), 1);
    assert_eq!(message.headers().iter().filter(|field| field.name == HeaderName::ContentType).count(), 1);
    message
}

fn files(message: &Message<'_>) -> Vec<(String, Vec<u8>)> {
    let name = |part: &mail_parser::MessagePart<'_>| {
        part.attachment_name().or_else(|| part.content_id()).unwrap_or_default().to_owned()
    };
    message.attachments().map(|part| (name(part), part.contents().to_vec())).collect()
}

#[test]
fn under_text_stands_who_wrote_the_original_and_all_its_text() {
    let made = made(
        &format!("{HEAD}Mime-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nyes ö\n"),
        Verb::Reply,
        PLAIN,
    );
    let message = parsed(&made);
    assert_eq!(
        message.body_text(0).expect("text"),
        "yes ö\r\n\r\n-----Original Message-----\r\nFrom: Bob <bob@example.org>\r\nSent: Thu, 1 Jan 1970 00:00:00 +0000\r\n\
         To: alice@example.org\r\nSubject: plans\r\n\r\nthe plans ä\r\n"
    );
    assert_eq!(message.subject(), Some("RE: plans"));
    assert_eq!(message.in_reply_to().as_text(), Some("2@b"));
    assert_eq!(message.references().as_text_list().map(<[_]>::len), Some(2));
    assert!(message.attachments.is_empty());
}

#[test]
fn under_html_stands_html_with_the_pictures_that_it_shows() {
    let written =
        format!("{HEAD}In-Reply-To: <own@a>\nContent-Type: text/html; charset=utf-8\n\n<html><body>ja</body></html>\n");
    let made = made(&written, Verb::Reply, HTML);
    let message = parsed(&made);
    let html = message.body_html(0).expect("HTML");
    assert!(
        html.starts_with("<html><body>ja<hr><div><b>From:</b> bob@example.org<br><b>Subject:</b> pläne<br></div>"),
        "{html}"
    );
    assert!(html.contains("<div style=\"color:red\">schön <img src=\"cid:pic@b\"></div>"), "{html}");
    assert!(html.trim_end().ends_with("</body></html>") && html.matches("<body").count() == 1, "{html}");
    assert_eq!(files(&message), [("pic@b".to_owned(), b"hi".to_vec())], "and no file that is not shown");
    assert_eq!(message.in_reply_to().as_text(), Some("own@a"), "it knows better");
    assert!(message.root_part().content_type().is_some_and(|kind| kind.subtype() == Some("related")));
}

#[test]
fn what_is_forwarded_has_all_files_of_both() {
    let written = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\nContent-Type: text/plain\n\nlook\n--y\nContent-Type: text/html\n\n<p>look\n--y--\n--x\nContent-Type: text/plain; name=own.txt\nContent-Disposition: attachment; filename=own.txt\n\nmy own\n--x--\n"
    );
    let made = made(&written, Verb::Forward, HTML);
    let message = parsed(&made);
    let text = message.body_text(0).expect("text");
    assert!(text.starts_with("look\r\n\r\n-----Original Message-----\r\n") && text.contains("schön"), "{text}");
    let html = message.body_html(0).expect("HTML");
    assert!(html.starts_with("<p>look") && html.contains("schön"), "{html}");
    let mut files = files(&message);
    files.sort();
    let expected = [("a.pdf", "%PDF"), ("own.txt", "my own"), ("pic@b", "hi")];
    assert_eq!(files, expected.map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec())));
    assert!(message.header(HeaderName::InReplyTo).is_none());
}

#[test]
fn what_is_signed_goes_along_whole_and_is_read_where_it_is_answered() {
    let written = format!("{HEAD}\nlook\n");
    let forwarded = made(&written, Verb::Forward, SIGNED);
    let message = parsed(&forwarded);
    assert_eq!(message.body_text(0).expect("text").trim_end(), "look");
    let inner = message.attachments().next().and_then(mail_parser::MessagePart::message).expect("a message");
    assert_eq!(inner.subject(), Some("sealed"));
    assert!(forwarded.contains(&SIGNED.replace('\n', "\r\n")), "as it was signed");
    let answered = made(&written, Verb::Reply, SIGNED);
    assert!(parsed(&answered).body_text(0).expect("text").contains("signed words"));
}

#[test]
fn what_the_device_signed_stays_as_it_is_within_what_is_sent() {
    let body = SIGNED.split_once("Content-Type").map(|(_, rest)| format!("Content-Type{rest}")).expect("a body");
    let made = made(&format!("{HEAD}{body}"), Verb::Reply, PLAIN);
    assert!(made.contains(&body.replace('\n', "\r\n")), "{made}");
    let message = parsed(&made);
    assert!(message.attachments().any(|part| part.message().is_some_and(|inner| inner.subject() == Some("plans"))));
}

#[test]
fn lines_that_may_be_joined_still_may() {
    let made = made(&format!("{HEAD}Content-Type: text/plain; format=flowed\n\none \ntwo\n"), Verb::Reply, PLAIN);
    let message = parsed(&made);
    assert_eq!(message.root_part().content_type().and_then(|kind| kind.attribute("format")), Some("flowed"));
    assert!(message.body_text(0).expect("text").starts_with("one \r\ntwo"));
}

#[test]
fn a_message_that_is_a_file_alone_is_answered_with_its_head() {
    let raw = "From: bob@example.org\nContent-Type: image/png; name=p.png\nContent-Transfer-Encoding: base64\n\naGk=\n";
    let answered = made(&format!("{HEAD}\nnice\n"), Verb::Reply, raw);
    let message = parsed(&answered);
    assert!(message.body_text(0).expect("text").starts_with("nice\r\n\r\n-----Original Message-----\r\nFrom: bob"));
    assert!(message.attachments.is_empty());
    let forwarded = made(&format!("{HEAD}\nnice\n"), Verb::Forward, raw);
    assert_eq!(files(&parsed(&forwarded)), [("p.png".to_owned(), b"hi".to_vec())]);
}

#[test]
fn a_sender_cannot_write_lines_of_the_head_that_is_told_of_it() {
    let raw = "From: =?utf-8?q?a=0D=0AFrom:_b?= <bob@example.org>\nSubject: =?utf-8?q?x=0A<script>?=\n\nhi\n";
    let text = made(&format!("{HEAD}\nyes\n"), Verb::Reply, raw);
    let text = parsed(&text).body_text(0).expect("text").into_owned();
    assert_eq!(text.matches("\r\nFrom:").count(), 1, "{text}");
    let html = made(&format!("{HEAD}Content-Type: text/html\n\nyes"), Verb::Reply, raw);
    assert!(parsed(&html).body_html(0).expect("HTML").contains("&lt;script&gt;"));
}

#[test]
fn a_meeting_is_forwarded_as_a_file_also_without_a_word() {
    let ics = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let original = Original { class: Class::Calendar, raw: ics.as_bytes() };
    let to = [
        Forwardee { name: Some("Bob".to_owned()), address: "bob@example.org".to_owned() },
        Forwardee { name: None, address: "c@example.org".to_owned() },
    ];
    let made = String::from_utf8(forwarded(b"\r\n", &to, original).expect("made")).expect("text");
    let message = parsed(&made);
    assert_eq!(message.subject(), Some("FW: lunch"));
    assert_eq!(message.to().map(|to| to.iter().count()), Some(2));
    assert_eq!(files(&message), [("meeting.ics".to_owned(), ics.as_bytes().to_vec())]);
    let written = format!("{HEAD}\nlook\n");
    let made = with_original(written.replace('\n', "\r\n").as_bytes(), Verb::Forward, original).expect("made");
    let made = String::from_utf8(made).expect("text");
    assert_eq!(files(&parsed(&made)).len(), 1);
}

#[test]
fn whatever_is_answered_something_is_made_or_refused() {
    for written in [
        "",
        "x",
        "To: a@b",
        "To: a@b\n\n",
        "Content-Type: multipart/mixed\n\n--\n--",
        "To: a\nContent-Type: text/html\n\n",
    ] {
        for raw in [
            "",
            "x",
            "\n\n",
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n--a--",
            "Content-Type: message/rfc822\n\n",
        ] {
            for verb in [Verb::Reply, Verb::Forward] {
                let original = Original { class: Class::Email, raw: raw.as_bytes() };
                if let Ok(made) = with_original(&super::super::letter::crlf(written.as_bytes()), verb, original) {
                    parsed(&String::from_utf8_lossy(&made));
                }
            }
        }
    }
}
