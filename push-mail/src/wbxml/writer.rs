//! Elements to bytes.

use bytes::Bytes;

use super::{Content, Element};

/// The bytes of a document: WBXML 1.3, public id unknown, UTF-8, no string table, as [MS-ASWBXML] 2.1.2 has it. Text goes
/// inline (`STR_I`); a NUL in it, which WBXML has no way to say, is left out.
pub fn encode(root: &Element) -> Bytes {
    let mut out = vec![0x03, 0x01, 0x6A, 0x00];
    let mut page = 0;
    element(root, &mut page, &mut out);
    out.into()
}

fn element(element: &Element, page: &mut u8, out: &mut Vec<u8>) {
    let tag = element.tag;
    if tag.page() != *page {
        *page = tag.page();
        out.extend([0x00, *page]);
    }
    if element.is_empty() {
        out.push(tag.token());
        return;
    }
    out.push(tag.token() | 0x40);
    for content in &element.content {
        match content {
            Content::Element(child) => self::element(child, page, out),
            Content::Text(text) => {
                out.push(0x03);
                out.extend(text.bytes().filter(|byte| *byte != 0));
                out.push(0);
            }
            Content::Opaque(bytes) => {
                out.push(0xC3);
                length(bytes.len(), out);
                out.extend_from_slice(bytes);
            }
        }
    }
    out.push(0x01);
}

/// A multi-byte integer: seven bits a byte, the highest first, the top bit on all but the last (WBXML 1.3 §5.1).
fn length(value: usize, out: &mut Vec<u8>) {
    let value = u32::try_from(value).expect("a document is shorter than 4 GiB");
    let groups = (32 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let more = if group == 0 { 0 } else { 0x80 };
        out.push(((value >> (7 * group)) & 0x7F) as u8 | more);
    }
}
