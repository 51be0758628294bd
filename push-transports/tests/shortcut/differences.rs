//! The same bytes to a server with the shortcut and to one without: the answers are the same, but for what tells the time or
//! one hub from another.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::doors::{Door, PASSED, publish, start};
use crate::serving::{Plan, Server, UPGRADE, get, long, soon};

/// Two servers that differ in nothing but the way to the routes. Both soon let go of who has nothing more to say.
fn both() -> [Arc<Server>; 2] {
    let change = |plan: &mut Plan| {
        plan.serve.idle = Duration::from_millis(100);
        plan.serve.header_timeout = Duration::from_secs(3);
        plan.serve.header_bytes = 8 * 1024;
        plan.serve.linger = Duration::from_millis(100);
        plan.push.body_timeout = Duration::from_secs(2);
        plan.push.max_target_bytes = 500;
        plan.hub.max_payload_bytes = 10_000;
    };
    [Door::Open, Door::Shut].map(|door| Arc::new(start(door, change)))
}

/// All that came back until the connection's end.
async fn told(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut connection = server.connect().await;
    // It may be refused before all is written.
    drop(connection.send_bytes(bytes).await);
    soon("the end", connection.rest()).await
}

/// An answer, as far as it is to be the same.
#[derive(Debug, PartialEq)]
struct Shape {
    status: String,
    headers: Vec<String>,
    body: String,
}

/// The answers one after the other.
fn shapes(mut bytes: &[u8]) -> Vec<Shape> {
    let mut shapes = Vec::new();
    while !bytes.is_empty() {
        let end = testkit::http::find(bytes, b"\r\n\r\n").unwrap_or_else(|| panic!("{}", bytes.escape_ascii())) + 4;
        let text = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        bytes = &bytes[end..];
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().expect("a status line").to_owned();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let body = match (length, status.contains(" 101 ")) {
            (Some(length), _) => length.parse::<usize>().expect("a length").min(bytes.len()),
            (None, true) => bytes.len(),
            (None, false) => 0,
        };
        let mut headers: Vec<String> = lines.filter_map(header).collect();
        headers.sort();
        shapes.push(Shape { status, headers, body: shape(&bytes[..body]) });
        bytes = &bytes[body..];
    }
    shapes
}

/// A header line, without the value where that is no two answers' own.
fn header(line: &str) -> Option<String> {
    let (name, value) = line.split_once(':').expect("a header has a colon");
    match name {
        PASSED => None,
        "date" | "content-length" | "retry-after" | "etag" | "push-cursor" => Some(name.to_owned()),
        _ => Some(format!("{name}:{value}")),
    }
}

fn shape(body: &[u8]) -> String {
    fn blank(value: &mut Value) {
        match value {
            Value::Object(members) => {
                let own = ["cursor", "id", "epoch", "time", "next", "node"];
                let blanked = |name: &str| own.contains(&name);
                members.iter_mut().for_each(|(name, value)| match blanked(name) {
                    true => *value = Value::Null,
                    false => blank(value),
                });
            }
            Value::Array(values) => values.iter_mut().for_each(blank),
            Value::Number(_) => *value = 0.into(),
            _ => {}
        }
    }
    match serde_json::from_slice(body) {
        Ok(mut value) => {
            blank(&mut value);
            value.to_string()
        }
        Err(_) => format!("{} bytes", body.len()),
    }
}

