//! Bytes that are no document, and documents that ask for too much.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use push_mail::wbxml::{DecodeErrorKind as Kind, Element, Limits, decode, encode, tags::air_sync};

use super::{HEADER, documents, fuzzed, read, refused};

#[test]
fn each_offence_has_its_name_and_place() {
    let at = |body: usize| HEADER.len() + body;
    assert_eq!(refused(&[]), (Kind::TooShort, at(0)));
    assert_eq!(refused(&[0x45]), (Kind::TooShort, at(1)));
    assert_eq!(refused(&[0x45, 0x00]), (Kind::TooShort, at(2)), "a switch to no page");
    assert_eq!(refused(&[0x45, 0x46, 0x01]), (Kind::TooShort, at(3)), "the root has no end");
    assert_eq!(refused(&[0x01]), (Kind::End, at(0)));
    assert_eq!(refused(&[0x03, b'x', 0x00]), (Kind::Outside, at(0)));
    assert_eq!(refused(&[0xC3, 0x01, b'x']), (Kind::Outside, at(0)));
    assert_eq!(refused(&[0x45, 0x03, b'x']), (Kind::Unterminated, at(1)));
    assert_eq!(refused(&[0x45, 0x03, 0xC3, 0x28, 0x00, 0x01]), (Kind::Utf8, at(1)));
    assert_eq!(refused(&[0x45, 0x03, 0xED, 0xA0, 0x80, 0x00, 0x01]), (Kind::Utf8, at(1)), "half a surrogate pair");
    assert_eq!(refused(&[0x45, 0x83, 0x00, 0x01]), (Kind::Reference, at(1)), "there is no string table");
    assert_eq!(refused(&[0x45, 0xC3, 0x02, b'x']), (Kind::Length, at(1)));
    assert_eq!(refused(&[0x45, 0xC3, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F, b'x', 0x01]), (Kind::Length, at(1)), "4 GiB");
    assert_eq!(refused(&[0x45, 0xC3, 0x90, 0x80, 0x80, 0x80, 0x00, 0x01]), (Kind::Number, at(1)), "2^32");
    assert_eq!(refused(&[0x45, 0xC3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]), (Kind::Number, at(1)), "six bytes");
    assert_eq!(refused(&[0x45, 0xC3, 0x80, 0x80]), (Kind::TooShort, at(4)), "a number without an end");
    assert_eq!(refused(&[0x45, 0x02, 0x00, 0x01]), (Kind::Entity, at(1)), "NUL");
    assert_eq!(refused(&[0x45, 0x02, 0x83, 0xB0, 0x00, 0x01]), (Kind::Entity, at(1)), "U+D800");
    assert_eq!(refused(&[0x45, 0x02, 0xC4, 0x80, 0x00, 0x01]), (Kind::Entity, at(1)), "U+110000");
    assert_eq!(refused(&[0x85, 0x05, 0x01]), (Kind::Attributes, at(0)));
    assert_eq!(refused(&[0x45, 0xC6, 0x05, 0x01, 0x01, 0x01]), (Kind::Attributes, at(1)));
    // WBXML 1.3 §7.1: LITERAL, EXT_I_0..2, PI, LITERAL_C, EXT_T_0..2, LITERAL_A, EXT_0..2, LITERAL_AC.
    for token in [0x04, 0x40, 0x41, 0x42, 0x43, 0x44, 0x80, 0x81, 0x82, 0x84, 0xC0, 0xC1, 0xC2, 0xC4] {
        assert_eq!(refused(&[0x45, token, 0x00, 0x01, 0x01]), (Kind::Unused, at(1)), "{token:02X}");
    }
}

#[test]
fn each_offence_of_a_header_has_its_name_and_place() {
    let refused = |header: &[u8]| read(header).map(|_| ()).map_err(|error| (error.kind(), error.at()));
    assert_eq!(refused(&[]), Err((Kind::Empty, 0)));
    assert_eq!(refused(&[0x03]), Err((Kind::TooShort, 1)));
    assert_eq!(refused(&[0x00, 0x01, 0x00, 0x05]), Err((Kind::Version, 0)), "1.0 has no character set");
    assert_eq!(refused(&[0x04, 0x01, 0x6A, 0x00, 0x05]), Err((Kind::Version, 0)), "1.4");
    assert_eq!(refused(&[0x13, 0x01, 0x6A, 0x00, 0x05]), Err((Kind::Version, 0)), "2.3");
    assert_eq!(refused(b"<Ping/>"), Err((Kind::Version, 0)), "XML");
    assert_eq!(refused(&[0x03, 0x01, 0x87, 0x77, 0x00, 0x05]), Err((Kind::Charset, 2)), "1015 is UTF-16");
    assert_eq!(refused(&[0x03, 0x01, 0x6A, 0x05, b'x']), Err((Kind::Length, 3)));
    assert_eq!(refused(&[0x03, 0x01, 0x6A, 0x01, b'x', 0x45, 0x83, 0x00, 0x01]), Err((Kind::Unterminated, 6)));
    assert_eq!(refused(&[0x03, 0x01, 0x6A, 0x01, 0x00, 0x45, 0x83, 0x01, 0x01]), Err((Kind::Reference, 6)));
}

