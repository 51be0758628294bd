//! Percent-encoding of names in headers.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::problem::Problem;

/// Everything but the unreserved characters and `/`, which separates the segments of a channel.
// RFC 3986 §2.3: unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The text as it stands in `Push-Channel` and `Push-Key`: printable ASCII, whatever it holds.
pub fn percent(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, ESCAPED)
}

/// The text that a header of this name carries percent-encoded.
///
/// # Errors
///
/// `bad_parameter` naming the header, where that is not UTF-8 or a `%` has no two hexadecimal digits behind it.
pub fn decode_percent(header: &str, value: &[u8]) -> Result<String, Problem> {
    let bad = || Problem::bad_parameter(format!("'{header}' is not percent-encoded UTF-8"));
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let digits = rest.get(at + 1..at + 3).ok_or_else(bad)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(bad());
        }
        rest = &rest[at + 3..];
    }
    let text = percent_decode(value).decode_utf8().map_err(|_| bad())?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everything_but_unreserved_characters_and_slashes_is_escaped() {
        assert_eq!(percent("chat/ü b~._-%+\r\n").to_string(), "chat/%C3%BC%20b~._-%25%2B%0D%0A");
    }

    #[test]
    fn broken_escapes_name_the_header() {
        for bad in [&b"%"[..], b"a%4", b"%zz", b"%ff", b"\xff"] {
            assert!(decode_percent("Push-Key", bad).is_err_and(|p| p.detail().contains("'Push-Key'")), "{bad:?}");
        }
        assert_eq!(decode_percent("Push-Key", b"a+b%20c"), Ok("a+b c".to_owned()));
        assert_eq!(decode_percent("Push-Key", "ü".as_bytes()), Ok("ü".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_survives_and_is_a_header_value(text in "\\PC{0,40}|[\u{0}-\u{ff}]{0,20}") {
            let encoded = percent(&text).to_string();
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(decode_percent("Push-Key", encoded.as_bytes()), Ok(text));
        }
    }
}
