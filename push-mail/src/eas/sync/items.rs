//! What a device makes and changes of what is no mail: appointments, people, tasks, notes.
//!
//! A device that has missed the answer asks again to make the same: what it made is remembered before it is made, by the
//! name that the device has for it, and found again by its content.

use super::collection::{Collection, Made};
use super::commands::{CONFLICT, CONVERSION, NOT_FOUND, status};
use super::folder::{SyncError, Work};
use super::held::{Held, Item as HeldItem};
use super::look::item_of;
use super::options::Options;
use super::{load, part};
use crate::eas::pim::{self, Omitted};
use crate::eas::{ItemId, Version};
use crate::pim::hash;
use crate::store::{self, Change, ChangeKind, Class, Flags, FolderId, Token, Uid, Wanted};
use crate::wbxml::tags::{air_sync as tag, air_sync_base};
use crate::wbxml::{Element, Tag};

/// Changes that are read at a time where one item is looked for.
const LOOK: usize = 512;

/// What is held of an item with this content. When it ends is told by the next look.
fn holding(class: Class, identity: u64, uid: Uid) -> HeldItem {
    let flags = Flags::default();
    let kind = ChangeKind::New;
    item_of(class, &Change { kind, uid, modseq: 0, class, flags, identity: Some(identity), received_ms: 0 })
}

/// What a change of a device that leaves a property out does to it ([MS-ASCMD] 2.2.3.180, Supported).
fn omitted<'o>(options: &'o Options, class: Class, version: Version, tags: &'o mut Vec<Tag>) -> Omitted<'o> {
    if class == Class::Calendar && version >= Version::V16_1 {
        // [MS-ASCAL] 3.1.4.2: from 16.0 on what is left out stays.
        return Omitted::Stay;
    }
    match &options.supported {
        None => Omitted::Go,
        Some(named) if named.is_empty() => Omitted::Stay,
        Some(named) => {
            tags.extend(named.iter().map(|(page, token)| Tag::new(*page, *token)));
            Omitted::GoIf(tags)
        }
    }
}

