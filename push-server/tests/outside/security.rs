//! Attacks, each by its name.

use testkit::{
    Connection, Options, Publish, Request, Response, Subscriber, Transport, api,
    publish::{batch, batch_lines},
};

use crate::support::{guarded_server, launch, open_server};

const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn websocket(target: &str) -> Request {
    HANDSHAKE.iter().fold(Request::get(target), |request, (name, value)| request.header(name, value))
}

fn assert_forbidden(response: &Response, setting: &str, what: &str) {
    assert_eq!(response.status(), 403, "{what}: {}", response.text());
    assert_eq!(response.problem(), "forbidden", "{what}");
    let detail = response.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains(setting), "{what}: the setting is named: {detail}");
    assert!(!response.head.headers.iter().any(|(name, _)| name == "access-control-allow-origin"), "{what}");
}

#[tokio::test]
async fn dns_rebinding_host_is_refused() {
    let server = open_server().await;
    for host in [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "[2001:db8::1]",
    ] {
        for request in [
            Request::get("/push/sse?channel=a"),
            Request::get("/push/stats"),
            Request::post("/push/publish?channel=a", "x"),
            Request::get("/"),
            websocket("/push/ws?channel=a"),
        ] {
            assert_forbidden(&request.header("Host", host).send(server.addr()).await, "hosts", host);
        }
    }
    let port = server.addr().port();
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.9.1:80", "[::1]", &format!("[::1]:{port}")] {
        let request = Request::get("/push/stats").header("Host", host);
        assert_eq!(request.send(server.addr()).await.status(), 200, "{host}");
    }
    let none = Request::get("/push/stats").without_host().send(server.addr()).await;
    assert!(matches!(none.status(), 400 | 403), "{none:?}");
    let two = Request::get("/push/stats").header("Host", "localhost").header("Host", "evil.example");
    assert!(matches!(two.send(server.addr()).await.status(), 400 | 403));
    // An absolute target names its own host, which wins over the header (RFC 9112 §3.2.2).
    let absolute = Request::get("http://evil.example/push/stats").header("Host", "localhost");
    assert!(matches!(absolute.send(server.addr()).await.status(), 400 | 403 | 404));
}

#[tokio::test]
async fn with_hosts_set_any_other_host_is_refused() {
    let server = launch().config("hosts = [\"push.example\"]\n").start().await;
    for (host, status) in [("push.example", 200), ("push.example:443", 200), ("PUSH.example", 200), ("localhost", 200)]
    {
        let answer = Request::get("/push/stats").header("Host", host).send(server.addr()).await;
        assert_eq!(answer.status(), status, "{host}");
    }
    let refused = Request::get("/push/stats").header("Host", "a.push.example").send(server.addr()).await;
    assert_forbidden(&refused, "hosts", "a subdomain");
}

#[tokio::test]
async fn cross_site_form_post_is_refused() {
    let server = open_server().await;
    for origin in
        ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1", "nonsense", ""]
    {
        let form = Publish::new("forms", "a=b").media_type("application/x-www-form-urlencoded").request();
        let refused = form.header("Origin", origin).header("Sec-Fetch-Site", "cross-site").send(server.addr()).await;
        assert_forbidden(&refused, "origins", origin);
        let simple = Publish::new("forms", "x").media_type("text/plain").request().header("Origin", origin);
        assert_forbidden(&simple.send(server.addr()).await, "origins", origin);
    }
    assert!(api::history(server.addr(), "forms", &[]).await.events.is_empty());
    let disconnect = Request::post("/push/disconnect", "{}").header("Origin", "https://evil.example");
    assert_forbidden(&disconnect.send(server.addr()).await, "origins", "disconnect");
}

#[tokio::test]
async fn cross_site_image_cannot_subscribe() {
    let server = open_server().await;
    for target in ["/push/mixed?channel=a", "/push/poll?channel=a&timeout=0", "/push/stats", "/push/sse?channel=a"] {
        for mode in ["no-cors", "navigate"] {
            let request = Request::get(target).header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", mode);
            let refused = request.header("Sec-Fetch-Dest", "image").send(server.addr()).await;
            assert_forbidden(&refused, "origins", target);
        }
    }
    let navigating = Request::get("/").header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "navigate");
    assert_eq!(navigating.send(server.addr()).await.status(), 200, "following a link to the page is fine");
    for site in ["same-origin", "none"] {
        let request = Request::get("/push/poll?channel=a&timeout=0").header("Sec-Fetch-Site", site);
        assert_eq!(request.send(server.addr()).await.status(), 200, "{site}");
    }
}

