//! Input in any pieces, sense or nonsense: the same outcome, and no panic.

use proptest::prelude::*;
use push_transports::proto::websocket::{Options, Session, State};

use crate::support::*;

/// A stretch of client input: mostly good frames, sometimes bad, sometimes bytes.
fn stretch() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => "[a-zäß€😀]{0,40}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    let first = prop_oneof![
        6 => Just(FIN | TEXT),
        4 => Just(FIN | BINARY),
        4 => Just(TEXT),
        2 => Just(BINARY),
        6 => Just(CONT),
        6 => Just(FIN),
        4 => Just(PING),
        4 => Just(PONG),
        1 => Just(FIN | RSV1 | TEXT),
        1 => Just(CLOSE),
        1 => any::<u8>(),
    ];
    prop_oneof![
        20 => (first, payload).prop_map(|(first, payload)| frame(first, &payload)),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(frame(FIN | RSV1 | TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00")),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    (any::<bool>(), any::<bool>(), 50_usize..2000).prop_map(|(deflate, discard, max)| {
        let mut setup = Setup::default().max_message(max);
        setup.options = Options { deflate, discard };
        setup
    })
}

fn cut<'a>(input: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = input;
    for &length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, next) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = next;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn input_in_any_pieces_gives_the_same_events_output_and_end(
        setup in setup(),
        stretches in prop::collection::vec(stretch(), 0..12),
        lengths in prop::collection::vec(1_usize..50, 1..8),
    ) {
        let input = stretches.concat();
        let whole = setup.talk(&input);
        let pieces = setup.feed(cut(&input, &lengths));
        prop_assert_eq!(&whole, &pieces);
        let ended = whole.offence.is_some() || whole.close_code().is_some();
        if ended {
            prop_assert_eq!(whole.state, State::Closed);
        }
    }

    #[test]
    fn garbage_ends_in_one_close_frame_at_most(
        setup in setup(),
        garbage in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let seen = setup.talk(&garbage);
        if seen.offence.is_some() {
            let closes = seen.output.iter().filter(|frame| frame[0] == CLOSE);
            prop_assert_eq!(closes.count(), 1);
            prop_assert_eq!(seen.state, State::Closed);
        }
    }
}

#[test]
fn every_place_to_cut_a_conversation_in_two_gives_the_same_events() {
    let input = frames(&[
        (FIN | TEXT, "größe €".as_bytes()),
        (TEXT, "a€".as_bytes()),
        (PING, b"ping"),
        (CONT, b""),
        (FIN, "😀".as_bytes()),
        (FIN | BINARY, &[7; 200]),
        (FIN | RSV1 | TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
        (PONG, b""),
        (CLOSE, b"\x03\xe8done"),
    ]);
    let setup = Setup::deflate();
    let whole = setup.feed([&input[..]]);
    assert_eq!(whole.events.len(), 7);
    for at in 0..=input.len() {
        let (left, right) = input.split_at(at);
        assert_eq!(setup.feed([left, right]), whole, "cut at {at}");
    }
}

#[test]
fn a_session_is_within_its_byte_budget() {
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
}
