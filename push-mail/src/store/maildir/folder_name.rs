//! What folders are called: directories `.A.B` beside the inbox (Maildir++), their names in modified UTF-7 or UTF-8.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

use super::FolderNames;
use crate::store::{StoreError, StoreErrorKind, name_of_part, part_of_path};

/// The path of the inbox.
pub(super) const INBOX: &str = "INBOX";

/// Longest name of a directory, as Linux has it.
const MAX_DIR_BYTES: usize = 255;

/// RFC 3501 §5.1.3: base64 with `,` for `/`, and no padding.
const ENGINE: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// The path of a directory's name, dot and all: what is valid modified UTF-7 is read as such.
pub(super) fn path(dir: &str) -> String {
    let names = dir.strip_prefix('.').unwrap_or(dir).split('.');
    let decoded = names.map(|name| utf7_decode(name).unwrap_or_else(|| name.to_owned()));
    decoded.map(|name| part_of_path(&name)).collect::<Vec<_>>().join("/")
}

/// The directory for a path.
///
/// # Errors
///
/// [`StoreErrorKind::Invalid`] for a path that no directory can be called by, or that would lead elsewhere.
pub(super) fn dir(path: &str, names: FolderNames) -> Result<String, StoreError> {
    let refuse = |why: &str| StoreError::new(StoreErrorKind::Invalid, format!("{path:?} cannot be a folder: {why}"));
    let mut dir = String::new();
    for name in path.split('/') {
        let name = name_of_part(name);
        if name.is_empty() {
            return Err(refuse("a name is empty"));
        }
        if name.chars().any(|c| c.is_control() || c == '.' || c == '/') {
            return Err(refuse("control characters, dots and slashes cannot be in its name"));
        }
        dir.push('.');
        match names {
            FolderNames::Utf8 => dir.push_str(&name),
            FolderNames::ModifiedUtf7 => utf7_encode(&name, &mut dir),
        }
        if dir.len() > MAX_DIR_BYTES {
            return Err(refuse("it is too long"));
        }
    }
    Ok(dir)
}

/// RFC 3501 §5.1.3.
fn utf7_encode(name: &str, out: &mut String) {
    let flush = |wide: &mut Vec<u8>, out: &mut String| {
        if !wide.is_empty() {
            out.push('&');
            ENGINE.encode_string(&*wide, out);
            out.push('-');
            wide.clear();
        }
    };
    let mut wide = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut wide, out);
            out.push(character);
            if character == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            wide.extend(character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut wide, out);
}

/// RFC 3501 §5.1.3; `None` for what is not.
fn utf7_decode(name: &str) -> Option<String> {
    if !name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let mut parts = name.split('&');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_once('-')?;
        if code.is_empty() {
            out.push('&');
        } else {
            let wide = ENGINE.decode(code).ok().filter(|wide| wide.len().is_multiple_of(2))?;
            let units: Vec<u16> = wide.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect();
            out.push_str(&String::from_utf16(&units).ok()?);
        }
        out.push_str(rest);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn directories_are_read_as_paths() {
        for (dir, expected) in [
            (".Sent", "Sent"),
            (".Lists.rust", "Lists/rust"),
            (".Entw&APw-rfe", "Entwürfe"),
            (".Entwürfe", "Entwürfe"),
            (".R&D", "R&D"),
            (".R&-D", "R&D"),
            (".&ZeVnLIqe-", "日本語"),
            (".a&AC8-b", "a%2Fb"),
            (".50%", "50%"),
            (".&2AA-", "&2AA-"),
        ] {
            assert_eq!(path(dir), expected, "{dir}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let long = "x".repeat(255);
        for wrong in
            ["", "/", "a/", "/a", "a//b", "..", "../x", "a/../b", ".hidden", "a.b", "a\0b", "a\nb", "%2Fetc", &long]
        {
            for names in [FolderNames::ModifiedUtf7, FolderNames::Utf8] {
                let refused = dir(wrong, names).map_err(|error| error.kind());
                assert_eq!(refused, Err(StoreErrorKind::Invalid), "{wrong:?}");
            }
        }
        assert_eq!(dir("Entwürfe/R&D", FolderNames::ModifiedUtf7).expect("valid"), ".Entw&APw-rfe.R&-D");
        assert_eq!(dir("50%", FolderNames::Utf8).expect("valid"), ".50%");
    }

    proptest! {
        #[test]
        fn a_path_comes_back_from_its_directory(path in "[^./%\\x00-\\x1f\\x7f-\\x9f]{1,20}(/[^./%\\x00-\\x1f\\x7f-\\x9f]{1,10}){0,2}") {
            let encoded = dir(&path, FolderNames::ModifiedUtf7).expect("valid");
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(super::path(&encoded), path);
        }
    }
}
