//! The collections on the disk.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::files;
use crate::journal::SeenFolder;
use crate::pim;
use crate::store::maildir::identity;
use crate::store::{Class, FolderId, FolderKind, Hierarchy, StoreError, StoreErrorKind, part_of_path};

/// The file that has what people call a collection.
pub(super) const DISPLAY_NAME: &str = "displayname";

/// Longest name of a collection, in bytes.
const MAX_NAME_BYTES: u64 = 255;

/// Files that are read to find out what a new collection is.
const FILES_READ: usize = 20;

/// The collections as they were seen.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) hierarchy: Hierarchy,
    pub(super) dirs: HashMap<FolderId, PathBuf>,
    /// Directories of which nothing tells what they hold.
    pub(super) unknown: Vec<PathBuf>,
}

/// What was found below the root.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) seen: Vec<SeenFolder>,
    pub(super) unknown: Vec<PathBuf>,
}

/// All collections below `root`; `known` are those that were there before, by their names.
pub(super) fn read(root: &Path, known: &HashMap<String, Class>, most: u64) -> Result<Found, StoreError> {
    let unreadable = |error: io::Error| {
        let detail = format!("{} cannot be read as a folder of collections", root.display());
        StoreError::new(StoreErrorKind::Unavailable, detail).caused_by(error)
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.extend(name.to_str().filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    names.sort();
    let mut found = Found::default();
    let mut paths = HashSet::new();
    for name in names {
        let dir = root.join(&name);
        // Gone since, or no directory.
        let Some(identity) = identity(&dir).ok().filter(|_| dir.is_dir()) else { continue };
        let Some(class) = known.get(&name).copied().or_else(|| class_of(&dir, &name, most)) else {
            found.unknown.push(dir);
            continue;
        };
        let path = free_path(&dir, &name, &mut paths);
        let kind = FolderKind::of_class(class, false);
        found.seen.push(SeenFolder { key: name, identity: Some(identity), path, kind, class });
    }
    name_the_ones(&mut found.seen);
    Ok(found)
}

/// Of each class one collection is the account's own: one that is called so, else the first.
fn name_the_ones(seen: &mut [SeenFolder]) {
    for class in [Class::Calendar, Class::Contacts, Class::Tasks, Class::Notes] {
        let of_class = || seen.iter().enumerate().filter(|(_, folder)| folder.class == class);
        let called = |folder: &SeenFolder| {
            let name = folder.key.to_ascii_lowercase();
            matches!(name.as_str(), "default" | "personal") || by_name(&name) == Some(class)
        };
        let place = of_class().find(|(_, folder)| called(folder)).or_else(|| of_class().next()).map(|(place, _)| place);
        if let Some(place) = place {
            seen[place].kind = FolderKind::of_class(class, true);
        }
    }
}

/// What a directory holds, by its first item or else its name.
fn class_of(dir: &Path, name: &str, most: u64) -> Option<Class> {
    let mut names: Vec<_> = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort();
    let items = names.iter().filter_map(|name| name.to_str()).filter(|name| files::is_item(name));
    let about = |name: &str| pim::about(&files::read(&dir.join(name), most).ok()??);
    items.take(FILES_READ).find_map(about).map(|about| about.class).or_else(|| by_name(name))
}

fn by_name(name: &str) -> Option<Class> {
    match name.to_ascii_lowercase().as_str() {
        "calendar" | "calendars" | "events" => Some(Class::Calendar),
        "contacts" | "addressbook" | "people" => Some(Class::Contacts),
        "tasks" | "todo" | "todos" => Some(Class::Tasks),
        "notes" | "journal" => Some(Class::Notes),
        _ => None,
    }
}

/// What people call it, if that is a name and no other is called so.
fn free_path(dir: &Path, name: &str, taken: &mut HashSet<String>) -> String {
    let called = files::read(&dir.join(DISPLAY_NAME), MAX_NAME_BYTES).ok().flatten();
    let called = called.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()).map(|text| text.trim().to_owned());
    let called = called.filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
    let path = part_of_path(called.as_deref().unwrap_or(name));
    let path = if taken.contains(&path) { format!("{path} ({})", part_of_path(name)) } else { path };
    taken.insert(path.clone());
    path
}
