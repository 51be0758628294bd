//! The beginning of a message, closed: without its closing delimiter a part is not decoded.

use std::borrow::Cow;

use memchr::memmem;

/// Lines that look like delimiters and are none, before it is given up.
const CANDIDATES: usize = 64;

/// A boundary has at most so many characters (RFC 2046 §5.1.1).
const BOUNDARY_BYTES: usize = 70;

/// The message with a closing delimiter for the part that it was cut in.
pub(super) fn closed(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(boundary) = open_boundary(raw) else { return Cow::Borrowed(raw) };
    let mut closed = Vec::with_capacity(raw.len() + boundary.len() + 8);
    closed.extend_from_slice(raw);
    closed.extend_from_slice(b"\r\n--");
    closed.extend_from_slice(boundary);
    closed.extend_from_slice(b"--\r\n");
    Cow::Owned(closed)
}

/// The boundary of the last delimiter, unless it is a closing one.
fn open_boundary(raw: &[u8]) -> Option<&[u8]> {
    let candidates = memmem::rfind_iter(raw, b"\n--").take(CANDIDATES);
    for at in candidates {
        let line = raw[at + 3..].split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        if line.is_empty() || line.len() > BOUNDARY_BYTES + 2 {
            continue;
        }
        let is_declared = |boundary: &[u8]| {
            memmem::find_iter(&raw[..at], boundary).any(|found| {
                let before = raw[..found].trim_ascii_end();
                before.ends_with(b"=") || before.ends_with(b"=\"")
            })
        };
        if line.strip_suffix(b"--").is_some_and(is_declared) {
            return None;
        }
        if is_declared(line) {
            return Some(line);
        }
    }
    None
}
