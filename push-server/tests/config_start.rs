//! What settings do to a server that runs: started as a process, asked over sockets.

use std::net::SocketAddr;

use testkit::process::Launch;
use testkit::{PushServer, Request, api};

fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_push-server"))
}

const ROOT: &str = "[[token]]\nsecret = \"root-secret-of-some-length\"\nuser = \"root\"\nadmin = true\n";

async fn status(server: &PushServer, path: &str) -> u16 {
    Request::get(path).send(server.addr()).await.status()
}

#[tokio::test]
async fn what_the_operator_has_to_put_right_ends_with_exit_code_2_before_anything_is_bound() {
    for (config, way_on) in [
        ("listen = \"0.0.0.0:0\"\n", "[[token]]"),
        ("[tls]\ncert = \"cert.pem\"\n", "tls.key"),
        ("[tls]\nself_signed = [\"push.example\"]\n", "'data'"),
        ("max_payload_byts = 1\n", "max_payload_bytes"),
    ] {
        let ended = launch().without_listen().config(config).run().await;
        assert_eq!(ended.status.code(), Some(2), "{config}: {ended:?}");
        assert_eq!(ended.stdout, "", "{config}");
        assert!(ended.stderr.contains(way_on), "{config}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn metrics_may_have_a_listener_of_their_own_that_asks_for_no_token() {
    let config = format!("metrics_listen = \"127.0.0.1:0\"\n{ROOT}");
    let server = launch().config(&config).start().await;
    assert_eq!(status(&server, "/metrics").await, 401);
    let told = |said: &str| -> Option<SocketAddr> {
        said.split("metrics are on http://").nth(1)?.split_once('/')?.0.parse().ok()
    };
    api::eventually("it says where", || async { told(&server.stderr()).is_some() }).await;
    let address = told(&server.stderr()).expect("it was said just now");
    let metrics = Request::get("/metrics").send(address).await;
    assert_eq!(metrics.status(), 200);
    assert!(metrics.text().contains("\npush_connections_accepted_total 1\n"), "{}", metrics.text());
    for path in ["/", "/push/stats", "/assets/app.js"] {
        assert_eq!(Request::get(path).send(address).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_demo_is_on_while_anyone_may_do_anything_and_off_with_tokens_unless_told() {
    for (config, is_on) in
        [("", true), ("demo = false\n", false), (ROOT, false), (&*format!("demo = true\n{ROOT}"), true)]
    {
        let server = launch().config(config).start().await;
        let page = Request::get("/").send(server.addr()).await;
        assert_eq!(page.status(), 200, "{config}");
        let is_page = page.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        assert_eq!(is_page, is_on, "{config}");
        assert!(is_on || page.text().contains("/push"), "{}", page.text());
        assert_eq!(status(&server, "/assets/app.js").await, if is_on { 200 } else { 404 }, "{config}");
    }
}

#[tokio::test]
async fn what_is_beside_the_transports_has_the_headers_and_errors_of_all_answers() {
    let server = launch().start().await;
    for (method, path, expected) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/nope", 404),
        ("GET", "/push", 404),
        ("GET", "/push/", 404),
        ("GET", "/pushy", 404),
        ("GET", "/push/nope", 404),
        ("GET", "/assets/../Cargo.toml", 404),
        ("POST", "/", 405),
        ("DELETE", "/metrics", 405),
    ] {
        let answer = Request::new(method, path).send(server.addr()).await;
        assert_eq!(answer.status(), expected, "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(answer.header("vary"), Some("Origin, Authorization, Cookie"), "{method} {path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{method} {path}");
        match expected {
            404 => assert_eq!(answer.problem(), "not_found", "{method} {path}"),
            405 => assert_eq!((answer.problem().as_str(), answer.header("allow")), ("method", Some("GET, HEAD"))),
            _ => {}
        }
    }
}

#[tokio::test]
async fn who_has_a_file_of_the_page_is_not_sent_it_again() {
    let server = launch().start().await;
    let first = Request::get("/assets/style.css").send(server.addr()).await;
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = Request::get("/assets/style.css").header("If-None-Match", &tag).send(server.addr()).await;
    assert_eq!((again.status(), again.text().as_str(), again.header("etag")), (304, "", Some(&*tag)));
    let other = Request::get("/assets/style.css").header("If-None-Match", "\"other\"").send(server.addr()).await;
    assert_eq!(other.status(), 200);
}

#[tokio::test]
async fn a_limit_of_the_file_is_the_servers() {
    let config = "max_payload_bytes = 10\nmax_target_bytes = 300\nmax_channels_per_connection = 1\n";
    let server = launch().config(config).env("PUSH_MAX_BATCH_LINES", "1").start().await;
    let publish = |body: &str| Request::post("/push/publish?channel=a", body.to_owned());
    assert_eq!(publish("0123456789").send(server.addr()).await.status(), 200);
    assert_eq!(publish("0123456789x").send(server.addr()).await.status(), 413);
    assert_eq!(status(&server, &format!("/push/stats?{}", "x".repeat(300))).await, 414);
    assert_eq!(status(&server, "/push/poll?channel=a&channel=b&timeout=0").await, 400);
    let lines = "{\"channel\":\"a\",\"data\":1}\n".repeat(2);
    let batch = Request::post("/push/publish", lines).header("Content-Type", "application/x-ndjson");
    assert_eq!(batch.send(server.addr()).await.status(), 413);
}

#[tokio::test]
async fn probes_are_told_503_for_as_long_as_configured_and_a_second_signal_ends_it_at_once() {
    let mut server = launch().config("drain_notice_s = 600\n").start().await;
    assert_eq!(status(&server, "/readyz").await, 200);
    server.terminate();
    let addr = server.addr();
    api::eventually("readiness is refused", || async move { Request::get("/readyz").send(addr).await.status() == 503 })
        .await;
    assert_eq!(status(&server, "/healthz").await, 200, "it is well, though");
    let refused = Request::get("/push/poll?channel=a&timeout=0").send(addr).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (503, "draining"));
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(128 + 15));
}

#[tokio::test]
async fn history_has_its_directory_though_it_stays_in_memory() {
    let server = launch().arg("--data").arg("some/where").start().await;
    assert!(server.dir().join("some/where").is_dir());
    assert_eq!(status(&server, "/healthz").await, 200);
    let blocked = launch().config("").arg("--data").arg("push.toml").run().await;
    assert_eq!(blocked.status.code(), Some(1), "{blocked:?}");
    assert!(blocked.stderr.contains("push.toml"), "{}", blocked.stderr);
}
