//! Messages are fetched as far as they are wanted.

use push_mail::store::{Flags, Item, Uid, Wanted};
use testkit::mail;

use crate::tester::{Tester, guarded};
use crate::world::World;

async fn fetch<W: World>(tester: &Tester<W>, uids: &[Uid], wanted: Wanted) -> Vec<Item> {
    guarded(tester.world.store().fetch(tester.folder, uids, wanted)).await.expect("fetched")
}

pub(crate) async fn messages_are_fetched_in_the_order_asked_for_without_those_that_are_gone<W: World>() {
    let mut tester = Tester::<W>::new().await;
    for subject in ["one.", "two.", "three."] {
        tester.deliver(subject).await;
    }
    let [one, two, three] = *tester.changes().await else { panic!("three messages") };
    tester.delete("two.").await;
    let asked = [three.uid, Uid(1 << 52), two.uid, one.uid];
    for wanted in [Wanted::Flags, Wanted::Summary { preview_bytes: 5 }, Wanted::Whole] {
        let uids: Vec<Uid> = fetch(&tester, &asked, wanted).await.iter().map(|item| item.uid).collect();
        assert_eq!(uids, [three.uid, one.uid], "{wanted:?}");
    }
    assert_eq!(fetch(&tester, &[], Wanted::Whole).await, []);
}

pub(crate) async fn a_whole_message_is_what_was_delivered<W: World>() {
    let mut tester = Tester::<W>::new().await;
    let long = "A line of a long message, which is longer than what is looked at for a summary.\r\n".repeat(2000);
    let raw = mail::plain("whole", &long);
    tester.world.deliver(W::FOLDER, &raw).await;
    let uid = tester.changes().await[0].uid;
    let item = fetch(&tester, &[uid], Wanted::Whole).await.remove(0);
    let told = item.raw.expect("the message");
    // How lines end is the mailbox's own affair, and agents put lines of theirs before it.
    let plain = |raw: &[u8]| String::from_utf8_lossy(raw).replace('\r', "");
    assert!(plain(&told).trim_end().ends_with(plain(&raw).trim_end()), "{} bytes of {}", told.len(), raw.len());
    assert!(item.size.is_none_or(|size| size == told.len() as u64));
}

pub(crate) async fn a_summary_shows_what_was_written<W: World>() {
    let mut tester = Tester::<W>::new().await;
    tester.world.deliver(W::FOLDER, &mail::plain("Grüße", &"A line of text.\r\n".repeat(10_000))).await;
    let uid = tester.changes().await[0].uid;
    let item = fetch(&tester, &[uid], Wanted::Summary { preview_bytes: 18 }).await.remove(0);
    assert_eq!(item.uid, uid);
    assert_eq!(item.summary.subject.as_deref(), Some("Grüße"));
    assert_eq!(item.summary.from.as_deref(), Some("Änn Example <ann@example.org>"));
    assert_eq!(item.summary.date.as_deref(), Some("2026-11-21T11:44:15Z"));
    assert_eq!(item.summary.preview.as_deref(), Some("A line of text. A"));
    assert_eq!(item.raw, None);
}

pub(crate) async fn a_message_is_found_after_it_was_marked<W: World>() {
    if !W::ABILITIES.flags {
        return;
    }
    let mut tester = Tester::<W>::new().await;
    tester.deliver("one.").await;
    let uid = tester.changes().await[0].uid;
    tester.mark("one.", Flags::FLAGGED).await;
    // Nobody has looked since.
    assert_eq!(tester.subject(tester.folder, uid).await.as_deref(), Some("one."));
    tester.changes().await;
    assert_eq!(fetch(&tester, &[uid], Wanted::Flags).await[0].flags, Flags::FLAGGED);
}
