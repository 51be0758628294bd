//! Socket.IO (revision 5) over a WebSocket of Engine.IO (revision 4): packets are text frames that begin with their types.

use super::decode::{self, Item, Malformed};

/// Engine.IO is open: the namespace `/` is asked for, by a frame whose mask is zeros.
const JOIN: &[u8] = b"\x81\x82\0\0\0\x0040";

/// To Engine.IO's ping.
const PONG: &[u8] = b"\x81\x81\0\0\0\x003";

/// The event that our servers emit, up to its argument.
const EVENT: &[u8] = b"42[\"m\",\"";

/// Where a subscriber of `channel` asks to speak WebSocket.
pub(crate) fn target(channel: &str) -> String {
    format!("/socket.io/?EIO=4&transport=websocket&channel={channel}")
}

/// Takes whole frames off the front of `buf`; tells how many bytes they are.
pub(crate) fn packets(buf: &[u8], mut sink: impl FnMut(Item<'_>)) -> Result<usize, Malformed> {
    decode::frames(buf, false, |item| match item {
        Item::Message(text) => packet(text).into_iter().for_each(&mut sink),
        other => sink(other),
    })
}

/// What a packet tells a subscriber.
fn packet(text: &[u8]) -> Option<Item<'_>> {
    match text {
        [b'4', b'2', ..] => Some(Item::Message(text.strip_prefix(EVENT).unwrap_or(text))),
        [b'4', b'0', ..] => Some(Item::Joined),
        // Open, and ping.
        [b'0', ..] => Some(Item::Asks(JOIN)),
        [b'2'] => Some(Item::Asks(PONG)),
        // No operation.
        [b'6'] => None,
        // Closed, disconnected or refused, and whatever else our servers do not send.
        _ => Some(Item::End),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(texts: &[&str]) -> Vec<String> {
        let frame = |text: &&str| [&[0x81, text.len() as u8], text.as_bytes()].concat();
        let buf: Vec<u8> = texts.iter().flat_map(frame).collect();
        let mut seen = Vec::new();
        assert_eq!(packets(&buf, |item| seen.push(format!("{item:?}"))), Ok(buf.len()));
        seen
    }

    fn told(items: &[Item<'_>]) -> Vec<String> {
        items.iter().map(|item| format!("{item:?}")).collect()
    }

    #[test]
    fn a_subscriber_asks_for_the_namespace_joins_and_is_sent_events() {
        let texts = [r#"0{"sid":"a","pingInterval":25000}"#, r#"40{"sid":"b"}"#, "2", "6", r#"42["m","001 x"]"#];
        let expected = [Item::Asks(JOIN), Item::Joined, Item::Asks(PONG), Item::Message(b"001 x\"]")];
        assert_eq!(seen(&texts), told(&expected));
    }

    #[test]
    fn endings_refusals_and_other_packets_end_a_subscription() {
        for text in ["1", "41", r#"44{"message":"no"}"#, "3probe", ""] {
            assert_eq!(seen(&[text]), told(&[Item::End]), "{text}");
        }
    }

    #[test]
    fn an_event_of_another_name_is_no_message() {
        assert_eq!(seen(&[r#"42["n","001"]"#]), told(&[Item::Message(br#"42["n","001"]"#)]));
        assert_eq!(crate::message::seq(br#"42["n","0000000000000001 "]"#), None);
    }

    #[test]
    fn what_is_sent_are_masked_text_frames() {
        assert_eq!((JOIN.len(), &JOIN[6..]), (8, &b"40"[..]));
        assert_eq!((PONG.len(), &PONG[6..]), (7, &b"3"[..]));
    }
}
