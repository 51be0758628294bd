//! ItemOperations: items and attachments that a device asks for one by one, and folders that it empties.
//!
//! ```text
//!  request ─▶ operations, in their order ─┬▶ fetch: an item, or an attachment, within the limit of the answer
//!                                         ├▶ empty: the items of a folder, in bounded steps
//!                                         └▶ move of a conversation: not supported, and told so
//! ```
//!
//! Each operation has a status of its own. Source: [MS-ASCMD] 2.2.1.10.

mod asked;
mod empty;
mod fetch;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::{Answer, Call, Status};
use crate::http::Site;
use crate::store::{StoreError, StoreErrorKind};
use crate::wbxml::Element;
use crate::wbxml::tags::item_operations as tags;

use asked::Operation;

/// Statuses of operations ([MS-ASCMD] 2.2.3.177.8).
mod status {
    pub(super) const SUCCESS: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const SERVER: u16 = 3;
    pub(super) const NOT_FOUND: u16 = 6;
    pub(super) const RANGE: u16 = 8;
    pub(super) const STORE: u16 = 9;
    pub(super) const TOO_LARGE: u16 = 11;
    pub(super) const ATTACHMENT: u16 = 15;
    pub(super) const DENIED: u16 = 16;
    pub(super) const PARTIAL: u16 = 17;
    pub(super) const MOVE_ALWAYS: u16 = 155;
    pub(super) const UNSUPPORTED: u16 = 156;
}

/// The status that a store's error comes to.
fn failed(error: &StoreError) -> u16 {
    match error.kind() {
        StoreErrorKind::NoSuchFolder | StoreErrorKind::NoSuchItem => status::NOT_FOUND,
        StoreErrorKind::Refused | StoreErrorKind::Unsupported => status::DENIED,
        _ => status::SERVER,
    }
}

/// Answers the command.
pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let document = call.document.as_ref().filter(|document| document.tag == tags::ITEM_OPERATIONS);
    let document = document.ok_or(Status(status::PROTOCOL))?;
    let operations = asked::parse(document)?;
    let most = site.mail.eas.config.max_answer;
    let mut fetching = fetch::Fetching::new(call, most);
    let (mut moved, mut emptied, mut fetched) = (Vec::new(), Vec::new(), Vec::new());
    for operation in operations {
        match operation {
            Operation::Fetch(asked) => fetched.push(fetching.fetch(&asked).await),
            Operation::Empty { collection, sub_folders } => {
                emptied.push(empty::answer(call, &collection, sub_folders).await);
                fetching.forget();
            }
            Operation::Move { conversation, is_always } => moved.push(not_moved(conversation, is_always)),
        }
    }
    // The order is the schema's, whatever the order of the operations was.
    let response = Element::new(tags::RESPONSE).with_all(moved).with_all(emptied).with_all(fetched);
    let root = Element::new(tags::ITEM_OPERATIONS).with_text(tags::STATUS, status::SUCCESS).with(response);
    Ok(if call.accepts_multipart { Answer::Multipart(root, fetching.parts) } else { Answer::Document(root) })
}

/// [MS-ASCMD] 2.2.3.117.1: no store here moves conversations, of which future messages would have to follow.
fn not_moved(conversation: Bytes, is_always: bool) -> Element {
    let status = if is_always { status::UNSUPPORTED } else { status::MOVE_ALWAYS };
    Element::new(tags::MOVE).with_text(tags::STATUS, status).with(Element::opaque(tags::CONVERSATION_ID, conversation))
}
