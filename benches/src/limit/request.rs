//! What our own clients ask of the limit, and no more.

use memchr::{memchr, memmem};

use super::encode::Form;
use crate::Result;

/// What a GET asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Subscribe(Form, &'a str),
    /// A poll that waits for nothing.
    Empty,
    /// A WebSocket over which is published.
    Publish,
}

/// A whole GET request.
pub(super) fn get(bytes: &[u8]) -> Option<Target<'_>> {
    let target = line(bytes)?.strip_prefix("GET /push/")?.strip_suffix(" HTTP/1.1")?;
    let (path, query) = target.split_once('?')?;
    let Some(channel) = parameter(query, "channel") else { return (path == "ws").then_some(Target::Publish) };
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
    /// `None`: each line of the body names its own, see [`line_of`].
    pub(super) channel: Option<&'a str>,
    /// Bytes of each message, where the body holds several for one channel.
    pub(super) each: Option<usize>,
    pub(super) body: &'a [u8],
}

/// A request to publish and its length; `None` while it is not all there.
pub(super) fn post(bytes: &[u8]) -> Result<Option<(Post<'_>, usize)>> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = bytes.split_at(end + 4);
    let query = line(head).and_then(|line| line.strip_prefix("POST /push/publish")?.strip_suffix(" HTTP/1.1"));
    let query = query.ok_or("a request that is no publication")?.trim_start_matches('?');
    let channel = parameter(query, "channel");
    let each = parameter(query, "each").map(str::parse).transpose()?;
    let len = content_length(head).ok_or("a publication without a length")?;
    Ok(body.get(..len).map(|body| (Post { channel, each, body }, end + 4 + len)))
}

/// A channel and a message for it, with a space between.
pub(super) fn line_of(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = memchr(b' ', bytes)?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

/// The payload of a text frame, unmasked where it lies, and the frame's length; `None` while it is not all there.
///
/// RFC 6455 §5.2: clients mask, and ours send less than 64 KiB.
pub(super) fn frame(bytes: &mut [u8]) -> Result<Option<(&[u8], usize)>> {
    let &mut [first, second, ref mut rest @ ..] = bytes else { return Ok(None) };
    if first != 0x81 || second & 0x80 == 0 {
        return Err("a frame that the limit does not know".into());
    }
    let (len, rest, before) = match (second & 0x7f, rest) {
        (len @ 0..=125, rest) => (usize::from(len), rest, 2),
        (126, &mut [a, b, ref mut rest @ ..]) => (usize::from(u16::from_be_bytes([a, b])), rest, 4),
        (126, _) => return Ok(None),
        _ => return Err("a frame that is too long for the limit".into()),
    };
    let Some((mask, rest)) = rest.split_first_chunk_mut::<4>() else { return Ok(None) };
    let Some(payload) = rest.get_mut(..len) else { return Ok(None) };
    unmask(payload, *mask);
    Ok(Some((payload, before + 4 + len)))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().expect("twice four bytes"));
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
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
    use crate::kind::{Kind, next_poll, upgrade};

    #[test]
    fn the_requests_of_our_client_are_known() {
        let asked = |request: &str| format!("{:?}", get(request.as_bytes()));
        let first = |kind: Kind| asked(&kind.first_request("127.0.0.1:1", "bench"));
        assert_eq!(first(Kind::Ws), r#"Some(Subscribe(Ws, "bench"))"#);
        assert_eq!(first(Kind::Sse), r#"Some(Subscribe(Sse, "bench"))"#);
        assert_eq!(first(Kind::Poll), "Some(Empty)");
        assert_eq!(asked(&next_poll("127.0.0.1:1", "quiet", "0")), r#"Some(Subscribe(Poll, "quiet"))"#);
        assert_eq!(asked(&upgrade("127.0.0.1:1", "format=json")), "Some(Publish)");
        assert_eq!(asked("GET / HTTP/1.1\r\n\r\n"), "None");
    }

    #[test]
    fn a_publication_is_taken_when_it_is_whole() {
        let one = b"POST /push/publish?channel=bench&each=3 HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabcdef";
        let two = [&one[..], b"POST"].concat();
        let expected = Post { channel: Some("bench"), each: Some(3), body: b"abcdef" };
        assert_eq!(post(&two).expect("known"), Some((expected, one.len())));
        for cut in 0..one.len() {
            assert_eq!(post(&one[..cut]).expect("known"), None, "{cut}");
        }
        assert!(post(b"POST /elsewhere HTTP/1.1\r\n\r\n").is_err());
    }

    #[test]
    fn the_lines_of_a_batch_name_their_channels() {
        let batch = b"POST /push/publish HTTP/1.1\r\ncontent-length: 12\r\n\r\na/1 x y\nb z\n";
        let expected = Post { channel: None, each: None, body: b"a/1 x y\nb z\n" };
        assert_eq!(post(batch).expect("known"), Some((expected, batch.len())));
        assert_eq!(line_of(b"a/1 x y"), Some(("a/1", &b"x y"[..])));
        assert_eq!(line_of(b"a/1"), None);
    }

    #[test]
    fn a_frame_is_unmasked_when_it_is_whole() {
        for len in [0, 1, 7, 8, 9, 125, 126, 1000] {
            let (payload, mask) = (vec![b'x'; len], [1, 2, 3, 4]);
            let mut sent = vec![0x81];
            match u8::try_from(len) {
                Ok(short @ 0..126) => sent.push(0x80 | short),
                _ => sent.extend([&[0xfe][..], &(len as u16).to_be_bytes()].concat()),
            }
            sent.extend(mask);
            sent.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            for cut in 0..sent.len() {
                assert_eq!(frame(&mut sent[..cut].to_vec()).expect("known"), None, "{cut} of {len}");
            }
            let whole = sent.len();
            sent.push(0x81);
            assert_eq!(frame(&mut sent).expect("known"), Some((&payload[..], whole)));
        }
        assert!(frame(&mut b"\x82\x80\0\0\0\0".to_vec()).is_err());
        assert!(frame(&mut b"\x81\x01x".to_vec()).is_err());
    }
}
