//! UTF-8 of text messages, failing as early as a byte can be wrong (family 6).

use proptest::prelude::*;
use push_transports::proto::websocket::{Offence, State};

use crate::support::*;

/// What no continuation can mend, and how many bytes of it show that.
const INVALID: [(&[u8], usize); 24] = [
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", 13),
    (b"\xf4\x90\x80\x80", 2),
    (b"\xf8\x88\x80\x80\x80", 1),
    (b"\xfc\x84\x80\x80\x80\x80", 1),
    (b"\xf7\xbf\xbf\xbf", 1),
    (b"\xf5\x80", 1),
    (b"\x80", 1),
    (b"\xbf", 1),
    (b"\x80\xbf\x80", 1),
    (b"\xc0\xaf", 1),
    (b"\xc1\xbf", 1),
    (b"\xe0\x80\xaf", 2),
    (b"\xe0\x9f\xbf", 2),
    (b"\xf0\x80\x80\xaf", 2),
    (b"\xf0\x8f\xbf\xbf", 2),
    (b"\xed\xa0\x80", 2),
    (b"\xed\xaf\xbf", 2),
    (b"\xed\xb0\x80", 2),
    (b"\xed\xbf\xbf", 2),
    (b"\xed\xa0\x80\xed\xb0\x80", 2),
    (b"\xc3\x28", 2),
    (b"\xe2\x82\x28", 3),
    (b"\xf0\x9f\x98\x28", 4),
    (b"\xfe\xff", 1),
];

const VALID: [&str; 9] = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "\u{0}",
    "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
    "\u{d7ff}\u{e000}\u{fffd}",
    "\u{fffe}\u{1fffe}\u{10fffe}",
    "κόσμε",
    "a𝄞b",
    "\u{feff}bom",
    "",
];

#[test]
fn valid_text_arrives_however_it_is_cut_into_fragments() {
    // RFC 6455 §5.6: a fragment may end inside a character (6.2, 6.5 to 6.23).
    for valid in VALID {
        let bytes = valid.as_bytes();
        assert_eq!(talk(&frame(FIN | TEXT, bytes)).events, [text(valid)]);
        for cut in 0..=bytes.len() {
            let (left, right) = bytes.split_at(cut);
            let input = frames(&[(TEXT, left), (PING, b""), (FIN, right)]);
            assert_eq!(talk(&input).events, [ping(b""), text(valid)]);
        }
        let mut bytewise: Vec<u8> = frame(TEXT, b"");
        bytewise.extend(bytes.iter().flat_map(|byte| frame(CONT, &[*byte])));
        bytewise.extend(frame(FIN, b""));
        assert_eq!(talk(&bytewise).events, [text(valid)]);
    }
}

#[test]
fn invalid_text_fails_with_the_byte_that_makes_it_invalid() {
    // RFC 6455 §8.1 (6.3, 6.4): though the frame or the message is far from its end.
    for (bytes, enough) in INVALID {
        let whole = frame(FIN | TEXT, &[bytes, b"more"].concat());
        assert_offence(&Setup::default(), &whole, Offence::InvalidUtf8, 1007);
        let header = whole.len() - bytes.len() - 4;
        assert_offence(&Setup::default(), &whole[..header + enough], Offence::InvalidUtf8, 1007);
        let seen = Setup::default().talk(&whole[..header + enough - 1]);
        assert_eq!((seen.offence, seen.state), (None, State::Open), "{bytes:x?}");
        let fragment = frame(TEXT, &bytes[..enough]);
        assert_offence(&Setup::default(), &fragment, Offence::InvalidUtf8, 1007);
    }
}

#[test]
fn text_that_ends_inside_a_character_is_refused_at_its_end() {
    for cut in ["é", "€", "😀"].map(str::as_bytes) {
        for len in 1..cut.len() {
            let whole = frame(FIN | TEXT, &cut[..len]);
            assert_offence(&Setup::default(), &whole, Offence::InvalidUtf8, 1007);
            let fragments = frames(&[(TEXT, &cut[..len]), (FIN, b"")]);
            assert_offence(&Setup::default(), &fragments, Offence::InvalidUtf8, 1007);
        }
    }
}

#[test]
fn binary_is_not_looked_at() {
    for (bytes, _) in INVALID {
        assert_eq!(talk(&frame(FIN | BINARY, bytes)).events, [binary(bytes)]);
    }
}

proptest! {
    #[test]
    fn text_in_any_pieces_is_judged_as_the_standard_library_judges_it_whole(
        bytes in prop::collection::vec(
            prop_oneof![4 => any::<u8>(), 2 => 0x80..=0xbf_u8, 1 => 0xc2..=0xf4_u8, 2 => 0..0x80_u8], 0..12),
        cuts in prop::collection::vec(0_usize..12, 0..4),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut input = Vec::new();
        let mut from = 0;
        for cut in cuts {
            input.extend(frame(if input.is_empty() { TEXT } else { CONT }, &bytes[from..cut]));
            from = cut;
        }
        input.extend(frame(FIN | if input.is_empty() { TEXT } else { CONT }, &bytes[from..]));
        let seen = talk(&input);
        match std::str::from_utf8(&bytes) {
            Ok(valid) => prop_assert_eq!(seen.events, [text(valid)]),
            Err(_) => prop_assert_eq!(seen.offence, Some(Offence::InvalidUtf8)),
        }
    }
}
