//! Elements to bytes.

use bytes::Bytes;

use super::{Content, Element};

/// The bytes of a document: WBXML 1.3, public id unknown, UTF-8, no string table, as [MS-ASWBXML] 2.1.2 has it. Text goes
/// inline (`STR_I`); a NUL in it, which WBXML has no way to say, is left out. An element with nothing in it, or only an empty
/// text, has no end of its own.
///
/// # Panics
///
/// If opaque bytes are 4 GiB or longer.
pub fn encode(root: &Element) -> Bytes {
    let mut size = 0;
    document(root, &mut |bytes| size += bytes.len());
    let mut out = Vec::with_capacity(size);
    document(root, &mut |bytes| out.extend_from_slice(bytes));
    out.into()
}

/// Hands out the document's bytes, in order. Called twice, so that memory is taken once.
fn document(root: &Element, put: &mut impl FnMut(&[u8])) {
    put(&[0x03, 0x01, 0x6A, 0x00]);
    element(root, &mut 0, put);
}

fn element(element: &Element, page: &mut u8, put: &mut impl FnMut(&[u8])) {
    let tag = element.tag;
    if tag.page() != *page {
        *page = tag.page();
        put(&[0x00, *page]);
    }
    if element.content.iter().all(says_nothing) {
        put(&[tag.token()]);
        return;
    }
    put(&[tag.token() | 0x40]);
    for content in &element.content {
        match content {
            Content::Element(child) => self::element(child, page, put),
            content if says_nothing(content) => {}
            Content::Text(text) => {
                put(&[0x03]);
                text.as_bytes().split(|byte| *byte == 0).for_each(&mut *put);
                put(&[0]);
            }
            Content::Opaque(bytes) => {
                put(&[0xC3]);
                length(bytes.len(), put);
                put(bytes);
            }
        }
    }
    put(&[0x01]);
}

/// A text of nothing, or of nothing but NULs.
fn says_nothing(content: &Content) -> bool {
    matches!(content, Content::Text(text) if text.bytes().all(|byte| byte == 0))
}

/// A multi-byte integer: seven bits a byte, the highest first, the top bit on all but the last (WBXML 1.3 §5.1).
fn length(value: usize, put: &mut impl FnMut(&[u8])) {
    let value = u32::try_from(value).expect("opaque bytes are shorter than 4 GiB");
    let groups = (32 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let more = if group == 0 { 0 } else { 0x80 };
        put(&[((value >> (7 * group)) & 0x7F) as u8 | more]);
    }
}
