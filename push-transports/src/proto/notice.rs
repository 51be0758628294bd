//! What a subscription is told beside its publications: how it starts, what it lost, why it ends.

use std::time::Duration;

use push_core::{Ending, Gap, Outcome, Start};

use super::json;

/// When to come back where an ending asks to and names no time.
pub const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// Longest reason of a WebSocket close frame, in bytes.
// RFC 6455 §5.5: a control frame carries at most 125 bytes, two of them the code.
pub const MAX_CLOSE_REASON_BYTES: usize = 123;

/// Appends one gap as an object: `{"channel","outcome","from","to","missed"}`, unknown members left out.
pub fn write_gap(out: &mut Vec<u8>, gap: &Gap) {
    out.push(b'{');
    write_gap_members(out, gap);
    out.push(b'}');
}

/// Appends `{"op":"gap",...}`.
pub fn write_gap_op(out: &mut Vec<u8>, gap: &Gap) {
    out.extend_from_slice(b"{\"op\":\"gap\",");
    write_gap_members(out, gap);
    out.push(b'}');
}

fn write_gap_members(out: &mut Vec<u8>, gap: &Gap) {
    json::push_member(out, "channel", &gap.channel);
    out.push(b',');
    json::push_member(out, "outcome", gap.outcome.as_str());
    for (name, value) in [("from", gap.from), ("to", gap.to), ("missed", gap.missed)] {
        if let Some(value) = value {
            out.push(b',');
            json::push_name(out, name);
            json::push_number(out, value);
        }
    }
}

/// Appends `"outcome":"..."` and, unless everything could be given, `,"gaps":[...]`.
pub fn write_outcome(out: &mut Vec<u8>, outcome: Outcome, gaps: &[Gap]) {
    json::push_member(out, "outcome", outcome.as_str());
    if outcome == Outcome::Complete {
        return;
    }
    out.extend_from_slice(b",\"gaps\":[");
    for (at, gap) in gaps.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_gap(out, gap);
    }
    out.push(b']');
}

/// Appends `"cursor":"...","outcome":"..."` and the gaps, if any.
pub fn write_start(out: &mut Vec<u8>, start: &Start) {
    out.extend_from_slice(b"\"cursor\":\"");
    start.cursor.write_to(out);
    out.extend_from_slice(b"\",");
    write_outcome(out, start.outcome, &start.gaps);
}

/// Appends the first line of a stream: `{"op":"subscribed","cursor","outcome","gaps"}`.
pub fn write_subscribed(out: &mut Vec<u8>, start: &Start) {
    out.extend_from_slice(b"{\"op\":\"subscribed\",");
    write_start(out, start);
    out.push(b'}');
}

/// When the client should come back: `None` if it should not.
pub fn retry_of(ending: &Ending) -> Option<Duration> {
    ending.reconnect().then(|| ending.retry().unwrap_or(DEFAULT_RETRY))
}

/// Appends an ending: `{"code","reason","reconnect","retry_ms"}`; `retry_ms` is null where one should not come back.
pub fn write_close(out: &mut Vec<u8>, ending: &Ending) {
    out.push(b'{');
    write_close_members(out, ending, ending.reason());
    out.push(b'}');
}

/// Appends `{"op":"close",...}`.
pub fn write_close_op(out: &mut Vec<u8>, ending: &Ending) {
    out.extend_from_slice(b"{\"op\":\"close\",");
    write_close_members(out, ending, ending.reason());
    out.push(b'}');
}

/// The reason of a WebSocket close frame: the ending as compact JSON of at most [`MAX_CLOSE_REASON_BYTES`], the words
/// cut where they are too long.
pub fn close_reason(ending: &Ending) -> String {
    let words = ending.reason();
    // Longer words cannot fit, whatever their escapes.
    let mut longest = words.len().min(MAX_CLOSE_REASON_BYTES);
    while !words.is_char_boundary(longest) {
        longest -= 1;
    }
    let ends = (0..=longest).rev().filter(|end| words.is_char_boundary(*end));
    let mut out = Vec::new();
    for end in ends {
        out.clear();
        out.push(b'{');
        write_close_members(&mut out, ending, &words[..end]);
        out.push(b'}');
        if out.len() <= MAX_CLOSE_REASON_BYTES {
            break;
        }
    }
    String::from_utf8(out).expect("JSON of a string is UTF-8")
}

