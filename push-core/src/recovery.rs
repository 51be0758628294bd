//! What a subscription is told about the past: the outcome of a recovery, and each gap.

use std::sync::Arc;

use crate::cursor::Cursor;

/// How much of what lies between a cursor and now could be given. Ordered from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Outcome {
    /// Everything.
    #[default]
    Complete,
    /// Some publications were trimmed, or may have been.
    Partial,
    /// The cursor belongs to another epoch, or lies beyond the head: nothing can be said about it.
    Lost,
}

impl Outcome {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Partial => "partial",
            Outcome::Lost => "lost",
        }
    }
}

/// Publications that a subscription will not get. Unknown fields are `None` and left out on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The channel where known, else the pattern as it was subscribed.
    pub channel: Arc<str>,
    /// [`Outcome::Partial`] or [`Outcome::Lost`].
    pub outcome: Outcome,
    /// First missing offset.
    pub from: Option<u64>,
    /// Last missing offset.
    pub to: Option<u64>,
    /// How many publications are missing.
    pub missed: Option<u64>,
}

/// More gaps than this are told as one of the whole pattern: an answer stays bounded, however many channels match.
pub(crate) const MAX_GAPS: usize = 128;

/// How a subscription begins, told before its first publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The point after which delivery begins.
    pub cursor: Cursor,
    /// The worst outcome over all channels.
    pub outcome: Outcome,
    /// What is missing; empty exactly if the outcome is complete.
    pub gaps: Vec<Gap>,
}
