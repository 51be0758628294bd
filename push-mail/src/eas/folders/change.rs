//! `FolderCreate`, `FolderDelete`, `FolderUpdate`: what a device changes in the tree, and knows without being told.

use super::tree::{ROOT, Shown, Told, Tree, tree_of};
use super::{FolderStatus, PART, refusal};
use crate::eas::{Answer, Call, Status};
use crate::http::Site;
use crate::store::{Class, Command, Folder, FolderId, FolderKind, Hierarchy, part_of_path};
use crate::wbxml::tags::folder_hierarchy as tag;
use crate::wbxml::{Element, Tag};

/// Longest name of a folder, in characters ([MS-ASCMD] 2.2.3.47.2, DisplayName).
const MAX_NAME: usize = 256;

/// The type of the folder in which Exchange keeps whom a user has written to.
const RECIPIENTS: u8 = 19;

/// What is needed by all three.
struct Change<'a> {
    call: &'a Call,
    document: &'a Element,
}

/// What came of it: the folder that is new, and its number.
type Changed = Result<Option<FolderId>, FolderStatus>;

pub(in crate::eas) async fn create(site: &Site, call: &Call) -> Result<Answer, Status> {
    Ok(change(site, call, tag::FOLDER_CREATE).await)
}

pub(in crate::eas) async fn delete(site: &Site, call: &Call) -> Result<Answer, Status> {
    Ok(change(site, call, tag::FOLDER_DELETE).await)
}

pub(in crate::eas) async fn update(site: &Site, call: &Call) -> Result<Answer, Status> {
    Ok(change(site, call, tag::FOLDER_UPDATE).await)
}

async fn change(site: &Site, call: &Call, command: Tag) -> Answer {
    match try_change(site, call, command).await {
        Ok(answer) => Answer::Document(answer),
        Err(status) => refusal(command, status),
    }
}

async fn try_change(site: &Site, call: &Call, command: Tag) -> Result<Element, FolderStatus> {
    let document = call.document.as_ref().filter(|document| document.tag == command);
    let document = document.ok_or(FolderStatus::Malformed)?;
    let key = document.child_text(tag::SYNC_KEY).ok_or(FolderStatus::Malformed)?;
    let _turn = site.mail.direct.devices.turn(&call.id).await;
    let mut told: Told = site.mail.eas.rows.load(&call.id, PART)?.unwrap_or_default();
    let known = told.show(&key).filter(|_| key != "0").ok_or(FolderStatus::BadKey)?;
    let change = Change { call, document };
    let before = call.account.store.hierarchy().await?;
    let made = match command {
        tag::FOLDER_CREATE => change.create(&before).await?,
        tag::FOLDER_DELETE => change.delete(&before).await?,
        _ => change.update(&before).await?,
    };
    let after = call.account.store.hierarchy().await?;
    let key = told.give(with_own(known, &before, &after), getrandom::u32().unwrap_or_default());
    site.mail.eas.rows.save(&call.id, PART, &told).await?;
    let answer = Element::new(command).with_text(tag::STATUS, 1).with_text(tag::SYNC_KEY, key);
    Ok(match made {
        Some(id) => answer.with_text(tag::SERVER_ID, id),
        None => answer,
    })
}

/// What the device knows after its own change: what differs between `before` and `after`, and nothing that others did
/// earlier.
fn with_own(mut known: Tree, before: &Hierarchy, after: &Hierarchy) -> Tree {
    let (before, after) = (tree_of(before), tree_of(after));
    for (id, shown) in &after {
        if before.get(id) != Some(shown) {
            known.insert(*id, Shown::clone(shown));
        }
    }
    known.retain(|id, _| after.contains_key(id) || !before.contains_key(id));
    known
}

