//! What an operator looks at.

use serde_json::{Value, json};
use testkit::{Connection, Options, Publish, PushServer, Request, Subscriber, Transport, api, publish};

use tokio::io::AsyncReadExt;

use crate::support::{ROOT, guarded_server, launch, open_server};

/// Whether a line is one of the text exposition format.
fn is_exposition(line: &str) -> bool {
    let name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
    };
    if let Some(comment) = line.strip_prefix("# ") {
        let mut words = comment.splitn(3, ' ');
        return match words.next() {
            Some("EOF") => true,
            Some("HELP" | "TYPE" | "UNIT") => words.next().is_some_and(name),
            _ => false,
        };
    }
    let Some((series, value)) = line.rsplit_once(' ') else { return false };
    let series = series.split_once('{').map_or(series, |(name, labels)| if labels.ends_with('}') { name } else { "" });
    name(series) && value.parse::<f64>().is_ok()
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_count_what_happens() {
    let server = open_server().await;
    let _subscriber = Subscriber::open(Transport::SseJson, server.addr(), &Options::channel("m")).await;
    publish::text(server.addr(), "m", "x").await;
    let metrics = Request::get("/metrics").send(server.addr()).await;
    assert_eq!(metrics.status(), 200);
    let media_type = metrics.header("content-type").expect("a type");
    assert!(
        media_type.starts_with("text/plain") || media_type.starts_with("application/openmetrics-text"),
        "{media_type}"
    );
    let text = metrics.text();
    for line in text.lines().filter(|line| !line.is_empty()) {
        assert!(is_exposition(line), "{line:?}");
    }
    assert!(text.lines().any(|line| line.starts_with("push_")), "{text}");
    let guarded = guarded_server().await;
    assert_eq!(api::get(guarded.addr(), "/metrics", None).await.status(), 401);
    assert_eq!(api::get(guarded.addr(), "/metrics", crate::support::BOB).await.status(), 403);
    assert_eq!(api::get(guarded.addr(), "/metrics", ROOT).await.status(), 200);
    assert_eq!(api::get(guarded.addr(), "/healthz", None).await.status(), 200, "health needs no token");
    assert_eq!(api::get(guarded.addr(), "/readyz", None).await.status(), 200);
}

#[tokio::test]
async fn channels_are_listed_by_prefix_in_pages() {
    let server = open_server().await;
    for number in 0..25 {
        publish::text(server.addr(), &format!("list/{number:02}"), "x").await;
    }
    let _subscriber = Subscriber::open(Transport::SseJson, server.addr(), &Options::channel("list/03")).await;
    let (mut read, mut after) = (Vec::new(), String::new());
    loop {
        let mut params = vec![("prefix", "list/"), ("limit", "10")];
        if !after.is_empty() {
            params.push(("after", after.as_str()));
        }
        let page = api::channels(server.addr(), &params, None).await;
        let channels = page["channels"].as_array().expect("a list").clone();
        assert!(channels.len() <= 10, "{page}");
        let Some(last) = channels.last() else { break };
        after = last["channel"].as_str().expect("a name").to_owned();
        read.extend(channels);
    }
    let names: Vec<&str> = read.iter().filter_map(|channel| channel["channel"].as_str()).collect();
    let expected: Vec<String> = (0..25).map(|number| format!("list/{number:02}")).collect();
    assert_eq!(names, expected);
    assert_eq!(read[3], json!({"channel": "list/03", "offset": 1, "retained": 1, "subscribers": 1}));
    assert_eq!(read[4]["subscribers"], 0);
    let refused = api::get(server.addr(), "/push/channels?limit=x", None).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_parameter"));
}

#[tokio::test]
async fn stats_are_numbers_by_name() {
    let server = open_server().await;
    publish::text(server.addr(), "s", "x").await;
    let stats = api::stats(server.addr(), None).await;
    let members = stats.as_object().expect("an object");
    assert!(members.values().any(Value::is_number), "{stats}");
}

#[tokio::test]
async fn disconnecting_a_user_ends_all_of_their_connections_and_nobody_elses() {
    let server = guarded_server().await;
    let alice = Options::channel("chat/a").token("alice-secret");
    let root = Options::channel("chat/a").token("root-secret");
    let mut one = Subscriber::open(Transport::SseJson, server.addr(), &alice).await;
    let mut two = Subscriber::open(Transport::WsJson, server.addr(), &alice).await;
    let mut other = Subscriber::open(Transport::Ndjson, server.addr(), &root).await;
    let order = json!({"user": "alice", "reason": "too loud", "reconnect": false});
    let answer = api::ok(&api::disconnect(server.addr(), &order, ROOT).await);
    assert_eq!(answer, json!({"disconnected": 2}));
    for subscriber in [&mut one, &mut two] {
        let close = subscriber.next().await.close();
        assert_eq!((close.code, close.reason.as_str(), close.reconnect), (3504, "too loud", Some(false)));
    }
    Publish::new("chat/a", "still here").token("root-secret").send(server.addr()).await;
    assert_eq!(other.publication().await.text(), "still here");
}

