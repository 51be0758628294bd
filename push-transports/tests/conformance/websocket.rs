//! Operations over a WebSocket, and its raw form.

use serde_json::{Value, json};
use testkit::{
    Connection, Item, Options, Publish, Request, Subscriber, Transport, publish,
    ws::{Client, Frame},
};
use tokio_tungstenite::tungstenite::Message;

use crate::target::{Path, Setup, start, start_with};

pub(crate) async fn operations_are_answered_with_their_seq(path: Path) {
    let target = start_with(path, Setup::default().with_presence("**")).await;
    let mut client = Client::bare(target.addr).await;
    let subscribed = client.call(json!({"op": "subscribe", "channel": "o"})).await;
    assert_eq!((&subscribed["op"], &subscribed["channel"]), (&json!("subscribed"), &json!("o")));
    assert_eq!(subscribed["outcome"], "complete");
    assert!(subscribed["cursor"].is_string(), "{subscribed}");

    let op = json!({"op": "publish", "channel": "o", "data": {"x": 1}, "event": "e", "key": "k", "push_id": "p"});
    let (published, before) = client.ask(op.clone()).await;
    assert_eq!((&published["op"], &published["offset"]), (&json!("published"), &json!(1)));
    let heard = match before.into_iter().next() {
        Some(heard) => heard,
        None => client.json().await,
    };
    assert_eq!(
        (&heard["op"], &heard["id"], &heard["data"]),
        (&json!("publication"), &published["id"], &json!({"x": 1}))
    );
    let again = client.call(op).await;
    assert_eq!((&again["id"], &again["duplicate"]), (&published["id"], &json!(true)));

    let history = client.call(json!({"op": "history", "channel": "o", "last": 1})).await;
    assert_eq!((&history["op"], &history["events"][0]["id"]), (&json!("history"), &published["id"]));
    assert_eq!((&history["more"], &history["outcome"]), (&json!(false), &json!("complete")));
    assert!(history["cursor"].is_string(), "{history}");
    let presence = client.call(json!({"op": "presence", "channel": "o"})).await;
    assert_eq!(presence["op"], "presence");
    assert!(presence["count"].is_u64() && presence["members"].is_array(), "{presence}");
    assert_eq!(client.call(json!({"op": "ping"})).await["op"], "pong");
    assert_eq!(client.call(json!({"op": "unsubscribe", "channel": "o"})).await["op"], "unsubscribed");
}

