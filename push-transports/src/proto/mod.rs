//! What the transports say, without sockets, tasks or a clock.
//!
//! A protocol decides, a shell moves bytes: everything here is a pure function or a state machine that takes
//! `now` and input and gives back output and the next deadline.
//!
//! In reading order: [`envelope`] and [`forms`] (the bytes of a publication), [`notice`] (what is told beside them),
//! [`stream`] (the machine that streams) with its encoders [`sse`], [`ndjson`], [`script`] and [`multipart`],
//! [`long_poll`] (answers that hold several), [`websocket`] (frames) and [`operation`] (what they say), `lot` (the
//! tables of the fast path), [`query`] and [`params`] (how to subscribe), [`publish`], [`batch`] and [`receipt`] (how
//! to publish), [`access`], [`authority`] and [`headers`] (who may, and what every answer carries), [`problem`]
//! (refusals). To add a way to stream, copy
//! [`ndjson`].

pub mod access;
pub mod authority;
pub mod batch;
pub mod encoding;
pub mod envelope;
pub mod forms;
#[cfg(target_os = "linux")]
pub(crate) mod front;
#[cfg(target_os = "linux")]
pub(crate) mod head;
pub mod headers;
mod json;
pub mod long_poll;
pub(crate) mod lot;
pub mod multipart;
pub mod ndjson;
pub mod notice;
pub mod operation;
pub mod params;
pub mod problem;
pub mod publish;
pub mod query;
pub mod receipt;
pub mod script;
pub mod sse;
pub mod stream;
pub mod websocket;

#[cfg(test)]
mod resume_tests;
