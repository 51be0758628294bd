//! What a WebSocket's client says before it was told that it may, and segments cut anywhere.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use testkit::Connection;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use crate::serving::{Path, Server, UPGRADE, answer, get, head, masked, soon, until};

on_paths! {
    every:
    frames_in_the_segment_of_the_handshake_are_answered,
    a_handshake_behind_polls_in_one_segment_is_answered_with_its_frames,
    a_handshake_may_come_byte_by_byte,
    a_frame_may_be_cut_anywhere_between_handshake_and_answer,
    a_close_in_the_segment_of_the_handshake_is_answered,
    an_offence_in_the_segment_of_the_handshake_is_told,
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;

fn handshake() -> Vec<u8> {
    get("/push/ws?channel=w", UPGRADE).into_bytes()
}

fn op(op: &Value) -> Vec<u8> {
    masked(TEXT, op.to_string().as_bytes())
}

type Socket = WebSocketStream<TcpStream>;

/// The connection as a WebSocket, once it is one.
async fn upgraded(mut connection: Connection) -> Socket {
    assert_eq!(head(&mut connection).await.status, 101);
    let (stream, early) = connection.into_parts();
    WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Client, None).await
}

async fn next(socket: &mut Socket) -> Message {
    soon("a message", socket.next()).await.expect("it goes on").expect("a message")
}

/// Reads until a pong, an answer to each `seq` up to `count`, and the query's `subscribed` have come.
async fn all_are_answered(socket: &mut Socket, ping: &str, count: u64) {
    let (mut ponged, mut subscribed, mut seqs) = (false, false, Vec::new());
    while !ponged || !subscribed || seqs.len() < count as usize {
        match next(socket).await {
            Message::Pong(pong) => {
                assert!(pong == ping.as_bytes() && !ponged, "RFC 6455 §5.5.3: {pong:?}");
                ponged = true;
            }
            Message::Text(text) => {
                let read: Value = serde_json::from_str(&text).expect("JSON");
                match read["seq"].as_u64() {
                    Some(seq) => seqs.push(seq),
                    None => {
                        assert!(read["op"] == "subscribed" && read["channel"] == "w" && !subscribed, "{text}");
                        subscribed = true;
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seqs, (1..=count).collect::<Vec<_>>(), "each once and in order");
}

/// A subscription, a publication and a question, with `seq` 1 to 3; and a ping.
fn talk() -> Vec<u8> {
    [
        op(&json!({"op": "subscribe", "channel": "more", "seq": 1})),
        masked(PING, b"early"),
        op(&json!({"op": "publish", "channel": "other", "data": "x", "seq": 2})),
        op(&json!({"op": "ping", "seq": 3})),
    ]
    .concat()
}

async fn goes_on(server: &Server, socket: &mut Socket) {
    for channel in ["w", "more"] {
        server.heard_by(channel, 1).await;
        server.publish(channel, format!("for {channel}")).await;
        let text = next(socket).await.into_text().expect("text");
        assert!(text.contains(&format!(r#""data":"for {channel}""#)), "{text}");
    }
}

async fn frames_in_the_segment_of_the_handshake_are_answered(path: Path) {
    let server = path.start();
    for round in 1..=20 {
        let connection = server.sent([handshake(), talk()].concat()).await;
        let mut socket = upgraded(connection).await;
        all_are_answered(&mut socket, "early", 3).await;
        assert_eq!(server.hub.channels("other", "", 1)[0].offset, round, "published once");
        goes_on(&server, &mut socket).await;
        drop(socket);
        server.emptied().await;
    }
}

async fn a_handshake_behind_polls_in_one_segment_is_answered_with_its_frames(path: Path) {
    let server = path.start();
    for timeout in [0, 1] {
        let poll = get(&format!("/push/poll?channel=p&timeout={timeout}"), "").into_bytes();
        let bytes = [poll.clone(), poll, get("/push/nowhere", "").into_bytes(), handshake(), talk()].concat();
        let mut connection = server.sent(bytes).await;
        for status in [200, 200, 404] {
            assert_eq!(answer(&mut connection).await.status(), status);
        }
        let mut socket = upgraded(connection).await;
        all_are_answered(&mut socket, "early", 3).await;
        goes_on(&server, &mut socket).await;
        drop(socket);
        server.emptied().await;
    }
}

async fn a_handshake_may_come_byte_by_byte(path: Path) {
    let server = path.start();
    let mut connection = server.connect().await;
    for byte in [handshake(), talk()].concat() {
        connection.send_bytes(&[byte]).await.expect("it reads");
        tokio::task::yield_now().await;
    }
    let mut socket = upgraded(connection).await;
    all_are_answered(&mut socket, "early", 3).await;
    goes_on(&server, &mut socket).await;
}

async fn a_frame_may_be_cut_anywhere_between_handshake_and_answer(path: Path) {
    let server = path.start();
    let talk = talk();
    for cut in (0..=talk.len()).step_by(3) {
        let mut connection = server.sent([&handshake(), &talk[..cut]].concat()).await;
        assert_eq!(head(&mut connection).await.status, 101);
        server.heard_by("w", 1).await;
        connection.send_bytes(&talk[cut..]).await.expect("it is open");
        let (stream, early) = connection.into_parts();
        let mut socket = WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Client, None).await;
        all_are_answered(&mut socket, "early", 3).await;
        drop(socket);
        until("its place is free", || server.hub.connections() == 0).await;
    }
    server.emptied().await;
}

// RFC 6455 §5.5.1
async fn a_close_in_the_segment_of_the_handshake_is_answered(path: Path) {
    let server = path.start();
    let close = masked(CLOSE, &[&1000_u16.to_be_bytes()[..], b"done"].concat());
    let mut socket = upgraded(server.sent([handshake(), close].concat()).await).await;
    loop {
        match next(&mut socket).await {
            Message::Text(text) => assert!(text.contains("subscribed"), "{text}"),
            Message::Close(Some(frame)) => break assert_eq!(u16::from(frame.code), 1000),
            other => panic!("{other:?}"),
        }
    }
    drop(socket);
    server.emptied().await;
}

// RFC 6455 §5.1: a client masks; §5.2: reserved bits are zero.
async fn an_offence_in_the_segment_of_the_handshake_is_told(path: Path) {
    let server = path.start();
    for offence in
        [&b"\x81\x02hi"[..], b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    {
        let mut socket = upgraded(server.sent([&handshake(), offence].concat()).await).await;
        loop {
            match next(&mut socket).await {
                Message::Text(text) => assert!(text.contains("subscribed"), "{text}"),
                Message::Close(Some(frame)) => break assert_eq!(u16::from(frame.code), 1002, "{offence:?}"),
                other => panic!("{other:?}"),
            }
        }
        drop(socket);
        server.emptied().await;
    }
}
