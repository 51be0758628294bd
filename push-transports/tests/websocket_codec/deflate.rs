//! permessage-deflate (RFC 7692; families 12 and 13), and what a hostile sender tries with it.

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use push_transports::proto::websocket::deflate::MIN_DEFLATE;
use push_transports::proto::websocket::{Deflater, Inflater, InflaterPool, Offence, Opcode, encode_frame};

use crate::support::*;

const MIB: usize = 1 << 20;

/// A message as RFC 7692 §7.2.1 has a sender make it.
fn deflate(payload: &[u8], level: Compression) -> Vec<u8> {
    let mut compress = Compress::new(level, false);
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 100 + 100);
    compress.compress_vec(payload, &mut out, FlushCompress::Sync).expect("room for everything");
    assert_eq!(compress.total_in(), payload.len() as u64);
    out.truncate(out.len() - 4);
    out
}

/// A whole compressed message of zeros, made without holding them.
fn bomb(len: usize) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(len / 500 + 1000);
    let zeros = vec![0; MIB];
    for left in (0..len).step_by(MIB).map(|at| len - at) {
        let flush = if left <= MIB { FlushCompress::Sync } else { FlushCompress::None };
        compress.compress_vec(&zeros[..left.min(MIB)], &mut out, flush).expect("room for everything");
    }
    out.truncate(out.len() - 4);
    out
}

