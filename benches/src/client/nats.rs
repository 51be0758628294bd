//! The client protocol of NATS, as far as publishing and subscribing need it.

use memchr::memchr;

use super::decode::{Item, Malformed, Whole, line};
use super::publisher::Reply;

/// What begins a connection that publishes: each publication is to be answered, and so is this.
pub(crate) const PUBLISHER: &[u8] = b"CONNECT {\"verbose\":true,\"pedantic\":false}\r\n";

/// What is answered to a server that asks whether somebody is there.
const PONG: &[u8] = b"PONG\r\n";

/// The first request of a subscriber of `channel`; the last line is answered once the others are done.
pub(crate) fn subscribe(channel: &str) -> String {
    format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {channel} 1\r\nPING\r\n")
}

/// Appends a publication.
pub(crate) fn publish(out: &mut Vec<u8>, channel: &str, payload: &[u8]) {
    out.extend_from_slice(format!("PUB {channel} {}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// Takes whole operations off the front of `buf`; tells how many bytes they are.
pub(crate) fn operations(buf: &[u8], mut sink: impl FnMut(Item<'_>)) -> Result<usize, Malformed> {
    let mut at = 0;
    while let Some(line) = line(&buf[at..])? {
        let begin = at + line.len() + 2;
        at = if let Some(arguments) = line.strip_prefix(b"MSG ") {
            let len = payload_len(arguments)?;
            let Some(payload) = buf.get(begin..begin + len + 2) else { break };
            sink(Item::Message(&payload[..len]));
            begin + len + 2
        } else {
            match word(line) {
                b"PONG" => sink(Item::Joined),
                b"PING" => sink(Item::Asks(PONG)),
                b"INFO" => {}
                _ => return Err(Malformed),
            }
            begin
        };
    }
    Ok(at)
}

/// Of `subject sid [reply-to] bytes` the last.
fn payload_len(arguments: &[u8]) -> Result<usize, Malformed> {
    /// The server's own bound (`max_payload`), and no more than fits into a buffer.
    const MOST: usize = 64 << 20;
    let last = arguments.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let len = std::str::from_utf8(last).ok().and_then(|len| len.parse().ok());
    len.filter(|len| *len <= MOST).ok_or(Malformed)
}

fn word(line: &[u8]) -> &[u8] {
    &line[..memchr(b' ', line).unwrap_or(line.len())]
}

/// What a publisher is sent, at the front of `buf`, and its length.
pub(crate) fn reply(buf: &[u8]) -> Whole<Reply> {
    let Some(line) = line(buf)? else { return Ok(None) };
    let reply = match word(line) {
        b"+OK" => Reply::Answered { refused: 0 },
        b"-ERR" => Reply::Answered { refused: 1 },
        b"PING" => Reply::Asks(PONG),
        b"INFO" => Reply::None,
        _ => return Err(Malformed),
    };
    Ok(Some((reply, line.len() + 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_names_its_subject_and_length() {
        let mut out = Vec::new();
        publish(&mut out, "bench", b"hello");
        assert_eq!(out, b"PUB bench 5\r\nhello\r\n");
        assert!(subscribe("bench").ends_with("\r\nSUB bench 1\r\nPING\r\n"));
    }

    #[test]
    fn whole_operations_are_taken_wherever_reads_cut_them() {
        let stream =
            b"INFO {\"port\":1}\r\nPONG\r\nMSG bench 1 6\r\nhe\r\nlo\r\nPING\r\nMSG bench 1 answer 2\r\n\r\n\r\n";
        let expected = [Item::Joined, Item::Message(b"he\r\nlo"), Item::Asks(PONG), Item::Message(b"\r\n")];
        for cut in 0..=stream.len() {
            let mut seen = Vec::new();
            let taken = operations(&stream[..cut], |item| seen.push(format!("{item:?}"))).expect("well-formed");
            operations(&stream[taken..], |item| seen.push(format!("{item:?}"))).expect("well-formed");
            assert_eq!(seen, expected.map(|item| format!("{item:?}")), "{cut}");
        }
    }

    #[test]
    fn errors_and_unknown_operations_are_malformed() {
        for bad in ["-ERR 'Slow Consumer'\r\n", "+OK\r\n", "PONG\n", "MSG bench 1 x\r\n", "MSG bench 1 99999999999\r\n"]
        {
            assert_eq!(operations(bad.as_bytes(), |_| {}), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn a_publisher_is_answered_greeted_refused_and_asked() {
        assert_eq!(reply(b"+OK\r\n+OK\r\n"), Ok(Some((Reply::Answered { refused: 0 }, 5))));
        assert_eq!(reply(b"-ERR 'no'\r\n"), Ok(Some((Reply::Answered { refused: 1 }, 11))));
        assert_eq!(reply(b"PING\r\n"), Ok(Some((Reply::Asks(PONG), 6))));
        assert_eq!(reply(b"INFO {}\r\n"), Ok(Some((Reply::None, 9))));
        assert_eq!(reply(b"+OK"), Ok(None));
        assert_eq!(reply(b"MSG a 1 1\r\n"), Err(Malformed));
    }
}
