//! The folders on the disk.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::folder_name::{self, INBOX};
use super::scan::LOOKS;
use super::witness::Witness;
use crate::journal::SeenFolder;
use crate::store::{Class, FolderKind};

/// What the journal calls the inbox.
pub(super) const ROOT_KEY: &str = ".";

/// A folder that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) seen: SeenFolder,
    pub(super) dir: PathBuf,
}

/// What was found of an account.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) folders: Vec<Found>,
    /// Directories that are named like folders and lack what makes them one; perhaps they are being made.
    pub(super) incomplete: Vec<PathBuf>,
}

/// Whether it has the directories of a Maildir.
pub(super) fn is_maildir(dir: &Path) -> bool {
    ["cur", "new"].iter().all(|name| dir.join(name).is_dir())
}

/// What stays of a directory when it is renamed, and is no other's afterwards: numbers are given again, but not together
/// with the moment at which it was made, where the file system tells that.
pub(in crate::store) fn identity(dir: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(dir)?;
    let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.unwrap_or_default().as_nanos();
    Ok(format!("{:x}.{:x}.{made:x}", metadata.dev(), metadata.ino()))
}

/// All folders below `root`, which is the inbox; `known` are the paths of those that were there before.
///
/// As with messages (`scan::all`): a folder that is renamed while the root is read can be missing. What was not found is
/// looked for again, until the system says that no folder was moved meanwhile.
///
/// # Errors
///
/// Where it cannot be read, or is no Maildir: a file system that is not mounted is not an account without mail.
pub(super) fn read(root: &Path, known: &[String]) -> io::Result<Tree> {
    let misses_none = |tree: &Tree| {
        let paths: HashSet<&str> = tree.folders.iter().map(|found| found.seen.path.as_str()).collect();
        known.iter().all(|path| paths.contains(path.as_str()))
    };
    let tree = once(root)?;
    if misses_none(&tree) {
        return Ok(tree);
    }
    let witness = Witness::of_folders(root);
    for look in 1..=LOOKS {
        let tree = once(root)?;
        // A rename that was only half seen is over, and told, when the root can be read once more.
        std::fs::read_dir(root)?.for_each(drop);
        let is_sure = witness.as_ref().map_or(look == LOOKS, |witness| witness.take().is_empty());
        if is_sure || misses_none(&tree) {
            return Ok(tree);
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "the folders go on changing"))
}

fn once(root: &Path) -> io::Result<Tree> {
    if !is_maildir(root) {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no Maildir"));
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name();
        if name.as_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    let inbox = seen(ROOT_KEY.to_owned(), None, INBOX.to_owned());
    let mut tree = Tree { folders: vec![Found { seen: inbox, dir: root.to_owned() }], ..Tree::default() };
    let mut paths = HashSet::from([INBOX.to_owned()]);
    for name in names {
        let dir = root.join(&name);
        if !is_maildir(&dir) {
            if dir.is_dir() {
                tree.incomplete.push(dir);
            }
            continue;
        }
        // Gone since: the next look has it.
        let Ok(identity) = identity(&dir) else { continue };
        let key = key(&name);
        let path = free_path(&key, &paths);
        paths.insert(path.clone());
        tree.folders.push(Found { seen: seen(key, Some(identity), path), dir });
    }
    Ok(tree)
}

/// What the journal calls a directory.
fn key(name: &OsStr) -> String {
    name.to_str().map_or_else(|| format!(".{}", percent_encode(&name.as_bytes()[1..], NON_ALPHANUMERIC)), str::to_owned)
}

/// Two names can mean the same path; the second is told with its dot, which no decoded path has.
fn free_path(key: &str, taken: &HashSet<String>) -> String {
    let path = folder_name::path(key);
    let is_free = !taken.contains(&path) && !path.eq_ignore_ascii_case(INBOX);
    if is_free { path } else { key.replace('%', "%25").replace('.', "%2E") }
}

fn seen(key: String, identity: Option<String>, path: String) -> SeenFolder {
    let kind = FolderKind::by_name(&path);
    SeenFolder { key, identity, path, kind, class: Class::Email }
}
