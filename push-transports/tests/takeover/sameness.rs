//! One hub behind two servers, one by tasks and one by lots: the same bytes, field by field and chunk content by content.

use std::time::Duration;

use push_core::{Draft, Ending, Hub, HubConfig, Key};
use push_transports::{Config, Push};
use testkit::{Connection, http::Head};

use crate::serving::{Path, Server, UPGRADE, get, until};

/// Both servers, over the same hub.
fn both() -> [Server; 2] {
    let push = Push::new(Hub::new(HubConfig::default()), Config::default()).expect("valid settings");
    [Path::Tasks, Path::Lots].map(|path| {
        let app = axum::Router::new().nest("/push", push.router());
        Server::start(push.clone(), app, path.plan().serve)
    })
}

/// Fields and values in order of name: their order in the head means nothing. Without what differs by time and by chance.
fn fields(head: &Head) -> Vec<(String, String)> {
    let mut fields = head.headers.clone();
    for (name, value) in &mut fields {
        if name == "date" || value.contains("boundary=") {
            value.clear();
        }
    }
    fields.sort();
    fields
}

/// Without what is random: the time to come back, the boundary.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    let boundary =
        text.strip_prefix("--").and_then(|rest| rest.split("\r\n").next()).unwrap_or("no boundary").to_owned();
    let mut plain = text.replace(&boundary, "boundary");
    if let Some(at) = plain.find("retry: ") {
        let digits = plain[at + 7..].chars().take_while(char::is_ascii_digit).count();
        plain.replace_range(at + 7..at + 7 + digits, "some");
    }
    plain
}

const STREAMS: [&str; 8] = [
    "sse?channel=c",
    "sse?channel=c&format=json",
    "sse?channel=c&channel=d/*&last=2",
    "stream?channel=c",
    "stream?channel=c&since=start",
    "stream?channel=c&format=script",
    "mixed?channel=c&overflow=gap",
    "mixed?channel=c&format=json&overflow=gap",
];

const POLLS: [&str; 6] = [
    "poll?channel=c",
    "poll?channel=c&format=raw",
    "poll?channel=c&channel=d/*",
    "poll?channel=c&since=start",
    "poll?channel=c&since=start&format=raw",
    "poll?channel=c&timeout=0&format=raw",
];

async fn asked(servers: &[Server; 2], target: &str) -> [Connection; 2] {
    let [tasks, lots] = servers.each_ref().map(|server| server.sent(get(&format!("/push/{target}"), "")));
    [tasks.await, lots.await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_the_same_by_tasks_and_by_lots() {
    for target in STREAMS {
        let servers = both();
        let hub = servers[0].hub.clone();
        hub.publish("c", Draft::text("before")).await.expect("published");
        let mut connections = asked(&servers, target).await;
        let mut seen = Vec::new();
        for connection in &mut connections {
            seen.push((connection.head().await.expect("an answer"), Vec::new()));
        }
        for n in 0..10 {
            hub.publish("c", Draft::text(format!("line {n}\nand more"))).await.expect("published");
            hub.publish("d/e", Draft::new(&b"\xff\xfe"[..])).await.expect("published");
        }
        hub.publish("c", Draft::text("the last")).await.expect("published");
        for ((_, body), connection) in seen.iter_mut().zip(&mut connections) {
            // An ending comes behind what has gone out, so let all of it go out.
            while testkit::http::find(body, b"the last").is_none() {
                body.extend_from_slice(&connection.chunk().await.expect("well framed").expect("it goes on"));
            }
        }
        hub.disconnect_all(|| Ending::draining().retry_after(Duration::from_secs(1)));
        for ((_, body), connection) in seen.iter_mut().zip(&mut connections) {
            body.extend_from_slice(&connection.body().await.expect("it ends well"));
        }
        assert_eq!(fields(&seen[0].0), fields(&seen[1].0), "{target}");
        assert_eq!(plain(&seen[0].1), plain(&seen[1].1), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_are_the_same_by_tasks_and_by_lots() {
    for target in POLLS {
        let servers = both();
        let hub = servers[0].hub.clone();
        hub.publish("c", Draft::text("before").key(Key::parse("a key").expect("a key"))).await.expect("published");
        let since = if target.contains("since=") { String::new() } else { format!("&since={}", servers[0].now()) };
        let mut connections = asked(&servers, &format!("{target}{since}")).await;
        if !target.contains("since=start") && !target.contains("timeout=0") {
            until("both are parked", || hub.connections() == 2).await;
            hub.publish("c", Draft::text("news")).await.expect("published");
        }
        let mut seen = Vec::new();
        for connection in &mut connections {
            let response = connection.response().await.expect("an answer");
            seen.push((response.status(), fields(&response.head), response.text()));
        }
        assert_eq!(seen[0], seen[1], "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_of_a_websocket_is_the_same_by_tasks_and_by_lots() {
    let servers = both();
    for more in ["", "Sec-WebSocket-Protocol: push.v1\r\n", "Sec-WebSocket-Extensions: permessage-deflate\r\n"] {
        let mut heads = Vec::new();
        for server in &servers {
            let mut connection = server.sent(get("/push/ws?channel=c", &format!("{UPGRADE}{more}"))).await;
            heads.push(connection.head().await.expect("an answer"));
        }
        assert_eq!(heads[0].status, 101);
        assert_eq!(fields(&heads[0]), fields(&heads[1]), "{more}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_the_same_by_tasks_and_by_lots() {
    let servers = both();
    for target in ["sse?channel=", "poll?channel=c&since=x", "stream", "nowhere", "publish", "ws"] {
        let mut seen = Vec::new();
        for server in &servers {
            let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
            let response = connection.response().await.expect("an answer");
            seen.push((response.status(), fields(&response.head), response.text()));
        }
        assert_eq!(seen[0], seen[1], "{target}");
    }
}
