//! WebSocket, the server's side: RFC 6455 whole, and permessage-deflate (RFC 7692) without context
//! takeover. Pure: no socket, no task, no clock.
//!
//! ```text
//!  request head ─▶ handshake (offer) ─▶ 101, Options, token
//!
//!  bytes in ─▶ decoder ────────────▶ session ─▶ poll_event: text, binary, ping, pong, close, dead
//!              │ frame: headers, masks  │
//!              │ message, utf8          ├─▶ poll_output: pong, ping, close ──┐ at a frame's end only
//!              │ deflate: Inflater      └─▶ next_deadline                     ▼
//!              └ endpoint: limits, times                                  the socket
//!                                                                             ▲
//!  publication ─▶ encode_frame, Deflater::encode_frame ─▶ one Bytes for all ──┘
//! ```
//!
//! In reading order: [`frame`] (headers, masks, shared frames), [`close`] (codes and reasons), `message`
//! and `utf8` (fragments, text, sizes), `decoder` (bytes to messages), [`deflate`], [`session`] (states
//! and times), `control` (input that needs no session), [`endpoint`] (what sessions share), [`handshake`]
//! and `offer`. Each thing a peer can do
//! wrong on an open connection is an [`Offence`], each reason not to open one a [`Refusal`].
//!
//! # How a shell uses it
//!
//! 1. [`Handshake::accept`] on the request. If refused: its status, headers and text. Else 101 with
//!    [`Handshake::headers`]; [`Handshake::deflate`] goes into [`Options`], [`Handshake::token`] to the
//!    authorizer.
//! 2. [`Session::new`] with the [`Endpoint`] that all connections share.
//! 3. Readable: read into a scratch buffer that all connections of the worker share, then
//!
//!    ```
//!    # use std::time::Instant;
//!    # use push_transports::proto::websocket::{Event, Offence, Session};
//!    fn handle(session: &mut Session, now: Instant, mut input: &mut [u8]) -> Result<(), Offence> {
//!        while !input.is_empty() {
//!            let read = session.handle_input(now, input)?;
//!            input = &mut input[read..];
//!            while let Some(event) = session.poll_event() {
//!                on_event(session, event);
//!            }
//!        }
//!        Ok(())
//!    }
//!    # fn on_event(_session: &mut Session, _event: Event) {}
//!    ```
//!
//! 4. Writable: publications go out as shared [`bytes::Bytes`] from [`encode_frame`], or from
//!    [`Deflater::encode_frame`] where deflate was agreed on and it made one, while
//!    [`Session::is_open`]. **[`Session::poll_output`] is asked only when the last data frame was written
//!    to its end**, and what it gives is written before the next: so a pong never lands inside a
//!    half-written frame. After the close frame no data follows.
//! 5. At [`Session::next_deadline`]: [`Session::handle_timeout`], then as above.
//! 6. [`Session::is_closed`]: write what [`Session::poll_output`] still has, shut down the writing
//!    side, then read and drop for a short, bounded time before closing: a socket closed with unread
//!    input resets the connection, and the peer would never see the close code (RFC 6455 §7.1.1).
//!
//! # What a stranger can hit
//!
//! | limit | where | answer |
//! | --- | --- | --- |
//! | length of a message, by its headers and inflated | [`Settings::max_message`] | 1009 |
//! | empty fragments in a message | [`Settings::max_empty_fragments`] | 1008 |
//! | silence | [`Settings::silence_limit`] | the connection ends |
//! | no answer to our close frame | [`Settings::close_timeout`] | the connection ends |
//! | more pings than are answered | none: only the newest gets its pong | |
//!
//! A session takes 64 bytes. While a frame is incomplete it has about 250 more; while a message is, at
//! most twice the payload that came, and never more than the limit. Compressed messages are kept as
//! they came until their end and are inflated piece by piece, so a bomb stops at the limit.

pub mod close;
#[cfg(target_os = "linux")]
mod control;
mod decoder;
pub mod deflate;
pub mod endpoint;
pub mod frame;
pub mod handshake;
mod message;
mod offence;
mod offer;
pub mod session;
mod utf8;

pub use close::{CloseCode, CloseReceived, close_frame};
#[cfg(target_os = "linux")]
pub(crate) use control::control_only;
pub use deflate::{Deflater, Inflater, InflaterPool};
pub use endpoint::{Endpoint, Settings};
pub use frame::{FrameHeader, Opcode, encode_frame, encode_frame_into};
pub use handshake::{Handshake, Refusal, Terms};
pub use offence::Offence;
#[cfg(target_os = "linux")]
pub(crate) use session::PING;
pub use session::{Event, Options, Session, State};
