//! Reading messages.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::scan::{self, Entries, Entry};
use super::{Shared, blocking};
use crate::message::{READ_BYTES, summary};
use crate::store::{Flags, FolderId, Item, StoreError, StoreErrorKind, Uid, Wanted};

/// Messages that are read before others may read.
const READ_AT_ONCE: usize = 32;

/// A message to be read, and where it was seen last.
struct Sought {
    uid: Uid,
    key: String,
    received_ms: u64,
    entry: Option<Entry>,
}

impl Shared {
    pub(super) async fn fetch(&self, folder: FolderId, uids: &[Uid], wanted: Wanted) -> Result<Vec<Item>, StoreError> {
        let dir = self.dir(folder).await?.path;
        let state = self.folder(folder);
        let mut items = Vec::with_capacity(uids.len().min(READ_AT_ONCE));
        for uids in uids.chunks(READ_AT_ONCE) {
            let mut sought = Vec::with_capacity(uids.len());
            for uid in uids {
                let Some(known) = self.journal.look_up(folder, *uid)? else { continue };
                let seen = state.entry(&known.key).await;
                let entry = seen.unwrap_or_else(|| Entry::guessed(&known.key, known.flags));
                sought.push(Sought { uid: *uid, key: known.key, received_ms: known.received_ms, entry: Some(entry) });
            }
            let reader = Reader { dir: dir.clone(), wanted, limit: self.config.max_message_bytes, entries: None };
            let _turn = self.readers.acquire().await.map_err(|_| closed())?;
            items.extend(blocking(move || reader.read(sought)).await?);
        }
        Ok(items)
    }
}

fn closed() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the mailbox is closed")
}

struct Reader {
    dir: PathBuf,
    wanted: Wanted,
    limit: u64,
    /// The folder, once it had to be read to find a message.
    entries: Option<Entries>,
}

impl Reader {
    fn read(mut self, sought: Vec<Sought>) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(sought.len());
        for mut message in sought {
            while let Some((path, flags)) = self.place(&mut message) {
                let item = Item {
                    uid: message.uid,
                    flags,
                    size: None,
                    received_ms: message.received_ms,
                    summary: Default::default(),
                    raw: None,
                };
                if let Some(item) = self.open(&path, item)? {
                    items.push(item);
                    break;
                }
            }
        }
        Ok(items)
    }

    /// Where a message may be: first where it was seen, then where it is now.
    fn place(&mut self, message: &mut Sought) -> Option<(PathBuf, Flags)> {
        if message.key.is_empty() {
            return None;
        }
        if let Some(entry) = message.entry.take() {
            return Some((entry.path(&self.dir, &message.key), entry.flags));
        }
        let entries = self.entries.get_or_insert_with(|| scan::all(&self.dir, &Entries::new()).unwrap_or_default());
        let key = std::mem::take(&mut message.key);
        entries.get(key.as_str()).map(|entry| (entry.path(&self.dir, &key), entry.flags))
    }

    /// `None` if it is not there.
    fn open(&self, path: &Path, mut item: Item) -> Result<Option<Item>, StoreError> {
        let about = match path.metadata() {
            // A pipe would be waited for.
            Ok(about) if about.is_file() => about,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        item.size = Some(about.len());
        let most = match self.wanted {
            Wanted::Flags => return Ok(Some(item)),
            Wanted::Whole if about.len() > self.limit => return Ok(Some(item)),
            Wanted::Summary { .. } => READ_BYTES as u64,
            Wanted::Whole => self.limit,
        };
        let mut raw = Vec::new();
        match File::open(path).and_then(|file| file.take(most).read_to_end(&mut raw)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        match self.wanted {
            Wanted::Summary { preview_bytes } => item.summary = summary(&raw, preview_bytes),
            _ => item.raw = Some(Bytes::from(raw)),
        }
        Ok(Some(item))
    }
}
