//! What a publisher may write beside the payload: event, key and media type.
//!
//! These grammars (wire.md §1) hold on every way in, so nothing a publisher sends can forge an SSE
//! field or a part header.

use std::fmt;
use std::sync::Arc;

/// Why a label is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Not 1..=64 of `A-Z a-z 0-9 . _ : -`.
    #[error("an event is 1 to 64 of A-Z a-z 0-9 . _ : -")]
    Event,
    /// `error`, `open` and `push.*` have a meaning of their own for clients.
    #[error("the events 'error', 'open' and 'push.*' are reserved")]
    ReservedEvent,
    /// Longer than 255 bytes, or with control characters.
    #[error("a key has at most 255 bytes and no control characters")]
    Key,
    /// Not an ASCII media type `type/subtype` of at most 127 bytes.
    #[error("a type is a media type of at most 127 ASCII characters")]
    MediaType,
    /// Not 1..=255 bytes, or with control characters.
    #[error("a push id has 1 to 255 bytes and no control characters")]
    PushId,
}

/// The name of the kind of a publication: 1..=64 of `A-Z a-z 0-9 . _ : -`, default `message`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventName(Option<Arc<str>>);

impl EventName {
    /// The default event, `message`.
    pub const MESSAGE: EventName = EventName(None);

    /// Checks `text` against the grammar; `error`, `open` and `push.*` are reserved.
    ///
    /// # Errors
    ///
    /// [`LabelError::Event`] or [`LabelError::ReservedEvent`].
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
        if !(1..=64).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(LabelError::Event);
        }
        match text {
            "message" => Ok(Self::MESSAGE),
            "error" | "open" => Err(LabelError::ReservedEvent),
            _ if text.starts_with("push.") => Err(LabelError::ReservedEvent),
            _ => Ok(Self(Some(text.into()))),
        }
    }

    /// The event's text, `message` if none was given.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("message")
    }

    /// Whether this is `message`, which the wire leaves out.
    pub fn is_message(&self) -> bool {
        self.0.is_none()
    }
}

impl Default for EventName {
    fn default() -> Self {
        Self::MESSAGE
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// What a publication is about, for conflation: at most 255 bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// Checks `text` against the grammar. The empty key is a key.
    ///
    /// # Errors
    ///
    /// [`LabelError::Key`].
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        if text.len() > 255 || text.chars().any(char::is_control) {
            return Err(LabelError::Key);
        }
        Ok(Self(text.into()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The media type a payload was published with: ASCII, at most 127 bytes, parameters included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaType(Repr);

/// The usual ones need no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    Known(&'static str),
    Other(Arc<str>),
}

const KNOWN: [&str; 4] = ["application/json", "text/plain", "application/octet-stream", "image/png"];

impl MediaType {
    /// `application/json`.
    pub const JSON: MediaType = MediaType(Repr::Known(KNOWN[0]));
    /// `text/plain`.
    pub const TEXT: MediaType = MediaType(Repr::Known(KNOWN[1]));
    /// `application/octet-stream`.
    pub const OCTETS: MediaType = MediaType(Repr::Known(KNOWN[2]));

    /// Checks `text`: `type/subtype` of RFC 9110 tokens, then printable ASCII parameters after a `;`.
    ///
    /// # Errors
    ///
    /// [`LabelError::MediaType`].
    // RFC 9110 §8.3.1: media-type = type "/" subtype parameters
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        let text = text.trim_matches([' ', '\t']);
        let (essence, parameters) = match text.split_once(';') {
            Some((essence, parameters)) => (essence.trim_end_matches([' ', '\t']), parameters),
            None => (text, ""),
        };
        let token = |s: &str| !s.is_empty() && s.bytes().all(is_token_byte);
        let is_type = essence.split_once('/').is_some_and(|(a, b)| token(a) && token(b));
        if text.len() > 127 || !is_type || !parameters.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err(LabelError::MediaType);
        }
        Ok(Self(match KNOWN.iter().find(|known| **known == text) {
            Some(known) => Repr::Known(known),
            None => Repr::Other(text.into()),
        }))
    }

    /// The type as it was given.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Known(text) => text,
            Repr::Other(text) => text,
        }
    }

    /// The type without its parameters, as it was given.
    pub fn essence(&self) -> &str {
        let text = self.as_str();
        text.split(';').next().unwrap_or(text).trim_end_matches([' ', '\t'])
    }

    /// Whether the payload is JSON: `application/json` or a `+json` type.
    pub fn is_json(&self) -> bool {
        let essence = self.essence();
        let suffix = essence.len().checked_sub(5).and_then(|at| essence.get(at..));
        essence.eq_ignore_ascii_case("application/json") || suffix.is_some_and(|s| s.eq_ignore_ascii_case("+json"))
    }
}

// RFC 9110 §5.6.2: tchar
fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// A publisher's own id of a publication, which makes publishing it idempotent: 1..=255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PushId(Box<str>);

impl PushId {
    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// [`LabelError::PushId`].
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        if !(1..=255).contains(&text.len()) || text.chars().any(char::is_control) {
            return Err(LabelError::PushId);
        }
        Ok(Self(text.into()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_clients_give_a_meaning_are_reserved() {
        for text in ["error", "open", "push.gap", "push."] {
            assert_eq!(EventName::parse(text), Err(LabelError::ReservedEvent), "{text}");
        }
        for text in ["", "a b", "a\nb", "ü", &"a".repeat(65), "a/b"] {
            assert_eq!(EventName::parse(text), Err(LabelError::Event), "{text:?}");
        }
        assert!(EventName::parse("message").is_ok_and(|e| e.is_message()));
        assert!(EventName::parse("mail.new").is_ok_and(|e| e.as_str() == "mail.new" && !e.is_message()));
        assert!(EventName::parse("pushy").is_ok());
    }

    #[test]
    fn a_key_has_no_control_characters() {
        assert!(Key::parse("").is_ok());
        assert!(Key::parse("köln 1").is_ok());
        assert_eq!(Key::parse("a\rb"), Err(LabelError::Key));
        assert_eq!(Key::parse("a\u{7f}"), Err(LabelError::Key));
        assert_eq!(Key::parse(&"a".repeat(256)), Err(LabelError::Key));
    }

    #[test]
    fn media_types_are_ascii_and_cannot_forge_a_header() {
        for bad in [
            "",
            "text",
            "text/",
            "/x",
            "te xt/plain",
            "text/plain;\r\nX: y",
            "text/plain; é",
            "a/b\n",
            &format!("a/{}", "b".repeat(126)),
        ] {
            assert_eq!(MediaType::parse(bad), Err(LabelError::MediaType), "{bad:?}");
        }
        let json = [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/problem+json",
            "model/x+JSON ;a=b",
        ];
        for text in json {
            assert!(MediaType::parse(text).is_ok_and(|t| t.is_json()), "{text}");
        }
        for text in ["text/plain", "application/jsonl", "+json/x", "text/json"] {
            assert!(MediaType::parse(text).is_ok_and(|t| !t.is_json()), "{text}");
        }
        assert_eq!(MediaType::parse("text/plain"), Ok(MediaType::TEXT));
    }
}
