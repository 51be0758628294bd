//! Close frames and the closing handshake (family 7).

use std::time::Duration;

use push_transports::proto::websocket::{
    CloseCode, CloseReceived, Event, Offence, Opcode, State, close_frame, encode_frame,
};

use crate::support::*;

fn body(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

fn received(code: Option<u16>, reason: &str) -> Event {
    Event::CloseReceived(CloseReceived { code: code.and_then(CloseCode::new), reason: reason.into() })
}

#[test]
fn each_allowed_close_code_is_echoed() {
    // RFC 6455 §5.5.1, §7.4 (7.7).
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        let seen = talk(&frame(CLOSE, &body(code, b"bye")));
        assert_eq!(seen.events, [received(Some(code), "bye")]);
        assert_eq!(seen.output, [unmasked(CLOSE, &body(code, b""))]);
        assert_eq!((seen.offence, seen.state), (None, State::Closed));
    }
}

#[test]
fn each_close_code_that_no_peer_may_send_is_refused() {
    // RFC 6455 §7.4.1, §7.4.2 (7.9).
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        let input = frame(CLOSE, &body(code, b""));
        assert_offence(&Setup::default(), &input, Offence::CloseCodeInvalid, 1002);
        assert_eq!(CloseCode::new(code), None, "and so cannot be sent");
    }
}

#[test]
fn a_close_frame_without_a_body_is_answered_without_one() {
    // RFC 6455 §5.5.1 (7.3.1).
    let seen = talk(&frame(CLOSE, b""));
    assert_eq!(seen.events, [received(None, "")]);
    assert_eq!(seen.output, [[0x88, 0x00]]);
}

#[test]
fn a_close_body_of_one_byte_is_refused() {
    // RFC 6455 §5.5.1 (7.3.2).
    assert_offence(&Setup::default(), &frame(CLOSE, b"a"), Offence::CloseBodyTooShort, 1002);
}

#[test]
fn the_longest_reason_is_taken() {
    // (7.3.5)
    let reason = "*".repeat(123);
    let seen = talk(&frame(CLOSE, &body(1000, reason.as_bytes())));
    assert_eq!(seen.events, [received(Some(1000), &reason)]);
}

#[test]
fn a_reason_that_is_not_utf8_is_refused() {
    // RFC 6455 §5.5.1 (7.5.1).
    let input = frame(CLOSE, &body(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"));
    assert_offence(&Setup::default(), &input, Offence::CloseReasonInvalid, 1007);
}

#[test]
fn whatever_follows_a_close_frame_is_ignored() {
    // RFC 6455 §1.4, §5.5.1 (7.1.2 to 7.1.6).
    let rest: [&[u8]; 4] = [&frame(PING, b""), &frame(CLOSE, b"a"), &frame(FIN | TEXT, b"text"), b"garbage"];
    for rest in rest {
        let seen = talk(&[&frame(FIN | TEXT, b"before"), &frame(CLOSE, &body(1000, b"")), rest].concat());
        assert_eq!(seen.events, [text("before"), received(Some(1000), "")]);
        assert_eq!(seen.output.len(), 1);
        assert_eq!(seen.offence, None);
    }
}

#[test]
fn a_reason_of_ours_is_cut_at_a_character_to_fit() {
    // RFC 6455 §5.5: a control frame has at most 125 bytes.
    let frame = close_frame(Some(CloseCode::NORMAL), &"é".repeat(100));
    assert_eq!(&frame[2..4], 1000_u16.to_be_bytes());
    assert_eq!(std::str::from_utf8(&frame[4..]), Ok("é".repeat(61).as_str()));
    assert_eq!(usize::from(frame[1]), 124);
    let exact = close_frame(CloseCode::new(3000), &"x".repeat(123));
    assert_eq!(exact, unmasked(CLOSE, &body(3000, &[b'x'; 123])));
    assert_eq!(close_frame(None, "unsaid"), [0x88, 0x00][..]);
}

#[test]
fn closing_waits_for_the_peers_close_frame_and_drops_its_data() {
    // RFC 6455 §7.1.2, §7.1.4.
    let now = start();
    let mut session = Setup::default().session(now);
    let mut half = frame(TEXT, b"half a message");
    assert_eq!(session.handle_input(now, &mut half), Ok(half.len()));
    let code = CloseCode::new(3000).expect("a code of ours");
    session.close(now, code, "draining");
    session.close(now, CloseCode::NORMAL, "a second close does nothing");
    assert!(!session.is_open());
    assert_eq!(session.state(), State::Closing { since: now });
    assert_eq!(session.poll_output().as_deref(), Some(&unmasked(CLOSE, &body(3000, b"draining"))[..]));

    let mut rest = frames(&[(FIN, b" and its end"), (FIN | BINARY, b"more"), (PING, b"p"), (CLOSE, &body(3000, b""))]);
    let read = session.handle_input(now, &mut rest).expect("no offence");
    assert_eq!(session.poll_event(), Some(ping(b"p")));
    assert_eq!(session.poll_output(), None, "no frame follows our close frame");
    assert_eq!(session.handle_input(now, &mut rest[read..]), Ok(rest.len() - read));
    assert_eq!(session.poll_event(), Some(received(Some(3000), "")));
    assert_eq!(session.poll_output(), None);
    assert!(session.is_closed());
    assert_eq!(session.next_deadline(), None);
}

#[test]
fn an_offence_while_closing_sends_no_second_close_frame() {
    let now = start();
    let mut session = Setup::default().session(now);
    session.close(now, CloseCode::GOING_AWAY, "");
    assert!(session.poll_output().is_some());
    let mut bad = unmasked(FIN | TEXT, b"");
    assert_eq!(session.handle_input(now, &mut bad), Err(Offence::Unmasked));
    assert_eq!(session.poll_output(), None);
    assert!(session.is_closed());
}

#[test]
fn a_pong_that_waits_goes_out_before_the_close_frame() {
    // RFC 6455 §5.5.1: after a close frame nothing is sent.
    let now = start();
    let mut session = Setup::default().session(now);
    let mut input = frame(PING, b"p");
    assert_eq!(session.handle_input(now, &mut input), Ok(input.len()));
    session.close(now, CloseCode::NORMAL, "");
    let output: Vec<_> = std::iter::from_fn(|| session.poll_output()).collect();
    assert_eq!(output, [encode_frame(Opcode::Pong, false, b"p"), close_frame(Some(CloseCode::NORMAL), "")]);
}

#[test]
fn a_peer_that_does_not_answer_the_close_frame_is_left_after_the_timeout() {
    let now = start();
    let mut session = Setup::default().session(now);
    session.close(now, CloseCode::NORMAL, "");
    let deadline = now + Duration::from_secs(5);
    assert_eq!(session.next_deadline(), Some(deadline));
    session.handle_timeout(deadline - Duration::from_millis(1));
    assert!(!session.is_closed(), "early calls are harmless");
    session.handle_timeout(deadline);
    assert!(session.is_closed());
    assert_eq!(session.poll_event(), None);
    assert!(session.poll_output().is_some(), "the close frame may still be written");
}

#[test]
fn every_offence_has_a_reason_that_fits_a_close_frame() {
    for input in [frame(FIN | 3, b""), frame(CLOSE, b"a"), frame(FIN | TEXT, b"\xff")] {
        let seen = talk(&input);
        let offence = seen.offence.expect("an offence");
        assert_eq!(&seen.output[0][4..], offence.text().as_bytes());
    }
}
