//! Names of mailboxes on the wire and paths for people.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::store::{name_of_part, part_of_path};

/// RFC 3501 §5.1.3: base64 with `,` for `/`, and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes modified UTF-7; what is none is returned as it is.
fn decode(name: &str) -> String {
    try_decode(name).unwrap_or_else(|| name.to_owned())
}

fn try_decode(name: &str) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, behind)) = rest.split_once('&') {
        text.push_str(before);
        let (shifted, behind) = behind.split_once('-')?;
        rest = behind;
        if shifted.is_empty() {
            text.push('&');
            continue;
        }
        let bytes = BASE64.decode(shifted).ok()?;
        let (pairs, []) = bytes.as_chunks::<2>() else { return None };
        let units = pairs.iter().map(|&pair| u16::from_be_bytes(pair));
        for unit in char::decode_utf16(units) {
            text.push(unit.ok()?);
        }
    }
    text.push_str(rest);
    Some(text)
}

fn encode(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut shifted = Vec::new();
    let flush = |name: &mut String, shifted: &mut Vec<u8>| {
        if !shifted.is_empty() {
            *name += "&";
            BASE64.encode_string(&*shifted, name);
            *name += "-";
            shifted.clear();
        }
    };
    for character in text.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut name, &mut shifted);
            name.push(character);
            if character == '&' {
                name.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut name, &mut shifted);
    name
}

/// The path of a mailbox: its names decoded and joined by `/`, as [`Folder::path`](crate::store::Folder::path).
pub(super) fn path(name: &str, delimiter: Option<char>) -> String {
    let part = |part: &str| part_of_path(&decode(part));
    let parts: Vec<_> = match delimiter {
        Some(delimiter) => name.split(delimiter).map(part).collect(),
        None => vec![part(name)],
    };
    let mut path = parts.join("/");
    // RFC 9051 §5.1: INBOX is one in any case of letters.
    if parts[0].eq_ignore_ascii_case("INBOX") {
        path.replace_range(..5, "INBOX");
    }
    path
}

/// The mailbox of a path, if there can be one.
pub(super) fn name(path: &str, delimiter: Option<char>) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        let part = name_of_part(part);
        let is_possible = !part.is_empty() && !part.contains(char::is_control);
        if !is_possible || delimiter.is_some_and(|delimiter| part.contains(delimiter)) {
            return None;
        }
        parts.push(encode(&part));
    }
    match delimiter {
        Some(delimiter) => Some(parts.join(delimiter.encode_utf8(&mut [0; 4]))),
        None => parts.pop().filter(|_| parts.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_decoded_names_joined_by_slashes() {
        // The example of RFC 3501 §5.1.3 is the third.
        for (wire, delimiter, people) in [
            ("inbox", Some('/'), "INBOX"),
            ("Inbox.Old", Some('.'), "INBOX/Old"),
            ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", Some('/'), "~peter/mail/台北/日本語"),
            ("R&-D.100%.a/b", Some('.'), "R&D/100%/a%2Fb"),
            ("inboxes", Some('/'), "inboxes"),
            ("a/b", None, "a%2Fb"),
            ("&2D3eAQ-", Some('/'), "😁"),
            ("not & encoded", Some('/'), "not & encoded"),
            ("&!!!-", Some('/'), "&!!!-"),
        ] {
            assert_eq!(path(wire, delimiter), people, "{wire}");
        }
    }

    #[test]
    fn a_path_without_a_mailbox_is_none() {
        for (wrong, delimiter) in
            [("", Some('/')), ("a//b", Some('/')), ("a.b", Some('.')), ("a/b", None), ("a\nb", Some('/'))]
        {
            assert_eq!(name(wrong, delimiter), None, "{wrong}");
        }
        assert_eq!(name("Grüße/a%2Fb", Some('.')).as_deref(), Some("Gr&APwA3w-e.a/b"));
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(text in "[^\\pC./]{1,12}(/[^\\pC./]{1,12}){0,2}") {
            let path_of = text.split('/').map(part_of_path).collect::<Vec<_>>().join("/");
            let wire = name(&path_of, Some('.')).expect("a mailbox");
            prop_assert!(wire.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            let expected = if wire.split('.').next().is_some_and(|it| it.eq_ignore_ascii_case("inbox")) {
                format!("INBOX{}", &path_of[5..])
            } else {
                path_of
            };
            prop_assert_eq!(path(&wire, Some('.')), expected);
        }

        #[test]
        fn no_name_makes_it_stumble(text in any::<String>()) {
            let _ = path(&text, Some('/'));
        }
    }
}
