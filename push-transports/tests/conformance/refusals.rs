//! What is refused, by which code, on every transport; and endings told.

use serde_json::json;
use testkit::{Item, Options, Request, Subscriber, Transport, api};

use crate::{
    heard::cursor_now,
    target::{Path, Setup, start, start_with},
};

/// What a transport makes of a refusal: a status and a code, or a close code.
fn assert_refused(transport: Transport, refusal: &testkit::Refusal, status: u16, code: &str, what: &str) {
    if matches!(transport, Transport::WsJson | Transport::WsRaw) {
        assert_eq!(refusal.status, 3503, "{what}: {refusal:?}");
        return;
    }
    assert_eq!((refusal.status, refusal.code.as_deref()), (status, Some(code)), "{what}: {refusal:?}");
}

async fn refusal(transport: Transport, addr: std::net::SocketAddr, options: &Options, what: &str) -> testkit::Refusal {
    match Subscriber::try_open(transport, addr, options).await {
        Err(refusal) => refusal,
        // The raw form tells nothing before its first frame, so a refusal is that.
        Ok(mut opened) if transport == Transport::WsRaw => match opened.next().await {
            Item::Close(close) => {
                testkit::Refusal { status: close.code, code: None, detail: close.raw, headers: Vec::new() }
            }
            other => panic!("{what}: {other:?}"),
        },
        Ok(opened) => panic!("{what} was accepted: {opened:?}"),
    }
}

pub(crate) async fn what_is_wrong_is_refused_by_name(path: Path, transport: Transport) {
    let target = start(path).await;
    let long = "x".repeat(256);
    let bad_names = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "a b",
        "a\tb",
        "a\nb",
        "a\0b",
        "a\u{7f}",
        "a\u{85}b",
        "a\u{a0}b",
        "a\u{2028}b",
        "a\u{3000}",
        "a*",
        "*a/b",
        "a/b*",
        "**/a",
        "a/**/b",
        "a/***",
        &long,
    ];
    for name in bad_names {
        let refusal = refusal(transport, target.addr, &Options::channel(name), name).await;
        assert_refused(transport, &refusal, 400, "bad_channel", &format!("channel {name:?}"));
        let beside = Options::channels(["good", name]);
        let refusal = self::refusal(transport, target.addr, &beside, name).await;
        assert_refused(transport, &refusal, 400, "bad_channel", &format!("channel {name:?} beside a good one"));
    }
    let cursor = cursor_now(Transport::SseJson, target.addr, "good").await;
    let good = || Options::channel("good");
    for bad in bad_cursors(&cursor) {
        let refusal = refusal(transport, target.addr, &good().since(bad.as_str()), &bad).await;
        assert_refused(transport, &refusal, 400, "bad_cursor", &format!("since {bad:?}"));
    }
    let many: Vec<String> = (0..129).map(|n| format!("many/{n}")).collect();
    let table = [
        ("since and last", good().since("start").last(1)),
        ("last of no number", good().param("last", "x")),
        ("a negative last", good().param("last", "-1")),
        ("an unknown overflow", good().overflow("explode")),
        ("129 channels", Options::channels(many.iter().map(String::as_str))),
    ];
    for (what, options) in table {
        let refusal = refusal(transport, target.addr, &options, what).await;
        assert_refused(transport, &refusal, 400, "bad_parameter", what);
    }
    if matches!(transport, Transport::Poll | Transport::PollPost) {
        for (name, value, bound) in [("limit", "0", "1"), ("limit", "10001", "10"), ("timeout", "3541", "3540")] {
            let mut body = json!({"channel": "good", "timeout": 0});
            body[name] = json!(value.parse::<u64>().expect("a number"));
            let request = match transport {
                Transport::Poll => Request::get(&format!("/push/poll?channel=good&{name}={value}")),
                _ => Request::post("/push/poll", body.to_string()).header("Content-Type", "application/json"),
            };
            let refused = request.send(target.addr).await;
            assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_parameter"), "{name}={value}");
            assert!(refused.text().contains(bound), "the bound is named: {}", refused.text());
        }
    }
    // Unknown parameters are ignored, and nothing above has hurt the server.
    let subscriber = Subscriber::open(transport, target.addr, &good().param("colour", "blue")).await;
    drop(subscriber);
}

/// Wrong in form, in checksum, in length.
fn bad_cursors(good: &str) -> Vec<String> {
    let flipped = |at: usize| {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        String::from_utf8(bytes).expect("ASCII")
    };
    vec![
        "nonsense".to_owned(),
        "latest".to_owned(),
        "0".to_owned(),
        "a,b".to_owned(),
        "é".to_owned(),
        format!("{good} "),
        format!("{good}x"),
        good[..good.len() - 1].to_owned(),
        flipped(0),
        flipped(good.len() / 2),
        flipped(good.len() - 1),
        "x".repeat(201),
        "x".repeat(5000),
    ]
}

