//! What was sent for a device, so that nothing is sent twice.
//!
//! ```text
//!  nothing ─ opened ─▶ in doubt ─ accepted ─▶ sent ─▶ sent, and filed
//!     ▲                   │
//!     └──── refused ──────┘         a crash leaves it where it is
//! ```
//!
//! A message is remembered as in doubt before it is handed over, on the disk: what a crash left in doubt is never sent
//! again ([MS-ASCMD] 2.2.3.28.1: duplicates are known by their ClientId). Everything before that may be repeated freely.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::eas::Part;

/// The row.
pub(super) const PART: Part = Part("sent");

/// Messages that are remembered of a device. A device repeats what it got no answer for, not what it sent long ago.
const MOST: usize = 64;

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It was about to be handed over.
    InDoubt,
    /// The same, and the device has heard of it.
    Doubted,
    /// It was taken.
    Sent,
    /// And all that is to be done then was tried.
    Filed,
}

/// A message that was sent, or nearly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    client_id: String,
    /// Of the request: an id that is used for two messages is a fault, and not a repetition.
    digest: String,
    state: State,
}

/// The last messages of a device, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Memory(VecDeque<Remembered>);

/// What is known of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    New,
    /// It was here.
    Repeated(State),
    /// Its ClientId was that of another one.
    OfAnother,
}

impl Memory {
    pub(super) fn look(&self, client_id: &str, digest: &str) -> Known {
        match self.0.iter().find(|one| one.client_id == client_id) {
            None => Known::New,
            Some(one) if one.digest == digest => Known::Repeated(one.state),
            Some(_) => Known::OfAnother,
        }
    }

    /// Remembers how far a message is, as the newest; of too many the oldest is forgotten.
    pub(super) fn put(&mut self, client_id: &str, digest: &str, state: State) {
        self.forget(client_id);
        self.0.push_back(Remembered { client_id: client_id.to_owned(), digest: digest.to_owned(), state });
        while self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    /// As if it had never been here.
    pub(super) fn forget(&mut self, client_id: &str) {
        self.0.retain(|one| one.client_id != client_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_messages_are_known_and_older_ones_forgotten() {
        let mut memory = Memory::default();
        for n in 0..=MOST {
            memory.put(&n.to_string(), "d", State::InDoubt);
        }
        assert_eq!(memory.look("0", "d"), Known::New);
        assert_eq!(memory.look("1", "d"), Known::Repeated(State::InDoubt));
        assert_eq!(memory.look("1", "e"), Known::OfAnother);
        memory.put("1", "d", State::Sent);
        memory.put("new", "d", State::Sent);
        assert_eq!(memory.look("1", "d"), Known::Repeated(State::Sent), "it became the newest");
        assert_eq!(memory.look("2", "d"), Known::New);
        memory.forget("1");
        assert_eq!(memory.look("1", "d"), Known::New);
    }

    #[test]
    fn the_row_is_read_as_it_is_written() {
        let mut memory = Memory::default();
        memory.put("a", "d", State::Filed);
        let json = serde_json::to_string(&memory).expect("JSON");
        assert_eq!(json, r#"[{"client_id":"a","digest":"d","state":"filed"}]"#);
        assert_eq!(serde_json::from_str::<Memory>(&json).expect("read"), memory);
    }
}
