//! What clients of WebSockets send.

use std::sync::Arc;
use std::time::Instant;

use axum::http::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Method, Version};
use push_core::{Clock as _, ManualClock};
use push_transports::proto::websocket::frame::unmask;
use push_transports::proto::websocket::{
    Endpoint, Event, FrameHeader, Handshake, Opcode, Options, Session, Terms, encode_frame,
};

use super::{Operation, Work, work};

/// Handshake, headers, masks, and whole sessions that read.
pub const OPERATIONS: &[Operation] = &[
    Operation::new("handshake/accept and answer", handshake),
    Operation::new("parse/header of a frame", header),
    Operation::new("parse/pong of a session", || control(Opcode::Pong)),
    Operation::new("parse/ping of a session, answered", || control(Opcode::Ping)),
    Operation::of_bytes("parse/text message of 100 B", 100, || message(100, usize::MAX)),
    Operation::of_bytes("parse/text message of 16 KiB", 16 << 10, || message(16 << 10, usize::MAX)),
    Operation::of_bytes("parse/text message of 16 KiB in pieces of 1,400", 16 << 10, || message(16 << 10, 1400)),
    Operation::of_bytes("parse/text message of 100 B in pieces of 1", 100, || message(100, 1)),
    Operation::of_bytes("unmask/64 B", 64, || masked(64)),
    Operation::of_bytes("unmask/1 KiB", 1 << 10, || masked(1 << 10)),
    Operation::of_bytes("unmask/64 KiB", 64 << 10, || masked(64 << 10)),
];

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn handshake() -> Work {
    let headers = HeaderMap::from_iter([
        (HOST, HeaderValue::from_static("push.example")),
        (CONNECTION, HeaderValue::from_static("keep-alive, Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==")),
    ]);
    work(move || {
        let terms = Terms::default();
        Handshake::accept(&Method::GET, Version::HTTP_11, &headers, terms).expect("it is as it should be").headers()
    })
}

/// A frame as a client sends it.
fn client_frame(opcode: Opcode, len: usize) -> Vec<u8> {
    let mut payload = vec![b'x'; len];
    unmask(&mut payload, MASK, 0);
    let frame = encode_frame(opcode, false, &payload);
    let (head, payload) = frame.split_at(frame.len() - len);
    let mut head = head.to_vec();
    head[1] |= 0x80;
    [&head, &MASK[..], payload].concat()
}

fn header() -> Work {
    let frame = client_frame(Opcode::Text, 300);
    work(move || FrameHeader::parse(&frame, false).expect("it is well formed").expect("it is all there"))
}

fn masked(len: usize) -> Work {
    let mut payload = vec![0x5a; len];
    work(move || {
        unmask(&mut payload, MASK, 3);
        payload[len / 2]
    })
}

fn session() -> (Session, Instant) {
    let now = ManualClock::new(0).now();
    (Session::new(now, Arc::new(Endpoint::default()), Options::default()), now)
}

/// Reads all of it, and gives the last event.
fn read(session: &mut Session, now: Instant, mut input: &mut [u8]) -> Option<Event> {
    let mut last = None;
    while !input.is_empty() {
        let read = session.handle_input(now, input).expect("it is well formed");
        input = &mut input[read..];
        last = session.poll_event().or(last);
    }
    last
}

/// The copy that each round takes apart is counted along: reading unmasks in place.
fn message(len: usize, piece: usize) -> Work {
    let ((mut session, now), frame) = (session(), client_frame(Opcode::Text, len));
    let mut input = frame.clone();
    work(move || {
        input.copy_from_slice(&frame);
        let mut event = None;
        for part in input.chunks_mut(piece.min(frame.len())) {
            event = read(&mut session, now, part);
        }
        assert!(matches!(event, Some(Event::Text(_))), "the message: {event:?}");
        event
    })
}

fn control(opcode: Opcode) -> Work {
    let ((mut session, now), frame) = (session(), client_frame(opcode, 8));
    let mut input = frame.clone();
    work(move || {
        input.copy_from_slice(&frame);
        let event = read(&mut session, now, &mut input);
        assert!(event.is_some(), "it is told");
        let answer = session.poll_output();
        assert_eq!(answer.is_some(), opcode == Opcode::Ping, "a ping is answered, a pong is not");
        answer
    })
}
