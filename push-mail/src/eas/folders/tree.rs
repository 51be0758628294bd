//! The folders as a device was told of them, and what has changed since; pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::{Folder, FolderId, Hierarchy, name_of_part};
use crate::wbxml::tags::folder_hierarchy as tag;
use crate::wbxml::{Element, Tag};

/// The key that begins.
const FIRST_KEY: &str = "0";

/// The parent of a folder at the top ([MS-ASCMD] 2.2.3.123.5, ParentId).
pub(super) const ROOT: u32 = 0;

/// A folder as a device is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) parent: u32,
    pub(super) kind: u8,
}

/// By number.
pub(super) type Tree = BTreeMap<u32, Shown>;

/// The folders of an account. One whose parent is no folder is at the nearest that is one, under the rest of its path.
pub(super) fn tree_of(hierarchy: &Hierarchy) -> Tree {
    let by_path: BTreeMap<&str, FolderId> = hierarchy.folders.iter().map(|folder| (&*folder.path, folder.id)).collect();
    let shown = |folder: &Folder| {
        let above = folder.path.match_indices('/').map(|(place, _)| place).rev();
        let parent = above.into_iter().find_map(|place| by_path.get(&folder.path[..place]).map(|id| (*id, place)));
        let (parent, rest) = match parent {
            Some((id, place)) => (id.0, &folder.path[place + 1..]),
            None => (ROOT, &*folder.path),
        };
        let name = rest.split('/').map(name_of_part).collect::<Vec<_>>().join("/");
        (folder.id.0, Shown { name, parent, kind: folder.kind as u8 })
    };
    hierarchy.folders.iter().map(shown).collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    key: String,
    tree: Tree,
}

/// What a device was told of the folders: with the last two keys, as one of them may never have arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    count: u64,
    shown: Option<Point>,
    given: Option<Point>,
}

impl Told {
    /// What a device that shows `key` knows; `None` if it is not one of its last two.
    pub(super) fn show(&mut self, key: &str) -> Option<Tree> {
        if key == FIRST_KEY {
            (self.shown, self.given) = (None, None);
            return Some(Tree::new());
        }
        if self.given.as_ref().is_some_and(|given| given.key == key) {
            self.shown = self.given.take();
        }
        let shown = self.shown.as_ref().filter(|shown| shown.key == key)?;
        // Whatever was told after it was lost.
        self.given = None;
        Some(shown.tree.clone())
    }

    /// Gives it a new key, with which it knows `tree`.
    pub(super) fn give(&mut self, tree: Tree, random: u32) -> String {
        self.count += 1;
        let key = format!("{}-{random:08x}", self.count);
        self.given = Some(Point { key: key.clone(), tree });
        key
    }

    /// What it knows by now, unless the answer with the key `lost` was the one that told it.
    pub(super) fn known(&self, lost: Option<&str>) -> Option<&Tree> {
        let given = self.given.as_ref().filter(|given| lost != Some(&given.key));
        given.or(self.shown.as_ref()).map(|point| &point.tree)
    }
}

/// What a device that knows `before` is told, so that it knows `now`. In the order of the schema of [MS-ASCMD]: what is
/// changed, gone, and new; children gone before their parents, parents before their children.
pub(super) fn changes(before: &Tree, now: &Tree) -> Element {
    let changed = now.iter().filter(|(id, shown)| before.get(id).is_some_and(|before| before != *shown));
    let mut changes: Vec<Element> = changed.map(|(id, shown)| one(tag::UPDATE, *id, shown)).collect();
    let mut gone: Vec<u32> = before.keys().copied().filter(|id| !now.contains_key(id)).collect();
    gone.sort_by_key(|id| std::cmp::Reverse(depth(before, *id)));
    changes.extend(gone.iter().map(|id| Element::new(tag::DELETE).with_text(tag::SERVER_ID, id)));
    let mut added: Vec<u32> = now.keys().copied().filter(|id| !before.contains_key(id)).collect();
    added.sort_by_key(|id| depth(now, *id));
    changes.extend(added.iter().map(|id| one(tag::ADD, *id, &now[id])));
    Element::new(tag::CHANGES).with_text(tag::COUNT, changes.len()).with_all(changes)
}

