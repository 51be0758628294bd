//! Messages out of frames: fragments put together, text checked, sizes bounded
//! (RFC 6455 §5.4, §5.6, §8.1; RFC 7692 §6.2).

use bytes::Bytes;

use super::endpoint::Endpoint;
use super::frame::{FrameHeader, Opcode};
use super::offence::Offence;
use super::utf8::Utf8Buffer;

/// A whole data message, inflated.
#[derive(Debug)]
pub(super) enum Message {
    Text(String),
    Binary(Bytes),
}

impl Message {
    /// The message of a single frame whose whole payload is at hand: copied once.
    ///
    /// The frame has passed [`check_size`].
    pub(super) fn whole(header: &FrameHeader, payload: &[u8], endpoint: &Endpoint) -> Result<Self, Offence> {
        match (header.compressed, header.opcode) {
            (true, opcode) => Self::inflate(opcode, payload, endpoint),
            (false, Opcode::Text) => match std::str::from_utf8(payload) {
                Ok(text) => Ok(Self::Text(text.to_owned())),
                Err(_) => Err(Offence::InvalidUtf8),
            },
            (false, _) => Ok(Self::Binary(Bytes::copy_from_slice(payload))),
        }
    }

    fn inflate(opcode: Opcode, compressed: &[u8], endpoint: &Endpoint) -> Result<Self, Offence> {
        let limit = endpoint.settings.max_message;
        endpoint.inflaters.with(|inflater| {
            if opcode == Opcode::Text {
                let mut text = Utf8Buffer::default();
                inflater.inflate(compressed, limit, |piece| text.push(piece, limit))?;
                return text.finish().map(Self::Text);
            }
            let mut data = Vec::new();
            inflater.inflate(compressed, limit, |piece| {
                append(&mut data, piece, limit);
                Ok(())
            })?;
            Ok(Self::Binary(data.into()))
        })
    }
}

/// A message of which some fragments have been announced.
///
/// ```text
/// begin ─▶ admit (each frame's header) ─▶ feed (its payload, in any pieces) ─┬─▶ finish
///            ▲                                                               │
///            └───────────────────── not the last frame ──────────────────────┘
/// ```
#[derive(Debug)]
pub(super) struct Assembly {
    opcode: Opcode,
    compressed: bool,
    /// Payload of all frames admitted, which is what the buffer may grow to.
    admitted: usize,
    empty_fragments: u32,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Text(Utf8Buffer),
    Data(Vec<u8>),
    /// Nobody wants it: only its shape is checked.
    Discarded,
}

impl Assembly {
    pub(super) fn begin(first: &FrameHeader, discard: bool) -> Self {
        let body = match (first.opcode, first.compressed) {
            _ if discard => Body::Discarded,
            (Opcode::Text, false) => Body::Text(Utf8Buffer::default()),
            _ => Body::Data(Vec::new()),
        };
        Self { opcode: first.opcode, compressed: first.compressed, admitted: 0, empty_fragments: 0, body }
    }

    /// Checks a frame of this message against the limits, before any of its payload is kept.
    pub(super) fn admit(&mut self, header: &FrameHeader, endpoint: &Endpoint) -> Result<(), Offence> {
        let len = check_size(header.payload_len, self.admitted, self.compressed, endpoint)?;
        self.admitted += len;
        if len == 0 {
            self.empty_fragments = self.empty_fragments.saturating_add(1);
        }
        if self.empty_fragments > endpoint.settings.max_empty_fragments {
            return Err(Offence::EmptyFragments);
        }
        Ok(())
    }

    /// Takes the next unmasked bytes of an admitted frame.
    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(), Offence> {
        match &mut self.body {
            Body::Text(text) => text.push(piece, self.admitted),
            Body::Data(data) => {
                append(data, piece, self.admitted);
                Ok(())
            }
            Body::Discarded => Ok(()),
        }
    }

    /// Lets go of what was buffered; the rest of the message will be checked and dropped.
    pub(super) fn discard(&mut self) {
        self.body = Body::Discarded;
    }

    /// The message, once its last frame is complete; `None` if it was discarded.
    pub(super) fn finish(self, endpoint: &Endpoint) -> Result<Option<Message>, Offence> {
        Ok(Some(match self.body {
            Body::Discarded => return Ok(None),
            Body::Text(text) => Message::Text(text.finish()?),
            Body::Data(data) if self.compressed => Message::inflate(self.opcode, &data, endpoint)?,
            Body::Data(data) => Message::Binary(data.into()),
        }))
    }
}

