//! JSON payloads: checked once when published, compacted when an envelope is made.

use serde::de::IgnoredAny;

/// Checks that `bytes` are one JSON value in UTF-8; the error says what is wrong and where.
///
/// Takes no memory that grows with depth beyond one bit a level: the parser skips values without recursion.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
    serde_json::from_str::<IgnoredAny>(text).map(|_| ()).map_err(|e| e.to_string())
}

/// `bytes`, valid JSON, without the white space outside strings. Number spelling and member order stay.
pub(crate) fn compact(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in bytes {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
        } else if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            out.push(byte);
            in_string = byte == b'"';
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_white_space_outside_strings_goes() {
        let text = b" { \"a b\\\" c\" : [ 1.0e+1 , -0 ,\r\n\t\"\\\\\" , null ] } ";
        assert_eq!(compact(text), b"{\"a b\\\" c\":[1.0e+1,-0,\"\\\\\",null]}");
    }

    #[test]
    fn one_value_and_nothing_else_is_json() {
        for bad in ["", " ", "{", "1 2", "{\"a\":1,}", "\"\u{1}\"", "nul", "01", "'a'", "\u{feff}1"] {
            assert!(validate(bad.as_bytes()).is_err(), "{bad:?}");
        }
        for good in ["1", " \"x\" ", "{\"a\":[]}", "1e999", "-0.0"] {
            assert!(validate(good.as_bytes()).is_ok(), "{good:?}");
        }
        assert!(validate(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_million_brackets_neither_overflow_the_stack_nor_pass_unclosed() {
        let deep = "[".repeat(1_000_000);
        assert!(validate(deep.as_bytes()).is_err());
        assert!(validate(format!("{deep}{}", "]".repeat(1_000_000)).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn compacting_changes_no_value(items in prop::collection::vec("[ \\\\\"a\\n]{0,8}", 0..8)) {
            let value = serde_json::json!({ "items": items });
            let pretty = serde_json::to_vec_pretty(&value).expect("serialises");
            prop_assert_eq!(compact(&pretty), serde_json::to_vec(&value).expect("serialises"));
        }
    }
}
