//! The original with what is written to it ([MS-ASCMD] 2.2.1.19, 2.2.1.20): the server adds what the device never fetched.
//!
//! ```text
//!  written ─▶ its text ── head of the original ── text of the original
//!          └▶ its HTML ── head of the original ── HTML of the original, with the pictures that it shows
//!          └▶ its attachments ── those of the original, where it is forwarded
//! ```
//!
//! What is signed or enciphered is never taken apart: the original goes along whole then, as a message of its own.

mod html;
mod parts;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use mail_builder::headers::address::Address as Written;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};
use mail_parser::{Address, Header, HeaderName, HeaderValue, Message, MessageParser};

use self::html::{escaped, inserted, nested};
use self::parts::{Parts, is_of_body, is_sealed};
use super::letter::without;
use super::request::{Forwardee, Verb};
use crate::eas::Status;
use crate::store::Class;

/// What is answered or forwarded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Original<'a> {
    pub(super) class: Class,
    pub(super) raw: &'a [u8],
}

/// The message as it is to be sent. `written`: lines in CRLF.
pub(super) fn with_original(written: &[u8], verb: Verb, original: Original<'_>) -> Result<Vec<u8>, Status> {
    let parser = MessageParser::default();
    let letter = parser.parse(written).filter(|letter| !letter.headers().is_empty()).ok_or(Status::INVALID_MIME)?;
    let quoted = match original.class {
        Class::Email => Some(parser.parse(original.raw).ok_or(Status::ITEM_NOT_FOUND)?),
        _ => None,
    };
    let mut head = head(written, &letter);
    if let (Some(quoted), Verb::Reply) = (&quoted, verb) {
        head.extend_from_slice(thread(&letter, quoted).as_bytes());
    }
    let body = match &quoted {
        Some(quoted) if !is_sealed(&letter) && (verb == Verb::Reply || !is_sealed(quoted)) => {
            joined(&letter, written, quoted, original.raw, verb)
        }
        // There is no text of it that could stand below an answer.
        None if verb == Verb::Reply => return Ok(written.to_vec()),
        _ => added(&letter, written, vec![whole(original)]),
    };
    head.extend_from_slice(b"MIME-Version: 1.0\r\n");
    body.write_part(&mut head);
    // Parts of the original are as its sender wrote them.
    Ok(super::letter::crlf(&head))
}

/// The original for `forwardees`, under what was written if anything was.
pub(super) fn forwarded(written: &[u8], forwardees: &[Forwardee], original: Original<'_>) -> Result<Vec<u8>, Status> {
    let to = forwardees.iter().map(|one| Written::new_address(one.name.as_deref(), one.address.as_str())).collect();
    let mut head = Vec::new();
    push_field(&mut head, "To", &Written::new_list(to));
    let is_written = !written.trim_ascii().is_empty();
    if !is_written {
        let subject = format!("FW: {}", subject_of(original));
        push_field(&mut head, "Subject", &mail_builder::headers::text::Text::new(subject));
        head.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n\r\n");
    } else {
        head.extend_from_slice(written);
    }
    with_original(&head, Verb::Forward, original)
}

fn push_field(head: &mut Vec<u8>, name: &str, value: &impl mail_builder::headers::Header) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    value.write_header(head, name.len() + 2);
}

fn subject_of(original: Original<'_>) -> String {
    let raw = String::from_utf8_lossy(original.raw);
    let summary = raw.lines().find_map(|line| line.strip_prefix("SUMMARY:"));
    match original.class {
        Class::Email => {
            let parsed = MessageParser::default().parse_headers(original.raw);
            parsed.and_then(|message| message.subject().map(ToOwned::to_owned)).unwrap_or_default()
        }
        _ => summary.unwrap_or_default().to_owned(),
    }
}

