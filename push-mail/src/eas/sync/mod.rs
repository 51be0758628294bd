//! `Sync`: what has changed in folders, and what a device changes in them ([MS-ASCMD] 2.2.1.21).
//!
//! ```text
//!  request ─▶ of each folder: key ─▶ what is held ─▶ the device's own changes ─▶ look: what differs
//!                                                                                  │
//!  answer ◀─ keys and differences, on the disk ◀─ items fetched, as many as fit ◀──┘
//!         ◀─ nothing to tell: wait as a ping does, and do it again once something differs
//! ```

pub(super) mod collection;
mod commands;
mod count;
mod folder;
mod hanging;
pub(super) mod held;
mod items;
pub(super) mod look;
mod options;
mod render;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Answer, Call, Eas, Part, Status, folders};
use crate::account::Account;
use crate::direct::OnItsWay;
use crate::direct::devices::DeviceId;
use crate::http::Site;
use crate::store::{FolderId, StoreError};
use crate::wbxml::Element;
use crate::wbxml::tags::air_sync as tag;
use collection::Collection;
pub(super) use count::{Counted, count};
use folder::{Budget, Done, SyncError, Work};
use held::Held;
use request::{Asked, Bounds, Refused, Request};

/// The request that one without a body, or a partial one, refers to.
const REQUEST: Part = Part("sync");

/// Folders of one request: each has its row, and is looked at.
const MOST_FOLDERS: usize = 300;

/// The row of a folder.
pub(super) fn part(folder: FolderId) -> String {
    format!("sync/{folder}")
}

/// What is remembered of a request for those that refer to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    /// Folders and their windows.
    folders: Vec<(String, Option<usize>)>,
    wait_s: Option<u64>,
}

/// As it is answered.
struct Plan {
    folders: Vec<Asked>,
    wait: Option<Duration>,
    window: Option<usize>,
    remembered: Remembered,
    /// Whether it has waited since it came.
    has_waited: bool,
}

pub(super) fn load(eas: &Eas, id: &DeviceId, folder: FolderId) -> Result<Option<Collection>, crate::state::StateError> {
    let row = eas.rows.read(id, &part(folder))?;
    // What cannot be read is as if it were not there: the device begins again.
    Ok(row.and_then(|row| serde_json::from_slice(&row).ok()))
}

/// Whether a sync would tell the device something of this folder.
pub(super) fn differs(eas: &Eas, account: &Account, id: &DeviceId, folder: FolderId) -> Result<bool, StoreError> {
    let Some(collection) = load(eas, id, folder)? else { return Ok(false) };
    let lost = eas.lost.key(id, folder);
    let Some((token, delta)) = collection.baseline(lost.as_deref()) else { return Ok(false) };
    let mut held = Held::new(&eas.rows, id, folder, delta);
    look::differs(account, folder, &collection, (token, &mut held), today(account))
}

/// Counted from 1970.
pub(super) fn today(account: &Account) -> u32 {
    look::day_of(account.clock().unix_ms().max(1))
}

pub(super) async fn answer(site: &Site, call: Call) -> Result<Answer, Status> {
    let plan = match plan(site, &call) {
        Ok(plan) => plan,
        Err(refused) => return Ok(Answer::Document(refusal(refused))),
    };
    let call = Arc::new(call);
    // Before it is looked at anything: what happens from here on wakes it.
    let arrival = plan.wait.map(|_| site.mail.direct.arrival(&call.account));
    let answer = run(site, &call, &plan).await?;
    match (answer, plan.wait, arrival) {
        (Answer::Empty, Some(wait), Some(arrival)) => hanging::wait(site, &call, plan, (arrival, wait)).await,
        (answer, ..) => Ok(answer),
    }
}

fn refusal(refused: Refused) -> Element {
    let status = match refused {
        Refused::Protocol => 4,
        Refused::Stale => 12,
        Refused::Incomplete => 13,
        Refused::Limit(_) => 14,
        Refused::TooMany => 15,
    };
    let answer = Element::new(tag::SYNC).with_text(tag::STATUS, status);
    match refused {
        Refused::Limit(limit) => answer.with_text(tag::LIMIT, limit),
        Refused::TooMany => answer.with_text(tag::LIMIT, MOST_FOLDERS),
        _ => answer,
    }
}

