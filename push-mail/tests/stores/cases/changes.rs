//! What other programs do is told once, with what it comes to.

use push_mail::store::{ChangeKind, Flags};

use crate::tester::{Tester, new};
use crate::world::World;

const MARKED: Flags = Flags(Flags::SEEN.0 | Flags::FLAGGED.0);

pub(crate) async fn an_empty_folder_has_nothing_to_tell<W: World>() {
    let mut tester = Tester::<W>::new().await;
    assert_eq!(tester.told().await, []);
    assert_ne!(tester.token.epoch, 0, "0 is before everything");
    assert_eq!(tester.token.paging, None);
    assert_eq!(tester.told().await, []);
}

pub(crate) async fn a_new_message_is_told_once<W: World>() {
    let mut tester = Tester::<W>::new().await;
    tester.told().await;
    tester.deliver("first").await;
    assert_eq!(tester.told().await, [new("first")]);
    assert_eq!(tester.told().await, []);
    tester.deliver("second").await;
    assert_eq!(tester.told().await, [new("second")]);
}

pub(crate) async fn messages_are_told_in_the_order_in_which_they_came<W: World>() {
    let mut tester = Tester::<W>::new().await;
    let subjects: Vec<String> = (0..12).map(|n| format!("message {n}.")).collect();
    for subject in &subjects {
        tester.deliver(subject).await;
    }
    let expected: Vec<_> = subjects.iter().map(|subject| new(subject)).collect();
    assert_eq!(tester.told().await, expected);
    let changes = tester.changes_since(tester.folder, push_mail::store::Token::START, 1000).await.0;
    assert!(changes.windows(2).all(|two| two[0].modseq < two[1].modseq && two[0].uid < two[1].uid), "{changes:?}");
}

pub(crate) async fn a_mark_is_told_as_a_change<W: World>() {
    if !W::ABILITIES.flags {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    for subject in ["one.", "two."] {
        tester.deliver(subject).await;
    }
    tester.told().await;
    tester.mark("two.", MARKED).await;
    assert_eq!(tester.told().await, [(ChangeKind::Changed, Some("two.".to_owned()), MARKED)]);
    assert_eq!(tester.told().await, []);
}

pub(crate) async fn many_marks_are_told_as_one_change<W: World>() {
    if !W::ABILITIES.flags {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    tester.told().await;
    for flags in [Flags::SEEN, Flags::ANSWERED, Flags::FLAGGED] {
        tester.mark("one.", flags).await;
        // Each is seen by itself, by somebody.
        tester.changes_since(tester.folder, tester.token, 10).await;
    }
    let flags = MARKED.with(Flags::ANSWERED);
    assert_eq!(tester.told().await, [(ChangeKind::Changed, Some("one.".to_owned()), flags)]);
}

pub(crate) async fn a_message_that_was_marked_since_it_came_is_new_with_its_marks<W: World>() {
    if !W::ABILITIES.flags {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.told().await;
    tester.deliver("one.").await;
    tester.changes_since(tester.folder, tester.token, 10).await;
    tester.mark("one.", Flags::SEEN).await;
    assert_eq!(tester.told().await, [(ChangeKind::New, Some("one.".to_owned()), Flags::SEEN)]);
    assert_eq!(tester.told().await, []);
}

pub(crate) async fn a_deleted_message_is_told<W: World>() {
    let mut tester = Tester::<W>::new().await;
    for subject in ["one.", "two.", "three."] {
        tester.deliver(subject).await;
    }
    let uid = tester.changes().await[1].uid;
    tester.delete("two.").await;
    let changes = tester.changes().await;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].kind, changes[0].uid), (ChangeKind::Deleted, uid));
    assert_eq!(tester.told().await, []);
}

pub(crate) async fn a_message_that_was_marked_and_deleted_is_deleted<W: World>() {
    if !W::ABILITIES.flags {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    tester.told().await;
    tester.mark("one.", Flags::SEEN).await;
    tester.changes_since(tester.folder, tester.token, 10).await;
    tester.delete("one.").await;
    let kinds: Vec<_> = tester.changes().await.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Deleted]);
}

pub(crate) async fn what_came_and_went_is_not_told<W: World>() {
    let mut tester = Tester::<W>::new().await;
    tester.told().await;
    for is_seen_by_others in [false, true] {
        tester.deliver("short.").await;
        if is_seen_by_others {
            tester.changes_since(tester.folder, tester.token, 10).await;
        }
        tester.delete("short.").await;
        assert_eq!(tester.told().await, [], "seen by others: {is_seen_by_others}");
    }
    tester.deliver("after.").await;
    assert_eq!(tester.told().await, [new("after.")]);
}
