//! A message as a device wrote it, made ready to be sent: who it is from, who gets it, and what its head must have.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use mail_builder::headers::address::Address as Written;
use mail_builder::headers::date::Date;
use mail_parser::{Address, HeaderName, Message, MessageParser};

use crate::eas::Status;
use crate::submit::Outgoing;

/// What a letter is made ready with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer<'a> {
    /// The sender's addresses, the one that it prefers first.
    pub(super) addresses: &'a [String],
    /// What its Message-ID is made of, if it has none: before the `@`.
    pub(super) id: &'a str,
    pub(super) unix_ms: u64,
}

/// A message that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) outgoing: Outgoing,
    /// As the sender keeps it: with those who get it in secret.
    pub(super) copy: Bytes,
}

impl Letter {
    /// `raw`: its lines end in CRLF, as [`crlf`] makes them.
    pub(super) fn new(raw: &[u8], with: Writer<'_>) -> Result<Self, Status> {
        let parsed = MessageParser::default().parse_headers(raw).ok_or(Status::INVALID_MIME)?;
        // Whatever it is: no message.
        if parsed.headers().is_empty() {
            return Err(Status::INVALID_MIME);
        }
        let recipients = recipients(&parsed)?;
        let preferred = with.addresses.first().ok_or(Status::SUBMISSION_FAILED)?;
        let is_own = |address: &str| with.addresses.iter().any(|own| own.eq_ignore_ascii_case(address));
        let written = sole_author(&parsed);
        let own = written.filter(|(_, address)| is_own(address));
        let from = own.map_or_else(|| preferred.clone(), |(_, address)| address.to_owned());
        let mut head = String::new();
        let mut dropped = vec![HeaderName::ReturnPath];
        if own.is_none() {
            // RFC 6409 §6.1, §8.1: it may not say that it is from somebody else.
            let name = written.and_then(|(name, _)| name);
            head.push_str(&field("From", &Written::new_address(name, from.as_str())));
            dropped.push(HeaderName::From);
        }
        if parsed.sender().and_then(Address::first).is_none_or(|sender| !sender.address().is_some_and(is_own)) {
            dropped.push(HeaderName::Sender);
        }
        if parsed.date().is_none() {
            dropped.push(HeaderName::Date);
            head.push_str(&field("Date", &Date::new(i64::try_from(with.unix_ms / 1000).unwrap_or_default())));
        }
        if parsed.message_id().is_none() {
            dropped.push(HeaderName::MessageId);
            let domain = from.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
            head.push_str(&format!("Message-ID: <{}@{domain}>\r\n", with.id));
        }
        let copy = edited(raw, &parsed, &head, &dropped);
        dropped.push(HeaderName::Bcc);
        let raw = edited(raw, &parsed, &head, &dropped);
        Ok(Self { outgoing: Outgoing { from, recipients, raw }, copy })
    }
}

/// The one it is from: name and address.
fn sole_author<'a>(parsed: &'a Message<'_>) -> Option<(Option<&'a str>, &'a str)> {
    let fields = parsed.headers().iter().filter(|header| header.name == HeaderName::From).count();
    let mut authors = parsed.from()?.iter();
    match (fields, authors.next(), authors.next()) {
        (1, Some(author), None) => Some((author.name(), author.address()?)),
        _ => None,
    }
}

/// Each once, in the order in which they are named.
fn recipients(parsed: &Message<'_>) -> Result<Vec<String>, Status> {
    let (mut all, mut known) = (Vec::new(), HashSet::new());
    let named = [HeaderName::To, HeaderName::Cc, HeaderName::Bcc];
    let fields = parsed.headers().iter().filter(|header| named.contains(&header.name));
    for named in fields.filter_map(|header| header.value.as_address()).flat_map(Address::iter) {
        match named.address().map(str::trim).filter(|address| is_address(address)) {
            Some(address) if known.insert(address.to_ascii_lowercase()) => all.push(address.to_owned()),
            Some(_) => {}
            None if named.name().is_none() && named.address().is_none() => {}
            None => return Err(Status::RECIPIENT_UNRESOLVED),
        }
    }
    if all.is_empty() { Err(Status::NO_RECIPIENT) } else { Ok(all) }
}

/// Whether it may stand in an envelope.
fn is_address(text: &str) -> bool {
    let is_wrong = |c: char| c.is_control() || c.is_whitespace() || "<>".contains(c);
    text.rsplit_once('@').is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty())
        && !text.contains(is_wrong)
}

fn field(name: &str, value: &impl mail_builder::headers::Header) -> String {
    let mut line = format!("{name}: ").into_bytes();
    value.write_header(&mut line, name.len() + 2);
    String::from_utf8_lossy(&line).into_owned()
}

/// `raw` with `head` before it, and without the fields of those names.
fn edited(raw: &[u8], parsed: &Message<'_>, head: &str, dropped: &[HeaderName<'_>]) -> Bytes {
    let out = parsed.headers().iter().filter(|header| dropped.contains(&header.name));
    let out: Vec<Range<usize>> = out.map(|header| header.offset_field as usize..header.offset_end as usize).collect();
    let mut made = Vec::with_capacity(head.len() + raw.len());
    made.extend_from_slice(head.as_bytes());
    made.extend(without(raw, &out));
    made.into()
}

