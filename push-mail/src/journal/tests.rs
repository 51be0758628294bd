//! The journal against a model, and across the end of its process.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::{Change, ChangeKind, StoreErrorKind};

fn seen(key: &str, flags: u8) -> SeenItem {
    SeenItem { uid: None, key: key.to_owned(), flags: Flags(flags), identity: None, received_ms: None }
}

fn folder(key: &str, identity: Option<&str>) -> SeenFolder {
    SeenFolder {
        key: key.to_owned(),
        identity: identity.map(str::to_owned),
        path: key.to_owned(),
        kind: FolderKind::by_name(key),
        class: Class::Email,
    }
}

async fn journal() -> (Journal, FolderId) {
    let journal = Journal::open(&State::in_memory().expect("memory"), "alice").await.expect("a journal");
    let tree = journal.record_hierarchy(vec![folder("INBOX", None)]).await.expect("recorded");
    (journal, tree.folders[0].id)
}

async fn look(journal: &Journal, inbox: FolderId, items: Vec<SeenItem>, gone: Vec<Uid>) -> Token {
    let look = Look { seen: items, gone, ..Look::default() };
    journal.record(inbox, look).await.expect("recorded")
}

fn told(journal: &Journal, inbox: FolderId, since: Token) -> Vec<(ChangeKind, u64)> {
    let page = journal.changes(inbox, since, 1000).expect("known");
    page.changes.iter().map(|change| (change.kind, change.uid.0)).collect()
}

#[tokio::test]
async fn what_was_recorded_is_told_from_any_point() {
    let (journal, inbox) = journal().await;
    let first = look(&journal, inbox, vec![seen("a", 0), seen("b", 0)], vec![]).await;
    assert_eq!(told(&journal, inbox, Token::START), [(ChangeKind::New, 1), (ChangeKind::New, 2)]);
    assert_eq!(told(&journal, inbox, first), []);
    let same = look(&journal, inbox, vec![seen("a", 0)], vec![]).await;
    assert_eq!(same, first, "as it was: nothing changed");
    look(&journal, inbox, vec![seen("a", 1), seen("c", 0)], vec![Uid(2)]).await;
    let expected = [(ChangeKind::Changed, 1), (ChangeKind::New, 4), (ChangeKind::Deleted, 2)];
    assert_eq!(told(&journal, inbox, first), expected);
    assert_eq!(told(&journal, inbox, Token::START), [(ChangeKind::New, 1), (ChangeKind::New, 4)]);
    let page = journal.changes(inbox, first, 1).expect("known");
    assert!(page.more);
    assert_eq!(told(&journal, inbox, page.token), expected[1..]);
}

#[tokio::test]
async fn what_a_page_has_told_the_next_one_does_not_tell_again() {
    let (journal, inbox) = journal().await;
    look(&journal, inbox, vec![seen("a", 0), seen("b", 0), seen("c", 0)], vec![]).await;
    look(&journal, inbox, vec![seen("a", 1)], vec![]).await;
    let first = journal.changes(inbox, Token::START, 2).expect("known");
    assert!(first.more && first.changes.iter().all(|change| change.kind == ChangeKind::New));
    assert_eq!(first.changes[0].flags, Flags(1), "as it is now");
    assert_eq!(told(&journal, inbox, first.token), [(ChangeKind::New, 3)]);
    // What happens between the pages is told, though.
    look(&journal, inbox, vec![seen("b", 2)], vec![Uid(1)]).await;
    let expected = [(ChangeKind::New, 3), (ChangeKind::Changed, 2), (ChangeKind::Deleted, 1)];
    assert_eq!(told(&journal, inbox, first.token), expected);
}

#[tokio::test]
async fn a_token_of_another_epoch_or_from_the_future_has_expired() {
    let (journal, inbox) = journal().await;
    let token = look(&journal, inbox, vec![seen("a", 0)], vec![]).await;
    let future = Token { modseq: token.modseq + 1, ..token };
    let reset = Look { reset: true, seen: vec![seen("a", 0)], ..Look::default() };
    journal.record(inbox, reset).await.expect("recorded");
    for expired in [token, future] {
        let error = journal.changes(inbox, expired, 10).expect_err("expired");
        assert_eq!(error.kind(), StoreErrorKind::TokenExpired);
    }
    assert_eq!(told(&journal, inbox, Token::START).len(), 1);
}

#[tokio::test]
async fn deletions_beyond_what_is_kept_expire_older_tokens_and_only_those() {
    let (journal, inbox) = journal().await;
    let all: Vec<_> = (0..TOMBSTONES + 10).map(|n| seen(&n.to_string(), 0)).collect();
    let before = look(&journal, inbox, all, vec![]).await;
    let uids: Vec<_> = journal.known(inbox).expect("known").iter().map(|known| known.uid).collect();
    let after = look(&journal, inbox, vec![], uids).await;
    assert_eq!(journal.changes(inbox, before, 10).expect_err("expired").kind(), StoreErrorKind::TokenExpired);
    assert_eq!(told(&journal, inbox, after), []);
    assert_eq!(told(&journal, inbox, Token::START), []);
}

