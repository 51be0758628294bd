//! The ten lines.

use testkit::{Options, Publish, Request, Subscriber, Transport};

const BINARY: &str = env!("CARGO_BIN_EXE_embed");

#[tokio::test]
async fn ticks_arrive_one_after_another_beside_the_applications_own_routes() {
    let server = super::start(BINARY, &[]).await;
    let own = Request::get("/").send(server.addr()).await;
    assert_eq!((own.status(), own.text().as_str()), (200, "my application\n"));

    let from_the_first = Options::channel("clock").since("start");
    for transport in [Transport::SseRaw, Transport::Ndjson, Transport::Poll] {
        let mut clock = Subscriber::open(transport, server.addr(), &from_the_first).await;
        for expected in ["tick 1", "tick 2", "tick 3"] {
            assert_eq!(clock.publication().await.text(), expected, "{transport:?}");
        }
    }
}

#[tokio::test]
async fn what_curl_publishes_is_heard_between_the_ticks() {
    let server = super::start(BINARY, &[]).await;
    let mut clock = Subscriber::open(Transport::SseRaw, server.addr(), &Options::channel("clock")).await;
    Publish::new("clock", "hello").media_type("application/x-www-form-urlencoded").send(server.addr()).await;
    let mut heard = clock.publication().await.text();
    while heard.starts_with("tick ") {
        heard = clock.publication().await.text();
    }
    assert_eq!(heard, "hello");
    assert!(server.stdout().contains("/push/sse?channel=clock"), "says where to curl: {}", server.stdout());
}