#[tokio::test]
async fn cross_site_websocket_is_refused_before_the_upgrade() {
    let server = open_server().await;
    for target in ["/push/ws?channel=a", "/push/ws"] {
        let refused = websocket(target).header("Origin", "https://evil.example").send(server.addr()).await;
        assert_forbidden(&refused, "origins", target);
    }
    let own = websocket("/push/ws?channel=a").header("Origin", format!("http://{}", server.addr()));
    let mut connection = Connection::open(server.addr()).await.expect("listening");
    connection.send(&own).await.expect("it reads");
    assert_eq!(connection.head().await.expect("an answer").status, 101);
}

#[tokio::test]
async fn the_own_origin_is_host_and_port_whatever_the_scheme() {
    let server = open_server().await;
    let own = server.addr().to_string();
    let table = [
        (own.as_str(), format!("http://{own}"), 200),
        (&own, format!("https://{own}"), 200),
        (&own, "http://127.0.0.1".to_owned(), 403),
        ("localhost", "http://localhost".to_owned(), 200),
        ("localhost", "http://localhost:80".to_owned(), 200),
        ("localhost", "https://localhost".to_owned(), 200),
        ("localhost:443", "https://localhost".to_owned(), 200),
        ("localhost:80", "https://localhost:443".to_owned(), 200),
        ("localhost", "http://localhost:8080".to_owned(), 403),
        ("localhost", "http://127.0.0.1".to_owned(), 403),
    ];
    for (host, origin, status) in table {
        let request = Publish::new("own", "x").request().header("Host", host).header("Origin", &origin);
        assert_eq!(request.send(server.addr()).await.status(), status, "{origin} at {host}");
    }
}

