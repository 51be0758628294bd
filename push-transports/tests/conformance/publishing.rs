//! Publishing and asking: shapes, order, and publishing once.

use serde_json::{Value, json};
use testkit::{
    Connection, Options, Publication, Publish, Request, Subscriber, Transport, api,
    publish::{Published, batch, batch_lines, text},
};

use crate::{
    heard::{numbered, publish_numbered},
    target::{Path, start},
};

pub(crate) async fn several_channels_are_answered_in_the_order_asked(path: Path) {
    let target = start(path).await;
    let told = Publish::new("b", "x").and("a").and("c").send_all(target.addr).await;
    let channels: Vec<&str> = told.iter().map(|told| told.channel.as_str()).collect();
    assert_eq!(channels, ["b", "a", "c"]);
    assert!(told.iter().all(|told| told.offset == 1), "{told:?}");
    let one = Publish::new("b", "x").response(target.addr).await.json();
    assert!(one.get("results").is_none(), "one channel is answered bare: {one}");
    assert_eq!(one["offset"], 2);
    let mut all = Subscriber::open(Transport::Ndjson, target.addr, &Options::channel("*").since("start")).await;
    let heard: Vec<_> = all.publications(4).await.into_iter().filter_map(|heard| heard.channel).collect();
    assert_eq!(heard, ["b", "a", "c", "b"]);
}

pub(crate) async fn one_refused_channel_refuses_the_whole(path: Path) {
    let target = start(path).await;
    for (bad, status, code) in
        [("$sys/x", 403, "forbidden"), ("mail/a/b", 403, "forbidden"), ("a//b", 400, "bad_channel")]
    {
        let refused = Publish::new("good/one", "x").and(bad).and("good/two").response(target.addr).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (status, code), "{bad}");
        assert!(refused.text().contains(bad), "it is named: {}", refused.text());
    }
    for channel in ["good/one", "good/two"] {
        assert!(api::history(target.addr, channel, &[]).await.events.is_empty(), "nothing was published");
    }
}

pub(crate) async fn a_batch_is_answered_line_by_line(path: Path) {
    let target = start(path).await;
    let lines = concat!(
        "{\"channel\":\"b/a\",\"data\":\"text\"}\n",
        "\n",
        "{\"channel\":\"b/a\",\"data\":{\"x\": 1.0 },\"event\":\"e\",\"key\":\"k\"}\r\n",
        "{\"channel\":\"b/b\",\"data_base64\":\"/w==\",\"type\":\"image/png\"}\n",
        "{\"channel\":\"b//bad\",\"data\":1}\n",
        "{\"channel\":\"$sys/x\",\"data\":1}\n",
        "{\"channel\":\"b/a\"}\n",
        "{\"channel\":\"b/a\",\"data\":1,\"data_base64\":\"\"}\n",
        "{\"channel\":\"b/a\",\"data\":1,\"type\":\"text/plain\"}\n",
        "{\"channel\":\"b/a\",\"data\":\"x\",\"event\":\"push.x\"}\n",
        "not json\n",
        "{\"channel\":\"b/a\",\"data\":null,\"retain\":false}\n",
        "{\"channel\":\"b/a\",\"data\":\"last, without a line end\"}",
    );
    let answers = batch_lines(&batch(target.addr, lines, None).await);
    let codes: Vec<Value> = answers.iter().map(|answer| answer["code"].clone()).collect();
    let bad = json!("bad_parameter");
    let expected =
        [Value::Null, Value::Null, Value::Null, json!("bad_channel"), json!("forbidden"), bad.clone(), bad.clone()];
    assert_eq!(codes[..7], expected, "{answers:?}");
    assert_eq!(codes[7..], [bad.clone(), bad.clone(), bad, Value::Null, Value::Null], "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.get("code").is_some()) {
        assert!(answer["status"].is_u64() && answer["detail"].is_string(), "{answer}");
        assert!(answer.get("channel").is_some() || answer["detail"] != "", "{answer}");
    }
    assert_eq!(answers[3]["channel"], "b//bad");
    let told: Vec<Published> =
        answers.iter().filter(|answer| answer.get("code").is_none()).map(Published::from_json).collect();
    let offsets: Vec<(&str, u64)> = told.iter().map(|told| (told.channel.as_str(), told.offset)).collect();
    assert_eq!(offsets, [("b/a", 1), ("b/a", 2), ("b/b", 1), ("b/a", 3), ("b/a", 4)]);

    let kept = api::history(target.addr, "b/a", &[]).await.events;
    let read: Vec<_> = kept.iter().map(|kept| (kept.text(), kept.media_type.clone().expect("one"))).collect();
    let json = || "application/json".to_owned();
    let plain = || "text/plain".to_owned();
    let last = "last, without a line end".to_owned();
    assert_eq!(read, [("text".to_owned(), plain()), ("{\"x\":1.0}".to_owned(), json()), (last, plain())]);
    assert_eq!((kept[1].event.as_str(), kept[1].key.as_deref()), ("e", Some("k")));
    let picture = &api::history(target.addr, "b/b", &[]).await.events[0];
    assert_eq!((picture.data.as_slice(), picture.media_type.as_deref()), (&b"\xff"[..], Some("image/png")));
}

