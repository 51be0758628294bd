//! Syncs that tell more than one answer holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use push_core::{Hub, HubConfig};
use push_transports::{Config, Push};

use crate::eas::world::World;
use crate::eas::{Answer, Command, ItemId};
use crate::http::Site;
use crate::journal::Journal;
use crate::state::State;
use crate::store::MailStore as _;
use crate::store::maildir::{MaildirConfig, MaildirStore};
use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync as tag, email, folder_hierarchy};
use crate::{Mail, MailConfig};

impl World {
    async fn told(&self, command: Command, document: Element) -> Option<Element> {
        match self.call(command, document).await {
            Ok(Answer::Document(root)) => Some(root),
            Ok(Answer::Arriving(root, on_their_way)) => {
                on_their_way.into_iter().for_each(|on_its_way| on_its_way.arrived());
                Some(root)
            }
            Ok(Answer::Empty) => None,
            other => panic!("{other:?}"),
        }
    }

    /// A device that has asked for the tree.
    async fn begun(config: MailConfig) -> Self {
        let world = Self::with(config).await;
        world
            .told(
                Command::FolderSync,
                Element::new(folder_hierarchy::FOLDER_SYNC).with_text(folder_hierarchy::SYNC_KEY, 0),
            )
            .await;
        world
    }

    async fn sync(&self, folders: impl IntoIterator<Item = Element>) -> Option<Element> {
        let all = Element::new(tag::COLLECTIONS).with_all(folders);
        self.told(Command::Sync, Element::new(tag::SYNC).with(all)).await
    }

    async fn sync_one(&self, key: &str, more: impl IntoIterator<Item = Element>) -> Option<Element> {
        let folder =
            Element::new(tag::COLLECTION).with_text(tag::SYNC_KEY, key).with_text(tag::COLLECTION_ID, self.inbox);
        let answer = self.sync([folder.with_all(more)]).await?;
        answer.child(tag::COLLECTIONS)?.child(tag::COLLECTION).cloned()
    }
}

fn key(collection: &Element) -> String {
    collection.child_text(tag::SYNC_KEY).expect("a key")
}

fn message(n: usize) -> String {
    format!("Subject: {n}\r\n\r\n{}\r\n", "x".repeat(100))
}

fn small() -> MailConfig {
    let mut config = MailConfig::default();
    config.eas.max_sync_answer = 900;
    config
}

#[tokio::test]
async fn what_does_not_fit_into_an_answer_comes_with_the_next_ones() {
    let world = World::begun(small()).await;
    let mut missing = BTreeSet::new();
    for n in 0..9 {
        missing.insert(world.put(world.inbox, message(n)).await.to_string());
    }
    let mut last = world.sync_one("0", []).await.expect("a key");
    for _ in 0..20 {
        let Some(told) = world.sync_one(&key(&last), []).await else { break };
        let commands = told.child(tag::COMMANDS).expect("something");
        for added in commands.elements() {
            assert!(missing.remove(&added.child_text(tag::SERVER_ID).expect("a name")), "{added:?} is told twice");
        }
        assert_eq!(told.child(tag::MORE_AVAILABLE).is_some(), !missing.is_empty());
        last = told;
    }
    assert_eq!(missing, BTreeSet::new());
}

#[tokio::test]
async fn what_is_fetched_takes_from_the_room_of_the_answer() {
    let world = World::begun(small()).await;
    let at: ItemId = world.put(world.inbox, message(1)).await;
    let first = world.sync_one("0", []).await.expect("a key");
    let told = world.sync_one(&key(&first), []).await.expect("a message");
    let fetches = (0..9).map(|_| Element::new(tag::FETCH).with_text(tag::SERVER_ID, at));
    let told = world.sync_one(&key(&told), [Element::new(tag::COMMANDS).with_all(fetches)]).await.expect("some");
    let statuses: Vec<_> = told
        .child(tag::RESPONSES)
        .expect("responses")
        .elements()
        .map(|fetched| fetched.child_text(tag::STATUS).expect("a status"))
        .collect();
    assert_eq!((statuses.len(), statuses[0].as_str(), statuses[8].as_str()), (9, "1", "5"), "{statuses:?}");
}

#[tokio::test]
async fn partial_syncs_name_no_more_folders_together_than_one_may() {
    let world = World::begun(MailConfig::default()).await;
    let named = |from: usize| {
        let folder = |n| Element::new(tag::COLLECTION).with_text(tag::SYNC_KEY, 0).with_text(tag::COLLECTION_ID, n);
        let all = Element::new(tag::COLLECTIONS).with_all((from..from + 200).map(folder));
        Element::new(tag::SYNC).with(Element::new(tag::PARTIAL)).with(all)
    };
    let mut first = named(1000);
    first.content.remove(0);
    world.told(Command::Sync, first).await.expect("an answer");
    let refused = world.told(Command::Sync, named(2000)).await.expect("an answer");
    assert_eq!(refused.child_text(tag::STATUS).as_deref(), Some("15"));
    let long = Element::new(tag::COLLECTION).with_text(tag::SYNC_KEY, 0).with_text(tag::COLLECTION_ID, "1".repeat(65));
    let refused = world.sync([long]).await.expect("an answer");
    assert_eq!(refused.child_text(tag::STATUS).as_deref(), Some("4"));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_told_by_how_it_begins_and_keeps_no_other_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = MaildirConfig { create: true, max_message_bytes: 1000, ..MaildirConfig::default() };
    let state = State::in_memory().expect("memory");
    let journal = Journal::open(&state, "alice").await.expect("a journal");
    let store = MaildirStore::open(dir.path(), journal, config).await.expect("opened");
    let large = format!("From: bob@example.org\r\nSubject: large\r\n\r\n{}\r\n", "x".repeat(5000));
    std::fs::write(dir.path().join("new/1.large"), large).expect("written");
    std::fs::write(dir.path().join("new/2.small"), "Subject: small\r\n\r\nx\r\n").expect("written");
    let hub = Hub::new(HubConfig::default());
    let mail = Mail::builder(hub.clone(), state, MailConfig::default());
    let mail = mail.account("alice", ["alice"], Arc::new(store.clone())).build().expect("an account");
    let mut world = World::new().await;
    world.site = Site { mail, push: Push::new(hub, Config::default()).expect("no origins") };
    world.inbox = store.hierarchy().await.expect("a tree").folders[0].id;
    let all = Element::new(folder_hierarchy::FOLDER_SYNC).with_text(folder_hierarchy::SYNC_KEY, 0);
    world.told(Command::FolderSync, all).await;

    let first = world.sync_one("0", []).await.expect("a key");
    let told = world.sync_one(&key(&first), []).await.expect("messages");
    let data = |added: &Element| added.child(tag::APPLICATION_DATA).cloned().expect("data");
    let added: Vec<_> = told.child(tag::COMMANDS).expect("both").elements().map(data).collect();
    let subjects: BTreeSet<_> = added.iter().filter_map(|data| data.child_text(email::SUBJECT)).collect();
    assert_eq!(subjects, BTreeSet::from(["large".to_owned(), "small".to_owned()]));
    let large = added.iter().find(|data| data.child_text(email::FROM).is_some_and(|from| from.contains("bob")));
    assert!(large.is_some(), "{added:?}");
    assert_eq!(world.sync_one(&key(&told), []).await, None, "it is told once");
}
