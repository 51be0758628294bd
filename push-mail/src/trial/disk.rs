//! A disk that crashes.

use std::sync::{Arc, Mutex};

use redb::StorageBackend;

/// A disk: what was synced survives a crash, what was only written may.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<(Vec<u8>, Vec<u8>)>>);

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.0.lock().expect("whole").0.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let disk = self.0.lock().expect("whole");
        let from = offset as usize;
        out.copy_from_slice(&disk.0[from..from + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.lock().expect("whole").0.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        let mut disk = self.0.lock().expect("whole");
        disk.1 = disk.0.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let from = offset as usize;
        self.0.lock().expect("whole").0[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }
}

impl Disk {
    /// The disk as it is found after a crash.
    pub(crate) fn crashed(&self, keeps_all: bool) -> Disk {
        let disk = self.0.lock().expect("whole");
        let left = if keeps_all { disk.0.clone() } else { disk.1.clone() };
        Disk(Arc::new(Mutex::new((left.clone(), left))))
    }
}
