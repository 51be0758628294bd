//! The forever frame: an HTML document that grows by one script element for each publication.
//!
//! For pages whose only way to stream is an iframe of the same origin. Each element calls `parent.push(...)` with
//! what would be a line of the NDJSON stream.

use std::sync::Arc;

use bytes::Bytes;
use push_core::{Cursor, Ending, Gap, Publication, Start};

use super::stream::Encoder;
use super::{envelope, forms, notice};

/// The `Content-Type` of the document.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// What stands before the first script, beside the padding.
const HEAD: &str =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>push</title></head><body>\n";

/// Browsers collect up to 1 KiB, some proxies 2 KiB, before they show or run anything.
const PADDING_BYTES: usize = 2048;

/// Writes a subscription as script elements. A blank line breaks a silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Script;

impl Encoder for Script {
    fn content_type(&self) -> String {
        CONTENT_TYPE.to_owned()
    }

    fn open(&self, out: &mut Vec<u8>, start: &Start, _sent: Option<Cursor>) {
        out.extend_from_slice(HEAD.as_bytes());
        out.extend_from_slice(b"<!--");
        out.resize(out.len() + PADDING_BYTES, b' ');
        out.extend_from_slice(b"-->\n");
        push_script(out, |out| notice::write_subscribed(out, start));
    }

    fn publication(&self, publication: &Arc<Publication>) -> Bytes {
        publication.form(forms::SCRIPT, |publication| {
            let mut out = Vec::with_capacity(envelope::size_hint(publication) + 64);
            push_script(&mut out, |out| envelope::write_envelope(out, publication));
            out.into()
        })
    }

    fn gaps(&self, out: &mut Vec<u8>, gaps: &[Gap], _resume: Cursor) {
        for gap in gaps {
            push_script(out, |out| notice::write_gap_op(out, gap));
        }
    }

    fn heartbeat(&self, out: &mut Vec<u8>, _looked: Option<Cursor>) {
        out.push(b'\n');
    }

    fn close(&self, out: &mut Vec<u8>, ending: &Ending) {
        push_script(out, |out| notice::write_close_op(out, ending));
    }
}

fn push_script(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut json = Vec::new();
    write(&mut json);
    out.extend_from_slice(b"<script>parent.push(");
    push_escaped(out, &json);
    out.extend_from_slice(b")</script>\n");
}

/// Escapes what HTML or JavaScript would read differently from JSON.
///
/// All of it stands only within JSON strings, where an escape means the same character; so no payload can close
/// the element, open a comment in it, or break a string literal.
fn push_escaped(out: &mut Vec<u8>, json: &[u8]) {
    let mut at = 0;
    while at < json.len() {
        let (escape, len) = match json[at..] {
            [b'<', ..] => ("\\u003c", 1),
            [b'>', ..] => ("\\u003e", 1),
            [b'&', ..] => ("\\u0026", 1),
            // U+2028 and U+2029 end a line in older JavaScript.
            [0xe2, 0x80, 0xa8, ..] => ("\\u2028", 3),
            [0xe2, 0x80, 0xa9, ..] => ("\\u2029", 3),
            [byte, ..] => {
                out.push(byte);
                at += 1;
                continue;
            }
            [] => break,
        };
        out.extend_from_slice(escape.as_bytes());
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::tests::{any_draft, assert_says, sample};
    use crate::proto::notice::tests::{cursor, partial, start};
    use proptest::prelude::*;
    use push_core::Draft;
    use serde_json::Value;

    /// The arguments of all calls in a document, found as an HTML parser would: up to the next `</script`.
    fn pushed(bytes: &[u8]) -> Vec<Value> {
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        let elements = text.split("<script>").skip(1);
        let call = |element: &str| {
            let (script, _) = element.split_once("</script>").expect("a closed element");
            let argument = script.strip_prefix("parent.push(").and_then(|s| s.strip_suffix(')')).expect("a call");
            serde_json::from_str(argument).expect("JSON")
        };
        elements.map(call).collect()
    }

    #[test]
    fn the_document_is_padded_so_that_browsers_start_at_once() {
        let mut out = Vec::new();
        Script.open(&mut out, &start(5, vec![partial("a")]), None);
        assert!(out.starts_with(b"<!DOCTYPE html>"));
        assert!(out.len() > 2048);
        let told = pushed(&out);
        assert_eq!((&told[0]["op"], &told[0]["outcome"]), (&"subscribed".into(), &"partial".into()));
        assert_eq!(told[0]["cursor"], cursor(5).to_string());
    }

    #[test]
    fn no_payload_can_close_the_script_element_or_open_a_comment_in_it() {
        for attack in ["</script><script>alert(1)</script>", "<!--<script>", "]]>", "\u{2028}alert(1)//", "&lt;"] {
            for draft in [Draft::text(attack), Draft::json(serde_json::to_vec(attack).expect("serialises"))] {
                let publication = sample("a/<b>&", draft);
                let bytes = Script.publication(&publication);
                let text = std::str::from_utf8(&bytes).expect("UTF-8");
                let inner = text.trim_end().trim_start_matches("<script>").trim_end_matches("</script>");
                assert!(!inner.contains(['<', '>', '&', '\u{2028}', '\u{2029}', '\n']), "{text}");
                assert_says(&pushed(&bytes)[0], &publication);
            }
        }
    }

    #[test]
    fn gaps_and_the_end_are_pushed_too_and_a_blank_line_keeps_alive() {
        let mut out = Vec::new();
        Script.gaps(&mut out, &[partial("a")], cursor(7));
        Script.heartbeat(&mut out, None);
        Script.close(&mut out, &Ending::draining().because("</script>"));
        let told = pushed(&out);
        assert_eq!((&told[0]["op"], &told[1]["op"]), (&"gap".into(), &"close".into()));
        assert_eq!(told[1]["reason"], "</script>");
        assert!(String::from_utf8(out).expect("UTF-8").contains("</script>\n\n<script>"));
    }

    proptest! {
        #[test]
        fn any_publication_is_one_call_that_says_what_was_published(draft in any_draft()) {
            let publication = sample("a/ü", draft);
            let told = pushed(&Script.publication(&publication));
            prop_assert_eq!(told.len(), 1);
            assert_says(&told[0], &publication);
        }
    }
}