impl Work<'_> {
    /// Makes an item, once however often it is asked for. Its answer.
    pub(super) async fn add(
        &self,
        folder: FolderId,
        collection: &mut Collection,
        held: &mut Held<'_>,
        (client_id, data): (&str, &Element),
    ) -> Result<Element, SyncError> {
        let answer = Element::new(tag::ADD).with_text(tag::CLIENT_ID, client_id);
        match self.try_add(folder, collection, (client_id, data)).await? {
            Ok((uid, digest)) => {
                held.set(uid.0, Some(holding(collection.class, digest, uid)));
                Ok(answer.with_text(tag::SERVER_ID, ItemId { folder, uid }).with_text(tag::STATUS, 1))
            }
            Err(status) => Ok(answer.with_text(tag::STATUS, status)),
        }
    }

    async fn try_add(
        &self,
        folder: FolderId,
        collection: &mut Collection,
        (client_id, data): (&str, &Element),
    ) -> Result<Result<(Uid, u64), u8>, SyncError> {
        if let Some(made) = collection.made.iter().find(|made| made.client_id == client_id) {
            let uid = made.uid.map(Uid).map_or_else(|| self.find(folder, made.digest), |uid| Ok(Some(uid)))?;
            if let Some(uid) = uid {
                return Ok(Ok((uid, made.digest)));
            }
        }
        let merged = pim::merge(None, data, collection.class, self.call.version, Omitted::Stay);
        let Ok(raw) = merged else { return Ok(Err(CONVERSION)) };
        let digest = hash(&raw);
        collection.made.retain(|made| made.client_id != client_id);
        let key = collection.shown_key().to_owned();
        collection.made.push(Made { key, client_id: client_id.to_owned(), uid: None, digest });
        self.remember_made(folder, collection).await?;
        let append = store::Command::Append { folder, raw, flags: Flags::default() };
        let uid = match self.call.account.store.apply(append).await {
            Ok(applied) => applied.uid.map_or_else(|| self.find(folder, digest), |uid| Ok(Some(uid)))?,
            Err(error) => return Ok(Err(status(&error))),
        };
        let Some(uid) = uid else { return Ok(Err(CONVERSION)) };
        if let Some(made) = collection.made.last_mut() {
            made.uid = Some(uid.0);
        }
        Ok(Ok((uid, digest)))
    }

    /// Before it is made, so that it is found again whatever happens then. Nothing else of the folder is touched: the
    /// device may never have the answer.
    async fn remember_made(&self, folder: FolderId, collection: &Collection) -> Result<(), SyncError> {
        let rows = &self.site.mail.eas.rows;
        let Some(mut stored) = load(&self.site.mail.eas, &self.call.id, folder)? else { return Ok(()) };
        stored.made.clone_from(&collection.made);
        let row = serde_json::to_vec(&stored).expect("plain data is JSON");
        Ok(rows.write(&self.call.id, vec![(part(folder), Some(row))]).await?)
    }

    /// The item with this content.
    fn find(&self, folder: FolderId, digest: u64) -> Result<Option<Uid>, SyncError> {
        let mut since = Token::START;
        loop {
            let page = self.call.account.store.recorded(folder, since, LOOK)?;
            let is_it = |change: &&Change| change.kind != ChangeKind::Deleted && change.identity == Some(digest);
            if let Some(found) = page.changes.iter().find(is_it) {
                return Ok(Some(found.uid));
            }
            if !page.more {
                return Ok(None);
            }
            since = page.token;
        }
    }

    /// Changes an item's content.
    pub(super) async fn change_item(
        &self,
        folder: FolderId,
        collection: &Collection,
        held: &mut Held<'_>,
        (uid, data, command): (Uid, &Element, &Element),
    ) -> Result<Result<(), u8>, SyncError> {
        let store = &self.call.account.store;
        let items = store.fetch(folder, &[uid], Wanted::Whole).await?;
        let Some(existing) = items.into_iter().next().and_then(|item| item.raw) else { return Ok(Err(NOT_FOUND)) };
        let class = collection.class;
        let has_changed = held.get(uid.0)?.is_none_or(|had| had.marks != holding(class, hash(&existing), uid).marks);
        if has_changed && collection.options.server_wins {
            // What is there is told by the look behind this.
            return Ok(Err(CONFLICT));
        }
        let mut tags = Vec::new();
        let omitted = omitted(&collection.options, class, self.call.version, &mut tags);
        let merged = match command.child_text(air_sync_base::INSTANCE_ID) {
            Some(instance) => pim::merge_instance(&existing, &instance, Some(data), self.call.version),
            None => pim::merge(Some(&existing), data, class, self.call.version, omitted),
        };
        let Ok(raw) = merged else { return Ok(Err(CONVERSION)) };
        self.replace(folder, held, (uid, class), raw).await
    }

    /// Takes one event out of a series.
    pub(super) async fn delete_instance(
        &self,
        folder: FolderId,
        collection: &Collection,
        held: &mut Held<'_>,
        (uid, instance): (Uid, &str),
    ) -> Result<Result<(), u8>, SyncError> {
        let items = self.call.account.store.fetch(folder, &[uid], Wanted::Whole).await?;
        let Some(existing) = items.into_iter().next().and_then(|item| item.raw) else { return Ok(Err(NOT_FOUND)) };
        match pim::merge_instance(&existing, instance, None, self.call.version) {
            Ok(raw) => self.replace(folder, held, (uid, collection.class), raw).await,
            Err(_) => Ok(Err(CONVERSION)),
        }
    }

    async fn replace(
        &self,
        folder: FolderId,
        held: &mut Held<'_>,
        (uid, class): (Uid, Class),
        raw: bytes::Bytes,
    ) -> Result<Result<(), u8>, SyncError> {
        let item = holding(class, hash(&raw), uid);
        if let Err(error) = self.call.account.store.apply(store::Command::Replace { folder, uid, raw }).await {
            return Ok(Err(status(&error)));
        }
        held.set(uid.0, Some(item));
        Ok(Ok(()))
    }
}
