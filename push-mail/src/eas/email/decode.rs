//! What is in a part: transfer encodings and character sets undone, as far as they can be.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail_parser::HeaderName;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::mime::Part;

/// Base64 as it is found in mail: padded or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    None,
    Base64,
    QuotedPrintable,
}

fn encoding(part: &Part<'_>) -> Encoding {
    match part.text(&HeaderName::ContentTransferEncoding) {
        Some(word) if word.eq_ignore_ascii_case("base64") => Encoding::Base64,
        Some(word) if word.eq_ignore_ascii_case("quoted-printable") => Encoding::QuotedPrintable,
        _ => Encoding::None,
    }
}

/// The bytes of a part, decoded as far as they are encoded right.
pub(super) fn bytes<'m>(part: &Part<'m>) -> Cow<'m, [u8]> {
    match encoding(part) {
        Encoding::None => Cow::Borrowed(part.raw),
        Encoding::Base64 => Cow::Owned(base64(part.raw)),
        Encoding::QuotedPrintable => quoted_printable_decode(part.raw).map_or(Cow::Borrowed(part.raw), Cow::Owned),
    }
}

/// RFC 2045 §6.8: what is not of the alphabet is ignored.
fn base64(raw: &[u8]) -> Vec<u8> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut digits: Vec<u8> = raw.iter().copied().take_while(|byte| *byte != b'=').filter(is_digit).collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(&digits).unwrap_or_default()
}

/// About how many bytes it has, without decoding it.
pub(super) fn estimate(part: &Part<'_>) -> usize {
    match encoding(part) {
        Encoding::Base64 => {
            let breaks = memchr::memchr2_iter(b'\r', b'\n', part.raw).count();
            let padding = part.raw.trim_ascii_end().iter().rev().take(2).filter(|byte| **byte == b'=').count();
            ((part.raw.len() - breaks) / 4 * 3).saturating_sub(padding)
        }
        Encoding::None | Encoding::QuotedPrintable => part.raw.len(),
    }
}

/// The text of a part.
pub(super) fn text(part: &Part<'_>) -> String {
    let bytes = bytes(part);
    let charset = part.parameter("charset").map(str::trim).unwrap_or_default();
    // Who says ASCII, or nothing, and writes more mostly writes UTF-8.
    if (charset.is_empty() || charset.eq_ignore_ascii_case("us-ascii") || charset.eq_ignore_ascii_case("utf-8"))
        && let Ok(text) = std::str::from_utf8(&bytes)
    {
        return text.to_owned();
    }
    let known = charset_decoder(charset.as_bytes());
    match known.or_else(|| charset_decoder(b"windows-1252")) {
        Some(decode) => decode(&bytes),
        None => String::from_utf8_lossy(&bytes).into_owned(),
    }
}
