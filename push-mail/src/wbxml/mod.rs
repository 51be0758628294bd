//! WBXML as Exchange ActiveSync speaks it: documents as trees, to bytes and to XML and back.
//!
//! ```text
//!            decode(limits)             to_xml
//!  bytes ─────────────────▶ Element ─────────────▶ XML
//!        ◀─────────────────    │    ◀─────────────
//!             encode           │     from_xml(limits)
//!                              ├ tag: page and token, as [`tags`] names them
//!                              └ content: elements, text, opaque bytes
//! ```
//!
//! It needs nothing else of this crate. Strict in what is written (one form for each document), lenient in what is read,
//! within [`Limits`]: see [`decode`]. All tags of the 26 code pages are constants, by page:
//!
//! ```
//! use bytes::Bytes;
//! use push_mail::wbxml::{self, Element, Limits, tags::{air_sync_base, ping}};
//!
//! // What a device asks: wake me when folder 5 changes, within 15 minutes.
//! let folder = Element::new(ping::FOLDER)
//!     .with_text(ping::ID, 5)
//!     .with_text(ping::CLASS, "Email");
//! let request = Element::new(ping::PING)
//!     .with_text(ping::HEARTBEAT_INTERVAL, 900)
//!     .with(Element::new(ping::FOLDERS).with(folder));
//! let bytes: Bytes = wbxml::encode(&request);
//! assert_eq!(bytes[..7], [0x03, 0x01, 0x6A, 0x00, 0x00, 0x0D, 0x45]);
//!
//! // What a server reads.
//! let read = wbxml::decode(&bytes, &Limits::default())?;
//! assert_eq!(read, request);
//! assert_eq!(read.child_text(ping::HEARTBEAT_INTERVAL).as_deref(), Some("900"));
//! for folder in read.child(ping::FOLDERS).into_iter().flat_map(Element::elements) {
//!     println!("{:?} of class {:?}", folder.child_text(ping::ID), folder.child_text(ping::CLASS));
//! }
//!
//! // As XML, for a log or a test.
//! let xml = wbxml::to_xml(&read);
//! assert!(xml.contains("<HeartbeatInterval>900</HeartbeatInterval>"));
//! assert_eq!(wbxml::from_xml(&xml, &Limits::default())?, read);
//!
//! // Opaque bytes share the memory of the document they were read from.
//! let data = Element::opaque(air_sync_base::DATA, Bytes::from_static(b"\x00\x01"));
//! assert_eq!(wbxml::decode(&wbxml::encode(&data), &Limits::default())?.to_bytes(), &b"\x00\x01"[..]);
//!
//! // What is wrong, and where.
//! let error = wbxml::decode(&Bytes::from_static(b"\x03\x01\x6A\x00\x45\x03no end"), &Limits::default()).unwrap_err();
//! assert_eq!(error.to_string(), "a text without an end, at byte 5");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `push-mail wbxml decode` and `push-mail wbxml encode` are the same for the command line.
//!
//! Sources: [MS-ASWBXML] for the pages and what ActiveSync leaves out, W3C's note WBXML 1.3 for the rest.

mod element;
mod pages;
mod reader;
mod writer;
mod xml;

pub use element::{Content, Element, Tag};
pub use reader::{DecodeError, DecodeErrorKind, Limits, decode, decode_first};
pub use writer::encode;
pub use xml::{XmlError, from_xml, to_xml};

/// The tags, by code page.
pub mod tags {
    pub use super::pages::*;
}
