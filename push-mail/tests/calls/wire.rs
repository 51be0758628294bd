//! Odd bodies, odd heads: what is understood, what is refused and how.

use serde_json::{Value, json};
use testkit::http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{World, ping_of};

async fn post(world: &World, call: &str, body: &str) -> (u16, Value) {
    let response = Request::post(&format!("/push/mail/{call}"), body).send(world.addr).await;
    let json = serde_json::from_str(&response.text()).unwrap_or(Value::Null);
    (response.status(), json)
}

#[tokio::test]
async fn ids_are_opaque_and_one_that_was_never_given_is_of_a_folder_that_is_not_there() {
    let world = World::new().await;
    for id in
        [json!("99"), json!(99), json!("no-such-folder"), json!("4294967296"), json!(4_294_967_296_u64), json!("é")]
    {
        let ping = json!({"device": "d", "heartbeat_s": 60, "folders": [{"id": id, "class": "Email"}]});
        assert_eq!(world.call("ping", &ping).await, json!({"status": "folders_stale"}), "{id}");
        let sync = json!({"device": "d", "folder": id, "sync_key": "0"});
        assert_eq!(world.call("sync", &sync).await, json!({"status": "folders_stale"}), "{id}");
    }
    let two = json!([{"id": "x", "class": "Email"}, {"id": "y", "class": "Email"}]);
    let ping = json!({"device": "d", "heartbeat_s": 60, "folders": two});
    assert_eq!(world.call("ping", &ping).await["status"], "folders_stale");
    let ping = json!({"device": "d", "heartbeat_s": 60, "folders": [two[0], two[0]]});
    assert_eq!(world.call("ping", &ping).await["status"], "bad_request", "named twice");
    // As a number it is the same folder.
    let ping = json!({"device": "d", "heartbeat_s": 1, "folders": [{"id": 1, "class": "Email"}]});
    assert_eq!(world.call("ping", &ping).await["status"], "no_changes");
    for id in [json!(""), json!("x".repeat(65)), json!(1.5), json!(-1), json!(null), json!([1])] {
        let ping = json!({"device": "d", "heartbeat_s": 60, "folders": [{"id": id, "class": "Email"}]});
        assert_eq!(world.call("ping", &ping).await["status"], "bad_request", "{id}");
    }
}

