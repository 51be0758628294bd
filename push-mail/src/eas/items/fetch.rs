//! Items and attachments, fetched one after the other.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::asked::{Fetch, What};
use super::{failed, status};
use crate::eas::{Call, FileReference, ItemId, content, email};
use crate::store::{Class, FolderId, Hierarchy, Item, Wanted};
use crate::wbxml::tags::{air_sync, air_sync_base, document_library, item_operations as tags, search};
use crate::wbxml::{Content, Element};

/// After so many that did not fit nothing more is read: to read costs more than to tell.
const MISSES: usize = 8;

/// The fetches of a request.
#[derive(Debug)]
pub(super) struct Fetching<'c> {
    call: &'c Call,
    /// Bytes that the answer may still have.
    left: usize,
    /// How often something did not fit.
    misses: usize,
    /// What is behind the document.
    pub(super) parts: Vec<Bytes>,
    /// The message that was read last: its attachments are mostly fetched one after the other.
    last: Option<(ItemId, Arc<Item>)>,
    tree: Option<Arc<Hierarchy>>,
}

impl<'c> Fetching<'c> {
    pub(super) fn new(call: &'c Call, most: usize) -> Self {
        Self { call, left: most, misses: 0, parts: Vec::new(), last: None, tree: None }
    }

    /// Something was changed: what was read may not be there any more.
    pub(super) fn forget(&mut self) {
        (self.last, self.tree) = (None, None);
    }

    /// What a fetch comes to: its status, what it names, and its properties if there are any.
    pub(super) async fn fetch(&mut self, asked: &Fetch) -> Element {
        let properties =
            if asked.store.eq_ignore_ascii_case("Mailbox") { self.properties(asked).await } else { Err(status::STORE) };
        let (status, properties) = match properties {
            Ok(properties) => (status::SUCCESS, Some(Element::new(tags::PROPERTIES).with_all(properties))),
            Err(status) => (status, None),
        };
        let answer = Element::new(tags::FETCH).with_text(tags::STATUS, status);
        let class = self.last.as_ref().filter(|_| properties.is_some()).map(|(at, _)| self.class(at.folder));
        named(answer, &asked.what, class).with_all(properties)
    }

    async fn properties(&mut self, asked: &Fetch) -> Result<Vec<Element>, u16> {
        match &asked.what {
            What::Item { collection, server_id } => {
                let at: ItemId = server_id.parse().map_err(|_| status::NOT_FOUND)?;
                if collection.as_ref().is_some_and(|collection| *collection != at.folder.to_string()) {
                    return Err(status::NOT_FOUND);
                }
                self.item(at, asked).await
            }
            What::LongId(id) => self.item(id.parse().map_err(|_| status::NOT_FOUND)?, asked).await,
            What::Attachment(reference) => {
                // [MS-ASCMD] 2.2.3.125.3: a range alone.
                if asked.has_item_options {
                    return Err(status::PROTOCOL);
                }
                self.attachment(reference.parse().map_err(|_| status::ATTACHMENT)?, asked.range).await
            }
            What::Link(_) => Err(status::STORE),
        }
    }

    /// The class of a folder that was looked up.
    fn class(&self, folder: FolderId) -> Class {
        let found = self.tree.as_ref().and_then(|tree| tree.get(folder).map(|folder| folder.class));
        found.unwrap_or_default()
    }

    /// The item, with all that is in it.
    async fn read(&mut self, at: ItemId) -> Result<Arc<Item>, u16> {
        if let Some((_, item)) = self.last.as_ref().filter(|(last, _)| *last == at) {
            return Ok(Arc::clone(item));
        }
        if self.misses >= MISSES {
            return Err(status::TOO_LARGE);
        }
        let account = &self.call.account;
        let seen = account.tree();
        if self.tree.is_none() {
            let is_there = seen.get(at.folder).is_some();
            let tree = if is_there { seen } else { Arc::new(account.store.hierarchy().await.map_err(told)?) };
            self.tree = Some(tree);
        }
        let items = account.store.fetch(at.folder, &[at.uid], Wanted::Whole).await.map_err(told)?;
        let item = Arc::new(items.into_iter().next().ok_or(status::NOT_FOUND)?);
        self.last = Some((at, Arc::clone(&item)));
        Ok(item)
    }

