//! Search and Find: messages that hold some words, and people who are called so.
//!
//! ```text
//!  Search ─▶ asked ─▶ Query ─┐                        ┌▶ whole items, as a device wants them
//!  Find ──▶ find ──▶ Query ──┴▶ engine ─▶ found items ─┴▶ what a list shows
//!                               └ the newest first, within limits of messages and time
//! ```
//!
//! What was found is remembered with the device: a range further on is of the same list. Source: [MS-ASCMD] 2.2.1.16 and
//! 2.2.1.2.

mod asked;
mod engine;
mod find;
mod people;
mod query;
#[cfg(test)]
mod tests;

use super::email::{self, Message};
use super::{Answer, Call, Status};
use crate::http::Site;
use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync, search as tags};

use asked::{Asked, Store};
use engine::{Engine, Found};
pub(in crate::eas) use find::answer as find;
use query::Range;

/// Entries of one answer ([MS-ASCMD] 2.2.3.143.3).
const MOST_RESULTS: usize = 100;

/// Statuses ([MS-ASCMD] 2.2.3.177.14).
mod status {
    pub(super) const SUCCESS: u16 = 1;
    pub(super) const INVALID: u16 = 2;
    pub(super) const SERVER: u16 = 3;
    pub(super) const DENIED: u16 = 5;
    pub(super) const NOT_FOUND: u16 = 6;
    pub(super) const TOO_COMPLEX: u16 = 8;
    pub(super) const TIMED_OUT: u16 = 10;
    pub(super) const FOLDER_SYNC: u16 = 11;
    pub(super) const END_OF_RANGE: u16 = 12;
}

/// Answers Search.
pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let document = call.document.as_ref().filter(|document| document.tag == tags::SEARCH);
    let asked = Asked::parse(document.ok_or(Status(status::INVALID))?);
    let answered = match &asked {
        Ok(asked) => store(site, call, asked).await,
        Err(wrong) => Err(*wrong),
    };
    let store = match answered {
        Ok(store) => store,
        Err(status) => Element::new(tags::STORE).with_text(tags::STATUS, status),
    };
    let root = Element::new(tags::SEARCH).with_text(tags::STATUS, status::SUCCESS);
    Ok(Answer::Document(root.with(Element::new(tags::RESPONSE).with(store))))
}

async fn store(site: &Site, call: &Call, asked: &Asked) -> Result<Element, u16> {
    match &asked.store {
        Store::Mailbox(query) => {
            let engine = Engine { site, call };
            let found = engine.found(query, asked.rebuild || asked.range.first == 0).await?;
            mailbox(site, call, asked, &found).await
        }
        Store::People(text) => {
            let mut found = people::matching(call, text).await?;
            let total = found.len();
            let (status, range) = within(asked.range, total);
            let (first, mut given) = (range.start, 0);
            let people = found.drain(range);
            let results = people.map(|person| result(person.into_properties(asked.pictures, &mut given)));
            Ok(counted(status, results.collect(), first, total))
        }
        // There is none here.
        Store::DocumentLibrary => Err(status::DENIED),
    }
}

/// The part of the found that is asked for, each as a device wants it.
async fn mailbox(site: &Site, call: &Call, asked: &Asked, found: &Found) -> Result<Element, u16> {
    let total = found.items.len();
    let (status, range) = within(asked.range, total);
    let mut results = Vec::new();
    let mut left = site.mail.eas.config.max_answer;
    for at in &found.items[range.clone()] {
        let Some(item) = engine::read(call, *at).await? else { continue };
        let Some(raw) = &item.raw else { continue };
        let message = Message { raw, flags: item.flags, received_ms: item.received_ms, at: *at };
        let properties = email::application_data(&message, &asked.view, call.version);
        let Some(rest) = left.checked_sub(raw.len().min(left + 1)) else { break };
        left = rest;
        let named = Element::new(tags::RESULT)
            .with_text(air_sync::CLASS, "Email")
            .with_text(tags::LONG_ID, at)
            .with_text(air_sync::COLLECTION_ID, at.folder);
        results.push(named.with(Element::new(tags::PROPERTIES).with_all(properties)));
    }
    if results.is_empty() && !found.is_all {
        return Err(status::TIMED_OUT);
    }
    Ok(counted(status, results, range.start, total))
}

/// Which of so many are given, and the status that says so: no more than [`MOST_RESULTS`], and none behind the end.
fn within(asked: Range, total: usize) -> (u16, std::ops::Range<usize>) {
    let first = asked.first.min(total);
    let last = asked.last.saturating_add(1).min(total).min(first + MOST_RESULTS);
    let is_beyond = asked.last - asked.first >= MOST_RESULTS || asked.first > 0 && asked.first >= total;
    (if is_beyond { status::END_OF_RANGE } else { status::SUCCESS }, first..last)
}

fn result(properties: Vec<Element>) -> Element {
    Element::new(tags::RESULT).with(Element::new(tags::PROPERTIES).with_all(properties))
}

/// A store's results, an empty one if there are none ([MS-ASCMD] 2.2.3.153.2), and how many there are.
fn counted(status: u16, results: Vec<Element>, first: usize, total: usize) -> Element {
    let store = Element::new(tags::STORE).with_text(tags::STATUS, status);
    if results.is_empty() {
        return store.with(Element::new(tags::RESULT)).with_text(tags::TOTAL, total);
    }
    let last = first + results.len() - 1;
    store.with_all(results).with_text(tags::RANGE, format!("{first}-{last}")).with_text(tags::TOTAL, total)
}
