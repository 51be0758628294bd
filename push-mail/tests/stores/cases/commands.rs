//! What the store is asked to change is told as if others had done it.

use push_mail::store::{ChangeKind, Command, Flags, StoreErrorKind, Token, Uid};

use crate::tester::{Tester, new};
use crate::world::World;

pub(crate) async fn an_appended_message_is_told_with_its_uid<W: World>() {
    if !W::ABILITIES.append {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.told().await;
    let applied = tester.append(tester.folder, "appended.", Flags::default()).await;
    let changes = tester.changes().await;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].kind, ChangeKind::New);
    assert_eq!(applied.uid, Some(changes[0].uid));
    if W::ABILITIES.flags {
        tester.append(tester.folder, "marked.", Flags::SEEN.with(Flags::DRAFT)).await;
        let expected = (ChangeKind::New, Some("marked.".to_owned()), Flags::SEEN.with(Flags::DRAFT));
        assert_eq!(tester.told().await, [expected]);
    }
}

pub(crate) async fn marks_are_added_and_removed<W: World>() {
    if !W::ABILITIES.flags {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    let uid = tester.changes().await[0].uid;
    let steps = [
        (Flags::SEEN.with(Flags::FLAGGED), Flags::default(), Some(Flags::SEEN.with(Flags::FLAGGED))),
        (Flags::ANSWERED, Flags::SEEN, Some(Flags::FLAGGED.with(Flags::ANSWERED))),
        (Flags::FLAGGED, Flags::DRAFT, None),
        (Flags::default(), Flags(63), Some(Flags::default())),
    ];
    for (add, remove, expected) in steps {
        let folder = tester.folder;
        tester.apply(Command::Mark { folder, uid, add, remove }).await.expect("marked");
        let told: Vec<_> =
            tester.changes().await.iter().map(|change| (change.kind, change.uid, change.flags)).collect();
        assert_eq!(told, expected.map(|flags| (ChangeKind::Changed, uid, flags)).into_iter().collect::<Vec<_>>());
    }
}

pub(crate) async fn a_moved_message_leaves_here_and_comes_there<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.world.create_folder("Target").await;
    let target = tester.id("Target").await.expect("it is there");
    let there = tester.changes_since(target, Token::START, 10).await.1;
    tester.deliver("one.").await;
    tester.deliver("two.").await;
    let [one, _] = *tester.changes().await else { panic!("two messages") };
    let applied = tester.apply(Command::Move { folder: tester.folder, uid: one.uid, to: target }).await.expect("moved");
    let here = tester.changes().await;
    assert_eq!(
        here.iter().map(|change| (change.kind, change.uid)).collect::<Vec<_>>(),
        [(ChangeKind::Deleted, one.uid)]
    );
    let (moved, _) = tester.changes_since(target, there, 10).await;
    assert_eq!(moved.len(), 1, "{moved:?}");
    assert_eq!(moved[0].kind, ChangeKind::New);
    assert!(applied.uid.is_none_or(|uid| uid == moved[0].uid));
    assert_eq!(moved[0].identity, here[0].identity);
    assert_eq!(tester.subject(target, moved[0].uid).await.as_deref(), Some("one."));
    // Where it is already nothing happens.
    let same = Command::Move { folder: target, uid: moved[0].uid, to: target };
    assert_eq!(tester.apply(same).await.expect("moved").uid, Some(moved[0].uid));
}

pub(crate) async fn a_deleted_message_is_gone<W: World>() {
    if !W::ABILITIES.delete {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    let uid = tester.changes().await[0].uid;
    tester.apply(Command::Delete { folder: tester.folder, uid }).await.expect("deleted");
    let told: Vec<_> = tester.changes().await.iter().map(|change| (change.kind, change.uid)).collect();
    assert_eq!(told, [(ChangeKind::Deleted, uid)]);
    assert_eq!(tester.subject(tester.folder, uid).await, None);
}

pub(crate) async fn what_is_not_there_is_refused<W: World>() {
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    let gone = tester.changes().await[0].uid;
    tester.delete("one.").await;
    tester.changes().await;
    let folder = tester.folder;
    for uid in [gone, Uid(1 << 52)] {
        if W::ABILITIES.flags {
            let mark = Command::Mark { folder, uid, add: Flags::SEEN, remove: Flags::default() };
            assert_eq!(tester.refusal(mark).await, Some(StoreErrorKind::NoSuchItem));
        }
        if W::ABILITIES.delete {
            assert_eq!(tester.refusal(Command::Delete { folder, uid }).await, Some(StoreErrorKind::NoSuchItem));
        }
        if W::ABILITIES.folders {
            let to = push_mail::store::FolderId(4_000_000_000);
            assert_eq!(tester.refusal(Command::Move { folder, uid, to }).await, Some(StoreErrorKind::NoSuchFolder));
            let inbox = tester.id("INBOX").await.expect("an inbox");
            assert_eq!(
                tester.refusal(Command::Move { folder, uid, to: inbox }).await,
                Some(StoreErrorKind::NoSuchItem)
            );
        }
    }
    assert_eq!(tester.told().await, []);
}

pub(crate) async fn what_a_store_cannot_do_it_says<W: World>() {
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    let changes = tester.changes().await;
    let (folder, uid) = (tester.folder, changes[0].uid);
    let mut commands = Vec::new();
    if !W::ABILITIES.append {
        commands.push(Command::Append { folder, raw: "x".into(), flags: Flags::default() });
    }
    if !W::ABILITIES.flags {
        commands.push(Command::Mark { folder, uid, add: Flags::SEEN, remove: Flags::default() });
    }
    if !W::ABILITIES.delete {
        commands.push(Command::Delete { folder, uid });
    }
    if !W::ABILITIES.folders {
        commands.push(Command::CreateFolder { path: "x".to_owned() });
    }
    for command in commands {
        assert_eq!(tester.refusal(command.clone()).await, Some(StoreErrorKind::Unsupported), "{command:?}");
    }
    tester.deliver("two.").await;
    assert_eq!(tester.told().await, [new("two.")]);
}
