//! Sync ([MS-ASCMD] 2.2.1.21).

use std::collections::BTreeMap;

use push_mail::wbxml::tags::{air_sync as a, air_sync_base as b, email as e};
use push_mail::wbxml::{Element, Tag};
use testkit::http::Connection;

use super::Phone;
use super::answer::{Answer, number, status, text};
use super::mirror::Told;

/// Something that the phone did itself.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Add { client_id: String, data: Vec<Element> },
    Change { id: String, data: Vec<Element> },
    Delete { id: String },
    Fetch { id: String },
}

impl Act {
    pub(crate) fn read(id: &str, read: bool) -> Self {
        Self::Change { id: id.to_owned(), data: vec![Element::text(e::READ, u8::from(read))] }
    }

    /// A flag, as a phone sets one.
    pub(crate) fn flag(id: &str) -> Self {
        let flag = Element::new(e::FLAG).with_text(e::STATUS, 2).with_text(e::FLAG_TYPE, "Flag for follow up");
        Self::Change { id: id.to_owned(), data: vec![flag] }
    }

    /// An empty element takes the flag away.
    pub(crate) fn unflag(id: &str) -> Self {
        Self::Change { id: id.to_owned(), data: vec![Element::new(e::FLAG)] }
    }

    pub(crate) fn delete(id: &str) -> Self {
        Self::Delete { id: id.to_owned() }
    }

    fn element(&self) -> Element {
        let data = |data: &[Element]| Element::new(a::APPLICATION_DATA).with_all(data.iter().cloned());
        match self {
            Self::Add { client_id, data: fields } => {
                Element::new(a::ADD).with_text(a::CLIENT_ID, client_id).with(data(fields))
            }
            Self::Change { id, data: fields } => Element::new(a::CHANGE).with_text(a::SERVER_ID, id).with(data(fields)),
            Self::Delete { id } => Element::new(a::DELETE).with_text(a::SERVER_ID, id),
            Self::Fetch { id } => Element::new(a::FETCH).with_text(a::SERVER_ID, id),
        }
    }
}

/// What is asked of one folder.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) folder: String,
    /// Instead of the key that the phone holds.
    pub(crate) key: Option<String>,
    pub(crate) get_changes: Option<bool>,
    pub(crate) window: Option<u32>,
    pub(crate) deletes_as_moves: Option<bool>,
    /// What stands in `Options`; none are sent if it is `None`.
    pub(crate) options: Option<Vec<Element>>,
    pub(crate) acts: Vec<Act>,
}

/// Plain text, all of it.
fn usual_options() -> Vec<Element> {
    vec![Element::new(b::BODY_PREFERENCE).with_text(b::TYPE, 1)]
}

impl Ask {
    pub(crate) fn of(folder: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            key: None,
            get_changes: None,
            window: None,
            deletes_as_moves: None,
            options: Some(usual_options()),
            acts: Vec::new(),
        }
    }

    pub(crate) fn window(mut self, window: u32) -> Self {
        self.window = Some(window);
        self
    }

    /// Messages of the last days only: 1 is a day, 3 a week.
    pub(crate) fn filter(self, filter: u8) -> Self {
        self.option(Element::text(a::FILTER_TYPE, filter))
    }

    pub(crate) fn option(mut self, option: Element) -> Self {
        self.options.get_or_insert_default().insert(0, option);
        self
    }

    pub(crate) fn without_options(mut self) -> Self {
        self.options = None;
        self
    }

    pub(crate) fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    /// MS-ASCMD §2.2.3.29.2: the order of the children.
    pub(crate) fn element(&self, key: &str) -> Element {
        let mut out = Element::new(a::COLLECTION).with_text(a::SYNC_KEY, key).with_text(a::COLLECTION_ID, &self.folder);
        if let Some(moves) = self.deletes_as_moves {
            out.push(Element::text(a::DELETES_AS_MOVES, u8::from(moves)));
        }
        if let Some(get) = self.get_changes {
            out.push(Element::text(a::GET_CHANGES, u8::from(get)));
        }
        if let Some(window) = self.window {
            out.push(Element::text(a::WINDOW_SIZE, window));
        }
        if let Some(options) = &self.options {
            out.push(Element::new(a::OPTIONS).with_all(options.iter().cloned()));
        }
        if !self.acts.is_empty() {
            out.push(Element::new(a::COMMANDS).with_all(self.acts.iter().map(Act::element)));
        }
        out
    }
}

/// What a Sync was answered with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Synced {
    /// The status of the whole command, where there is one.
    pub(crate) status: Option<u16>,
    pub(crate) limit: Option<u32>,
    /// By the folder's id.
    pub(crate) told: BTreeMap<String, Told>,
    /// Whether the answer had no body.
    pub(crate) is_empty: bool,
}

impl Synced {
    /// What was told of the only folder that was asked for; nothing, if the answer was empty.
    pub(crate) fn only(self) -> Told {
        assert_eq!(self.status, None, "{self:?}");
        assert!(self.told.len() <= 1, "{self:?}");
        self.told.into_values().next().unwrap_or(Told { status: 1, ..Told::default() })
    }
}

/// `Sync` with these collections and other children.
pub(crate) fn document(collections: Vec<Element>, others: Vec<Element>) -> Element {
    let mut sync = Element::new(a::SYNC);
    if !collections.is_empty() {
        sync.push(Element::new(a::COLLECTIONS).with_all(collections));
    }
    sync.with_all(others)
}

/// An element of Sync with a number.
pub(crate) fn with(tag: Tag, value: impl std::fmt::Display) -> Vec<Element> {
    vec![Element::text(tag, value)]
}

