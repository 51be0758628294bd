//! What only polls have: expiry, limits, and one payload an answer.

use std::time::Duration;

use testkit::{
    Connection, Options, Publication, Publish, Request, Response, Subscriber, Transport,
    http::{decode, query},
    poll::Answer,
    publish,
};

use crate::{
    heard::{cursor_now, numbered, publish_numbered},
    target::{Path, Target, start},
};

async fn poll(target: &Target, params: &[(&str, &str)]) -> Response {
    Request::get(&format!("/push/poll?{}", query(params.iter().copied()))).send(target.addr).await
}

fn texts(answer: &Answer) -> Vec<String> {
    answer.events.iter().map(Publication::text).collect()
}

pub(crate) async fn an_expired_poll_says_where_to_go_on(path: Path) {
    let target = start(path).await;
    publish_numbered(target.addr, "p", "old", 1..=2).await;
    let answer = Answer::from_response(&poll(&target, &[("channel", "p"), ("timeout", "1")]).await);
    assert_eq!((answer.events.len(), answer.more, answer.outcome.as_str()), (0, false, "complete"));
    let raw = poll(&target, &[("channel", "p"), ("timeout", "1"), ("format", "raw")]).await;
    assert_eq!((raw.status(), raw.body.len()), (204, 0));
    let raw_cursor = raw.header("push-cursor").expect("where to go on").to_owned();
    publish_numbered(target.addr, "p", "new", 1..=2).await;
    for cursor in [&answer.cursor, &raw_cursor] {
        let next = poll(&target, &[("channel", "p"), ("since", cursor), ("timeout", "0")]).await;
        assert_eq!(texts(&Answer::from_response(&next)), numbered("new", 1..=2));
    }
    let at_once = Answer::from_response(&poll(&target, &[("channel", "p"), ("timeout", "0")]).await);
    assert_eq!((at_once.events.len(), at_once.more), (0, false), "without since it begins now");
}

pub(crate) async fn a_parked_poll_is_answered_by_what_it_waited_for(path: Path) {
    let target = start(path).await;
    let addr = target.addr;
    let parked = tokio::spawn(async move { Request::get("/push/poll?channel=p&channel=q%2F*").send(addr).await });
    testkit::api::eventually("it is parked", || async {
        testkit::api::channels(addr, &[("prefix", "p")], None).await["channels"][0]["subscribers"] == 1
    })
    .await;
    publish::text(addr, "other", "not this").await;
    let told = publish::text(addr, "q/x", "this").await;
    let answer = Answer::from_response(&parked.await.expect("answered"));
    assert_eq!((texts(&answer), answer.events[0].id.as_ref()), (vec!["this".to_owned()], Some(&told.id)));
    publish::text(addr, "p", "next").await;
    let channels = [("channel", "p"), ("channel", "q/*"), ("since", answer.cursor.as_str())];
    assert_eq!(texts(&Answer::from_response(&poll(&target, &channels).await)), ["next"]);
}

pub(crate) async fn an_answer_is_limited_in_events_and_bytes(path: Path) {
    let target = start(path).await;
    publish_numbered(target.addr, "many", "n", 1..=120).await;
    let page = |since: String, limit: &'static str| {
        let target = &target;
        async move {
            let mut params = vec![("channel", "many"), ("since", since.as_str()), ("timeout", "0")];
            if !limit.is_empty() {
                params.push(("limit", limit));
            }
            Answer::from_response(&poll(target, &params).await)
        }
    };
    let first = page("start".to_owned(), "").await;
    assert_eq!((texts(&first), first.more), (numbered("n", 1..=100), true), "a hundred by default");
    let second = page(first.cursor, "").await;
    assert_eq!((texts(&second), second.more), (numbered("n", 101..=120), false));
    let few = page("start".to_owned(), "7").await;
    assert_eq!((texts(&few), few.more), (numbered("n", 1..=7), true));
    let exact = page("start".to_owned(), "120").await;
    assert_eq!((exact.events.len(), exact.more), (120, false));

    for number in 0..7 {
        let body = vec![b'a' + number; 1 << 20];
        Publish::new("big", body).media_type("text/plain").send(target.addr).await;
    }
    let (mut since, mut heard) = ("start".to_owned(), Vec::new());
    loop {
        let params = [("channel", "big"), ("since", since.as_str()), ("timeout", "0")];
        let response = poll(&target, &params).await;
        let answer = Answer::from_response(&response);
        assert!(answer.events.len() == 1 || response.body.len() <= 4 << 20, "{} bytes", response.body.len());
        heard.extend(answer.events.iter().map(|event| event.data[0]));
        since = answer.cursor;
        if !answer.more {
            break;
        }
    }
    assert_eq!(heard, b"abcdefg");
}