/// Whether a frame's payload still fits its message, of which so much was `admitted` before.
///
/// RFC 6455 §7.4.1 (1009). What a compressed one holds is found out while inflating.
pub(super) fn check_size(
    payload_len: u64,
    admitted: usize,
    compressed: bool,
    endpoint: &Endpoint,
) -> Result<usize, Offence> {
    let limit = match compressed {
        true => endpoint.settings.max_compressed(),
        false => endpoint.settings.max_message,
    };
    match usize::try_from(payload_len) {
        Ok(len) if len <= limit - admitted => Ok(len),
        _ => Err(Offence::MessageTooBig),
    }
}

fn append(data: &mut Vec<u8>, piece: &[u8], most: usize) {
    data.reserve_exact(grow(data.len(), data.capacity(), piece.len(), most));
    data.extend_from_slice(piece);
}

/// How much to reserve for `more` bytes in a buffer that can end up with `most`.
///
/// Doubles, so that many small pieces are cheap, but never past what the peer has announced, and
/// never because of an announcement alone: memory follows the bytes that really came.
pub(super) fn grow(len: usize, capacity: usize, more: usize, most: usize) -> usize {
    let needed = len + more;
    if needed <= capacity {
        return 0;
    }
    (2 * capacity).min(most).max(needed) - len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(opcode: Opcode, fin: bool, payload_len: usize) -> FrameHeader {
        FrameHeader { fin, compressed: false, opcode, mask: [0; 4], payload_len: payload_len as u64 }
    }

    fn capacity(assembly: &Assembly) -> usize {
        match &assembly.body {
            Body::Text(text) => text.capacity(),
            Body::Data(data) => data.capacity(),
            Body::Discarded => 0,
        }
    }

    #[test]
    fn a_header_alone_takes_no_memory_whatever_it_announces() {
        let endpoint = Endpoint::default();
        for opcode in [Opcode::Text, Opcode::Binary] {
            let header = header(opcode, true, endpoint.settings.max_message);
            let mut assembly = Assembly::begin(&header, false);
            assert_eq!(assembly.admit(&header, &endpoint), Ok(()));
            assert_eq!(capacity(&assembly), 0);
        }
    }

    #[test]
    fn the_buffer_is_never_more_than_twice_what_came_nor_past_what_was_announced() {
        let endpoint = Endpoint::default();
        for opcode in [Opcode::Text, Opcode::Binary] {
            for piece in [1, 7, 1000] {
                let header = header(opcode, true, 70_000);
                let mut assembly = Assembly::begin(&header, false);
                assert_eq!(assembly.admit(&header, &endpoint), Ok(()));
                for came in (piece..=70_000).step_by(piece) {
                    assert_eq!(assembly.feed(&vec![b'a'; piece]), Ok(()));
                    let most = (2 * came).min(70_000);
                    assert!(capacity(&assembly) <= most, "{}", capacity(&assembly));
                }
            }
        }
    }

    #[test]
    fn empty_fragments_take_no_memory() {
        let endpoint = Endpoint::default();
        let first = header(Opcode::Binary, false, 0);
        let mut assembly = Assembly::begin(&first, false);
        for _ in 0..endpoint.settings.max_empty_fragments {
            assert_eq!(assembly.admit(&first, &endpoint), Ok(()));
        }
        assert_eq!(assembly.admit(&first, &endpoint), Err(Offence::EmptyFragments));
        assert_eq!(capacity(&assembly), 0);
    }

    #[test]
    fn a_discarded_message_takes_no_memory() {
        let endpoint = Endpoint::default();
        let header = header(Opcode::Text, true, 5000);
        let mut assembly = Assembly::begin(&header, false);
        assert_eq!(assembly.admit(&header, &endpoint), Ok(()));
        assert_eq!(assembly.feed(&[b'a'; 4000]), Ok(()));
        assert!(capacity(&assembly) > 0);
        assembly.discard();
        assert_eq!(assembly.feed(&[b'a'; 1000]), Ok(()));
        assert_eq!(capacity(&assembly), 0);
        assert!(matches!(assembly.finish(&endpoint), Ok(None)));
    }
}