pub(crate) async fn a_batch_keeps_the_order_of_each_channel(path: Path) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(Transport::SseJson, target.addr, &Options::channel("o/*")).await;
    let lines: String = (0..900).map(|n| format!("{{\"channel\":\"o/{}\",\"data\":\"{n}\"}}\n", n % 7)).collect();
    let answers = batch_lines(&batch(target.addr, lines, None).await);
    let told: Vec<Published> = answers.iter().map(Published::from_json).collect();
    assert_eq!(told.len(), 900);
    for (n, told) in told.iter().enumerate() {
        assert_eq!((told.channel.as_str(), told.offset), (format!("o/{}", n % 7).as_str(), n as u64 / 7 + 1));
    }
    let mut newest = [-1_i32; 7];
    for heard in subscriber.publications(900).await {
        let n: i32 = heard.text().parse().expect("a number");
        let channel = usize::try_from(n % 7).expect("below 7");
        assert!(newest[channel] < n, "{n} after {}", newest[channel]);
        newest[channel] = n;
    }
}

pub(crate) async fn a_batch_cut_off_publishes_nothing(path: Path) {
    let target = start(path).await;
    let mut connection = Connection::open(target.addr).await.expect("listening");
    let half = "{\"channel\":\"cut\",\"data\":1}\n{\"channel\":\"cut\",\"data\":2}\n";
    let request = Request::post("/push/publish", half)
        .header("Content-Type", "application/x-ndjson")
        .header("Content-Length", "1000");
    connection.send(&request).await.expect("it reads");
    connection.finish_writing().await.expect("it reads");
    connection.rest().await;
    drop(connection);

    let too_many: String = (0..10_001).map(|_| "{\"channel\":\"cut\",\"data\":1}\n").collect();
    let refused = batch(target.addr, too_many, None).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (413, "too_large"));
    let too_long = format!("{{\"channel\":\"cut\",\"data\":1}}\n{}\n", " ".repeat(8 << 20));
    let refused = batch(target.addr, too_long, None).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (413, "too_large"));
    assert!(api::history(target.addr, "cut", &[]).await.events.is_empty(), "nothing was published");
}

pub(crate) async fn the_same_push_id_publishes_once(path: Path) {
    let target = start(path).await;
    let publish = Publish::new("once", "payload").media_type("text/plain").push_id("id 1");
    let first = publish.send(target.addr).await;
    assert!(!first.duplicate);
    let again = publish.send(target.addr).await;
    assert!(again.duplicate, "{again:?}");
    assert_eq!((&again.id, again.offset), (&first.id, first.offset));
    let elsewhere = Publish::new("elsewhere", "payload").push_id("id 1").send(target.addr).await;
    assert!(!elsewhere.duplicate, "the scope is a channel");
    let line = json!({"channel": "once", "data": "payload", "push_id": "id 1"});
    let by_batch = batch_lines(&batch(target.addr, format!("{line}\n{line}\n"), None).await);
    assert!(by_batch.iter().all(|answer| answer["duplicate"] == true && answer["offset"] == 1), "{by_batch:?}");
    assert_eq!(api::history(target.addr, "once", &[]).await.events.len(), 1);
}

pub(crate) async fn concurrent_publications_of_one_push_id_publish_once(path: Path) {
    let target = start(path).await;
    for round in 0..20 {
        let addr = target.addr;
        let publish = Publish::new("race", "payload").push_id(&format!("round-{round}"));
        let racing: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn({
                    let publish = publish.clone();
                    async move { publish.send(addr).await }
                })
            })
            .collect();
        let mut told = Vec::new();
        for racer in racing {
            told.push(racer.await.expect("published"));
        }
        assert_eq!(told.iter().filter(|told| !told.duplicate).count(), 1, "{told:?}");
        assert!(told.iter().all(|one| one.id == told[0].id && one.offset == round + 1), "{told:?}");
    }
}

