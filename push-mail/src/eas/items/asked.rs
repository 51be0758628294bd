//! What a request asks for.

use bytes::Bytes;

use super::status;
use crate::eas::Status;
use crate::eas::email::View;
use crate::wbxml::tags::{air_sync, air_sync_base, document_library, item_operations as tags, search};
use crate::wbxml::{Element, Tag};

/// An operation of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Fetch(Fetch),
    Empty { collection: String, sub_folders: bool },
    Move { conversation: Bytes, is_always: bool },
}

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Item {
        collection: Option<String>,
        server_id: String,
    },
    LongId(String),
    Attachment(String),
    /// Of a library of documents.
    Link(String),
}

/// A fetch, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetch {
    pub(super) store: String,
    pub(super) what: What,
    /// First and last byte.
    pub(super) range: Option<(u64, u64)>,
    /// Whether options of items are there.
    pub(super) has_item_options: bool,
    pub(super) view: View,
    /// The properties that are wanted, all if none are named.
    pub(super) schema: Vec<Tag>,
}

/// What is against the schema is told of the command as a whole.
const WRONG: Status = Status(status::PROTOCOL);

pub(super) fn parse(document: &Element) -> Result<Vec<Operation>, Status> {
    let known = |element: &&Element| matches!(element.tag, tags::FETCH | tags::EMPTY_FOLDER_CONTENTS | tags::MOVE);
    let operations = document.elements().filter(known).map(operation).collect::<Result<Vec<_>, _>>()?;
    if operations.is_empty() { Err(WRONG) } else { Ok(operations) }
}

fn operation(element: &Element) -> Result<Operation, Status> {
    match element.tag {
        tags::FETCH => fetch(element).map(Operation::Fetch),
        tags::EMPTY_FOLDER_CONTENTS => {
            let collection = text(element, air_sync::COLLECTION_ID)?.ok_or(WRONG)?;
            let options = element.child(tags::OPTIONS);
            let sub_folders = options.is_some_and(|options| options.child(tags::DELETE_SUB_FOLDERS).is_some());
            Ok(Operation::Empty { collection, sub_folders })
        }
        _ => {
            let conversation = element.child(tags::CONVERSATION_ID).ok_or(WRONG)?.to_bytes();
            element.child(tags::DST_FLD_ID).ok_or(WRONG)?;
            let options = element.child(tags::OPTIONS);
            let is_always = options.is_some_and(|options| options.child(tags::MOVE_ALWAYS).is_some());
            Ok(Operation::Move { conversation, is_always })
        }
    }
}

/// The text of an element that may be there once.
fn text(element: &Element, tag: Tag) -> Result<Option<String>, Status> {
    let mut all = element.children(tag);
    let first = all.next().map(Element::to_text);
    if all.next().is_some() { Err(WRONG) } else { Ok(first) }
}

fn fetch(element: &Element) -> Result<Fetch, Status> {
    let store = text(element, tags::STORE)?.ok_or(WRONG)?;
    let collection = text(element, air_sync::COLLECTION_ID)?;
    let attachment = text(element, air_sync_base::FILE_REFERENCE)?;
    let long_id = text(element, search::LONG_ID)?;
    let server_id = text(element, air_sync::SERVER_ID)?;
    let link = text(element, document_library::LINK_ID)?;
    let what = match (attachment, long_id, server_id, link) {
        (Some(reference), ..) => What::Attachment(reference),
        (_, Some(id), ..) => What::LongId(id),
        (_, _, Some(server_id), _) => What::Item { collection, server_id },
        (.., Some(link)) => What::Link(link),
        _ => return Err(WRONG),
    };
    let options = element.child(tags::OPTIONS);
    let view = View::parse(options).map_err(|wrong| Status(wrong.status(status::PROTOCOL)))?;
    let range = options.and_then(|options| options.child_text(tags::RANGE));
    let range = range.map(|range| self::range(&range).ok_or(WRONG)).transpose()?;
    let schema = options.and_then(|options| options.child(tags::SCHEMA));
    let of_items = [air_sync::MIME_SUPPORT, air_sync_base::BODY_PREFERENCE, air_sync_base::BODY_PART_PREFERENCE];
    let has_item_options = schema.is_some()
        || options.is_some_and(|options| options.elements().any(|element| of_items.contains(&element.tag)));
    let schema = schema.map(|schema| schema.elements().map(|element| element.tag).collect());
    Ok(Fetch { store, what, range, has_item_options, view, schema: schema.unwrap_or_default() })
}

/// `m-n`, each of at most nine digits ([MS-ASCMD] 2.2.3.143.2).
fn range(text: &str) -> Option<(u64, u64)> {
    let number = |digits: &str| {
        let is_one = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_one.then(|| digits.parse().ok()).flatten()
    };
    let (first, last) = text.trim().split_once('-')?;
    Some((number(first)?, number(last)?))
}
