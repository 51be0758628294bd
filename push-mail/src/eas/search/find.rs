//! Find, of 16.1: as Search, with short results.

use super::engine::{self, Engine};
use super::people::Pictures;
use super::query::{Query, Range, words};
use super::{people, status, within};
use crate::eas::email::{self, Message};
use crate::eas::{Answer, Call, ItemId, Status, Version};
use crate::http::Site;
use crate::store::Item;
use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync, find as tags, item_operations};

/// Statuses of Find itself ([MS-ASCMD] 2.2.3.177.2).
const FOLDER_SYNC: u16 = 3;
/// That of a range which begins where nothing was found yet.
const RANGE: u16 = 4;

/// Answers Find.
pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    if call.version < Version::V16_1 {
        return Err(Status::COMMAND_NOT_SUPPORTED);
    }
    let document = call.document.as_ref().filter(|document| document.tag == tags::FIND);
    let answered = match document.ok_or(status::INVALID).and_then(Asked::parse) {
        Ok(asked) => response(site, call, &asked).await,
        Err(wrong) => Err(wrong),
    };
    let (status, response) = match answered {
        Ok(response) => (status::SUCCESS, response),
        Err(wrong) => {
            let wrong = if wrong == status::FOLDER_SYNC { FOLDER_SYNC } else { wrong };
            // A range that is wrong is the response's alone.
            let of_all = if wrong == RANGE { status::SUCCESS } else { wrong };
            (of_all, Element::new(tags::RESPONSE).with_text(tags::STATUS, wrong))
        }
    };
    Ok(Answer::Document(Element::new(tags::FIND).with_text(tags::STATUS, status).with(response)))
}

/// What a Find asks for.
struct Asked {
    range: Range,
    /// Messages; else people.
    query: Result<Query, String>,
    pictures: Option<Pictures>,
}

impl Asked {
    fn parse(document: &Element) -> Result<Self, u16> {
        let id = document.child_text(tags::SEARCH_ID).unwrap_or_default();
        if id.trim().is_empty() {
            return Err(status::INVALID);
        }
        let execute = document.child(tags::EXECUTE_SEARCH).ok_or(status::INVALID)?;
        let criteria = [tags::MAILBOX_SEARCH_CRITERION, tags::GAL_SEARCH_CRITERION];
        let criterion = criteria.iter().find_map(|tag| execute.child(*tag)).ok_or(status::INVALID)?;
        let query = criterion.child(tags::QUERY).ok_or(status::INVALID)?;
        let options = criterion.child(tags::OPTIONS);
        let range = match options.and_then(|options| options.child_text(tags::RANGE)) {
            Some(range) => Range::parse(&range).ok_or(status::INVALID)?,
            None => Range::DEFAULT,
        };
        if criterion.tag == tags::GAL_SEARCH_CRITERION {
            let pictures = options.and_then(|options| options.child(tags::PICTURE)).map(pictures).transpose()?;
            return Ok(Self { range, query: Err(query.to_text()), pictures });
        }
        let is_deep = options.is_some_and(|options| options.child(tags::DEEP_TRAVERSAL).is_some());
        Ok(Self { range, query: Ok(mailbox(query, is_deep)?), pictures: None })
    }
}

fn pictures(element: &Element) -> Result<Pictures, u16> {
    let number = |tag| element.child_text(tag).map(|text| text.trim().parse().map_err(|_| status::INVALID)).transpose();
    Ok(Pictures { max_bytes: number(tags::MAX_SIZE)?, max_count: number(tags::MAX_PICTURES)? })
}

fn mailbox(query: &Element, is_deep: bool) -> Result<Query, u16> {
    let mut read = Query { is_deep, ..Query::default() };
    for element in query.elements() {
        match element.tag {
            tags::FREE_TEXT => read.words.extend(words(&element.to_text())),
            air_sync::COLLECTION_ID => {
                let folder = element.to_text().parse().map_err(|_| status::FOLDER_SYNC)?;
                read.folders.insert(folder);
            }
            // [MS-ASCMD] 2.2.3.27.1: no other.
            air_sync::CLASS if element.to_text() == "Email" => {}
            _ => return Err(status::INVALID),
        }
    }
    if read.words.is_empty() { Err(status::INVALID) } else { Ok(read) }
}

async fn response(site: &Site, call: &Call, asked: &Asked) -> Result<Element, u16> {
    let (store, results, first, total) = match &asked.query {
        Ok(query) => {
            let engine = Engine { site, call };
            if asked.range.first > 0 && !engine.is_known(query)? {
                return Err(RANGE);
            }
            let found = engine.found(query, asked.range.first == 0).await?;
            let (_, range) = within(asked.range, found.items.len());
            let first = range.start;
            let mut results = Vec::new();
            for at in &found.items[range] {
                let item = engine::read(call, *at).await?;
                results.extend(item.and_then(|item| result(call, *at, &item)));
            }
            ("Mailbox", results, first, found.items.len())
        }
        Err(text) => {
            let mut people = people::matching(call, text).await?;
            let total = people.len();
            let (_, range) = within(asked.range, total);
            let (first, mut given) = (range.start, 0);
            let results = people.drain(range).map(|person| {
                let properties = person.into_properties(asked.pictures, &mut given);
                Element::new(tags::RESULT).with(Element::new(tags::PROPERTIES).with_all(properties))
            });
            ("GAL", results.collect(), first, total)
        }
    };
    let response =
        Element::new(tags::RESPONSE).with_text(item_operations::STORE, store).with_text(tags::STATUS, status::SUCCESS);
    if results.is_empty() {
        return Ok(response.with_text(tags::TOTAL, total));
    }
    let last = first + results.len() - 1;
    let response = response.with_all(results).with_text(tags::RANGE, format!("{first}-{last}"));
    Ok(response.with_text(tags::TOTAL, total))
}

/// A message as a list shows it ([MS-ASCMD] 2.2.3.139.1).
fn result(call: &Call, at: ItemId, item: &Item) -> Option<Element> {
    let raw = item.raw.as_ref()?;
    let message = Message { raw, flags: item.flags, received_ms: item.received_ms, at };
    let named = Element::new(tags::RESULT)
        .with_text(air_sync::CLASS, "Email")
        .with_text(air_sync::SERVER_ID, at)
        .with_text(air_sync::COLLECTION_ID, at.folder);
    Some(named.with(Element::new(tags::PROPERTIES).with_all(email::listed(&message, call.version))))
}
