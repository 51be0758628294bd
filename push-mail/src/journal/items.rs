//! The messages of a folder and the log of their changes.

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, TableError, WriteTransaction,
};

use super::tables::{At, ITEMS, ItemRow, KEYS, LOG, LogRow, MARKS, NUMBERS, Place};
use super::{Known, Look, SeenItem, TOMBSTONES};
use crate::state::Durability;
use crate::store::{Flags, Token, Uid};

/// Numbers that are set aside at once.
const BLOCK: u64 = 1024;

type Numbers = (u64, u64, u64, u64, u64);

/// A table that is there from its first write on.
pub(super) fn open<K: redb::Key + 'static, V: redb::Value + 'static>(
    transaction: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, redb::Error> {
    match transaction.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn numbers(transaction: &ReadTransaction, at: At) -> Result<Option<Numbers>, redb::Error> {
    let Some(table) = open(transaction, NUMBERS)? else { return Ok(None) };
    Ok(table.get(at)?.map(|row| row.value()))
}

/// Lets all folders go on behind the numbers that were set aside: some of them may have been given without being durable.
/// What an earlier version of this program has recorded otherwise is forgotten, and seen anew.
pub(crate) fn resume(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let begins_anew = !are_readable(&transaction)?;
    if begins_anew {
        transaction.delete_table(ITEMS)?;
        transaction.delete_table(LOG)?;
        transaction.delete_table(KEYS)?;
        transaction.delete_table(MARKS)?;
    }
    let mut table = transaction.open_table(NUMBERS)?;
    let mut behind = Vec::new();
    for row in table.iter()? {
        let (at, row) = row?;
        let (epoch, head, set_aside, floor, tombstones) = row.value();
        if begins_anew {
            behind.push((at.value(), (random_epoch(), set_aside.max(head), set_aside, 0, 0)));
        } else if head < set_aside {
            behind.push((at.value(), (epoch, set_aside, set_aside, floor, tombstones)));
        }
    }
    for (at, row) in behind {
        table.insert(at, row)?;
    }
    drop(table);
    transaction.commit()?;
    Ok(())
}

/// Whether messages are kept as they are kept now.
fn are_readable(transaction: &WriteTransaction) -> Result<bool, redb::Error> {
    match (transaction.open_table(ITEMS).err(), transaction.open_table(LOG).err()) {
        (None, None) => Ok(true),
        (Some(TableError::TableTypeMismatch { .. }), _) | (_, Some(TableError::TableTypeMismatch { .. })) => Ok(false),
        (Some(error), _) | (_, Some(error)) => Err(error.into()),
    }
}

/// A folder that is new begins with an epoch of its own; one that is known goes on.
pub(super) fn found(transaction: &WriteTransaction, at: At) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(NUMBERS)?;
    if table.get(at)?.is_none() {
        table.insert(at, (random_epoch(), 0, 0, 0, 0))?;
    }
    Ok(())
}

/// Never 0, which is [`Token::START`]'s.
fn random_epoch() -> u64 {
    let random = getrandom::u64().unwrap_or_else(|_| std::process::id().into());
    (random >> 11) + 1
}

/// Forgets all messages of a folder.
pub(super) fn clear(transaction: &WriteTransaction, (account, folder): At) -> Result<(), redb::Error> {
    let all = (account, folder, 0)..=(account, folder, u64::MAX);
    transaction.open_table(ITEMS)?.retain_in(all.clone(), |_, _| false)?;
    transaction.open_table(LOG)?.retain_in(all, |_, _| false)?;
    let mut keys = transaction.open_table(KEYS)?;
    keys.retain_in((account, folder, "")..(account, folder + 1, ""), |_, _| false)?;
    Ok(())
}

pub(super) fn mark(transaction: &ReadTransaction, at: At) -> Result<Option<Vec<u8>>, redb::Error> {
    let Some(table) = open(transaction, MARKS)? else { return Ok(None) };
    Ok(table.get(at)?.map(|row| row.value().to_vec()))
}

pub(super) fn head(transaction: &ReadTransaction, at: At) -> Result<Option<Token>, redb::Error> {
    Ok(numbers(transaction, at)?.map(|(epoch, modseq, ..)| Token { epoch, modseq, paging: None }))
}

fn known_of(uid: u64, (_, _, flags, identity, received_ms, key): (u64, u64, u8, u64, u64, &str)) -> Known {
    let identity = (identity != 0).then_some(identity);
    Known { uid: Uid(uid), key: key.to_owned(), flags: Flags(flags), identity, received_ms }
}

pub(super) fn known(transaction: &ReadTransaction, (account, folder): At) -> Result<Vec<Known>, redb::Error> {
    let Some(table) = open(transaction, ITEMS)? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for row in table.range((account, folder, 0)..=(account, folder, u64::MAX))? {
        let (at, row) = row?;
        all.push(known_of(at.value().2, row.value()));
    }
    Ok(all)
}

pub(super) fn look_up(
    transaction: &ReadTransaction,
    (account, folder): At,
    uid: Uid,
) -> Result<Option<Known>, redb::Error> {
    let Some(table) = open(transaction, ITEMS)? else { return Ok(None) };
    Ok(table.get((account, folder, uid.0))?.map(|row| known_of(uid.0, row.value())))
}

/// Those that are known, in the order asked for.
pub(super) fn look_up_all(
    transaction: &ReadTransaction,
    (account, folder): At,
    uids: &[Uid],
) -> Result<Vec<Known>, redb::Error> {
    let Some(table) = open(transaction, ITEMS)? else { return Ok(Vec::new()) };
    let mut found = Vec::with_capacity(uids.len());
    for uid in uids {
        found.extend(table.get((account, folder, uid.0))?.map(|row| known_of(uid.0, row.value())));
    }
    Ok(found)
}

pub(super) fn find(transaction: &ReadTransaction, at: At, key: &str) -> Result<Option<Known>, redb::Error> {
    let Some(table) = open(transaction, KEYS)? else { return Ok(None) };
    let uid = table.get((at.0, at.1, key))?.map(|row| Uid(row.value()));
    uid.map_or(Ok(None), |uid| look_up(transaction, at, uid))
}

/// A message as it is kept.
#[derive(Clone, PartialEq, Eq)]
struct Row {
    uid: u64,
    created: u64,
    modified: u64,
    flags: u8,
    /// 0 for none.
    identity: u64,
    received: u64,
    key: String,
}

impl Row {
    fn of(uid: u64, (created, modified, flags, identity, received, key): (u64, u64, u8, u64, u64, &str)) -> Self {
        Self { uid, created, modified, flags, identity, received, key: key.to_owned() }
    }
}

/// The tables of a look that is being recorded.
struct Recording<'t> {
    at: At,
    numbers: Numbers,
    items: Table<'t, Place, ItemRow>,
    keys: Table<'t, (u32, u32, &'static str), u64>,
    log: Table<'t, Place, LogRow>,
}

