//! How a subscription begins: the cursor it starts with, and what it replays.

use testkit::{Options, Subscriber, Transport, publish};

use crate::{
    heard::{cursor_now, everything, numbered, publish_numbered},
    target::{Path, start},
};

pub(crate) async fn the_starting_cursor_is_told_before_any_publication(path: Path, transport: Transport) {
    let target = start(path).await;
    publish_numbered(target.addr, "a", "old", 1..=3).await;
    let subscriber = Subscriber::open(transport, target.addr, &Options::channel("a")).await;
    let told = subscriber.opened().cursor.clone().expect("a starting cursor");
    assert_eq!(subscriber.cursor().as_deref(), Some(told.as_str()));
    publish_numbered(target.addr, "a", "new", 1..=3).await;
    drop(subscriber);
    let mut resumed = Subscriber::open(transport, target.addr, &Options::channel("a").since(told.as_str())).await;
    let resumed_at = resumed.opened().cursor.clone();
    assert!(resumed_at.is_none_or(|cursor| cursor == told), "the starting cursor is the one given if complete");
    let heard = everything(&mut resumed, target.addr, "a").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("new", 1..=3), "complete"));
}

pub(crate) async fn a_client_cut_before_its_first_publication_loses_nothing(path: Path, transport: Transport) {
    let target = start(path).await;
    for by_header in [false, true] {
        let channel = if by_header { "cut/header" } else { "cut/query" };
        let cursor = cursor_now(transport, target.addr, channel).await;
        publish_numbered(target.addr, channel, "n", 1..=3).await;
        let options = Options::channel(channel).since(cursor);
        let options = if by_header { options.by_header() } else { options };
        // Last-Event-ID is a header of plain HTTP; a WebSocket client has `since`.
        if by_header && transport == Transport::WsJson {
            continue;
        }
        let mut resumed = Subscriber::open(transport, target.addr, &options).await;
        let heard = everything(&mut resumed, target.addr, channel).await;
        assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("n", 1..=3), "complete"));
    }
}

pub(crate) async fn start_replays_what_is_retained_and_goes_on(path: Path, transport: Transport) {
    let target = start(path).await;
    publish_numbered(target.addr, "s", "n", 1..=5).await;
    let options = Options::channel("s").since("start");
    let mut subscriber = Subscriber::open(transport, target.addr, &options).await;
    let told = subscriber.opened().cursor.clone();
    let heard = everything(&mut subscriber, target.addr, "s").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("n", 1..=5), "complete"));

    // Where it is told, the starting cursor is the point just before the oldest that follows.
    if let Some(cursor) = told {
        let mut again = Subscriber::open(transport, target.addr, &Options::channel("s").since(cursor)).await;
        let texts: Vec<String> = again.publications(5).await.iter().map(testkit::Publication::text).collect();
        assert_eq!(texts, numbered("n", 1..=5));
    } else {
        assert!(matches!(transport, Transport::Poll | Transport::PollPost), "{transport:?} tells it");
    }

    let empty = Subscriber::open(transport, target.addr, &Options::channel("nothing/yet").since("start")).await;
    assert!(empty.opened().cursor.is_some(), "also when there is nothing to replay");
}

pub(crate) async fn last_replays_the_newest_of_all_channels_together(path: Path, transport: Transport) {
    let target = start(path).await;
    for number in 1..=6_usize {
        publish::text(target.addr, ["l/a", "l/b"][number % 2], &format!("n-{number}")).await;
    }
    let options = Options::channels(["l/a", "l/b"]);
    let mut subscriber = Subscriber::open(transport, target.addr, &options.clone().last(3)).await;
    let told = subscriber.opened().cursor.clone();
    let heard = everything(&mut subscriber, target.addr, "l/a").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("n", 4..=6), "complete"));
    if let Some(cursor) = told {
        let mut again = Subscriber::open(transport, target.addr, &options.clone().since(cursor)).await;
        assert_eq!(again.publication().await.text(), "n-4", "the point just before the oldest that follows");
    }

    let mut all = Subscriber::open(transport, target.addr, &options.last(1000)).await;
    let texts: Vec<String> = all.publications(7).await.iter().map(testkit::Publication::text).collect();
    assert_eq!(texts[..6], numbered("n", 1..=6)[..], "asking for more than there is gets all there is");
}

pub(crate) async fn now_hears_only_what_is_new(path: Path, transport: Transport) {
    let target = start(path).await;
    publish_numbered(target.addr, "w", "old", 1..=3).await;
    let mut said = Subscriber::open(transport, target.addr, &Options::channel("w").since("now")).await;
    let mut unsaid = Subscriber::open(transport, target.addr, &Options::channel("w")).await;
    publish_numbered(target.addr, "w", "new", 1..=2).await;
    for subscriber in [&mut said, &mut unsaid] {
        let texts: Vec<String> = subscriber.publications(2).await.iter().map(testkit::Publication::text).collect();
        assert_eq!(texts, numbered("new", 1..=2));
    }
}
