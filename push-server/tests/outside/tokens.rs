//! Who may: static tokens, their grants, and every way to carry them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use testkit::{
    Options, Publish, Request, Subscriber, Transport, api,
    publish::{batch, batch_lines},
    ws::{Client, read_close},
};

use crate::support::{ALICE, BOB, ROOT, guarded_server};

#[tokio::test]
async fn without_a_token_or_with_a_wrong_one_it_is_unauthorized() {
    let server = guarded_server().await;
    for transport in [Transport::SseJson, Transport::Poll, Transport::PollPost, Transport::Ndjson, Transport::Mixed] {
        for options in [Options::channel("chat/a"), Options::channel("chat/a").token("wrong")] {
            let refusal = Subscriber::try_open(transport, server.addr(), &options).await.expect_err("refused");
            assert_eq!((refusal.status, refusal.code.as_deref()), (401, Some("unauthorized")), "{transport:?}");
            // RFC 9110 §11.6.1: a 401 carries a challenge.
            assert!(refusal.headers.iter().any(|(name, _)| name == "www-authenticate"), "{refusal:?}");
        }
    }
    for token in [None, Some("wrong"), Some("alice-secret-and-more"), Some("alice-secre"), Some("")] {
        let refused = Publish::new("chat/a", "x").request().maybe_bearer(token).send(server.addr()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (401, "unauthorized"), "{token:?}");
    }
    for (method, target) in [
        ("GET", "/push/history?channel=chat/a"),
        ("DELETE", "/push/history?channel=chat/a"),
        ("GET", "/push/presence?channel=chat/a"),
        ("GET", "/push/channels"),
        ("GET", "/push/stats"),
        ("POST", "/push/disconnect"),
    ] {
        let refused = Request::new(method, target).send(server.addr()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (401, "unauthorized"), "{method} {target}");
    }
}

#[tokio::test]
async fn the_token_may_come_as_bearer_basic_parameter_or_subprotocol() {
    let server = guarded_server().await;
    let basic = format!("Basic {}", STANDARD.encode("alice:alice-secret"));
    let ways = [
        Options::channel("chat/a").token("alice-secret"),
        Options::channel("chat/a").header("Authorization", &basic),
        Options::channel("chat/a").param("token", "alice-secret"),
        Options::channel("chat/a").header("Authorization", "bearer alice-secret"),
    ];
    for options in ways {
        for transport in Transport::ALL {
            Subscriber::open(transport, server.addr(), &options).await;
        }
    }
    let wrong_user = format!("Basic {}", STANDARD.encode("bob:alice-secret"));
    let options = Options::channel("chat/a").header("Authorization", &wrong_user);
    let refusal = Subscriber::try_open(Transport::SseJson, server.addr(), &options).await.expect_err("refused");
    assert_eq!(refusal.status, 401, "another's secret under one's own name");
    let options = Options::channel("chat/a").header("Sec-WebSocket-Protocol", "push.v1.bearer.alice-secret, push.v1");
    Subscriber::open(Transport::WsJson, server.addr(), &options).await;
}

#[tokio::test]
async fn a_grant_is_needed_and_a_pattern_must_be_within_it() {
    let server = guarded_server().await;
    let alice = |channels: &[&str]| Options::channels(channels.iter().copied()).token("alice-secret");
    let table: [(&[&str], bool); 9] = [
        (&["chat/a"], true),
        (&["chat/a/b", "chat/*", "chat/**", "chat/*/c"], true),
        (&["chat"], false),
        (&["news"], false),
        (&["*/a"], false),
        (&["**"], false),
        (&["chatter/a"], false),
        (&["chat/a", "news"], false),
        (&["$sys/presence/chat/a"], true),
    ];
    for (channels, allowed) in table {
        for transport in [Transport::SseJson, Transport::Poll, Transport::WsJson] {
            match (Subscriber::try_open(transport, server.addr(), &alice(channels)).await, allowed) {
                (Ok(_), true) => {}
                (Err(refusal), false) if transport == Transport::WsJson => {
                    assert_eq!(refusal.status, 3501, "{channels:?}")
                }
                (Err(refusal), false) => {
                    assert_eq!((refusal.status, refusal.code.as_deref()), (403, Some("forbidden")), "{channels:?}");
                    let denied = channels.last().expect("one");
                    assert!(refusal.detail.contains(denied), "the denied one is named: {}", refusal.detail);
                }
                (result, _) => panic!("{transport:?} {channels:?}: {result:?}"),
            }
        }
    }
    let others = Options::channel("$sys/presence/news").token("alice-secret");
    let refusal = Subscriber::try_open(Transport::SseJson, server.addr(), &others).await.expect_err("refused");
    assert_eq!(refusal.status, 403, "joins and leaves need the presence grant on the channel");
}

#[tokio::test]
async fn publishing_needs_its_grant_on_every_channel() {
    let server = guarded_server().await;
    let alice = |channel: &str| Publish::new(channel, "x").token("alice-secret");
    alice("chat/a").send(server.addr()).await;
    for publish in [alice("news"), alice("chat/a").and("news"), Publish::new("news", "x").token("bob-secret")] {
        let refused = publish.response(server.addr()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "forbidden"));
        assert!(refused.text().contains("news"), "{}", refused.text());
    }
    for channel in ["$sys/x", "$any", "mail/alice/INBOX"] {
        let refused = Publish::new(channel, "x").token("root-secret").response(server.addr()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (403, "forbidden"), "nobody may: {channel}");
    }
    let lines = "{\"channel\":\"chat/a\",\"data\":1}\n{\"channel\":\"news\",\"data\":1}\n";
    let answers = batch_lines(&batch(server.addr(), lines, ALICE).await);
    assert_eq!(answers[0]["offset"], 2);
    assert_eq!(
        (&answers[1]["channel"], &answers[1]["status"], &answers[1]["code"]),
        (&json!("news"), &json!(403), &json!("forbidden"))
    );
    assert_eq!(batch(server.addr(), lines, None).await.status(), 401);
}

