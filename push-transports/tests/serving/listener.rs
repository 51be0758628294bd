//! A subscriber that checks every byte and is cheap enough for hundreds of them: it knows what it is to be sent.

use std::net::SocketAddr;

use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::Value;
use testkit::Connection;
use testkit::http::find;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::{UPGRADE, assert_head, get, soon};

/// How a listener is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// `ws?format=json`
    Ws,
    /// `sse?format=raw`
    Sse,
    /// `stream`
    Stream,
}

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::Ws, Self::Sse, Self::Stream];
}

/// What a listener heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Heard {
    /// A publication made by [`payload`].
    Publication { channel: String, number: u64 },
    /// A gap, as JSON.
    Gap(Value),
    /// The ending's code.
    Close(u64),
    /// The connection's end.
    End,
}

/// A payload that says where it belongs, in each of its bytes.
pub(crate) fn payload(channel: &str, number: u64, length: usize) -> String {
    let mut text = format!("{channel}|{number}|{length}|");
    let filler = char::from(b'a' + (number % 26) as u8);
    text.extend(std::iter::repeat_n(filler, length.saturating_sub(text.len())));
    text
}

/// A subscription.
#[derive(Debug)]
pub(crate) struct Listener {
    form: Form,
    stream: TcpStream,
    /// As it came.
    raw: BytesMut,
    /// Out of its chunks.
    text: BytesMut,
    /// What is left of the chunk at hand, its line's end included.
    chunk: usize,
    last_chunk: bool,
}

