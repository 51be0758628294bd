//! What the limit sends, known by heart or made once for all subscribers.

/// The answer to the nonce that our clients send (RFC 6455 §1.3).
pub(super) const WS_HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

pub(super) const SSE_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\r\n";

pub(super) const POLL_EMPTY: &[u8] = b"HTTP/1.1 204 No Content\r\npush-cursor: 0\r\n\r\n";

/// To a request to publish.
pub(super) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// To a publication over a WebSocket.
pub(super) const WS_ANSWER: &[u8] = b"\x81\x02{}";

/// How a subscriber is sent messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Ws = 0,
    Sse = 1,
    Poll = 2,
}

impl Form {
    pub(super) const COUNT: usize = 3;
    pub(super) const ALL: [Self; Self::COUNT] = [Self::Ws, Self::Sse, Self::Poll];

    /// Appends `message` as it goes over the wire.
    pub(super) fn encode(self, message: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Ws => frame_head(message.len(), out),
            Self::Sse => out.extend_from_slice(b"data: "),
            Self::Poll => {
                let len = message.len();
                let head = format!("HTTP/1.1 200 OK\r\npush-cursor: 0\r\ncontent-length: {len}\r\n\r\n");
                out.extend_from_slice(head.as_bytes());
            }
        }
        out.extend_from_slice(message);
        if self == Self::Sse {
            out.extend_from_slice(b"\n\n");
        }
    }
}

/// RFC 6455 §5.2: the head of a text frame, whole and not masked.
fn frame_head(len: usize, out: &mut Vec<u8>) {
    out.push(0x81);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => out.push(len),
        (_, Ok(len)) => {
            out.push(126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(form: Form, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        form.encode(message, &mut out);
        out
    }

    #[test]
    fn frames_have_the_shortest_length() {
        for (len, head) in
            [(0, &b"\x81\x00"[..]), (125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"), (65535, b"\x81\x7e\xff\xff")]
        {
            let frame = encoded(Form::Ws, &vec![b'x'; len]);
            assert_eq!((&frame[..head.len()], frame.len()), (head, head.len() + len));
        }
        assert_eq!(encoded(Form::Ws, &vec![b'x'; 65536])[..10], *b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
    }

    #[test]
    fn a_poll_is_answered_with_the_message_as_its_body() {
        let answer = encoded(Form::Poll, b"hello");
        assert!(answer.ends_with(b"content-length: 5\r\n\r\nhello"));
        assert_eq!(encoded(Form::Sse, b"hello"), b"data: hello\n\n");
    }
}