#[tokio::test]
async fn a_folder_that_has_forgotten_deletions_can_still_be_read_in_pages() {
    let (journal, inbox) = journal().await;
    look(&journal, inbox, vec![seen("old", 0), seen("older", 0)], vec![]).await;
    let many: Vec<_> = (0..TOMBSTONES + 10).map(|n| seen(&n.to_string(), 0)).collect();
    look(&journal, inbox, many, vec![]).await;
    let uids = journal.known(inbox).expect("known").iter().map(|known| known.uid).filter(|uid| uid.0 > 2).collect();
    look(&journal, inbox, vec![], uids).await;
    look(&journal, inbox, vec![seen("new", 0)], vec![]).await;
    let first = journal.changes(inbox, Token::START, 1).expect("known");
    assert!(first.more);
    let rest = journal.changes(inbox, first.token, 10).expect("nothing that the first page told is forgotten");
    assert_eq!(rest.changes.len(), 2);
    // What the first page has told may go and be forgotten before the next one.
    let again: Vec<_> = (0..TOMBSTONES + 10).map(|n| seen(&format!("again {n}"), 0)).collect();
    look(&journal, inbox, again, vec![Uid(1)]).await;
    let uids = journal.known(inbox).expect("known").iter().map(|known| known.uid).filter(|uid| uid.0 > 2).collect();
    look(&journal, inbox, vec![], uids).await;
    let error = journal.changes(inbox, first.token, 10).expect_err("that the first message is gone is forgotten");
    assert_eq!(error.kind(), StoreErrorKind::TokenExpired);
}

#[tokio::test]
async fn messages_that_swap_names_are_found_by_the_new_ones() {
    let (journal, inbox) = journal().await;
    let named = |uid: u64, key: &str| SeenItem { uid: Some(Uid(uid)), ..seen(key, 0) };
    look(&journal, inbox, vec![named(7, "a"), named(8, "b")], vec![]).await;
    look(&journal, inbox, vec![named(7, "b"), named(8, "a")], vec![]).await;
    let uid_of = |key: &str| journal.find(inbox, key).expect("readable").map(|known| known.uid.0);
    assert_eq!((uid_of("a"), uid_of("b")), (Some(8), Some(7)));
    // One that takes a name over keeps it when the one that had it goes.
    look(&journal, inbox, vec![named(9, "b")], vec![Uid(7)]).await;
    assert_eq!(uid_of("b"), Some(9));
}

#[tokio::test]
async fn numbers_given_before_a_crash_are_not_given_again() {
    let folder_of = tempfile::tempdir().expect("a folder");
    let path = folder_of.path().join("state");
    let state = State::open(&path).expect("opened");
    let journal = Journal::open(&state, "alice").await.expect("a journal");
    let inbox = journal.record_hierarchy(vec![folder("INBOX", None)]).await.expect("recorded").folders[0].id;
    look(&journal, inbox, vec![seen("a", 0)], vec![]).await;
    state.write(Durability::Disk, |_| Ok(())).await.expect("durable");
    look(&journal, inbox, vec![seen("b", 0)], vec![]).await;
    let copy = folder_of.path().join("copy");
    std::fs::copy(&path, &copy).expect("as it is on the disk");
    let journal = Journal::open(&State::open(&copy).expect("opened"), "alice").await.expect("a journal");
    assert_eq!(journal.known(inbox).expect("known").len(), 1, "b was not durable");
    look(&journal, inbox, vec![seen("c", 0)], vec![]).await;
    let uids: Vec<_> = journal.known(inbox).expect("known").iter().map(|known| known.uid.0).collect();
    assert!(uids[0] == 1 && uids[1] > 2, "{uids:?}");
}

