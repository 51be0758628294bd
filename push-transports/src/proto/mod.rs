//! What the transports say, without sockets, tasks or a clock.
//!
//! A protocol decides, a shell moves bytes: everything here is a pure function or a state machine that takes
//! `now` and input and gives back output and the next deadline.

pub mod envelope;
pub mod forms;
mod json;
pub mod notice;
pub mod params;
pub mod problem;
pub mod query;
pub mod sse;
pub mod stream;
pub mod websocket;
