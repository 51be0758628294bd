//! The database on storage that fails and comes back, and in files that are something else.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use redb::{StorageBackend, TableDefinition};

use super::*;

const NUMBERS: TableDefinition<'_, u32, u32> = TableDefinition::new("test.numbers");

/// A disk that can be full, or away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    pub(crate) fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        let is_full = self.is_full.load(Ordering::SeqCst);
        if is_full { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().expect("whole").len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = offset as usize;
        out.copy_from_slice(&self.bytes.lock().expect("whole")[from..from + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.bytes.lock().expect("whole").resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        let from = offset as usize;
        self.bytes.lock().expect("whole")[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }
}

async fn put(state: &State, key: u32) -> Result<(), StateError> {
    let write = move |transaction: &redb::WriteTransaction| {
        transaction.open_table(NUMBERS)?.insert(key, key)?;
        Ok(())
    };
    state.write(Durability::Disk, write).await
}

fn get(state: &State, key: u32) -> Result<Option<u32>, StateError> {
    state.read(|transaction| Ok(transaction.open_table(NUMBERS)?.get(key)?.map(|row| row.value())))
}

#[tokio::test]
async fn what_is_only_read_comes_back_with_the_disk() {
    let disk = Disk::default();
    let at = disk.clone();
    let state = State::with_backend(move || at.clone()).expect("opened");
    put(&state, 1).await.expect("written");
    disk.set_full(true);
    put(&state, 2).await.expect_err("the disk is full");
    put(&state, 3).await.expect_err("it still is");
    // Longer than until it is opened again, which fails too.
    testkit::api::eventually("it was tried to open it", || async { get(&state, 1).is_err() }).await;
    disk.set_full(false);
    // Nobody writes: it comes back all the same.
    testkit::api::eventually("the disk is back", || async { get(&state, 1).is_ok() }).await;
    assert_eq!((get(&state, 1).expect("readable"), get(&state, 2).expect("readable")), (Some(1), None));
    assert!(state.opened() > 1);
    put(&state, 4).await.expect("written");
}

#[tokio::test]
async fn a_write_that_panics_fails_alone_and_undoes_what_it_did() {
    let state = State::in_memory().expect("memory");
    put(&state, 1).await.expect("written");
    let write = |transaction: &redb::WriteTransaction| -> Result<(), redb::Error> {
        transaction.open_table(NUMBERS)?.insert(2, 2)?;
        panic!("on purpose");
    };
    state.write(Durability::Disk, write).await.expect_err("it panicked");
    put(&state, 3).await.expect("the next one is written");
    assert_eq!([1, 2, 3].map(|key| get(&state, key).expect("readable")), [Some(1), None, Some(3)]);
    assert_eq!(state.opened(), 1, "nothing was lost");
}

#[tokio::test]
async fn a_file_that_is_something_else_or_in_use_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let foreign = folder.path().join("foreign");
    let text = "this is no database, ".repeat(1000);
    std::fs::write(&foreign, &text).expect("written");
    State::open(&foreign).expect_err("it is something else");
    assert_eq!(std::fs::read_to_string(&foreign).expect("readable"), text);
    let path = folder.path().join("state");
    let state = State::open(&path).expect("opened");
    put(&state, 1).await.expect("written");
    State::open(&path).expect_err("it is in use");
    // As a crash leaves it, cut off in the middle.
    let copy = folder.path().join("copy");
    let whole = std::fs::read(&path).expect("readable");
    std::fs::write(&copy, &whole[..whole.len() / 2]).expect("written");
    State::open(&copy).expect_err("half of it is missing");
    drop(state);
    let mut opened = Err(StateError::ended());
    testkit::api::eventually("the thread lets go of the file", || {
        opened = State::open(&path);
        std::future::ready(opened.is_ok())
    })
    .await;
    assert_eq!(get(&opened.expect("opened"), 1).expect("readable"), Some(1));
}

#[tokio::test]
async fn a_write_nobody_waits_for_any_more_is_done_all_the_same() {
    let state = State::in_memory().expect("memory");
    {
        let mut dropped = Box::pin(put(&state, 1));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = dropped.as_mut().poll(&mut cx);
    }
    put(&state, 2).await.expect("written");
    assert_eq!(get(&state, 1).expect("readable"), Some(1));
}