#[tokio::test]
async fn a_listed_origin_gets_cors_and_no_other_does() {
    let config = "origins = [\"https://app.example\"]\n[[token]]\nsecret = \"s\"\nuser = \"u\"\nsubscribe = [\"**\"]\npublish = [\"**\"]\n";
    let server = launch().config(config).start().await;
    let preflight = |origin: &str| {
        Request::new("OPTIONS", "/push/publish?channel=a")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,push-event")
    };
    let granted = preflight("https://app.example").send(server.addr()).await;
    assert!(matches!(granted.status(), 200 | 204), "before authorisation: {granted:?}");
    assert_eq!(granted.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(granted.header("access-control-allow-credentials"), Some("true"));
    let list = |response: &Response, name: &str| {
        let value = response.header(name).unwrap_or_else(|| panic!("{name}: {response:?}")).to_ascii_lowercase();
        value.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>()
    };
    let allowed = list(&granted, "access-control-allow-headers");
    let push = ["push-event", "push-key", "push-id", "push-retain"];
    for header in ["authorization", "content-type", "last-event-id"].into_iter().chain(push) {
        assert!(allowed.iter().any(|name| name == header), "{header}: {allowed:?}");
    }
    let methods = list(&granted, "access-control-allow-methods");
    for method in ["get", "post", "delete"] {
        assert!(methods.iter().any(|name| name == method), "{method}: {methods:?}");
    }
    for origin in [
        "https://evil.example",
        "https://app.example.evil.example",
        "http://app.example",
        "https://app.example:8443",
        "null",
    ] {
        let refused = preflight(origin).send(server.addr()).await;
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(refused.status(), 403, "{origin}");
    }
    let publish = |token: &str| {
        let request = Publish::new("a", "x").token(token).request();
        request.header("Origin", "https://app.example").header("Sec-Fetch-Site", "cross-site")
    };
    for (token, status) in [("s", 200), ("wrong", 401)] {
        let answer = publish(token).send(server.addr()).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"), "on errors too");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        let exposed = list(&answer, "access-control-expose-headers");
        for header in ["push-cursor", "push-channel", "push-event", "push-outcome", "retry-after"] {
            assert!(exposed.iter().any(|name| name == header), "{header}: {exposed:?}");
        }
    }
    let options = Options::channel("a").token("s").header("Origin", "https://app.example");
    for transport in Transport::ALL {
        Subscriber::open(transport, server.addr(), &options).await;
    }
}

#[tokio::test]
async fn newline_in_push_event_header_cannot_forge_an_sse_field() {
    let server = open_server().await;
    let mut heard = Subscriber::open(Transport::SseRaw, server.addr(), &Options::channel("forge")).await;
    let lines = [
        r#"{"channel":"forge","data":"x","event":"a\ndata: forged"}"#,
        r#"{"channel":"forge","data":"x","event":"a\rid: 1"}"#,
        r#"{"channel":"forge","data":"x","event":"a\u0000"}"#,
        r#"{"channel":"forge","data":"x","event":"a\u2028b"}"#,
        r#"{"channel":"forge\ndata: x","data":"x"}"#,
        r#"{"channel":"forge","data":"x","key":"k\nid: 1"}"#,
        r#"{"channel":"forge","data":"x","type":"text/plain\r\nPush-Cursor: forged"}"#,
        r#"{"channel":"forge","data":"x","type":"text/plän"}"#,
    ];
    let answers = batch_lines(&batch(server.addr(), lines.join("\n"), None).await);
    assert!(answers.iter().all(|answer| answer["status"] == 400), "{answers:?}");
    for value in [&b"a\ndata: forged"[..], b"a\rid: 1", b"a\n data: forged", b"a\0b", b"a\xe9"] {
        let request = Publish::new("forge", "x").request().header("Push-Event", value);
        match request.try_send(server.addr()).await {
            Ok(answer) => assert!(matches!(answer.status(), 400 | 200), "{value:?}: {}", answer.text()),
            Err(error) => panic!("{value:?} is answered: {error}"),
        }
    }
    for key in ["%0Aid:%201", "%0D%0AX-Forged:%201", "%00", "%C2%85"] {
        let refused = Publish::new("forge", "x").header("Push-Key", key).response(server.addr()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_parameter"), "{key}");
    }
    Publish::new("forge", "the end").event("end").send(server.addr()).await;
    loop {
        let publication = heard.publication().await;
        if publication.event == "end" {
            break;
        }
        // A line feed in a head ends the header; what follows is another header, and nothing of the event.
        assert_eq!((publication.event.as_str(), publication.text().as_str()), ("a", "x"), "{publication:?}");
    }
}

#[tokio::test]
async fn a_forged_answer_header_cannot_come_out_of_a_raw_poll() {
    let server = open_server().await;
    let channel = "split/é%0d%0aX";
    Publish::new(channel, "x").key("k\u{e9}%0d%0a").event("e").send(server.addr()).await;
    let options = Options::channel(channel).last(1);
    let mut poll = Subscriber::open(Transport::PollRaw, server.addr(), &options).await;
    let heard = poll.publication().await;
    assert_eq!((heard.channel.as_deref(), heard.key.as_deref()), (Some(channel), Some("k\u{e9}%0d%0a")));
}

#[tokio::test]
async fn a_token_in_the_query_is_not_logged() {
    let server = launch().config(crate::support::TOKENS).arg("--log").arg("trace").start().await;
    let options = Options::channel("chat/a").param("token", "alice-secret");
    for transport in [Transport::SseJson, Transport::WsJson, Transport::Poll] {
        Subscriber::open(transport, server.addr(), &options).await;
    }
    let refused = Request::get("/push/sse?channel=chat/a&token=alice-secret-guess").send(server.addr()).await;
    assert_eq!(refused.status(), 401);
    assert!(!refused.text().contains("guess"), "nor echoed: {}", refused.text());
    let said = format!("{}{}", server.stdout(), server.stderr());
    assert!(!said.contains("alice-secret"), "{said}");
}

#[tokio::test]
async fn a_cursor_grants_nothing() {
    let server = guarded_server().await;
    let told = Publish::new("chat/a", "secret").token("alice-secret").send(server.addr()).await;
    let bob = Options::channel("news").token("bob-secret").since(told.id.as_str());
    Subscriber::open(Transport::SseJson, server.addr(), &bob).await;
    let bob = Options::channel("chat/a").token("bob-secret").since(told.id.as_str());
    let refusal = Subscriber::try_open(Transport::SseJson, server.addr(), &bob).await.expect_err("refused");
    assert_eq!(refusal.status, 403);
}

#[tokio::test]
async fn a_smuggled_second_request_is_not_served() {
    let server = open_server().await;
    let smuggled = "GET /push/publish HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let request = Request::post("/push/publish?channel=s", format!("0\r\n\r\n{smuggled}"))
        .header("Transfer-Encoding", "chunked")
        .header("Content-Length", "5");
    let mut connection = Connection::open(server.addr()).await.expect("listening");
    connection.send(&request).await.expect("it reads");
    connection.finish_writing().await.expect("it reads");
    let all = connection.rest().await;
    let answers = all.windows(9).filter(|window| window == b"HTTP/1.1 ").count();
    let text = String::from_utf8_lossy(&all);
    // RFC 9112 §6.3: either is refused, or the length is ignored and the connection ends after the answer.
    assert!(answers <= 1 || text.contains("HTTP/1.1 400") || text.contains("HTTP/1.1 405"), "{text}");
}
