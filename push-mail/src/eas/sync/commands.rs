//! What a device changes in a folder. It holds the result, and is not told of it.

use super::collection::Collection;
use super::folder::{SyncError, Work};
use super::held::{Held, Item as HeldItem};
use super::render::size;
use super::request::Command;
use crate::eas::content::data;
use crate::eas::{ItemId, email};
use crate::store::{self, Class, Flags, FolderId, FolderKind, StoreError, StoreErrorKind, Uid, Wanted};
use crate::wbxml::tags::air_sync as tag;
use crate::wbxml::{Element, Tag};

/// The statuses of a single command ([MS-ASCMD] 2.2.3.177.17).
const OK: u8 = 1;
const SERVER: u8 = 5;
pub(super) const CONVERSION: u8 = 6;
pub(super) const CONFLICT: u8 = 7;
pub(super) const NOT_FOUND: u8 = 8;

/// What the failure of one command is called; the others go on.
pub(super) fn status(error: &StoreError) -> u8 {
    match error.kind() {
        StoreErrorKind::NoSuchItem | StoreErrorKind::NoSuchFolder => NOT_FOUND,
        StoreErrorKind::Invalid | StoreErrorKind::Unsupported => CONVERSION,
        _ => {
            tracing::warn!(%error, "what a device changes cannot be changed");
            SERVER
        }
    }
}

/// What is answered to a command of that name that has failed.
fn failed(command: Tag, id: &str, status: u8) -> Element {
    Element::new(command).with_text(tag::SERVER_ID, id).with_text(tag::STATUS, status)
}

impl Work<'_> {
    /// Does what the device asks for, in order. Returns what it is answered: of what has worked only what it cannot know.
    pub(super) async fn apply(
        &self,
        folder: FolderId,
        collection: &mut Collection,
        held: &mut Held<'_>,
    ) -> Result<Vec<Element>, SyncError> {
        let mut responses = Vec::new();
        for command in &self.asked.commands {
            let response = match command {
                Command::Add { client_id, .. } if collection.class == Class::Email => {
                    let answer = Element::new(tag::ADD).with_text(tag::CLIENT_ID, client_id);
                    Some(answer.with_text(tag::STATUS, CONVERSION))
                }
                Command::Add { client_id, data } => Some(self.add(folder, collection, held, (client_id, data)).await?),
                Command::Change { id, data, element } => {
                    let done = self.change(folder, collection, held, (id, data, element)).await?;
                    done.err().map(|status| failed(tag::CHANGE, id, status))
                }
                Command::Delete { id, instance } => {
                    let done = self.delete(folder, collection, held, (id, instance.as_deref())).await?;
                    done.err().map(|status| failed(tag::DELETE, id, status))
                }
                Command::Fetch { id } => Some(self.fetch(folder, collection, id).await),
            };
            responses.extend(response);
        }
        Ok(responses)
    }

    /// The item of that name, and how the device holds it.
    fn held(&self, folder: FolderId, held: &mut Held<'_>, id: &str) -> Result<Result<(Uid, HeldItem), u8>, SyncError> {
        let Some(uid) = id.parse::<ItemId>().ok().filter(|id| id.folder == folder).map(|id| id.uid) else {
            return Ok(Err(NOT_FOUND));
        };
        Ok(held.get(uid.0)?.map(|item| (uid, item)).ok_or(NOT_FOUND))
    }

    async fn change(
        &self,
        folder: FolderId,
        collection: &Collection,
        held: &mut Held<'_>,
        (id, data, element): (&str, &Element, &Element),
    ) -> Result<Result<(), u8>, SyncError> {
        let (uid, item) = match self.held(folder, held, id)? {
            Ok(found) => found,
            Err(status) => return Ok(Err(status)),
        };
        if collection.class != Class::Email {
            return self.change_item(folder, collection, held, (uid, data, element)).await;
        }
        let Some(marks) = email::marks(data) else { return Ok(Err(CONVERSION)) };
        if !marks.is_empty() {
            let command = store::Command::Mark { folder, uid, add: marks.add, remove: marks.remove };
            if let Err(error) = self.call.account.store.apply(command).await {
                return Ok(Err(status(&error)));
            }
        }
        // What others changed meanwhile is told: the device holds its own marks beside those that it was told.
        let marked = Flags(item.marks as u8).with(marks.add).without(marks.remove);
        held.set(uid.0, Some(HeldItem { marks: u32::from(marked.0 & email::SHOWN.0), ..item }));
        Ok(Ok(()))
    }

    async fn delete(
        &self,
        folder: FolderId,
        collection: &Collection,
        held: &mut Held<'_>,
        (id, instance): (&str, Option<&str>),
    ) -> Result<Result<(), u8>, SyncError> {
        let (uid, _) = match self.held(folder, held, id)? {
            Ok(found) => found,
            Err(status) => return Ok(Err(status)),
        };
        if let Some(instance) = instance {
            return self.delete_instance(folder, collection, held, (uid, instance)).await;
        }
        let trash = self.trash(folder, collection.class).await?;
        let command = match trash {
            Some(to) => store::Command::Move { folder, uid, to },
            None => store::Command::Delete { folder, uid },
        };
        match self.call.account.store.apply(command).await {
            // Somebody else was faster.
            Err(error) if error.kind() == StoreErrorKind::NoSuchItem => {}
            Err(error) => return Ok(Err(status(&error))),
            Ok(_) => {}
        }
        held.set(uid.0, None);
        Ok(Ok(()))
    }

    /// Where what is deleted here goes to; `None` for nowhere.
    async fn trash(&self, folder: FolderId, class: Class) -> Result<Option<FolderId>, SyncError> {
        if !self.asked.deletes_as_moves || class != Class::Email {
            return Ok(None);
        }
        let tree = self.call.account.store.hierarchy().await?;
        let trash = tree.folders.iter().find(|one| one.kind == FolderKind::Trash);
        Ok(trash.map(|trash| trash.id).filter(|trash| *trash != folder))
    }

    async fn fetch(&self, folder: FolderId, collection: &Collection, id: &str) -> Element {
        let at = id.parse::<ItemId>().ok().filter(|at| at.folder == folder);
        let Some(at) = at else { return failed(tag::FETCH, id, NOT_FOUND) };
        if self.budget.is_empty() {
            return failed(tag::FETCH, id, SERVER);
        }
        let items = match self.call.account.store.fetch(folder, &[at.uid], Wanted::Whole).await {
            Ok(items) => items,
            Err(error) => return failed(tag::FETCH, id, status(&error)),
        };
        let Some(item) = items.first() else { return failed(tag::FETCH, id, NOT_FOUND) };
        match data(self.call, collection.class, item, (at, item.flags), &collection.options.view) {
            Some(data) => {
                let fetched = failed(tag::FETCH, id, OK).with(Element::new(tag::APPLICATION_DATA).with_all(data));
                if self.budget.take(size(&fetched)) { fetched } else { failed(tag::FETCH, id, SERVER) }
            }
            None => failed(tag::FETCH, id, CONVERSION),
        }
    }
}
