//! HTTP/1.1 answers: their head, and bodies in chunks.

use memchr::memmem;

use super::decode::{Malformed, Whole};
use super::publisher::Reply;

/// Most headers of an answer.
const HEADERS: usize = 32;

/// What an answer's head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the head itself.
    pub(crate) len: usize,
    pub(crate) body: Body,
    /// `Push-Cursor`.
    pub(crate) cursor: Option<String>,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Length(usize),
    Chunked,
    /// Until the connection ends.
    Open,
}

/// The head of an answer; `None` while it is not all there.
pub(crate) fn head(buf: &[u8]) -> Result<Option<Head>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let len = match response.parse(buf) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed),
    };
    let status = response.code.ok_or(Malformed)?;
    let mut cursor = None;
    let mut body = if status < 200 || status == 204 { Body::Length(0) } else { Body::Open };
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value).map_err(|_| Malformed)?;
        if header.name.eq_ignore_ascii_case("content-length") {
            body = Body::Length(value.parse().map_err(|_| Malformed)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            body = Body::Chunked;
        } else if header.name.eq_ignore_ascii_case("push-cursor") {
            cursor = Some(value.to_owned());
        }
    }
    Ok(Some(Head { status, len, body, cursor }))
}

/// The answer to a publication at the front of `buf`, and its length; of a batch each line that was refused has a code.
pub(crate) fn reply(buf: &[u8]) -> Whole<Reply> {
    let Some(head) = head(buf)? else { return Ok(None) };
    let Body::Length(len) = head.body else { return Err(Malformed) };
    let end = head.len + len;
    let Some(body) = buf.get(head.len..end) else { return Ok(None) };
    let refused = match head.status {
        200..=299 => memmem::find_iter(body, b"\"code\":").count() as u64,
        _ => 1,
    };
    Ok(Some((Reply::Answered { refused }, end)))
}

/// A body in chunks (RFC 9112 §7.1), wherever reads cut it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chunks {
    place: Place,
    /// Of the chunk's size so far, or of its bytes to come.
    left: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Size,
    Extension,
    Data,
    AfterData,
}

impl Chunks {
    /// Appends the content of `bytes` to `out`.
    pub(crate) fn decode(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        while let Some((&first, rest)) = bytes.split_first() {
            match (self.place, first) {
                (Place::Data, _) => {
                    let (data, after) = bytes.split_at(self.left.min(bytes.len()));
                    out.extend_from_slice(data);
                    self.left -= data.len();
                    if self.left == 0 {
                        self.place = Place::AfterData;
                    }
                    bytes = after;
                    continue;
                }
                (Place::Size | Place::Extension, b'\n') => self.place = Place::Data,
                (Place::Extension, _) | (Place::Size | Place::AfterData, b'\r') => {}
                (Place::Size, b';') => self.place = Place::Extension,
                (Place::Size, digit) => {
                    let digit = char::from(digit).to_digit(16).ok_or(Malformed)?;
                    self.left = self.left.checked_mul(16).ok_or(Malformed)? + digit as usize;
                }
                (Place::AfterData, b'\n') => self.place = Place::Size,
                (Place::AfterData, _) => return Err(Malformed),
            }
            bytes = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_how_its_body_ends() {
        let told = |text: &str| head(text.as_bytes()).map(|head| head.map(|head| (head.status, head.len, head.body)));
        let switch = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        assert_eq!(told(switch), Ok(Some((101, switch.len(), Body::Length(0)))));
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
        assert_eq!(told(&format!("{plain}body")), Ok(Some((200, plain.len(), Body::Length(12)))));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(told(chunked), Ok(Some((200, chunked.len(), Body::Chunked))));
        let open = "HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(told(open), Ok(Some((200, open.len(), Body::Open))));
        assert_eq!(told(&plain[..plain.len() - 1]), Ok(None));
        assert_eq!(told("ICY 200 OK\r\n\r\n"), Err(Malformed));
        assert_eq!(told("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n"), Err(Malformed));
    }

    #[test]
    fn publications_are_answered_one_by_one_or_line_by_line() {
        let answer =
            |status: &str, body: &str| format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let refused = |text: &str| {
            reply(format!("{text}HTTP").as_bytes()).map(|reply| reply.map(|(reply, len)| (reply, len == text.len())))
        };
        let lines = "{\"id\":\"a.1\"}\n{\"code\":\"too-large\"}\n{\"code\":\"rate\"}\n";
        for (text, count) in [("200 OK", 2), ("201 Created", 2), ("429 Too Many Requests", 1)] {
            assert_eq!(refused(&answer(text, lines)), Ok(Some((Reply::Answered { refused: count }, true))), "{text}");
        }
        let whole = answer("202 Accepted", "queued");
        assert_eq!(reply(&whole.as_bytes()[..whole.len() - 1]), Ok(None));
        assert_eq!(reply(b"HTTP/1.1 200 OK\r\n\r\n"), Err(Malformed));
    }

    #[test]
    fn the_cursor_of_a_poll_is_in_its_head() {
        let answer = head(b"HTTP/1.1 204 No Content\r\nPush-Cursor: k3f9.42\r\n\r\n").expect("well-formed");
        let answer = answer.expect("whole");
        assert_eq!((answer.cursor.as_deref(), answer.body), (Some("k3f9.42"), Body::Length(0)));
    }

    #[test]
    fn chunks_are_joined_wherever_reads_cut_them() {
        let body = b"5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n1\r\n!\r\n";
        for size in 1..=body.len() {
            let (mut chunks, mut out) = (Chunks::default(), Vec::new());
            for part in body.chunks(size) {
                chunks.decode(part, &mut out).expect("well-formed");
            }
            assert_eq!(out, b"helloabcdefghijklmnopqrstuvwxyz!", "{size}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_malformed() {
        for bad in ["data: x\n", "2\r\nabc\r\n"] {
            assert_eq!(Chunks::default().decode(bad.as_bytes(), &mut Vec::new()), Err(Malformed), "{bad}");
        }
    }
}
