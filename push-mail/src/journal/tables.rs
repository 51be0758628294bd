//! The tables of the journal and their rows.

use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::store::{Class, FolderKind};

/// Account and folder.
pub(super) type At = (u32, u32);

/// Account, folder, and a uid or modseq.
pub(super) type Place = (u32, u32, u64);

/// Created, modified, flags, identity (0 for none), received, key.
pub(super) type ItemRow = (u64, u64, u8, u64, u64, &'static str);

/// Uid, created, flags, identity, received, whether it is gone.
pub(super) type LogRow = (u64, u64, u8, u64, u64, bool);

/// Name of an account -> its number, the last folder number given, the version of its tree.
pub(super) const ACCOUNTS: TableDefinition<'_, &str, (u32, u32, u64)> = TableDefinition::new("mail.accounts");

/// -> [`FolderRow`] as JSON.
pub(super) const FOLDERS: TableDefinition<'_, At, &[u8]> = TableDefinition::new("mail.folders");

/// -> epoch, head, the end of the block of numbers that is set aside, the highest number of a tombstone forgotten, tombstones.
pub(super) const NUMBERS: TableDefinition<'_, At, (u64, u64, u64, u64, u64)> = TableDefinition::new("mail.numbers");

/// -> where the store looks on from.
pub(super) const MARKS: TableDefinition<'_, At, &[u8]> = TableDefinition::new("mail.marks");

/// By uid.
pub(super) const ITEMS: TableDefinition<'_, Place, ItemRow> = TableDefinition::new("mail.items");

/// Account, folder, key -> uid.
pub(super) const KEYS: TableDefinition<'_, (u32, u32, &str), u64> = TableDefinition::new("mail.keys");

/// By modseq. A message has an entry where it came and
/// one where it changed last, or one where it went.
pub(super) const LOG: TableDefinition<'_, Place, LogRow> = TableDefinition::new("mail.log");

/// What is kept of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FolderRow {
    pub(super) key: String,
    pub(super) identity: Option<String>,
    pub(super) path: String,
    pub(super) kind: FolderKind,
    pub(super) class: Class,
}
