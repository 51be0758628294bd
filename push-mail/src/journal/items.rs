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
pub(crate) fn resume(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut table = transaction.open_table(NUMBERS)?;
    let mut behind = Vec::new();
    for row in table.iter()? {
        let (at, row) = row?;
        let (epoch, head, set_aside, floor, tombstones) = row.value();
        if head < set_aside {
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

fn known_of(uid: u64, (_, _, flags, identity, key): (u64, u64, u8, u64, &str)) -> Known {
    Known { uid: Uid(uid), key: key.to_owned(), flags: Flags(flags), identity: (identity != 0).then_some(identity) }
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

pub(super) fn find(transaction: &ReadTransaction, at: At, key: &str) -> Result<Option<Known>, redb::Error> {
    let Some(table) = open(transaction, KEYS)? else { return Ok(None) };
    let uid = table.get((at.0, at.1, key))?.map(|row| Uid(row.value()));
    uid.map_or(Ok(None), |uid| look_up(transaction, at, uid))
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
            Some(uid) => self.items.get(self.place(uid))?.map(|row| {
                let (created, modified, flags, identity, key) = row.value();
                (uid, created, modified, flags, identity, key.to_owned())
            }),
            None => None,
        };
        let identity = item.identity.unwrap_or(0);
        let Some((uid, created, modified, flags, old_identity, key)) = row else {
            let created = self.next();
            // A mailbox without numbers of its own: the number of the change is as good, and never given again.
            return self.write(item.uid.map_or(created, |uid| uid.0), created, created, item, identity);
        };
        if key != item.key {
            self.forget_key(&key, uid)?;
        } else if flags == item.flags.0 && (identity == 0 || identity == old_identity) {
            return Ok(());
        }
        let identity = if identity == 0 { old_identity } else { identity };
        let modified_now = if flags == item.flags.0 { modified } else { self.next() };
        if modified_now != modified && modified != created {
            self.log.remove(self.place(modified))?;
        }
        self.write(uid, created, modified_now, item, identity)
    }

    fn write(
        &mut self,
        uid: u64,
        created: u64,
        modified: u64,
        item: &SeenItem,
        identity: u64,
    ) -> Result<(), redb::Error> {
        let (account, folder) = self.at;
        self.items.insert(self.place(uid), (created, modified, item.flags.0, identity, item.key.as_str()))?;
        self.keys.insert((account, folder, item.key.as_str()), uid)?;
        for number in [created, modified] {
            self.log.insert(self.place(number), (uid, created, item.flags.0, identity, false))?;
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
        let Some(row) = self.items.remove(place)?.map(|row| {
            let (created, modified, flags, identity, key) = row.value();
            (created, modified, flags, identity, key.to_owned())
        }) else {
            return Ok(());
        };
        let (created, modified, flags, identity, key) = row;
        self.forget_key(&key, uid.0)?;
        self.log.remove(self.place(created))?;
        self.log.remove(self.place(modified))?;
        let gone_at = self.next();
        self.log.insert(self.place(gone_at), (uid.0, created, flags, identity, true))?;
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
            if row.value().4 {
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
