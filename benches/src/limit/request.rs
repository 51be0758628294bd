//! What our own clients ask of the limit, and no more.

use memchr::memmem;

use super::encode::Form;
use crate::Result;

/// What a GET asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Subscribe(Form, &'a str),
    /// A poll that waits for nothing.
    Empty,
}

/// A whole GET request.
pub(super) fn get(bytes: &[u8]) -> Option<Target<'_>> {
    let target = line(bytes)?.strip_prefix("GET /push/")?.strip_suffix(" HTTP/1.1")?;
    let (path, query) = target.split_once('?')?;
    let channel = parameter(query, "channel")?;
    match path {
        "ws" => Some(Target::Subscribe(Form::Ws, channel)),
        "sse" => Some(Target::Subscribe(Form::Sse, channel)),
        "poll" if parameter(query, "timeout") == Some("0") => Some(Target::Empty),
        "poll" => Some(Target::Subscribe(Form::Poll, channel)),
        _ => None,
    }
}

/// A request to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Post<'a> {
    pub(super) channel: &'a str,
    /// Bytes of each message, where the body holds several.
    pub(super) each: Option<usize>,
    pub(super) body: &'a [u8],
}

/// A request to publish and its length; `None` while it is not all there.
pub(super) fn post(bytes: &[u8]) -> Result<Option<(Post<'_>, usize)>> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = bytes.split_at(end + 4);
    let query = line(head).and_then(|line| line.strip_prefix("POST /push/publish?")?.strip_suffix(" HTTP/1.1"));
    let query = query.ok_or("a request that is no publication")?;
    let channel = parameter(query, "channel").ok_or("a publication without a channel")?;
    let each = parameter(query, "each").map(str::parse).transpose()?;
    let len = content_length(head).ok_or("a publication without a length")?;
    Ok(body.get(..len).map(|body| (Post { channel, each, body }, end + 4 + len)))
}

fn line(head: &[u8]) -> Option<&str> {
    let end = memmem::find(head, b"\r\n")?;
    std::str::from_utf8(&head[..end]).ok()
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let begin = memmem::find(head, NAME)? + NAME.len();
    let len = memmem::find(&head[begin..], b"\r\n")?;
    std::str::from_utf8(&head[begin..begin + len]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{Kind, next_poll};

    #[test]
    fn the_requests_of_our_client_are_known() {
        let asked = |request: &str| format!("{:?}", get(request.as_bytes()));
        let first = |kind: Kind| asked(&kind.first_request("127.0.0.1:1", "bench"));
        assert_eq!(first(Kind::Ws), r#"Some(Subscribe(Ws, "bench"))"#);
        assert_eq!(first(Kind::Sse), r#"Some(Subscribe(Sse, "bench"))"#);
        assert_eq!(first(Kind::Poll), "Some(Empty)");
        assert_eq!(asked(&next_poll("127.0.0.1:1", "quiet", "0")), r#"Some(Subscribe(Poll, "quiet"))"#);
        assert_eq!(asked("GET / HTTP/1.1\r\n\r\n"), "None");
    }

    #[test]
    fn a_publication_is_taken_when_it_is_whole() {
        let one = b"POST /push/publish?channel=bench&each=3 HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabcdef";
        let two = [&one[..], b"POST"].concat();
        let expected = Post { channel: "bench", each: Some(3), body: b"abcdef" };
        assert_eq!(post(&two).expect("known"), Some((expected, one.len())));
        for cut in 0..one.len() {
            assert_eq!(post(&one[..cut]).expect("known"), None, "{cut}");
        }
        assert!(post(b"POST /elsewhere HTTP/1.1\r\n\r\n").is_err());
    }
}
