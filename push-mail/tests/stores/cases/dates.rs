//! When a message came is told with whatever happens to it.

use std::time::{SystemTime, UNIX_EPOCH};

use push_mail::store::{ChangeKind, Command, Flags, FolderId, Token, Uid, Wanted};
use testkit::mail;

use crate::tester::{Tester, guarded};
use crate::world::{DATED_MS, World};

/// Clocks of mailboxes have seconds.
const SECOND: u64 = 1000;

#[expect(clippy::disallowed_methods, reason = "what comes now is dated now")]
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("before long")
}

async fn deliver_dated<W: World>(tester: &Tester<W>, subject: &str) {
    tester.world.deliver_dated(W::FOLDER, &mail::plain(subject, "text")).await;
}

/// What is told behind the token, each with its date.
async fn dated<W: World>(tester: &mut Tester<W>) -> Vec<(ChangeKind, u64)> {
    tester.changes().await.iter().map(|change| (change.kind, change.received_ms)).collect()
}

/// The date of a message, as it is known and as it is fetched.
async fn dates_of<W: World>(tester: &Tester<W>, folder: FolderId, uid: Uid) -> [u64; 2] {
    let store = tester.world.store();
    let known = store.known(folder, &[Uid(1 << 52), uid]).expect("readable");
    assert_eq!(known.iter().map(|known| known.uid).collect::<Vec<_>>(), [uid]);
    let fetched = guarded(store.fetch(folder, &[uid], Wanted::Flags)).await.expect("fetched");
    [known[0].received_ms, fetched[0].received_ms]
}

pub(crate) async fn a_message_is_told_with_the_time_at_which_it_came<W: World>() {
    if !W::ABILITIES.dates {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    deliver_dated(&tester, "one.").await;
    assert_eq!(dated(&mut tester).await, [(ChangeKind::New, DATED_MS)]);
    deliver_dated(&tester, "two.").await;
    assert_eq!(dated(&mut tester).await, [(ChangeKind::New, DATED_MS)], "it is asked again, and otherwise");
    let uid = tester.uid("two.").await;
    assert_eq!(dates_of(&tester, tester.folder, uid).await, [DATED_MS; 2]);
    tester.mark("two.", Flags::SEEN).await;
    assert_eq!(dated(&mut tester).await, [(ChangeKind::Changed, DATED_MS)]);
    tester.delete("two.").await;
    assert_eq!(dated(&mut tester).await, [(ChangeKind::Deleted, DATED_MS)]);
    if W::ABILITIES.survives {
        tester.world.down().await;
        tester.world.up().await;
        tester.token = Token::START;
        assert_eq!(dated(&mut tester).await, [(ChangeKind::New, DATED_MS)]);
    }
}

pub(crate) async fn a_message_that_comes_now_is_dated_now<W: World>() {
    let mut tester = Tester::<W>::new().await;
    let before = now_ms() - SECOND;
    tester.deliver("delivered.").await;
    tester.changes().await;
    let mut uids = Vec::new();
    if !W::ABILITIES.dates {
        uids.push(tester.uid("delivered.").await);
    }
    if W::ABILITIES.append {
        uids.extend(tester.append(tester.folder, "appended.", Flags::default()).await.uid);
        assert!(!uids.is_empty(), "it is told with its number");
    }
    tester.changes().await;
    for uid in uids {
        let dates = dates_of(&tester, tester.folder, uid).await;
        assert!(dates.iter().all(|date| (before..=now_ms() + SECOND).contains(date)), "{dates:?}");
    }
}

pub(crate) async fn a_moved_message_keeps_its_date<W: World>() {
    if !W::ABILITIES.folders || !W::ABILITIES.dates {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.world.create_folder("Target").await;
    let target = tester.id("Target").await.expect("it is there");
    deliver_dated(&tester, "one.").await;
    let uid = tester.changes().await[0].uid;
    tester.apply(Command::Move { folder: tester.folder, uid, to: target }).await.expect("moved");
    let (moved, _) = tester.changes_since(target, Token::START, 10).await;
    assert_eq!(moved.iter().map(|change| change.received_ms).collect::<Vec<_>>(), [DATED_MS]);
}