fn depth(tree: &Tree, id: u32) -> usize {
    // Paths are finite: so are these.
    std::iter::successors(tree.get(&id), |shown| tree.get(&shown.parent)).take(tree.len()).count()
}

fn one(kind: Tag, id: u32, shown: &Shown) -> Element {
    Element::new(kind)
        .with_text(tag::SERVER_ID, id)
        .with_text(tag::PARENT_ID, shown.parent)
        .with_text(tag::DISPLAY_NAME, &shown.name)
        .with_text(tag::TYPE, shown.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Class, FolderKind};

    fn hierarchy(paths: &[(u32, &str)]) -> Hierarchy {
        let folder = |(id, path): &(u32, &str)| Folder {
            id: FolderId(*id),
            path: (*path).to_owned(),
            kind: FolderKind::by_name(path),
            class: Class::Email,
        };
        Hierarchy { version: 1, folders: paths.iter().map(folder).collect() }
    }

    #[test]
    fn a_folder_is_below_the_nearest_that_is_one() {
        let tree = tree_of(&hierarchy(&[(1, "INBOX"), (2, "a"), (3, "a/b"), (4, "a/x/y"), (5, "n/o"), (6, "p%2Fq")]));
        let shown = |id: u32| (tree[&id].name.as_str(), tree[&id].parent, tree[&id].kind);
        assert_eq!(shown(1), ("INBOX", 0, 2));
        assert_eq!(shown(3), ("b", 2, 12));
        assert_eq!(shown(4), ("x/y", 2, 12));
        assert_eq!(shown(5), ("n/o", 0, 12));
        assert_eq!(shown(6), ("p/q", 0, 12));
    }

    #[test]
    fn what_has_changed_is_told_in_the_order_of_the_schema() {
        let before = tree_of(&hierarchy(&[(1, "INBOX"), (2, "a"), (3, "a/b")]));
        let now = tree_of(&hierarchy(&[(1, "INBOX"), (9, "z"), (4, "z/y"), (3, "b")]));
        let told = changes(&before, &now);
        let names: Vec<_> = told
            .elements()
            .skip(1)
            .map(|change| (change.tag.name().expect("known"), change.child_text(tag::SERVER_ID).expect("an id")))
            .collect();
        let expected = [("Update", "3"), ("Delete", "2"), ("Add", "9"), ("Add", "4")];
        assert_eq!(names, expected.map(|(kind, id)| (kind, id.to_owned())));
        assert_eq!(told.child_text(tag::COUNT).as_deref(), Some("4"));
        assert_eq!(changes(&now, &now).elements().count(), 1);
    }

    #[test]
    fn the_last_two_keys_are_known() {
        let tree = tree_of(&hierarchy(&[(1, "INBOX")]));
        let mut told = Told::default();
        assert_eq!((told.show("1-00000000"), told.known(None)), (None, None));
        assert_eq!(told.show("0"), Some(Tree::new()));
        let first = told.give(tree.clone(), 1);
        assert_eq!(told.known(Some(&first)), None, "it was lost, and nothing was told before");
        assert_eq!(told.show(&first), Some(tree.clone()));
        let second = told.give(Tree::new(), 2);
        assert_eq!((told.known(Some(&second)), told.known(None)), (Some(&tree), Some(&Tree::new())));
        assert_eq!(told.show(&first), Some(tree.clone()));
        assert_eq!(told.known(None), Some(&tree), "the answer was lost");
        let third = told.give(Tree::new(), 3);
        assert_eq!(told.show(&second), None);
        assert_eq!((told.show(&third), told.show(&first)), (Some(Tree::new()), None));
    }
}
