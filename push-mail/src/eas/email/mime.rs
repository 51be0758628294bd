//! A message as a tree of parts, none of them decoded. Which parts there are costs a bounded number of looks at each byte,
//! whatever its sender has built.

use std::ops::Range;

use mail_parser::{ContentType, Header, HeaderName, HeaderValue, MessageParser};

/// Parts of a message that are looked for; those behind are not there.
pub(super) const PARTS: usize = 1000;

/// Parts within parts; what is deeper is a part without parts.
const DEPTH: usize = 400;

/// How often each byte is looked at on the average: a message of that many levels, each in the whole of the one above it,
/// is read, and of small ones more.
const LOOKS: usize = 32;

/// Bytes that are looked at in any message.
const FREE_BYTES: usize = 16 << 20;

/// Bytes of the headers of a message that are read.
const HEADER_BYTES: usize = 128 * 1024;

/// Bytes of the headers of a part that are read.
const PART_HEADER_BYTES: usize = 8 * 1024;

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Parts, all of the same.
    Alternative,
    /// Parts, of which the first is shown and refers to the others.
    Related,
    /// Parts, one after the other.
    Mixed,
    /// No parts: a text, a file, another message.
    Leaf,
}

/// A part of a message.
#[derive(Debug)]
pub(super) struct Part<'m> {
    pub(super) kind: Kind,
    pub(super) headers: Vec<Header<'m>>,
    /// As it came, still encoded.
    pub(super) raw: &'m [u8],
    /// The places of its parts.
    pub(super) parts: Vec<usize>,
    /// Whether it is a part of a `multipart/digest`, in which everything is a message (RFC 2046 §5.1.5).
    in_digest: bool,
}

impl<'m> Part<'m> {
    pub(super) fn header(&self, name: &HeaderName<'_>) -> Option<&HeaderValue<'m>> {
        self.headers.iter().find(|header| header.name == *name).map(|header| &header.value)
    }

    fn content_type(&self) -> Option<&ContentType<'m>> {
        self.header(&HeaderName::ContentType).and_then(HeaderValue::as_content_type)
    }

    fn disposition(&self) -> Option<&ContentType<'m>> {
        self.header(&HeaderName::ContentDisposition).and_then(HeaderValue::as_content_type)
    }

    /// Its media type in lower case: `text/plain` where it says none (RFC 2045 §5.2).
    pub(super) fn media_type(&self) -> String {
        match self.content_type() {
            Some(own) => {
                let subtype =
                    own.subtype().unwrap_or(if own.ctype().eq_ignore_ascii_case("text") { "plain" } else { "x" });
                format!("{}/{subtype}", own.ctype()).to_ascii_lowercase()
            }
            None if self.in_digest => "message/rfc822".to_owned(),
            None => "text/plain".to_owned(),
        }
    }

    /// A parameter of its media type.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.content_type()?.attribute(name)
    }

    /// The name of the file that it is.
    pub(super) fn file_name(&self) -> Option<&str> {
        let named = self.disposition().and_then(|disposition| disposition.attribute("filename"));
        named.or_else(|| self.parameter("name")).filter(|name| !name.trim().is_empty())
    }

    pub(super) fn is_attachment(&self) -> bool {
        self.disposition().is_some_and(|disposition| disposition.ctype().eq_ignore_ascii_case("attachment"))
    }

    pub(super) fn is_inline(&self) -> bool {
        self.disposition().is_some_and(|disposition| disposition.ctype().eq_ignore_ascii_case("inline"))
    }

    /// The first text of a header.
    pub(super) fn text(&self, name: &HeaderName<'_>) -> Option<&str> {
        self.header(name).and_then(HeaderValue::as_text).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// The parts of a message, each before its own parts: the first is the message, a part's place is its number.
pub(super) fn parts(raw: &[u8]) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    let mut walk = Walk { found: &mut found, left: raw.len().saturating_mul(LOOKS).max(FREE_BYTES) };
    walk.part(raw, 0, false);
    found
}

struct Walk<'w, 'm> {
    found: &'w mut Vec<Part<'m>>,
    /// Bytes that may still be looked at.
    left: usize,
}

