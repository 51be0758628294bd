//! Patterns, several channels, and each publication once.

use testkit::{Options, Publication, Subscriber, Transport, publish};

use crate::{
    heard::{everything, numbered, publish_numbered, until},
    target::{Path, Setup, start, start_with},
};

pub(crate) async fn patterns_select_by_segments(path: Path, transport: Transport) {
    let target = start(path).await;
    let channels = ["a", "b", "a/b", "a/c", "a/b/c", "a/b/c/d", "ab/c", "x/b/c"];
    let table: [(&str, &[&str]); 6] = [
        ("a/*", &["a/b", "a/c"]),
        ("a/**", &["a/b", "a/c", "a/b/c", "a/b/c/d"]),
        ("*", &["a", "b"]),
        ("**", &channels),
        ("*/b/c", &["a/b/c", "x/b/c"]),
        ("a/*/**", &["a/b/c", "a/b/c/d"]),
    ];
    let mut live = Vec::new();
    for (pattern, selected) in table {
        live.push((pattern, selected, Subscriber::open(transport, target.addr, &Options::channel(pattern)).await));
    }
    for channel in channels {
        publish::text(target.addr, channel, channel).await;
    }
    for (pattern, selected, subscriber) in &mut live {
        assert_eq!(texts(&subscriber.publications(selected.len()).await), *selected, "{pattern} live");
    }
    for (pattern, selected) in table {
        let options = Options::channel(pattern).since("start");
        let mut subscriber = Subscriber::open(transport, target.addr, &options).await;
        let replayed = subscriber.publications(selected.len()).await;
        assert_eq!(texts(&replayed), selected, "{pattern} replayed");
        let named = replayed.iter().filter_map(|publication| publication.channel.as_deref());
        assert!(named.zip(selected).all(|(heard, asked)| heard == *asked), "the concrete channel: {pattern}");
    }
}

fn texts(publications: &[Publication]) -> Vec<String> {
    publications.iter().map(Publication::text).collect()
}

pub(crate) async fn system_channels_are_outside_of_first_segment_stars(path: Path, transport: Transport) {
    let target = start_with(path, Setup::default().with_presence("room/**")).await;
    let mut everything_else = Subscriber::open(transport, target.addr, &Options::channel("**")).await;
    let mut by_star = Subscriber::open(transport, target.addr, &Options::channel("*/presence/room/a")).await;
    let mut system = Subscriber::open(transport, target.addr, &Options::channel("$sys/presence/**")).await;
    let member = Options::channel("room/a").param("info", r#"{"nick":"ann"}"#);
    let _member = Subscriber::open(Transport::Ndjson, target.addr, &member).await;
    assert_eq!(system.publication().await.event, "join", "named by its own first segment it is heard");
    let heard = everything(&mut everything_else, target.addr, "room/a").await;
    assert!(heard.publications.is_empty(), "{heard:?}");
    publish::text(target.addr, "x/presence/room/a", "only this").await;
    assert_eq!(by_star.publication().await.text(), "only this");
}

pub(crate) async fn a_channel_born_after_its_pattern_was_subscribed_is_heard(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channel("born/*")).await;
    let mut expected = Vec::new();
    for number in 0..20 {
        let channel = format!("born/{number}");
        publish::text(target.addr, &channel, &channel).await;
        expected.push(channel);
    }
    let heard = everything(&mut subscriber, target.addr, "born/last").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (expected, "complete"));
}

pub(crate) async fn a_publication_matched_several_times_comes_once(path: Path, transport: Transport) {
    let target = start(path).await;
    let options = Options::channels(["m/a", "m/*", "m/**", "**"]);
    let mut live = Subscriber::open(transport, target.addr, &options).await;
    publish_numbered(target.addr, "m/a", "n", 1..=5).await;
    let heard = until(&mut live, "n-5").await;
    assert_eq!(heard.texts(), numbered("n", 1..=5));
    let mut replayed = Subscriber::open(transport, target.addr, &options.since("start")).await;
    let heard = until(&mut replayed, "n-5").await;
    assert_eq!(heard.texts(), numbered("n", 1..=5));
    assert!(everything(&mut replayed, target.addr, "m/b").await.texts().is_empty());
}

pub(crate) async fn a_pattern_resumes_like_a_channel(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channel("g/**")).await;
    for number in 1..=4 {
        publish::text(target.addr, &format!("g/{number}"), &format!("n-{number}")).await;
    }
    subscriber.publications(2).await;
    let cursor = subscriber.cut();
    publish::text(target.addr, "g/new/one", "n-5").await;
    let mut resumed = Subscriber::open(transport, target.addr, &Options::channel("g/**").since(cursor)).await;
    let heard = until(&mut resumed, "n-5").await;
    assert_eq!((heard.texts(), heard.outcome.as_str()), (numbered("n", 3..=5), "complete"));
}