fn write_close_members(out: &mut Vec<u8>, ending: &Ending, reason: &str) {
    json::push_name(out, "code");
    json::push_number(out, u64::from(ending.code()));
    out.push(b',');
    json::push_member(out, "reason", reason);
    out.extend_from_slice(if ending.reconnect() { b",\"reconnect\":true" } else { b",\"reconnect\":false" });
    out.extend_from_slice(b",\"retry_ms\":");
    match retry_of(ending) {
        Some(retry) => json::push_number(out, millis(retry)),
        None => out.extend_from_slice(b"null"),
    }
}

/// Whole milliseconds, as the wire has them.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use push_core::{Cursor, Epoch};
    use serde_json::{Value, json};

    /// A loss in `channel`: offsets 3 to 9.
    pub(crate) fn partial(channel: &str) -> Gap {
        Gap { channel: channel.into(), outcome: Outcome::Partial, from: Some(3), to: Some(9), missed: Some(7) }
    }

    pub(crate) fn cursor(number: u64) -> Cursor {
        Cursor::new(Epoch::from_u64(1), number)
    }

    pub(crate) fn start(number: u64, gaps: Vec<Gap>) -> Start {
        let outcome = gaps.iter().map(|gap| gap.outcome).max().unwrap_or_default();
        Start { cursor: cursor(number), outcome, gaps }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn a_gap_leaves_out_what_is_not_known() {
        let all = partial("a\"b");
        let expected = r#"{"channel":"a\"b","outcome":"partial","from":3,"to":9,"missed":7}"#;
        assert_eq!(text(|out| write_gap(out, &all)), expected);
        let lost = Gap { channel: "chat/*".into(), outcome: Outcome::Lost, from: None, to: None, missed: None };
        assert_eq!(text(|out| write_gap(out, &lost)), r#"{"channel":"chat/*","outcome":"lost"}"#);
        assert_eq!(text(|out| write_gap_op(out, &lost)), r#"{"op":"gap","channel":"chat/*","outcome":"lost"}"#);
    }

    #[test]
    fn gaps_stand_beside_every_outcome_but_complete() {
        let complete = text(|out| write_subscribed(out, &start(5, vec![])));
        assert_eq!(complete, format!(r#"{{"op":"subscribed","cursor":"{}","outcome":"complete"}}"#, cursor(5)));
        let loss: Value =
            serde_json::from_str(&text(|out| write_subscribed(out, &start(5, vec![partial("a"), partial("b")]))))
                .expect("JSON");
        assert_eq!(loss["outcome"], "partial");
        assert_eq!(loss["gaps"].as_array().map(Vec::len), Some(2));
        assert_eq!(loss["gaps"][1]["channel"], "b");
    }

    #[test]
    fn an_ending_says_code_reason_and_when_to_come_back() {
        let draining = Ending::draining().retry_after(Duration::from_millis(2500));
        let expected = r#"{"code":3000,"reason":"draining","reconnect":true,"retry_ms":2500}"#;
        assert_eq!(text(|out| write_close(out, &draining)), expected);
        let expected = r#"{"op":"close","code":3501,"reason":"forbidden","reconnect":false,"retry_ms":null}"#;
        assert_eq!(text(|out| write_close_op(out, &Ending::forbidden())), expected);
        assert!(text(|out| write_close(out, &Ending::too_slow())).ends_with(r#""retry_ms":1000}"#));
    }

    proptest! {
        #[test]
        fn a_close_reason_is_json_that_fits_a_close_frame(reason in "\\PC{0,80}|[\u{0}-\u{1f}\"]{0,40}") {
            let ending = Ending::disconnected().because(reason.clone()).retry_after(Duration::from_secs(86_400));
            let text = close_reason(&ending);
            prop_assert!(text.len() <= MAX_CLOSE_REASON_BYTES);
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let told = value["reason"].as_str().expect("a string");
            prop_assert!(reason.starts_with(told));
            prop_assert_eq!(&value["code"], &json!(3003));
            prop_assert!(told == reason || text.len() > MAX_CLOSE_REASON_BYTES - 6);
        }
    }
}