/// `None` if there is no such folder.
pub(super) fn record(
    transaction: &WriteTransaction,
    at: At,
    look: Look,
) -> Result<(Option<Token>, Durability), redb::Error> {
    let mut table = transaction.open_table(NUMBERS)?;
    let Some(before) = table.get(at)?.map(|row| row.value()) else { return Ok((None, Durability::Later)) };
    let mut numbers = before;
    if look.reset {
        clear(transaction, at)?;
        numbers = (random_epoch(), numbers.1, numbers.2, 0, 0);
    }
    if let Some(mark) = &look.mark {
        transaction.open_table(MARKS)?.insert(at, mark.as_slice())?;
    }
    let mut recording = Recording {
        at,
        numbers,
        items: transaction.open_table(ITEMS)?,
        keys: transaction.open_table(KEYS)?,
        log: transaction.open_table(LOG)?,
    };
    for item in look.seen {
        recording.see(&item)?;
    }
    for uid in look.gone {
        recording.lose(uid)?;
    }
    recording.trim()?;
    let mut numbers = recording.numbers;
    let mut durability = Durability::Later;
    if numbers.1 > numbers.2 || look.reset {
        numbers.2 = numbers.1 + BLOCK;
        durability = Durability::Disk;
    }
    if numbers != before {
        table.insert(at, numbers)?;
    }
    Ok((Some(Token { epoch: numbers.0, modseq: numbers.1, paging: None }), durability))
}

