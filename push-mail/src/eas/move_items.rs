//! `MoveItems`: items to other folders, each with a status of its own ([MS-ASCMD] 2.2.1.12).
//!
//! A sync of either folder tells it afterwards, as any other change. What was moved is remembered: a device that has missed the answer asks again, and is told the same.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Answer, Call, ItemId, Part, Status};
use crate::http::Site;
use crate::store::{Command, FolderId, Hierarchy, StoreError, StoreErrorKind, Uid};
use crate::wbxml::Element;
use crate::wbxml::tags::move_items as tag;

const PART: Part = Part("moves");

/// Moves that are remembered of a device.
const MOVES: usize = 256;

/// Moves of one request.
const MOST: usize = 1000;

/// The statuses ([MS-ASCMD] 2.2.3.177.10).
const BAD_SOURCE: u8 = 1;
const BAD_TARGET: u8 = 2;
const MOVED: u8 = 3;
const SAME: u8 = 4;
const FAILED: u8 = 5;

/// From where, and where it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    from: (u32, u64),
    to: (u32, u64),
}

/// A move as it is asked for.
struct Asked {
    source: String,
    item: Option<ItemId>,
    /// The folder that the item is said to be in.
    from: Option<FolderId>,
    to: Option<FolderId>,
}

pub(super) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let document = call.document.as_ref().filter(|document| document.tag == tag::MOVE_ITEMS);
    let document = document.ok_or(Status::INVALID_CONTENT)?;
    let asked: Option<Vec<Asked>> = document.children(tag::MOVE).map(parse).collect();
    let asked = asked.filter(|asked| (1..=MOST).contains(&asked.len())).ok_or(Status::INVALID_CONTENT)?;
    let failed = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, "items cannot be moved");
        Status::SERVER_ERROR
    };
    let _turn = site.mail.direct.devices.turn(&call.id).await;
    let rows = &site.mail.eas.rows;
    let mut moves: VecDeque<Moved> = rows.load(&call.id, PART).map_err(|error| failed(&error))?.unwrap_or_default();
    let tree = call.account.store.hierarchy().await.map_err(|error| failed(&error))?;
    let before = moves.clone();
    let mut answer = Element::new(tag::MOVE_ITEMS);
    for asked in &asked {
        let (status, now) = one(call, &tree, asked, &mut moves).await;
        let response = Element::new(tag::RESPONSE).with_text(tag::SRC_MSG_ID, &asked.source);
        let response = response.with_text(tag::STATUS, status);
        answer.push(match now {
            Some(now) => response.with_text(tag::DST_MSG_ID, now),
            None => response,
        });
    }
    if moves != before {
        moves.drain(..moves.len().saturating_sub(MOVES));
        rows.save(&call.id, PART, &moves).await.map_err(|error| failed(&error))?;
    }
    Ok(Answer::Document(answer))
}

/// `None` where something is missing.
fn parse(asked: &Element) -> Option<Asked> {
    let text = |tag| asked.child_text(tag).filter(|text| !text.is_empty());
    let source = text(tag::SRC_MSG_ID)?;
    let (from, to) = (text(tag::SRC_FLD_ID)?, text(tag::DST_FLD_ID)?);
    Some(Asked { item: source.parse().ok(), source, from: from.parse().ok(), to: to.parse().ok() })
}

/// Its status, and where it is now.
async fn one(call: &Call, tree: &Hierarchy, asked: &Asked, moves: &mut VecDeque<Moved>) -> (u8, Option<ItemId>) {
    let item = asked.item.filter(|item| Some(item.folder) == asked.from && tree.get(item.folder).is_some());
    let Some(item) = item else { return (BAD_SOURCE, None) };
    let Some(to) = asked.to.filter(|to| tree.get(*to).is_some()) else { return (BAD_TARGET, None) };
    if to == item.folder {
        return (SAME, None);
    }
    let from = (item.folder.0, item.uid.0);
    let earlier = moves.iter().rev().find(|moved| moved.from == from && moved.to.0 == to.0);
    if let Some(earlier) = earlier {
        return (MOVED, Some(ItemId { folder: to, uid: Uid(earlier.to.1) }));
    }
    let store = &call.account.store;
    let moved = store.apply(Command::Move { folder: item.folder, uid: item.uid, to }).await;
    match moved.map(|applied| applied.uid) {
        Ok(Some(uid)) => {
            moves.push_back(Moved { from, to: (to.0, uid.0) });
            (MOVED, Some(ItemId { folder: to, uid }))
        }
        // Moved, but nobody knows its new name: the device finds it with its next sync.
        Ok(None) => (MOVED, None),
        Err(error) => (status(&error, to), None),
    }
}

fn status(error: &StoreError, to: FolderId) -> u8 {
    match error.kind() {
        StoreErrorKind::NoSuchItem => BAD_SOURCE,
        StoreErrorKind::NoSuchFolder => BAD_TARGET,
        _ => {
            tracing::warn!(%error, %to, "an item cannot be moved");
            FAILED
        }
    }
}
