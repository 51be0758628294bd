//! What a Search asks for.

use super::people::Pictures;
use super::query::{Query, Range, time_ms, words};
use super::status;
use crate::eas::email::View;
use crate::store::Class;
use crate::wbxml::tags::{air_sync, email, search as tags};
use crate::wbxml::{Element, Tag};

/// A Search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) store: Store,
    pub(super) range: Range,
    pub(super) rebuild: bool,
    pub(super) view: View,
    /// Of people.
    pub(super) pictures: Option<Pictures>,
}

/// Where it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Store {
    Mailbox(Query),
    /// The beginning of a name or an address.
    People(String),
    DocumentLibrary,
}

/// What may only stand within `And` ([MS-ASCMD] 2.2.3.27.5 and others).
const WITHIN_AND: [Tag; 6] = [
    tags::FREE_TEXT,
    tags::CONVERSATION_ID,
    tags::GREATER_THAN,
    tags::LESS_THAN,
    air_sync::CLASS,
    air_sync::COLLECTION_ID,
];

impl Asked {
    /// Else the status that says what is wrong.
    pub(super) fn parse(document: &Element) -> Result<Self, u16> {
        let store = document.child(tags::STORE).ok_or(status::INVALID)?;
        let name = store.child_text(tags::NAME).ok_or(status::INVALID)?;
        let query = store.child(tags::QUERY).ok_or(status::INVALID)?;
        let options = store.child(tags::OPTIONS);
        let has = |tag| options.is_some_and(|options| options.child(tag).is_some());
        let range = match options.and_then(|options| options.child_text(tags::RANGE)) {
            Some(range) => Range::parse(&range).ok_or(status::INVALID)?,
            None => Range::DEFAULT,
        };
        let view = View::parse(options).map_err(|wrong| wrong.status(status::INVALID))?;
        let store = match name.trim().to_ascii_lowercase().replace(' ', "").as_str() {
            "mailbox" => Store::Mailbox(mailbox(query, has(tags::DEEP_TRAVERSAL))?),
            "gal" => Store::People(query.to_text()),
            "documentlibrary" => Store::DocumentLibrary,
            _ => return Err(status::INVALID),
        };
        let pictures = options.and_then(|options| options.child(tags::PICTURE)).map(pictures).transpose()?;
        Ok(Self { store, range, rebuild: has(tags::REBUILD_RESULTS), view, pictures })
    }
}

fn pictures(element: &Element) -> Result<Pictures, u16> {
    let number = |tag| element.child_text(tag).map(|text| text.trim().parse().map_err(|_| status::INVALID)).transpose();
    Ok(Pictures { max_bytes: number(tags::MAX_SIZE)?, max_count: number(tags::MAX_PICTURES)? })
}

fn mailbox(query: &Element, is_deep: bool) -> Result<Query, u16> {
    // [MS-ASCMD] 2.2.3.10: one And, and nothing that is only known within one.
    let is_out_of_place = |element: &Element| WITHIN_AND.contains(&element.tag) || element.tag == tags::OR;
    let mut all = query.children(tags::AND);
    let and = all.next();
    if all.next().is_some() || query.elements().any(is_out_of_place) {
        return Err(status::TOO_COMPLEX);
    }
    let mut read = Query { is_deep, ..Query::default() };
    let mut classes = Vec::new();
    for element in and.ok_or(status::INVALID)?.elements() {
        match element.tag {
            tags::FREE_TEXT => read.words.extend(words(&element.to_text())),
            air_sync::COLLECTION_ID => {
                let folder = element.to_text().parse().map_err(|_| status::FOLDER_SYNC)?;
                read.folders.insert(folder);
            }
            air_sync::CLASS => classes.push(class(&element.to_text())?),
            tags::GREATER_THAN => read.after_ms = Some(compared(element)?),
            tags::LESS_THAN => read.before_ms = Some(compared(element)?),
            tags::CONVERSATION_ID if read.conversation.is_none() => {
                read.conversation = Some(element.to_bytes().to_vec());
            }
            tags::AND | tags::OR => return Err(status::TOO_COMPLEX),
            _ => return Err(status::INVALID),
        }
    }
    // Only mail is looked through.
    read.is_nothing = !classes.is_empty() && !classes.contains(&Some(Class::Email));
    let is_something = !read.words.is_empty() || read.conversation.is_some();
    if is_something { Ok(read) } else { Err(status::INVALID) }
}

fn class(text: &str) -> Result<Option<Class>, u16> {
    match text.trim() {
        "SMS" => Ok(None),
        word => Class::parse(word).map(Some).ok_or(status::INVALID),
    }
}

/// The time that a message's own is compared with.
fn compared(element: &Element) -> Result<u64, u16> {
    element.child(email::DATE_RECEIVED).ok_or(status::INVALID)?;
    let value = element.child_text(tags::VALUE).ok_or(status::INVALID)?;
    time_ms(&value).ok_or(status::INVALID)
}
