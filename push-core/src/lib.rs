//! The hub of push: channels, logs, cursors, recovery, patterns, presence and grants.
#![forbid(unsafe_code)]

mod cursor;
mod ending;
mod form;
mod json;
mod label;
mod name;
mod publication;
mod recovery;
mod sync;

pub use cursor::{Cursor, CursorError, Epoch, MAX_CURSOR_BYTES, Mark, Since, channel_hash};
pub use ending::{Ending, Overflow};
pub use form::FormId;
pub use label::{EventName, Key, LabelError, MediaType, PushId};
pub use name::{ChannelName, MAX_NAME_BYTES, MAX_SYSTEM_NAME_BYTES, NameError, Pattern, Selector};
pub use publication::{Draft, InvalidJson, PayloadKind, Publication};
pub use recovery::{Gap, Outcome, Start};