#[tokio::test]
async fn since_needs_the_subscribe_grant_alone_and_history_its_own() {
    let server = guarded_server().await;
    Publish::new("chat/a", "kept").token("alice-secret").send(server.addr()).await;
    let since = Options::channel("chat/a").token("alice-secret").since("start");
    let mut subscriber = Subscriber::open(Transport::SseJson, server.addr(), &since).await;
    assert_eq!(subscriber.publication().await.text(), "kept");
    let refused = api::history_response(server.addr(), "chat/a", &[], ALICE).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (403, "forbidden"));
    assert_eq!(api::history_response(server.addr(), "chat/history", &[], ALICE).await.status(), 200);
}

#[tokio::test]
async fn administration_is_for_administrators() {
    let server = guarded_server().await;
    let order = json!({"user": "alice", "reason": "x", "reconnect": true});
    for (token, status) in [(ALICE, 403), (BOB, 403), (ROOT, 200)] {
        assert_eq!(api::get(server.addr(), "/push/channels", token).await.status(), status);
        assert_eq!(api::get(server.addr(), "/push/stats", token).await.status(), status);
        assert_eq!(api::disconnect(server.addr(), &order, token).await.status(), status);
        let forgotten = api::forget(server.addr(), "chat/a", token).await.status();
        assert_eq!(forgotten, if status == 200 { 204 } else { 403 });
    }
    assert_eq!(api::presence_response(server.addr(), "chat/a", BOB).await.status(), 403);
    assert_eq!(api::presence_response(server.addr(), "chat/a", ALICE).await.status(), 200);
    let other_system = Options::channel("$sys/anything").token("alice-secret");
    let refusal = Subscriber::try_open(Transport::SseJson, server.addr(), &other_system).await.expect_err("refused");
    assert_eq!(refusal.status, 403);
}

#[tokio::test]
async fn a_websocket_hears_its_refusal_as_a_close_code() {
    let server = guarded_server().await;
    for (token, channel, code) in [("wrong", "chat/a", 3500), ("alice-secret", "news", 3501)] {
        let options = Options::channel(channel).token(token);
        let mut client = Client::open(server.addr(), &options, "ws", &[]).await.expect("the handshake completes");
        let (closed, reason) = client.closed().await;
        assert_eq!(closed, code);
        assert_eq!(read_close(closed, &reason).reconnect, Some(false));
    }
    let bearer = Options::channel("chat/a").header("Sec-WebSocket-Protocol", "push.v1.bearer.wrong");
    let mut client = Client::open(server.addr(), &bearer, "ws", &[]).await.expect("the handshake completes");
    assert_eq!(client.closed().await.0, 3500);
}

#[tokio::test]
async fn a_websocket_may_bring_its_token_as_an_operation() {
    let server = guarded_server().await;
    let mut late = Client::open(server.addr(), &Options::channel("chat/a"), "ws", &[]).await.expect("opened");
    late.text(r#"{"op":"auth","seq":1,"token":"alice-secret"}"#).await;
    let (one, other) = (late.json().await, late.json().await);
    assert!([&one, &other].iter().any(|op| op["op"] == "ok" && op["seq"] == 1), "{one} {other}");
    let subscribed = |op: &&&serde_json::Value| op["op"] == "subscribed" && op["channel"] == "chat/a";
    assert!([&one, &other].iter().any(|op| subscribed(&op)), "the query's channel follows: {one} {other}");
    let refused = late.call(json!({"op": "subscribe", "channel": "news"})).await;
    assert_eq!((&refused["op"], &refused["code"]), (&json!("error"), &json!("forbidden")), "only that op");
    let refused = late.call(json!({"op": "history", "channel": "chat/a"})).await;
    assert_eq!((&refused["op"], &refused["code"]), (&json!("error"), &json!("forbidden")));
    assert_eq!(late.call(json!({"op": "ping"})).await["op"], "pong");

    let mut wrong = Client::bare(server.addr()).await;
    wrong.text(r#"{"op":"auth","seq":1,"token":"wrong"}"#).await;
    assert_eq!(wrong.closed().await.0, 3500, "a wrong token closes at once");
    let mut impatient = Client::bare(server.addr()).await;
    impatient.text(r#"{"op":"subscribe","seq":1,"channel":"chat/a"}"#).await;
    let answer = impatient.frame().await;
    let refused = matches!(&answer, testkit::ws::Frame::Text(text) if text.contains("unauthorized"));
    assert!(refused || matches!(answer, testkit::ws::Frame::Close(3500, _)), "{answer:?}");
}

#[tokio::test]
async fn a_websocket_that_never_brings_its_token_is_closed() {
    let server = guarded_server().await;
    let mut silent = Client::open(server.addr(), &Options::channel("chat/a"), "ws", &[]).await.expect("opened");
    assert_eq!(silent.closed().await.0, 3500, "after ten seconds");
}