pub(crate) async fn another_payload_under_a_push_id_is_a_conflict(path: Path) {
    let target = start(path).await;
    Publish::new("c", "one").push_id("id").send(target.addr).await;
    let refused = Publish::new("c", "two").push_id("id").response(target.addr).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (409, "conflict"));
    let line = json!({"channel": "c", "data": "three", "push_id": "id"});
    let answers = batch_lines(&batch(target.addr, format!("{line}\n"), None).await);
    assert_eq!(
        (&answers[0]["status"], &answers[0]["code"], &answers[0]["channel"]),
        (&json!(409), &json!("conflict"), &json!("c"))
    );
    assert_eq!(api::history(target.addr, "c", &[]).await.events.len(), 1);
}

pub(crate) async fn every_bad_publication_is_refused_by_name(path: Path) {
    let target = start(path).await;
    let good = || Publish::new("g", "x");
    let long = |n: usize| "x".repeat(n);
    let table: Vec<(&str, Publish, u16, &str)> = vec![
        ("an event of no characters", good().event(""), 400, "bad_parameter"),
        ("an event of 65", good().event(&long(65)), 400, "bad_parameter"),
        ("an event with a space", good().event("a b"), 400, "bad_parameter"),
        ("error", good().event("error"), 400, "bad_parameter"),
        ("open", good().event("open"), 400, "bad_parameter"),
        ("a system event", good().event("push.gap"), 400, "bad_parameter"),
        ("a key of 256 bytes", good().key(&long(256)), 400, "bad_parameter"),
        ("a key with a line break", good().key("a\nb"), 400, "bad_parameter"),
        ("a key with a control character", good().key("a\u{85}"), 400, "bad_parameter"),
        ("a key that is not UTF-8", good().header("Push-Key", "%FF"), 400, "bad_parameter"),
        ("a push id of 256 bytes", good().push_id(&long(256)), 400, "bad_parameter"),
        ("an empty push id", good().push_id(""), 400, "bad_parameter"),
        ("a retain of neither", good().header("Push-Retain", "maybe"), 400, "bad_parameter"),
        ("a type of 128 bytes", good().media_type(&format!("text/{}", long(123))), 400, "bad_parameter"),
        ("a type that is none", good().media_type("nonsense"), 400, "bad_parameter"),
        ("JSON that is none", good().media_type("application/json"), 400, "bad_parameter"),
        ("JSON by suffix that is none", Publish::new("g", "{]").media_type("a/b+json"), 400, "bad_parameter"),
        ("no JSON at all", Publish::new("g", "").media_type("application/json"), 400, "bad_parameter"),
        (
            "JSON of bad UTF-8",
            Publish::new("g", b"\"\xff\"".to_vec()).media_type("application/json"),
            400,
            "bad_parameter",
        ),
        ("a payload beyond a mebibyte", Publish::new("g", vec![b'x'; (1 << 20) + 1]), 413, "too_large"),
        ("an empty channel", Publish::new("", "x"), 400, "bad_channel"),
        ("a pattern", Publish::new("g/*", "x"), 400, "bad_channel"),
        ("a channel of 256 bytes", Publish::new(&long(256), "x"), 400, "bad_channel"),
        ("a system channel", Publish::new("$sys/x", "x"), 403, "forbidden"),
        ("a mail channel", Publish::new("mail/a/b", "x"), 403, "forbidden"),
    ];
    for (name, publish, status, code) in table {
        let refused = publish.response(target.addr).await;
        assert_eq!(refused.status(), status, "{name}: {}", refused.text());
        assert_eq!(refused.problem(), code, "{name}: {}", refused.text());
    }
    let no_channel = Request::post("/push/publish", "x").send(target.addr).await;
    assert_eq!(no_channel.status(), 400, "{}", no_channel.text());
    assert!(matches!(no_channel.problem().as_str(), "bad_parameter" | "bad_channel"));
    let listed = api::channels(target.addr, &[], None).await;
    let published = |channel: &Value| channel["offset"].as_u64().is_some_and(|offset| offset > 0);
    assert!(!listed["channels"].as_array().expect("a list").iter().any(published), "nothing was published: {listed}");
    Publish::new(&long(255), vec![b'x'; 1 << 20])
        .event(&long(64))
        .key(&long(255))
        .push_id(&long(255))
        .send(target.addr)
        .await;
}

