//! The store ends and comes back; the mailbox goes on meanwhile.

use push_mail::store::{ChangeKind, Flags};

use crate::tester::{Tester, new};
use crate::world::World;

pub(crate) async fn what_happens_while_it_is_down_is_told_afterwards<W: World>() {
    if !W::ABILITIES.survives {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    for subject in ["one.", "two.", "three."] {
        tester.deliver(subject).await;
    }
    let before = tester.changes().await;
    tester.world.down().await;
    tester.delete("one.").await;
    if W::ABILITIES.flags {
        tester.mark("two.", Flags::ANSWERED).await;
    }
    tester.deliver("four.").await;
    tester.world.up().await;
    let mut changes = tester.changes().await;
    changes.sort_by_key(|change| change.uid);
    let told: Vec<_> = changes.iter().map(|change| (change.kind, change.uid == before[0].uid, change.flags)).collect();
    let mut expected = vec![(ChangeKind::Deleted, true, Flags::default())];
    if W::ABILITIES.flags {
        expected.push((ChangeKind::Changed, false, Flags::ANSWERED));
    }
    expected.push((ChangeKind::New, false, Flags::default()));
    assert_eq!(told, expected);
    assert_eq!(tester.told().await, []);
}

pub(crate) async fn nothing_is_told_again_after_a_restart<W: World>() {
    if !W::ABILITIES.survives {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    let before = tester.changes().await;
    for _ in 0..2 {
        tester.world.down().await;
        tester.world.up().await;
        assert_eq!(tester.id(W::FOLDER).await, Some(tester.folder));
        assert_eq!(tester.told().await, []);
    }
    let again = tester.changes_since(tester.folder, push_mail::store::Token::START, 10).await.0;
    assert_eq!(again.iter().map(|change| change.uid).collect::<Vec<_>>(), [before[0].uid]);
    tester.deliver("two.").await;
    assert_eq!(tester.told().await, [new("two.")]);
}

pub(crate) async fn a_uid_is_never_given_again<W: World>() {
    if !W::ABILITIES.survives {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    let mut uids = Vec::new();
    for round in 0..4 {
        let subject = format!("message {round}.");
        tester.deliver(&subject).await;
        uids.push(tester.uid(&subject).await);
        tester.delete(&subject).await;
        tester.changes().await;
        if round % 2 == 1 {
            tester.world.down().await;
            tester.world.up().await;
        }
    }
    assert!(uids.windows(2).all(|two| two[0] < two[1]), "{uids:?}");
}

pub(crate) async fn folders_that_change_while_it_is_down_keep_their_ids<W: World>() {
    if !W::ABILITIES.survives || !W::ABILITIES.folders {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.world.create_folder("One").await;
    tester.world.create_folder("Two").await;
    tester.world.deliver("One", &testkit::mail::plain("in it.", "text")).await;
    let (one, two) = (tester.id("One").await.expect("One"), tester.id("Two").await.expect("Two"));
    let (in_one, token) = tester.changes_since(one, push_mail::store::Token::START, 10).await;
    assert_eq!(in_one.len(), 1);
    tester.world.down().await;
    // Each takes the name of another.
    tester.world.rename_folder("Two", "Three").await;
    tester.world.rename_folder("One", "Two").await;
    tester.world.create_folder("One").await;
    tester.world.up().await;
    assert_eq!((tester.id("Two").await, tester.id("Three").await), (Some(one), Some(two)));
    assert!(tester.id("One").await.is_some_and(|id| id > two));
    assert_eq!(tester.changes_since(one, token, 10).await.0, []);
}
