//! Hints: nothing is missed behind Ready, and what is hinted is there.

use push_mail::store::{ChangeKind, Flags, Hint};

use crate::tester::{Tester, guarded, new};
use crate::world::World;

pub(crate) async fn the_first_hint_is_ready<W: World>() {
    let tester = Tester::<W>::new().await;
    tester.deliver("before.").await;
    let mut hints = tester.world.store().watch(&[tester.folder]);
    assert_eq!(guarded(hints.next()).await, Hint::Ready);
}

pub(crate) async fn whatever_happens_to_messages_is_hinted<W: World>() {
    let mut tester = Tester::<W>::new().await;
    let mut hints = tester.watch().await;
    for round in 0..5 {
        let subject = format!("message {round}.");
        tester.deliver(&subject).await;
        assert_eq!(tester.told_when_hinted(&mut hints, 1).await, [new(&subject)]);
        if W::ABILITIES.flags {
            tester.mark(&subject, Flags::SEEN).await;
            let changed = (ChangeKind::Changed, Some(subject.clone()), Flags::SEEN);
            assert_eq!(tester.told_when_hinted(&mut hints, 1).await, [changed]);
        }
        tester.delete(&subject).await;
        assert_eq!(tester.told_when_hinted(&mut hints, 1).await[0].0, ChangeKind::Deleted);
    }
}

pub(crate) async fn whatever_happens_to_folders_is_hinted<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let tester = Tester::<W>::new().await;
    let mut hints = tester.watch().await;
    let has = |path: &'static str| move |paths: &[String]| paths.iter().any(|other| other == path);
    tester.world.create_folder("Made").await;
    tester.tree_when_hinted(&mut hints, has("Made")).await;
    tester.world.rename_folder("Made", "Renamed").await;
    tester.tree_when_hinted(&mut hints, has("Renamed")).await;
    tester.world.delete_folder("Renamed").await;
    tester.tree_when_hinted(&mut hints, |paths| !has("Renamed")(paths)).await;
}

pub(crate) async fn mail_into_a_folder_that_was_just_made_is_hinted<W: World>() {
    if !W::ABILITIES.folders {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    let mut hints = tester.watch().await;
    tester.world.create_folder("Made").await;
    tester.world.deliver("Made", &testkit::mail::plain("at once.", "text")).await;
    tester.tree_when_hinted(&mut hints, |paths| paths.iter().any(|path| path == "Made")).await;
    let made = tester.id("Made").await.expect("it is there");
    tester.world.deliver("Made", &testkit::mail::plain("then.", "text")).await;
    tester.folder = made;
    let told = match tester.told().await {
        told if told.len() < 2 => {
            let rest = tester.told_when_hinted(&mut hints, 2 - told.len()).await;
            [told, rest].concat()
        }
        told => told,
    };
    assert_eq!(told, [new("at once."), new("then.")]);
}

pub(crate) async fn a_burst_of_mail_is_told_completely<W: World>() {
    const COUNT: usize = 60;
    let mut tester = Tester::<W>::new().await;
    let mut hints = tester.watch().await;
    let mut told = Vec::new();
    for n in 0..COUNT {
        tester.deliver(&format!("message {n}.")).await;
        if n % 7 == 0 && hints.try_next().is_some() {
            told.extend(tester.told().await);
        }
    }
    told.extend(tester.told_when_hinted(&mut hints, COUNT - told.len()).await);
    let expected: Vec<_> = (0..COUNT).map(|n| new(&format!("message {n}."))).collect();
    assert_eq!(told, expected);
}

pub(crate) async fn two_watch_and_one_goes<W: World>() {
    let mut tester = Tester::<W>::new().await;
    let (first, mut second) = (tester.watch().await, tester.watch().await);
    tester.deliver("to both.").await;
    assert_eq!(tester.told_when_hinted(&mut second, 1).await, [new("to both.")]);
    drop(first);
    tester.deliver("to one.").await;
    assert_eq!(tester.told_when_hinted(&mut second, 1).await, [new("to one.")]);
    drop(second);
    tester.deliver("to none.").await;
    assert_eq!(tester.told().await, [new("to none.")]);
    let mut again = tester.watch().await;
    tester.deliver("to another.").await;
    assert_eq!(tester.told_when_hinted(&mut again, 1).await, [new("to another.")]);
}