impl Listener {
    /// Subscribes with a query (`channel=...`), and waits until it is.
    pub(crate) async fn open(addr: SocketAddr, form: Form, query: &str, receive_buffer: Option<u32>) -> Self {
        let request = match form {
            Form::Ws => get(&format!("/push/ws?{query}&format=json"), UPGRADE),
            Form::Sse => get(&format!("/push/sse?{query}&format=raw"), ""),
            Form::Stream => get(&format!("/push/stream?{query}"), ""),
        };
        let mut connection = Connection::open_with(addr, receive_buffer).await.expect("somebody listens");
        connection.send_bytes(request.as_bytes()).await.expect("it reads");
        let head = connection.head().await.expect("an answer");
        assert_head(&head);
        assert!(matches!(head.status, 101 | 200), "{head:?}");
        let (stream, early) = connection.into_parts();
        let raw = BytesMut::from(&early[..]);
        let mut listener = Self { form, stream, raw, text: BytesMut::new(), chunk: 0, last_chunk: false };
        // On a WebSocket each of its channels is told.
        let told = if form == Form::Ws { query.matches("channel=").count() } else { 1 };
        for _ in 0..told {
            let first = listener.piece().await.expect("how it begins");
            let is_told = if form == Form::Sse {
                first.starts_with(b"retry: ")
            } else {
                first.starts_with(br#"{"op":"subscribed""#)
            };
            assert!(is_told, "{first:?}");
        }
        listener
    }

    /// The socket.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The next that is heard. Cancel safe.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            let Some(piece) = self.piece().await else { return Heard::End };
            if let Some(heard) = self.heard(&piece) {
                return heard;
            }
        }
    }

    fn heard(&self, piece: &Bytes) -> Option<Heard> {
        let text = std::str::from_utf8(piece).expect("it is text");
        if self.form == Form::Sse {
            let mut lines = text.lines();
            let first = lines.next().unwrap_or_default();
            let data = text.split("data: ").nth(1).map(str::trim_end);
            return match first {
                _ if first.starts_with(':') => None,
                "event: push.gap" => {
                    Some(Heard::Gap(json(data.expect("a gap has data").lines().next().expect("a line"))))
                }
                _ if text.contains("event: push.close") => {
                    Some(Heard::Close(json(data.expect("an ending has data"))["code"].as_u64().expect("a code")))
                }
                _ => {
                    assert!(first.starts_with("id: ") && lines.count() == 1, "{text:?}");
                    Some(publication(data.expect("a publication has data")))
                }
            };
        }
        let bare = text
            .strip_prefix(r#"{"op":"publication","#)
            .or_else(|| text.strip_prefix('{').filter(|_| self.form == Form::Stream));
        match bare.filter(|bare| bare.starts_with(r#""channel":"#)) {
            Some(bare) => {
                let data = bare.split(r#""data":""#).nth(1).and_then(|data| data.strip_suffix("\"}"));
                let heard = publication(data.unwrap_or_else(|| panic!("{text:?}")));
                let Heard::Publication { channel, .. } = &heard else { unreachable!("it is one") };
                assert!(bare.starts_with(&format!(r#""channel":"{channel}","#)), "{text:?}");
                Some(heard)
            }
            None => {
                let op = json(text);
                match op["op"].as_str() {
                    Some("gap") => Some(Heard::Gap(op)),
                    Some("close") => Some(Heard::Close(op["code"].as_u64().expect("a code"))),
                    _ => panic!("{text:?}"),
                }
            }
        }
    }

    /// The next frame's payload, block or line; `None` at the end. A close frame is made into the line that says the same.
    async fn piece(&mut self) -> Option<Bytes> {
        loop {
            let piece = if self.form == Form::Ws { self.frame() } else { self.block() };
            if piece.is_some() || self.last_chunk {
                return piece;
            }
            self.raw.reserve(64 << 10);
            // A reset is an end as well.
            match soon("more bytes", self.stream.read_buf(&mut self.raw)).await {
                Ok(1..) => {}
                _ => return None,
            }
        }
    }

    // RFC 6455 §5.2
    fn frame(&mut self) -> Option<Bytes> {
        let (opcode, short) = (*self.raw.first()?, usize::from(*self.raw.get(1)?));
        assert!(matches!(opcode, 0x81 | 0x88) && short < 128, "no frame of ours begins with {opcode:x} {short:x}");
        let (head, length) = match short {
            126 => (4, usize::from(u16::from_be_bytes(self.raw.get(2..4)?.try_into().expect("two bytes")))),
            127 => (10, u64::from_be_bytes(self.raw.get(2..10)?.try_into().expect("eight bytes")) as usize),
            short => (2, short),
        };
        if self.raw.len() < head + length {
            return None;
        }
        let payload = self.raw.split_to(head + length).freeze().slice(head..);
        if opcode == 0x88 {
            let code = u16::from_be_bytes(payload[..2].try_into().expect("a close frame with a code"));
            return Some(format!(r#"{{"op":"close","code":{code}}}"#).into());
        }
        Some(payload)
    }

    fn block(&mut self) -> Option<Bytes> {
        self.unchunk();
        let end: &[u8] = if self.form == Form::Sse { b"\n\n" } else { b"\n" };
        let at = find(&self.text, end)?;
        let block = self.text.split_to(at + end.len()).freeze();
        Some(block.slice(..at))
    }

    // RFC 9112 §7.1
    fn unchunk(&mut self) {
        while !self.raw.is_empty() {
            if self.last_chunk {
                assert!(b"\r\n".starts_with(&self.raw[..]), "nothing follows the last chunk unasked: {:?}", self.raw);
                return;
            }
            if self.chunk == 0 {
                let Some(line) = find(&self.raw, b"\r\n") else { return };
                let size =
                    std::str::from_utf8(&self.raw[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
                self.chunk = size.unwrap_or_else(|| panic!("a chunk's size: {:?}", &self.raw[..line])) + 2;
                self.last_chunk = self.chunk == 2;
                self.raw.advance(line + 2);
                if self.last_chunk {
                    continue;
                }
            }
            let data = self.chunk.saturating_sub(2).min(self.raw.len());
            self.text.extend_from_slice(&self.raw.split_to(data));
            self.chunk -= data;
            if self.chunk > 2 || self.raw.len() < 2 {
                return;
            }
            assert_eq!(self.raw.split_to(2)[..], *b"\r\n", "a chunk's end");
            self.chunk = 0;
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// Checks a payload against what it says it is.
pub(crate) fn publication(data: &str) -> Heard {
    let mut parts = data.splitn(4, '|');
    let mut part = || parts.next().unwrap_or_else(|| panic!("no payload of ours: {data:?}"));
    let (channel, number, length) = (part(), part(), part());
    let parsed = number.parse().ok().zip(length.parse().ok());
    let (number, length) = parsed.unwrap_or_else(|| panic!("no payload of ours: {data:?}"));
    assert!(payload(channel, number, length) == data, "a payload of ours with other bytes: {data:?}");
    Heard::Publication { channel: channel.to_owned(), number }
}