fn inflate(compressed: &[u8], limit: usize) -> Result<Vec<u8>, Offence> {
    let mut out = Vec::new();
    Inflater::new().inflate(compressed, limit, |piece| {
        out.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(out)
}

/// Text that compresses well without being trivial.
fn prose(len: usize) -> String {
    let words = (0_u32..).map(|at| format!("word{} ", at.wrapping_mul(2_654_435_761) % 500));
    let mut text: String = words.take(len / 4 + 1).collect();
    text.truncate(len);
    text
}

#[test]
fn the_examples_of_rfc_7692_7_2_3_inflate_to_hello() {
    let rows: [&[u8]; 6] = [
        // §7.2.3.1: a message compressed using one block.
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        // §7.2.3.2: the second example, which does not need the first one's window.
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        // §7.2.3.3: a block with no compression.
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        // §7.2.3.4: a block with BFINAL set to 1.
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        // §7.2.3.5: two blocks in one message.
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        // A final block and nothing after it, as some senders leave it.
        b"\xf3\x48\xcd\xc9\xc9\x07\x00",
    ];
    for row in rows {
        let seen = Setup::deflate().talk(&frame(FIN | RSV1 | TEXT, row));
        assert_eq!(seen.events, [text("Hello")], "{row:x?}");
    }
}

#[test]
fn a_message_that_leans_on_the_window_of_the_one_before_is_refused() {
    // RFC 7692 §7.2.3.2, §7.1.1.2: client_no_context_takeover was in our answer.
    let first = frame(FIN | RSV1 | TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    let second = frame(FIN | RSV1 | TEXT, b"\xf2\x00\x11\x00\x00");
    let seen = assert_offence(&Setup::deflate(), &[first, second].concat(), Offence::BadDeflate, 1007);
    assert_eq!(seen.events, [text("Hello")]);
}

#[test]
fn a_compressed_message_in_fragments_is_inflated_as_one() {
    // RFC 7692 §7.2.3.1: cut in two, with the compressed bit on the first frame only.
    let message = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    for cut in 0..=message.len() {
        let (left, right) = message.split_at(cut);
        let input = frames(&[(RSV1 | TEXT, left), (PING, b"p"), (FIN, right), (FIN | TEXT, b"plain")]);
        let seen = Setup::deflate().talk(&input);
        assert_eq!(seen.events, [ping(b"p"), text("Hello"), text("plain")]);
    }
}

#[test]
fn an_empty_compressed_message_is_empty() {
    // RFC 7692 §7.2.3.6.
    for payload in [&b"\x00"[..], b"\x02\x00", b""] {
        let seen = Setup::deflate().talk(&frame(FIN | RSV1 | BINARY, payload));
        assert_eq!(seen.events, [binary(b"")], "{payload:x?}");
    }
}

#[test]
fn uncompressed_messages_are_taken_on_a_connection_with_deflate() {
    // RFC 7692 §6.
    let seen = Setup::deflate().talk(&frames(&[(FIN | TEXT, b"a"), (BINARY, b"b"), (FIN, b"c")]));
    assert_eq!(seen.events, [text("a"), binary(b"bc")]);
}

#[test]
fn messages_of_every_size_and_effort_are_inflated() {
    // (12.1 to 12.5, 13)
    for len in [0, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131_072, MIB] {
        let payload = prose(len);
        for level in [Compression::none(), Compression::fast(), Compression::best()] {
            let compressed = deflate(payload.as_bytes(), level);
            let setup = Setup::deflate().max_message(len);
            let seen = setup.feed([&frame(FIN | RSV1 | TEXT, &compressed)[..]]);
            assert_eq!(seen.events, [text(&payload)], "{len} bytes");
        }
    }
}

#[test]
fn text_is_checked_after_inflating() {
    // RFC 6455 §8.1, RFC 7692 §6.2.
    for bad in [&b"\xff"[..], b"Hello \xe2\x82", b"\xed\xa0\x80"] {
        let input = frame(FIN | RSV1 | TEXT, &deflate(bad, Compression::fast()));
        assert_offence(&Setup::deflate(), &input, Offence::InvalidUtf8, 1007);
        let input = frame(FIN | RSV1 | BINARY, &deflate(bad, Compression::fast()));
        assert_eq!(Setup::deflate().talk(&input).events, [binary(bad)]);
    }
}

#[test]
fn what_is_not_deflate_is_refused() {
    // RFC 7692 §7.2.2. A block of the reserved type; a stored block whose lengths disagree; garbage.
    for bad in [&b"\x06"[..], b"\x00\x05\x00\xfa\xfeHello\x00", b"Hello", b"\xff\xff\xff\xff"] {
        let input = frame(FIN | RSV1 | TEXT, bad);
        assert_offence(&Setup::deflate(), &input, Offence::BadDeflate, 1007);
    }
}

#[test]
fn a_compressed_message_that_is_cut_off_is_refused() {
    let stored = deflate(prose(300).as_bytes(), Compression::none());
    let packed = deflate(prose(300).as_bytes(), Compression::best());
    for message in [stored, packed] {
        // The one byte 0x00 is an empty message of its own.
        for cut in 2..message.len() {
            let result = inflate(&message[..cut], MIB);
            assert_eq!(result, Err(Offence::BadDeflate), "cut at {cut} of {}", message.len());
        }
        assert_eq!(inflate(&message, MIB), Ok(prose(300).into_bytes()));
    }
}

#[test]
fn a_tail_that_was_not_stripped_is_refused() {
    // RFC 7692 §7.2.1.
    let message = [&deflate(b"Hello", Compression::fast())[..], &[0, 0, 0xff, 0xff]].concat();
    assert_eq!(inflate(&message, MIB), Err(Offence::BadDeflate));
}

#[test]
fn a_bomb_is_refused_at_the_limit() {
    // 32 MiB of zeros in about 32 KiB; a sink that never sees more than the limit.
    let bomb = bomb(32 * MIB);
    let mut given = 0;
    let result = Inflater::new().inflate(&bomb, 4 * MIB, |piece| {
        given += piece.len();
        Ok(())
    });
    assert_eq!(result, Err(Offence::InflatedTooBig));
    assert!(given <= 4 * MIB, "{given}");

    for first in [FIN | RSV1 | TEXT, FIN | RSV1 | BINARY] {
        let seen = Setup::deflate().feed([&frame(first, &bomb)[..]]);
        assert_eq!(seen.offence, Some(Offence::InflatedTooBig));
        assert_eq!(seen.close_code(), Some(1009));
    }
}

#[test]
fn the_limit_is_exact() {
    for (len, fits) in [(99_999, true), (100_000, true), (100_001, false)] {
        let compressed = deflate(&vec![b'a'; len], Compression::best());
        let result = inflate(&compressed, 100_000);
        assert_eq!(result.map(|out| out.len()), if fits { Ok(len) } else { Err(Offence::InflatedTooBig) });
    }
}

#[test]
fn compressed_data_longer_than_any_message_is_refused_by_its_header() {
    let setup = Setup::deflate().max_message(1000);
    let header = &frame(FIN | RSV1 | BINARY, &[0; 1065])[..8];
    assert_offence(&setup, header, Offence::MessageTooBig, 1009);
}

#[test]
fn a_message_of_endless_final_blocks_is_refused() {
    // Each restart of the decoder costs time, though two bytes ask for it.
    let few = b"\x03\x00".repeat(1000);
    assert_eq!(inflate(&few, MIB), Ok(Vec::new()));
    let many = b"\x03\x00".repeat(2000);
    assert_eq!(inflate(&many, MIB), Err(Offence::BadDeflate));
}

#[test]
fn a_shared_compressed_frame_is_read_back() {
    // RFC 7692 §7.1.1.1: twice the same, since nothing is taken over.
    let mut deflater = Deflater::new();
    for len in [128, 1000, 65536, MIB] {
        let payload = prose(len);
        let frame = deflater.encode_frame(Opcode::Text, payload.as_bytes()).expect("prose compresses");
        assert_eq!(deflater.encode_frame(Opcode::Text, payload.as_bytes()), Some(frame.clone()));
        assert!(frame.len() < payload.len());
        assert_eq!(frame[0], FIN | RSV1 | TEXT);
        let header = match frame[1] {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let compressed = &frame[header..];
        assert_eq!(frame, unmasked(FIN | RSV1 | TEXT, compressed));
        assert_eq!(inflate(compressed, len), Ok(payload.into_bytes()));
    }
}

#[test]
fn what_does_not_become_smaller_is_left_to_the_plain_frame() {
    let mut deflater = Deflater::new();
    let short = prose(MIN_DEFLATE - 1);
    assert_eq!(deflater.encode_frame(Opcode::Text, short.as_bytes()), None);
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(100_000)
    .collect();
    assert_eq!(deflater.encode_frame(Opcode::Binary, &noise), None);
    let prose = prose(5000);
    assert!(deflater.encode_frame(Opcode::Binary, prose.as_bytes()).is_some(), "and goes on working");
}

#[test]
fn a_control_frame_is_never_compressed() {
    // RFC 7692 §6.
    assert_eq!(Deflater::new().encode_frame(Opcode::Ping, &[b'a'; 1000]), None);
}

#[test]
fn an_inflater_remembers_nothing_of_a_message_that_failed() {
    let pool = InflaterPool::new(1);
    let run = |bytes: &[u8]| pool.with(|inflater| inflater.inflate(bytes, 100, |_| Ok(())));
    for bad in [&b"\x06"[..], &bomb(MIB), b"\xf2\x48"] {
        assert!(run(bad).is_err());
        assert_eq!(run(b"\xf2\x48\xcd\xc9\xc9\x07\x00"), Ok(()));
    }
}

proptest! {
    #[test]
    fn what_is_compressed_is_inflated(
        words in prop::collection::vec("[a-d]{1,6}", 20..400),
        cut in any::<prop::sample::Index>(),
    ) {
        let payload = words.join(" ");
        let mut deflater = Deflater::new();
        let shared = deflater.encode_frame(Opcode::Text, payload.as_bytes());
        let plain = encode_frame(Opcode::Text, false, payload.as_bytes());
        prop_assert!(shared.is_none_or(|shared| shared.len() < plain.len()));

        let compressed = deflate(payload.as_bytes(), Compression::default());
        let (left, right) = compressed.split_at(cut.index(compressed.len()));
        let seen = Setup::deflate().talk(&frames(&[(RSV1 | TEXT, left), (FIN, right)]));
        prop_assert_eq!(seen.events, [text(&payload)]);
    }

    #[test]
    fn garbage_inflates_to_an_offence_or_within_the_limit(
        garbage in prop::collection::vec(any::<u8>(), 0..300),
        limit in 0_usize..1000,
    ) {
        let mut given = 0;
        let _verdict = Inflater::new().inflate(&garbage, limit, |piece| {
            given += piece.len();
            Ok(())
        });
        prop_assert!(given <= limit);
    }
}
