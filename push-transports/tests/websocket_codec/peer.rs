//! A foreign client, tokio-tungstenite, against a small echo shell over the codec.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Version};
use push_transports::proto::websocket::{Event, Handshake, Opcode, Session, Terms, encode_frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::{Setup, start};

/// Generous: a guard against hanging, not a measurement.
const GUARD: Duration = Duration::from_secs(60);

/// Reads a request's head and answers it; `None` if it ends before.
async fn upgrade(stream: &mut DuplexStream) -> Option<Handshake> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("an ascii head");
    let headers: HeaderMap = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        })
        .collect();
    let handshake = Handshake::accept(&Method::GET, Version::HTTP_11, &headers, Terms::default());
    let handshake = handshake.expect("an acceptable handshake");
    let mut answer = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for (name, value) in &handshake.headers() {
        answer += &format!("{name}: {}\r\n", value.to_str().expect("ascii"));
    }
    answer += "\r\n";
    stream.write_all(answer.as_bytes()).await.ok()?;
    Some(handshake)
}

/// Echoes data messages; answers with the session as it ended.
async fn echo(mut stream: DuplexStream, now: Instant) -> Option<Session> {
    let handshake = upgrade(&mut stream).await?;
    let setup = match handshake.deflate {
        true => Setup::deflate(),
        false => Setup::default(),
    };
    let mut session = setup.session(now);
    let mut scratch = vec![0; 4096];
    loop {
        let read = stream.read(&mut scratch).await.ok()?;
        let mut rest = &mut scratch[..read];
        while !rest.is_empty() && !session.is_closed() {
            if let Ok(read) = session.handle_input(now, rest) {
                rest = &mut rest[read..];
            }
            let frame = match session.poll_event() {
                Some(Event::Text(text)) => encode_frame(Opcode::Text, false, text.as_bytes()),
                Some(Event::Binary(data)) => encode_frame(Opcode::Binary, false, &data),
                _ => bytes::Bytes::new(),
            };
            stream.write_all(&frame).await.ok()?;
            while let Some(frame) = session.poll_output() {
                stream.write_all(&frame).await.ok()?;
            }
        }
        if read == 0 || session.is_closed() {
            return Some(session);
        }
    }
}

type Client = WebSocketStream<DuplexStream>;

/// Runs a client's script against the echo shell, and hands back the shell's session.
async fn converse(script: impl AsyncFnOnce(&mut Client)) -> Session {
    let (near, far) = duplex(64 * 1024);
    let shell = tokio::spawn(echo(far, start()));
    let run = async {
        let request = "ws://localhost/echo";
        let (mut client, response) = tokio_tungstenite::client_async(request, near).await.expect("an upgrade");
        assert_eq!(response.status(), 101);
        script(&mut client).await;
        drop(client);
        shell.await.expect("the shell does not panic").expect("the shell ends by itself")
    };
    tokio::time::timeout(GUARD, run).await.expect("no hanging")
}

async fn next(client: &mut Client) -> Message {
    client.next().await.expect("not the end").expect("no error")
}

#[tokio::test]
async fn texts_and_binaries_of_every_size_come_back_as_they_went() {
    let session = converse(async |client| {
        for len in [0, 1, 125, 126, 65535, 65536, 1 << 20] {
            let text = Message::text("ä€x😀".chars().cycle().take(len).collect::<String>());
            client.send(text.clone()).await.expect("sent");
            assert_eq!(next(client).await, text);
            let data: Vec<u8> = (0..len).map(|at| (at * 31) as u8).collect();
            client.send(Message::binary(data.clone())).await.expect("sent");
            assert_eq!(next(client).await, Message::binary(data));
        }
    })
    .await;
    assert!(session.is_open(), "ended by the end of the stream alone");
}

fn fragment(payload: &str, opcode: Data, fin: bool) -> Message {
    Message::Frame(Frame::message(payload.as_bytes().to_vec(), OpCode::Data(opcode), fin))
}

#[tokio::test]
async fn fragments_with_a_ping_between_come_back_as_one_message() {
    converse(async |client| {
        client.send(fragment("frag", Data::Text, false)).await.expect("sent");
        client.send(Message::Ping(vec![1, 2, 3].into())).await.expect("sent");
        client.send(fragment("", Data::Continue, false)).await.expect("sent");
        client.send(fragment("ments", Data::Continue, true)).await.expect("sent");
        assert_eq!(next(client).await, Message::Pong(vec![1, 2, 3].into()));
        assert_eq!(next(client).await, Message::text("fragments"));
    })
    .await;
}

#[tokio::test]
async fn a_close_of_the_client_is_answered_with_its_code() {
    let session = converse(async |client| {
        let close = CloseFrame { code: 4321.into(), reason: "enough".into() };
        client.close(Some(close)).await.expect("sent");
        let Message::Close(Some(answer)) = next(client).await else {
            panic!("a close frame answers a close frame");
        };
        assert_eq!(u16::from(answer.code), 4321);
        assert!(client.next().await.is_none_or(|end| end.is_err()));
    })
    .await;
    assert!(session.is_closed());
}

#[tokio::test]
async fn an_offence_of_the_client_is_told_with_its_code() {
    let session = converse(async |client| {
        client.send(fragment("start", Data::Text, false)).await.expect("sent");
        client.send(fragment("again", Data::Text, true)).await.expect("sent");
        let Message::Close(Some(close)) = next(client).await else {
            panic!("an offence is answered with a close frame");
        };
        assert_eq!(u16::from(close.code), 1002);
        assert_eq!(close.reason.as_str(), "new message inside a fragmented one");
    })
    .await;
    assert!(session.is_closed());
}
