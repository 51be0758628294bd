//! What is told of a folder, as elements: what is new is fetched, as much as one answer may hold.

use std::collections::HashMap;

use super::collection::Collection;
use super::folder::{SyncError, Work};
use super::held::Delta;
use super::look::{Looked, Tell, item_of};
use crate::eas::content::data;
use crate::eas::{Call, ItemId, email};
use crate::store::{Change, Class, FolderId, Item, Token, Uid, Wanted};
use crate::wbxml::tags::air_sync as tag;
use crate::wbxml::{Content, Element};

/// Items that are fetched at a time: as many may be in memory whole.
const FETCH: usize = 16;

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
    let Looked { tells, token, more } = looked;
    let mut rendered = Rendered { token, more, ..Rendered::default() };
    let mut bytes = 0;
    for batch in tells.chunks(FETCH) {
        let mut items = fetch(work.call, collection.class, folder, batch).await?;
        for (told, change) in batch {
            let Some(element) = one(work.call, collection, folder, (*told, change), &mut items) else { continue };
            bytes += size(&element);
            if bytes > work.site.mail.eas.config.max_sync_answer && !rendered.commands.is_empty() {
                cut(&mut rendered, collection, change);
                return Ok(rendered);
            }
            rendered.commands.push(element);
            let is_held = matches!(told, Tell::Add | Tell::Change);
            rendered.difference.insert(change.uid.0, is_held.then(|| item_of(collection.class, change)));
        }
    }
    Ok(rendered)
}

/// `change` and what is behind it comes with the next answer.
fn cut(rendered: &mut Rendered, collection: &mut Collection, change: &Change) {
    rendered.more = true;
    rendered.token = rendered.token.map(|token| Token { modseq: change.modseq - 1, paging: None, ..token });
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
    let items = call.account.store.fetch(folder, &uids, Wanted::Whole).await?;
    Ok(items.into_iter().map(|item| (item.uid, item)).collect())
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
fn size(element: &Element) -> usize {
    let content = element.content.iter().map(|content| match content {
        Content::Element(element) => size(element),
        Content::Text(text) => text.len() + 2,
        Content::Opaque(bytes) => bytes.len() + 4,
    });
    2 + content.sum::<usize>()
}
