//! What reading and writing take.

use allocation_counter::measure;
use bytes::Bytes;
use push_mail::wbxml::{Content, Element, Limits, decode, encode, tags::compose_mail};

const MIME: usize = 30 << 20;

#[test]
fn opaque_bytes_are_not_copied_when_read_and_once_when_written() {
    let root = Element::new(compose_mail::SEND_MAIL)
        .with_text(compose_mail::CLIENT_ID, "c")
        .with(Element::opaque(compose_mail::MIME, vec![b'x'; MIME]));

    let mut bytes = Bytes::new();
    let written = measure(|| bytes = encode(&root));
    assert_eq!(written.bytes_total, bytes.len() as u64, "the document, and nothing else");

    let mut read = None;
    let taken = measure(|| read = decode(&bytes, &Limits::default()).ok());
    assert!(taken.bytes_total < 2_000, "{taken:?}");
    let read = read.unwrap();
    let Some([Content::Opaque(mime)]) = read.child(compose_mail::MIME).map(|mime| mime.content.as_slice()) else {
        panic!("{read:?}");
    };
    assert!(bytes.as_ptr_range().contains(&mime.as_ptr()), "the same memory");
    assert_eq!(mime.len(), MIME);
    assert_eq!(read.child(compose_mail::MIME).unwrap().to_bytes().as_ptr(), mime.as_ptr());
}

#[test]
fn whatever_32_mib_are_reading_them_takes_no_more_than_the_limits_say() {
    let header = [0x03, 0x01, 0x6A, 0x00];
    let fill = |pattern: &[u8]| pattern.repeat((8 << 20) / pattern.len());
    let table = [&[0x03, 0x01, 0x6A, 0x84, 0x80, 0x80, 0x00][..], &vec![b'y'; (8 << 20) - 1], &[0]].concat();
    let hostile = [
        [&header[..], &[0x45], &fill(&[0x06])].concat(),
        [&header[..], &fill(&[0x45])].concat(),
        [&header[..], &[0x45], &fill(&[0x46, 0x01])].concat(),
        [&header[..], &[0x45], &fill(&[0xC3, 0x00])].concat(),
        [&header[..], &[0x45], &fill(&[0x03, b'x', 0x00, 0xC3, 0x00])].concat(),
        [&header[..], &[0x45], &fill(&[0x02, 0x41])].concat(),
        [&header[..], &[0x45], &fill(&[0x03, b'x', 0x00])].concat(),
        [&table[..], &[0x45], &fill(&[0x83, 0x00])].concat(),
        [&table[..], &[0x45], &fill(&[0x83, 0x00, 0x06])].concat(),
    ];
    let limits = Limits::default();
    let most = 2 * (limits.text + 48 * (limits.elements + limits.pieces));
    for document in hostile {
        let document = Bytes::from(document);
        let taken = measure(|| drop(decode(&document, &limits)));
        assert!(taken.bytes_max <= most as u64, "{taken:?} for {:02X?}", &document[..12]);
    }
}

#[test]
fn a_piece_of_a_document_is_no_larger_than_the_limits_say() {
    assert!(size_of::<Content>() <= 48, "{}", size_of::<Content>());
}
