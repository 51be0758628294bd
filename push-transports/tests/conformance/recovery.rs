//! Resuming: from every cursor, on every transport, and what is told when something is gone.

use testkit::{Options, Subscriber, Transport, api, publish};

use crate::{
    heard::{cursor_now, everything, numbered, publish_numbered, until},
    target::{Path, Setup, start, start_with},
};

pub(crate) async fn the_cursor_of_each_publication_resumes_after_it(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channel("r")).await;
    let told = publish_numbered(target.addr, "r", "n", 1..=8).await;
    let mut cursors = Vec::new();
    for id in &told {
        let heard = subscriber.publication().await;
        assert_eq!(heard.id.as_ref(), Some(id), "the id is the cursor the publisher was told");
        cursors.push(subscriber.cursor().expect("a cursor after each"));
    }
    for (heard, cursor) in (1..).zip(cursors) {
        let mut resumed = Subscriber::open(transport, target.addr, &Options::channel("r").since(cursor)).await;
        if heard < 8 {
            let rest = until(&mut resumed, "n-8").await;
            assert_eq!((rest.texts(), rest.outcome.as_str()), (numbered("n", heard + 1..=8), "complete"));
        }
    }
}

pub(crate) async fn a_cursor_resumes_on_every_other_transport(path: Path, transport: Transport) {
    let target = start(path).await;
    let channels = ["x/one", "x/two"];
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channels(channels)).await;
    let at_start = subscriber.cursor().expect("a starting cursor");
    for number in 1..=6_usize {
        publish::text(target.addr, channels[number % 2], &format!("n-{number}")).await;
    }
    subscriber.publications(3).await;
    let in_the_middle = subscriber.cut();
    for other in Transport::RESUMABLE {
        for (cursor, rest) in [(&at_start, 1..=6), (&in_the_middle, 4..=6)] {
            let options = Options::channels(channels).since(cursor.as_str());
            let mut resumed = Subscriber::open(other, target.addr, &options).await;
            let heard = until(&mut resumed, "n-6").await;
            assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("n", rest), "complete"), "on {other:?}");
        }
    }
    let raw = Options::channels(channels).since(in_the_middle.as_str());
    let mut raw = Subscriber::open(Transport::PollRaw, target.addr, &raw).await;
    assert_eq!(raw.publication().await.text(), "n-4", "a raw poll takes it too");
}

pub(crate) async fn what_was_trimmed_is_told_as_partial(path: Path, transport: Transport) {
    let target = start_with(path, Setup::default().retaining("small/**", 4)).await;
    let first = publish::text(target.addr, "small/a", "n-1").await;
    publish_numbered(target.addr, "small/a", "n", 2..=11).await;
    for selector in ["small/a", "small/*"] {
        let options = Options::channel(selector).since(first.id.as_str());
        let mut resumed = Subscriber::open(transport, target.addr, &options).await;
        let heard = until(&mut resumed, "n-11").await;
        assert_eq!(heard.outcome, "partial", "{selector}");
        assert_eq!(heard.texts(), numbered("n", 8..=11), "it goes on from the oldest it has");
        let [gap] = heard.gaps.as_slice() else { panic!("one gap: {:?}", heard.gaps) };
        assert_eq!(gap.channel.as_deref(), Some("small/a"), "the concrete channel where known");
        assert_eq!(gap.outcome, "partial");
        assert_eq!((gap.from, gap.to, gap.missed), (Some(2), Some(7), Some(6)), "the missing offsets, inclusive");
    }
    let complete = api::history(target.addr, "small/a", &[]).await.events[0].id.clone().expect("an id");
    let mut resumed =
        Subscriber::open(transport, target.addr, &Options::channel("small/a").since(complete.as_str())).await;
    let heard = until(&mut resumed, "n-11").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("n", 9..=11), "complete"), "nothing missing here");
}

pub(crate) async fn what_was_forgotten_is_told_as_partial(path: Path, transport: Transport) {
    let target = start(path).await;
    let told = publish_numbered(target.addr, "f", "n", 1..=3).await;
    let forgotten = api::forget(target.addr, "f", None).await;
    assert_eq!(forgotten.status(), 204, "{}", forgotten.text());
    let again = publish::text(target.addr, "f", "n-4").await;
    assert!(again.offset > 3, "no offset is used twice: {again:?}");
    let mut resumed = Subscriber::open(transport, target.addr, &Options::channel("f").since(told[0].as_str())).await;
    let heard = until(&mut resumed, "n-4").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (vec!["n-4".to_owned()], "partial"));
    assert!(!heard.gaps.is_empty(), "gaps stand beside an outcome that is not complete");
}

