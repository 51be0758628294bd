//! The JSON envelope of a publication (wire.md §2): the same bytes on every transport that carries JSON.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use push_core::{PayloadKind, Publication};

use super::{forms, json};

/// The envelope, shared by all who ask: one JSON object on one line, without a line end.
///
/// Members in this order: `channel`, `id`, `offset`, `time`, `event` unless it is `message`, `key` if set, `type`,
/// `data` or `data_base64`.
pub fn envelope(publication: &Arc<Publication>) -> Bytes {
    publication.form(forms::ENVELOPE, |publication| {
        let mut out = Vec::with_capacity(size_hint(publication));
        write_envelope(&mut out, publication);
        out.into()
    })
}

/// Appends the envelope.
pub fn write_envelope(out: &mut Vec<u8>, publication: &Publication) {
    out.push(b'{');
    write_members(out, publication);
    out.push(b'}');
}

/// About how long the envelope will be, so that it is written without growing.
pub(crate) fn size_hint(publication: &Publication) -> usize {
    let payload = publication.payload().len();
    let data = if publication.kind() == PayloadKind::Binary { payload / 3 * 4 + 4 } else { payload + payload / 16 };
    data + publication.channel().as_str().len() + 240
}

/// Appends the members without the braces, for objects that have an `op` before them.
pub(crate) fn write_members(out: &mut Vec<u8>, publication: &Publication) {
    json::push_member(out, "channel", publication.channel().as_str());
    out.extend_from_slice(b",\"id\":\"");
    publication.id().write_to(out);
    out.extend_from_slice(b"\",\"offset\":");
    json::push_number(out, publication.offset());
    out.extend_from_slice(b",\"time\":");
    json::push_number(out, publication.time_ms());
    if !publication.event().is_message() {
        out.push(b',');
        json::push_member(out, "event", publication.event().as_str());
    }
    if let Some(key) = publication.key() {
        out.push(b',');
        json::push_member(out, "key", key.as_str());
    }
    out.push(b',');
    json::push_member(out, "type", publication.media_type().as_str());
    out.push(b',');
    write_data(out, publication);
}

