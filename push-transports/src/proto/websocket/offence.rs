//! What a peer can do wrong on an open connection.

use std::fmt;

use super::close::CloseCode;

/// One exact breach of RFC 6455 or RFC 7692, or of a limit of ours, by the peer.
///
/// Shape: one byte, `Copy`. [`Offence::close_code`] is what the peer is told; the text of
/// `Display` goes with it as the reason and always fits a close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Offence {
    /// RFC 6455 §5.2: RSV1, RSV2 or RSV3 is set and no negotiated extension gives it a meaning.
    ReservedBits,
    /// RFC 7692 §6: RSV1 ("per-message compressed") is set on a control frame.
    CompressedControl,
    /// RFC 7692 §6: RSV1 is set on a fragment that is not the first of its message.
    CompressedContinuation,
    /// RFC 6455 §5.2: the opcode is one of 3..=7 or 11..=15.
    ReservedOpcode,
    /// RFC 6455 §5.1: a frame from a client is not masked.
    Unmasked,
    /// RFC 6455 §5.2: the payload length is not written in the fewest bytes possible.
    LengthNotMinimal,
    /// RFC 6455 §5.2: the most significant bit of a 64-bit payload length is set.
    LengthTopBit,
    /// RFC 6455 §5.5: a control frame's payload is longer than 125 bytes.
    ControlTooLong,
    /// RFC 6455 §5.5: a control frame is fragmented.
    ControlFragmented,
    /// RFC 6455 §5.4: a continuation frame, and no message is open.
    ContinuationWithoutStart,
    /// RFC 6455 §5.4: a new text or binary frame before the open message ended.
    MessageInsideMessage,
    /// RFC 6455 §8.1: a text message is not UTF-8.
    InvalidUtf8,
    /// RFC 6455 §7.4.1 (1009): the message is longer than the limit, by what its headers say.
    MessageTooBig,
    /// RFC 6455 §7.4.1 (1009): the message is longer than the limit once inflated.
    InflatedTooBig,
    /// RFC 6455 §7.4.1 (1008): more empty fragments in one message than the limit.
    EmptyFragments,
    /// RFC 7692 §7.2.2: the payload of a compressed message is not DEFLATE, or is cut off.
    BadDeflate,
    /// RFC 6455 §5.5.1: the body of a close frame is one byte long.
    CloseBodyTooShort,
    /// RFC 6455 §7.4: the code of a close frame is one that no peer may send.
    CloseCodeInvalid,
    /// RFC 6455 §5.5.1: the reason of a close frame is not UTF-8.
    CloseReasonInvalid,
}

impl Offence {
    /// The close code that the peer is told, RFC 6455 §7.4.1.
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CloseReasonInvalid | Self::BadDeflate => CloseCode::INVALID_DATA,
            Self::MessageTooBig | Self::InflatedTooBig => CloseCode::TOO_BIG,
            Self::EmptyFragments => CloseCode::POLICY,
            _ => CloseCode::PROTOCOL,
        }
    }

    /// What was wrong, in a few words of ASCII: at most 123 bytes, so that it fits a close frame.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bit set without an extension",
            Self::CompressedControl => "compressed bit on a control frame",
            Self::CompressedContinuation => "compressed bit on a continuation frame",
            Self::ReservedOpcode => "reserved opcode",
            Self::Unmasked => "frame is not masked",
            Self::LengthNotMinimal => "payload length is not in its shortest form",
            Self::LengthTopBit => "payload length has its top bit set",
            Self::ControlTooLong => "control frame longer than 125 bytes",
            Self::ControlFragmented => "control frame is fragmented",
            Self::ContinuationWithoutStart => "continuation frame without a message",
            Self::MessageInsideMessage => "new message inside a fragmented one",
            Self::InvalidUtf8 => "text is not utf-8",
            Self::MessageTooBig => "message is too big",
            Self::InflatedTooBig => "message is too big when inflated",
            Self::EmptyFragments => "too many empty fragments",
            Self::BadDeflate => "compressed message is not valid deflate data",
            Self::CloseBodyTooShort => "close frame with a body of one byte",
            Self::CloseCodeInvalid => "close code is not allowed",
            Self::CloseReasonInvalid => "close reason is not utf-8",
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Offence {}
