//! Flags, environment and file; what is refused at the start.

use std::net::SocketAddr;

use testkit::{Options, Publish, Request, Subscriber, Transport, publish};

use crate::support::{TOKENS, launch, open_server};

#[tokio::test]
async fn the_first_line_on_stdout_says_where_it_listens() {
    let server = open_server().await;
    assert!(server.addr().ip().is_loopback());
    assert_ne!(server.addr().port(), 0, "port 0 becomes a real one");
    assert!(server.stdout().starts_with(&format!("listening on http://{}\n", server.addr())));
    let health = Request::get("/healthz").send(server.addr()).await;
    assert_eq!(health.status(), 200);
    let said = format!("{}{}", server.stdout(), server.stderr()).to_lowercase();
    assert!(said.contains("loopback"), "without authorisation it says that it listens on loopback only: {said}");
}

#[tokio::test]
async fn a_flag_goes_over_the_environment_and_the_environment_over_the_file() {
    let file = "listen = \"127.0.0.2:0\"\n";
    let ip = |server: &testkit::PushServer| server.addr().ip().to_string();
    let by_file = launch().without_listen().config(file).start().await;
    assert_eq!(ip(&by_file), "127.0.0.2");
    let by_env = launch().without_listen().config(file).env("PUSH_LISTEN", "127.0.0.3:0").start().await;
    assert_eq!(ip(&by_env), "127.0.0.3");
    let by_flag = launch().listen("127.0.0.4:0").config(file).env("PUSH_LISTEN", "127.0.0.3:0").start().await;
    assert_eq!(ip(&by_flag), "127.0.0.4");
}

#[tokio::test]
async fn lists_in_the_environment_are_separated_by_commas() {
    let server = launch().env("PUSH_ORIGINS", "https://a.example,https://b.example").start().await;
    for (origin, status) in [("https://a.example", 200), ("https://b.example", 200), ("https://c.example", 403)] {
        let request = Publish::new("c", "x").request().header("Origin", origin);
        assert_eq!(request.send(server.addr()).await.status(), status, "{origin}");
    }
    let hosts = launch().env("PUSH_HOSTS", "push.example,other.example").start().await;
    for (host, status) in
        [("push.example", 200), ("other.example:8080", 200), ("evil.example", 403), ("localhost", 200)]
    {
        let request = Publish::new("c", "x").request().header("Host", host);
        assert_eq!(request.send(hosts.addr()).await.status(), status, "{host}");
    }
}

