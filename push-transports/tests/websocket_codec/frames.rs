//! Single frames: lengths, masks, reserved bits and opcodes, control frames (families 1 to 4).

use proptest::prelude::*;
use push_transports::proto::websocket::frame::unmask;
use push_transports::proto::websocket::{Offence, Opcode, State, encode_frame, encode_frame_into};

use crate::support::*;

// RFC 6455 §5.2: the three forms of a length, at their edges (1.1, 1.2).
const LENGTHS: [usize; 10] = [0, 1, 124, 125, 126, 127, 128, 65535, 65536, 70000];

#[test]
fn a_text_of_each_length_form_arrives() {
    for len in LENGTHS {
        let payload = "*".repeat(len);
        let seen = talk(&frame(FIN | TEXT, payload.as_bytes()));
        assert_eq!(seen.events, [text(&payload)]);
        assert_eq!((seen.offence, seen.state), (None, State::Open));
    }
}

#[test]
fn a_binary_of_each_length_form_arrives() {
    for len in LENGTHS {
        let payload: Vec<u8> = (0..len).map(|at| (at * 7) as u8).collect();
        assert_eq!(talk(&frame(FIN | BINARY, &payload)).events, [binary(&payload)]);
    }
}

#[test]
fn frames_of_the_server_are_unmasked_and_in_the_shortest_form() {
    // RFC 6455 §5.1, §5.2.
    for len in LENGTHS {
        let payload = vec![b'x'; len];
        let frame = encode_frame(Opcode::Text, false, &payload);
        assert_eq!(frame, unmasked(FIN | TEXT, &payload));
        let mut appended = b"before".to_vec();
        encode_frame_into(Opcode::Binary, true, &payload, &mut appended);
        assert_eq!(&appended[6..], unmasked(FIN | RSV1 | BINARY, &payload));
    }
}

#[test]
fn the_examples_of_rfc_6455_5_7_are_read_and_written() {
    let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(talk(&masked).events, [text("Hello")]);
    let ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(talk(&ping).output, [b"\x8a\x05Hello"]);
    let text = encode_frame(Opcode::Text, false, b"Hello");
    assert_eq!(text, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..]);
}

#[test]
fn an_unmasked_frame_is_refused() {
    // RFC 6455 §5.1.
    for first in [FIN | TEXT, FIN | BINARY, PING, PONG, CLOSE] {
        let input = unmasked(first, b"");
        assert_offence(&Setup::default(), &input, Offence::Unmasked, 1002);
    }
}

#[test]
fn a_length_that_is_not_minimal_is_refused() {
    // RFC 6455 §5.2: the minimal number of bytes must be used.
    let mask = [0; 4];
    for short in [0_u16, 1, 125] {
        let input = [&[0x82, 0xfe][..], &short.to_be_bytes(), &mask].concat();
        assert_offence(&Setup::default(), &input, Offence::LengthNotMinimal, 1002);
    }
    for long in [0_u64, 125, 126, 65535] {
        let input = [&[0x82, 0xff][..], &long.to_be_bytes(), &mask].concat();
        assert_offence(&Setup::default(), &input, Offence::LengthNotMinimal, 1002);
    }
}

