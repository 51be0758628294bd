//! Close frames: which codes exist, what a received one says, how one is written (RFC 6455 §5.5.1, §7.4).

use bytes::Bytes;

use super::frame::{MAX_CONTROL_PAYLOAD, Opcode, encode_frame};
use super::offence::Offence;

/// Longest reason of a close frame, in bytes of UTF-8: a control frame's 125 less the code.
///
/// Source: RFC 6455 §5.5, §5.5.1.
pub const MAX_REASON: usize = MAX_CONTROL_PAYLOAD - 2;

/// A status code that may stand in a close frame.
///
/// Shape: `u16`, one of 1000..=1003, 1007..=1014, 3000..=4999. The codes 1005, 1006 and 1015 are
/// for local use and 1004 is reserved: none of them can be made, so none can be sent.
///
/// Source: RFC 6455 §7.4, and the registry it opens (1012..=1014).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: a kind of data that this endpoint does not take, such as binary where only text is.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1007: data inside a message is not consistent with its kind, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: a rule of this endpoint was broken.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message too big to take.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: the server met something unexpected.
    pub const INTERNAL: Self = Self(1011);

    /// The code of this number; `None` for a number that must not be in a close frame.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.get()
    }
}

/// What a peer's close frame said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReceived {
    /// Its code; `None` when the frame has no body (what other APIs show as 1005).
    pub code: Option<CloseCode>,
    /// Its reason, at most [`MAX_REASON`] bytes; empty when it gives none.
    pub reason: Box<str>,
}

impl CloseReceived {
    /// Reads the unmasked body of a close frame.
    ///
    /// # Errors
    ///
    /// A body of one byte, a code that may not be sent, a reason that is not UTF-8.
    pub fn parse(body: &[u8]) -> Result<Self, Offence> {
        let Some((code, reason)) = body.split_first_chunk::<2>() else {
            // RFC 6455 §5.5.1: if there is a body, its first two bytes are the code.
            return match body {
                [] => Ok(Self { code: None, reason: "".into() }),
                _ => Err(Offence::CloseBodyTooShort),
            };
        };
        let code = CloseCode::new(u16::from_be_bytes(*code)).ok_or(Offence::CloseCodeInvalid)?;
        let reason = std::str::from_utf8(reason).map_err(|_| Offence::CloseReasonInvalid)?;
        Ok(Self { code: Some(code), reason: reason.into() })
    }
}

/// A whole close frame.
///
/// `None` makes one without a body. A reason longer than [`MAX_REASON`] bytes is cut at the
/// last boundary of a character that fits; without a code there is no reason.
///
/// Source: RFC 6455 §5.5.1.
pub fn close_frame(code: Option<CloseCode>, reason: &str) -> Bytes {
    let mut body = Vec::with_capacity(MAX_CONTROL_PAYLOAD);
    if let Some(code) = code {
        body.extend_from_slice(&code.get().to_be_bytes());
        let end = reason.floor_char_boundary(MAX_REASON);
        body.extend_from_slice(&reason.as_bytes()[..end]);
    }
    encode_frame(Opcode::Close, false, &body)
}
