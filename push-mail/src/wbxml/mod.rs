//! WBXML as Exchange ActiveSync speaks it: elements to bytes and back.
//!
//! ```text
//!  bytes ── decode(limits) ─▶ Element ── encode ─▶ bytes
//!                              │ tag: page and token, as [`tags`] names them
//!                              └ content: elements, text, opaque bytes
//! ```
//!
//! Strict in what is written, lenient in what is read, within [`Limits`]. Source: [MS-ASWBXML], and W3C WBXML 1.3.

mod element;
mod pages;
mod reader;
mod writer;

pub use element::{Content, Element, Tag};
pub use reader::{DecodeError, Limits, decode};
pub use writer::encode;

/// The tags, by code page.
pub mod tags {
    pub use super::pages::*;
}
