//! What the transports say, without sockets, tasks or a clock.
//!
//! A protocol decides, a shell moves bytes: everything here is a pure function or a state machine that takes
//! `now` and input and gives back output and the next deadline.

pub mod access;
pub mod authority;
pub mod batch;
pub mod encoding;
pub mod envelope;
pub mod forms;
mod json;
pub mod long_poll;
pub mod multipart;
pub mod ndjson;
pub mod notice;
pub mod params;
pub mod problem;
pub mod query;
pub mod receipt;
pub mod script;
pub mod sse;
pub mod stream;
pub mod websocket;
