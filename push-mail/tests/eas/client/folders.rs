//! The folder hierarchy: FolderSync, FolderCreate, FolderDelete, FolderUpdate ([MS-ASCMD] 2.2.1.2 to 2.2.1.6).

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::folder_hierarchy as f;

use super::Phone;
use super::answer::{number, status, text};

/// A folder as the phone knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FolderRow {
    pub(crate) parent: String,
    pub(crate) name: String,
    /// 2 is the inbox, 12 a folder of the user's own ([MS-ASCMD] 2.2.3.186.3).
    pub(crate) kind: u8,
}

pub(crate) fn folder_sync_of(key: &str) -> Element {
    Element::new(f::FOLDER_SYNC).with_text(f::SYNC_KEY, key)
}

impl Phone {
    /// Asks for what is new of the hierarchy; the status.
    pub(crate) async fn try_folder_sync(&mut self) -> u16 {
        let answer = self.document("FolderSync", &folder_sync_of(&self.tree_key)).await;
        let told = status(&answer, f::STATUS);
        if told != 1 {
            assert!(answer.child(f::CHANGES).is_none(), "{answer:?}");
            return told;
        }
        let key = text(&answer, f::SYNC_KEY);
        assert!((1..=64).contains(&key.len()) && key != "0", "{answer:?}");
        let changes = answer.child(f::CHANGES).unwrap_or_else(|| panic!("no changes: {answer:?}"));
        if self.tree_key == "0" {
            self.tree.clear();
        }
        self.tree_key = key;
        self.apply_tree(changes);
        told
    }

    pub(crate) async fn folder_sync(&mut self) {
        assert_eq!(self.try_folder_sync().await, 1);
    }

    fn apply_tree(&mut self, changes: &Element) {
        let mut count = 0;
        for change in changes.elements().filter(|element| element.tag != f::COUNT) {
            count += 1;
            let id = text(change, f::SERVER_ID);
            assert!((1..=64).contains(&id.len()), "{change:?}");
            if change.tag == f::DELETE {
                assert!(self.tree.remove(&id).is_some(), "deleted, but never told: {change:?}");
                self.held.remove(&id);
                continue;
            }
            let row = FolderRow {
                parent: text(change, f::PARENT_ID),
                name: text(change, f::DISPLAY_NAME),
                kind: status(change, f::TYPE).try_into().expect("a kind"),
            };
            assert!((1..=19).contains(&row.kind), "{change:?}");
            assert!(!row.name.is_empty(), "{change:?}");
            let before = self.tree.insert(id, row.clone());
            match change.tag {
                tag if tag == f::ADD => assert_eq!(before, None, "added twice: {change:?}"),
                tag if tag == f::UPDATE => assert_ne!(before, None, "updated, but never told: {change:?}"),
                _ => panic!("no such change: {change:?}"),
            }
        }
        let told: usize = number(changes.child(f::COUNT).expect("a count"));
        assert_eq!(told, count, "{changes:?}");
        for (id, row) in &self.tree {
            assert!(row.parent == "0" || self.tree.contains_key(&row.parent), "{id} {row:?} has no parent");
        }
    }

    /// The id of the folder of that name; the inbox by `Inbox`, in any case.
    pub(crate) fn folder(&self, name: &str) -> String {
        let found = self.tree.iter().find(|(_, row)| row.name.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("no folder {name:?}: {:?}", self.tree)).0.clone()
    }

    pub(crate) fn inbox(&self) -> String {
        self.folder_of_kind(2)
    }

    /// The first folder of a kind.
    pub(crate) fn folder_of_kind(&self, kind: u8) -> String {
        let found = self.tree.iter().find(|(_, row)| row.kind == kind);
        found.unwrap_or_else(|| panic!("no folder of kind {kind}: {:?}", self.tree)).0.clone()
    }

    /// The id of the new folder, or the status that refuses it.
    pub(crate) async fn folder_create(&mut self, parent: &str, name: &str, kind: u8) -> Result<String, u16> {
        let request = Element::new(f::FOLDER_CREATE)
            .with_text(f::SYNC_KEY, &self.tree_key)
            .with_text(f::PARENT_ID, parent)
            .with_text(f::DISPLAY_NAME, name)
            .with_text(f::TYPE, kind);
        let answer = self.changed_tree("FolderCreate", &request).await?;
        let id = text(&answer, f::SERVER_ID);
        let row = FolderRow { parent: parent.to_owned(), name: name.to_owned(), kind };
        assert_eq!(self.tree.insert(id.clone(), row), None, "an id twice: {answer:?}");
        Ok(id)
    }

    pub(crate) async fn folder_delete(&mut self, id: &str) -> Result<(), u16> {
        let request = Element::new(f::FOLDER_DELETE).with_text(f::SYNC_KEY, &self.tree_key).with_text(f::SERVER_ID, id);
        self.changed_tree("FolderDelete", &request).await?;
        self.tree.remove(id);
        self.held.remove(id);
        Ok(())
    }

    pub(crate) async fn folder_update(&mut self, id: &str, parent: &str, name: &str) -> Result<(), u16> {
        let request = Element::new(f::FOLDER_UPDATE)
            .with_text(f::SYNC_KEY, &self.tree_key)
            .with_text(f::SERVER_ID, id)
            .with_text(f::PARENT_ID, parent)
            .with_text(f::DISPLAY_NAME, name);
        self.changed_tree("FolderUpdate", &request).await?;
        let row = self.tree.get_mut(id).expect("a folder that is known");
        (row.parent, row.name) = (parent.to_owned(), name.to_owned());
        Ok(())
    }

    async fn changed_tree(&mut self, command: &'static str, request: &Element) -> Result<Element, u16> {
        let answer = self.document(command, request).await;
        match status(&answer, f::STATUS) {
            1 => {
                let key = text(&answer, f::SYNC_KEY);
                assert_ne!(key, self.tree_key, "{command} changes the tree: {answer:?}");
                self.tree_key = key;
                Ok(answer)
            }
            refused => {
                assert!(answer.child(f::SYNC_KEY).is_none(), "{command} failed: {answer:?}");
                assert!(answer.child(f::SERVER_ID).is_none(), "{command} failed: {answer:?}");
                Err(refused)
            }
        }
    }
}
