//! Who, to whom, what about, when.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Addr, DateTime, HeaderName, HeaderValue};
use md5::{Digest, Md5};

use super::mime::Part;
use super::text;
use crate::wbxml::tags::{email, email2};
use crate::wbxml::{Element, Tag};

/// Characters of a list of addresses ([MS-ASEMAIL] 2.2.2.75, To, and others).
const ADDRESSES: usize = 32_768;

/// Characters of the list of those who get it without the others knowing ([MS-ASEMAIL] 2.2.2.9, Bcc).
const BCC: usize = 1024;

/// Characters of one address with its name.
const ADDRESS: usize = 1024;

/// Characters of the names of those who get it ([MS-ASEMAIL] 2.2.2.28, DisplayTo, has no bound of its own).
const DISPLAY_TO: usize = 1024;

/// Characters of a subject: a line of a message (RFC 5322 §2.1.1).
const SUBJECT: usize = 998;

/// Answers and forwardings that a conversation's index counts.
const RESPONSES: usize = 100;

/// Unix seconds of years with four digits.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// From 1601 to 1970, in the 100 ns that Windows counts.
const WINDOWS_EPOCH: i64 = 116_444_736_000_000_000;

fn addresses<'a>(root: &'a Part<'_>, name: &HeaderName<'_>) -> impl Iterator<Item = &'a Addr<'a>> {
    let values = root.headers.iter().filter(move |header| header.name == *name);
    values.filter_map(|header| header.value.as_address()).flat_map(|address| address.iter())
}

/// `"Name" <address>`, or the address alone (RFC 5322 §3.4).
fn address(addr: &Addr<'_>) -> Option<String> {
    let mailbox = addr.address().map(|address| text::line(address, ADDRESS)).filter(|address| !address.is_empty());
    let name = addr.name().map(|name| text::line(name, ADDRESS)).filter(|name| !name.is_empty());
    match (name, mailbox) {
        (Some(name), Some(mailbox)) if name != mailbox => {
            Some(format!("\"{}\" <{mailbox}>", name.replace('\\', "\\\\").replace('"', "\\\"")))
        }
        (_, Some(mailbox)) => Some(mailbox),
        (name, None) => name.map(|name| format!("\"{}\"", name.replace(['\\', '"'], " "))),
    }
}

/// As many whole addresses as there is room for.
fn joined(all: impl Iterator<Item = String>, separator: &str, most: usize) -> String {
    let mut out = String::new();
    let mut characters = 0;
    for one in all {
        let needed = one.chars().count() + separator.len();
        if characters + needed > most {
            break;
        }
        if !out.is_empty() {
            out.push_str(separator);
        }
        out.push_str(&one);
        characters += needed;
    }
    out
}

/// The element of a list of addresses, if there are any.
fn element(root: &Part<'_>, name: &HeaderName<'_>, tag: Tag, most: usize) -> Option<Element> {
    let list = joined(addresses(root, name).filter_map(address), ", ", most);
    (!list.is_empty()).then(|| Element::text(tag, list))
}

pub(super) fn to(root: &Part<'_>) -> Option<Element> {
    element(root, &HeaderName::To, email::TO, ADDRESSES)
}

pub(super) fn cc(root: &Part<'_>) -> Option<Element> {
    element(root, &HeaderName::Cc, email::CC, ADDRESSES)
}

pub(super) fn bcc(root: &Part<'_>) -> Option<Element> {
    element(root, &HeaderName::Bcc, email2::BCC, BCC)
}

pub(super) fn reply_to(root: &Part<'_>) -> Option<Element> {
    element(root, &HeaderName::ReplyTo, email::REPLY_TO, ADDRESSES)
}

/// The author, the first of several.
pub(super) fn from(root: &Part<'_>) -> Option<Element> {
    let names = [HeaderName::From, HeaderName::Sender];
    let first = names.iter().find_map(|name| addresses(root, name).find_map(address))?;
    Some(Element::text(email::FROM, first))
}

/// Who sent it in the name of the author ([MS-ASEMAIL] 2.2.2.69, Sender).
pub(super) fn sender(root: &Part<'_>) -> Option<Element> {
    let first = |name| addresses(root, &name).find_map(|one| Some((one.address()?.to_owned(), address(one)?)));
    let (mailbox, whole) = first(HeaderName::Sender)?;
    let is_author = first(HeaderName::From).is_some_and(|(author, _)| author.eq_ignore_ascii_case(&mailbox));
    (!is_author).then(|| Element::text(email2::SENDER, whole))
}

/// The names of those who get it.
pub(super) fn display_to(root: &Part<'_>) -> Option<Element> {
    let name = |addr: &Addr<'_>| {
        let name = addr.name().or(addr.address()).map(|name| text::line(name, ADDRESS))?;
        (!name.is_empty()).then_some(name)
    };
    let names = joined(addresses(root, &HeaderName::To).filter_map(name), "; ", DISPLAY_TO);
    (!names.is_empty()).then(|| Element::text(email::DISPLAY_TO, names))
}

