//! Messages in several frames (families 5, 9, 10), their limits, and those that nobody wants.

use push_transports::proto::websocket::{Event, Offence, Options, State};

use crate::support::*;

#[test]
fn fragments_are_put_together_with_control_frames_between() {
    // RFC 6455 §5.4 (5.3 to 5.8, 5.19, 5.20).
    let rows: [(Frames<'_>, Vec<Event>); 5] = [
        (&[(TEXT, b"one"), (FIN, b"two")], vec![text("onetwo")]),
        (&[(TEXT, b"one"), (PING, b"p"), (FIN, b"two")], vec![ping(b"p"), text("onetwo")]),
        (&[(TEXT, b""), (CONT, b""), (FIN, b"")], vec![text("")]),
        (&[(TEXT, b""), (CONT, b"mid"), (FIN, b"")], vec![text("mid")]),
        (
            &[
                (BINARY, b"\xff1"),
                (CONT, b"2"),
                (PING, b"a"),
                (CONT, b"3"),
                (CONT, b"4"),
                (PING, b"b"),
                (PONG, b"c"),
                (FIN, b"5"),
                (FIN | TEXT, b"next"),
            ],
            vec![ping(b"a"), ping(b"b"), pong(b"c"), binary(b"\xff12345"), text("next")],
        ),
    ];
    for (input, events) in rows {
        let seen = talk(&frames(input));
        assert_eq!(seen.events, events);
        assert_eq!((seen.offence, seen.state), (None, State::Open));
    }
}

#[test]
fn a_close_frame_between_fragments_closes() {
    // RFC 6455 §5.4: control frames may be injected in the middle of a message.
    let seen = talk(&frames(&[(TEXT, b"one"), (CLOSE, b"\x03\xe8"), (FIN, b"two")]));
    assert_eq!(seen.events.len(), 1);
    assert_eq!((seen.close_code(), seen.state), (Some(1000), State::Closed));
}

#[test]
fn a_fragmented_control_frame_is_refused() {
    // RFC 6455 §5.5 (5.1, 5.2).
    for opcode in [8, 9, 10] {
        let input = frames(&[(opcode, b"frag"), (FIN, b"ment")]);
        assert_offence(&Setup::default(), &input, Offence::ControlFragmented, 1002);
    }
}

#[test]
fn a_continuation_without_a_message_is_refused() {
    // RFC 6455 §5.4 (5.9 to 5.17).
    let rows: [Frames<'_>; 5] = [
        &[(FIN, b"non-continuation"), (FIN | TEXT, b"Hello")],
        &[(CONT, b"non-continuation"), (FIN | TEXT, b"Hello")],
        &[(FIN, b"")],
        &[(CONT, b"")],
        &[(TEXT, b"a"), (FIN, b"b"), (CONT, b"c"), (FIN | TEXT, b"d")],
    ];
    for row in rows {
        assert_offence(&Setup::default(), &frames(row), Offence::ContinuationWithoutStart, 1002);
    }
}

#[test]
fn a_message_inside_a_message_is_refused() {
    // RFC 6455 §5.4 (5.18).
    for first in [TEXT, BINARY, FIN | TEXT, FIN | BINARY] {
        let input = frames(&[(TEXT, b"fragment1"), (first, b"fragment2")]);
        assert_offence(&Setup::default(), &input, Offence::MessageInsideMessage, 1002);
    }
}

#[test]
fn a_large_message_in_fragments_of_any_size_arrives() {
    // (9.3, 9.4: 4 MiB in fragments down to 64 bytes)
    let payload: Vec<u8> = (0..4 << 20).map(|at: usize| (at % 251) as u8).collect();
    for size in [64, 1000, 1 << 16, 1 << 20] {
        let mut input = Vec::new();
        for (at, piece) in payload.chunks(size).enumerate() {
            input.extend(frame(if at == 0 { BINARY } else { CONT }, piece));
        }
        input.extend(frame(FIN, b""));
        let seen = Setup::default().feed(input.chunks(65_536));
        assert_eq!(seen.events, [binary(&payload)]);
    }
}

#[test]
fn a_message_longer_than_the_limit_is_refused_by_its_header_alone() {
    // RFC 6455 §7.4.1 (1009).
    let setup = Setup::default().max_message(1000);
    assert_eq!(setup.talk(&frame(FIN | BINARY, &[0; 1000])).events, [binary(&[0; 1000])]);
    for len in [1001_u64, 65536, (1 << 63) - 1] {
        for first in [TEXT, BINARY, FIN | TEXT, FIN | BINARY] {
            let mut input = vec![first];
            match u16::try_from(len) {
                Ok(len) => input.extend([&[0xfe][..], &len.to_be_bytes()].concat()),
                Err(_) => input.extend([&[0xff][..], &len.to_be_bytes()].concat()),
            }
            input.extend([0; 4]);
            assert_offence(&setup, &input, Offence::MessageTooBig, 1009);
        }
    }
}

#[test]
fn the_limit_is_on_all_fragments_together() {
    let setup = Setup::default().max_message(1000);
    let fits = frames(&[(TEXT, &[b'a'; 600]), (CONT, &[b'b'; 400]), (FIN, b"")]);
    assert_eq!(setup.talk(&fits).offence, None);
    let exceeds = frames(&[(TEXT, &[b'a'; 600]), (CONT, &[b'b'; 400]), (FIN, b"c")]);
    assert_offence(&setup, &exceeds, Offence::MessageTooBig, 1009);
}

#[test]
fn a_flood_of_empty_fragments_is_refused_at_the_limit() {
    let mut setup = Setup::default();
    setup.settings.max_empty_fragments = 10;
    let flood = |count: usize| [frame(TEXT, b"x"), frame(CONT, b"").repeat(count)].concat();
    assert_eq!(setup.talk(&flood(10)).offence, None);
    let refused = assert_offence(&setup, &flood(11), Offence::EmptyFragments, 1008);
    assert_eq!(refused.events, []);
    let anew = [flood(10), frame(FIN, b"y"), flood(10)].concat();
    assert_eq!(setup.talk(&anew).events, [text("xy")], "each message has its own count");
}

fn discarding() -> Setup {
    let mut setup = Setup::deflate();
    setup.options = Options { discard: true, ..setup.options };
    setup
}

#[test]
fn a_discarding_session_drops_messages_and_answers_control_frames() {
    let input = frames(&[
        (FIN | TEXT, b"whole"),
        (BINARY, b"in"),
        (PING, b"p"),
        (FIN, b"pieces"),
        (FIN | RSV1 | TEXT, b"not deflate"),
        (FIN | TEXT, b"\xff not text"),
        (PONG, b""),
        (CLOSE, b"\x0f\xa0"),
    ]);
    let seen = discarding().talk(&input);
    assert_eq!(seen.offence, None);
    assert_eq!(seen.events.len(), 3, "{seen:?}");
    assert_eq!(seen.output[0], unmasked(PONG, b"p"));
    assert_eq!(seen.close_code(), Some(4000));
}

#[test]
fn a_discarding_session_still_checks_masks_opcodes_order_and_limits() {
    let setup = discarding().max_message(100);
    let rows = [
        (unmasked(FIN | TEXT, b"a"), Offence::Unmasked, 1002),
        (frame(FIN | 3, b""), Offence::ReservedOpcode, 1002),
        (frame(FIN | TEXT | 0x20, b""), Offence::ReservedBits, 1002),
        (frame(FIN, b""), Offence::ContinuationWithoutStart, 1002),
        (frames(&[(TEXT, b"a"), (TEXT, b"b")]), Offence::MessageInsideMessage, 1002),
        (frame(FIN | TEXT, &[b'a'; 101]), Offence::MessageTooBig, 1009),
        (frames(&[(TEXT, &[b'a'; 60]), (FIN, &[b'a'; 60])]), Offence::MessageTooBig, 1009),
        (frame(CLOSE, b"\x00"), Offence::CloseBodyTooShort, 1002),
    ];
    for (input, offence, code) in rows {
        assert_offence(&setup, &input, offence, code);
    }
}