pub(crate) async fn a_cursor_of_another_life_of_the_hub_is_lost_and_told(path: Path, transport: Transport) {
    let before = start(path).await;
    let cursor = publish_numbered(before.addr, "p", "old", 1..=5).await.pop().expect("five cursors");
    drop(before);
    let after = start(path).await;
    publish_numbered(after.addr, "p", "new", 1..=2).await;
    let mut resumed = Subscriber::open(transport, after.addr, &Options::channel("p").since(cursor.as_str())).await;
    if matches!(transport, Transport::SseJson | Transport::SseRaw) {
        assert_eq!(resumed.opened().cursor.as_deref(), Some(cursor.as_str()), "the first block repeats what was sent");
    }
    let heard = until(&mut resumed, "new-2").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("new", 1..=2), "lost"));
    assert!(heard.gaps.iter().all(|gap| gap.outcome == "lost"), "{:?}", heard.gaps);
}

pub(crate) async fn a_loss_without_anything_to_follow_is_told_at_once(path: Path, transport: Transport) {
    let before = start(path).await;
    let cursor = cursor_now(transport, before.addr, "p").await;
    drop(before);
    let after = start(path).await;
    let mut resumed = Subscriber::open(transport, after.addr, &Options::channel("p").since(cursor.as_str())).await;
    let outcome = match resumed.opened().outcome.clone() {
        Some(outcome) => outcome,
        None => match resumed.next().await {
            testkit::Item::Gap(gap) => gap.outcome,
            other => panic!("a loss is told before anything else: {other:?}"),
        },
    };
    assert_eq!(outcome, "lost");
    let heard = everything(&mut resumed, after.addr, "p").await;
    assert!(heard.texts().is_empty(), "{heard:?}");
}

pub(crate) async fn the_cursor_after_a_loss_resumes_complete(path: Path, transport: Transport) {
    let before = start(path).await;
    let cursor = cursor_now(transport, before.addr, "p").await;
    drop(before);
    let after = start(path).await;
    publish_numbered(after.addr, "p", "n", 1..=2).await;
    let mut lost = Subscriber::open(transport, after.addr, &Options::channel("p").since(cursor.as_str())).await;
    let next = match transport {
        // The last gap carries the new cursor, and a browser cut right after it comes back with that.
        Transport::SseJson | Transport::SseRaw => {
            let gap = lost.next().await;
            assert!(matches!(gap, testkit::Item::Gap(_)), "{gap:?}");
            let next = lost.cut();
            assert_ne!(next, cursor, "the last gap carries the new cursor");
            next
        }
        Transport::Poll | Transport::PollPost => {
            lost.publications(2).await;
            publish_numbered(after.addr, "p", "n", 3..=3).await;
            lost.cut()
        }
        _ => lost.opened().cursor.clone().expect("the cursor after the loss"),
    };
    let expected = if matches!(transport, Transport::Poll | Transport::PollPost) { 3..=3 } else { 1..=2 };
    let last = format!("n-{}", expected.end());
    let mut resumed = Subscriber::open(transport, after.addr, &Options::channel("p").since(next)).await;
    let heard = until(&mut resumed, &last).await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("n", expected), "complete"));
}

pub(crate) async fn every_channel_that_lost_is_named(path: Path, transport: Transport) {
    let target = start_with(path, Setup::default().retaining("few/*", 2)).await;
    let cursor = cursor_now(transport, target.addr, "few/*").await;
    for (channel, count) in [("few/a", 5), ("few/b", 2), ("few/c", 4)] {
        publish_numbered(target.addr, channel, channel, 1..=count).await;
    }
    let since = Options::channels(["few/*", "other"]).since(cursor);
    let mut resumed = Subscriber::open(transport, target.addr, &since).await;
    let heard = until(&mut resumed, "few/c-4").await;
    assert_eq!(heard.texts(), ["few/a-4", "few/a-5", "few/b-1", "few/b-2", "few/c-3", "few/c-4"]);
    assert_eq!(heard.outcome, "partial");
    let mut named: Vec<_> = heard.gaps.iter().map(|gap| (gap.channel.as_deref(), gap.to)).collect();
    named.sort_unstable();
    let expected = [(Some("few/a"), Some(3)), (Some("few/c"), Some(2))];
    assert_eq!(named, expected, "and the one that lost nothing is not");
    for gap in heard.gaps {
        // A cursor of another channel tells nothing of this one's offsets.
        assert!(gap.from.is_none_or(|from| from == 1), "{gap:?}");
        assert!(gap.missed.is_none() || gap.missed == gap.to, "{gap:?}");
    }
}
