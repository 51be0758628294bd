//! Server-sent events: blocks of `retry:`, `id:`, `event:` and `data:` lines.
//!
//! Source: WHATWG HTML §9.2.5 "Parsing an event stream". A block whose only fields are `id:` and `retry:` fires no
//! event, yet sets the id that EventSource sends as `Last-Event-ID` when it comes back; the first block and the
//! heartbeat rely on it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use memchr::memchr2;
use push_core::{Cursor, Ending, Gap, Outcome, PayloadKind, Publication, Start};

use super::stream::Encoder;
use super::{envelope, forms, json, notice};

/// The `Content-Type` of an event stream; its encoding is always UTF-8.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// Writes a subscription as an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sse {
    /// Envelopes in the place of payloads, and no `event:` lines.
    pub json: bool,
    /// When an EventSource that was cut comes back. The shell gives each connection another one, so that they do not
    /// all come at once.
    pub retry: Duration,
}

impl Encoder for Sse {
    fn content_type(&self) -> String {
        CONTENT_TYPE.to_owned()
    }

    /// The first block tells the starting cursor. After a loss it repeats the one that was sent: a client cut before
    /// the gaps reach it asks for the same again and is told again.
    fn open(&self, out: &mut Vec<u8>, start: &Start, sent: Option<Cursor>) {
        let has_loss = start.outcome != Outcome::Complete && !start.gaps.is_empty();
        push_retry(out, self.retry);
        if let Some(cursor) = if has_loss { sent } else { Some(start.cursor) } {
            push_id(out, cursor);
        }
        out.push(b'\n');
        if has_loss {
            self.gaps(out, &start.gaps, start.cursor);
        }
    }

    fn publication(&self, publication: &Arc<Publication>) -> Bytes {
        if self.json { json_block(publication) } else { raw_block(publication) }
    }

    fn gaps(&self, out: &mut Vec<u8>, gaps: &[Gap], resume: Cursor) {
        for (at, gap) in gaps.iter().enumerate() {
            out.extend_from_slice(b"event: push.gap\n");
            // Only the last one moves the client on: cut before it, all of them are told again.
            if at + 1 == gaps.len() {
                push_id(out, resume);
            }
            out.extend_from_slice(b"data: ");
            notice::write_gap(out, gap);
            out.extend_from_slice(b"\n\n");
        }
    }

    fn heartbeat(&self, out: &mut Vec<u8>, looked: Option<Cursor>) {
        out.extend_from_slice(b":\n");
        if let Some(cursor) = looked {
            push_id(out, cursor);
        }
        out.push(b'\n');
    }

    fn close(&self, out: &mut Vec<u8>, ending: &Ending) {
        if let Some(retry) = notice::retry_of(ending) {
            push_retry(out, retry);
        }
        out.extend_from_slice(b"event: push.close\ndata: ");
        notice::write_close(out, ending);
        out.extend_from_slice(b"\n\n");
    }
}

fn push_retry(out: &mut Vec<u8>, retry: Duration) {
    out.extend_from_slice(b"retry: ");
    json::push_number(out, notice::millis(retry));
    out.push(b'\n');
}

fn push_id(out: &mut Vec<u8>, cursor: Cursor) {
    out.extend_from_slice(b"id: ");
    cursor.write_to(out);
    out.push(b'\n');
}

/// A block with the envelope as its data and no `event:` line.
fn json_block(publication: &Arc<Publication>) -> Bytes {
    publication.form(forms::SSE_JSON, |publication| {
        let mut out = Vec::with_capacity(envelope::size_hint(publication) + 64);
        push_id(&mut out, publication.id());
        out.extend_from_slice(b"data: ");
        envelope::write_envelope(&mut out, publication);
        out.extend_from_slice(b"\n\n");
        out.into()
    })
}

/// A block with the payload as its data, in base64 where it is not UTF-8.
fn raw_block(publication: &Arc<Publication>) -> Bytes {
    publication.form(forms::SSE_RAW, |publication| {
        let is_binary = publication.kind() == PayloadKind::Binary;
        let event = publication.event();
        let mut out = Vec::with_capacity(publication.payload().len() * 4 / 3 + 128);
        if is_binary || !event.is_message() {
            out.extend_from_slice(b"event: ");
            out.extend_from_slice(event.as_str().as_bytes());
            out.extend_from_slice(if is_binary { b";base64\n" } else { b"\n" });
        }
        push_id(&mut out, publication.id());
        if is_binary {
            push_data(&mut out, STANDARD.encode(publication.payload()).as_bytes());
        } else {
            push_data(&mut out, publication.payload());
        }
        out.push(b'\n');
        out.into()
    })
}

/// One `data:` line for each line of `text`; CR, LF and CRLF all end a line, as they would for the reader.
///
/// The one space after the colon is what the reader takes away, so spaces of the text itself survive.
fn push_data(out: &mut Vec<u8>, mut text: &[u8]) {
    loop {
        out.extend_from_slice(b"data: ");
        let Some(end) = memchr2(b'\r', b'\n', text) else {
            out.extend_from_slice(text);
            out.push(b'\n');
            return;
        };
        out.extend_from_slice(&text[..end]);
        out.push(b'\n');
        let is_pair = text[end..].starts_with(b"\r\n");
        text = &text[end + 1 + usize::from(is_pair)..];
    }
}

#[cfg(test)]
#[path = "sse_tests.rs"]
pub(crate) mod tests;
