//! The folders of an account: which seen one is which known one.

use std::collections::{BTreeMap, HashMap, HashSet};

use redb::{ReadTransaction, ReadableTable, TableError, WriteTransaction};

use super::SeenFolder;
use super::items;
use super::tables::{ACCOUNTS, At, FOLDERS, FolderRow, MARKS, NUMBERS};
use crate::store::{Class, Folder, FolderId, FolderKind, Hierarchy};

type Rows = BTreeMap<u32, FolderRow>;

/// The number of an account; a new one if it is unknown.
pub(super) fn account(transaction: &WriteTransaction, name: &str) -> Result<u32, redb::Error> {
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    if let Some(known) = accounts.get(name)? {
        return Ok(known.value().0);
    }
    let mut last = 0;
    for row in accounts.iter()? {
        last = last.max(row?.1.value().0);
    }
    accounts.insert(name, (last + 1, 0, 0))?;
    Ok(last + 1)
}

/// What is recorded, by number.
pub(super) fn rows(transaction: &ReadTransaction, account: u32) -> Result<Rows, redb::Error> {
    match transaction.open_table(FOLDERS) {
        Ok(folders) => read_rows(&folders, account),
        Err(TableError::TableDoesNotExist(_)) => Ok(Rows::new()),
        Err(error) => Err(error.into()),
    }
}

fn read_rows(folders: &impl ReadableTable<At, &'static [u8]>, account: u32) -> Result<Rows, redb::Error> {
    let mut rows = Rows::new();
    for row in folders.range((account, 0)..=(account, u32::MAX))? {
        let (at, bytes) = row?;
        rows.insert(at.value().1, parse(bytes.value())?);
    }
    Ok(rows)
}

fn parse(bytes: &[u8]) -> Result<FolderRow, redb::Error> {
    serde_json::from_slice(bytes).map_err(|error| redb::Error::Corrupted(format!("a folder's row: {error}")))
}

fn row(transaction: &ReadTransaction, at: At) -> Result<Option<FolderRow>, redb::Error> {
    let Some(folders) = items::open(transaction, FOLDERS)? else { return Ok(None) };
    folders.get(at)?.map(|row| parse(row.value())).transpose()
}

/// What the store calls a folder.
pub(super) fn key(transaction: &ReadTransaction, at: At) -> Result<Option<String>, redb::Error> {
    Ok(row(transaction, at)?.map(|row| row.key))
}

/// What the items of a folder are.
pub(super) fn class(transaction: &ReadTransaction, at: At) -> Result<Class, redb::Error> {
    Ok(row(transaction, at)?.map(|row| row.class).unwrap_or_default())
}

/// The folders as they were recorded last.
pub(super) fn hierarchy(transaction: &ReadTransaction, name: &str, account: u32) -> Result<Hierarchy, redb::Error> {
    let accounts = items::open(transaction, ACCOUNTS)?;
    let row = accounts.map(|accounts| accounts.get(name)).transpose()?.flatten();
    Ok(arrange(row.map_or(0, |row| row.value().2), rows(transaction, account)?))
}

fn arrange(version: u64, rows: Rows) -> Hierarchy {
    let folder =
        |(id, row): (u32, FolderRow)| Folder { id: FolderId(id), path: row.path, kind: row.kind, class: row.class };
    let mut folders: Vec<_> = rows.into_iter().map(folder).collect();
    folders.sort_by(|a, b| {
        let rank = |folder: &Folder| folder.kind != FolderKind::Inbox;
        (rank(a), &a.path).cmp(&(rank(b), &b.path))
    });
    Hierarchy { version, folders }
}

fn row_of(seen: &SeenFolder) -> FolderRow {
    FolderRow {
        key: seen.key.clone(),
        identity: seen.identity.clone(),
        path: seen.path.clone(),
        kind: seen.kind,
        class: seen.class,
    }
}

/// Whether recording would change nothing.
pub(super) fn are_as_recorded(known: &Rows, seen: &[SeenFolder]) -> bool {
    let by_key: HashMap<&str, &FolderRow> = known.values().map(|row| (row.key.as_str(), row)).collect();
    known.len() == seen.len()
        && seen.iter().all(|folder| by_key.get(folder.key.as_str()).is_some_and(|row| **row == row_of(folder)))
}

/// Which known folder each seen one is: by what stays in a rename if that is told, else by what it is called.
fn matched(known: &Rows, seen: &[SeenFolder]) -> Vec<Option<u32>> {
    let by_key: HashMap<&str, u32> = known.iter().map(|(id, row)| (row.key.as_str(), *id)).collect();
    let with_identity = known.iter().filter_map(|(id, row)| Some((row.identity.as_deref()?, *id)));
    let by_identity: HashMap<&str, u32> = with_identity.collect();
    let mut taken = HashSet::new();
    let mut found = vec![None; seen.len()];
    let mut take = |which: &dyn Fn(&SeenFolder) -> Option<u32>| {
        for (place, folder) in found.iter_mut().zip(seen).filter(|(place, _)| place.is_none()) {
            *place = which(folder).filter(|id| taken.insert(*id));
        }
    };
    let called = |folder: &SeenFolder| by_key.get(folder.key.as_str()).copied();
    take(&|folder| called(folder).filter(|id| known[id].identity == folder.identity));
    take(&|folder| folder.identity.as_deref().and_then(|identity| by_identity.get(identity).copied()));
    take(&called);
    found
}

/// Records all folders that there are.
pub(super) fn record(
    transaction: &WriteTransaction,
    name: &str,
    account: u32,
    seen: Vec<SeenFolder>,
) -> Result<Hierarchy, redb::Error> {
    let mut folders = transaction.open_table(FOLDERS)?;
    let known = read_rows(&folders, account)?;
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    // None if somebody took the file away while the process ran: then it begins anew.
    let row = accounts.get(name)?.map(|row| row.value());
    let (_, mut last, version) = row.unwrap_or((account, 0, 0));
    let version = version + 1;
    let mut now = Rows::new();
    for (id, folder) in matched(&known, &seen).into_iter().zip(&seen) {
        let id = id.unwrap_or_else(|| {
            last += 1;
            last
        });
        now.insert(id, row_of(folder));
    }
    for (id, row) in &now {
        let json = serde_json::to_vec(row).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
        folders.insert((account, *id), json.as_slice())?;
        items::found(transaction, (account, *id))?;
    }
    for id in known.keys().filter(|id| !now.contains_key(id)) {
        folders.remove((account, *id))?;
        items::clear(transaction, (account, *id))?;
        transaction.open_table(NUMBERS)?.remove((account, *id))?;
        transaction.open_table(MARKS)?.remove((account, *id))?;
    }
    accounts.insert(name, (account, last, version))?;
    Ok(arrange(version, now))
}