    async fn item(&mut self, at: ItemId, asked: &Fetch) -> Result<Vec<Element>, u16> {
        // [MS-ASCMD] 2.2.3.125.3: ranges of attachments alone.
        if asked.range.is_some() {
            return Err(status::PROTOCOL);
        }
        let item = self.read(at).await?;
        let class = self.class(at.folder);
        let data = content::data(self.call, class, &item, (at, item.flags), &asked.view);
        let mut data = data.ok_or(status::NOT_FOUND)?;
        if !asked.schema.is_empty() {
            data.retain(|element| asked.schema.contains(&element.tag));
        }
        self.take(data.iter().map(size).sum())?;
        if self.call.accepts_multipart {
            data = data.into_iter().map(|element| self.apart(element)).collect();
        }
        Ok(data)
    }

    /// The data of a body as a part of the answer, and its number in the place of the data.
    fn apart(&mut self, element: Element) -> Element {
        if element.tag != air_sync_base::BODY {
            return element;
        }
        let tag = element.tag;
        let mut apart = Element::new(tag);
        for child in element.content {
            match child {
                Content::Element(data) if data.tag == air_sync_base::DATA => {
                    apart.push(self.part(data.to_bytes()));
                }
                other => apart.content.push(other),
            }
        }
        apart
    }

    /// Puts a part behind the document, which is part 0.
    fn part(&mut self, bytes: Bytes) -> Element {
        self.parts.push(bytes);
        Element::text(tags::PART, self.parts.len())
    }

    async fn attachment(&mut self, reference: FileReference, range: Option<(u64, u64)>) -> Result<Vec<Element>, u16> {
        let item = match self.read(reference.item).await {
            Err(status::NOT_FOUND) => return Err(status::ATTACHMENT),
            other => other?,
        };
        let raw = item.raw.as_ref().ok_or(status::ATTACHMENT)?;
        let attachment = email::attachment(raw, reference.part).ok_or(status::ATTACHMENT)?;
        let total = attachment.bytes.len();
        let mut properties = Vec::with_capacity(4);
        let mut bytes = attachment.bytes;
        if let Some((first, last)) = range {
            let (first, last) = within(first, last, total).ok_or(status::RANGE)?;
            bytes = bytes.slice(first..=last);
            properties.push(Element::text(tags::RANGE, format!("{first}-{last}")));
            properties.push(Element::text(tags::TOTAL, total));
        }
        self.take(bytes.len())?;
        properties.push(Element::text(air_sync_base::CONTENT_TYPE, attachment.content_type));
        properties.push(if self.call.accepts_multipart {
            self.part(bytes)
        } else {
            // [MS-ASCMD] 2.2.3.39.2: base64, though the document could carry bytes.
            Element::text(tags::DATA, STANDARD.encode(&bytes))
        });
        Ok(properties)
    }

    /// Takes so many bytes of what the answer may have.
    fn take(&mut self, bytes: usize) -> Result<(), u16> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => {
                self.misses += 1;
                return Err(status::TOO_LARGE);
            }
        }
        Ok(())
    }
}

fn told(error: crate::store::StoreError) -> u16 {
    failed(&error)
}

/// Bytes of all that is in an element.
fn size(element: &Element) -> usize {
    let of = |content: &Content| match content {
        Content::Element(element) => size(element),
        Content::Text(text) => text.len(),
        Content::Opaque(bytes) => bytes.len(),
    };
    element.content.iter().map(of).sum()
}

/// The range as far as it is there.
fn within(first: u64, last: u64, total: usize) -> Option<(usize, usize)> {
    let first = usize::try_from(first).ok()?;
    let last = usize::try_from(last).ok()?.min(total.checked_sub(1)?);
    (first <= last).then_some((first, last))
}

/// An answer with what it answers, in the order of the schema.
fn named(answer: Element, what: &What, class: Option<Class>) -> Element {
    let class = class.map(|class| Element::text(air_sync::CLASS, class.as_str()));
    match what {
        What::Item { collection, server_id } => {
            let collection = collection.as_ref().map(|id| Element::text(air_sync::COLLECTION_ID, id));
            answer.with_all(collection).with_text(air_sync::SERVER_ID, server_id).with_all(class)
        }
        What::LongId(id) => answer.with_text(search::LONG_ID, id).with_all(class),
        What::Attachment(reference) => answer.with_text(air_sync_base::FILE_REFERENCE, reference),
        What::Link(link) => answer.with_text(document_library::LINK_ID, link),
    }
}