impl Phone {
    pub(crate) fn key(&self, folder: &str) -> String {
        self.held.get(folder).map_or_else(|| "0".to_owned(), |held| held.key.clone())
    }

    /// The request that these questions make.
    pub(crate) fn sync_document(&self, asks: &[Ask], others: Vec<Element>) -> Element {
        let collections = asks.iter().map(|ask| {
            let key = ask.key.clone().unwrap_or_else(|| self.key(&ask.folder));
            ask.element(&key)
        });
        document(collections.collect(), others)
    }

    /// One Sync, taken in.
    pub(crate) async fn sync(&mut self, asks: &[Ask]) -> Synced {
        self.sync_with(asks, Vec::new()).await
    }

    pub(crate) async fn sync_with(&mut self, asks: &[Ask], others: Vec<Element>) -> Synced {
        let request = self.sync_document(asks, others);
        let answer = self.command("Sync", Some(&request)).await;
        self.take_sync(asks, &answer)
    }

    /// One Sync of one folder.
    pub(crate) async fn sync_one(&mut self, ask: Ask) -> Told {
        self.sync(&[ask]).await.only()
    }

    /// A Sync whose answer never reaches the phone's memory.
    pub(crate) async fn sync_lost(&mut self, asks: &[Ask]) -> Answer {
        let request = self.sync_document(asks, Vec::new());
        self.command("Sync", Some(&request)).await
    }

    /// A Sync whose connection is gone before its answer is read.
    pub(crate) async fn sync_cut(&mut self, asks: &[Ask]) {
        let request = self.request("Sync", Some(&self.sync_document(asks, Vec::new())));
        let mut connection = Connection::open(self.addr).await.expect("connected");
        connection.send(&request).await.expect("sent");
        // The head has come, so it was carried out; the rest is never looked at.
        connection.head().await.expect("an answer");
    }

    /// Takes an answer in.
    pub(crate) fn take_sync(&mut self, asks: &[Ask], answer: &Answer) -> Synced {
        assert_eq!(answer.http, 200, "{answer:?}");
        let Some(document) = &answer.document else {
            assert!(asks.iter().all(|ask| ask.acts.iter().all(needs_no_answer)), "no answer to {asks:?}");
            for ask in asks {
                let held = self.held.entry(ask.folder.clone()).or_default();
                assert!(!held.is_alarmed, "a ping told of changes, but there are none");
                assert_ne!(held.key, "0", "the first key is never told");
            }
            return Synced { is_empty: true, ..Synced::default() };
        };
        let mut synced = Synced {
            status: document.child(a::STATUS).map(number),
            limit: document.child(a::LIMIT).map(number),
            ..Synced::default()
        };
        let collections = document.child(a::COLLECTIONS);
        assert!(collections.is_some() || synced.status.is_some(), "neither status nor folders: {document:?}");
        for collection in collections.into_iter().flat_map(Element::elements) {
            assert_eq!(collection.tag, a::COLLECTION, "{document:?}");
            let folder = text(collection, a::COLLECTION_ID);
            let asked = asks.iter().find(|ask| ask.folder == folder);
            let told = self.take_collection(asked, &folder, collection);
            assert!(synced.told.insert(folder, told).is_none(), "a folder twice: {document:?}");
        }
        synced
    }

    fn take_collection(&mut self, ask: Option<&Ask>, folder: &str, collection: &Element) -> Told {
        // A partial or empty request has those folders in it that the server remembers.
        let remembered = Ask::of(folder);
        let ask = ask.unwrap_or(&remembered);
        let held = self.held.entry(folder.to_owned()).or_default();
        let is_first = ask.key.as_deref().unwrap_or(&held.key) == "0";
        if is_first && status(collection, a::STATUS) == 1 {
            let alarmed = held.is_alarmed;
            *held = super::Held::default();
            let told = held.apply(ask, collection);
            assert!(told.is_nothing() && !told.more, "a first answer has no items: {collection:?}");
            held.is_alarmed = alarmed;
            return told;
        }
        let told = held.apply(ask, collection);
        if told.status == 3 {
            *held = super::Held::default();
            self.restarts += 1;
        }
        told
    }

    /// Everything that is new of a folder, from the very beginning if need be.
    pub(crate) async fn sync_all(&mut self, folder: &str) -> Told {
        self.sync_all_of(&Ask::of(folder)).await
    }

    pub(crate) async fn sync_all_of(&mut self, ask: &Ask) -> Told {
        if self.key(&ask.folder) == "0" {
            let told = self.sync_one(ask.clone()).await;
            assert_eq!(told.status, 1, "{told:?}");
        }
        let mut all = Told::default();
        loop {
            let told = self.sync_one(ask.clone()).await;
            assert_eq!(told.status, 1, "{told:?}");
            let more = told.more;
            assert!(!more || told.count() > 0, "more is there, but nothing comes: {told:?}");
            all.join(told);
            if !more {
                return all;
            }
        }
    }

    /// A Sync that hangs, over a connection of its own; its answer is to be taken in with [`Phone::take_sync`].
    pub(crate) fn start_sync(&self, asks: &[Ask], others: Vec<Element>) -> tokio::task::JoinHandle<Answer> {
        let request = self.request("Sync", Some(&self.sync_document(asks, others)));
        let addr = self.addr;
        tokio::spawn(async move { Answer::checked("Sync", request.send(addr).await) })
    }

    /// The subjects held of a folder.
    pub(crate) fn subjects(&self, folder: &str) -> Vec<String> {
        self.held.get(folder).map(super::Held::subjects).unwrap_or_default()
    }
}

fn needs_no_answer(act: &Act) -> bool {
    matches!(act, Act::Change { .. } | Act::Delete { .. })
}
