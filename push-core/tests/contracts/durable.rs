//! A store that outlives its hub, as a disk does: what a test needs of one, and no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use push_core::*;

/// What is on the disk.
#[derive(Debug)]
struct Disk {
    epoch: Epoch,
    head: u64,
    channels: BTreeMap<ChannelName, Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    items: Vec<Arc<Publication>>,
    next_offset: u64,
    trimmed: (u64, u64),
}

/// Opened again and again on the same disk. It fails to append while told to.
#[derive(Clone, Debug)]
pub(crate) struct Durable {
    disk: Arc<Mutex<Disk>>,
    pub(crate) fails: Arc<AtomicBool>,
}

impl Default for Durable {
    fn default() -> Self {
        let disk = Disk { epoch: Epoch::random(), head: 0, channels: BTreeMap::new() };
        Self { disk: Arc::new(Mutex::new(disk)), fails: Arc::default() }
    }
}

impl Durable {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().expect("not poisoned")
    }
}

impl HistoryStore for Durable {
    fn recover(&self) -> Result<Option<Recovered>, StoreError> {
        let disk = self.disk();
        let mut recovered = Recovered::new(disk.epoch, disk.head, 0);
        recovered.channels = disk
            .channels
            .iter()
            .filter(|(_, kept)| kept.next_offset > 0)
            .map(|(name, kept)| RecoveredChannel {
                name: name.clone(),
                next_offset: kept.next_offset,
                trimmed: kept.trimmed,
            })
            .collect();
        Ok(Some(recovered))
    }

    fn open(&self, channel: &ChannelName) -> Result<Box<dyn ChannelHistory>, StoreError> {
        let kept = self.disk().channels.entry(channel.clone()).or_default().clone();
        Ok(Box::new(Handle { store: self.clone(), name: channel.clone(), kept }))
    }
}

#[derive(Debug)]
struct Handle {
    store: Durable,
    name: ChannelName,
    kept: Kept,
}

impl ChannelHistory for Handle {
    fn append(&mut self, publication: Arc<Publication>) -> Result<(), StoreError> {
        let mut disk = self.store.disk();
        disk.head = publication.number();
        if self.store.fails.load(Ordering::Relaxed) {
            return Err(StoreError::new("the disk is full"));
        }
        self.kept.next_offset = publication.offset() + 1;
        self.kept.items.push(publication);
        disk.channels.insert(self.name.clone(), self.kept.clone());
        Ok(())
    }

    fn read(&self, after: u64, through: u64, visit: &mut dyn FnMut(&Arc<Publication>) -> bool) {
        let wanted = |p: &&Arc<Publication>| p.number() > after && p.number() <= through;
        let _ = self.kept.items.iter().filter(wanted).all(visit);
    }

    fn read_back(&self, after: u64, through: u64, visit: &mut dyn FnMut(&Arc<Publication>) -> bool) {
        let wanted = |p: &&Arc<Publication>| p.number() > after && p.number() <= through;
        let _ = self.kept.items.iter().rev().filter(wanted).all(visit);
    }

    fn oldest(&self) -> Option<&Arc<Publication>> {
        self.kept.items.first()
    }

    fn trim(&mut self, through: u64) {
        let gone = self.kept.items.iter().take_while(|p| p.number() <= through).count();
        if let Some(last) = self.kept.items.drain(..gone).next_back() {
            self.kept.trimmed = (last.number(), last.offset());
        }
        self.store.disk().channels.insert(self.name.clone(), self.kept.clone());
    }

    fn len(&self) -> usize {
        self.kept.items.len()
    }

    fn bytes(&self) -> u64 {
        self.kept.items.iter().map(|p| p.payload().len() as u64).sum()
    }
}