impl Change<'_> {
    /// The folder that is named.
    fn folder<'h>(&self, hierarchy: &'h Hierarchy) -> Result<&'h Folder, FolderStatus> {
        let id = self.document.child_text(tag::SERVER_ID).ok_or(FolderStatus::Malformed)?;
        let id = id.parse().map_err(|_| FolderStatus::NotFound)?;
        hierarchy.get(id).ok_or(FolderStatus::NotFound)
    }

    /// One that is not there for a purpose.
    fn own_folder<'h>(&self, hierarchy: &'h Hierarchy) -> Result<&'h Folder, FolderStatus> {
        let folder = self.folder(hierarchy)?;
        if is_special(folder.kind) { Err(FolderStatus::Special) } else { Ok(folder) }
    }

    /// The path that is asked for: the parent's, and the name.
    fn path(&self, hierarchy: &Hierarchy) -> Result<String, FolderStatus> {
        let parent = self.document.child_text(tag::PARENT_ID).ok_or(FolderStatus::Malformed)?;
        let name = self.document.child_text(tag::DISPLAY_NAME).ok_or(FolderStatus::Malformed)?;
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(FolderStatus::Malformed);
        }
        let part = part_of_path(&name);
        if parent == ROOT.to_string() {
            return Ok(part);
        }
        let parent = parent.parse().ok().and_then(|id| hierarchy.get(id)).ok_or(FolderStatus::NoParent)?;
        Ok(format!("{}/{part}", parent.path))
    }

    async fn create(&self, hierarchy: &Hierarchy) -> Changed {
        let kind = self.document.child_text(tag::TYPE).and_then(|text| text.trim().parse::<u8>().ok());
        let class = match kind {
            Some(1 | 12) => Class::Email,
            Some(13) => Class::Calendar,
            Some(14) => Class::Contacts,
            Some(15) => Class::Tasks,
            Some(17) => Class::Notes,
            Some(RECIPIENTS) => return Err(FolderStatus::Special),
            // Folders for a purpose are there.
            _ => return Err(FolderStatus::Malformed),
        };
        let path = self.path(hierarchy)?;
        let is_there =
            |hierarchy: &Hierarchy| hierarchy.folders.iter().find(|folder| folder.path == path).map(|folder| folder.id);
        if is_there(hierarchy).is_some() {
            return Err(FolderStatus::Exists);
        }
        let store = &self.call.account.store;
        let made = store.apply(making(class, path.clone())).await?.folder;
        match made {
            Some(id) => Ok(Some(id)),
            None => Ok(Some(is_there(&store.hierarchy().await?).ok_or(FolderStatus::ServerError)?)),
        }
    }

    /// Removes the folder and all that are below it.
    async fn delete(&self, hierarchy: &Hierarchy) -> Changed {
        let folder = self.own_folder(hierarchy)?;
        let below = format!("{}/", folder.path);
        let mut gone: Vec<&Folder> = hierarchy.folders.iter().filter(|one| one.path.starts_with(&below)).collect();
        if gone.iter().any(|folder| is_special(folder.kind)) {
            return Err(FolderStatus::Special);
        }
        gone.sort_by_key(|folder| std::cmp::Reverse(folder.path.matches('/').count()));
        gone.push(folder);
        for folder in gone {
            self.call.account.store.apply(Command::DeleteFolder { folder: folder.id }).await?;
        }
        Ok(None)
    }

    async fn update(&self, hierarchy: &Hierarchy) -> Changed {
        let folder = self.folder(hierarchy)?;
        if is_special(folder.kind) {
            // [MS-ASCMD] 2.2.3.177.5 has one status for both.
            return Err(FolderStatus::Exists);
        }
        let path = self.path(hierarchy)?;
        if path == folder.path {
            return Ok(None);
        }
        if path.starts_with(&format!("{}/", folder.path)) {
            return Err(FolderStatus::NoParent);
        }
        if hierarchy.folders.iter().any(|folder| folder.path == path) {
            return Err(FolderStatus::Exists);
        }
        self.call.account.store.apply(Command::RenameFolder { folder: folder.id, path }).await?;
        Ok(None)
    }
}

/// Folders for messages are what every store knows.
fn making(class: Class, path: String) -> Command {
    match class {
        Class::Email => Command::CreateFolder { path },
        class => Command::CreateFolderOf { class, path },
    }
}

fn is_special(kind: FolderKind) -> bool {
    kind != FolderKind::Mail
}
