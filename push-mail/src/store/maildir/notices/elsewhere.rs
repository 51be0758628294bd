//! Systems without inotify: folders are looked at from time to time.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Listener, Spot};

/// Nothing is told.
#[derive(Debug)]
pub(in crate::store) struct Notices;

/// A directory that is watched; there is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) enum Watch {}

impl Notices {
    pub(in crate::store) fn shared() -> io::Result<Arc<Self>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::store) fn add(&self, _: &Path, _: Spot, _: &Arc<dyn Listener>) -> io::Result<Watch> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::store) fn remove(&self, watch: &Watch, _: &Arc<dyn Listener>) {
        match *watch {}
    }

    pub(in crate::store) fn drain(&self) {}
}
