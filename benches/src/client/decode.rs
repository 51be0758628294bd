//! What servers send, taken apart as cheaply as it can be checked: WebSocket frames and SSE lines.

use memchr::{memchr, memmem};

use crate::message;

/// Something that a server told a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A publication; ends with its payload's digits and padding, begins with them too.
    Message(&'a [u8]),
    /// A loss that was told: the notice as JSON.
    Gap(&'a [u8]),
    /// The cursor of the message that follows, or of what is [`Item::Passed`] then.
    Cursor(&'a [u8]),
    /// Something ended that was no message: where it had a cursor, that holds from here on.
    Passed,
    /// A WebSocket ping, to be answered.
    Ping(&'a [u8]),
    /// Something else that is to be answered, with these bytes.
    Asks(&'static [u8]),
    /// The subscription has begun.
    Joined,
    /// The server ends the subscription.
    End,
}

/// Bytes that no server of ours sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What is at the front of a buffer, and its length; `None` while it is not all there.
pub(crate) type Whole<T> = Result<Option<(T, usize)>, Malformed>;

/// What is before the end of the line, which is two bytes; `None` while that is not there.
pub(crate) fn line(buf: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    match memchr(b'\n', buf) {
        Some(end) => buf[..end].strip_suffix(b"\r").map(Some).ok_or(Malformed),
        None => Ok(None),
    }
}

/// Takes whole WebSocket frames off the front of `buf`; tells how many bytes they are.
pub(crate) fn frames(buf: &[u8], is_json: bool, mut sink: impl FnMut(Item<'_>)) -> Result<usize, Malformed> {
    let mut at = 0;
    while let Some(Frame { opcode, begin, end }) = frame(&buf[at..])? {
        let payload = &buf[at + begin..at + end];
        match opcode {
            1 | 2 if is_json => operation(payload, &mut sink),
            1 | 2 => sink(Item::Message(payload)),
            8 => sink(Item::End),
            9 => sink(Item::Ping(payload)),
            10 => {}
            _ => return Err(Malformed),
        }
        at += end;
    }
    Ok(at)
}

struct Frame {
    opcode: u8,
    begin: usize,
    end: usize,
}

/// RFC 6455 §5.2: a frame without a mask that is a whole message.
fn frame(buf: &[u8]) -> Result<Option<Frame>, Malformed> {
    let &[first, second, ref rest @ ..] = buf else { return Ok(None) };
    if first & 0xf0 != 0x80 || second & 0x80 != 0 {
        return Err(Malformed);
    }
    let (begin, len) = match second {
        126 => match rest {
            &[a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
            _ => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(len) => (10, usize::try_from(u64::from_be_bytes(*len)).map_err(|_| Malformed)?),
            None => return Ok(None),
        },
        len => (2, usize::from(len)),
    };
    let end = begin + len;
    Ok((buf.len() >= end).then_some(Frame { opcode: first & 0x0f, begin, end }))
}

/// What a line or a frame of JSON says.
fn operation(text: &[u8], mut sink: impl FnMut(Item<'_>)) {
    if text.starts_with(b"{\"op\":\"publication\"") || text.starts_with(b"{\"channel\"") {
        if let Some(id) = member(text, b"\"id\":\"") {
            sink(Item::Cursor(id));
        }
        const DATA: &[u8] = b"\"data\":\"";
        if let Some(at) = memmem::find(text, DATA) {
            sink(Item::Message(&text[at + DATA.len()..]));
        }
    } else if text.starts_with(b"{\"op\":\"subscribed\"") {
        if memmem::find(text, b"\"outcome\":\"complete\"").is_none() {
            sink(Item::Gap(text));
        }
        if let Some(cursor) = member(text, b"\"cursor\":\"") {
            sink(Item::Cursor(cursor));
            sink(Item::Passed);
        }
    } else if text.starts_with(b"{\"op\":\"gap\"") {
        sink(Item::Gap(text));
    } else if text.starts_with(b"{\"op\":\"close\"") {
        sink(Item::End);
    }
}

/// The string that follows `name`, as far as the next quote: nothing that is looked for has one in it.
fn member<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = &text[memmem::find(text, name)? + name.len()..];
    Some(&value[..memchr(b'"', value)?])
}

/// Takes whole lines of a stream of JSON off the front of `buf`; tells how many bytes they are.
pub(crate) fn objects(buf: &[u8], mut sink: impl FnMut(Item<'_>)) -> usize {
    let mut at = 0;
    while let Some(len) = memchr(b'\n', &buf[at..]) {
        operation(&buf[at..at + len], &mut sink);
        at += len + 1;
    }
    at
}

/// A pong with `payload`, as a client sends it: masked, with a mask of zeros.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    let len = payload.len().min(125);
    let mut frame = vec![0x8a, 0x80 | len as u8, 0, 0, 0, 0];
    frame.extend_from_slice(&payload[..len]);
    frame
}

/// Takes whole SSE lines off the front of `buf`; tells how many bytes they are.
pub(crate) fn lines(buf: &[u8], mut sink: impl FnMut(Item<'_>)) -> usize {
    let mut at = 0;
    while let Some(len) = memchr(b'\n', &buf[at..]) {
        let line = &buf[at..at + len];
        at += len + 1;
        if let Some(data) = line.strip_prefix(b"data: ") {
            if message::seq(data).is_some() {
                sink(Item::Message(data));
            } else if memmem::find(data, b"\"outcome\"").is_some() {
                sink(Item::Gap(data));
            }
        } else if let Some(id) = line.strip_prefix(b"id: ") {
            sink(Item::Cursor(id));
        } else if line.is_empty() {
            sink(Item::Passed);
        } else if line == b"event: push.close" {
            sink(Item::End);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_frames(buf: &[u8], is_json: bool) -> (Result<usize, Malformed>, Vec<String>) {
        let mut seen = Vec::new();
        let taken = frames(buf, is_json, |item| seen.push(told(item)));
        (taken, seen)
    }

    fn told(item: Item<'_>) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match item {
            Item::Message(payload) => text(payload),
            Item::Gap(notice) => format!("gap {}", text(notice)),
            Item::Ping(payload) => format!("ping {}", text(payload)),
            Item::Asks(answer) => format!("asks {}", text(answer)),
            Item::Joined => "joined".to_owned(),
            Item::Cursor(cursor) => format!("at {}", text(cursor)),
            Item::Passed => "passed".to_owned(),
            Item::End => "end".to_owned(),
        }
    }

    #[test]
    fn whole_frames_are_taken_and_the_rest_is_left() {
        let mut buf = b"\x81\x02hi\x89\x01!\x82\x7e\x00\x80".to_vec();
        buf.extend([b'z'; 128]);
        let whole = buf.len();
        buf.extend(b"\x81\x05hel");
        let (taken, seen) = seen_frames(&buf, false);
        assert_eq!((taken, &seen[..2]), (Ok(whole), &["hi".to_owned(), "ping !".to_owned()][..]));
        assert_eq!(seen[2].len(), 128);
        for cut in 0..4 {
            assert_eq!(seen_frames(&buf[..cut], false), (Ok(0), vec![]), "{cut}");
        }
        let long = [b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01x\x88\x00".as_slice()].concat();
        assert_eq!(seen_frames(&long, false), (Ok(13), vec!["x".to_owned(), "end".to_owned()]));
    }

    #[test]
    fn fragments_masks_and_unknown_opcodes_are_malformed() {
        for bad in [b"\x01\x00", b"\x81\x80", b"\xc1\x00", b"\x83\x00"] {
            assert_eq!(seen_frames(bad, false).0, Err(Malformed));
        }
    }

    #[test]
    fn operations_are_publications_beginnings_gaps_or_of_no_interest() {
        let texts = [
            r#"{"op":"publication","id":"a.1","data":"001 x"}"#,
            r#"{"op":"gap","missed":3}"#,
            r#"{"op":"pong"}"#,
            r#"{"op":"subscribed","channel":"c","cursor":"a.7","outcome":"complete"}"#,
            r#"{"op":"subscribed","cursor":"a.8","outcome":"lost"}"#,
        ];
        let buf: Vec<u8> =
            texts.iter().flat_map(|text| [&[0x81, text.len() as u8], text.as_bytes()].concat()).collect();
        let (taken, seen) = seen_frames(&buf, true);
        assert_eq!(taken, Ok(buf.len()));
        let lost = format!("gap {}", texts[4]);
        let expected = ["at a.1", "001 x\"}", r#"gap {"op":"gap","missed":3}"#, "at a.7", "passed"];
        assert_eq!(seen, [&expected[..], &[&lost, "at a.8", "passed"]].concat());
    }

    #[test]
    fn a_stream_of_json_is_taken_by_its_lines() {
        let stream = "{\"op\":\"subscribed\",\"cursor\":\"a.1\",\"outcome\":\"complete\"}\n\n{\"channel\":\"c\",\"id\":\"a.2\",\"data\":\"x\"}\n{\"op\":\"close\",\"code\":3000}\n{\"chan";
        let mut seen = Vec::new();
        let taken = objects(stream.as_bytes(), |item| seen.push(told(item)));
        assert_eq!(taken, stream.len() - "{\"chan".len());
        assert_eq!(seen, ["at a.1", "passed", "at a.2", "x\"}", "end"]);
    }

    #[test]
    fn of_an_event_stream_the_messages_losses_and_endings_are_seen() {
        let message = "0000000000000001 0000000000000002 x";
        let stream = format!(
            "retry: 1500\nid: a.1\n\n:\n\nid: a.2\ndata: {message}\n\nevent: push.gap\ndata: {{\"channel\":\"c\",\"outcome\":\"partial\"}}\n\nevent: push.close\ndata: {{\"code\":3000}}\n\ndata: 00"
        );
        let mut seen = Vec::new();
        let taken = lines(stream.as_bytes(), |item| seen.push(told(item)));
        assert_eq!(taken, stream.len() - "data: 00".len());
        let gap = r#"gap {"channel":"c","outcome":"partial"}"#;
        assert_eq!(seen, ["at a.1", "passed", "passed", "at a.2", message, "passed", gap, "passed", "end", "passed"]);
    }

    #[test]
    fn a_pong_is_masked_and_carries_what_the_ping_did() {
        assert_eq!(pong(b"ab"), b"\x8a\x82\x00\x00\x00\x00ab");
    }
}