pub(crate) async fn default_types_are_those_of_the_surface(path: Path) {
    let target = start(path).await;
    let form = "application/x-www-form-urlencoded";
    let table = [
        (None, &b"text"[..], "text/plain"),
        (None, b"\xff", "application/octet-stream"),
        (Some(form), b"a=b", "text/plain"),
        (Some(form), b"\xff", "application/octet-stream"),
        (Some("text/csv"), b"a,b", "text/csv"),
    ];
    for (number, (sent, payload, kept)) in table.into_iter().enumerate() {
        let channel = format!("t/{number}");
        let publish = Publish::new(&channel, payload);
        let publish = sent.map_or(publish.clone(), |sent| publish.media_type(sent));
        publish.send(target.addr).await;
        let read = &api::history(target.addr, &channel, &[]).await.events[0];
        assert_eq!((read.media_type.as_deref(), read.data.as_slice()), (Some(kept), payload));
    }
}

pub(crate) async fn history_pages_and_counts(path: Path) {
    let target = start(path).await;
    let cursors = publish_numbered(target.addr, "h", "n", 1..=250).await;
    let texts = |events: &[Publication]| events.iter().map(Publication::text).collect::<Vec<_>>();
    let first = api::history(target.addr, "h", &[]).await;
    assert_eq!((texts(&first.events), first.more), (numbered("n", 1..=100), true), "from the start, a hundred");
    assert_eq!(first.outcome, "complete");
    let (mut read, mut page) = (texts(&first.events), first);
    while page.more {
        page = api::history(target.addr, "h", &[("since", &page.cursor), ("limit", "60")]).await;
        read.extend(texts(&page.events));
    }
    assert_eq!(read, numbered("n", 1..=250));
    let since = api::history(target.addr, "h", &[("since", &cursors[246])]).await;
    assert_eq!((texts(&since.events), since.more), (numbered("n", 248..=250), false));
    let last = api::history(target.addr, "h", &[("last", "3")]).await;
    assert_eq!(texts(&last.events), numbered("n", 248..=250), "oldest first");
    let nothing = api::history(target.addr, "never/used", &[]).await;
    assert_eq!((nothing.events.len(), nothing.more, nothing.outcome.as_str()), (0, false, "complete"));
    for (params, code) in [
        (&[("since", "nonsense")][..], "bad_cursor"),
        (&[("limit", "0")], "bad_parameter"),
        (&[("limit", "10001")], "bad_parameter"),
        (&[("last", "3"), ("since", "start")], "bad_parameter"),
    ] {
        let refused = api::history_response(target.addr, "h", params, None).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, code), "{params:?}");
    }
    for channel in ["h/*", "**", ""] {
        let refused = api::history_response(target.addr, channel, &[], None).await;
        assert_eq!(
            (refused.status(), refused.problem().as_str()),
            (400, "bad_channel"),
            "one literal channel: {channel}"
        );
        assert_eq!(api::forget(target.addr, channel, None).await.status(), 400, "{channel}");
    }
}

pub(crate) async fn subscribers_are_counted_on_publishing(path: Path) {
    let target = start(path).await;
    assert_eq!(text(target.addr, "n/a", "x").await.subscribers, 0);
    let one = Subscriber::open(Transport::SseJson, target.addr, &Options::channel("n/a")).await;
    let two = Subscriber::open(Transport::WsJson, target.addr, &Options::channels(["n/a", "n/*"])).await;
    let three = Subscriber::open(Transport::Mixed, target.addr, &Options::channel("n/**")).await;
    let mut parked = Subscriber::open(Transport::Poll, target.addr, &Options::channel("n/a")).await;
    let parked = tokio::spawn(async move { parked.publication().await.text() });
    api::eventually("each connection is counted once", || async {
        api::channels(target.addr, &[("prefix", "n/a")], None).await["channels"][0]["subscribers"] == 4
    })
    .await;
    assert_eq!(text(target.addr, "n/a", "counted").await.subscribers, 4);
    assert_eq!(parked.await.expect("it heard"), "counted");
    drop((one, two, three));
    api::eventually("those that left are not counted", || async {
        text(target.addr, "n/a", "x").await.subscribers == 0
    })
    .await;
}
