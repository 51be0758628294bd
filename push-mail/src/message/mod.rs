//! A raw message as what is shown of it in a list: who, what, when, and how its text begins.
//!
//! ```text
//!  raw ─▶ first READ_BYTES, closed where they were cut ─▶ mail-parser ─▶ headers ─────────────▶ from, subject, date
//!                                                                     └▶ text, or HTML made text ─▶ preview
//! ```
//!
//! Whatever a sender writes costs a bounded time: nothing behind [`READ_BYTES`] is looked at, and nothing is decoded
//! beyond what is shown.

mod closed;
pub(crate) mod html;
pub(crate) mod line;
#[cfg(test)]
mod tests;

use mail_parser::{Address, DateTime, Message, MessageParser, MessagePart, PartType};

use crate::store::Summary;
use line::Line;

/// Bytes of a message that are looked at, from its beginning.
pub const READ_BYTES: usize = 64 * 1024;

/// Bytes of [`Summary::from`].
const FROM_BYTES: usize = 512;

/// Bytes of [`Summary::subject`]: a line of a message (RFC 5322 §2.1.1).
const SUBJECT_BYTES: usize = 998;

/// What is shown of a message in a list. `raw` is its beginning at least, of which at most [`READ_BYTES`] are looked at;
/// the preview has at most `preview_bytes` bytes.
///
/// The preview is the text that the sender meant to be read: of the alternatives plain text if there is any, else HTML
/// without its marks; encodings and character sets decoded, white space made one space, control and invisible characters
/// left out.
pub fn summary(raw: &[u8], preview_bytes: usize) -> Summary {
    let raw = closed::closed(&raw[..raw.len().min(READ_BYTES)]);
    let Some(message) = MessageParser::default().parse(&*raw) else { return Summary::default() };
    Summary {
        from: message.from().and_then(sender).or_else(|| message.sender().and_then(sender)),
        subject: message.subject().and_then(|subject| Line::of(subject, SUBJECT_BYTES)),
        date: message.date().and_then(in_utc),
        preview: preview(&message, preview_bytes),
    }
}

/// `Name <address>`, of which the address is never cut away by its name, nor looked like by it.
fn sender(from: &Address<'_>) -> Option<String> {
    let first = from.first()?;
    let plain = |text: &str, limit| Line::of(&text.replace(['<', '>'], " "), limit);
    let address = first.address().and_then(|address| plain(address, FROM_BYTES));
    let around = address.as_ref().map_or(0, |address| address.len() + " <>".len());
    let name = first.name().and_then(|name| plain(name, FROM_BYTES.saturating_sub(around)));
    match (name, address) {
        (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
        (name, address) => name.or(address),
    }
}

/// RFC 3339, with the years that it can write.
fn in_utc(date: &DateTime) -> Option<String> {
    const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
    // RFC 5322 §3.3: a leap second is a time of day, which neither RFC 3339 readers nor the parser expect.
    let date = DateTime { second: date.second.min(59), ..*date };
    let seconds = date.is_valid().then(|| date.to_timestamp()).filter(|seconds| YEARS.contains(seconds))?;
    Some(DateTime::from_timestamp(seconds).to_rfc3339())
}

fn preview(message: &Message<'_>, limit: usize) -> Option<String> {
    let parts = |ids: &[u32]| {
        let mut line = Line::new(limit);
        for id in ids {
            message.parts.get(*id as usize).into_iter().for_each(|part| read(part, &mut line));
            line.space();
        }
        line.text()
    };
    parts(&message.text_body).or_else(|| parts(&message.html_body))
}

fn read(part: &MessagePart<'_>, line: &mut Line) {
    match &part.body {
        PartType::Text(text) => line.push_text(text),
        PartType::Html(text) => html::read(text, line),
        _ => {}
    }
}
