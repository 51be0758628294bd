//! A message taken apart: what is read, and everything else as it was written.

use std::collections::BTreeSet;

use mail_parser::{Header, Message, MessagePart, MimeHeaders, PartType};

/// A message's parts.
#[derive(Debug)]
pub(super) struct Parts {
    /// Its text, if it has any that is no HTML.
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    /// Whether the text's lines may be joined (RFC 3676).
    pub(super) is_flowed: bool,
    pub(super) others: Vec<Other>,
}

/// A part that is not read as the message's text.
#[derive(Debug)]
pub(super) struct Other {
    /// Its Content-ID.
    pub(super) id: Option<String>,
    /// With its head.
    pub(super) source: Vec<u8>,
}

impl Parts {
    pub(super) fn of(message: &Message<'_>, raw: &[u8]) -> Self {
        let read = |ids: &[u32], pick: fn(&MessagePart<'_>) -> Option<String>| {
            let all: Vec<_> = ids.iter().filter_map(|id| pick(message.parts.get(*id as usize)?)).collect();
            (!all.is_empty()).then(|| all.join("\r\n"))
        };
        let text_of = |part: &MessagePart<'_>| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            _ => None,
        };
        let html_of = |part: &MessagePart<'_>| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _ => None,
        };
        let is_read = |id: &&u32| {
            let part = message.parts.get(**id as usize);
            part.is_some_and(|part| matches!(part.body, PartType::Text(_) | PartType::Html(_)))
        };
        let bodies = message.text_body.iter().chain(&message.html_body);
        let mut others: BTreeSet<u32> = bodies.clone().filter(|id| !is_read(id)).copied().collect();
        others.extend(&message.attachments);
        bodies.filter(is_read).for_each(|id| {
            others.remove(id);
        });
        let first = message.text_body.first().and_then(|id| message.parts.get(*id as usize));
        let format = first.and_then(|part| part.content_type()).and_then(|kind| kind.attribute("format"));
        let other = |id: u32| {
            let content_id = message.parts.get(id as usize).and_then(|part| part.content_id());
            Other { id: content_id.map(ToOwned::to_owned), source: source(message, raw, id) }
        };
        Self {
            text: read(&message.text_body, text_of),
            html: read(&message.html_body, html_of),
            is_flowed: format.is_some_and(|format| format.eq_ignore_ascii_case("flowed")),
            others: others.into_iter().map(other).collect(),
        }
    }

    /// The text, made of the HTML where there is no other.
    pub(super) fn text_anyhow(&self, message: &Message<'_>) -> String {
        let made = || message.body_text(0).map(|text| text.to_string());
        self.text.clone().or_else(made).unwrap_or_default()
    }

    /// The HTML, made of the text where there is no other.
    pub(super) fn html_anyhow(&self) -> String {
        let made = || self.text.as_deref().map(mail_parser::decoders::html::text_to_html);
        self.html.clone().or_else(made).unwrap_or_default()
    }
}

/// A part as it was written, with its head; of a message that has no parts, what belongs to its body.
pub(super) fn source(message: &Message<'_>, raw: &[u8], id: u32) -> Vec<u8> {
    let Some(part) = message.parts.get(id as usize) else { return Vec::new() };
    let between = |from: u32, to: u32| raw.get(from as usize..to as usize).unwrap_or_default();
    if id != 0 {
        return between(part.offset_header, part.offset_end).to_vec();
    }
    let fields = part.headers.iter().filter(|field| is_of_body(field));
    let mut source = fields.fold(Vec::new(), |mut head, field| {
        head.extend_from_slice(between(field.offset_field, field.offset_end));
        head
    });
    source.extend_from_slice(b"\r\n");
    source.extend_from_slice(between(part.offset_body, part.offset_end));
    source
}

/// Whether a field of a message's head tells of its body (RFC 2045 §9).
pub(super) fn is_of_body(field: &Header<'_>) -> bool {
    const START: &str = "content-";
    field.name.as_str().get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

/// Whether it cannot be taken apart and still be what it is: signed or enciphered (RFC 1847, RFC 8551).
pub(super) fn is_sealed(message: &Message<'_>) -> bool {
    let Some(kind) = message.root_part().content_type() else { return false };
    let subtype = kind.subtype().unwrap_or_default();
    let one_of = |names: &[&str]| names.iter().any(|name| subtype.eq_ignore_ascii_case(name));
    match kind.ctype() {
        kind if kind.eq_ignore_ascii_case("multipart") => one_of(&["signed", "encrypted"]),
        kind if kind.eq_ignore_ascii_case("application") => one_of(&["pkcs7-mime", "x-pkcs7-mime"]),
        _ => false,
    }
}