#[tokio::test]
async fn a_renamed_folder_stays_what_it_is_and_a_removed_one_never_comes_back() {
    let (journal, inbox) = journal().await;
    let both = vec![folder("INBOX", None), folder("A", Some("1")), folder("B", Some("2"))];
    let first = journal.record_hierarchy(both.clone()).await.expect("recorded");
    assert_eq!(journal.record_hierarchy(both).await.expect("recorded"), first, "nothing changed");
    let (a, b) = (first.folders[1].id, first.folders[2].id);
    let swapped = vec![folder("INBOX", None), folder("B", Some("1")), folder("A", Some("2"))];
    let second = journal.record_hierarchy(swapped).await.expect("recorded");
    assert!(second.version > first.version);
    assert_eq!(second.get(a).map(|folder| &*folder.path), Some("B"));
    assert_eq!(second.get(b).map(|folder| &*folder.path), Some("A"));
    let third = journal.record_hierarchy(vec![folder("INBOX", None)]).await.expect("recorded");
    assert_eq!(third.folders.len(), 1);
    let again = journal.record_hierarchy(vec![folder("INBOX", None), folder("A", Some("1"))]).await.expect("recorded");
    assert!(again.folders[1].id > b);
    assert_eq!(again.folders[0].id, inbox);
    assert_eq!(journal.changes(a, Token::START, 1).expect_err("gone").kind(), StoreErrorKind::NoSuchFolder);
}

#[derive(Clone, Debug)]
enum Step {
    See(u8, u8),
    Lose(u8),
    Ask(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..12u8, 0..3u8).prop_map(|(key, flags)| Step::See(key, flags)),
        (0..12u8).prop_map(Step::Lose),
        (0..3u8).prop_map(Step::Ask),
    ];
    prop::collection::vec(step, 1..60)
}

/// Somebody who only knows what it was told.
#[derive(Default)]
struct Device {
    token: Token,
    holds: BTreeMap<u64, Flags>,
}