#[tokio::test]
async fn listening_openly_without_authorisation_is_refused_with_a_way_on() {
    for addr in ["0.0.0.0:0", "[::]:0"] {
        let ended = launch().listen(addr).run().await;
        assert!(!ended.status.success(), "{addr}: {ended:?}");
        assert!(!ended.stdout.contains("listening on"), "{addr}: {ended:?}");
        assert!(ended.stderr.contains("token"), "it says how to go on: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
    let by_file = launch().without_listen().config("listen = \"0.0.0.0:0\"\n").run().await;
    assert!(!by_file.status.success(), "{by_file:?}");
    let by_env = launch().without_listen().env("PUSH_LISTEN", "0.0.0.0:0").run().await;
    assert!(!by_env.status.success(), "{by_env:?}");

    let with_tokens = launch().listen("0.0.0.0:0").config(TOKENS).start().await;
    let addr = SocketAddr::from(([127, 0, 0, 1], with_tokens.addr().port()));
    assert_eq!(Request::get("/healthz").send(addr).await.status(), 200);
    let anybody = Request::get("/push/poll?channel=chat/a&timeout=0").header("Host", "any.example").send(addr).await;
    assert_eq!(anybody.status(), 401, "with tokens any Host may ask: {}", anybody.text());
}

#[tokio::test]
async fn a_bad_configuration_is_refused_by_key_and_line() {
    let table: [(&str, &str, &str); 12] = [
        ("listen = \"127.0.0.1:0\"\nlistne = 1\n", "listne", "2"),
        ("\n\nlisten = 8080\n", "listen", "3"),
        ("listen = \"nowhere\"\n", "listen", ""),
        ("origins = \"https://a.example\"\n", "origins", "1"),
        ("origins = [\"not an origin\"]\n", "origins", ""),
        ("[[namespace]]\npattern = \"a/**/b\"\n", "pattern", ""),
        ("[[namespace]]\npattern = \"a/**\"\nretain = { count = \"many\" }\n", "count", "3"),
        ("[[namespace]]\npattern = \"a/**\"\nretain = { cuont = 1 }\n", "cuont", "3"),
        ("[[namespace]]\npattern = \"a\"\noverflow = \"explode\"\n", "overflow", ""),
        ("[[token]]\nuser = \"alice\"\n", "secret", ""),
        ("[[token]]\nsecret = \"s\"\nuser = \"alice\"\nsubscribe = [\"a//b\"]\n", "subscribe", ""),
        ("this is no TOML\n", "", "1"),
    ];
    for (toml, key, line) in table {
        let ended = launch().without_listen().config(toml).run().await;
        assert!(!ended.status.success(), "{toml:?} was accepted: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert!(ended.stderr.contains(key), "{toml:?}: the key {key:?} is named: {}", ended.stderr);
        let line = if line.is_empty() { String::new() } else { format!("line {line}") };
        assert!(ended.stderr.contains(&line), "{toml:?}: {line} is named: {}", ended.stderr);
        assert!(ended.stderr.contains("push.toml"), "{toml:?}: the file is named: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_bad_flag_or_variable_is_refused_by_name() {
    let flag = launch().arg("--lisen").run().await;
    assert!(!flag.status.success() && flag.stderr.contains("--lisen"), "{flag:?}");
    let addr = launch().listen("nowhere").run().await;
    assert!(!addr.status.success() && addr.stderr.contains("nowhere"), "{addr:?}");
    let variable = launch().without_listen().env("PUSH_LISTEN", "nowhere").run().await;
    assert!(!variable.status.success() && variable.stderr.contains("PUSH_LISTEN"), "{variable:?}");
    let missing = launch().arg("--config").arg("does-not-exist.toml").run().await;
    assert!(!missing.status.success() && missing.stderr.contains("does-not-exist.toml"), "{missing:?}");
    let help = launch().without_listen().arg("--help").run().await;
    assert!(help.status.success(), "{help:?}");
    for flag in ["--listen", "--config", "--data", "--echo", "--log"] {
        assert!(help.stdout.contains(flag), "{flag}: {}", help.stdout);
    }
}

#[tokio::test]
async fn a_port_in_use_is_told_with_the_address() {
    let first = open_server().await;
    let second = launch().listen(&first.addr().to_string()).run().await;
    assert!(!second.status.success() && second.stderr.contains(&first.addr().to_string()), "{second:?}");
}

#[tokio::test]
async fn with_data_it_says_that_history_stays_in_memory() {
    let server = launch().arg("--data").arg("data").start().await;
    Request::get("/healthz").send(server.addr()).await;
    let said = format!("{}{}", server.stdout(), server.stderr()).to_lowercase();
    assert!(said.contains("memory"), "{said}");
}

#[tokio::test]
async fn the_first_namespace_that_matches_wins() {
    let toml = r#"
[[namespace]]
pattern = "few/**"
retain = { count = 2 }
[[namespace]]
pattern = "*/**"
retain = { count = 5, age_s = 3600, bytes = 8388608 }
overflow = "disconnect"
presence = true
"#;
    let server = launch().config(toml).start().await;
    for (channel, kept) in [("few/a", 2), ("many/a", 5), ("other", 8)] {
        for number in 1..=8 {
            publish::text(server.addr(), channel, &number.to_string()).await;
        }
        let history = testkit::api::history(server.addr(), channel, &[]).await;
        assert_eq!(history.events.len(), kept, "{channel}");
        let offset = history.events[0].offset;
        assert_eq!(offset, Some(9 - kept as u64), "the newest are kept: {channel}");
    }
    let mut subscriber =
        Subscriber::open(Transport::SseJson, server.addr(), &Options::channel("few/a").since("start")).await;
    assert_eq!(subscriber.publication().await.text(), "7");
}

#[tokio::test]
async fn retention_by_bytes_and_age_trims_too() {
    let toml = "[[namespace]]\npattern = \"b\"\nretain = { bytes = 1000 }\n[[namespace]]\npattern = \"a\"\nretain = { age_s = 1 }\n";
    let server = launch().config(toml).start().await;
    for _ in 0..10 {
        publish::text(server.addr(), "b", &"x".repeat(300)).await;
    }
    let kept = testkit::api::history(server.addr(), "b", &[]).await.events.len();
    assert!((1..=3).contains(&kept), "{kept} of 300 bytes within 1000");
    publish::text(server.addr(), "a", "x").await;
    testkit::api::eventually("what is older than a second is trimmed", || async {
        testkit::api::history(server.addr(), "a", &[]).await.events.is_empty()
    })
    .await;
}
