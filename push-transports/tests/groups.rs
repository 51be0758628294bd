//! Many subscribers of one channel that differ in everything else, and some that change while others are served: each hears
//! all that is its own, in its own form.

#[path = "serving/paths.rs"]
#[macro_use]
mod paths;
mod serving;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use push_core::Draft;
use serde_json::json;
use serving::{Path, Server, UPGRADE, get, head, read_until, soon};
use testkit::{Connection, Options, Subscriber, Transport, ws};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

on_paths! {
    every:
    subscribers_of_every_kind_share_a_channel,
    compressed_and_plain_websockets_share_a_channel,
    members_that_come_and_go_by_operation_hear_what_they_asked_for,
    members_that_talk_are_answered_between_publications,
    pongs_never_land_inside_a_frame_on_its_way,
    silence_is_broken_by_heartbeats,
}

async fn publish_numbers(server: &Server, channel: &str, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        server.publish(channel, number.to_string()).await;
    }
}

fn all(numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

async fn subscribers_of_every_kind_share_a_channel(path: Path) {
    let server = path.start();
    let mut subscribers = Vec::new();
    for round in 0..3 {
        for transport in Transport::ALL {
            for policy in ["gap", "latest", "disconnect"] {
                // Those of the last round are told other headers, where middleware would.
                let options = Options::channel("c").overflow(policy).header("X-Round", &round.to_string());
                subscribers.push(Subscriber::open(transport, server.addr, &options).await);
            }
        }
    }
    let streams = subscribers.iter().filter(|subscriber| subscriber.transport().route() != "poll").count();
    server.heard_by("c", streams).await;
    for n in 1..=20_u32 {
        // One after the other, so that not even those who want only the latest may skip.
        server.publish("c", n.to_string()).await;
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.publication().await.text(), n.to_string(), "{:?}", subscriber.transport());
        }
    }
    drop(subscribers);
    server.emptied().await;
}

// RFC 7692 §7.2.2, without context takeover.
async fn inflated(stream: &mut tokio::net::TcpStream) -> String {
    let mut start = [0; 2];
    soon("a frame", stream.read_exact(&mut start)).await.expect("bytes");
    assert!(start[0] & 0xbf == 0x81, "one text frame: {start:?}");
    let mut length = usize::from(start[1]);
    if length == 126 {
        length = usize::from(stream.read_u16().await.expect("a length"));
    }
    let mut payload = vec![0; length];
    soon("a frame", stream.read_exact(&mut payload)).await.expect("bytes");
    if start[0] & 0x40 == 0 {
        return String::from_utf8(payload).expect("it is text");
    }
    payload.extend_from_slice(&[0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]);
    let mut text = String::new();
    flate2::read::DeflateDecoder::new(&payload[..]).read_to_string(&mut text).expect("it inflates");
    text
}

