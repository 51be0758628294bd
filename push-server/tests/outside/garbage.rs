//! Garbage: the documented error, nothing else notices, and memory comes back.

use std::net::SocketAddr;

use testkit::{Connection, Options, Publish, Random, Request, Subscriber, Transport, api, publish};

use crate::support::open_server;

/// The server answers others, a bystander hears what is published and nothing else.
async fn assert_unharmed(addr: SocketAddr, bystander: &mut Subscriber) {
    publish::text(addr, "bystander", "still here").await;
    assert_eq!(bystander.publication().await.text(), "still here");
    assert_eq!(Request::get("/healthz").send(addr).await.status(), 200);
}

async fn bystander(addr: SocketAddr) -> Subscriber {
    Subscriber::open(Transport::SseJson, addr, &Options::channel("bystander")).await
}

#[tokio::test]
async fn random_bytes_are_refused_or_closed() {
    let mut random = Random::from_env();
    let server = open_server().await;
    let mut bystander = bystander(server.addr()).await;
    for _ in 0..150 {
        let mut connection = Connection::open(server.addr()).await.expect("listening");
        let size = usize::try_from(random.below(4000)).expect("small");
        let mut bytes = random.bytes(size);
        if random.below(2) == 0 {
            bytes.splice(0..0, *b"GET /push/sse?channel=");
        }
        // It may close while this is being written.
        let _ = connection.send_bytes(&bytes).await;
        let _ = connection.finish_writing().await;
        let answer = connection.rest().await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{:?}", String::from_utf8_lossy(&answer));
    }
    assert_unharmed(server.addr(), &mut bystander).await;
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
}

#[tokio::test]
async fn truncated_requests_publish_nothing() {
    let server = open_server().await;
    let mut bystander = bystander(server.addr()).await;
    let whole = Publish::new("truncated", "a payload of some bytes").event("e").request().to_bytes(server.addr());
    for end in 0..whole.len() {
        let mut connection = Connection::open(server.addr()).await.expect("listening");
        connection.send_bytes(&whole[..end]).await.expect("it reads");
        if end % 2 == 0 {
            connection.finish_writing().await.expect("it reads");
            let answer = connection.rest().await;
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{:?}", String::from_utf8_lossy(&answer));
        }
    }
    assert!(api::history(server.addr(), "truncated", &[]).await.events.is_empty());
    assert_unharmed(server.addr(), &mut bystander).await;
}

#[tokio::test]
async fn a_body_of_a_hundred_megabytes_is_refused_before_it_is_read() {
    let server = open_server().await;
    let mut bystander = bystander(server.addr()).await;
    let before = server.rss_kib();
    let media_types = ["application/octet-stream", "application/x-ndjson"];
    for (media_type, chunked) in media_types.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let target = if media_type.ends_with("ndjson") { "/push/publish" } else { "/push/publish?channel=big" };
        let mut request = Request::post(target, "").header("Content-Type", media_type);
        request = match chunked {
            true => request.without_length().header("Transfer-Encoding", "chunked"),
            false => request.header("Content-Length", (100 << 20).to_string()),
        };
        let mut connection = Connection::open(server.addr()).await.expect("listening");
        connection.send(&request).await.expect("it reads");
        let piece = vec![b'x'; 1 << 20];
        let mut wire = if chunked { format!("{:x}\r\n", piece.len()).into_bytes() } else { Vec::new() };
        wire.extend_from_slice(&piece);
        wire.extend_from_slice(if chunked { b"\r\n" } else { b"" });
        for _ in 0..100 {
            if connection.send_bytes(&wire).await.is_err() {
                break;
            }
        }
        // A server that closes with bytes unread resets the connection, and its answer may be gone with it.
        if let Ok(answer) = connection.response().await {
            assert_eq!((answer.status(), answer.problem().as_str()), (413, "too_large"), "{media_type} {chunked}");
        }
        let grown = server.rss_kib().saturating_sub(before);
        assert!(grown < 40 << 10, "{grown} KiB more after {media_type} {chunked}");
    }
    let announced = Request::post("/push/publish?channel=big", "").header("Content-Length", (100 << 20).to_string());
    let answer = announced.send(server.addr()).await;
    assert_eq!((answer.status(), answer.problem().as_str()), (413, "too_large"), "by its length alone");
    assert_unharmed(server.addr(), &mut bystander).await;
}

