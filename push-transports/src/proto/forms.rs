//! The numbers of all wire forms: which bytes of a publication are cached under which id.
//!
//! One file, so that no two transports ever mean different bytes by one number.

use push_core::FormId;

/// The JSON envelope ([`super::envelope`]); also the body of `mixed` parts and the events of polls.
pub const ENVELOPE: FormId = FormId(0);
/// An SSE block of the payload alone.
pub const SSE_RAW: FormId = FormId(1);
/// An SSE block of the envelope.
pub const SSE_JSON: FormId = FormId(2);
/// An NDJSON line: the envelope and a line feed.
pub const NDJSON: FormId = FormId(3);
/// A script element of the forever frame.
pub const SCRIPT: FormId = FormId(4);
/// A part of `mixed` with the payload, active types declared as `text/plain`; without the delimiter.
pub const MIXED_RAW: FormId = FormId(5);
/// The same with an active type as it was published, where that is configured.
pub const MIXED_ACTIVE: FormId = FormId(6);
/// A part of `mixed` with the envelope; without the delimiter.
pub const MIXED_JSON: FormId = FormId(7);
/// The text of a WebSocket `publication` operation, without a frame.
pub const OPERATION: FormId = FormId(8);
/// A WebSocket frame of the payload.
pub const WS_RAW: FormId = FormId(9);
/// A WebSocket frame of the `publication` operation.
pub const WS_JSON: FormId = FormId(10);
/// [`WS_RAW`] deflated.
pub const WS_RAW_DEFLATED: FormId = FormId(11);
/// [`WS_JSON`] deflated.
pub const WS_JSON_DEFLATED: FormId = FormId(12);