impl Recording<'_> {
    fn next(&mut self) -> u64 {
        self.numbers.1 += 1;
        self.numbers.1
    }

    fn place(&self, number: u64) -> Place {
        (self.at.0, self.at.1, number)
    }

    fn see(&mut self, item: &SeenItem) -> Result<(), redb::Error> {
        let (account, folder) = self.at;
        let by_key = self.keys.get((account, folder, item.key.as_str()))?.map(|row| row.value());
        let known = item.uid.map(|uid| uid.0).or(by_key);
        let row = match known {
            Some(uid) => self.items.get(self.place(uid))?.map(|row| Row::of(uid, row.value())),
            None => None,
        };
        let (flags, key) = (item.flags.0, item.key.clone());
        let Some(old) = row else {
            let created = self.next();
            // A mailbox without numbers of its own: the number of the change is as good, and never given again.
            let uid = item.uid.map_or(created, |uid| uid.0);
            let (identity, received) = (item.identity.unwrap_or(0), item.received_ms.unwrap_or(0));
            return self.write(&Row { uid, created, modified: created, flags, identity, received, key });
        };
        let identity = item.identity.unwrap_or(old.identity);
        let received = item.received_ms.unwrap_or(old.received);
        // What was unknown and is known now is no change.
        let is_changed = flags != old.flags || old.identity != 0 && identity != old.identity;
        let mut row = Row { flags, identity, received, key, ..old };
        if row == old {
            return Ok(());
        }
        if row.key != old.key {
            self.forget_key(&old.key, old.uid)?;
        }
        if is_changed {
            row.modified = self.next();
            if old.modified != old.created {
                self.log.remove(self.place(old.modified))?;
            }
        }
        self.write(&row)
    }

    fn write(&mut self, row: &Row) -> Result<(), redb::Error> {
        let (account, folder) = self.at;
        let Row { uid, created, modified, flags, identity, received, ref key } = *row;
        self.items.insert(self.place(uid), (created, modified, flags, identity, received, key.as_str()))?;
        self.keys.insert((account, folder, key.as_str()), uid)?;
        for number in [created, modified] {
            self.log.insert(self.place(number), (uid, created, flags, identity, received, false))?;
        }
        Ok(())
    }

    /// `key` names `uid` no longer; it may name another by now.
    fn forget_key(&mut self, key: &str, uid: u64) -> Result<(), redb::Error> {
        let (account, folder) = self.at;
        let named = self.keys.get((account, folder, key))?.map(|row| row.value());
        if named == Some(uid) {
            self.keys.remove((account, folder, key))?;
        }
        Ok(())
    }

    fn lose(&mut self, uid: Uid) -> Result<(), redb::Error> {
        let place = self.place(uid.0);
        let Some(row) = self.items.remove(place)?.map(|row| Row::of(uid.0, row.value())) else {
            return Ok(());
        };
        self.forget_key(&row.key, uid.0)?;
        self.log.remove(self.place(row.created))?;
        self.log.remove(self.place(row.modified))?;
        let gone_at = self.next();
        self.log.insert(self.place(gone_at), (uid.0, row.created, row.flags, row.identity, row.received, true))?;
        self.numbers.4 += 1;
        Ok(())
    }

    /// Forgets the oldest deleted messages beyond what is kept, a quarter more than needed, so that it is seldom done.
    fn trim(&mut self) -> Result<(), redb::Error> {
        if self.numbers.4 <= TOMBSTONES {
            return Ok(());
        }
        let excess = self.numbers.4 - TOMBSTONES + TOMBSTONES / 4;
        let all = self.place(0)..=self.place(u64::MAX);
        let mut oldest = Vec::new();
        for row in self.log.range(all)? {
            let (place, row) = row?;
            if row.value().5 {
                oldest.push(place.value().2);
                if oldest.len() as u64 == excess {
                    break;
                }
            }
        }
        for number in oldest {
            self.log.remove(self.place(number))?;
            self.numbers.3 = number;
            self.numbers.4 -= 1;
        }
        Ok(())
    }
}
