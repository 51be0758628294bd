//! Why the database did not do what it was asked.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::store::{StoreError, StoreErrorKind};

/// The state cannot be read or written: a full disk, a failing one, a file that is something else. It may pass.
///
/// Cheap to clone: all that were in one transaction get the same.
#[derive(Clone, Debug)]
pub struct StateError {
    detail: &'static str,
    source: Option<Arc<redb::Error>>,
}

impl StateError {
    pub(super) fn new(detail: &'static str, source: impl Into<redb::Error>) -> Self {
        Self { detail, source: Some(Arc::new(source.into())) }
    }

    pub(super) fn reading(source: impl Into<redb::Error>) -> Self {
        Self::new("the state cannot be read", source)
    }

    pub(super) fn writing(source: impl Into<redb::Error>) -> Self {
        Self::new("the state cannot be written", source)
    }

    pub(super) fn failed() -> Self {
        Self { detail: "the state's storage has failed, and is to be opened again", source: None }
    }

    pub(super) fn panicked() -> Self {
        Self { detail: "what was to be written is at fault", source: None }
    }

    pub(super) fn ended() -> Self {
        Self { detail: "the state's writer has ended", source: None }
    }

    pub(super) fn thread(error: std::io::Error) -> Self {
        Self::new("the state's writer cannot be started", redb::StorageError::Io(error))
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail)
    }
}

impl Error for StateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

impl From<StateError> for StoreError {
    fn from(error: StateError) -> Self {
        StoreError::new(StoreErrorKind::Unavailable, error.detail).caused_by(error)
    }
}
