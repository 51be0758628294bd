//! Points in the changes of a folder: pages, repetition, and what is refused.

use std::collections::BTreeMap;

use push_mail::store::{ChangeKind, Command, Flags, FolderId, StoreErrorKind, Token, Uid, Wanted};

use crate::tester::{Tester, guarded, new};
use crate::world::World;

async fn with_messages<W: World>(count: usize) -> Tester<W> {
    let tester = Tester::<W>::new().await;
    for n in 0..count {
        tester.deliver(&format!("message {n}.")).await;
    }
    tester
}

pub(crate) async fn the_same_token_tells_the_same_again<W: World>() {
    let tester = with_messages::<W>(3).await;
    let before = tester.changes_since(tester.folder, Token::START, 1000).await;
    assert_eq!(before.0.len(), 3);
    assert_eq!(tester.changes_since(tester.folder, Token::START, 1000).await, before);
    let text = before.1.to_string();
    assert_eq!(text.parse(), Ok(before.1));
    assert_eq!(tester.changes_since(tester.folder, before.1, 1000).await, (Vec::new(), before.1));
}

pub(crate) async fn pages_tell_everything_once<W: World>() {
    let tester = with_messages::<W>(7).await;
    let whole = tester.changes_since(tester.folder, Token::START, 1000).await;
    for limit in [1, 2, 3, 7, 8] {
        assert_eq!(tester.changes_since(tester.folder, Token::START, limit).await, whole, "pages of {limit}");
    }
    let page = guarded(tester.world.store().changes(tester.folder, Token::START, 3)).await.expect("a page");
    assert!(page.more && page.changes.len() == 3, "{page:?}");
}

pub(crate) async fn pages_tell_what_happens_between_them<W: World>() {
    let tester = with_messages::<W>(6).await;
    let store = tester.world.store();
    let first = guarded(store.changes(tester.folder, Token::START, 3)).await.expect("a page");
    let mut known: BTreeMap<Uid, ChangeKind> = first.changes.iter().map(|change| (change.uid, change.kind)).collect();
    tester.delete("message 0.").await;
    tester.delete("message 5.").await;
    tester.deliver("late.").await;
    let (rest, token) = tester.changes_since(tester.folder, first.token, 2).await;
    for change in rest {
        if change.kind == ChangeKind::Deleted {
            known.remove(&change.uid)
        } else {
            known.insert(change.uid, change.kind)
        };
    }
    let now = tester.changes_since(tester.folder, Token::START, 1000).await.0;
    assert_eq!(known.keys().copied().collect::<Vec<_>>(), now.iter().map(|change| change.uid).collect::<Vec<_>>());
    assert_eq!(known.len(), 5);
    assert_eq!(tester.changes_since(tester.folder, token, 2).await.0, []);
}

pub(crate) async fn a_token_of_another_epoch_has_expired<W: World>() {
    let mut tester = with_messages::<W>(1).await;
    tester.told().await;
    let other = Token { epoch: tester.token.epoch ^ 1, ..tester.token };
    let ahead = Token { modseq: tester.token.modseq + 1000, ..tester.token };
    for token in [other, ahead] {
        let refused = guarded(tester.world.store().changes(tester.folder, token, 10)).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(StoreErrorKind::TokenExpired), "{token}");
    }
}

pub(crate) async fn what_was_recorded_is_told_without_a_look<W: World>() {
    let mut tester = with_messages::<W>(2).await;
    let changes = tester.changes().await;
    let recorded = tester.world.store().recorded(tester.folder, Token::START, 1000).expect("recorded");
    assert_eq!((recorded.changes, recorded.token, recorded.more), (changes, tester.token, false));
}

pub(crate) async fn all_who_ask_at_once_are_told_the_same<W: World>() {
    let tester = with_messages::<W>(5).await;
    let ask = || tester.changes_since(tester.folder, Token::START, 2);
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    assert_eq!(one.0.len(), 5);
    assert!(one == two && two == three && three == four);
}

pub(crate) async fn an_unknown_folder_is_refused_everywhere<W: World>() {
    let mut tester = Tester::<W>::new().await;
    let store = tester.world.store();
    let nowhere = FolderId(4_000_000_000);
    let kind = |error: push_mail::store::StoreError| error.kind();
    let none = StoreErrorKind::NoSuchFolder;
    assert_eq!(guarded(store.changes(nowhere, Token::START, 10)).await.map_err(kind), Err(none));
    assert_eq!(store.recorded(nowhere, Token::START, 10).map_err(kind), Err(none));
    assert_eq!(guarded(store.fetch(nowhere, &[Uid(1)], Wanted::Flags)).await.map_err(kind), Err(none));
    if W::ABILITIES.append {
        let append = Command::Append { folder: nowhere, raw: "x".into(), flags: Flags::default() };
        assert_eq!(tester.refusal(append).await, Some(none));
    }
    tester.deliver("still works").await;
    assert_eq!(tester.told().await, [new("still works")]);
}