#[tokio::test]
async fn an_interval_may_be_any_whole_number_and_is_judged_by_the_bounds() {
    let world = World::new().await;
    for (heartbeat, status) in [
        ("6000000", "heartbeat_out_of_range"),
        ("99999999999999999999999", "heartbeat_out_of_range"),
        ("-99999999999999999999999", "heartbeat_out_of_range"),
        ("1e300", "heartbeat_out_of_range"),
        ("18446744073709551615", "heartbeat_out_of_range"),
        ("1.0", "no_changes"),
        ("1.5", "bad_request"),
        ("\"60\"", "bad_request"),
        ("[60]", "bad_request"),
        ("1e999", "bad_request"),
    ] {
        let body = format!(r#"{{"device":"d","heartbeat_s":{heartbeat},"folders":[{{"id":"1","class":"Email"}}]}}"#);
        let (code, answer) = post(&world, "ping", &body).await;
        assert_eq!((code, answer["status"].as_str()), (200, Some(status)), "{heartbeat}");
    }
}

#[tokio::test]
async fn bodies_that_mean_nothing_are_refused_whatever_they_are() {
    let world = World::new().await;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for body in ["{", "null", "1", "\"\"", "[]", "{}x", "\u{0}", "{\"device\":\"d\",\"device\":\"e\"}", &deep] {
        let (code, answer) = post(&world, "ping", body).await;
        let status = answer["status"].as_str();
        assert_eq!((code, status), (200, Some("bad_request")), "{:.40}", body);
        for call in ["sync", "content"] {
            let (code, answer) = post(&world, call, body).await;
            assert_eq!((code, answer["code"].as_str()), (400, Some("bad_parameter")), "{call} {:.40}", body);
        }
    }
    // Of what nobody knows not even the depth matters.
    let deep_within = format!(r#"{{"device":"d","x":{deep}}}"#);
    assert_eq!(post(&world, "ping", &deep_within).await.1["status"], "parameters_missing");
    let too_large = " ".repeat(64 * 1024 + 1);
    for call in ["ping", "sync", "content"] {
        let (code, answer) = post(&world, call, &too_large).await;
        assert_eq!((code, answer["code"].as_str()), (413, Some("too_large")), "{call}");
    }
    let padded = format!("{}{}", " ".repeat(63 * 1024), ping_of("d", 1, &[world.inbox().await]));
    assert_eq!(post(&world, "ping", &padded).await.1["status"], "no_changes");
}

#[tokio::test]
async fn unknown_members_are_ignored_and_null_is_nothing() {
    let world = World::new().await;
    let ping = json!({"device": "d", "account": null, "heartbeat_s": 1, "x": {"y": []},
        "folders": [{"id": "1", "class": null, "sync_key": null, "z": 1}]});
    assert_eq!(world.call("ping", &ping).await, json!({"status": "no_changes"}));
    let again = json!({"device": "d", "heartbeat_s": null, "folders": null});
    assert_eq!(world.call("ping", &again).await, json!({"status": "no_changes"}));
    for wrong in [json!({"device": 1}), json!({"device": "a\nb"}), json!({"device": "d", "account": 1})] {
        assert_eq!(world.call("ping", &wrong).await["status"], "bad_request", "{wrong}");
        assert_eq!(world.respond(None, "sync", &wrong).await.status(), 400, "{wrong}");
    }
    let device = "gerät-📱";
    let sync = json!({"device": device, "folder": "1", "sync_key": "0", "window": 1_000_000_000_000_u64});
    assert_eq!(world.call("sync", &sync).await["status"], "ok");
}

#[tokio::test]
async fn a_token_in_the_query_is_good_for_all_calls() {
    let world = World::with_users().await;
    for (call, body) in [
        ("ping", json!({"device": "d", "heartbeat_s": 1, "folders": [{"id": "1", "class": "Email"}]})),
        ("sync", json!({"device": "d", "folder": "1"})),
        ("content", json!({"device": "d", "timeout_s": 0})),
    ] {
        let target = format!("/push/mail/{call}?token=alice");
        let response = Request::post(&target, body.to_string()).send(world.addr).await;
        assert_eq!(response.status(), 200, "{call}: {}", response.text());
    }
}

#[tokio::test]
async fn heads_of_answers_say_what_every_answer_says() {
    let world = World::new().await;
    let body = ping_of("d", 1, &[world.inbox().await]).to_string();
    for (call, body) in [("ping", body.as_str()), ("sync", "{}"), ("content", r#"{"device":"d","timeout_s":0}"#)] {
        let response = Request::post(&format!("/push/mail/{call}"), body).send(world.addr).await;
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{call}");
        assert_eq!(response.header("vary"), Some("Origin, Authorization, Cookie"), "{call}");
        assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"), "{call}");
        if response.status() == 200 {
            assert_eq!(response.header("cache-control"), Some("no-store, no-transform"), "{call}");
            assert_eq!(response.header("x-accel-buffering"), Some("no"), "{call}");
            assert_eq!(response.header("content-type"), Some("application/json"), "{call}");
        }
    }
    let head = raw(&world, "HEAD /push/mail/folders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    let foreign = Request::post("/push/mail/ping", "{}").header("Origin", "https://elsewhere.example");
    assert_eq!(foreign.send(world.addr).await.status(), 403);
}

/// All that the server answers until it closes.
async fn raw(world: &World, bytes: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(world.addr).await.expect("connected");
    stream.write_all(bytes.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(testkit::GUARD, read).await.expect("it is answered").expect("readable");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn old_careful_and_impatient_clients_are_answered() {
    let world = World::new().await;
    let body = ping_of("d", 1, &[world.inbox().await]).to_string();
    let head = |version: &str, lines: &str| {
        let length = body.len();
        format!(
            "POST /push/mail/ping HTTP/{version}\r\nHost: localhost\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
        )
    };
    let old = raw(&world, &head("1.0", "")).await;
    assert!(old.contains(" 200 ") && old.ends_with(r#"{"status":"no_changes"}"#), "{old}");
    let careful = raw(&world, &head("1.1", "Expect: 100-continue\r\nConnection: close\r\n")).await;
    assert!(careful.contains("200 OK") && careful.ends_with(r#"{"status":"no_changes"}"#), "{careful}");
    let pipelined = format!("{}{}", head("1.1", ""), head("1.1", "Connection: close\r\n"));
    let both = raw(&world, &pipelined).await;
    assert_eq!(both.matches(r#"{"status":"no_changes"}"#).count(), 2, "{both}");
}

#[tokio::test]
async fn pings_wait_under_an_ordinary_server_too() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let app = world.app();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let addr = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    world.sync_all("d", inbox, "0".into()).await;
    let body = ping_of("d", 60, &[inbox]).to_string();
    let ping = tokio::spawn(async move { Request::post("/push/mail/ping", body).send(addr).await });
    world.parked(1).await;
    world.deliver(inbox, "news").await;
    let answer: Value = ping.await.expect("answered").json();
    assert_eq!(answer, json!({"status": "changes", "folders": ["1"]}));
    let body = ping_of("e", 60, &[world.make_folder("Empty").await]).to_string();
    let gone = tokio::spawn(async move { Request::post("/push/mail/ping", body).send(addr).await });
    world.parked(1).await;
    gone.abort();
    world.parked(0).await;
}