pub(super) fn subject(root: &Part<'_>) -> String {
    root.text(&HeaderName::Subject).map(|subject| text::line(subject, SUBJECT)).unwrap_or_default()
}

/// What a conversation is about: the subject without `Re:` and the like.
pub(super) fn topic(subject: &str) -> &str {
    mail_parser::parsers::fields::thread::thread_name(subject)
}

/// [MS-ASEMAIL] 2.2.2.38, Importance: 0 low, 1 normal, 2 high.
pub(super) fn importance(root: &Part<'_>) -> u8 {
    let word = |name: &'static str| {
        let header = root.headers.iter().find(|header| header.name.as_str().eq_ignore_ascii_case(name))?;
        header.value.as_text().map(|text| text.trim().to_ascii_lowercase())
    };
    match word("Importance").or_else(|| word("Priority")).as_deref() {
        Some("high" | "urgent") => return 2,
        Some("low" | "non-urgent") => return 0,
        _ => {}
    }
    match word("X-Priority").and_then(|text| text.bytes().next()) {
        Some(b'1' | b'2') => 2,
        Some(b'4' | b'5') => 0,
        _ => 1,
    }
}

/// When it was written, in Unix milliseconds.
fn written_ms(root: &Part<'_>) -> Option<i64> {
    let date = root.header(&HeaderName::Date).and_then(HeaderValue::as_datetime)?;
    // RFC 5322 §3.3: a leap second is a time of day, which the parser does not expect.
    let date = DateTime { second: date.second.min(59), ..*date };
    let seconds = date.is_valid().then(|| date.to_timestamp()).filter(|seconds| SECONDS.contains(seconds))?;
    Some(seconds * 1000)
}

/// When it came, in Unix milliseconds; when it was written where nobody knows.
pub(super) fn received_ms(root: Option<&Part<'_>>, received_ms: u64) -> i64 {
    let known = i64::try_from(received_ms).ok().filter(|ms| *ms > 0 && SECONDS.contains(&(ms / 1000)));
    known.or_else(|| root.and_then(written_ms)).unwrap_or(0)
}

/// As [MS-ASDTYPE] 2.7.2 writes a time: `2026-11-22T07:00:00.000Z`.
pub(super) fn time(unix_ms: i64) -> String {
    let date = DateTime::from_timestamp(unix_ms.div_euclid(1000)).to_rfc3339();
    format!("{}.{:03}Z", date.trim_end_matches('Z'), unix_ms.rem_euclid(1000))
}

fn ids(root: &Part<'_>, name: &HeaderName<'_>) -> Vec<String> {
    match root.header(name) {
        Some(HeaderValue::Text(id)) => vec![id.trim().to_owned()],
        Some(HeaderValue::TextList(ids)) => ids.iter().map(|id| id.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

/// The same 16 bytes for all messages of a conversation: by the message that began it, as far as this one tells
/// ([MS-ASEMAIL] 2.2.2.21, ConversationId: opaque).
pub(super) fn conversation_id(root: &Part<'_>, subject: &str) -> Element {
    let names = [HeaderName::References, HeaderName::InReplyTo, HeaderName::MessageId];
    let first = names.iter().find_map(|name| ids(root, name).into_iter().find(|id| !id.is_empty()));
    let key = first.unwrap_or_else(|| topic(subject).to_lowercase());
    Element::opaque(email2::CONVERSATION_ID, Md5::digest(key.as_bytes()).to_vec())
}

/// When the conversation began, and five bytes for each answer ([MS-ASCON] 2.2.2.4). Of what other programs leave, the
/// answers are counted, when they were given is not known.
pub(super) fn conversation_index(root: &Part<'_>, received_ms: i64) -> Element {
    let outlooks = root.headers.iter().find(|header| header.name.as_str().eq_ignore_ascii_case("Thread-Index"));
    let outlooks = outlooks.and_then(|header| header.value.as_text());
    let outlooks = outlooks.and_then(|text| STANDARD.decode(text::line(text, ADDRESS).replace(' ', "")).ok());
    if let Some(index) = outlooks.filter(|index| index.len() >= 22 && (index.len() - 22) % 5 == 0) {
        // [MS-OXOMSG] 2.2.1.3: a byte, five of time, a GUID of sixteen, and the answers.
        let mut own = index[1..6].to_vec();
        own.extend_from_slice(&index[22..index.len().min(22 + 5 * RESPONSES)]);
        return Element::opaque(email2::CONVERSATION_INDEX, own);
    }
    let at = written_ms(root).unwrap_or(received_ms);
    let windows = (at.saturating_mul(10_000)).saturating_add(WINDOWS_EPOCH).max(0);
    let mut own = windows.to_be_bytes()[1..6].to_vec();
    let answers = ids(root, &HeaderName::References).len().max(ids(root, &HeaderName::InReplyTo).len().min(1));
    own.extend(std::iter::repeat_n(0, 5 * answers.min(RESPONSES)));
    Element::opaque(email2::CONVERSATION_INDEX, own)
}
