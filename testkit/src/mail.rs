//! Generated messages of every kind, each with what is to be read in it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Random;

/// A message, and what a reader sees of it.
#[derive(Clone, Debug)]
pub struct Mail {
    /// What is special about it.
    pub kind: &'static str,
    /// The message itself (RFC 5322), lines ended by CR LF.
    pub raw: Vec<u8>,
    /// What it is about, decoded.
    pub subject: Option<String>,
    /// The beginning of its readable text, white space as single spaces.
    pub text: Option<String>,
}

/// Words of several scripts, all of which can be seen.
const WORDS: [&str; 12] =
    ["mail", "arrives", "Grüße", "naïve", "новости", "письмо", "会議", "今日", "φίλε", "🚀", "price", "12:30"];

/// Some words, with single spaces.
pub fn words(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| *random.pick(&WORDS)).collect::<Vec<_>>().join(" ")
}

/// An ordinary message: plain text with this subject.
pub fn plain(subject: &str, text: &str) -> Vec<u8> {
    let mut head = head(subject);
    head.push_str("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n");
    format!("{head}\r\n{text}\r\n").into_bytes()
}

/// One message of every kind.
pub fn every_kind(random: &mut Random) -> Vec<Mail> {
    let text = words(random, 8);
    let subject = words(random, 4);
    let part = |kind: &str, encoding: &str, body: &str| {
        format!("Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n")
    };
    let plain_part = part("text/plain; charset=utf-8", "8bit", &text);
    let html = format!("<html><head><style>p {{ color: red }}</style></head><body><p>{text}</p></body></html>");
    let html_part = part("text/html; charset=utf-8", "quoted-printable", &quoted_printable(html.as_bytes()));
    let attachment = format!(
        "Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}",
        base64(&random.bytes(3000))
    );
    let alternative = multipart("alternative", "alt", &[&plain_part, &html_part]);
    let other_html = part("text/html; charset=utf-8", "8bit", "<p>not this</p>");
    let report =
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nAction: failed\r\n";
    let latin = latin1("Grüße aus Köln");
    let bodies: Vec<(&'static str, String, Option<&str>)> = vec![
        ("plain text", plain_part.clone(), Some(&text)),
        ("plain text in base64", part("text/plain; charset=utf-8", "base64", &base64(text.as_bytes())), Some(&text)),
        (
            "quoted-printable",
            part("text/plain; charset=utf-8", "quoted-printable", &quoted_printable(text.as_bytes())),
            Some(&text),
        ),
        (
            "another character set",
            part("text/plain; charset=iso-8859-1", "quoted-printable", &quoted_printable(&latin)),
            Some("Grüße aus Köln"),
        ),
        ("HTML alone", html_part.clone(), Some(&text)),
        ("alternatives", alternative.clone(), Some(&text)),
        ("alternatives that differ", multipart("alternative", "alt", &[&plain_part, &other_html]), Some(&text)),
        (
            "an empty alternative",
            multipart("alternative", "alt", &[&part("text/plain", "7bit", " "), &html_part]),
            Some(&text),
        ),
        ("an attachment", multipart("mixed", "mix", &[&plain_part, &attachment]), Some(&text)),
        ("alternatives and an attachment", multipart("mixed", "mix", &[&alternative, &attachment]), Some(&text)),
        (
            "related pictures",
            multipart("related", "rel", &[&alternative, &part("image/png", "base64", &base64(&random.bytes(500)))]),
            Some(&text),
        ),
        ("a report", multipart("report; report-type=delivery-status", "rep", &[&plain_part, report]), Some(&text)),
        ("an attachment alone", attachment.clone(), None),
        ("no text", part("text/plain", "7bit", ""), None),
    ];
    let mail = |(kind, body, text): (&'static str, String, Option<&str>)| Mail {
        kind,
        raw: format!("{}{body}", head(&subject)).into_bytes(),
        subject: Some(subject.clone()),
        text: text.map(str::to_owned),
    };
    let mut all: Vec<Mail> = bodies.into_iter().map(mail).collect();
    all.extend(damaged(random));
    all
}

/// Messages that no program should have written.
fn damaged(random: &mut Random) -> Vec<Mail> {
    let bare = |kind, raw: Vec<u8>, subject: Option<&str>, text: Option<&str>| Mail {
        kind,
        raw,
        subject: subject.map(str::to_owned),
        text: text.map(str::to_owned),
    };
    let unended = format!(
        "{}Content-Type: multipart/mixed; boundary=\"never\"\r\n\r\n--never\r\nContent-Type: text/plain\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}",
        head("unended"),
        base64(b"it goes on and")
    );
    let nested =
        (0..300).fold(plain_part_of("deep"), |inner, level| multipart("mixed", &format!("level-{level}"), &[&inner]));
    vec![
        bare("an unended part", unended.into_bytes(), Some("unended"), Some("it goes on and")),
        bare("deeply nested", format!("{}{nested}", head("nested")).into_bytes(), Some("nested"), Some("deep")),
        bare("no body", head("no body").into_bytes(), Some("no body"), None),
        bare("no header", b"\r\nonly text\r\n".to_vec(), None, Some("only text")),
        bare("control characters", plain("a\u{1}b\u{7}c", "x\u{0}y\u{1b}[2Jz"), Some("abc"), Some("xy[2Jz")),
        bare("nothing", Vec::new(), None, None),
        bare("long lines", plain("long", &"x".repeat(100_000)), Some("long"), Some(&"x".repeat(200))),
        Mail { kind: "noise", raw: random.bytes(5000), subject: None, text: None },
    ]
}

fn plain_part_of(text: &str) -> String {
    format!("Content-Type: text/plain\r\n\r\n{text}\r\n")
}

/// The header of a message, without what says how its body is written.
fn head(subject: &str) -> String {
    let encoded = |text: &str| format!("=?utf-8?B?{}?=", STANDARD.encode(text));
    let subject = if subject.is_ascii() { subject.to_owned() } else { encoded(subject) };
    format!(
        "From: {} <ann@example.org>\r\nTo: bob@example.org\r\nSubject: {subject}\r\n\
         Date: Sat, 21 Nov 2026 13:14:15 +0130\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n",
        encoded("Änn Example")
    )
}

/// Parts, with the header that says how they are kept apart.
pub fn multipart(subtype: &str, boundary: &str, parts: &[&str]) -> String {
    let mut out = format!("Content-Type: multipart/{subtype}; boundary=\"{boundary}\"\r\n\r\n");
    for part in parts {
        // Writing to a String cannot fail.
        let _ = write!(out, "--{boundary}\r\n{part}\r\n");
    }
    let _ = write!(out, "--{boundary}--\r\n");
    out
}

fn base64(bytes: &[u8]) -> String {
    let all = STANDARD.encode(bytes);
    let lines: Vec<&str> =
        all.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    lines.join("\r\n") + "\r\n"
}

fn quoted_printable(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut column = 0;
    for byte in bytes {
        if column > 70 {
            out.push_str("=\r\n");
            column = 0;
        }
        if matches!(byte, 33..=60 | 62..=126 | b' ') {
            out.push(char::from(*byte));
            column += 1;
        } else {
            let _ = write!(out, "={byte:02X}");
            column += 3;
        }
    }
    out
}

/// Characters up to U+00FF, each as one byte.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("Latin-1")).collect()
}