impl<'m> Walk<'_, 'm> {
    /// A part and those in it. The depth of the recursion is [`DEPTH`].
    fn part(&mut self, raw: &'m [u8], depth: usize, in_digest: bool) {
        let (header, body) = split(raw);
        let most = if depth == 0 { HEADER_BYTES } else { PART_HEADER_BYTES };
        let headers = headers(&header[..header.len().min(most)]);
        let place = self.found.len();
        self.found.push(Part { kind: Kind::Leaf, headers, raw: body, parts: Vec::new(), in_digest });
        if depth == DEPTH {
            return;
        }
        let part = &self.found[place];
        let media_type = part.media_type();
        let Some(subtype) = media_type.strip_prefix("multipart/") else { return };
        let Some(boundary) = part.parameter("boundary").map(str::as_bytes).filter(|boundary| !boundary.is_empty())
        else {
            return;
        };
        if self.left < body.len() {
            return;
        }
        self.left -= body.len();
        let ranges = delimited(body, boundary, PARTS.saturating_sub(self.found.len()));
        if ranges.is_empty() {
            return;
        }
        self.found[place].kind = match subtype {
            "alternative" => Kind::Alternative,
            "related" => Kind::Related,
            _ => Kind::Mixed,
        };
        for range in ranges {
            if self.found.len() == PARTS {
                break;
            }
            let child = self.found.len();
            self.found[place].parts.push(child);
            self.part(&body[range], depth + 1, subtype == "digest");
        }
    }
}

/// The headers and what is behind the empty line that ends them (RFC 5322 §2.1).
fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    for begin in [&b"\r\n"[..], b"\n"] {
        if let Some(body) = raw.strip_prefix(begin) {
            return (&[], body);
        }
    }
    for end in memchr::memchr_iter(b'\n', raw) {
        let behind = &raw[end + 1..];
        for empty in [&b"\r\n"[..], b"\n"] {
            if let Some(body) = behind.strip_prefix(empty) {
                return (&raw[..end + 1 + empty.len()], body);
            }
        }
    }
    (raw, &[])
}

fn headers(raw: &[u8]) -> Vec<Header<'_>> {
    let message = MessageParser::default().parse_headers(raw);
    message.and_then(|message| message.parts.into_iter().next()).map_or_else(Vec::new, |part| part.headers)
}

/// Where the parts between delimiter lines are, at most so many (RFC 2046 §5.1.1). The line break before a delimiter is
/// a part of it. A last part that nothing closes goes to the end.
fn delimited(body: &[u8], boundary: &[u8], most: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut begin = None;
    let delimiter = [b"--", boundary].concat();
    for found in memchr::memmem::find_iter(body, &delimiter) {
        let is_at_begin_of_line = found == 0 || body[found - 1] == b'\n';
        let behind = &body[found + delimiter.len()..];
        let is_closing = behind.starts_with(b"--");
        let line_end = memchr::memchr(b'\n', &behind[..behind.len().min(256)]);
        let rest = &behind[..line_end.unwrap_or(behind.len().min(256))];
        let is_alone = is_closing || rest.iter().all(u8::is_ascii_whitespace);
        if !is_at_begin_of_line || !is_alone {
            continue;
        }
        if let Some(begin) = begin.take() {
            ranges.push(begin..end_before(body, begin, found));
        }
        let next = line_end.map(|end| found + delimiter.len() + end + 1);
        match next.filter(|_| !is_closing && ranges.len() < most) {
            Some(next) => begin = Some(next),
            None => return ranges,
        }
    }
    if let Some(begin) = begin {
        ranges.push(begin..body.len());
    }
    ranges
}

fn end_before(body: &[u8], begin: usize, delimiter: usize) -> usize {
    let part = &body[begin..delimiter];
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    begin + part.strip_suffix(b"\r").unwrap_or(part).len()
}

/// The headers at the beginning of a message, as a part without anything else.
pub(super) fn headers_of(raw: &[u8]) -> Part<'_> {
    let (header, _) = split(raw);
    Part {
        kind: Kind::Leaf,
        headers: headers(&header[..header.len().min(HEADER_BYTES)]),
        raw: &[],
        parts: Vec::new(),
        in_digest: false,
    }
}
