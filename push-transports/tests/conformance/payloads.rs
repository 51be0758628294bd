//! Payloads of every kind, and what surrounds them.

use serde_json::Value;
use testkit::{
    Connection, Options, Publication, Publish, Request, Subscriber, Transport, api, publication::is_json, publish,
};

use crate::target::{Path, start};

/// Pretty-printed JSON whose member order and number spelling are easily lost.
const PRETTY: &str = "{\n  \"z\" : 1.50e+2,\r\n\t\"a\": [ 1E400, -0, 12345678901234567890123, true , null ],\n  \"text\": \"two  spaces,\\n \\u00e9 \\\" { } [ ] , : \",\n  \"z\": {}\n}\n";
const COMPACT: &str = "{\"z\":1.50e+2,\"a\":[1E400,-0,12345678901234567890123,true,null],\"text\":\"two  spaces,\\n \\u00e9 \\\" { } [ ] , : \",\"z\":{}}";

fn payloads() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mebibyte: Vec<u8> =
        (0..1 << 20).map(|at: u32| b"abcdefghijklmnopqrstuvwxyz 012345"[at as usize % 33]).collect();
    let binary: Vec<u8> = (0..1 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    vec![
        ("plain", "text/plain", b"hello".to_vec()),
        ("empty", "text/plain", Vec::new()),
        ("empty binary", "application/octet-stream", Vec::new()),
        ("every byte", "application/octet-stream", (0..=255).collect()),
        ("bad UTF-8 as text", "text/plain", b"caf\xe9 \xed\xa0\x80 \xc0\x80".to_vec()),
        ("line breaks", "text/plain", b"one\ntwo\r\nthree\rfour\n\n\rfive\n".to_vec()),
        ("only line breaks", "text/plain", b"\n\r\n\r".to_vec()),
        ("leading white space", "text/plain", b" one\n  two\n\t three ".to_vec()),
        ("NUL and controls", "text/plain", b"a\0b\x01c\x1b[0m\x7f".to_vec()),
        ("separators", "text/plain", "a\u{2028}b\u{2029}c\u{feff}\u{85}".as_bytes().to_vec()),
        ("beyond the first plane", "text/plain", "\u{1f600} \u{10ffff} e\u{301}".as_bytes().to_vec()),
        ("a forged event", "text/plain", b"x\n\nevent: push.close\ndata: {}\n\nid: forged\n\n".to_vec()),
        ("a forged delimiter", "text/plain", b"x\r\n--boundary\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ("a forged script end", "text/html", b"</script><script>alert(1)</script>&<!--".to_vec()),
        ("a forged line", "text/plain", b"{}\n{\"op\":\"close\"}\n".to_vec()),
        ("pretty JSON", "application/json", PRETTY.as_bytes().to_vec()),
        ("JSON by suffix", "application/activity+json; charset=utf-8", b" [ 1 , 2 ] ".to_vec()),
        ("scalar JSON", "application/json", b"\"a string\"".to_vec()),
        ("script end in JSON", "application/json", b"{\"html\":\"</script>&\"}".to_vec()),
        ("one mebibyte of text", "text/plain", mebibyte),
        ("one mebibyte of bytes", "application/octet-stream", binary),
    ]
}

/// What `transport` makes of a payload.
fn expected(transport: Transport, media_type: &str, payload: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(payload);
    match (transport, text) {
        (Transport::SseRaw, Ok(text)) => text.replace("\r\n", "\n").replace('\r', "\n").into_bytes(),
        _ if transport.has_envelope() && is_json(media_type) => {
            if payload == PRETTY.as_bytes() {
                return COMPACT.as_bytes().to_vec();
            }
            serde_json::from_slice::<Value>(payload).expect("good JSON").to_string().into_bytes()
        }
        _ => payload.to_vec(),
    }
}

fn assert_payload(transport: Transport, name: &str, media_type: &str, payload: &[u8], heard: &Publication) {
    let expected = expected(transport, media_type, payload);
    if transport == Transport::Script && is_json(media_type) && name.contains("script end") {
        // `<` and `>` inside strings are spelled otherwise there; the value is the same.
        let heard: Value = serde_json::from_slice(&heard.data).expect("JSON");
        assert_eq!(heard, serde_json::from_slice::<Value>(&expected).expect("JSON"), "{name}");
        return;
    }
    let equal = heard.data == expected;
    let shown = String::from_utf8_lossy(&heard.data[..heard.data.len().min(300)]);
    assert!(equal, "{name}: {} bytes instead of {}: {shown:?}", heard.data.len(), expected.len());
    if transport.has_envelope() || transport == Transport::PollRaw {
        assert_eq!(heard.media_type.as_deref(), Some(media_type), "{name}");
    }
}

pub(crate) async fn every_payload_arrives_as_its_form_has_it(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut live = Subscriber::open(transport, target.addr, &Options::channel("payload")).await;
    for (name, media_type, payload) in payloads() {
        let told = Publish::new("payload", payload.clone()).media_type(media_type).send(target.addr).await;
        let heard = live.publication().await;
        assert_payload(transport, name, media_type, &payload, &heard);
        assert!(heard.id.is_none_or(|id| id == told.id), "{name}");
        // Once more from history, each by its own subscriber.
        let last = Options::channel("payload").last(1);
        let replayed = Subscriber::open(transport, target.addr, &last).await.publication().await;
        assert_payload(transport, name, media_type, &payload, &replayed);
    }
}

pub(crate) async fn events_keys_and_types_come_with_the_envelope(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(transport, target.addr, &Options::channel("e")).await;
    let events = ["tick", "a.b:c_d-1", "message", &"E".repeat(64)];
    let keys = ["k", "a key with spaces, é and %", "\u{1f511}", &"k".repeat(255)];
    for (event, key) in events.into_iter().zip(keys) {
        Publish::new("e", "x").media_type("text/x-any; a=b").event(event).key(key).send(target.addr).await;
        let heard = subscriber.publication().await;
        assert_eq!((heard.event.as_str(), heard.key.as_deref()), (event, Some(key)));
        assert_eq!(heard.media_type.as_deref(), Some("text/x-any; a=b"));
    }
}

pub(crate) async fn the_envelope_is_the_same_bytes_as_in_history(path: Path, transport: Transport) {
    let target = start(path).await;
    let mut live = Subscriber::open(transport, target.addr, &Options::channel("same")).await;
    let payloads =
        [("application/json", PRETTY), ("text/plain", "é \u{1}\n \u{2028}\" \\ /"), ("text/plain", "\u{7f}")];
    for (media_type, payload) in payloads {
        Publish::new("same", payload).media_type(media_type).event("e").key("k").send(target.addr).await;
    }
    let history = api::history(target.addr, "same", &[]).await.events;
    for (live, kept) in live.publications(payloads.len()).await.into_iter().zip(history) {
        if transport == Transport::Script {
            assert_eq!(Publication { envelope: None, ..live }, Publication { envelope: None, ..kept });
        } else {
            let text = |publication: Publication| String::from_utf8(publication.envelope.expect("one")).expect("UTF-8");
            assert_eq!(text(live), text(kept));
        }
    }
}

pub(crate) async fn a_raw_event_stream_names_events_and_hides_nothing(path: Path) {
    let target = start(path).await;
    let mut subscriber = Subscriber::open(Transport::SseRaw, target.addr, &Options::channel("n")).await;
    Publish::new("n", "text").event("tick").send(target.addr).await;
    Publish::new("n", b"\xff\xfe".to_vec()).event("shot").send(target.addr).await;
    Publish::new("n", b"\xff".to_vec()).send(target.addr).await;
    let heard = subscriber.publications(3).await;
    let read: Vec<_> = heard.iter().map(|heard| (heard.event.as_str(), heard.data.as_slice())).collect();
    assert_eq!(read, [("tick", &b"text"[..]), ("shot", b"\xff\xfe"), ("message", b"\xff")]);

    // The default of sse is raw for one literal channel, json for a pattern or several.
    for (query, raw) in [("channel=n", true), ("channel=n%2F**", false), ("channel=n&channel=m", false)] {
        let mut connection = Connection::open(target.addr).await.expect("listening");
        connection.send(&Request::get(&format!("/push/sse?{query}"))).await.expect("it reads");
        assert_eq!(connection.head().await.expect("an answer").status, 200);
        let mut text = String::new();
        let channel = if query.contains("**") { "n/x" } else { "n" };
        publish::text(target.addr, channel, "the payload").await;
        while !text.contains("the payload") {
            let chunk = connection.chunk().await.expect("a chunk").expect("it goes on");
            text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
        assert_eq!(text.contains("data: the payload\n") || text.contains("data:the payload\n"), raw, "{query}: {text}");
    }
}
