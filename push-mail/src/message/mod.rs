//! A raw message as a summary.

use crate::store::Summary;

/// What is shown of a message in a list, with at most `preview_bytes` of readable text. Never fails: what cannot be read
/// is left out.
pub fn summary(raw: &[u8], preview_bytes: usize) -> Summary {
    let message = mail_parser::MessageParser::default().parse(raw);
    let Some(message) = message else { return Summary::default() };
    Summary {
        subject: message.subject().map(str::to_owned),
        preview: message.body_preview(preview_bytes).map(|text| text.into_owned()),
        ..Summary::default()
    }
}