#[test]
fn a_64_bit_length_with_its_top_bit_set_is_refused() {
    // RFC 6455 §5.2.
    for len in [1_u64 << 63, u64::MAX] {
        let input = [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
        assert_offence(&Setup::default(), &input, Offence::LengthTopBit, 1002);
    }
}

#[test]
fn a_reserved_bit_is_refused_after_what_came_before_was_answered() {
    // RFC 6455 §5.2 (3.1 to 3.7).
    for bits in 1..8_u8 {
        for first in [FIN | TEXT, FIN | BINARY, CONT, PING, PONG, CLOSE] {
            let input = [frame(FIN | TEXT, b"first"), frame(first | bits << 4, b""), frame(PING, b"")];
            let seen = assert_offence(&Setup::default(), &input.concat(), Offence::ReservedBits, 1002);
            assert_eq!(seen.events, [text("first")]);
            assert_eq!(seen.output.len(), 1, "nothing but the close frame");
        }
    }
}

#[test]
fn with_deflate_only_rsv1_on_the_first_data_frame_has_a_meaning() {
    // RFC 7692 §6.
    let deflate = Setup::deflate();
    for bits in [0x10, 0x20, 0x30, 0x50, 0x70] {
        let input = frame(FIN | TEXT | bits, b"");
        assert_offence(&deflate, &input, Offence::ReservedBits, 1002);
    }
    for first in [PING, PONG, CLOSE] {
        let input = frame(first | RSV1, b"");
        assert_offence(&deflate, &input, Offence::CompressedControl, 1002);
    }
    let input = frames(&[(TEXT | RSV1, b"\0"), (FIN | RSV1, b"")]);
    assert_offence(&deflate, &input, Offence::CompressedContinuation, 1002);
}

#[test]
fn a_reserved_opcode_is_refused() {
    // RFC 6455 §5.2 (4.1, 4.2).
    for opcode in (3..8).chain(11..16) {
        for payload in [&b""[..], b"payload"] {
            let input = [frame(FIN | TEXT, b"a"), frame(FIN | opcode, payload)].concat();
            let seen = assert_offence(&Setup::default(), &input, Offence::ReservedOpcode, 1002);
            assert_eq!(seen.events, [text("a")]);
        }
    }
}

#[test]
fn a_ping_is_answered_with_its_own_payload() {
    // RFC 6455 §5.5.2, §5.5.3 (2.1 to 2.4, 2.6).
    for payload in [&b""[..], b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", &[0xfe; 125]] {
        let seen = talk(&frame(PING, payload));
        assert_eq!(seen.events, [ping(payload)]);
        assert_eq!(seen.output, [unmasked(PONG, payload)]);
        assert_eq!(seen.state, State::Open);
    }
}

#[test]
fn a_control_frame_longer_than_125_bytes_is_refused() {
    // RFC 6455 §5.5 (2.5, 7.3.6).
    for first in [PING, PONG, CLOSE] {
        for len in [126, 70000] {
            let input = frame(first, &vec![0xfe; len]);
            assert_offence(&Setup::default(), &input, Offence::ControlTooLong, 1002);
        }
    }
}

#[test]
fn an_unsolicited_pong_is_taken_and_not_answered() {
    // RFC 6455 §5.5.3 (2.7 to 2.9).
    let seen = talk(&frames(&[(PONG, b""), (PONG, b"unasked"), (PING, b"asked")]));
    assert_eq!(seen.events, [pong(b""), pong(b"unasked"), ping(b"asked")]);
    assert_eq!(seen.output, [unmasked(PONG, b"asked")]);
}

#[test]
fn each_of_ten_pings_is_answered_where_the_shell_keeps_up() {
    // (2.10, 2.11)
    let payloads: Vec<Vec<u8>> = (0..10).map(|at| format!("payload-{at}").into_bytes()).collect();
    let input: Vec<u8> = payloads.iter().flat_map(|payload| frame(PING, payload)).collect();
    let expected: Vec<Vec<u8>> = payloads.iter().map(|payload| unmasked(PONG, payload)).collect();
    assert_eq!(talk(&input).output, expected);
}

#[test]
fn only_the_newest_of_pings_that_wait_is_answered() {
    // RFC 6455 §5.5.3: a flood of pings to a blocked socket grows nothing.
    let mut session = Setup::default().session(start());
    for at in 0..10_000_u32 {
        let mut input = frame(PING, &at.to_be_bytes());
        let read = session.handle_input(start(), &mut input);
        assert_eq!(read, Ok(input.len()));
        assert!(session.poll_event().is_some());
    }
    let newest = session.poll_output().expect("a pong waits");
    assert_eq!(newest, unmasked(PONG, &9_999_u32.to_be_bytes()));
    assert_eq!(session.poll_output(), None);
}

proptest! {
    #[test]
    fn unmasking_in_any_two_stretches_is_unmasking_byte_by_byte(
        payload in prop::collection::vec(any::<u8>(), 0..100),
        mask: [u8; 4],
        before in 0..u64::MAX / 2,
        cut in 0_usize..100,
    ) {
        // RFC 6455 §5.3: octet i is xored with key octet i modulo 4.
        let expected: Vec<u8> = (before..).zip(&payload).map(|(at, byte)| byte ^ mask[(at % 4) as usize]).collect();
        let mut actual = payload.clone();
        let cut = cut.min(payload.len());
        let (left, right) = actual.split_at_mut(cut);
        unmask(left, mask, before);
        unmask(right, mask, before + cut as u64);
        prop_assert_eq!(actual, expected);
    }
}
