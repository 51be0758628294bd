//! The same publications in the same order over every transport.

use testkit::{Options, Publish, Subscriber, Transport, api, publish};

use crate::{
    heard::{everything, numbered, publish_numbered},
    target::{Path, start},
};

pub(crate) async fn publications_come_in_the_order_published(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channel("order/a")).await;
    publish_numbered(target.addr, "order/a", "one", 1..=40).await;
    let heard = everything(&mut subscriber, target.addr, "order/a").await;
    assert_eq!(heard.texts(), numbered("one", 1..=40));
    assert_eq!(heard.outcome, "complete");
}

pub(crate) async fn offsets_ids_and_channels_are_those_the_publisher_was_told(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channels(["one", "two"])).await;
    let mut times = Vec::new();
    for (number, channel) in ["one", "two", "one", "one", "two"].into_iter().enumerate() {
        let told = publish::text(target.addr, channel, &number.to_string()).await;
        let heard = subscriber.publication().await;
        assert_eq!(heard.channel.as_deref(), Some(channel));
        assert_eq!(heard.channel.as_deref(), Some(told.channel.as_str()));
        assert_eq!((heard.id.as_deref(), heard.offset), (Some(told.id.as_str()), Some(told.offset)));
        assert_eq!(heard.text(), number.to_string());
        assert_eq!((heard.event.as_str(), heard.key.as_deref()), ("message", None));
        assert_eq!(heard.media_type.as_deref(), Some("text/plain"));
        times.push((told.offset, heard.time.expect("an envelope has a time")));
    }
    let offsets: Vec<u64> = times.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, [1, 1, 2, 3, 2], "dense per channel, from 1 while nothing was forgotten");
    assert!(times.iter().all(|(_, time)| (1_600_000_000_000..10_000_000_000_000).contains(time)), "{times:?}");
}

pub(crate) async fn three_channels_come_in_one_sequence_order(path: Path, transport: Transport) {
    let target = start(path).await;
    let channels = ["c/one", "c/two", "c/three"];
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channels(channels)).await;
    let mut expected = Vec::new();
    for number in 0..30 {
        let text = format!("n{number}");
        publish::text(target.addr, channels[number * 7 % 3], &text).await;
        expected.push(text);
    }
    let heard = everything(&mut subscriber, target.addr, "c/two").await;
    assert_eq!(heard.texts(), expected);

    let mut replayed = Subscriber::open(transport, target.addr, &Options::channels(channels).since("start")).await;
    let replayed = replayed.publications(30).await;
    assert_eq!(replayed.iter().map(testkit::Publication::text).collect::<Vec<_>>(), expected);
}

pub(crate) async fn a_publication_that_is_not_retained_is_heard_live_and_never_missed(
    path: Path,
    transport: Transport,
) {
    let target = start(path).await;
    let mut live = Subscriber::open(transport, target.addr, &Options::channel("typing")).await;
    let before = publish::text(target.addr, "typing", "before").await;
    assert_eq!(live.publication().await.text(), "before");

    // A poll hears it only while it is parked, so it is published once one is.
    let parked = tokio::spawn(async move { (live.publication().await, live) });
    api::eventually("the subscriber waits", || async {
        let listed = api::channels(target.addr, &[("prefix", "typing")], None).await;
        listed["channels"][0]["subscribers"] == 1
    })
    .await;
    let unretained = Publish::new("typing", "fleeting").media_type("text/plain").unretained().send(target.addr).await;
    assert_eq!(unretained.offset, before.offset + 1, "it takes an offset like any other");
    let (heard, mut live) = parked.await.expect("the subscriber heard it");
    assert_eq!(heard.text(), "fleeting");
    assert_eq!(heard.id.as_deref(), Some(unretained.id.as_str()));

    publish::text(target.addr, "typing", "after").await;
    assert_eq!(live.publication().await.text(), "after");

    let since = Options::channel("typing").since(before.id.as_str());
    let mut resumed = Subscriber::open(transport, target.addr, &since).await;
    let heard = everything(&mut resumed, target.addr, "typing").await;
    assert_eq!(heard.texts(), ["after"], "since skips it");
    assert_eq!(heard.outcome, "complete", "missing it is no loss");
    let history = api::history(target.addr, "typing", &[]).await;
    let texts: Vec<String> = history.events.iter().map(testkit::Publication::text).collect();
    assert_eq!(texts, ["before", "after", "the marker"]);
    assert_eq!(history.outcome, "complete");
}
