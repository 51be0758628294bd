//! What model tests run against: a disk that forgets what was not synced, and a mailbox whose truth is known.

mod disk;
mod mailbox;

pub(crate) use disk::Disk;
pub(crate) use mailbox::{FOLDERS, Mailbox, NOW_MS, Scanned, Truth};
