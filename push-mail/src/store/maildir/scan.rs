//! Reading a folder: all of it, or what happened to single files.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::file::{self, Place};
use super::witness::Witness;
use crate::store::Flags;

/// A message's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) flags: Flags,
    pub(super) place: Place,
    /// `None` where it is called by its key alone.
    name: Option<Box<OsStr>>,
}

/// By key. About 150 bytes a message.
pub(super) type Entries = HashMap<Box<str>, Entry>;

impl Entry {
    pub(super) fn new(place: Place, key: &str, name: &OsStr) -> Self {
        let name = (name != OsStr::new(key)).then(|| name.into());
        Self { flags: file::flags(place, name.as_deref().unwrap_or_default()), place, name }
    }

    /// Of which the flags alone are known.
    pub(super) fn recorded(flags: Flags) -> Self {
        Self { flags, place: Place::Cur, name: None }
    }

    /// Where it most likely lies.
    pub(super) fn guessed(key: &str, flags: Flags) -> Self {
        Self { flags, place: Place::Cur, name: Some(file::marked(key.as_ref(), flags).into()) }
    }

    pub(super) fn name<'e>(&'e self, key: &'e str) -> &'e OsStr {
        self.name.as_deref().unwrap_or(OsStr::new(key))
    }

    pub(super) fn path(&self, dir: &Path, key: &str) -> PathBuf {
        dir.join(self.place.dir()).join(self.name(key))
    }
}

/// How often a directory is read while other programs move what is looked for.
pub(super) const LOOKS: usize = 10;

/// What happened to a file, as the system tells it.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) place: Place,
    pub(super) name: OsString,
    pub(super) what: What,
}

/// How a file's name came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum What {
    Came,
    /// It is called otherwise now, or elsewhere.
    Left,
    Deleted,
}

/// All messages of a folder; `known` are those that were there before.
///
/// A file that is moved while the directories are read can be in neither of them: from `new` to `cur` behind the reader's
/// back, or to another name within one. So what was not found is looked for again, until the system says that nothing has
/// happened to it meanwhile; it stays as it was if that takes too long.
pub(super) fn all(dir: &Path, known: &Entries) -> io::Result<Entries> {
    let mut entries = once(dir)?;
    let mut missing: Vec<&str> = known.keys().map(|key| &**key).filter(|key| !entries.contains_key(*key)).collect();
    if missing.is_empty() {
        return Ok(entries);
    }
    let witness = Witness::of_messages(dir);
    for _ in 0..LOOKS {
        let mut again = once(dir)?;
        let moved = witness.as_ref().map(Witness::take);
        missing.retain(|key| match again.remove_entry(*key) {
            Some((key, entry)) => {
                entries.insert(key, entry);
                false
            }
            None => moved.as_ref().is_none_or(|moved| moved.contains(*key)),
        });
        if missing.is_empty() {
            return Ok(entries);
        }
    }
    if witness.is_some() {
        let unsure = missing.into_iter().filter_map(|key| known.get_key_value(key));
        entries.extend(unsure.map(|(key, entry)| (key.clone(), entry.clone())));
    }
    Ok(entries)
}

fn once(dir: &Path) -> io::Result<Entries> {
    let mut entries = Entries::new();
    for place in Place::BOTH {
        let inside = dir.join(place.dir());
        for file in std::fs::read_dir(&inside)? {
            let file = file?;
            if file.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = file.file_name();
            let Some(key) = file::key(&name) else { continue };
            let entry = Entry::new(place, &key, &name);
            match entries.entry(key.into()) {
                Slot::Vacant(slot) => {
                    slot.insert(entry);
                }
                // It was renamed while this was read: one of the names is no more.
                Slot::Occupied(mut slot) => {
                    if !exists(&slot.get().path(dir, slot.key())) {
                        slot.insert(entry);
                    }
                }
            }
        }
    }
    Ok(entries)
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir())
}

