//! What holds for any bytes read as WBXML. Run by the fuzzer, and over its corpus by push-mail's tests.

use bytes::Bytes;
use push_mail::wbxml::{Limits, decode_first, encode, from_xml, to_xml};

/// Reading them ends, within the limits; what was read is read again from what is written of it, as bytes and as XML.
///
/// # Panics
///
/// If it does not hold.
pub(crate) fn holds(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut limits = Limits::default();
    (limits.text, limits.elements, limits.pieces) = (1 << 20, 2_000, 2_000);
    let (root, length) = match decode_first(&bytes, &limits) {
        Ok(read) => read,
        Err(error) => return assert!(error.at() <= bytes.len(), "{error}"),
    };
    assert_eq!(
        decode_first(&bytes.slice(..length), &limits).as_ref(),
        Ok(&(root.clone(), length)),
        "without what follows"
    );
    assert!(length == 0 || decode_first(&bytes.slice(..length - 1), &limits).is_err(), "a document less its last byte");

    let written = encode(&root);
    assert_eq!(decode_first(&written, &limits), Ok((root.clone(), written.len())), "what was written");
    let mut of_xml = limits;
    of_xml.bytes = usize::MAX;
    let xml = to_xml(&root);
    assert_eq!(from_xml(&xml, &of_xml).as_ref(), Ok(&root), "{xml}");
}