fn write_data(out: &mut Vec<u8>, publication: &Publication) {
    match (publication.kind(), std::str::from_utf8(publication.payload())) {
        (PayloadKind::Json, _) => {
            json::push_name(out, "data");
            out.extend_from_slice(&publication.compact_json());
        }
        (PayloadKind::Text, Ok(text)) => json::push_member(out, "data", text),
        _ => json::push_member(out, "data_base64", &STANDARD.encode(publication.payload())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use push_core::{ChannelName, Draft, EventName, Key, MediaType};
    use serde_json::{Value, json};

    /// Publication 42 of the hub, offset 7 of `channel`.
    pub(crate) fn sample(channel: &str, draft: Draft) -> Arc<Publication> {
        numbered(channel, draft, 42)
    }

    pub(crate) fn numbered(channel: &str, draft: Draft, number: u64) -> Arc<Publication> {
        Publication::sample(draft, ChannelName::parse(channel).expect(channel), number, 7).expect("a valid payload")
    }

    /// Payloads of every kind: text with line ends, JSON, other bytes.
    pub(crate) fn any_draft() -> impl Strategy<Value = Draft> {
        let text = "[a-z \\r\\n\\t\u{0}<>&\"\\\\\u{2028}ü:-]{0,40}".prop_map(Draft::text);
        let bytes = prop::collection::vec(any::<u8>(), 0..60).prop_map(Draft::new);
        let json = "[a-z\\r\\n\u{2029}<\"]{0,20}".prop_map(|text| {
            Draft::json(serde_json::to_vec_pretty(&json!({ "a": [text, 1.5, null] })).expect("serialises"))
        });
        let event = prop_oneof![Just("message"), Just("mail.new"), Just("a:b")];
        (prop_oneof![text, bytes, json], event, prop::option::of("[a-zü\"<]{0,9}")).prop_map(|(draft, event, key)| {
            let draft = draft.event(EventName::parse(event).expect("an event"));
            match key {
                Some(key) => draft.key(Key::parse(&key).expect("a key")),
                None => draft,
            }
        })
    }

    /// What an envelope says must be what was published.
    pub(crate) fn assert_says(value: &Value, publication: &Publication) {
        assert_eq!(value["channel"], publication.channel().as_str());
        assert_eq!(value["id"], publication.id().to_string());
        assert_eq!(value["offset"], publication.offset());
        assert_eq!(value["time"], publication.time_ms());
        assert_eq!(value.get("event").map_or("message", |e| e.as_str().expect("text")), publication.event().as_str());
        assert_eq!(value.get("key").and_then(Value::as_str), publication.key().map(Key::as_str));
        assert_eq!(value["type"], publication.media_type().as_str());
        let payload = publication.payload();
        match publication.kind() {
            PayloadKind::Json => {
                assert_eq!(value["data"], serde_json::from_slice::<Value>(payload).expect("JSON"));
            }
            PayloadKind::Text => assert_eq!(value["data"].as_str().map(str::as_bytes), Some(&payload[..])),
            PayloadKind::Binary => {
                let text = value["data_base64"].as_str().expect("base64");
                assert_eq!(STANDARD.decode(text).expect("base64"), payload[..]);
                assert!(value.get("data").is_none());
            }
        }
    }

    fn text_of(publication: &Arc<Publication>) -> String {
        String::from_utf8(envelope(publication).to_vec()).expect("UTF-8")
    }

    #[test]
    fn members_stand_in_the_order_of_the_contract() {
        let draft = Draft::json(" {\n \"text\" : \"hi there\" }\n")
            .event(EventName::parse("greeting").expect("an event"))
            .key(Key::parse("k\"1").expect("a key"));
        let publication = sample("chat/lobby", draft);
        let id = publication.id();
        let expected = format!(
            r#"{{"channel":"chat/lobby","id":"{id}","offset":7,"time":1780000000123,"event":"greeting","key":"k\"1","type":"application/json","data":{{"text":"hi there"}}}}"#
        );
        assert_eq!(text_of(&publication), expected);
    }

    #[test]
    fn message_and_an_unset_key_are_left_out() {
        let publication = sample("a", Draft::text("x"));
        let id = publication.id();
        let expected =
            format!(r#"{{"channel":"a","id":"{id}","offset":7,"time":1780000000123,"type":"text/plain","data":"x"}}"#);
        assert_eq!(text_of(&publication), expected);
    }

    #[test]
    fn json_keeps_number_spelling_and_member_order() {
        let publication = sample("a", Draft::json("{\"b\": 1.0e+1, \"a\": -0, \"b\": 12345678901234567890123}"));
        assert!(text_of(&publication).ends_with(r#""data":{"b":1.0e+1,"a":-0,"b":12345678901234567890123}}"#));
    }

    #[test]
    fn the_kind_decides_between_value_string_and_base64() {
        let png = MediaType::parse("image/png").expect("a type");
        let table = [
            (Draft::new("[1]").media_type(MediaType::parse("model/x+json").expect("a type")), r#""data":[1]}"#),
            (Draft::text("[1]"), r#""data":"[1]"}"#),
            (Draft::text(""), r#""data":""}"#),
            (Draft::new(&b"\xff\x00"[..]).media_type(png.clone()), r#""type":"image/png","data_base64":"/wA="}"#),
            (Draft::new("ascii").media_type(png), r#""type":"image/png","data":"ascii"}"#),
            (Draft::text("a\r\nb\u{1}"), r#""data":"a\r\nb\u0001"}"#),
        ];
        for (draft, end) in table {
            let text = text_of(&sample("a", draft));
            assert!(text.ends_with(end), "{text}");
        }
    }

    #[test]
    fn the_envelope_is_made_once_and_shared() {
        let publication = sample("a", Draft::text("x"));
        assert_eq!(envelope(&publication).as_ptr(), envelope(&publication).as_ptr());
    }

    proptest! {
        #[test]
        fn an_envelope_is_one_line_and_says_what_was_published(draft in any_draft()) {
            let publication = sample("ü/<a>&", draft);
            let bytes = envelope(&publication);
            prop_assert!(!bytes.contains(&b'\n') && !bytes.contains(&b'\r'));
            assert_says(&serde_json::from_slice(&bytes).expect("JSON"), &publication);
        }
    }
}