#[tokio::test]
async fn bad_utf_8_is_a_bad_name_or_a_bad_request() {
    let server = open_server().await;
    let mut bystander = bystander(server.addr()).await;
    for route in ["sse", "poll", "stream", "mixed", "history"] {
        for name in ["%FF", "%C0%80", "a/%ED%A0%80", "%80"] {
            let refused = Request::get(&format!("/push/{route}?channel={name}")).send(server.addr()).await;
            assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_channel"), "{route} {name}");
        }
    }
    let refused = Request::post("/push/publish?channel=%FF", "x").send(server.addr()).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_channel"));
    let body = b"{\"channel\":\"\xff\"}".to_vec();
    let refused =
        Request::post("/push/poll", body).header("Content-Type", "application/json").send(server.addr()).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_parameter"));
    let answer = publish::batch(server.addr(), b"{\"channel\":\"a\",\"data\":\"\xff\"}\n".to_vec(), None).await;
    assert_eq!(publish::batch_lines(&answer)[0]["code"], "bad_parameter");
    let refused = Request::get("/push/sse?channel=a").header("Last-Event-ID", b"\xff\xfe").send(server.addr()).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_cursor"));
    let mut raw = Connection::open(server.addr()).await.expect("listening");
    raw.send_bytes(b"GET /push/sse?channel=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it reads");
    assert_eq!(raw.head().await.expect("an answer").status, 400);
    assert_unharmed(server.addr(), &mut bystander).await;
}

#[tokio::test]
async fn endless_heads_are_refused() {
    let server = open_server().await;
    let mut bystander = bystander(server.addr()).await;
    let many = (0..20_000).fold(Request::get("/push/stats"), |request, n| request.header(&format!("X-{n}"), "y"));
    let long = Request::get("/push/stats").header("X-Long", "y".repeat(4 << 20));
    let target = Request::get(&format!("/push/stats?{}", "y".repeat(1 << 20)));
    for request in [many, long, target] {
        if let Ok(answer) = request.try_send(server.addr()).await {
            assert!(matches!(answer.status(), 400 | 414 | 431), "{}", answer.status());
        }
    }
    assert_unharmed(server.addr(), &mut bystander).await;
}

#[tokio::test]
async fn memory_and_descriptors_come_back_after_a_crowd() {
    let server = open_server().await;
    let addr = server.addr();
    let mut bystander = bystander(addr).await;
    let crowd = |count: usize| async move {
        let mut open = Vec::new();
        for number in 0..count {
            let transport = Transport::ALL[number % Transport::ALL.len()];
            let channel = format!("crowd/{}", number % 50);
            open.push(Subscriber::open(transport, addr, &Options::channels([channel.as_str(), "crowd/*"])).await);
        }
        for number in 0..20 {
            Publish::new(&format!("crowd/{number}"), vec![b'x'; 20_000]).unretained().send(addr).await;
        }
        drop(open);
    };
    // Once to warm up what is kept for good (allocator arenas, thread stacks).
    crowd(300).await;
    let settled = || async { api::channels(addr, &[("prefix", "crowd/")], None).await };
    let nobody = |listed: &serde_json::Value| {
        listed["channels"].as_array().expect("a list").iter().all(|channel| channel["subscribers"] == 0)
    };
    api::eventually("the first crowd has left", || async { nobody(&settled().await) }).await;
    let (memory, descriptors) = (server.rss_kib(), server.descriptors());
    for _ in 0..5 {
        crowd(300).await;
        api::eventually("the crowd has left", || async { nobody(&settled().await) }).await;
    }
    api::eventually("every descriptor is given back", || async { server.descriptors() <= descriptors + 4 }).await;
    let grown = server.rss_kib().saturating_sub(memory);
    assert!(grown < 24 << 10, "{grown} KiB more than after the first of six crowds");
    assert_unharmed(addr, &mut bystander).await;
}
