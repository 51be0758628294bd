//! What is told of a folder, as elements: what is new is fetched, as much as one answer may hold.

use std::collections::HashMap;

use bytes::Bytes;

use super::collection::Collection;
use super::folder::{SyncError, Work};
use super::held::Delta;
use super::look::{Looked, Tell, item_of};
use crate::eas::content::data;
use crate::eas::{Call, ItemId, email};
use crate::store::{Change, Class, FolderId, Item, StoreError, StoreErrorKind, Token, Uid, Wanted};
use crate::wbxml::tags::air_sync as tag;
use crate::wbxml::{Content, Element};

/// Items that are fetched at a time: as many may be in memory whole.
const FETCH: usize = 4;

/// Bytes of text that are told of a message that is too large.
const PREVIEW: usize = 1024;

/// What is told.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) commands: Vec<Element>,
    /// What the device holds other than before, once it has the answer.
    pub(super) difference: Delta,
    pub(super) token: Option<Token>,
    pub(super) more: bool,
}

pub(super) async fn commands(
    work: &Work<'_>,
    folder: FolderId,
    collection: &mut Collection,
    looked: Looked,
) -> Result<Rendered, SyncError> {
    let Looked { tells, token, more, is_in_order } = looked;
    let mut rendered = Rendered { token, more, ..Rendered::default() };
    for batch in tells.chunks(FETCH) {
        let mut items = fetch(work.call, collection.class, folder, batch).await?;
        for (told, change) in batch {
            let is_unreadable = items.get(&change.uid).is_some_and(|item| item.raw.is_none());
            let element = one(work.call, collection, folder, (*told, change), &mut items);
            // What cannot be read counts as told: else it would be found again and again.
            if element.is_none() && !is_unreadable {
                continue;
            }
            if element.as_ref().is_some_and(|element| !work.budget.take(size(element))) {
                cut(&mut rendered, collection, change, is_in_order);
                return Ok(rendered);
            }
            rendered.commands.extend(element);
            let is_held = matches!(told, Tell::Add | Tell::Change);
            rendered.difference.insert(change.uid.0, is_held.then(|| item_of(collection.class, change)));
        }
    }
    Ok(rendered)
}

/// `change` and what is behind it comes with the next answer.
fn cut(rendered: &mut Rendered, collection: &mut Collection, change: &Change, is_in_order: bool) {
    rendered.more = true;
    rendered.token = match change.modseq.checked_sub(1) {
        // What is told is no beginning of the log: all has to be compared again.
        _ if !is_in_order => None,
        Some(modseq) => rendered.token.map(|token| Token { modseq, paging: None, ..token }),
        // One that has grown old: those stand behind all changes.
        None => rendered.token,
    };
    // What has grown old may have been behind it.
    collection.aged = 0;
}

/// The items of which more is told than that they are gone.
async fn fetch(
    call: &Call,
    class: Class,
    folder: FolderId,
    batch: &[(Tell, Change)],
) -> Result<HashMap<Uid, Item>, SyncError> {
    let is_wanted = |told: &Tell| *told == Tell::Add || *told == Tell::Change && class != Class::Email;
    let wanted = batch.iter().filter(|(told, _)| is_wanted(told));
    let uids: Vec<Uid> = wanted.map(|(_, change)| change.uid).collect();
    if uids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut items = whole(call, folder, &uids).await?;
    let withheld: Vec<Uid> = items.values().filter(|item| item.raw.is_none()).map(|item| item.uid).collect();
    if class == Class::Email && !withheld.is_empty() {
        let wanted = Wanted::Summary { preview_bytes: PREVIEW };
        for item in call.account.store.fetch(folder, &withheld, wanted).await? {
            let raw = Some(stub(&item));
            items.insert(item.uid, Item { raw, ..item });
        }
    }
    Ok(items)
}

/// Items with all that is in them; without it those that are too large. One of them must not keep the others from being
/// told.
async fn whole(call: &Call, folder: FolderId, uids: &[Uid]) -> Result<HashMap<Uid, Item>, StoreError> {
    let store = &call.account.store;
    let by_uid = |items: Vec<Item>| items.into_iter().map(|item| (item.uid, item));
    match store.fetch(folder, uids, Wanted::Whole).await {
        Err(error) if error.kind() == StoreErrorKind::Invalid => {}
        items => return Ok(by_uid(items?).collect()),
    }
    let mut all = HashMap::new();
    for uid in uids {
        let items = match store.fetch(folder, &[*uid], Wanted::Whole).await {
            Err(error) if error.kind() == StoreErrorKind::Invalid => {
                tracing::warn!(account = &*call.account.name, %folder, %uid, %error, "an item is not told whole");
                store.fetch(folder, &[*uid], Wanted::Flags).await?
            }
            items => items?,
        };
        all.extend(by_uid(items));
    }
    Ok(all)
}

/// A message in the place of one that is too large: who sent it, what it is about, and how it begins.
fn stub(item: &Item) -> Bytes {
    let summary = &item.summary;
    let mut raw = String::from("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
    // Summaries have no control characters: none of them ends its line.
    let fields = [("From", &summary.from), ("Subject", &summary.subject)];
    for (name, text) in fields.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        raw.extend([name, ": ", text, "\r\n"]);
    }
    let begins = summary.preview.as_deref().unwrap_or_default();
    raw.extend(["\r\n[This message is too large for this device.]\r\n\r\n", begins, "\r\n"]);
    raw.into()
}

/// `None` for an item that is gone by now: that it is, is told later, if it is known at all.
fn one(
    call: &Call,
    collection: &Collection,
    folder: FolderId,
    (told, change): (Tell, &Change),
    items: &mut HashMap<Uid, Item>,
) -> Option<Element> {
    let at = ItemId { folder, uid: change.uid };
    let named = |kind| Element::new(kind).with_text(tag::SERVER_ID, at);
    let content = |data| Element::new(tag::APPLICATION_DATA).with_all(data);
    match told {
        Tell::Delete => Some(named(tag::DELETE)),
        Tell::SoftDelete => Some(named(tag::SOFT_DELETE)),
        Tell::Change if collection.class == Class::Email => {
            Some(named(tag::CHANGE).with(content(email::changed_data(change.flags))))
        }
        Tell::Add | Tell::Change => {
            let item = items.remove(&change.uid)?;
            let kind = if told == Tell::Add { tag::ADD } else { tag::CHANGE };
            let data = data(call, collection.class, &item, (at, change.flags), &collection.options.view)?;
            Some(named(kind).with(content(data)))
        }
    }
}

/// About as many bytes as it takes.
pub(super) fn size(element: &Element) -> usize {
    let content = element.content.iter().map(|content| match content {
        Content::Element(element) => size(element),
        Content::Text(text) => text.len() + 2,
        Content::Opaque(bytes) => bytes.len() + 4,
    });
    2 + content.sum::<usize>()
}