pub(crate) async fn a_raw_poll_names_everything_in_headers(path: Path) {
    let target = start(path).await;
    let told = Publish::new("raw/é", b"\x89PNG".to_vec())
        .media_type("image/png")
        .event("shot")
        .key("a key/é")
        .send(target.addr)
        .await;
    Publish::new("raw/plain", "second").send(target.addr).await;
    let first = poll(&target, &[("channel", "raw/*"), ("since", "start"), ("format", "raw"), ("timeout", "0")]).await;
    assert_eq!((first.status(), first.body.as_slice()), (200, &b"\x89PNG"[..]), "one publication an answer");
    let header = |name: &str| first.header(name).unwrap_or_else(|| panic!("{name}: {:?}", first.head));
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("push-cursor"), told.id);
    assert!(header("push-channel").is_ascii() && header("push-key").is_ascii(), "percent-encoded: {:?}", first.head);
    assert_eq!(decode(header("push-channel")), "raw/é");
    assert_eq!(decode(header("push-key")), "a key/é");
    assert_eq!(header("push-event"), "shot");
    assert_eq!(header("push-outcome"), "complete");
    let since = [("channel", "raw/*"), ("since", told.id.as_str()), ("format", "raw"), ("timeout", "0")];
    let second = poll(&target, &since).await;
    assert_eq!(second.text(), "second");
    assert!(matches!(second.header("push-event"), None | Some("message")), "{:?}", second.head);
}

pub(crate) async fn the_header_wins_over_since_and_last(path: Path) {
    let target = start(path).await;
    let told = publish_numbered(target.addr, "w", "n", 1..=4).await;
    for transport in [Transport::SseJson, Transport::SseRaw, Transport::Poll, Transport::PollPost, Transport::Ndjson] {
        for (name, value) in [("since", "now"), ("since", told[3].as_str()), ("last", "1")] {
            let options = Options::channel("w").param(name, value).header("Last-Event-ID", &told[1]);
            let mut subscriber = Subscriber::open(transport, target.addr, &options).await;
            assert_eq!(subscriber.publication().await.text(), "n-3", "{transport:?} {name}={value}");
        }
    }
}

pub(crate) async fn the_retry_of_an_event_stream_has_jitter(path: Path) {
    let target = start(path).await;
    let mut told = Vec::new();
    for _ in 0..20 {
        let subscriber = Subscriber::open(Transport::SseJson, target.addr, &Options::channel("j")).await;
        told.push(subscriber.opened().retry_ms.expect("a retry"));
    }
    assert!(told.iter().any(|retry| *retry != told[0]), "a crowd does not come back at once: {told:?}");
    assert!(told.iter().all(|retry| (100..=60_000).contains(retry)), "{told:?}");
}

pub(crate) async fn a_cut_poll_takes_nothing_with_it(path: Path) {
    let target = start(path).await;
    let cursor = cursor_now(Transport::Poll, target.addr, "p").await;
    let mut connection = Connection::open(target.addr).await.expect("listening");
    let request = Request::get(&format!("/push/poll?{}", query([("channel", "p"), ("since", &cursor)])));
    connection.send(&request).await.expect("it reads");
    testkit::api::eventually("it is parked", || async {
        testkit::api::channels(target.addr, &[("prefix", "p")], None).await["channels"][0]["subscribers"] == 1
    })
    .await;
    drop(connection);
    publish::text(target.addr, "p", "kept").await;
    let again = poll(&target, &[("channel", "p"), ("since", &cursor), ("timeout", "0")]).await;
    assert_eq!(texts(&Answer::from_response(&again)), ["kept"]);
}

pub(crate) async fn the_forever_frame_is_a_document_that_browsers_start_at_once(path: Path) {
    let target = start(path).await;
    let mut connection = Connection::open(target.addr).await.expect("listening");
    connection.send(&Request::get("/push/stream?channel=f&format=script")).await.expect("it reads");
    let head = connection.head().await.expect("an answer");
    assert_eq!(head.header("content-security-policy"), None, "never on a script that must run");
    assert!(
        head.header("content-type").is_some_and(|value| value.to_ascii_lowercase().contains("charset=utf-8")),
        "{head:?}"
    );
    let mut document = Vec::new();
    while testkit::http::find(&document, b"</script>").is_none() {
        let chunk = tokio::time::timeout(Duration::from_secs(20), connection.chunk()).await.expect("at once");
        document.extend_from_slice(&chunk.expect("a chunk").expect("it goes on"));
    }
    assert!(document.to_ascii_lowercase().starts_with(b"<!doctype html>"), "{:?}", String::from_utf8_lossy(&document));
    assert!(document.len() >= 1024, "padded: {} bytes", document.len());
}
