//! Headers that every answer carries, and those of a subscription.

use testkit::{Connection, Request, Transport, http::Head};

use crate::target::{Path, start};

fn request(transport: Transport) -> Request {
    let format = match transport {
        Transport::SseRaw | Transport::PollRaw | Transport::WsRaw | Transport::Mixed => "raw",
        Transport::Script => "script",
        _ => "json",
    };
    let target = format!("/push/{}?channel=h&format={format}&last=1", transport.route());
    match transport {
        Transport::PollPost => Request::post("/push/poll", r#"{"channel":["h"],"last":1,"timeout":0}"#)
            .header("Content-Type", "application/json"),
        Transport::Poll | Transport::PollRaw => Request::get(&format!("{target}&timeout=0")),
        Transport::WsJson | Transport::WsRaw => Request::get(&target)
            .header("Connection", "keep-alive, Upgrade")
            .header("Upgrade", "WebSocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        _ => Request::get(&target),
    }
}

fn assert_everywhere(head: &Head) {
    let expected = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in expected {
        assert_eq!(head.header(name), Some(value), "{name}: {head:?}");
    }
    let vary: Vec<&str> =
        head.headers.iter().filter(|(name, _)| name == "vary").map(|(_, value)| value.as_str()).collect();
    let vary = vary.join(", ").to_ascii_lowercase();
    for name in ["origin", "authorization", "cookie"] {
        assert!(vary.split(", ").any(|varied| varied == name), "{name}: {head:?}");
    }
    assert!(!head.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "CORS is off: {head:?}");
}

pub(crate) async fn an_answer_carries_the_headers_that_protect_it(path: Path, transport: Transport) {
    let target = start(path).await;
    testkit::publish::text(target.addr, "h", "x").await;
    let mut connection = Connection::open(target.addr).await.expect("listening");
    connection.send(&request(transport)).await.expect("it reads");
    let head = connection.head().await.expect("an answer");
    assert_everywhere(&head);
    if matches!(transport, Transport::WsJson | Transport::WsRaw) {
        assert_eq!(head.status, 101);
        // RFC 6455 §1.3: the accept value of the sample nonce.
        assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(head.header("sec-websocket-extensions"), None, "RFC 7692 §5: none offered, none accepted");
    } else {
        assert_eq!(head.status, 200);
        assert_eq!(head.header("cache-control"), Some("no-store, no-transform"), "{head:?}");
        assert_eq!(head.header("x-accel-buffering"), Some("no"), "{head:?}");
        assert!(head.header("date").is_some(), "RFC 9110 §6.6.1: {head:?}");
        let policy = head.header("content-security-policy");
        let sandboxed = matches!(transport, Transport::PollRaw | Transport::Mixed | Transport::MixedJson);
        assert_eq!(policy.is_some_and(|policy| policy.contains("sandbox")), sandboxed, "{policy:?}");
    }
    let bad = format!("/push/{}?channel=a%20b", transport.route());
    let refused = Request::get(&bad).send(target.addr).await;
    assert_everywhere(&refused.head);
    if !matches!(transport, Transport::WsJson | Transport::WsRaw) {
        assert_eq!(refused.problem(), "bad_channel");
    }
    for target_path in ["/push/history?channel=h", "/push/nowhere", "/push/stats"] {
        assert_everywhere(&Request::get(target_path).send(target.addr).await.head);
    }
    assert_everywhere(&Request::post("/push/publish?channel=h", "x").send(target.addr).await.head);
}
