//! Frames: reading a client's header, unmasking, writing ours (RFC 6455 §5.2, §5.3).
//!
//! ```text
//!  byte 0             byte 1              then, as byte 1 says            and from a client
//! ┌───┬────┬────────┬──────┬───────────┬──────────────────────────────┬──────────────────────┐
//! │FIN│RSV │ opcode │ MASK │ 0..=125   │ 126: u16    127: u64         │ masking key, 4 bytes │ payload
//! └───┴────┴────────┴──────┴───────────┴──────────────────────────────┴──────────────────────┘
//! ```

use bytes::Bytes;

use super::offence::Offence;

/// Longest header that a client's frame can have: 2 bytes, a 64-bit length, the masking key.
pub const MAX_HEADER: usize = 14;

/// Longest payload of a control frame, RFC 6455 §5.5.
pub const MAX_CONTROL_PAYLOAD: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_AND_RSV3: u8 = 0x30;
const MASK: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// What a frame is, RFC 6455 §5.2 and §11.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the open message.
    Continuation = 0,
    /// A text message, or its first fragment.
    Text = 1,
    /// A binary message, or its first fragment.
    Binary = 2,
    /// Starts or answers the closing handshake.
    Close = 8,
    /// Asks for a pong with the same payload.
    Ping = 9,
    /// Answers a ping, or comes unasked as a sign of life.
    Pong = 10,
}

impl Opcode {
    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether this is close, ping or pong, which may stand between the fragments of a message.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame from a client, found to be well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this is the last (or only) fragment of its message.
    pub fin: bool,
    /// RSV1: the message that begins here is compressed, RFC 7692 §6.
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key.
    pub mask: [u8; 4],
    /// Bytes of payload that follow the header; below 2^63, at most 125 for a control frame.
    pub payload_len: u64,
}

impl FrameHeader {
    /// Reads the header that `input` begins with, and says how many bytes it takes.
    ///
    /// `deflate` says whether permessage-deflate was negotiated, without which RSV1 has no meaning.
    /// `Ok(None)`: more bytes are needed; what is there is looked at all the same, so an offence
    /// is found with the byte that commits it, and is the same however the input is cut.
    ///
    /// # Errors
    ///
    /// Everything that one header alone can do wrong.
    pub fn parse(input: &[u8], deflate: bool) -> Result<Option<(Self, usize)>, Offence> {
        let Some((&first, rest)) = input.split_first() else {
            return Ok(None);
        };
        let opcode = opcode_of(first, deflate)?;
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let Some((payload_len, rest)) = length_of(opcode, second, rest)? else {
            return Ok(None);
        };
        let Some((&mask, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let header = Self { fin: first & FIN != 0, compressed: first & RSV1 != 0, opcode, mask, payload_len };
        Ok(Some((header, input.len() - rest.len())))
    }
}

fn opcode_of(first: u8, deflate: bool) -> Result<Opcode, Offence> {
    // RFC 6455 §5.2: RSV bits without a negotiated meaning fail the connection.
    if first & RSV2_AND_RSV3 != 0 || (first & RSV1 != 0 && !deflate) {
        return Err(Offence::ReservedBits);
    }
    // RFC 6455 §5.2: so does an unknown opcode.
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(Offence::ReservedOpcode)?;
    // RFC 7692 §6: only the first frame of a data message carries the compressed bit.
    if first & RSV1 != 0 {
        match opcode {
            Opcode::Text | Opcode::Binary => {}
            Opcode::Continuation => return Err(Offence::CompressedContinuation),
            _ => return Err(Offence::CompressedControl),
        }
    }
    // RFC 6455 §5.5: control frames are not fragmented.
    if opcode.is_control() && first & FIN == 0 {
        return Err(Offence::ControlFragmented);
    }
    Ok(opcode)
}

/// The payload length and what follows it in the input.
fn length_of(opcode: Opcode, second: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Offence> {
    // RFC 6455 §5.1: a server closes upon a frame that is not masked.
    if second & MASK == 0 {
        return Err(Offence::Unmasked);
    }
    let short = second & !MASK;
    // RFC 6455 §5.5: control frames have at most 125 bytes.
    if opcode.is_control() && usize::from(short) > MAX_CONTROL_PAYLOAD {
        return Err(Offence::ControlTooLong);
    }
    let (len, rest, least) = match short {
        LENGTH_16 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest, 126),
            None => return Ok(None),
        },
        LENGTH_64 => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest, 0x1_0000),
            None => return Ok(None),
        },
        _ => (u64::from(short), rest, 0),
    };
    // RFC 6455 §5.2: the most significant bit of a 64-bit length is 0.
    if len >> 63 != 0 {
        return Err(Offence::LengthTopBit);
    }
    // RFC 6455 §5.2: the minimal number of bytes must be used.
    if len < least {
        return Err(Offence::LengthNotMinimal);
    }
    Ok(Some((len, rest)))
}

/// Takes the mask off a stretch of payload, in place.
///
/// `offset` is how many bytes of the same frame's payload came before this stretch. Masking is its
/// own inverse, so the same call puts a mask on.
///
/// Source: RFC 6455 §5.3.
pub fn unmask(payload: &mut [u8], mask: [u8; 4], offset: u64) {
    let mut key = mask;
    key.rotate_left((offset & 3) as usize);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    // Eight bytes at a time from wherever the stretch begins: the compiler makes vector loads of it.
    let (words, tail) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// A whole frame from the server, header and payload in one piece: made once, sent to everyone.
///
/// A server's frames are not masked (RFC 6455 §5.1), so these bytes are right for every connection;
/// with `compressed` (RSV1) for every connection that negotiated permessage-deflate. The payload of a
/// control frame must be at most [`MAX_CONTROL_PAYLOAD`] bytes.
pub fn encode_frame(opcode: Opcode, compressed: bool, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(header_len(payload.len()) + payload.len());
    encode_frame_into(opcode, compressed, payload, &mut out);
    out.into()
}

/// Appends a whole frame from the server to `out`; otherwise as [`encode_frame`].
pub fn encode_frame_into(opcode: Opcode, compressed: bool, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(
        !opcode.is_control() || payload.len() <= MAX_CONTROL_PAYLOAD,
        "RFC 6455 §5.5: a control frame has at most 125 bytes"
    );
    out.reserve(header_len(payload.len()) + payload.len());
    out.push(FIN | if compressed { RSV1 } else { 0 } | opcode as u8);
    // RFC 6455 §5.2: the shortest form that holds the length.
    if payload.len() < usize::from(LENGTH_16) {
        out.push(payload.len() as u8);
    } else if let Ok(len) = u16::try_from(payload.len()) {
        out.push(LENGTH_16);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(LENGTH_64);
        out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(payload);
}

/// Bytes of header that a server's frame with so much payload has: 2, 4 or 10.
pub const fn header_len(payload_len: usize) -> usize {
    match payload_len {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}
