//! Looking through a mailbox: the newest messages first, as many and as long as may be.

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::query::Query;
use super::status;
use crate::eas::{Call, ItemId, Part, email};
use crate::http::Site;
use crate::store::{ChangeKind, Class, FolderId, Hierarchy, Item, StoreError, StoreErrorKind, Token, Uid, Wanted};

/// What was found last for a device.
const PART: Part = Part("search");

/// Messages that are looked into, the newest of all folders.
const MOST_MESSAGES: usize = 2000;

/// How long it may take: phones wait for about a minute.
const MOST_TIME: Duration = Duration::from_secs(25);

/// Items that are remembered: no range goes further ([MS-ASCMD] 2.2.3.143.1).
const MOST_FOUND: usize = 1000;

/// Changes that are read in one step.
const STEP: usize = 1000;

/// Messages that are summed up in one step.
const BATCH: usize = 32;

/// Bytes of a message's text in which words are looked for.
const TEXT_BYTES: usize = 32 * 1024;

/// What a query has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found {
    query: Query,
    /// The newest first.
    pub(super) items: Vec<ItemId>,
    /// Whether there was time for all that was to be looked into.
    pub(super) is_all: bool,
}

/// Where it is looked.
pub(super) struct Engine<'e> {
    pub(super) site: &'e Site,
    pub(super) call: &'e Call,
}

/// The status that a store's error comes to.
fn failed(error: &StoreError) -> u16 {
    match error.kind() {
        StoreErrorKind::NoSuchFolder => status::FOLDER_SYNC,
        StoreErrorKind::NoSuchItem => status::NOT_FOUND,
        StoreErrorKind::Refused => status::DENIED,
        _ => status::SERVER,
    }
}

/// An item with all that is in it, if it is there still.
pub(super) async fn read(call: &Call, at: ItemId) -> Result<Option<Item>, u16> {
    match call.account.store.fetch(at.folder, &[at.uid], Wanted::Whole).await {
        Ok(items) => Ok(items.into_iter().next()),
        Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

impl Engine<'_> {
    /// What was found for the query: anew, or as it was found last.
    pub(super) async fn found(&self, query: &Query, anew: bool) -> Result<Found, u16> {
        let rows = &self.site.mail.eas.rows;
        let known = if anew { None } else { rows.load::<Found>(&self.call.id, PART).map_err(|_| status::SERVER)? };
        if let Some(known) = known.filter(|known| known.query == *query) {
            return Ok(known);
        }
        let found = self.look(query).await?;
        rows.save(&self.call.id, PART, &found).await.map_err(|_| status::SERVER)?;
        Ok(found)
    }

    /// Whether the query is the last that was looked for.
    pub(super) fn is_known(&self, query: &Query) -> Result<bool, u16> {
        let known = self.site.mail.eas.rows.load::<Found>(&self.call.id, PART).map_err(|_| status::SERVER)?;
        Ok(known.is_some_and(|known| known.query == *query))
    }

    async fn look(&self, query: &Query) -> Result<Found, u16> {
        let until = Instant::now() + MOST_TIME;
        let mut found = Found { query: query.clone(), items: Vec::new(), is_all: true };
        let Ok(candidates) = timeout_at(until, self.candidates(query)).await else {
            return Ok(Found { is_all: false, ..found });
        };
        for batch in candidates?.chunks(BATCH) {
            match timeout_at(until, self.matching(query, batch)).await {
                Ok(matching) => found.items.extend(matching?),
                Err(_) => {
                    found.is_all = false;
                    break;
                }
            }
            if found.items.len() >= MOST_FOUND {
                found.items.truncate(MOST_FOUND);
                break;
            }
        }
        Ok(found)
    }

    /// The folders that are looked through.
    fn folders(tree: &Hierarchy, query: &Query) -> Result<Vec<FolderId>, u16> {
        let mail = || tree.folders.iter().filter(|folder| folder.class == Class::Email);
        if query.is_nothing {
            return Ok(Vec::new());
        }
        if query.folders.is_empty() {
            return Ok(mail().map(|folder| folder.id).collect());
        }
        let mut named = Vec::new();
        for id in &query.folders {
            named.push(tree.get(*id).ok_or(status::FOLDER_SYNC)?);
        }
        let is_below = |path: &str| {
            named.iter().any(|above| path.strip_prefix(above.path.as_str()).is_some_and(|rest| rest.starts_with('/')))
        };
        let is_in = |folder: &&crate::store::Folder| {
            query.folders.contains(&folder.id) || query.is_deep && is_below(&folder.path)
        };
        Ok(mail().filter(is_in).map(|folder| folder.id).collect())
    }

    /// The newest messages of the folders, those first that came last.
    async fn candidates(&self, query: &Query) -> Result<Vec<ItemId>, u16> {
        let store = &self.call.account.store;
        let tree = store.hierarchy().await.map_err(|error| failed(&error))?;
        let mut newest: Vec<(u64, Uid, FolderId)> = Vec::new();
        for folder in Self::folders(&tree, query)? {
            let mut token = Token::START;
            loop {
                let page = store.changes(folder, token, STEP).await.map_err(|error| failed(&error))?;
                let there = page
                    .changes
                    .iter()
                    .filter(|change| change.kind != ChangeKind::Deleted && query.is_in_time(change.received_ms));
                newest.extend(there.map(|change| (change.received_ms, change.uid, folder)));
                // What cannot be among the newest any more is not kept.
                if newest.len() > 4 * MOST_MESSAGES {
                    cut(&mut newest);
                }
                if !page.more {
                    break;
                }
                token = page.token;
            }
        }
        cut(&mut newest);
        Ok(newest.into_iter().map(|(_, uid, folder)| ItemId { folder, uid }).collect())
    }

    /// Those of a batch that are looked for, in its order.
    async fn matching(&self, query: &Query, batch: &[ItemId]) -> Result<Vec<ItemId>, u16> {
        let mut matching = Vec::new();
        for together in batch.chunk_by(|one, next| one.folder == next.folder) {
            let uids: Vec<Uid> = together.iter().map(|at| at.uid).collect();
            let folder = together[0].folder;
            let wanted = match query.conversation {
                Some(_) => Wanted::Whole,
                None => Wanted::Summary { preview_bytes: TEXT_BYTES },
            };
            let items = match self.call.account.store.fetch(folder, &uids, wanted).await {
                Ok(items) => items,
                // It went while it was looked at.
                Err(error) if error.kind() == StoreErrorKind::NoSuchFolder => continue,
                Err(error) => return Err(failed(&error)),
            };
            let is_it = |item: &&Item| is_of(query, item);
            matching.extend(items.iter().filter(is_it).map(|item| ItemId { folder, uid: item.uid }));
        }
        Ok(matching)
    }
}

/// Whether an item is what is looked for.
fn is_of(query: &Query, item: &Item) -> bool {
    match (&query.conversation, &item.raw) {
        (Some(conversation), Some(raw)) => {
            let summary = crate::message::summary(raw, TEXT_BYTES);
            email::conversation_id(raw) == *conversation && query.is_in(&summary)
        }
        (Some(_), None) => false,
        (None, _) => query.is_in(&item.summary),
    }
}

/// Leaves the newest.
fn cut(newest: &mut Vec<(u64, Uid, FolderId)>) {
    newest.sort_unstable_by_key(|one| Reverse(*one));
    newest.truncate(MOST_MESSAGES);
}
