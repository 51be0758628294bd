//! A change with what is known of its message, as it stands in publications and in what is synced (wire.md §9).

use serde::Serialize;

use crate::store::{Change, ChangeKind, Summary, Uid};

/// The members that a change has wherever it is told.
#[derive(Serialize)]
pub(crate) struct Described<'a> {
    uid: Uid,
    modseq: u64,
    class: &'static str,
    /// Of what is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<Vec<&'static str>>,
    #[serde(flatten)]
    summary: Option<&'a Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

impl<'a> Described<'a> {
    pub(crate) fn new(change: &Change, summary: Option<&'a Summary>, size: Option<u64>) -> Self {
        Self {
            uid: change.uid,
            modseq: change.modseq,
            class: change.class.as_str(),
            flags: (change.kind != ChangeKind::Deleted).then(|| change.flags.words().collect()),
            summary,
            size,
        }
    }
}
