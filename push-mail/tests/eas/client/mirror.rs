//! What a phone holds of a folder, and what it must never be told.

use std::collections::{BTreeMap, BTreeSet};

use push_mail::wbxml::tags::{air_sync as a, email as e};
use push_mail::wbxml::{Content, Element, Tag};

use super::answer::{status, text};
use super::sync::{Act, Ask};

/// A folder as the phone holds it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) key: String,
    /// Keys that were used already.
    past: BTreeSet<String>,
    /// Items by their ids.
    pub(crate) items: BTreeMap<String, Element>,
    /// Whether a ping has told of changes that no sync has shown yet.
    pub(crate) is_alarmed: bool,
}

impl Default for Held {
    fn default() -> Self {
        Self { key: "0".to_owned(), past: BTreeSet::new(), items: BTreeMap::new(), is_alarmed: false }
    }
}

/// What one answer told of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) added: Vec<String>,
    pub(crate) changed: Vec<String>,
    pub(crate) deleted: Vec<String>,
    /// Those that left the filter.
    pub(crate) softly: Vec<String>,
    /// What became of the phone's own changes.
    pub(crate) responses: Vec<Element>,
    pub(crate) more: bool,
}

impl Told {
    /// Whether anything came from the server.
    pub(crate) fn is_nothing(&self) -> bool {
        self.count() == 0
    }

    pub(crate) fn count(&self) -> usize {
        self.added.len() + self.changed.len() + self.deleted.len() + self.softly.len()
    }

    /// The status that the answer to an own change gave; `None` where none was needed.
    pub(crate) fn response_status(&self, to: Tag, id: &str) -> Option<u16> {
        let of = |element: &&Element| {
            element.tag == to && (is_text(element, a::SERVER_ID, id) || is_text(element, a::CLIENT_ID, id))
        };
        self.responses.iter().find(of).map(|response| status(response, a::STATUS))
    }

    /// Joins what a later answer told.
    pub(crate) fn join(&mut self, later: Told) {
        self.status = later.status;
        self.added.extend(later.added);
        self.changed.extend(later.changed);
        self.deleted.extend(later.deleted);
        self.softly.extend(later.softly);
        self.responses.extend(later.responses);
        self.more = later.more;
    }
}

fn is_text(element: &Element, tag: Tag, wanted: &str) -> bool {
    element.child_text(tag).is_some_and(|text| text == wanted)
}

impl Held {
    /// Whether an item shows as read.
    pub(crate) fn is_read(&self, id: &str) -> bool {
        self.field(id, e::READ) == "1"
    }

    /// Whether an item shows a flag.
    pub(crate) fn is_flagged(&self, id: &str) -> bool {
        let flag = self.item(id).child(e::FLAG);
        flag.and_then(|flag| flag.child_text(e::STATUS)).is_some_and(|status| status == "2")
    }

    pub(crate) fn item(&self, id: &str) -> &Element {
        self.items.get(id).unwrap_or_else(|| panic!("{id} is not held: {:?}", self.items.keys()))
    }

    /// The text of an item's field; empty if it has none.
    pub(crate) fn field(&self, id: &str, tag: Tag) -> String {
        self.item(id).child_text(tag).unwrap_or_default()
    }

