//! Answers that were not written out: what they told counts as never told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::devices::DeviceId;
use crate::store::FolderId;

/// Of each device the folders and keys of such answers.
type Keys = HashMap<Arc<DeviceId>, Vec<(FolderId, String)>>;

/// All of them, as long as the process lives: after it a device that misses an answer asks for it again itself.
#[derive(Debug)]
pub(crate) struct Lost {
    keys: Mutex<Keys>,
    most: usize,
}

impl Lost {
    /// Of at most so many devices.
    pub(crate) fn new(most: usize) -> Self {
        Self { keys: Mutex::default(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        // Nothing is left half done under this lock: a poisoned one holds what it always holds.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that gave the device this key was not written out.
    pub(super) fn add(&self, id: &Arc<DeviceId>, folder: FolderId, key: String) {
        let mut keys = self.lock();
        if keys.len() >= self.most && !keys.contains_key(id) {
            // Whoever cuts so many answers off gets some of them only with what comes next.
            let one = keys.keys().next().cloned();
            one.and_then(|one| keys.remove(&one));
        }
        let lost = keys.entry(Arc::clone(id)).or_default();
        lost.retain(|(of, _)| *of != folder);
        lost.push((folder, key));
    }

    /// The key of the last answer for this folder that was not written out.
    pub(crate) fn key(&self, id: &DeviceId, folder: FolderId) -> Option<String> {
        let keys = self.lock();
        let lost = keys.get(id)?;
        lost.iter().find(|(of, _)| *of == folder).map(|(_, key)| key.clone())
    }

    /// The device has asked on: what it knows is what it shows.
    pub(crate) fn forget(&self, id: &DeviceId, folder: FolderId) {
        let mut keys = self.lock();
        if let Some(lost) = keys.get_mut(id) {
            lost.retain(|(of, _)| *of != folder);
            if lost.is_empty() {
                keys.remove(id);
            }
        }
    }
}
