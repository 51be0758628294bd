//! Which items of a folder a device holds, as it was told of them.
//!
//! Kept in chunks of neighbouring numbers, so that what one sync changes is little, however large the folder. What was told
//! in an answer that the device has not yet confirmed is kept apart, as a difference ([`Held::delta`]).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::direct::devices::DeviceId;
use crate::eas::Rows;
use crate::state::StateError;
use crate::store::FolderId;

/// Numbers of one chunk.
const CHUNK: u64 = 512;

/// An item as a device holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// What the device was told of it, so that it is known what it must be told: marks of mail, the digest of what is none.
    pub(crate) marks: u32,
    /// The day it was delivered, counted from 1970; what filters by age go by.
    pub(crate) day: u32,
}

/// By number: an item, or that it is not held.
pub(crate) type Delta = BTreeMap<u64, Option<Item>>;

type Chunk = BTreeMap<u64, Item>;

/// A row that is to be written, or removed.
pub(crate) type Row = (String, Option<Vec<u8>>);

/// What a device holds of one folder; loaded as far as it is asked for.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    rows: &'a Rows,
    id: &'a DeviceId,
    folder: FolderId,
    chunks: BTreeMap<u64, Chunk>,
    delta: Delta,
}

fn part(folder: FolderId, chunk: u64) -> String {
    format!("{}{chunk:x}", prefix(folder))
}

/// Before the names of all chunks of a folder.
pub(crate) fn prefix(folder: FolderId) -> String {
    format!("held/{folder}/")
}

impl<'a> Held<'a> {
    /// What `id` holds of `folder`: what is on the disk, and `delta` over it.
    pub(crate) fn new(rows: &'a Rows, id: &'a DeviceId, folder: FolderId, delta: Delta) -> Self {
        Self { rows, id, folder, chunks: BTreeMap::new(), delta }
    }

    fn chunk(&mut self, number: u64) -> Result<&mut Chunk, StateError> {
        match self.chunks.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => {
                let bytes = self.rows.read(self.id, &part(self.folder, number))?;
                Ok(vacant.insert(bytes.as_deref().map(decode).unwrap_or_default()))
            }
        }
    }

    /// The item of that number, if it is held.
    pub(crate) fn get(&mut self, uid: u64) -> Result<Option<Item>, StateError> {
        if let Some(told) = self.delta.get(&uid) {
            return Ok(*told);
        }
        Ok(self.chunk(uid / CHUNK)?.get(&uid).copied())
    }

    /// From now on it holds this, or not.
    pub(crate) fn set(&mut self, uid: u64, item: Option<Item>) {
        self.delta.insert(uid, item);
    }

    /// All that it holds.
    pub(crate) fn all(&mut self) -> Result<BTreeMap<u64, Item>, StateError> {
        let mut all = BTreeMap::new();
        let prefix = prefix(self.folder);
        for (part, bytes) in self.rows.read_all(self.id, &prefix)? {
            // One that is loaded may say more.
            let number = u64::from_str_radix(&part[prefix.len()..], 16).ok();
            if number.is_none_or(|number| !self.chunks.contains_key(&number)) {
                all.append(&mut decode(&bytes));
            }
        }
        self.chunks.values().for_each(|chunk| all.extend(chunk));
        for (uid, told) in &self.delta {
            match told {
                Some(item) => all.insert(*uid, *item),
                None => all.remove(uid),
            };
        }
        Ok(all)
    }

    /// What differs from what is on the disk.
    pub(crate) fn delta(&self) -> &Delta {
        &self.delta
    }

    /// The device has confirmed: the difference is a part of what is kept. The rows that say so.
    pub(crate) fn settle(&mut self) -> Result<Vec<Row>, StateError> {
        let mut touched = BTreeMap::<u64, ()>::new();
        for (uid, told) in std::mem::take(&mut self.delta) {
            let chunk = self.chunk(uid / CHUNK)?;
            match told {
                Some(item) => chunk.insert(uid, item),
                None => chunk.remove(&uid),
            };
            touched.insert(uid / CHUNK, ());
        }
        let folder = self.folder;
        let row = |number: u64| {
            let chunk = &self.chunks[&number];
            (part(folder, number), (!chunk.is_empty()).then(|| encode(chunk)))
        };
        Ok(touched.into_keys().map(row).collect())
    }

    /// The rows that say that it holds nothing.
    pub(crate) fn forget(rows: &Rows, id: &DeviceId, folder: FolderId) -> Result<Vec<Row>, StateError> {
        let all = rows.read_all(id, &prefix(folder))?;
        Ok(all.into_iter().map(|(part, _)| (part, None)).collect())
    }
}