/// The head of what was written, without what belongs to its body.
fn head(written: &[u8], letter: &Message<'_>) -> Vec<u8> {
    let end = letter.root_part().offset_body as usize;
    let is_replaced = |field: &&Header<'_>| is_of_body(field) || field.name == HeaderName::MimeVersion;
    let of_body = letter.headers().iter().filter(is_replaced);
    let of_body: Vec<_> = of_body.map(|field| field.offset_field as usize..field.offset_end as usize).collect();
    let mut head = without(written.get(..end).unwrap_or(written), &of_body);
    // The blank line behind it comes after what is still to be written.
    while head.ends_with(b"\r\n") {
        head.truncate(head.len() - 2);
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// RFC 5322 §3.6.4, where the device did not write it.
fn thread(letter: &Message<'_>, quoted: &Message<'_>) -> String {
    let Some(id) = quoted.message_id().filter(|id| !id.contains(char::is_whitespace)) else { return String::new() };
    let mut fields = String::new();
    if letter.header(HeaderName::InReplyTo).is_none() {
        fields.push_str(&format!("In-Reply-To: <{id}>\r\n"));
    }
    if letter.header(HeaderName::References).is_none() {
        let earlier = match quoted.references() {
            HeaderValue::Text(id) => vec![id.as_ref()],
            HeaderValue::TextList(ids) => ids.iter().map(Cow::as_ref).collect(),
            _ => Vec::new(),
        };
        // The first and the last few are enough to find the thread, and heads stay short.
        let skipped = earlier.len().saturating_sub(20);
        let kept = earlier.iter().enumerate().filter(|(place, _)| *place == 0 || *place > skipped).map(|(_, id)| *id);
        fields.push_str("References:");
        for id in kept.chain([id]).filter(|id| !id.contains(char::is_whitespace)) {
            fields.push_str(&format!(" <{id}>\r\n"));
        }
    }
    fields
}

/// Under what was written, the original: text under text, HTML under HTML.
fn joined<'a>(
    letter: &'a Message<'a>,
    written: &'a [u8],
    quoted: &'a Message<'a>,
    original: &'a [u8],
    verb: Verb,
) -> MimePart<'a> {
    let (mine, theirs) = (Parts::of(letter, written), Parts::of(quoted, original));
    let about = about(quoted);
    let html = mine.html.as_ref().map(|html| {
        let quote = theirs.html_anyhow();
        inserted(html, &format!("<hr>{}{}", as_html(&about), nested(&quote)))
    });
    let text = (mine.text.is_some() || html.is_none()).then(|| {
        let text = mine.text.as_deref().unwrap_or_default();
        format!("{}\r\n\r\n{}\r\n{}", text.trim_end(), as_text(&about), theirs.text_anyhow(quoted))
    });
    let shown = |id: &str| html.as_deref().is_some_and(|html| html.contains(&format!("cid:{id}")));
    let (mut inline, mut attached) = (Vec::new(), Vec::new());
    let mine_too = mine.others.iter().map(|part| (part, true));
    let theirs_too = theirs.others.iter().map(|part| (part, verb == Verb::Forward));
    for (part, is_wanted) in mine_too.chain(theirs_too) {
        let is_shown = part.id.as_deref().is_some_and(shown);
        match (is_shown, is_wanted) {
            (true, _) => inline.push(MimePart::raw(part.source.clone())),
            (false, true) => attached.push(MimePart::raw(part.source.clone())),
            (false, false) => {}
        }
    }
    let text = text.map(|text| MimePart::new(kind("text/plain", mine.is_flowed), text));
    let html = html.map(|html| of_many("multipart/related", MimePart::new("text/html", html), inline));
    let readable = match (text, html) {
        (Some(text), Some(html)) => MimePart::new("multipart/alternative", vec![text, html]),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => MimePart::new("text/plain", ""),
    };
    of_many("multipart/mixed", readable, attached)
}

fn kind(kind: &'static str, is_flowed: bool) -> ContentType<'static> {
    let kind = ContentType::new(kind).attribute("charset", "utf-8");
    // RFC 3676: otherwise the lines that the device cut stay cut.
    if is_flowed { kind.attribute("format", "flowed") } else { kind }
}

fn of_many<'a>(kind: &'static str, first: MimePart<'a>, others: Vec<MimePart<'a>>) -> MimePart<'a> {
    if others.is_empty() {
        return first;
    }
    MimePart::new(kind, std::iter::once(first).chain(others).collect::<Vec<_>>())
}

/// What was written as it is, with more behind it.
fn added<'a>(letter: &'a Message<'a>, written: &'a [u8], more: Vec<MimePart<'a>>) -> MimePart<'a> {
    of_many("multipart/mixed", MimePart::raw(parts::source(letter, written, 0)), more)
}

/// The original as a part of its own.
fn whole(original: Original<'_>) -> MimePart<'_> {
    let raw = original.raw;
    let (kind, name) = match original.class {
        Class::Email => ("message/rfc822", "message.eml"),
        Class::Calendar | Class::Tasks => ("text/calendar", "meeting.ics"),
        Class::Contacts => ("text/vcard", "contact.vcf"),
        Class::Notes => ("text/plain", "note.txt"),
    };
    if original.class != Class::Email {
        return MimePart::new(kind, BodyPart::Text(String::from_utf8_lossy(raw))).attachment(name);
    }
    // RFC 2046 §5.2.1: no other encoding may be around a message.
    let encoding = if raw.is_ascii() { "7bit" } else { "8bit" };
    MimePart::new(kind, raw).attachment(name).transfer_encoding(encoding)
}

/// What is told of the original: who, when, to whom, about what.
fn about(quoted: &Message<'_>) -> Vec<(&'static str, String)> {
    let people = |address: Option<&Address<'_>>| address.map(named).filter(|names| !names.is_empty());
    let date = quoted.date().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_rfc822);
    let all = [
        ("From", people(quoted.from())),
        ("Sent", date),
        ("To", people(quoted.to())),
        ("Cc", people(quoted.cc())),
        ("Subject", quoted.subject().map(one_line)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// A line for people: whoever wrote it began none of his own.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn named(address: &Address<'_>) -> String {
    let names = address.iter().map(|one| match (one.name(), one.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (one, other) => one.or(other).unwrap_or_default().to_owned(),
    });
    one_line(&names.collect::<Vec<_>>().join("; "))
}

fn as_text(about: &[(&str, String)]) -> String {
    let lines = about.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("-----Original Message-----\r\n{}", lines.collect::<String>())
}

fn as_html(about: &[(&str, String)]) -> String {
    let lines = about.iter().map(|(name, value)| format!("<b>{name}:</b> {}<br>", escaped(value)));
    format!("<div>{}</div><br>", lines.collect::<String>())
}
