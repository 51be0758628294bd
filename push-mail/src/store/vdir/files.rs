//! The items of a collection.

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use bytes::Bytes;

use super::VdirConfig;
use crate::journal::{Known, SeenItem};
use crate::pim;
use crate::store::{Class, Flags, StoreError, Uid, now_ms};

/// A file that was changed no longer ago is read again at the next look: clocks of file systems are that coarse.
const COARSE_MS: u64 = 1000;

/// By which is told whether a file is as it was: its number, its bytes, and when it was changed.
type Stamp = (u64, u64, i64, i64);

/// A file as it was seen last.
#[derive(Clone, Debug)]
struct Seen {
    /// `None` where it may have been changed in the same moment.
    stamp: Option<Stamp>,
    /// `None` if it was no item.
    about: Option<Item>,
    /// Somebody was told that it is left alone.
    is_told: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    hash: u64,
    uid: Option<String>,
    ends_ms: u64,
}

/// What was seen of a collection's files, by their names.
#[derive(Debug, Default)]
pub(super) struct Files(HashMap<String, Seen>);

/// What a look has shown.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) now: Files,
    pub(super) seen: Vec<SeenItem>,
    pub(super) gone: Vec<Uid>,
}

/// Whether a file of that name may be an item.
pub(super) fn is_item(name: &str) -> bool {
    let ends =
        |ending: &str| name.get(name.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(ending));
    !name.starts_with('.') && (ends(".ics") || ends(".vcf"))
}

/// A file; `None` if it is not there, no file, or has more than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> Result<Option<Bytes>, StoreError> {
    let gone = |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    match path.metadata() {
        // A pipe would be waited for.
        Ok(about) if about.is_file() && about.len() <= most => {}
        Ok(_) => return Ok(None),
        Err(error) if gone(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let mut raw = Vec::new();
    match File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut raw)) {
        Err(error) if gone(&error) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(_) if raw.len() as u64 > most => Ok(None),
        Ok(_) => Ok(Some(raw.into())),
    }
}

fn stamp(about: &Metadata) -> Option<Stamp> {
    let changed_ms = u64::try_from(about.ctime()).ok()?.checked_mul(1000)?;
    let is_settled = changed_ms.saturating_add(COARSE_MS) < now_ms();
    is_settled.then(|| (about.ino(), about.size(), about.ctime(), about.ctime_nsec()))
}

/// Reads a collection: `before` is what was seen of it last, `known` what is recorded.
pub(super) fn scan(
    dir: &Path,
    class: Class,
    mut before: Files,
    known: &[Known],
    config: &VdirConfig,
) -> Result<Scan, StoreError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        names.extend(name.to_str().filter(|name| is_item(name)).map(str::to_owned));
    }
    let recorded: HashMap<&str, &Known> = known.iter().map(|known| (known.key.as_str(), known)).collect();
    // A file that is renamed while the directory is read can be missing in it.
    let there: HashSet<&str> = names.iter().map(String::as_str).collect();
    let missed: Vec<_> = recorded.keys().filter(|key| !there.contains(*key) && dir.join(key).is_file()).collect();
    let missed: Vec<String> = missed.into_iter().map(|key| (*key).to_owned()).collect();
    names.extend(missed);
    // Those that are known come first: of two with one UID it is they that stay.
    names.sort_by(|a, b| (!recorded.contains_key(a.as_str()), a).cmp(&(!recorded.contains_key(b.as_str()), b)));
    if names.len() > config.max_items {
        if before.0.is_empty() {
            let (dir, most) = (dir.display(), config.max_items);
            tracing::warn!("{dir} has {} items, and {most} are seen", names.len());
        }
        names.truncate(config.max_items);
    }
    let mut scan = Scan { now: Files::default(), seen: Vec::new(), gone: Vec::new() };
    let mut uids = HashSet::new();
    for name in names {
        let old = recorded.get(name.as_str()).copied();
        let Some(mut file) = look_at(dir, &name, class, before.0.remove(&name), old, config) else { continue };
        if let Some(item) = &file.about {
            let is_first = item.uid.as_ref().is_none_or(|uid| uids.insert(uid.clone()));
            if is_first {
                let is_so = old.is_some_and(|old| old.identity == Some(item.hash) && old.received_ms == item.ends_ms);
                scan.seen.extend((!is_so).then(|| seen_item(&name, item)));
                scan.now.0.insert(name, file);
                continue;
            }
            file.tell(dir, &name, "another file of the collection has the same UID");
        }
        scan.now.0.insert(name, file);
    }
    let is_there = |key: &str| scan.now.0.get(key).is_some_and(|file| file.about.is_some());
    scan.gone = known.iter().filter(|known| !is_there(&known.key)).map(|known| known.uid).collect();
    Ok(scan)
}

fn seen_item(name: &str, item: &Item) -> SeenItem {
    let (identity, received_ms) = (Some(item.hash), Some(item.ends_ms));
    SeenItem { uid: None, key: name.to_owned(), flags: Flags::default(), identity, received_ms }
}

/// `None` if it is gone.
fn look_at(
    dir: &Path,
    name: &str,
    class: Class,
    before: Option<Seen>,
    known: Option<&Known>,
    config: &VdirConfig,
) -> Option<Seen> {
    let path = dir.join(name);
    let stamp = path.metadata().ok().as_ref().and_then(stamp);
    if let Some(before) = before.as_ref().filter(|before| stamp.is_some() && before.stamp == stamp) {
        return Some(before.clone());
    }
    let raw = match read(&path, config.max_item_bytes) {
        Ok(Some(raw)) => Ok(raw),
        Ok(None) if !path.exists() => return None,
        Ok(None) => Err("it is no file, or too large"),
        Err(_) => Err("it cannot be read"),
    };
    let item = raw.and_then(|raw| match pim::about(&raw) {
        Some(about) if about.class == class => {
            Ok(Item { hash: pim::hash(&raw), uid: about.uid, ends_ms: about.ends_ms })
        }
        Some(_) => Err("it is of another class than the collection"),
        None => Err("it is no iCalendar or vCard"),
    });
    match item {
        Ok(item) => Some(Seen { stamp, about: Some(item), is_told: false }),
        Err(why) => {
            // Perhaps it is just being written: what is known stays until it is understood again.
            let kept = before.and_then(|before| before.about).or_else(|| {
                let known = known?;
                Some(Item { hash: known.identity?, uid: None, ends_ms: known.received_ms })
            });
            let mut file = Seen { stamp, about: kept, is_told: false };
            file.tell(dir, name, why);
            Some(file)
        }
    }
}

impl Seen {
    /// Says it once for each state of a file that lasts.
    fn tell(&mut self, dir: &Path, name: &str, why: &str) {
        if self.stamp.is_some() && !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!("{} is left alone: {why}", dir.join(name).display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_may_be_an_item() {
        for name in ["a.ics", "b.VCF", "ä.ics", ".ics.ics.vcf".trim_start_matches('.')] {
            assert!(is_item(name), "{name}");
        }
        for name in ["", "ics", ".a.ics", "a.ics.tmp", "displayname", "color", "äö"] {
            assert!(!is_item(name), "{name}");
        }
    }
}