/// `raw` without `ranges`, which are in order.
pub(super) fn without(raw: &[u8], ranges: &[Range<usize>]) -> Vec<u8> {
    let mut left = Vec::with_capacity(raw.len());
    let mut from = 0;
    for range in ranges {
        left.extend_from_slice(raw.get(from..range.start).unwrap_or_default());
        from = range.end;
    }
    left.extend_from_slice(raw.get(from..).unwrap_or_default());
    left
}

/// RFC 5322 §2.3: CR and LF stand together alone. Nothing is before the first line, and the last one ends.
pub(super) fn crlf(raw: &[u8]) -> Vec<u8> {
    let start = raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(raw.len());
    let raw = &raw[start..];
    let mut lines = Vec::with_capacity(raw.len() + raw.len() / 32 + 2);
    let mut from = 0;
    for place in memchr::memchr2_iter(b'\r', b'\n', raw) {
        if raw[place] == b'\n' && place > 0 && raw[place - 1] == b'\r' {
            from = place + 1;
            continue;
        }
        lines.extend_from_slice(&raw[from..place]);
        lines.extend_from_slice(b"\r\n");
        from = place + 1;
    }
    lines.extend_from_slice(&raw[from..]);
    if !lines.ends_with(b"\r\n") {
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(raw: &str) -> Result<Letter, Status> {
        let addresses = ["alice@example.org".to_owned(), "a@example.net".to_owned()];
        Letter::new(&crlf(raw.as_bytes()), Writer { addresses: &addresses, id: "one", unix_ms: 86_400_000 })
    }

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).expect("text")
    }

    #[test]
    fn line_ends_are_made_cr_and_lf_together() {
        for (raw, expected) in [
            ("a\nb", "a\r\nb\r\n"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("a\rb\n\nc\r\r\n", "a\r\nb\r\n\r\nc\r\n\r\n"),
            ("\r\n\nTo: x", "To: x\r\n"),
            ("", "\r\n"),
        ] {
            assert_eq!(crlf(raw.as_bytes()), expected.as_bytes(), "{raw:?}");
        }
    }

    #[test]
    fn who_gets_it_in_secret_is_in_the_envelope_and_the_copy_alone() {
        let letter = ready(
            "From: Alice <a@example.net>\nTo: bob@b, Team: c@c, BOB@b;\nBcc: dora@d,\n eve@e\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nMessage-ID: <x@y>\nSubject: s\n\nhi\n",
        );
        let letter = letter.expect("right");
        assert_eq!(letter.outgoing.recipients, ["bob@b", "c@c", "dora@d", "eve@e"]);
        assert_eq!(letter.outgoing.from, "a@example.net");
        let sent = "From: Alice <a@example.net>\r\nTo: bob@b, Team: c@c, BOB@b;\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <x@y>\r\nSubject: s\r\n\r\nhi\r\n";
        assert_eq!(text(&letter.outgoing.raw), sent);
        assert_eq!(text(&letter.copy), sent.replace("BOB@b;\r\n", "BOB@b;\r\nBcc: dora@d,\r\n eve@e\r\n"));
    }

    #[test]
    fn what_its_head_lacks_is_added_and_nobody_else_is_its_author() {
        for from in
            ["", "From: Bob <bob@elsewhere>\n", "From: a@example.net, bob@b\n", "From: a@example.net\nFrom: b@b\n"]
        {
            let letter = ready(&format!("{from}Sender: eve@e\nReturn-Path: <x@y>\nTo: c@c\n\nhi")).expect("right");
            assert_eq!(letter.outgoing.from, "alice@example.org", "{from}");
            let name = if from.contains("Bob") { "\"Bob\" " } else { "" };
            let raw = text(&letter.outgoing.raw).replace("From: Bob", "From: \"Bob\"");
            let expected = format!(
                "From: {name}<alice@example.org>\r\nDate: Fri, 2 Jan 1970 00:00:00 +0000\r\nMessage-ID: <one@example.org>\r\nTo: c@c\r\n\r\nhi\r\n"
            );
            assert_eq!(raw, expected, "{from}");
        }
    }

    #[test]
    fn a_message_for_nobody_or_for_who_has_no_address_is_refused() {
        for (raw, status) in [
            ("From: a@example.net\nSubject: s\n\nhi", Status::NO_RECIPIENT),
            ("To: undisclosed-recipients:;\n\nhi", Status::NO_RECIPIENT),
            ("To: bob\n\nhi", Status::RECIPIENT_UNRESOLVED),
            ("To: \"b b\"@example.org\n\nhi", Status::RECIPIENT_UNRESOLVED),
            ("", Status::INVALID_MIME),
            ("\n\nhi", Status::INVALID_MIME),
        ] {
            assert_eq!(ready(raw).err(), Some(status), "{raw:?}");
        }
    }
}