impl Device {
    fn apply(&mut self, change: &Change) {
        match change.kind {
            ChangeKind::New => assert!(self.holds.insert(change.uid.0, change.flags).is_none(), "new, and was there"),
            ChangeKind::Changed => assert!(self.holds.insert(change.uid.0, change.flags).is_some(), "changed unseen"),
            // It may have gone between two pages, before it was told.
            ChangeKind::Deleted => {
                let was_known = self.holds.remove(&change.uid.0).is_some();
                assert!(was_known || self.token.paging.is_some(), "deleted unseen");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if std::env::var_os("PUSH_TEST_LONG").is_some() { 2000 } else { 64 }, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whoever_asks_at_whatever_points_ends_with_what_is_there(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (journal, inbox) = journal().await;
            let mut devices = [Device::default(), Device::default(), Device::default()];
            let uid_of = |key: &str| journal.known(inbox).expect("known").into_iter().find(|k| k.key == key).map(|k| k.uid);
            for step in steps {
                match step {
                    Step::See(key, flags) => { look(&journal, inbox, vec![seen(&key.to_string(), flags)], vec![]).await; }
                    Step::Lose(key) => { look(&journal, inbox, vec![], uid_of(&key.to_string()).into_iter().collect()).await; }
                    Step::Ask(device) => {
                        let device = &mut devices[usize::from(device)];
                        let page = journal.changes(inbox, device.token, 3).expect("known");
                        page.changes.iter().for_each(|change| device.apply(change));
                        device.token = page.token;
                    }
                }
            }
            let there: BTreeMap<_, _> = journal.known(inbox).expect("known").into_iter().map(|k| (k.uid.0, k.flags)).collect();
            for mut device in devices {
                loop {
                    let page = journal.changes(inbox, device.token, 2).expect("known");
                    page.changes.iter().for_each(|change| device.apply(change));
                    device.token = page.token;
                    if !page.more { break }
                }
                prop_assert_eq!(&device.holds, &there);
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_message_is_found_by_what_the_store_calls_it() {
    let (journal, inbox) = journal().await;
    look(&journal, inbox, vec![seen("a", 1), seen("b", 0)], Vec::new()).await;
    let found = journal.find(inbox, "a").expect("readable").expect("known");
    assert_eq!((found.key.as_str(), found.flags), ("a", Flags(1)));
    assert_eq!(journal.look_up(inbox, found.uid).expect("readable"), Some(found.clone()));
    look(&journal, inbox, Vec::new(), vec![found.uid]).await;
    assert_eq!(journal.find(inbox, "a").expect("readable"), None);
}

#[tokio::test]
async fn what_nobody_waited_for_can_be_read_once_it_has_settled() {
    let (journal, inbox) = journal().await;
    for round in 0..50_u8 {
        let seen = vec![seen("a", round), seen(&round.to_string(), 0)];
        let mut record = Box::pin(journal.record(inbox, Look { seen, ..Look::default() }));
        // It is on its way, and given up.
        let _ =
            std::future::Future::poll(record.as_mut(), &mut std::task::Context::from_waker(std::task::Waker::noop()));
        drop(record);
        journal.settle().await.expect("settled");
        let found = journal.find(inbox, "a").expect("readable").expect("known");
        assert_eq!(found.flags, Flags(round));
    }
    assert_eq!(journal.known(inbox).expect("readable").len(), 51);
}

#[tokio::test]
async fn when_a_message_came_is_kept_until_something_else_is_said() {
    let (journal, inbox) = journal().await;
    let dated = |flags, received_ms| SeenItem { received_ms, ..seen("a", flags) };
    let received = |since| journal.changes(inbox, since, 10).expect("known").changes.first().map(|it| it.received_ms);
    let first = look(&journal, inbox, vec![dated(0, None)], vec![]).await;
    assert_eq!(received(Token::START), Some(0));
    assert_eq!(look(&journal, inbox, vec![dated(0, Some(5))], vec![]).await, first, "that alone is no change");
    assert_eq!((received(Token::START), received(first)), (Some(5), None));
    look(&journal, inbox, vec![dated(1, None)], vec![]).await;
    assert_eq!(received(first), Some(5), "marked");
    let known = journal.find(inbox, "a").expect("readable").expect("known");
    assert_eq!(journal.look_up_all(inbox, &[Uid(9), known.uid]).expect("readable").len(), 1);
    look(&journal, inbox, vec![], vec![known.uid]).await;
    assert_eq!(received(first), Some(5), "gone");
}

#[tokio::test]
async fn another_content_is_a_change_and_what_was_unknown_of_it_is_none() {
    let (journal, inbox) = journal().await;
    let with = |identity| SeenItem { identity, ..seen("a", 0) };
    let first = look(&journal, inbox, vec![with(None)], vec![]).await;
    assert_eq!(look(&journal, inbox, vec![with(Some(7))], vec![]).await, first);
    assert_eq!(look(&journal, inbox, vec![with(None)], vec![]).await, first);
    look(&journal, inbox, vec![with(Some(8))], vec![]).await;
    assert_eq!(told(&journal, inbox, first), [(ChangeKind::Changed, 1)]);
    let page = journal.changes(inbox, first, 10).expect("known");
    assert_eq!(page.changes[0].identity, Some(8));
}

#[tokio::test]
async fn what_is_told_is_of_the_class_of_its_folder() {
    let journal = Journal::open(&State::in_memory().expect("memory"), "alice").await.expect("a journal");
    let seen_folder = SeenFolder { class: Class::Calendar, ..folder("Work", None) };
    let work = journal.record_hierarchy(vec![seen_folder]).await.expect("recorded").folders[0].id;
    look(&journal, work, vec![seen("a", 0)], vec![]).await;
    assert_eq!(journal.changes(work, Token::START, 10).expect("known").changes[0].class, Class::Calendar);
}

/// Tables as this program had them before messages were dated.
#[tokio::test]
async fn what_an_earlier_version_has_recorded_is_seen_anew() {
    type OldItem = (u64, u64, u8, u64, &'static str);
    type OldEntry = (u64, u64, u8, u64, bool);
    const OLD_ITEMS: redb::TableDefinition<'_, (u32, u32, u64), OldItem> = redb::TableDefinition::new("mail.items");
    const OLD_LOG: redb::TableDefinition<'_, (u32, u32, u64), OldEntry> = redb::TableDefinition::new("mail.log");
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("state");
    let (inbox, token) = {
        let journal = Journal::open(&State::open(&path).expect("opened"), "alice").await.expect("a journal");
        let inbox = journal.record_hierarchy(vec![folder("INBOX", None)]).await.expect("recorded").folders[0].id;
        (inbox, look(&journal, inbox, vec![seen("a", 0), seen("b", 0)], vec![]).await)
    };
    {
        let database = loop {
            // The state ends in a thread of its own.
            match redb::Database::create(&path) {
                Ok(database) => break database,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
            }
        };
        let old = database.begin_write().expect("writable");
        old.delete_table(super::tables::ITEMS).expect("deleted");
        old.delete_table(super::tables::LOG).expect("deleted");
        old.open_table(OLD_ITEMS).expect("made").insert((1, 1, 1), (1, 1, 0, 0, "a")).expect("inserted");
        old.open_table(OLD_LOG).expect("made").insert((1, 1, 1), (1, 1, 0, 0, false)).expect("inserted");
        old.commit().expect("committed");
    }
    let journal = Journal::open(&State::open(&path).expect("opened"), "alice").await.expect("a journal");
    let tree = journal.record_hierarchy(vec![folder("INBOX", None)]).await.expect("recorded");
    assert_eq!(tree.folders[0].id, inbox, "folders stay");
    assert_eq!(journal.changes(inbox, token, 10).expect_err("expired").kind(), StoreErrorKind::TokenExpired);
    assert_eq!(told(&journal, inbox, Token::START), []);
    look(&journal, inbox, vec![seen("a", 0)], vec![]).await;
    let uids: Vec<_> = told(&journal, inbox, Token::START).into_iter().map(|(_, uid)| uid).collect();
    assert!(uids.len() == 1 && uids[0] > 2, "{uids:?}: numbers are not given again");
}
