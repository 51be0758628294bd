//! Bytes that other implementations made or take.

use bytes::Bytes;
use push_mail::wbxml::{
    Content, Element, Limits, Tag, decode, decode_first, encode,
    tags::{air_sync, air_sync_base, compose_mail, email, ping},
};

use super::{HEADER, read};

fn bytes(hex: &str) -> Bytes {
    hex.split_ascii_whitespace().map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

#[test]
fn a_ping_request_is_the_bytes_that_libwbxml_makes_of_it() {
    let folder = Element::new(ping::FOLDER).with_text(ping::ID, 5).with_text(ping::CLASS, "Email");
    let request = Element::new(ping::PING)
        .with_text(ping::HEARTBEAT_INTERVAL, 900)
        .with(Element::new(ping::FOLDERS).with(folder));
    let vector =
        bytes("03 01 6A 00 00 0D 45 48 03 39 30 30 00 01 49 4A 4B 03 35 00 01 4C 03 45 6D 61 69 6C 00 01 01 01 01");
    assert_eq!(encode(&request), vector);
    assert_eq!(read(&vector), Ok(request));
}

#[test]
fn a_ping_answer_is_the_bytes_of_an_independent_server() {
    let answer = Element::new(ping::PING)
        .with_text(ping::STATUS, 2)
        .with(Element::new(ping::FOLDERS).with_text(ping::FOLDER, 5));
    let vector = bytes("03 01 6A 00 00 0D 45 47 03 32 00 01 49 4A 03 35 00 01 01 01");
    assert_eq!(encode(&answer), vector);
    assert_eq!(read(&vector), Ok(answer));
}

#[test]
fn a_document_of_many_pages_switches_to_each_and_back() {
    // [MS-ASWBXML] 2.1.2.1: a document begins in page 0, and a page lasts until the next switch.
    let body = Element::new(air_sync_base::BODY).with_text(air_sync_base::TYPE, 1);
    let data = Element::new(air_sync::APPLICATION_DATA).with_text(email::SUBJECT, "s").with(body);
    let sync = Element::new(air_sync::SYNC).with(data).with(Element::new(air_sync::MORE_AVAILABLE));
    let vector = bytes("03 01 6A 00 45 5D 00 02 54 03 73 00 01 00 11 4A 46 03 31 00 01 01 01 00 00 14 01");
    assert_eq!(encode(&sync), vector);
    assert_eq!(read(&vector), Ok(sync));
}

#[test]
fn lengths_take_as_many_bytes_as_they_need() {
    // WBXML 1.3 §5.1.
    for (length, digits) in [
        (0, "00"),
        (1, "01"),
        (127, "7F"),
        (128, "81 00"),
        (16_383, "FF 7F"),
        (16_384, "81 80 00"),
        (2_097_152, "81 80 80 00"),
    ] {
        let mime = Element::opaque(compose_mail::MIME, vec![b'x'; length]);
        let written = encode(&mime);
        assert_eq!(written[..6], bytes("03 01 6A 00 00 15")[..]);
        assert_eq!(written[6..8], [0x50, 0xC3]);
        assert_eq!(written[8..written.len() - length - 1], bytes(digits)[..]);
        assert_eq!(read(&written), Ok(mime));
    }
}

#[test]
fn an_element_with_nothing_in_it_has_no_end() {
    let nothing = encode(&Element::new(air_sync::SYNC));
    assert_eq!(nothing, [&HEADER[..], &[0x05]].concat());
    assert_eq!(encode(&Element::text(air_sync::SYNC, "")), nothing);
    assert_eq!(encode(&Element::text(air_sync::SYNC, "\0")), nothing);
    // Both of these are read as nothing.
    for body in [&[0x45, 0x01][..], &[0x45, 0x03, 0x00, 0x01]] {
        assert_eq!(read(&[&HEADER, body].concat()), Ok(Element::new(air_sync::SYNC)));
    }
}

#[test]
fn opaque_bytes_of_length_0_are_not_nothing() {
    let data = Element::opaque(air_sync_base::DATA, Bytes::new());
    assert_eq!(encode(&data), bytes("03 01 6A 00 00 11 4B C3 00 01"));
    assert_eq!(read(&encode(&data)), Ok(data));
}

#[test]
fn a_nul_in_a_text_is_left_out() {
    assert_eq!(encode(&Element::text(air_sync::STATUS, "a\0b\0")), bytes("03 01 6A 00 4E 03 61 62 00 01"));
}

#[test]
fn all_ways_to_write_a_text_are_read() {
    // WBXML 1.3 §5.8.4.1, §5.8.4.2, §5.8.4.3: STR_I, STR_T with places in the middle of an entry, ENTITY.
    let vector = bytes("03 01 6A 08 41 42 43 00 44 45 46 00 4E 03 61 00 83 00 83 02 83 05 02 87 E9 67 03 7A 00 01");
    assert_eq!(read(&vector), Ok(Element::text(air_sync::STATUS, "aABCCEF\u{1F4E7}z")));
}

#[test]
fn texts_are_one_until_something_is_between_them() {
    let read = read(&[&HEADER[..], &[0x45, 3, b'a', 0, 3, b'b', 0, 0xC3, 0, 3, b'c', 0, 7, 3, b'd', 0, 1]].concat());
    let text = |text: &str| Content::Text(text.to_owned());
    let content = vec![
        text("ab"),
        Content::Opaque(Bytes::new()),
        text("c"),
        Content::Element(Element::new(air_sync::ADD)),
        text("d"),
    ];
    assert_eq!(read, Ok(Element { tag: air_sync::SYNC, content }));
}

#[test]
fn a_public_id_may_be_a_number_or_in_the_string_table() {
    // WBXML 1.3 §5.5; the second as Debian's xml2wbxml writes it.
    let known = [&[0x03, 0x87, 0x68, 0x6A, 0x00][..], &[0x05]].concat();
    let named = [&[0x03, 0x00, 0x00, 0x6A, 0x03][..], b"id\0", &[0x05]].concat();
    for vector in [known, named] {
        assert_eq!(read(&vector), Ok(Element::new(air_sync::SYNC)));
    }
}

#[test]
fn versions_from_1_1_and_the_character_sets_of_mail_are_read() {
    // WBXML 1.3 §5.4 and §5.6: unknown, ASCII, ISO 8859-1, UTF-8.
    for version in [0x01, 0x02, 0x03] {
        for charset in [0, 3, 4, 106] {
            let vector = [version, 0x01, charset, 0x00, 0x4E, 0x03, b'1', 0x00, 0x01];
            assert_eq!(read(&vector), Ok(Element::text(air_sync::STATUS, 1)));
        }
    }
    let latin = [&[0x03, 0x01, 0x04, 0x03, 0xE9, 0xFC, 0x00][..], b"\x4E\x03\xE4\x00\x83\x00\x01"].concat();
    assert_eq!(read(&latin), Ok(Element::text(air_sync::STATUS, "äéü")));
}

#[test]
fn tokens_and_pages_without_a_name_are_kept() {
    let unnamed = Element::new(Tag::new(200, 0x3F)).with(Element::text(Tag::new(13, 0x3F), "x"));
    assert_eq!(encode(&unnamed), bytes("03 01 6A 00 00 C8 7F 00 0D 7F 03 78 00 01 01"));
    assert_eq!(read(&encode(&unnamed)), Ok(unnamed.clone()));
    assert_eq!(format!("{:?}", unnamed.tag), "200:3F");
}

#[test]
fn what_follows_the_root_is_left_out_and_can_be_told() {
    let mut bytes = encode(&Element::text(air_sync::STATUS, 1)).to_vec();
    let length = bytes.len();
    bytes.extend(b"\x01\x00\x0D\xFF and more");
    let bytes = Bytes::from(bytes);
    let status = Element::text(air_sync::STATUS, 1);
    assert_eq!(decode(&bytes, &Limits::default()), Ok(status.clone()));
    assert_eq!(decode_first(&bytes, &Limits::default()), Ok((status, length)));
}

#[test]
fn a_page_may_be_switched_anywhere_and_to_itself() {
    let vector = bytes("03 01 6A 00 00 00 00 0D 45 00 0D 00 07 00 0D 47 00 02 03 31 00 00 11 01 00 00 01");
    assert_eq!(read(&vector), Ok(Element::new(ping::PING).with_text(ping::STATUS, 1)));
}