pub(crate) async fn routes_and_methods_that_do_not_exist_say_so(path: Path) {
    let target = start(path).await;
    for missing in ["/push/nothing", "/push/sse/x"] {
        let refused = Request::get(missing).send(target.addr).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (404, "not_found"), "{missing}");
    }
    let methods = [
        ("PUT", "/push/publish?channel=a"),
        ("GET", "/push/publish?channel=a"),
        ("POST", "/push/sse?channel=a"),
        ("DELETE", "/push/poll?channel=a"),
        ("POST", "/push/history?channel=a"),
        ("GET", "/push/disconnect"),
    ];
    for (method, target_path) in methods {
        let refused = Request::new(method, target_path).send(target.addr).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (405, "method"), "{method} {target_path}");
        assert!(refused.header("allow").is_some(), "RFC 9110 §15.5.6: {method} {target_path}");
    }
    for route in ["sse", "poll", "stream", "mixed"] {
        for none in ["", "?colour=blue"] {
            let refused = Request::get(&format!("/push/{route}{none}")).send(target.addr).await;
            assert_eq!(refused.status(), 400, "{route} without a channel: {}", refused.text());
            assert!(matches!(refused.problem().as_str(), "bad_parameter" | "bad_channel"), "{}", refused.text());
        }
        let format = Request::get(&format!("/push/{route}?channel=a&format=xml")).send(target.addr).await;
        assert_eq!((format.status(), format.problem().as_str()), (400, "bad_parameter"), "{route}");
        let start = format!("/push/{route}?channel=a%20&x=");
        let of_length = |length: usize| format!("{start}{}", "y".repeat(length - start.len()));
        let long = Request::get(&of_length((16 << 10) + 1)).send(target.addr).await;
        assert_eq!(long.status(), 414, "{route}: a target beyond 16 KiB, the base included");
        let fits = Request::get(&of_length(16 << 10)).send(target.addr).await;
        assert_eq!(fits.status(), 400, "{route}: 16 KiB are read");
    }
    let bodies = [
        ("text/plain", r#"{"channel":"a","timeout":0}"#, 415, "unsupported"),
        ("application/json", "{", 400, "bad_parameter"),
        ("application/json", "[]", 400, "bad_parameter"),
        ("application/json", r#"{"channel":7}"#, 400, "bad_parameter"),
        ("application/json", r#"{"channel":["a",7]}"#, 400, "bad_parameter"),
        ("application/json", r#"{"channel":[]}"#, 400, "bad_parameter"),
    ];
    for (media_type, body, status, code) in bodies {
        let refused = Request::post("/push/poll", body).header("Content-Type", media_type).send(target.addr).await;
        assert_eq!(refused.status(), status, "{body}: {}", refused.text());
        assert_eq!(refused.problem(), code, "{body}");
    }
    for order in ["", "{}", "[]", r#"{"user":7}"#, r#"{"user":"a","connection":"b"}"#] {
        let refused =
            Request::post("/push/disconnect", order).header("Content-Type", "application/json").send(target.addr).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_parameter"), "disconnect {order:?}");
    }
}

pub(crate) async fn an_operators_disconnect_is_told(path: Path, transport: Transport) {
    let target = start_with(path, Setup::default().with_presence("room/*")).await;
    for (reconnect, code) in [(true, 3003), (false, 3504)] {
        let channel = format!("room/{code}");
        let options = Options::channel(&channel).param("info", "\"ann\"");
        let mut subscriber = Subscriber::open(transport, target.addr, &options).await;
        let mut bystander = Subscriber::open(transport, target.addr, &options).await;
        let members = api::presence(target.addr, &channel, None).await;
        assert_eq!(members["count"], 2, "{members}");
        let connection = &members["members"][0]["connection"];
        let order = json!({"connection": connection, "reason": "maintenance", "reconnect": reconnect});
        let answer = api::ok(&api::disconnect(target.addr, &order, None).await);
        assert_eq!(answer, json!({"disconnected": 1}));
        let close = tokio::select! {
            item = subscriber.next() => item.close(),
            item = bystander.next() => item.close(),
        };
        assert_eq!((close.code, close.reason.as_str(), close.reconnect), (code, "maintenance", Some(reconnect)));
        let again = api::ok(&api::disconnect(target.addr, &order, None).await);
        assert_eq!(again, json!({"disconnected": 0}), "it has gone");
    }
}