pub(crate) async fn what_is_not_an_operation_is_an_error_and_never_the_end(path: Path) {
    let target = start(path).await;
    let mut client = Client::bare(target.addr).await;
    let table = [
        (json!({"op": "dance"}), "bad_parameter"),
        (json!({"no": "op"}), "bad_parameter"),
        (json!({"op": 7}), "bad_parameter"),
        (json!({"op": "subscribe"}), "bad_parameter"),
        (json!({"op": "subscribe", "channel": 7}), "bad_parameter"),
        (json!({"op": "subscribe", "channel": "a//b"}), "bad_channel"),
        (json!({"op": "subscribe", "channel": "**/b"}), "bad_channel"),
        (json!({"op": "subscribe", "channel": "a", "since": "nonsense"}), "bad_cursor"),
        (json!({"op": "subscribe", "channel": "a", "since": "start", "last": 1}), "bad_parameter"),
        (json!({"op": "subscribe", "channel": "a", "last": -1}), "bad_parameter"),
        (json!({"op": "subscribe", "channel": "a", "overflow": "explode"}), "bad_parameter"),
        (json!({"op": "publish", "channel": "a"}), "bad_parameter"),
        (json!({"op": "publish", "channel": "$sys/a", "data": 1}), "forbidden"),
        (json!({"op": "publish", "channel": "a", "data": 1, "event": "push.x"}), "bad_parameter"),
        (json!({"op": "publish", "channel": "a", "data_base64": "!"}), "bad_parameter"),
        (json!({"op": "history", "channel": "a/*"}), "bad_channel"),
        (json!({"op": "history", "channel": "a", "limit": 0}), "bad_parameter"),
        (json!({"op": "presence", "channel": ""}), "bad_channel"),
    ];
    for (op, code) in table {
        let answer = client.call(op.clone()).await;
        assert_eq!((&answer["op"], &answer["code"]), (&json!("error"), &json!(code)), "{op}: {answer}");
        assert!(answer["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{answer}");
    }
    for text in
        ["not json", "", "[]", "\"text\"", "7", "{\"op\":\"ping\",}", "{\"op\":\"ping\"} {}", &"[".repeat(60_000)]
    {
        client.text(text).await;
        let answer = client.json().await;
        assert_eq!((&answer["op"], &answer["code"]), (&json!("error"), &json!("bad_parameter")), "{answer}");
    }
    assert_eq!(client.call(json!({"op": "ping"})).await["op"], "pong", "and it goes on");
}

pub(crate) async fn binary_on_json_is_1003(path: Path) {
    let target = start(path).await;
    let mut client = Client::bare(target.addr).await;
    client.send(Message::binary(b"{\"op\":\"ping\"}".to_vec())).await;
    assert_eq!(client.closed().await.0, 1003);
    assert_eq!(client.frame().await, Frame::End);
}

pub(crate) async fn a_subscription_by_operation_recovers_from_its_cursor(path: Path) {
    let target = start_with(path, Setup::default().retaining("few/*", 2)).await;
    let first = publish::text(target.addr, "few/a", "1").await;
    for text in ["2", "3", "4"] {
        publish::text(target.addr, "few/a", text).await;
        publish::text(target.addr, "all", text).await;
    }
    let mut client = Client::bare(target.addr).await;
    let few = client.call(json!({"op": "subscribe", "channel": "few/*", "since": first.id})).await;
    assert_eq!(few["outcome"], "partial");
    assert_eq!(few["gaps"], json!([{"channel": "few/a", "outcome": "partial", "from": 2, "to": 2, "missed": 1}]));
    for text in ["3", "4"] {
        assert_eq!(client.json().await["data"], text, "what it recovers follows directly");
    }
    let all = client.call(json!({"op": "subscribe", "channel": "all", "last": 2})).await;
    assert_eq!(
        (&all["outcome"], all.get("gaps").and_then(Value::as_array).map_or(0, Vec::len)),
        (&json!("complete"), 0)
    );
    for text in ["3", "4"] {
        assert_eq!(client.json().await["data"], text);
    }
    // The id received last resumes all its channels.
    publish::text(target.addr, "few/a", "5").await;
    let newest = client.json().await;
    assert_eq!(newest["data"], "5");
    publish::text(target.addr, "all", "6").await;
    publish::text(target.addr, "few/b", "7").await;
    let since = Options::channels(["few/*", "all"]).since(newest["id"].as_str().expect("an id"));
    let mut resumed = Subscriber::open(Transport::WsJson, target.addr, &since).await;
    assert_eq!(resumed.opened().outcome.as_deref(), Some("complete"));
    assert_eq!([resumed.publication().await.text(), resumed.publication().await.text()], ["6", "7"]);
}

pub(crate) async fn subscribing_twice_is_already_subscribed(path: Path) {
    let target = start(path).await;
    let mut client = Client::open(target.addr, &Options::channel("t"), "ws", &[]).await.expect("opened");
    assert_eq!(client.json().await["op"], "subscribed");
    let again = client.call(json!({"op": "subscribe", "channel": "t"})).await;
    assert_eq!((&again["op"], &again["code"]), (&json!("error"), &json!("already_subscribed")));
    assert_eq!(
        client.call(json!({"op": "subscribe", "channel": "t/*"})).await["op"],
        "subscribed",
        "a pattern is another"
    );
    assert_eq!(client.call(json!({"op": "unsubscribe", "channel": "t"})).await["op"], "unsubscribed");
    assert_eq!(client.call(json!({"op": "subscribe", "channel": "t"})).await["op"], "subscribed", "free again");
}

pub(crate) async fn an_unsubscribed_channel_falls_silent(path: Path) {
    let target = start(path).await;
    let mut client = Client::open(target.addr, &Options::channels(["s/a", "s/b"]), "ws", &[]).await.expect("opened");
    for _ in 0..2 {
        assert_eq!(client.json().await["op"], "subscribed");
    }
    assert_eq!(client.call(json!({"op": "unsubscribe", "channel": "s/a"})).await["op"], "unsubscribed");
    publish::text(target.addr, "s/a", "unheard").await;
    publish::text(target.addr, "s/b", "heard").await;
    assert_eq!(client.json().await["data"], "heard");
    let unknown = client.call(json!({"op": "unsubscribe", "channel": "s/never"})).await;
    assert!(unknown["op"] == "error" || unknown["op"] == "unsubscribed", "{unknown}");
}

pub(crate) async fn raw_frames_are_text_or_binary_as_the_payload_is(path: Path) {
    let target = start(path).await;
    publish::text(target.addr, "raw", "before").await;
    let mut client =
        Client::open(target.addr, &Options::channel("raw").last(1), "ws", &[("format", "raw")]).await.expect("opened");
    assert_eq!(client.frame().await, Frame::Text("before".to_owned()), "raw honours last");
    let pretty = "{ \"a\" : 1 }\n";
    Publish::new("raw", pretty).media_type("application/json").send(target.addr).await;
    Publish::new("raw", b"\xff\0".to_vec()).media_type("image/png").send(target.addr).await;
    Publish::new("raw", "").media_type("text/plain").send(target.addr).await;
    assert_eq!(client.frame().await, Frame::Text(pretty.to_owned()), "the bytes as they were published");
    assert_eq!(client.frame().await, Frame::Binary(b"\xff\0".to_vec()));
    assert!(matches!(client.frame().await, Frame::Text(text) if text.is_empty()));
}

pub(crate) async fn what_a_raw_client_says_is_ignored(path: Path) {
    let target = start(path).await;
    let mut client =
        Client::open(target.addr, &Options::channel("raw"), "ws", &[("format", "raw")]).await.expect("opened");
    client.text("hello?").await;
    client.send(Message::binary(vec![1, 2, 3])).await;
    client.text(r#"{"op":"publish","channel":"raw","data":"forged"}"#).await;
    publish::text(target.addr, "raw", "the only one").await;
    assert_eq!(client.frame().await, Frame::Text("the only one".to_owned()));
    client.close(1000, "done").await;
    assert_eq!(client.closed().await.0, 1000, "RFC 6455 §5.5.1: a close is answered");
    assert_eq!(client.frame().await, Frame::End);
}

pub(crate) async fn the_subprotocol_asked_for_is_chosen(path: Path) {
    let target = start(path).await;
    for (asked, chosen) in [("push.v1", Some("push.v1")), ("foreign, push.v1", Some("push.v1"))] {
        let options = Options::channel("p").header("Sec-WebSocket-Protocol", asked);
        let client = Client::open(target.addr, &options, "ws", &[]).await.expect("opened");
        assert_eq!(client.protocol.as_deref(), chosen, "{asked}");
    }
    let plain = Client::open(target.addr, &Options::channel("p"), "ws", &[]).await.expect("opened");
    assert_eq!(plain.protocol, None, "RFC 6455 §4.2.2: none asked for, none chosen");
}

pub(crate) async fn the_echo_is_off_unless_asked_for(path: Path) {
    let target = start(path).await;
    let refused = Client::open(target.addr, &Options::channels([]), "echo", &[]).await.expect_err("it is off");
    assert_eq!(refused.status, 404);
    assert_eq!(Request::get("/push/echo").send(target.addr).await.status(), 404);
    let mut subscriber = Subscriber::open(Transport::WsJson, target.addr, &Options::channel("p")).await;
    publish::text(target.addr, "p", "x").await;
    assert!(matches!(subscriber.next().await, Item::Publication(_)));
}

pub(crate) async fn a_subscription_that_joins_under_publishing_misses_nothing(path: Path) {
    let target = start(path).await;
    let addr = target.addr;
    let channels = ["j/a", "j/b", "j/c"];
    let cursor = publish::text(addr, "j/first", "0").await.id;
    let mut client = Client::bare(addr).await;
    let publisher = tokio::spawn(async move {
        let mut connection = Connection::open(addr).await.expect("listening");
        for number in 1..=600_usize {
            let publish = Publish::new(channels[number % 3], number.to_string()).media_type("text/plain");
            assert_eq!(connection.request(&publish.request()).await.expect("published").status(), 200);
        }
    });
    let mut heard: [Vec<usize>; 3] = Default::default();
    let mut take = |op: &Value| {
        assert_eq!(op["op"], "publication", "{op}");
        let number: usize = op["data"].as_str().and_then(|text| text.parse().ok()).expect("a number");
        heard[number % 3].push(number);
        heard.iter().map(Vec::len).sum::<usize>()
    };
    for channel in channels {
        let (subscribed, before) = client.ask(json!({"op": "subscribe", "channel": channel, "since": cursor})).await;
        assert_eq!((&subscribed["op"], &subscribed["outcome"]), (&json!("subscribed"), &json!("complete")));
        for op in &before {
            take(op);
        }
        for _ in 0..20 {
            take(&client.json().await);
        }
    }
    while take(&client.json().await) < 600 {}
    publisher.await.expect("all published");
    for (at, heard) in heard.into_iter().enumerate() {
        let expected: Vec<usize> = (1..=600).filter(|number| number % 3 == at).collect();
        assert_eq!(heard, expected, "{}: each once and in order", channels[at]);
    }
}

pub(crate) async fn a_payload_of_a_mebibyte_can_be_published_by_operation(path: Path) {
    let target = start(path).await;
    let mut client = Client::bare(target.addr).await;
    let text = "t".repeat(1 << 20);
    let published = client.call(json!({"op": "publish", "channel": "m", "data": text})).await;
    assert_eq!(published["op"], "published", "{}", published);
    let base64 = "AAAA".repeat((1 << 20) / 3);
    let published = client.call(json!({"op": "publish", "channel": "m", "data_base64": base64})).await;
    assert_eq!(published["op"], "published", "{}", published);
    let refused = client.call(json!({"op": "publish", "channel": "m", "data": format!("{text}t")})).await;
    assert_eq!((&refused["op"], &refused["code"]), (&json!("error"), &json!("too_large")), "one byte more");
    let line = format!("{}\n", json!({"channel": "m", "data": text}));
    let answer = publish::batch(target.addr, line.as_str(), None).await;
    assert_eq!(publish::batch_lines(&answer)[0]["offset"], 3);
}
