//! What a subscriber hears: publications, gaps and endings, read from their JSON forms.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, value::RawValue};

/// One publication as a client sees it. Fields a transport does not carry are `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Publication {
    /// The channel it was published to.
    pub channel: Option<String>,
    /// Its cursor.
    pub id: Option<String>,
    /// Its offset in its channel.
    pub offset: Option<u64>,
    /// Its event; `message` when none was told.
    pub event: String,
    /// Its key.
    pub key: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
    /// The payload: of a JSON value its spelling in the envelope, of a string its UTF-8, of base64 the bytes.
    pub data: Vec<u8>,
    /// Unix milliseconds.
    pub time: Option<u64>,
    /// The bytes of the bare envelope, where one was sent.
    pub envelope: Option<Vec<u8>>,
}

/// A part of a subscription that was missed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Gap {
    /// The concrete channel where known, else as subscribed.
    pub channel: Option<String>,
    /// `partial` or `lost`.
    pub outcome: String,
    /// The first missing offset.
    pub from: Option<u64>,
    /// The last missing offset.
    pub to: Option<u64>,
    /// How many are missing.
    pub missed: Option<u64>,
}

/// Why a server ended a subscription.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Close {
    /// 3000..=3999, or a code of RFC 6455 on a WebSocket.
    pub code: u16,
    /// A text for people.
    pub reason: String,
    /// Whether to come back.
    pub reconnect: Option<bool>,
    /// When, in milliseconds.
    pub retry_ms: Option<u64>,
    /// As it was sent.
    pub raw: String,
}

/// What [`Subscriber::next`](crate::Subscriber::next) returns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item {
    /// A publication.
    Publication(Publication),
    /// Something was missed.
    Gap(Gap),
    /// The server says that it ends the subscription.
    Close(Close),
    /// The connection is over.
    End,
}

/// A JSON object with its members' spelling kept.
pub(crate) type Members = BTreeMap<String, Box<RawValue>>;

/// Splits a JSON object into its members.
///
/// # Panics
/// If it is none.
pub(crate) fn members(json: &[u8]) -> Members {
    serde_json::from_slice(json)
        .unwrap_or_else(|error| panic!("not a JSON object ({error}): {:?}", String::from_utf8_lossy(json)))
}

/// A member's value, decoded.
pub(crate) fn member(members: &Members, name: &str) -> Value {
    members.get(name).map_or(Value::Null, |raw| serde_json::from_str(raw.get()).expect("it was parsed before"))
}

impl Publication {
    /// Reads an envelope, and holds it to the published form.
    ///
    /// # Panics
    /// If it is not an envelope.
    #[must_use]
    pub fn from_envelope(json: &[u8]) -> Self {
        let shown = || String::from_utf8_lossy(json).into_owned();
        let members = members(json);
        let text = |name: &str| member(&members, name).as_str().map(str::to_owned);
        let event = text("event");
        assert_ne!(event.as_deref(), Some("message"), "the default event is left out: {}", shown());
        let media_type = text("type").unwrap_or_else(|| panic!("no type: {}", shown()));
        let channel = text("channel").unwrap_or_else(|| panic!("no channel: {}", shown()));
        let id = text("id").unwrap_or_else(|| panic!("no id: {}", shown()));
        assert_cursor(&id);
        let offset = member(&members, "offset").as_u64().unwrap_or_else(|| panic!("no offset: {}", shown()));
        let time = member(&members, "time").as_u64().unwrap_or_else(|| panic!("no time: {}", shown()));
        let data = match (members.get("data"), text("data_base64")) {
            (Some(raw), None) if is_json(&media_type) => raw.get().as_bytes().to_vec(),
            (Some(raw), None) => serde_json::from_str::<String>(raw.get())
                .unwrap_or_else(|_| panic!("data under {media_type} is a string: {}", shown()))
                .into_bytes(),
            (None, Some(encoded)) => {
                let bytes = STANDARD.decode(encoded).unwrap_or_else(|_| panic!("bad base64: {}", shown()));
                assert!(std::str::from_utf8(&bytes).is_err(), "UTF-8 goes as a string: {}", shown());
                bytes
            }
            _ => panic!("data or data_base64: {}", shown()),
        };
        Self {
            channel: Some(channel),
            id: Some(id),
            offset: Some(offset),
            event: event.unwrap_or_else(|| "message".to_owned()),
            key: text("key"),
            media_type: Some(media_type),
            data,
            time: Some(time),
            envelope: Some(json.to_vec()),
        }
    }