    /// Subjects, in the order of the alphabet.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let mut all: Vec<_> = self.items.keys().map(|id| self.field(id, e::SUBJECT)).collect();
        all.sort();
        all
    }

    /// The id of the item with that subject.
    pub(crate) fn find(&self, subject: &str) -> String {
        let found = self.items.keys().find(|id| self.field(id, e::SUBJECT) == subject);
        found.unwrap_or_else(|| panic!("no item {subject:?}: {:?}", self.subjects())).clone()
    }

    /// Takes an answer in: `collection` answers `ask`.
    pub(super) fn apply(&mut self, ask: &Ask, collection: &Element) -> Told {
        let mut told = Told { status: status(collection, a::STATUS), ..Told::default() };
        if told.status != 1 {
            assert!(collection.child(a::COMMANDS).is_none(), "refused and yet told: {collection:?}");
            return told;
        }
        told.more = collection.child(a::MORE_AVAILABLE).is_some();
        self.check_order(collection);
        let commands = collection.child(a::COMMANDS);
        let responses = collection.child(a::RESPONSES);
        for list in [commands, responses].into_iter().flatten() {
            assert!(!list.is_empty(), "an empty list: {collection:?}");
        }
        self.check_key(collection, commands.is_some() || responses.is_some());
        told.responses = responses.into_iter().flat_map(Element::elements).cloned().collect();
        self.take_own(ask, &told);
        for command in commands.into_iter().flat_map(Element::elements) {
            self.take(command, &mut told);
        }
        if self.is_alarmed {
            assert!(!told.is_nothing() || told.more, "a ping told of changes, but there are none: {collection:?}");
            self.is_alarmed = false;
        }
        told
    }

    /// MoreAvailable stands before what it speaks of.
    fn check_order(&self, collection: &Element) {
        let place = |tag| collection.elements().position(|element| element.tag == tag);
        if let (Some(more), Some(commands)) = (place(a::MORE_AVAILABLE), place(a::COMMANDS)) {
            assert!(more < commands, "{collection:?}");
        }
    }

    /// A key is new whenever anything was told, and never one that was used before.
    fn check_key(&mut self, collection: &Element, has_news: bool) {
        let key = text(collection, a::SYNC_KEY);
        assert!((1..=64).contains(&key.len()) && key != "0", "{collection:?}");
        if key == self.key {
            assert!(!has_news, "the same key for something else: {collection:?}");
            return;
        }
        assert!(!self.past.contains(&key), "a key for the second time: {collection:?}");
        self.past.insert(std::mem::replace(&mut self.key, key));
    }

    fn take(&mut self, command: &Element, told: &mut Told) {
        let id = text(command, a::SERVER_ID);
        assert!((1..=64).contains(&id.len()), "{command:?}");
        let data = command.child(a::APPLICATION_DATA);
        match command.tag {
            tag if tag == a::ADD => {
                let data = data.unwrap_or_else(|| panic!("an item without data: {command:?}"));
                let before = self.items.insert(id.clone(), data.clone());
                assert!(before.is_none(), "told twice: {command:?}");
                told.added.push(id);
            }
            tag if tag == a::CHANGE => {
                let data = data.unwrap_or_else(|| panic!("a change without data: {command:?}"));
                let item =
                    self.items.get_mut(&id).unwrap_or_else(|| panic!("a change of what is not held: {command:?}"));
                let before = item.clone();
                merge(item, data.elements());
                assert_ne!(*item, before, "a change that changes nothing: {command:?}");
                told.changed.push(id);
            }
            tag if tag == a::DELETE || tag == a::SOFT_DELETE => {
                assert!(self.items.remove(&id).is_some(), "gone, but it was not held: {command:?}");
                if tag == a::DELETE { told.deleted.push(id) } else { told.softly.push(id) }
            }
            _ => panic!("no such command from a server: {command:?}"),
        }
    }

    /// The phone's own changes, as far as the server took them.
    fn take_own(&mut self, ask: &Ask, told: &Told) {
        for act in &ask.acts {
            match act {
                Act::Change { id, data } => {
                    let status = told.response_status(a::CHANGE, id);
                    if status.is_none_or(|status| status == 1)
                        && let Some(item) = self.items.get_mut(id)
                    {
                        merge(item, data.iter());
                    }
                }
                Act::Delete { id } => {
                    if told.response_status(a::DELETE, id).is_none_or(|status| status == 1) {
                        self.items.remove(id);
                    }
                }
                Act::Add { client_id, data } => {
                    let response = told.responses.iter().find(|element| is_text(element, a::CLIENT_ID, client_id));
                    let response = response.unwrap_or_else(|| panic!("no answer to {client_id}: {told:?}"));
                    if status(response, a::STATUS) == 1 {
                        let data = Element::new(a::APPLICATION_DATA).with_all(data.iter().cloned());
                        let before = self.items.insert(text(response, a::SERVER_ID), data);
                        assert!(before.is_none(), "an id twice: {response:?}");
                    }
                }
                Act::Fetch { id } => {
                    let answered = told.response_status(a::FETCH, id);
                    assert!(answered.is_some(), "no answer to the fetch of {id}: {told:?}");
                }
            }
        }
    }
}

/// Puts fields in the place of those they are the new values of.
fn merge<'a>(item: &mut Element, fields: impl Iterator<Item = &'a Element>) {
    for field in fields {
        let place = item.content.iter().position(|content| is_of(content, field.tag));
        match place {
            Some(place) => item.content[place] = Content::Element(field.clone()),
            None => item.push(field.clone()),
        }
    }
}

fn is_of(content: &Content, tag: Tag) -> bool {
    matches!(content, Content::Element(element) if element.tag == tag)
}