/// What became of the messages that `events` are about, of which `entries` knows the state before: by key, `None` where
/// it is gone. `None` in all if only reading the folder can tell.
pub(super) fn named(dir: &Path, entries: &Entries, events: Vec<Event>) -> Option<HashMap<String, Option<Entry>>> {
    let mut by_key: HashMap<String, Vec<Event>> = HashMap::new();
    for event in events {
        if let Some(key) = file::key(&event.name) {
            by_key.entry(key).or_default().push(event);
        }
    }
    let became = |(key, events): (String, Vec<Event>)| {
        let before = entries.get(key.as_str()).map(|entry| (entry.place, entry.name(&key).to_owned()));
        let names = replay(before, events);
        let there = names.iter().find(|(place, name)| exists(&dir.join(place.dir()).join(name)));
        match there {
            Some((place, name)) => {
                let entry = Entry::new(*place, &key, name);
                Some((key, Some(entry)))
            }
            // The system told of every name, and of the end of the last.
            None if names.is_empty() => Some((key, None)),
            // A name it should have, or went to, is not told of yet.
            None => None,
        }
    };
    by_key.into_iter().map(became).collect()
}

/// The names that a file should have after these events, the likeliest first. One that was moved away and has come
/// nowhere still counts.
fn replay(before: Option<(Place, OsString)>, events: Vec<Event>) -> Vec<(Place, OsString)> {
    let mut names: Vec<_> = before.into_iter().collect();
    let mut left = None;
    for Event { place, name, what } in events {
        let name = (place, name);
        match what {
            What::Came => {
                left = None;
                names.retain(|known| *known != name);
                names.push(name);
            }
            What::Deleted => names.retain(|known| *known != name),
            What::Left => {
                names.retain(|known| *known != name);
                left = Some(name);
            }
        }
    }
    names.extend(left);
    names.reverse();
    names.sort_by_key(|(place, _)| *place == Place::New);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["cur", "new"] {
            std::fs::create_dir(dir.path().join(name)).expect("made");
        }
        dir
    }

    fn put(dir: &Path, file: &str) {
        std::fs::write(dir.join(file), "x").expect("written");
    }

    fn event(what: What, place: Place, name: &str) -> Event {
        Event { place, name: name.into(), what }
    }

    #[test]
    fn reading_skips_what_is_no_message() {
        let dir = folder();
        for file in ["cur/1.a:2,S", "cur/.nfs0", "new/2.b"] {
            put(dir.path(), file);
        }
        std::fs::create_dir(dir.path().join("cur/3.c")).expect("made");
        let entries = all(dir.path(), &Entries::new()).expect("readable");
        assert_eq!(entries.len(), 2);
        assert_eq!(entries["1.a"], Entry::new(Place::Cur, "1.a", OsStr::new("1.a:2,S")));
        assert_eq!(entries["2.b"].path(dir.path(), "2.b"), dir.path().join("new/2.b"));
        assert!(all(&dir.path().join("none"), &Entries::new()).is_err());
    }

    #[test]
    fn events_tell_what_became_of_a_message() {
        use Place::{Cur, New};
        use What::{Came, Deleted, Left};
        let dir = folder();
        put(dir.path(), "new/1.a");
        let before = all(dir.path(), &Entries::new()).expect("readable");
        let became = |events: Vec<Event>| named(dir.path(), &before, events);
        let there =
            |place, name: &str| HashMap::from([("1.a".to_owned(), Some(Entry::new(place, "1.a", OsStr::new(name))))]);

        // It was read: moved to cur, and marked there.
        std::fs::rename(dir.path().join("new/1.a"), dir.path().join("cur/1.a:2,S")).expect("moved");
        let moved = vec![event(Left, New, "1.a"), event(Came, Cur, "1.a:2,S")];
        assert_eq!(became(moved.clone()), Some(there(Cur, "1.a:2,S")));
        // The second half of the move is not told of yet: nothing is known.
        assert_eq!(became(vec![event(Left, New, "1.a")]), None);
        // Nor when it has gone on from where it was told of.
        std::fs::rename(dir.path().join("cur/1.a:2,S"), dir.path().join("cur/1.a:2,RS")).expect("moved");
        assert_eq!(became(moved.clone()), None);
        // Linked to another name, and then removed from the first.
        let linked = vec![event(Came, Cur, "1.a:2,RS"), event(Deleted, New, "1.a")];
        assert_eq!(became(linked), Some(there(Cur, "1.a:2,RS")));
        // Deleted under its last name.
        std::fs::remove_file(dir.path().join("cur/1.a:2,RS")).expect("removed");
        let mut deleted = moved;
        deleted.extend([event(Left, Cur, "1.a:2,S"), event(Came, Cur, "1.a:2,RS"), event(Deleted, Cur, "1.a:2,RS")]);
        assert_eq!(became(deleted), Some(HashMap::from([("1.a".to_owned(), None)])));
    }
}
