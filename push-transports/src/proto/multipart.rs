//! `multipart/x-mixed-replace`: each publication a part that takes the place of the one before.
//!
//! Every part is followed at once by the next delimiter: Chromium shows a part only when it has seen where it ends.
//! So the stream always stands behind a delimiter, in the headers of a part that has not begun, where nothing silent
//! can be said: there is no heartbeat, and the closing delimiter follows directly.
//!
//! Source: RFC 2046 §5.1; the replacing is the browsers' own.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use push_core::{Cursor, Ending, Gap, MediaType, Publication, Start};

use super::stream::Encoder;
use super::{encoding, envelope, forms, json};

/// Writes a subscription as parts.
#[derive(Clone, Debug)]
pub struct Mixed {
    boundary: String,
    /// `CRLF --boundary CRLF`, shared by all parts of this connection.
    separator: Bytes,
    is_json: bool,
    active: ActiveTypes,
}

impl Mixed {
    /// A stream of payloads, or of envelopes if `is_json`.
    ///
    /// `random` are 128 random bits of this connection's own: a payload that could guess them could forge a part.
    pub fn new(random: u128, is_json: bool, active: ActiveTypes) -> Self {
        let boundary = format!("{random:032x}");
        let separator = format!("\r\n--{boundary}\r\n").into();
        Self { boundary, separator, is_json, active }
    }
}

impl Encoder for Mixed {
    fn content_type(&self) -> String {
        // Unquoted: browsers take the quotes for a part of the boundary.
        format!("multipart/x-mixed-replace; boundary={}", self.boundary)
    }

    fn open(&self, out: &mut Vec<u8>, _start: &Start, _sent: Option<Cursor>) {
        // RFC 2046 §5.1.1: the first delimiter needs no line end before it.
        out.extend_from_slice(&self.separator[2..]);
    }

    fn publication(&self, publication: &Arc<Publication>) -> Bytes {
        if self.is_json {
            return json_part(publication);
        }
        let media_type = publication.media_type();
        if is_active(media_type) && self.active.allows(media_type) {
            return publication.form(forms::MIXED_ACTIVE, |p| raw_part(p, p.media_type()));
        }
        publication.form(forms::MIXED_RAW, |publication| {
            let own = publication.media_type();
            raw_part(publication, if is_active(own) { &MediaType::TEXT } else { own })
        })
    }

    fn separator(&self) -> Option<Bytes> {
        Some(self.separator.clone())
    }

    /// Nothing: a picture has no place to tell it.
    fn gaps(&self, _out: &mut Vec<u8>, _gaps: &[Gap], _resume: Cursor) {}

    /// Nothing: see the module's description.
    fn heartbeat(&self, _out: &mut Vec<u8>, _looked: Option<Cursor>) {}

    fn close(&self, out: &mut Vec<u8>, _ending: &Ending) {
        out.extend_from_slice(b"--");
        out.extend_from_slice(self.boundary.as_bytes());
        out.extend_from_slice(b"--\r\n");
    }
}

fn raw_part(publication: &Publication, media_type: &MediaType) -> Bytes {
    part(publication, media_type, publication.payload())
}

fn json_part(publication: &Arc<Publication>) -> Bytes {
    publication.form(forms::MIXED_JSON, |publication| {
        let mut body = Vec::with_capacity(envelope::size_hint(publication));
        envelope::write_envelope(&mut body, publication);
        part(publication, &MediaType::JSON, &body)
    })
}

fn part(publication: &Publication, media_type: &MediaType, body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + 320);
    push_header(&mut out, "Content-Type", media_type.as_str());
    push_header(&mut out, "Content-Length", body.len());
    push_header(&mut out, "Push-Cursor", publication.id());
    push_header(&mut out, "Push-Channel", encoding::percent(publication.channel().as_str()));
    push_header(&mut out, "Push-Event", publication.event().as_str());
    if let Some(key) = publication.key() {
        push_header(&mut out, "Push-Key", encoding::percent(key.as_str()));
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out.into()
}

fn push_header(out: &mut Vec<u8>, name: &str, value: impl std::fmt::Display) {
    json::push_display(out, format_args!("{name}: {value}\r\n"));
}

/// Which active types go out as they were published; none by default.
#[derive(Clone, Debug, Default)]
pub struct ActiveTypes(Arc<HashSet<String>>);

impl ActiveTypes {
    /// Allows these types, given as `type/subtype` in any case. Others go out as `text/plain`.
    pub fn allowing<T: AsRef<str>>(types: impl IntoIterator<Item = T>) -> Self {
        Self(Arc::new(types.into_iter().map(|t| t.as_ref().trim().to_ascii_lowercase()).collect()))
    }

    fn allows(&self, media_type: &MediaType) -> bool {
        self.0.contains(&media_type.essence().to_ascii_lowercase())
    }
}

/// Types that a browser would run, or might take for one that it runs.
///
/// Source: WHATWG HTML "navigate" and MIME Sniffing §4.6 (HTML, XML and JavaScript types); the rest in doubt.
pub fn is_active(media_type: &MediaType) -> bool {
    let essence = media_type.essence().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/').unwrap_or((&essence, ""));
    let bare = subtype.strip_prefix("x-").unwrap_or(subtype);
    let is_script = ["javascript", "ecmascript", "jscript", "livescript", "vbscript", "vbs"]
        .iter()
        .any(|script| bare.starts_with(script));
    let is_markup = subtype == "xml"
        || subtype.ends_with("+xml")
        || matches!(bare, "html" | "xhtml" | "svg" | "xsl" | "xslt" | "xml-dtd" | "xml-external-parsed-entity")
        || matches!(bare, "xbl" | "component" | "hta" | "mhtml" | "shockwave-flash" | "pdf" | "server-parsed-html");
    // Containers may carry any of these; unknown types are guessed from the bytes.
    let is_container = matches!(kind, "multipart" | "message");
    let is_guessed = matches!(essence.as_str(), "unknown/unknown" | "application/unknown" | "*/*");
    is_script || is_markup || is_container || is_guessed
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
