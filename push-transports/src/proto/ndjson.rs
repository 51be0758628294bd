//! NDJSON streams: a publication's line is its bare envelope, every other line has an `op`.

use std::sync::Arc;

use bytes::Bytes;
use push_core::{Cursor, Ending, Gap, Publication, Start};

use super::stream::Encoder;
use super::{envelope, forms, notice};

/// The `Content-Type` of NDJSON.
pub const CONTENT_TYPE: &str = "application/x-ndjson";

/// Writes a subscription as lines of JSON. A blank line breaks a silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ndjson;

impl Encoder for Ndjson {
    fn content_type(&self) -> String {
        CONTENT_TYPE.to_owned()
    }

    fn open(&self, out: &mut Vec<u8>, start: &Start, _sent: Option<Cursor>) {
        notice::write_subscribed(out, start);
        out.push(b'\n');
    }

    fn publication(&self, publication: &Arc<Publication>) -> Bytes {
        publication.form(forms::NDJSON, |publication| {
            let mut out = Vec::with_capacity(envelope::size_hint(publication));
            envelope::write_envelope(&mut out, publication);
            out.push(b'\n');
            out.into()
        })
    }

    fn gaps(&self, out: &mut Vec<u8>, gaps: &[Gap], _resume: Cursor) {
        for gap in gaps {
            notice::write_gap_op(out, gap);
            out.push(b'\n');
        }
    }

    fn heartbeat(&self, out: &mut Vec<u8>, _looked: Option<Cursor>) {
        out.push(b'\n');
    }

    fn close(&self, out: &mut Vec<u8>, ending: &Ending) {
        notice::write_close_op(out, ending);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::tests::{any_draft, assert_says, sample};
    use crate::proto::notice::tests::{cursor, partial, start};
    use proptest::prelude::*;
    use serde_json::Value;

    fn lines(bytes: &[u8]) -> Vec<Value> {
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        assert!(text.ends_with('\n'));
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn the_first_line_tells_cursor_outcome_and_gaps() {
        let mut out = Vec::new();
        Ndjson.open(&mut out, &start(5, vec![partial("a")]), None);
        let told = lines(&out);
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0]["op"], &told[0]["outcome"]), (&"subscribed".into(), &"partial".into()));
        assert_eq!((&told[0]["cursor"], &told[0]["gaps"][0]["from"]), (&cursor(5).to_string().into(), &3.into()));
    }

    #[test]
    fn gaps_heartbeats_and_the_end_are_lines_of_their_own() {
        let mut out = Vec::new();
        Ndjson.gaps(&mut out, &[partial("a"), partial("b")], cursor(7));
        Ndjson.heartbeat(&mut out, Some(cursor(8)));
        Ndjson.close(&mut out, &Ending::too_slow());
        let ops: Vec<_> = lines(&out).iter().map(|line| line["op"].as_str().expect("op").to_owned()).collect();
        assert_eq!(ops, ["gap", "gap", "close"]);
        assert!(String::from_utf8(out).expect("UTF-8").contains("\n\n"), "a blank line as keep-alive");
    }

    proptest! {
        #[test]
        fn any_publication_is_one_line_without_an_op(draft in any_draft()) {
            let publication = sample("a/ü", draft);
            let told = lines(&Ndjson.publication(&publication));
            prop_assert_eq!(told.len(), 1);
            prop_assert!(told[0].get("op").is_none());
            assert_says(&told[0], &publication);
        }
    }
}
