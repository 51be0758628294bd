//! Requests to publish, as they go over the wire.

use std::io::Write as _;

use crate::args::Dialect;

/// What a WebSocket publisher's frames are masked with. Any mask but zero costs a server the same.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x3c];

/// Appends the name of the channel with this number.
pub(super) fn name(out: &mut Vec<u8>, channel: usize) {
    put(out, format_args!("room/{channel}"));
}

/// What a subscription's query names: all of `channels`.
pub(super) fn query(channels: std::ops::Range<usize>) -> String {
    let names: Vec<String> = channels.map(|channel| format!("room/{channel}")).collect();
    names.join("&channel=")
}

/// A message to one channel, in a request of its own.
pub(super) fn single(out: &mut Vec<u8>, host: &str, channel: usize, message: &[u8]) {
    let len = message.len();
    put(
        out,
        format_args!(
            "POST /push/publish?channel=room/{channel} HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/plain\r\n\
             content-length: {len}\r\n\r\n"
        ),
    );
    out.extend_from_slice(message);
}

/// A message as one of many in a request; to the limit in the cheapest form that names a channel.
pub(super) fn line(out: &mut Vec<u8>, dialect: Dialect, channel: usize, message: &[u8]) {
    if dialect == Dialect::Limit {
        plain(out, channel, message);
        out.push(b'\n');
    } else {
        fields(out, b"{\"channel\":\"", channel, message, b"}\n");
    }
}

/// A request with the lines `body`.
pub(super) fn batch(out: &mut Vec<u8>, host: &str, body: &[u8]) {
    let len = body.len();
    put(
        out,
        format_args!(
            "POST /push/publish HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-ndjson\r\ncontent-length: {len}\r\n\r\n"
        ),
    );
    out.extend_from_slice(body);
}

/// A message as a WebSocket frame; `work` is space for its payload.
pub(super) fn frame(out: &mut Vec<u8>, work: &mut Vec<u8>, dialect: Dialect, channel: usize, message: &[u8]) {
    work.clear();
    if dialect == Dialect::Limit {
        plain(work, channel, message);
    } else {
        fields(work, b"{\"op\":\"publish\",\"channel\":\"", channel, message, b"}");
    }
    masked(out, work);
}

/// RFC 6455 §5.2: a whole text frame, masked as a client's are.
fn masked(out: &mut Vec<u8>, payload: &[u8]) {
    out.push(0x81);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => out.push(0x80 | len),
        (_, Ok(len)) => {
            out.push(0xfe);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

fn fields(out: &mut Vec<u8>, begin: &[u8], channel: usize, message: &[u8], end: &[u8]) {
    out.extend_from_slice(begin);
    name(out, channel);
    out.extend_from_slice(b"\",\"data\":\"");
    out.extend_from_slice(message);
    out.push(b'"');
    out.extend_from_slice(end);
}

fn plain(out: &mut Vec<u8>, channel: usize, message: &[u8]) {
    name(out, channel);
    out.push(b' ');
    out.extend_from_slice(message);
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_batch_names_the_channel_of_each_message() {
        let lines = |dialect| {
            written(|out| {
                line(out, dialect, 3, b"one");
                line(out, dialect, 14, b"two");
            })
        };
        let json = "{\"channel\":\"room/3\",\"data\":\"one\"}\n{\"channel\":\"room/14\",\"data\":\"two\"}\n";
        assert_eq!(lines(Dialect::Push), json);
        assert_eq!(lines(Dialect::Limit), "room/3 one\nroom/14 two\n");
        let request = written(|out| batch(out, "h", json.as_bytes()));
        assert!(request.starts_with("POST /push/publish HTTP/1.1\r\n") && request.ends_with(json));
        assert!(request.contains(&format!("content-length: {}\r\n\r\n", json.len())));
    }

    #[test]
    fn a_single_message_is_the_body_of_its_request() {
        let request = written(|out| single(out, "h", 7, b"hello"));
        assert!(request.starts_with("POST /push/publish?channel=room/7 HTTP/1.1\r\n"));
        assert!(request.ends_with("content-length: 5\r\n\r\nhello"));
    }

    #[test]
    fn frames_are_masked() {
        for (size, before) in [(10, 6), (200, 8), (70_000, 14)] {
            let (mut out, message) = (Vec::new(), vec![b'x'; size]);
            frame(&mut out, &mut Vec::new(), Dialect::Limit, 1, &message);
            let payload: Vec<u8> =
                out[before..].iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            assert_eq!(payload, [b"room/1 ", &message[..]].concat());
            assert_eq!(out[..2], [0x81, [0x91, 0xfe, 0xff][before / 4 - 1]]);
        }
        let (mut out, mut work) = (Vec::new(), Vec::new());
        frame(&mut out, &mut work, Dialect::Push, 1, b"hi");
        assert_eq!(work, b"{\"op\":\"publish\",\"channel\":\"room/1\",\"data\":\"hi\"}");
    }

    #[test]
    fn a_query_names_all_channels_of_a_subscription() {
        assert_eq!(query(3..4), "room/3");
        assert_eq!(query(3..5), "room/3&channel=room/4");
    }
}
