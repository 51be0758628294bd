//! Reading a request's head, before hyper is made for it: who sends slowly has a few bytes in memory and no more.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use memchr::memmem;
use tokio::io::{AsyncRead, ReadBuf};

use super::socket::LotSocket;
use crate::server::config::ServeConfig;
use crate::server::io::ConnectionIo;

/// Read at a time, on the stack.
const SCRATCH: usize = 16 * 1024;

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A head, or what hyper is to refuse. With its length, if that is all of the request.
    Whole(Option<usize>),
    /// A head of so many bytes that asks for another protocol and announces no body.
    Upgrade(usize),
    /// Not a byte.
    Nothing,
    /// The end of the connection, or of its patience.
    Over,
}

/// Reads until a head is there, which is left in front of the connection's bytes.
pub(super) async fn read(io: &mut ConnectionIo, config: &ServeConfig) -> Head {
    let owed = io.info().head_owed_within();
    let Some(socket) = io.lot_socket() else { return Head::Over };
    let mut bytes = Vec::new();
    let mut head = poll_fn(|cx| Poll::Ready(poll_head(socket, &mut bytes, config, cx))).await;
    if head.is_pending() {
        if bytes.is_empty() {
            return Head::Nothing;
        }
        let patience = owed.unwrap_or(config.header_timeout);
        let rest = poll_fn(|cx| poll_head(socket, &mut bytes, config, cx));
        head = Poll::Ready(tokio::time::timeout(patience, rest).await.unwrap_or(Head::Over));
    }
    socket.unread(Bytes::from(bytes));
    match head {
        Poll::Ready(head) => head,
        Poll::Pending => Head::Over,
    }
}

fn poll_head(socket: &mut LotSocket, bytes: &mut Vec<u8>, config: &ServeConfig, cx: &mut Context<'_>) -> Poll<Head> {
    let mut scratch = [const { MaybeUninit::uninit() }; SCRATCH];
    loop {
        let mut buffer = ReadBuf::uninit(&mut scratch);
        let read: Poll<io::Result<()>> = Pin::new(&mut *socket).poll_read(cx, &mut buffer);
        match read {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(Head::Over),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Head::Over),
            Poll::Ready(Ok(())) => bytes.extend_from_slice(buffer.filled()),
        }
        if let Some(end) = end_of_head(bytes, config) {
            return Poll::Ready(kind_of(&bytes[..end]));
        }
    }
}

/// Where the head ends, or what there is if hyper is to see it in any case: it is too long, or no head.
fn end_of_head(bytes: &[u8], config: &ServeConfig) -> Option<usize> {
    const EMPTY_LINE: &[u8] = b"\r\n\r\n";
    // RFC 9112 §2.2: empty lines before a request are passed over.
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    if let Some(end) = memmem::find(&bytes[start..], EMPTY_LINE) {
        return Some(start + end + EMPTY_LINE.len());
    }
    if bytes.len() > config.header_bytes {
        return Some(bytes.len());
    }
    // Only for heads in pieces: what hyper would refuse already is refused now. RFC 9112 §2.2 lets lines end with LF alone.
    let mut headers = vec![httparse::EMPTY_HEADER; config.max_headers];
    match httparse::Request::new(&mut headers).parse(bytes) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(end)) => Some(end),
        Err(_) => Some(bytes.len()),
    }
}

fn kind_of(head: &[u8]) -> Head {
    // RFC 9112 §6.3: a request without these has no body.
    let has_body = has_header(head, b"content-length:") || has_header(head, b"transfer-encoding:");
    let asks = has_header(head, b"upgrade:") || head.starts_with(b"CONNECT ");
    match asks {
        true if !has_body => Head::Upgrade(head.len()),
        _ => Head::Whole((!has_body).then_some(head.len())),
    }
}

/// Whether a line begins with `name`, which is in lower case and has its colon.
fn has_header(head: &[u8], name: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head)
        .filter_map(|end| head.get(end + 1..end + 1 + name.len()))
        .any(|line| line.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_whole_at_its_empty_line_and_garbage_at_once() {
        let config = ServeConfig::default();
        let end = |bytes: &[u8]| end_of_head(bytes, &config);
        assert_eq!(end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nmore"), Some(27));
        assert_eq!(end(b"GET / HTTP/1.1\nHost: a\n\n"), Some(24));
        assert_eq!(end(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Some(31));
        for partial in [&b"G"[..], b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n"] {
            assert_eq!(end(partial), None, "{}", partial.escape_ascii());
        }
        assert_eq!(end(b"\x16\x03\x01"), Some(3));
        assert_eq!(end(&vec![b'a'; config.header_bytes + 1]), Some(config.header_bytes + 1));
    }

    #[test]
    fn an_upgrade_is_seen_in_any_case_and_only_as_the_name_of_a_header() {
        let asks = |lines: &str| {
            let head = format!("GET /upgrade: HTTP/1.1\r\n{lines}\r\n");
            kind_of(head.as_bytes()) == Head::Upgrade(head.len())
        };
        assert!(asks("Host: a\r\nUpgrade: websocket\r\n"));
        assert!(asks("uPGRADE:x\r\n"));
        assert!(!asks("Host: a\r\nX-Upgrade: websocket\r\n"));
        assert!(!asks("Connection: upgrade\r\n"));
        assert!(!asks("Upgrade: websocket\r\nContent-Length: 5\r\n"));
        assert_eq!(kind_of(b"CONNECT a:80 HTTP/1.1\r\n\r\n"), Head::Upgrade(25));
    }
}