/// What the request asks for, with what it refers to.
fn plan(site: &Site, call: &Call) -> Result<Plan, Refused> {
    let config = &call.account.config;
    let bounds =
        Bounds { heartbeat_min: config.heartbeat_min, heartbeat_max: config.heartbeat_max, collections: MOST_FOLDERS };
    let request = match &call.document {
        Some(document) => Request::parse(document, &bounds)?,
        None => Request { is_partial: true, ..Request::default() },
    };
    let before: Option<Remembered> = if request.is_partial {
        let loaded = site.mail.eas.rows.load(&call.id, REQUEST).unwrap_or_else(|error| {
            tracing::error!(%error, "the request before is not known");
            None
        });
        Some(loaded.ok_or(Refused::Incomplete)?)
    } else {
        None
    };
    let mut plan = Plan {
        folders: request.collections,
        wait: request.wait,
        window: request.window,
        remembered: Remembered::default(),
        has_waited: false,
    };
    if let Some(before) = before {
        plan.wait = plan.wait.or(before.wait_s.map(Duration::from_secs));
        let known: Vec<String> = plan.folders.iter().map(|asked| asked.id.clone()).collect();
        let others = before.folders.into_iter().filter(|(id, _)| !known.contains(id));
        plan.folders.extend(others.map(|(id, window)| as_before(id, window)));
        if plan.folders.len() > MOST_FOLDERS {
            return Err(Refused::TooMany);
        }
    }
    plan.remembered = Remembered {
        folders: plan.folders.iter().map(|asked| (asked.id.clone(), asked.window)).collect(),
        wait_s: plan.wait.map(|wait| wait.as_secs()),
    };
    Ok(plan)
}

/// A folder that is to be synced as it was in the request before.
fn as_before(id: String, window: Option<usize>) -> Asked {
    Asked {
        id,
        key: None,
        wants_changes: true,
        window,
        deletes_as_moves: true,
        options: None,
        supported: None,
        commands: Vec::new(),
    }
}

/// Answers once. [`Answer::Empty`] if there is nothing to tell.
async fn run(site: &Site, call: &Call, plan: &Plan) -> Result<Answer, Status> {
    let _turn = site.mail.direct.devices.turn(&call.id).await;
    let knows_folders = folders::is_known(&site.mail.eas, &call.id).map_err(|_| Status::SERVER_ERROR)?;
    let mut rows = Vec::new();
    let mut answers = Vec::new();
    let mut on_their_way = Vec::new();
    let budget = Budget::new(site.mail.eas.config.max_sync_answer);
    let most = site.mail.eas.config.max_window.max(1);
    let mut room = plan.window.filter(|window| *window > 0).unwrap_or(most).min(most);
    for asked in &plan.folders {
        let work = Work { site, call, asked, room, budget: &budget, has_waited: plan.has_waited };
        let done = if knows_folders { work.run().await } else { Err(SyncError::NoFolder) };
        let done = match done {
            Ok(done) => done,
            Err(error) => Done::failed(asked, error),
        };
        room = room.saturating_sub(done.told);
        rows.extend(done.rows);
        answers.extend(done.answer);
        on_their_way.extend(done.key);
    }
    remember(site, call, plan, &mut rows)?;
    if !rows.is_empty() {
        site.mail.eas.rows.write(&call.id, rows).await.map_err(|error| {
            tracing::error!(%error, "a sync cannot be remembered");
            Status::SERVER_ERROR
        })?;
    }
    site.mail.direct.has_synced(&call.id);
    crate::stats::count(&site.mail.direct.counters.syncs);
    if answers.is_empty() {
        return Ok(Answer::Empty);
    }
    let new = |(folder, key): (FolderId, String)| OnItsWay::new(&site.mail.direct, &call.id, folder, &key);
    let on_their_way = on_their_way.into_iter().map(new).collect();
    let answer = Element::new(tag::SYNC).with(Element::new(tag::COLLECTIONS).with_all(answers));
    Ok(Answer::Arriving(answer, on_their_way))
}

/// Remembers the request for those that refer to it, if it is not the same as before.
fn remember(site: &Site, call: &Call, plan: &Plan, rows: &mut Vec<held::Row>) -> Result<(), Status> {
    let before: Option<Remembered> = site.mail.eas.rows.load(&call.id, REQUEST).map_err(|_| Status::SERVER_ERROR)?;
    if before.as_ref() != Some(&plan.remembered) {
        let json = serde_json::to_vec(&plan.remembered).expect("plain data is JSON");
        rows.push((REQUEST.0.to_owned(), Some(json)));
    }
    Ok(())
}
