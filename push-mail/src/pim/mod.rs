//! Calendars, address books, tasks and notes as files: iCalendar (RFC 5545) and vCard (RFC 6350, RFC 2426).
//!
//! ```text
//!  bytes ─▶ lines: components and their lines, as they were written ─▶ bytes: what nobody touched is the same
//!  bytes ─▶ about: what it is, its UID, when it ends
//! ```
//!
//! What is changed is changed line by line, so that nothing is lost that is not understood here. What a rule of
//! recurrence means, and a zone, is told by the library `calcard`.

mod about;
mod lines;
pub(crate) mod moment;
#[cfg(test)]
mod tests;

pub(crate) use about::{About, about, hash};
pub(crate) use lines::{Component, Document, Line, escaped, split, unescaped, written_parts};