#[test]
fn an_error_says_what_and_where() {
    let error = read(&[0x03, 0x01, 0x6A, 0x00, 0x45, 0x85]).unwrap_err();
    assert_eq!(error.to_string(), "an element with attributes, at byte 5");
}

/// Limits, but for this.
fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn kind(document: &[u8], limits: &Limits) -> Option<Kind> {
    decode(&Bytes::copy_from_slice(document), limits).err().map(|error| error.kind())
}

#[test]
fn a_document_may_be_as_deep_as_the_limit_and_no_deeper() {
    let deep = |depth: usize| [HEADER.to_vec(), vec![0x45; depth - 1], vec![0x05], vec![0x01; depth - 1]].concat();
    assert_eq!(kind(&deep(32), &Limits::default()), None);
    assert_eq!(kind(&deep(33), &Limits::default()), Some(Kind::TooDeep));
    assert_eq!(kind(&deep(33), &limits(|limits| limits.depth = 33)), None);
    // Whoever allows all is not led to the end of the stack.
    let most = limits(|limits| limits.depth = usize::MAX);
    assert_eq!(kind(&deep(513), &most), Some(Kind::TooDeep));
    fuzzed::holds(&deep(512));
    let deepest = decode(&deep(512).into(), &most).unwrap();
    assert_eq!(encode(&deepest), deep(512));
}

#[test]
fn a_document_may_have_as_many_elements_as_the_limit_and_no_more() {
    let many = |elements: usize| [&HEADER[..], &[0x45], &vec![0x06; elements - 1], &[0x01]].concat();
    assert_eq!(kind(&many(20_000), &Limits::default()), None);
    assert_eq!(kind(&many(20_001), &Limits::default()), Some(Kind::TooManyElements));
}

#[test]
fn a_document_may_have_as_many_pieces_as_the_limit_and_no_more() {
    let few = limits(|limits| limits.pieces = 3);
    let opaque = |pieces: usize| [&HEADER[..], &[0x45], &[0xC3, 0x00].repeat(pieces), &[0x01]].concat();
    assert_eq!(kind(&opaque(3), &few), None);
    assert_eq!(kind(&opaque(4), &few), Some(Kind::TooManyPieces));
    // Texts in a row are one piece, and empty ones none.
    let texts = [&HEADER[..], &[0x45], &[0x03, b'x', 0x00, 0x03, 0x00].repeat(100), &[0x01]].concat();
    assert_eq!(kind(&texts, &limits(|limits| limits.pieces = 1)), None);
}

#[test]
fn a_text_counts_each_time_it_is_used() {
    let entry = 1_000;
    let uses = |uses: usize| {
        let table = [vec![b'y'; entry - 1], vec![0]].concat();
        [&[0x03, 0x01, 0x6A, 0x87, 0x68][..], &table, &[0x45], &[0x83, 0x00].repeat(uses), &[0x01]].concat()
    };
    let few = limits(|limits| limits.text = 10 * (entry - 1));
    assert_eq!(kind(&uses(10), &few), None);
    assert_eq!(kind(&uses(11), &few), Some(Kind::TooMuchText));
    // Two bytes of ISO 8859-1 that are four of UTF-8.
    let latin = [&[0x03, 0x01, 0x04, 0x00, 0x45, 0x03][..], &[0xE9, 0xE9, 0x00, 0x01]].concat();
    assert_eq!(kind(&latin, &limits(|limits| limits.text = 4)), None);
    assert_eq!(kind(&latin, &limits(|limits| limits.text = 3)), Some(Kind::TooMuchText));
    let entity = [&HEADER[..], &[0x45, 0x02, 0x87, 0xE9, 0x67, 0x01]].concat();
    assert_eq!(kind(&entity, &limits(|limits| limits.text = 3)), Some(Kind::TooMuchText));
}

#[test]
fn a_document_may_have_as_many_bytes_as_the_limit_and_no_more() {
    let status = encode(&Element::text(air_sync::STATUS, "1"));
    assert_eq!(kind(&status, &limits(|limits| limits.bytes = status.len())), None);
    assert_eq!(kind(&status, &limits(|limits| limits.bytes = status.len() - 1)), Some(Kind::TooLong));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        fuzzed::holds(&bytes);
        fuzzed::holds(&[&HEADER[..], &bytes].concat());
    }

    #[test]
    fn documents_with_a_few_bytes_changed_are_read_or_refused(
        document in documents(),
        changes in vec((any::<Index>(), prop_oneof![any::<u8>().prop_map(Some), Just(None)]), 1..6),
    ) {
        let mut bytes = encode(&document).to_vec();
        for (index, change) in changes {
            let at = index.index(bytes.len());
            match change {
                Some(byte) => bytes[at] = byte,
                None => bytes = [&bytes[..at], &bytes[at / 2..]].concat(),
            }
        }
        fuzzed::holds(&bytes);
    }
}