#[tokio::test]
async fn a_restart_on_the_same_port_is_told_as_lost() {
    let server = open_server().await;
    let mut subscriber = Subscriber::open(Transport::SseJson, server.addr(), &Options::channel("r")).await;
    publish::text(server.addr(), "r", "before").await;
    subscriber.publication().await;
    let cursor = subscriber.cursor().expect("a cursor");
    let addr = server.addr();
    let server: PushServer = server.restart().await;
    assert_eq!(server.addr(), addr);
    assert_eq!(subscriber.next().await, testkit::Item::End, "a killed server says nothing");
    publish::text(addr, "r", "after").await;
    for transport in Transport::RESUMABLE {
        let mut resumed = Subscriber::open(transport, addr, &Options::channel("r").since(cursor.as_str())).await;
        let mut outcome = resumed.opened().outcome.clone();
        let heard = loop {
            match resumed.next().await {
                testkit::Item::Gap(gap) => outcome = Some(gap.outcome),
                other => break other.publication(),
            }
        };
        assert_eq!((outcome.as_deref(), heard.text().as_str()), (Some("lost"), "after"), "{transport:?}");
    }
}

#[tokio::test]
async fn the_page_is_there_and_the_hosts_load_is_published() {
    let server = open_server().await;
    let page = Request::get("/").send(server.addr()).await;
    assert_eq!(page.status(), 200);
    assert!(page.header("content-type").is_some_and(|value| value.starts_with("text/html")), "{:?}", page.head);
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let mut load = Subscriber::open(Transport::Ndjson, server.addr(), &Options::channel("host/load")).await;
    let (one, two) = (load.publication().await, load.publication().await);
    assert_eq!(one.media_type.as_deref(), Some("application/json"));
    assert_eq!(two.offset, one.offset.map(|offset| offset + 1));
    let mut picture = Subscriber::open(Transport::Mixed, server.addr(), &Options::channel("host/load.png")).await;
    let picture = picture.publication().await;
    assert_eq!(picture.media_type.as_deref(), Some("image/png"));
    assert!(picture.data.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[tokio::test]
async fn the_echo_is_there_when_asked_for() {
    let server = launch().arg("--echo").start().await;
    let mut echo = testkit::ws::Client::open(server.addr(), &Options::channels([]), "echo", &[]).await.expect("opened");
    for text in ["", "one", &"long".repeat(100_000)] {
        echo.text(text).await;
        assert_eq!(echo.frame().await, testkit::ws::Frame::Text(text.to_owned()));
    }
    echo.close(1000, "done").await;
    assert_eq!(echo.closed().await.0, 1000);
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive() {
    let server = open_server().await;
    let addr = server.addr();
    let websocket = Request::get("/push/ws?channel=silent")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let kept = [
        (Request::get("/push/sse?channel=silent"), &b":"[..]),
        (Request::get("/push/stream?channel=silent"), b"\n"),
        (websocket, b"\x89"),
    ];
    let mut waiting = Vec::new();
    for (request, mark) in kept {
        let mut connection = Connection::open(addr).await.expect("listening");
        connection.send(&request).await.expect("it reads");
        let head = connection.head().await.expect("an answer");
        waiting.push(tokio::spawn(async move {
            if head.status == 101 {
                let (mut stream, rest) = connection.into_parts();
                let mut heard = rest.to_vec();
                let mut buffer = [0; 1024];
                while !heard.contains(&mark[0]) {
                    let count = stream.read(&mut buffer).await.expect("it goes on");
                    assert_ne!(count, 0, "closed instead of pinged");
                    heard.extend_from_slice(&buffer[..count]);
                }
                return;
            }
            let first = connection.chunk().await.expect("a chunk").expect("it goes on");
            assert!(!first.is_empty());
            let second = connection.chunk().await.expect("a chunk").expect("it goes on");
            assert!(second.starts_with(mark), "{second:?}");
        }));
    }
    for kept in waiting {
        tokio::time::timeout(testkit::GUARD, kept).await.expect("in time").expect("kept alive");
    }
}
