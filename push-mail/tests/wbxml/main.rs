//! The WBXML codec by itself: known bytes, all pages, hostile bytes, limits, XML, the command.
//! tests/libwbxml.rs holds it against another implementation.

mod command;
#[path = "../../../fuzz/src/wbxml.rs"]
mod fuzzed;
mod hostile;
mod memory;
mod pages;
mod random;
mod seeds;
mod vectors;
mod xml;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use push_mail::wbxml::{DecodeError, DecodeErrorKind, Element, Limits, Tag, decode};

/// The document of these bytes.
fn read(bytes: &[u8]) -> Result<Element, DecodeError> {
    decode(&Bytes::copy_from_slice(bytes), &Limits::default())
}

/// What is wrong with these bytes after a header, and at which byte of the document.
#[track_caller]
fn refused(body: &[u8]) -> (DecodeErrorKind, usize) {
    let error = read(&[&HEADER, body].concat()).expect_err("a document");
    (error.kind(), error.at())
}

/// WBXML 1.3, public id unknown, UTF-8, no string table.
const HEADER: [u8; 4] = [0x03, 0x01, 0x6A, 0x00];

/// Random documents of all that there can be in one.
fn documents() -> impl Strategy<Value = Element> {
    random::documents(tags(), texts(), true)
}

/// Every tag that has a name, and some that have none.
fn tags() -> Vec<Tag> {
    Tag::all().chain([Tag::new(0, 0x3F), Tag::new(25, 0x3F), Tag::new(26, 0x05), Tag::new(255, 0x3F)]).collect()
}

/// Any text that WBXML can say.
fn texts() -> BoxedStrategy<String> {
    vec(any::<char>().prop_filter("NUL ends a text", |c| *c != '\0'), 1..20).prop_map(String::from_iter).boxed()
}