    /// The payload as text, bad UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

/// Whether a media type's payload is a JSON value in an envelope.
#[must_use]
pub fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// Holds a cursor to its grammar: printable ASCII without white space or comma, at most 200 bytes.
///
/// # Panics
/// If it is none.
pub fn assert_cursor(cursor: &str) {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    assert!((1..=200).contains(&cursor.len()) && cursor.bytes().all(allowed), "not a cursor: {cursor:?}");
}

impl Gap {
    /// Reads `{"channel","outcome","from","to","missed"}`.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        let outcome = json["outcome"].as_str().unwrap_or_else(|| panic!("no outcome: {json}"));
        assert!(matches!(outcome, "partial" | "lost"), "{json}");
        let gap = Self {
            channel: json["channel"].as_str().map(str::to_owned),
            outcome: outcome.to_owned(),
            from: json["from"].as_u64(),
            to: json["to"].as_u64(),
            missed: json["missed"].as_u64(),
        };
        for (name, read) in [("from", gap.from), ("to", gap.to), ("missed", gap.missed)] {
            assert!(read.is_some() || json.get(name).is_none(), "{name} is a number or left out: {json}");
        }
        assert!(gap.channel.is_some(), "a gap names its channel: {json}");
        gap
    }

    /// Reads the member `gaps`, which stands beside an outcome that is not `complete`.
    ///
    /// # Panics
    /// If the two do not fit together.
    #[must_use]
    pub fn list(outcome: &str, gaps: &Value) -> Vec<Self> {
        match outcome {
            "complete" => {
                assert!(gaps.as_array().is_none_or(Vec::is_empty), "complete with gaps: {gaps}");
                Vec::new()
            }
            "partial" | "lost" => {
                let gaps: Vec<Self> = gaps
                    .as_array()
                    .unwrap_or_else(|| panic!("{outcome} without gaps"))
                    .iter()
                    .map(Self::from_json)
                    .collect();
                assert!(!gaps.is_empty(), "{outcome} without gaps");
                gaps
            }
            other => panic!("outcome {other:?}"),
        }
    }
}

impl Close {
    /// Reads `{"code","reason","reconnect","retry_ms"}`.
    ///
    /// # Panics
    /// If it is none, or its code does not say what `reconnect` says.
    #[must_use]
    pub fn from_json(json: &Value) -> Self {
        let code = json["code"].as_u64().unwrap_or_else(|| panic!("no code: {json}"));
        let close = Self {
            code: u16::try_from(code).unwrap_or_else(|_| panic!("code: {json}")),
            reason: json["reason"].as_str().unwrap_or_else(|| panic!("no reason: {json}")).to_owned(),
            reconnect: json["reconnect"].as_bool(),
            retry_ms: json["retry_ms"].as_u64(),
            raw: json.to_string(),
        };
        assert!((3000..=3999).contains(&close.code), "{json}");
        assert_eq!(close.reconnect, Some(close.code < 3500), "3000..=3499 reconnect, others do not: {json}");
        assert!(close.code >= 3500 || close.retry_ms.is_some(), "when to come back: {json}");
        close
    }
}

impl Item {
    /// The publication.
    ///
    /// # Panics
    /// If it is something else.
    #[must_use]
    pub fn publication(self) -> Publication {
        match self {
            Self::Publication(publication) => publication,
            other => panic!("expected a publication, heard {other:?}"),
        }
    }

    /// The ending.
    ///
    /// # Panics
    /// If it is something else.
    #[must_use]
    pub fn close(self) -> Close {
        match self {
            Self::Close(close) => close,
            other => panic!("expected an ending, heard {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_keeps_the_spelling_of_a_json_payload() {
        let read = Publication::from_envelope(
            br#"{"channel":"a/b","id":"e.1","offset":7,"time":1,"event":"x","key":"k","type":"application/json","data":{"b":1.0e2,"a":"\u00e9"}}"#,
        );
        assert_eq!(read.data, br#"{"b":1.0e2,"a":"\u00e9"}"#);
        assert_eq!((read.event.as_str(), read.key.as_deref(), read.offset), ("x", Some("k"), Some(7)));
    }

    #[test]
    fn text_and_binary_payloads_come_back_as_bytes() {
        let text = Publication::from_envelope(
            br#"{"channel":"a","id":"e.1","offset":1,"time":1,"type":"text/plain","data":"a\u0000\nb"}"#,
        );
        assert_eq!((text.data.as_slice(), text.event.as_str()), (&b"a\0\nb"[..], "message"));
        let binary = Publication::from_envelope(
            br#"{"channel":"a","id":"e.1","offset":1,"time":1,"type":"application/octet-stream","data_base64":"/wA="}"#,
        );
        assert_eq!(binary.data, b"\xff\0");
    }

    #[test]
    #[should_panic(expected = "not a cursor")]
    fn a_cursor_with_a_comma_is_refused() {
        assert_cursor("a,b");
    }
}