fn push(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn pull(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Each as its distance from the one before, its marks and its day: four or five bytes for mail.
fn encode(chunk: &Chunk) -> Vec<u8> {
    let mut out = Vec::with_capacity(chunk.len() * 5);
    let mut last = 0;
    for (uid, item) in chunk {
        push(uid - last, &mut out);
        push(item.marks.into(), &mut out);
        push(item.day.into(), &mut out);
        last = *uid;
    }
    out
}

/// What is torn, which a committed row is not, is not held.
fn decode(mut bytes: &[u8]) -> Chunk {
    let mut chunk = Chunk::new();
    let mut uid = 0_u64;
    while let (Some(step), Some(marks), Some(day)) = (pull(&mut bytes), pull(&mut bytes), pull(&mut bytes)) {
        uid = uid.saturating_add(step);
        chunk.insert(uid, Item { marks: marks as u32, day: day as u32 });
    }
    chunk
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::state::State;

    const FOLDER: FolderId = FolderId(3);

    fn id() -> Arc<DeviceId> {
        Arc::new(DeviceId { account: "a".into(), user: None, device: "eas:d".into() })
    }

    proptest! {
        #[test]
        fn chunks_are_read_as_they_are_written(chunk: BTreeMap<u64, (u32, u32)>) {
            let chunk: Chunk = chunk.into_iter().map(|(uid, (marks, day))| (uid, Item { marks, day })).collect();
            prop_assert_eq!(decode(&encode(&chunk)), chunk);
        }

        #[test]
        fn what_is_torn_is_no_panic(bytes: Vec<u8>) {
            decode(&bytes);
        }
    }

    #[tokio::test]
    async fn what_is_confirmed_is_kept_and_what_is_not_is_a_difference() {
        let rows = Rows::new(State::in_memory().expect("memory"), 10);
        let id = id();
        let item = |marks| Item { marks, day: 20_000 };
        let mut held = Held::new(&rows, &id, FOLDER, Delta::new());
        held.set(1, Some(item(1)));
        held.set(513, Some(item(2)));
        assert_eq!(held.get(513).expect("read"), Some(item(2)));
        assert_eq!(Held::new(&rows, &id, FOLDER, Delta::new()).get(513).expect("read"), None, "not confirmed");
        let written = held.settle().expect("read");
        assert_eq!(written.len(), 2);
        rows.write(&id, written).await.expect("written");

        let mut held = Held::new(&rows, &id, FOLDER, Delta::from([(1, None), (2, Some(item(3)))]));
        assert_eq!((held.get(1).expect("read"), held.get(513).expect("read")), (None, Some(item(2))));
        let all: Vec<u64> = held.all().expect("read").into_keys().collect();
        assert_eq!(all, [2, 513]);
        rows.write(&id, held.settle().expect("read")).await.expect("written");
        rows.write(&id, vec![("held/33/0".to_owned(), Some(vec![1, 2, 3]))]).await.expect("written");
        let gone = Held::forget(&rows, &id, FOLDER).expect("read");
        assert_eq!(gone.len(), 2, "another folder's are not touched");
        rows.write(&id, gone).await.expect("written");
        assert!(Held::new(&rows, &id, FOLDER, Delta::new()).all().expect("read").is_empty());
    }
}
