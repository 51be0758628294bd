//! Redis' protocol (RESP 2), as far as pub/sub needs it.

use super::decode::{Item, Malformed, Whole, line};
use super::publisher::Reply;

/// Appends a publication.
pub(crate) fn publish(out: &mut Vec<u8>, channel: &str, payload: &[u8]) {
    let head = format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n${}\r\n", channel.len(), payload.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// The first request of a subscriber of `channel`.
pub(crate) fn subscribe(channel: &str) -> String {
    format!("*2\r\n$9\r\nSUBSCRIBE\r\n${}\r\n{channel}\r\n", channel.len())
}

/// Takes whole messages off the front of `buf`; tells how many bytes they are.
pub(crate) fn messages(buf: &[u8], mut sink: impl FnMut(Item<'_>)) -> Result<usize, Malformed> {
    let mut at = 0;
    while let Some(([kind, _, last], len)) = triple(&buf[at..])? {
        match kind {
            b"message" => sink(Item::Message(last)),
            b"subscribe" => sink(Item::Joined),
            _ => return Err(Malformed),
        }
        at += len;
    }
    Ok(at)
}

/// An array of three, which is all that a subscriber is sent, and its length.
fn triple(buf: &[u8]) -> Whole<[&[u8]; 3]> {
    const HEAD: &[u8] = b"*3\r\n";
    if !buf.starts_with(HEAD) {
        return if HEAD.starts_with(buf) { Ok(None) } else { Err(Malformed) };
    }
    let mut parts = [&[][..]; 3];
    let mut at = HEAD.len();
    for part in &mut parts {
        let Some((content, len)) = part_of(&buf[at..])? else { return Ok(None) };
        *part = content;
        at += len;
    }
    Ok(Some((parts, at)))
}

/// A string or a number, and its length with what is around it.
fn part_of(buf: &[u8]) -> Whole<&[u8]> {
    let Some(line) = line(buf)? else { return Ok(None) };
    let begin = line.len() + 2;
    match line.split_first() {
        Some((b':', number)) => Ok(Some((number, begin))),
        Some((b'$', len)) => {
            let len: usize = std::str::from_utf8(len).ok().and_then(|len| len.parse().ok()).ok_or(Malformed)?;
            let end = begin.checked_add(len).and_then(|end| end.checked_add(2)).ok_or(Malformed)?;
            Ok(buf.get(begin..end).map(|content| (&content[..len], end)))
        }
        _ => Err(Malformed),
    }
}

/// The answer to a publication at the front of `buf`, and its length.
pub(crate) fn reply(buf: &[u8]) -> Whole<Reply> {
    let Some(line) = line(buf)? else { return Ok(None) };
    let reply = match line.first() {
        Some(b':') => Reply::Answered { refused: 0 },
        Some(b'-') => Reply::Answered { refused: 1 },
        _ => return Err(Malformed),
    };
    Ok(Some((reply, line.len() + 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_strings_whose_lengths_are_told() {
        assert_eq!(subscribe("bench"), "*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nbench\r\n");
        let mut out = Vec::new();
        publish(&mut out, "bench", b"a\r\nb");
        assert_eq!(out, b"*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n$4\r\na\r\nb\r\n");
    }

    #[test]
    fn whole_messages_are_taken_wherever_reads_cut_them() {
        let stream =
            b"*3\r\n$9\r\nsubscribe\r\n$5\r\nbench\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$5\r\nbench\r\n$5\r\nhe\r\no\r\n";
        for cut in 0..=stream.len() {
            let mut seen = Vec::new();
            let taken = messages(&stream[..cut], |item| seen.push(format!("{item:?}"))).expect("well-formed");
            messages(&stream[taken..], |item| seen.push(format!("{item:?}"))).expect("well-formed");
            assert_eq!(seen, [format!("{:?}", Item::Joined), format!("{:?}", Item::Message(b"he\r\no"))], "{cut}");
        }
    }

    #[test]
    fn what_a_subscriber_is_never_sent_is_malformed() {
        for bad in [
            &b"+OK\r\n"[..],
            b"*2\r\n",
            b"*3\r\n$-1\r\n",
            b"*3\r\n$7\nmessage\r\n",
            b"*3\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n",
            b"*3\r\n$18446744073709551615\r\n",
        ] {
            assert_eq!(messages(bad, |_| {}), Err(Malformed), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_publication_is_answered_with_a_number_or_an_error() {
        assert_eq!(reply(b":1000\r\n:1"), Ok(Some((Reply::Answered { refused: 0 }, 7))));
        assert_eq!(reply(b"-ERR no\r\n"), Ok(Some((Reply::Answered { refused: 1 }, 9))));
        assert_eq!(reply(b":10"), Ok(None));
        assert_eq!(reply(b"*3\r\n"), Err(Malformed));
    }
}