async fn compressed_and_plain_websockets_share_a_channel(path: Path) {
    let server = path.start();
    let mut sockets = Vec::new();
    for n in 0..30 {
        let offer = if n % 2 == 0 { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
        let mut connection = server.sent(get("/push/ws?channel=c", &format!("{UPGRADE}{offer}"))).await;
        let head = head(&mut connection).await;
        assert_eq!(head.header("sec-websocket-extensions").is_some(), n % 2 == 0, "{head:?}");
        let (stream, early) = connection.into_parts();
        let mut socket = stream;
        if early.is_empty() {
            assert!(inflated(&mut socket).await.contains(r#""op":"subscribed""#));
        } else {
            assert!(early.len() > 2, "the whole of a small frame: {early:?}");
        }
        sockets.push(socket);
    }
    server.heard_by("c", sockets.len()).await;
    for round in 0..20 {
        let text = format!("{round} {}", "again and ".repeat(100));
        server.publish("c", text.clone()).await;
        for socket in &mut sockets {
            let heard = inflated(socket).await;
            assert!(heard.ends_with(&format!(r#""data":"{text}"}}"#)), "{heard}");
        }
    }
}

async fn members_that_come_and_go_by_operation_hear_what_they_asked_for(path: Path) {
    const LAST: u32 = 400;
    let server = path.start();
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let mut client = ws::Client::open(server.addr, &Options::channel("a"), "ws", &[]).await.expect("opened");
        assert_eq!(client.json().await["op"], "subscribed");
        tasks.spawn(async move {
            let (mut heard, mut others) = (Vec::new(), 0);
            let mut round = n;
            while heard.last().is_none_or(|last| *last != LAST.to_string()) {
                round += 1;
                let op = if round % 2 == 0 { "subscribe" } else { "unsubscribe" };
                let (answer, mut before) = client.ask(json!({"op": op, "channel": "b"})).await;
                // The first may be of something it never had.
                assert!(
                    answer["op"] == format!("{op}d") || others == 0 && heard.is_empty() || answer["op"] == "error",
                    "{answer}"
                );
                before.push(client.json().await);
                for said in before {
                    match said["channel"].as_str() {
                        Some("a") => heard.push(said["data"].as_str().expect("text").to_owned()),
                        Some("b") => others += 1,
                        _ => panic!("{said}"),
                    }
                }
            }
            // What fills up at the end says the last number again.
            let end = heard.iter().position(|heard| *heard == LAST.to_string()).expect("the loop above ended");
            heard.truncate(end + 1);
            assert_eq!(heard, all(1..=LAST), "whatever becomes of b, a is whole");
        });
    }
    server.heard_by("a", 20).await;
    for n in 1..=LAST {
        server.publish("b", "other").await;
        server.publish("a", n.to_string()).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let is_over = Arc::new(AtomicBool::new(false));
    // Who waits for one more message than there is gets it.
    let filling = async {
        while !is_over.load(Ordering::Relaxed) {
            server.publish("b", "other").await;
            server.publish("a", LAST.to_string()).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let joining = async {
        while let Some(ended) = soon("all", tasks.join_next()).await {
            ended.expect("it heard everything");
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(filling, joining);
}

async fn members_that_talk_are_answered_between_publications(path: Path) {
    let server = path.start();
    let mut tasks = JoinSet::new();
    for n in 0..20_u64 {
        let mut client = ws::Client::open(server.addr, &Options::channel("a"), "ws", &[]).await.expect("opened");
        assert_eq!(client.json().await["op"], "subscribed");
        tasks.spawn(async move {
            let mut heard = Vec::new();
            for round in 1..=50 {
                let op = match (n + round) % 3 {
                    0 => json!({"op": "ping"}),
                    1 => json!({"op": "publish", "channel": format!("own/{n}"), "data": "x"}),
                    _ => json!({"op": "history", "channel": "none"}),
                };
                let (answer, before) = client.ask(op).await;
                assert_ne!(answer["op"], "error", "{answer}");
                heard.extend(before);
            }
            while heard.len() < 300 {
                heard.push(client.json().await);
            }
            let texts: Vec<_> = heard.iter().map(|said| said["data"].as_str().expect("text").to_owned()).collect();
            assert_eq!(texts, all(1..=300));
        });
    }
    server.heard_by("a", 20).await;
    for n in 1..=300_u32 {
        server.publish("a", n.to_string()).await;
        tokio::task::yield_now().await;
    }
    while let Some(ended) = soon("all", tasks.join_next()).await {
        ended.expect("it heard everything and was answered");
    }
}

// RFC 6455 §5.4: a control frame may come between frames, never inside one.
async fn pongs_never_land_inside_a_frame_on_its_way(path: Path) {
    let server = path.start();
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(Subscriber::open(Transport::WsJson, server.addr, &Options::channel("c")).await);
    }
    let mut connection = Connection::open_with(server.addr, Some(16 << 10)).await.expect("somebody listens");
    connection.send_bytes(get("/push/ws?channel=c", UPGRADE).as_bytes()).await.expect("it reads");
    assert_eq!(head(&mut connection).await.status, 101);
    let (stream, early) = connection.into_parts();
    let mut socket = WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Client, None).await;
    let subscribed = soon("a message", socket.next()).await.expect("it goes on").expect("a message");
    assert!(subscribed.to_string().contains("subscribed"), "{subscribed}");
    let text = "x".repeat(300_000);
    for n in 0..10_u32 {
        server.hub.publish("c", Draft::text(format!("{n}{text}"))).await.expect("published");
        for other in &mut others {
            assert_eq!(other.publication().await.data.len(), 300_001);
        }
        socket.send(Message::Ping(n.to_string().into())).await.expect("it reads");
    }
    let (mut heard, mut ponged) = (0, 0);
    while heard < 10 || ponged < 9 {
        match soon("a message", socket.next()).await.expect("it goes on").expect("whole frames") {
            Message::Text(read) => {
                assert!(read.ends_with(&format!("\"data\":\"{heard}{text}\"}}")), "in order and whole");
                heard += 1;
            }
            Message::Pong(pong) => {
                ponged = std::str::from_utf8(&pong).ok().and_then(|n| n.parse().ok()).expect("as sent")
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn silence_is_broken_by_heartbeats(path: Path) {
    let mut plan = path.plan();
    plan.push.heartbeat = Duration::from_secs(1);
    let server = plan.start();
    for (target, beat) in [("sse?channel=c", "\n\n:"), ("stream?channel=c", "}\n\n")] {
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        assert_eq!(head(&mut connection).await.status, 200);
        for n in 0..2 {
            read_until(&mut connection, if n == 0 { beat } else { "\n" }).await;
            server.publish("c", format!("news {n}.")).await;
            read_until(&mut connection, &format!("news {n}.")).await;
        }
    }
    let mut connection = server.sent(get("/push/ws?channel=c", UPGRADE)).await;
    assert_eq!(head(&mut connection).await.status, 101);
    let (stream, early) = connection.into_parts();
    let mut socket = WebSocketStream::from_partially_read(stream, early.to_vec(), Role::Client, None).await;
    let mut pings = 0;
    while pings < 3 {
        // The library answers each.
        if let Message::Ping(_) = soon("a ping", socket.next()).await.expect("it goes on").expect("a message") {
            pings += 1;
        }
    }
    publish_numbers(&server, "c", 1..=3).await;
    for n in all(1..=3) {
        loop {
            let said = soon("a message", socket.next()).await.expect("it goes on").expect("a message");
            if said.is_text() {
                assert!(said.to_string().ends_with(&format!(r#""data":"{n}"}}"#)), "{said}");
                break;
            }
        }
    }
}