/// Asks both servers all of `requests`, some at a time.
async fn compare(requests: Vec<Vec<u8>>) {
    let servers = both();
    let places = Arc::new(Semaphore::new(64));
    let mut asking = JoinSet::new();
    for bytes in requests {
        let (servers, places) = (servers.clone(), Arc::clone(&places));
        asking.spawn(async move {
            let _place = places.acquire().await.expect("it stays open");
            let (open, shut) = tokio::join!(told(&servers[0], &bytes), told(&servers[1], &bytes));
            let (open_shapes, shut_shapes) = (shapes(&open), shapes(&shut));
            assert_eq!(
                open_shapes,
                shut_shapes,
                "{}\nwith the shortcut:\n{}\nwithout:\n{}",
                bytes.escape_ascii(),
                open.escape_ascii(),
                shut.escape_ascii()
            );
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.expect("answered alike");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_plain_is_answered_as_without_the_shortcut() {
    let body = "Content-Length: 5\r\n";
    let post = |lines: &str, body: &str| {
        format!("POST /push/publish?channel=p HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n{body}")
    };
    let of = |method: &str, target: &str| format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut requests = vec![
        publish("p", "plain"),
        get("/push/history?channel=h", ""),
        get("/push/poll?channel=h&timeout=0", ""),
        get("/push/poll?channel=h&timeout=0&format=raw", ""),
        get("/push/presence?channel=h", ""),
        get("/push/sse", ""),
        get("/push/ws?channel=h", ""),
        get("/push/ws?channel=h", "Upgrade: websocket\r\n"),
        get("/push/ws?channel=h", &UPGRADE.replace("13", "12")),
        get("/push/ws?channel=h", &format!("{UPGRADE}{body}")) + "hello",
        get("/push/echo", UPGRADE),
        get("/push/history?channel=h", UPGRADE),
        get("/push/history?channel=h", "Connection: close\r\n"),
        get("/push/history?channel=h", "Connection: keep-alive, x-own\r\nX-Own: 1\r\n"),
        get("/push/history?channel=h", "Connection:\r\n"),
        get("/push/history?channel=h", body) + "hello" + &get("/push/history?channel=h", ""),
        get("/push/history?channel=h", "Host: other\r\n"),
        get("/push/history?channel=h", "Origin: http://localhost\r\n"),
        get("/push/history?channel=h", "Origin: https://evil.example\r\n"),
        get("/push/history?channel=h", "Authorization: nonsense\r\n"),
        get("/push/history?channel=h", &format!("X-Long: {}\r\n", "x".repeat(9000))),
        get("/push/history?channel=h", &"X-Many: 1\r\n".repeat(200)),
        get("/push/history?channel=h", &"X-Many: 1\r\n".repeat(60)),
        get("/push/history?channel=h", "X Bad: 1\r\n"),
        get("/push/history?channel=h", "X-Folded: 1\r\n 2\r\n"),
        get(&format!("/push/history?channel=h&x={}", "x".repeat(600)), ""),
        get(&format!("/push/history?channel=h&x={}", "x".repeat(440)), ""),
        get(&format!("/push/history?channel=h&x={}", "x".repeat(460)), ""),
        get("http://localhost/push/history?channel=h", ""),
        get("http://evil.example/push/history?channel=h", ""),
        get("*", ""),
        get("/push/%68istory?channel=h", ""),
        get("/push/history?channel=%68", ""),
        get("/push/history?channel=%", ""),
        get("/push/history?channel=h#there", ""),
        get("/push//history?channel=h", ""),
        get("/push/history/?channel=h", ""),
        get("/push/../push/history?channel=h", ""),
        get("/PUSH/history?channel=h", ""),
        get("/push", ""),
        "GET /push/history?channel=h HTTP/1.1\r\n\r\n".into(),
        "GET /push/history?channel=h HTTP/1.0\r\nHost: localhost\r\n\r\n".into(),
        "GET /push/history?channel=h HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n".into(),
        "GET /push/history?channel=h HTTP/2.0\r\nHost: localhost\r\n\r\n".into(),
        "GET /push/history?channel=h HTTP/1.1\nHost: localhost\n\n".into(),
        "\r\n\r\nGET /push/history?channel=h HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
        "GET  /push/history?channel=h HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
        "GET /push/history?channel=h HTTP/1.1\r\nHost : localhost\r\n\r\n".into(),
        post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        post("Transfer-Encoding: gzip\r\n", "hello"),
        post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"),
        post("Expect: something\r\nContent-Length: 5\r\n", "hello"),
        post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
        post("Content-Length: 5, 5\r\n", "hello"),
        post("Content-Length: +5\r\n", "hello"),
        post("Content-Length: 05\r\n", "hello"),
        post("Content-Length:\r\n", ""),
        post("Content-Length: -1\r\n", ""),
        post("Content-Length: 99999999999999999999\r\n", "hello"),
        post("Content-Length: 10\r\n", "hello"),
        post("", ""),
        post("Content-Length: 3\r\nContent-Type: application/json\r\n", "{x}"),
        publish("p", &"x".repeat(10_001)),
        publish("", "x"),
        publish("%24system", "x"),
        publish("p&channel=q", "x"),
    ];
    for method in ["HEAD", "OPTIONS", "DELETE", "PUT", "PATCH", "get", "G", "CONNECT", "TRACE"] {
        requests.push(of(method, "/push/history?channel=h"));
        requests.push(of(method, "/push/publish?channel=p"));
        requests.push(of(method, "/push/sse?channel=p&timeout=0"));
    }
    requests.retain(|request| !request.starts_with("HEAD /push/sse"));
    compare(requests.into_iter().map(String::into_bytes).collect()).await;
}

fn any_request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        8 => Just("GET"), 6 => Just("POST"), 1 => Just("HEAD"), 1 => Just("OPTIONS"), 1 => Just("DELETE"), 1 => Just("Get"),
    ];
    let path = prop_oneof![
        4 => Just("/push/history"), 4 => Just("/push/poll"), 4 => Just("/push/publish"), 1 => Just("/push/presence"),
        1 => Just("/push/ws"), 1 => Just("/push/sse"), 1 => Just("/push/hist%6fry"), 1 => Just("/push/other"), 1 => Just("/push"),
    ];
    let query = prop_oneof![
        6 => Just("?channel=h&timeout=0".to_owned()),
        1 => Just(String::new()),
        1 => Just("?".to_owned()),
        2 => "[?][a-z=&%0-9+#/]{0,12}",
    ];
    let version = prop_oneof![12 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0"), 1 => Just("HTTP/1.2")];
    let line = prop_oneof![
        6 => "[xX]-[a-zA-Z]{1,5}:[ \t]{0,2}[ -~]{0,10}[ \t]{0,2}",
        2 => Just("host: localhost".to_owned()),
        1 => Just("HOST:127.0.0.1".to_owned()),
        1 => Just("Host: evil.example".to_owned()),
        2 => Just("Accept: */*".to_owned()),
        1 => Just("Connection: Keep-Alive".to_owned()),
        1 => Just("Connection: keep-alive ,, close".to_owned()),
        1 => Just("Connection: Upgrade".to_owned()),
        1 => Just("Upgrade: websocket".to_owned()),
        1 => Just("Origin: null".to_owned()),
        1 => Just("Push-Key: k".to_owned()),
        2 => Just("Content-Type: text/plain".to_owned()),
        1 => Just("Content-Type: application/json".to_owned()),
        1 => Just("Content-Length: 2".to_owned()),
        1 => "[ -~]{1,12}".prop_filter("no body is promised", |line| !line.contains("ength")),
    ];
    let lines = prop::collection::vec(line, 0..6);
    let body = prop_oneof![3 => Just(None), 3 => "[a-z{}\"]{0,8}".prop_map(Some)];
    let end = prop_oneof![15 => Just("\r\n"), 1 => Just("\n")];
    (method, path, query, version, lines, body, end).prop_map(|(method, path, query, version, mut lines, body, end)| {
        // What is asked about stays as it is, in whatever order the requests come.
        let query = match path {
            "/push/publish" => query.replace("=h", "=p"),
            // No stream begins, which would not end.
            "/push/sse" => query.replace("channel", "no"),
            _ => query,
        };
        lines.insert(lines.len() / 2, "Host: localhost".into());
        if let Some(body) = &body {
            lines.push(format!("Content-Length: {}", body.len()));
        }
        let lines: String = lines.iter().map(|line| format!("{line}{end}")).collect();
        format!("{method} {path}{query} {version}{end}{lines}{end}{}", body.unwrap_or_default()).into_bytes()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_request_is_answered_as_without_the_shortcut() {
    let mut runner = TestRunner::default();
    let strategy = any_request();
    let count = long(600);
    let requests = (0..count).map(|_| strategy.new_tree(&mut runner).expect("a request").current()).collect();
    compare(requests).await;
}
