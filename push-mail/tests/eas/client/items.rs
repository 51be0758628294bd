//! ItemOperations, MoveItems and GetItemEstimate ([MS-ASCMD] 2.2.1.10, 2.2.1.12, 2.2.1.9).

use push_mail::wbxml::tags::{
    air_sync as a, air_sync_base as b, get_item_estimate as g, item_operations as i, move_items as m,
};
use push_mail::wbxml::{Element, Tag};

use super::Phone;
use super::answer::{Answer, number, status, text};

/// What one Fetch was answered with.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) properties: Option<Element>,
}

/// What became of one item that was to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) status: u16,
    pub(crate) from: String,
    pub(crate) to: Option<String>,
}

/// A Fetch of a message.
pub(crate) fn fetch_item(folder: &str, id: &str, options: Vec<Element>) -> Element {
    let fetch = Element::new(i::FETCH)
        .with_text(i::STORE, "Mailbox")
        .with_text(a::COLLECTION_ID, folder)
        .with_text(a::SERVER_ID, id);
    if options.is_empty() { fetch } else { fetch.with(Element::new(i::OPTIONS).with_all(options)) }
}

/// A Fetch of an attachment.
pub(crate) fn fetch_file(reference: &str) -> Element {
    Element::new(i::FETCH).with_text(i::STORE, "Mailbox").with_text(b::FILE_REFERENCE, reference)
}

/// `BodyPreference` of a type, cut after so many bytes.
pub(crate) fn body_preference(kind: u8, truncation: Option<u32>) -> Element {
    let preference = Element::new(b::BODY_PREFERENCE).with_text(b::TYPE, kind);
    match truncation {
        Some(bytes) => preference.with_text(b::TRUNCATION_SIZE, bytes),
        None => preference,
    }
}

impl Phone {
    pub(crate) async fn item_operations(&mut self, operations: Vec<Element>) -> Answer {
        let request = Element::new(i::ITEM_OPERATIONS).with_all(operations);
        let answer = self.command("ItemOperations", Some(&request)).await;
        assert_eq!(answer.http, 200, "{answer:?}");
        answer
    }

    /// One Fetch.
    pub(crate) async fn fetch(&mut self, fetch: Element) -> Fetched {
        let answer = self.item_operations(vec![fetch]).await;
        let document = answer.document();
        assert_eq!(status(document, i::STATUS), 1, "{document:?}");
        let response = document.child(i::RESPONSE).unwrap_or_else(|| panic!("no response: {document:?}"));
        let fetched = response.child(i::FETCH).unwrap_or_else(|| panic!("no fetch: {document:?}"));
        let fetched = Fetched { status: status(fetched, i::STATUS), properties: fetched.child(i::PROPERTIES).cloned() };
        assert_eq!(fetched.status == 1, fetched.properties.is_some(), "{document:?}");
        fetched
    }

    pub(crate) async fn fetch_properties(&mut self, fetch: Element) -> Element {
        let fetched = self.fetch(fetch).await;
        fetched.properties.unwrap_or_else(|| panic!("status {}", fetched.status))
    }

    /// Moves items, each from one folder to another. The Sync behind tells that they are gone here, and new there.
    pub(crate) async fn move_items(&mut self, moves: &[(&str, &str, &str)]) -> Vec<Moved> {
        let element = |(id, from, to): &(&str, &str, &str)| {
            Element::new(m::MOVE)
                .with_text(m::SRC_MSG_ID, id)
                .with_text(m::SRC_FLD_ID, from)
                .with_text(m::DST_FLD_ID, to)
        };
        let request = Element::new(m::MOVE_ITEMS).with_all(moves.iter().map(element));
        let answer = self.document("MoveItems", &request).await;
        let moved: Vec<Moved> = answer
            .children(m::RESPONSE)
            .map(|response| Moved {
                status: status(response, m::STATUS),
                from: text(response, m::SRC_MSG_ID),
                to: response.child_text(m::DST_MSG_ID),
            })
            .collect();
        assert_eq!(moved.len(), moves.len(), "{answer:?}");
        for (moved, (id, ..)) in moved.iter().zip(moves) {
            assert_eq!(moved.from, *id, "{answer:?}");
            assert_eq!(moved.status == 3, moved.to.is_some(), "3 is success, and nothing else: {answer:?}");
        }
        moved
    }

    /// The status, and how many changes a Sync with that key and these options would tell.
    pub(crate) async fn estimate(&mut self, folder: &str, key: &str, options: Vec<Element>) -> (u16, Option<usize>) {
        let mut collection =
            Element::new(g::COLLECTION).with_text(a::SYNC_KEY, key).with_text(g::COLLECTION_ID, folder);
        if !options.is_empty() {
            collection.push(Element::new(a::OPTIONS).with_all(options));
        }
        let request = Element::new(g::GET_ITEM_ESTIMATE).with(Element::new(g::COLLECTIONS).with(collection));
        let answer = self.document("GetItemEstimate", &request).await;
        let Some(response) = answer.child(g::RESPONSE) else { return (status(&answer, g::STATUS), None) };
        let estimate = response.child(g::COLLECTION).and_then(|collection| collection.child(g::ESTIMATE));
        (status(response, g::STATUS), estimate.map(number))
    }
}

/// The attachments of an item's data, each as one element.
pub(crate) fn attachments(data: &Element) -> Vec<Element> {
    let all = data.child(b::ATTACHMENTS);
    all.into_iter().flat_map(|all| all.children(b::ATTACHMENT)).cloned().collect()
}

/// The text in an item's body.
pub(crate) fn body_text(data: &Element) -> String {
    text(body(data), b::DATA)
}

/// An item's body.
pub(crate) fn body(data: &Element) -> &Element {
    data.child(b::BODY).unwrap_or_else(|| panic!("no body: {data:?}"))
}

/// A number in an item's body.
pub(crate) fn body_number(data: &Element, tag: Tag) -> usize {
    number(body(data).child(tag).unwrap_or_else(|| panic!("no {tag:?}: {data:?}")))
}
