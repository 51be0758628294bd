//! What is remembered of devices: rows of the state, one a concern, each on the disk before what it stands for is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use redb::{TableDefinition, TableError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::direct::devices::DeviceId;
use crate::state::{Durability, State, StateError};

/// Account, user, device, part.
pub(super) type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

/// What is remembered, as JSON.
pub(super) const ROWS: TableDefinition<'_, Key<'static>, &[u8]> = TableDefinition::new("mail.eas");

/// A concern that remembers something of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part(pub(crate) &'static str);

/// The rows of all devices.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(super) state: State,
    /// Devices of an account.
    pub(super) most: usize,
    /// How many an account has, once they were counted.
    counts: Mutex<HashMap<Arc<str>, usize>>,
}

fn key<'a>(id: &'a DeviceId, part: &'a str) -> Key<'a> {
    (&id.account, id.user.as_deref().unwrap_or_default(), &id.device, part)
}

impl Rows {
    pub(crate) fn new(state: State, most: usize) -> Self {
        Self { state, most, counts: Mutex::default() }
    }

    /// What is remembered; `None` if that is nothing, or cannot be read any more.
    pub(crate) fn load<T: DeserializeOwned>(&self, id: &DeviceId, part: Part) -> Result<Option<T>, StateError> {
        self.state.read(|transaction| {
            let table = match transaction.open_table(ROWS) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            Ok(table.get(key(id, part.0))?.and_then(|row| serde_json::from_slice(row.value()).ok()))
        })
    }

    /// The bytes of a row.
    pub(crate) fn read(&self, id: &DeviceId, part: &str) -> Result<Option<Vec<u8>>, StateError> {
        self.state.read(|transaction| {
            let table = match transaction.open_table(ROWS) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            Ok(table.get(key(id, part))?.map(|row| row.value().to_vec()))
        })
    }

    /// The rows whose parts begin like that.
    pub(crate) fn read_all(&self, id: &DeviceId, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        self.state.read(|transaction| {
            let mut all = Vec::new();
            let table = match transaction.open_table(ROWS) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(all),
                Err(error) => return Err(error.into()),
            };
            let whose = key(id, prefix);
            for row in table.range(whose..)? {
                let (at, row) = row?;
                let (account, user, device, part) = at.value();
                if (account, user, device) != (whose.0, whose.1, whose.2) || !part.starts_with(prefix) {
                    break;
                }
                all.push((part.to_owned(), row.value().to_vec()));
            }
            Ok(all)
        })
    }

    /// Writes rows, and removes those that are `None`, all at once and on the disk.
    pub(crate) async fn write(
        &self,
        id: &Arc<DeviceId>,
        rows: Vec<(String, Option<Vec<u8>>)>,
    ) -> Result<(), StateError> {
        let id = Arc::clone(id);
        let write = move |transaction: &redb::WriteTransaction| {
            let mut table = transaction.open_table(ROWS)?;
            for (part, row) in rows {
                match row {
                    Some(row) => table.insert(key(&id, &part), row.as_slice())?,
                    None => table.remove(key(&id, &part))?,
                };
            }
            Ok(())
        };
        self.state.write(Durability::Disk, write).await
    }

    /// Remembers it, on the disk.
    pub(crate) async fn save<T: Serialize>(&self, id: &Arc<DeviceId>, part: Part, row: &T) -> Result<(), StateError> {
        self.save_for(id, part, row, Durability::Disk).await
    }

    /// Remembers it, durable as said.
    pub(super) async fn save_for<T: Serialize>(
        &self,
        id: &Arc<DeviceId>,
        part: Part,
        row: &T,
        durability: Durability,
    ) -> Result<(), StateError> {
        let json = serde_json::to_vec(row).expect("plain data is JSON");
        let id = Arc::clone(id);
        let write = move |transaction: &redb::WriteTransaction| {
            transaction.open_table(ROWS)?.insert(key(&id, part.0), json.as_slice())?;
            Ok(())
        };
        self.state.write(durability, write).await
    }

    /// How many devices an account has, if they were counted.
    pub(super) fn counted(&self, account: &str) -> Option<usize> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(account).copied()
    }

    pub(super) fn count(&self, account: &Arc<str>, change: impl FnOnce(usize) -> usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(Arc::clone(account)).or_default();
        *count = change(*count);
    }
}
