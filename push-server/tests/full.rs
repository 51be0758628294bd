//! A server that has as many subscribers as it may: each transport is told in its own words, and everything else goes on.

use testkit::process::Launch;
use testkit::{Item, Options, PushServer, Refusal, Request, Subscriber, Transport, api, publish, ws::Client};

const TOO_MANY: u16 = 3002;

async fn start(config: &str) -> PushServer {
    Launch::new(env!("CARGO_BIN_EXE_push-server")).config(config).start().await
}

/// Takes `count` places with streams that were opened.
async fn fill(server: &PushServer, count: usize) -> Vec<Subscriber> {
    let mut held = Vec::with_capacity(count);
    for _ in 0..count {
        held.push(Subscriber::open(Transport::Ndjson, server.addr(), &Options::channel("held")).await);
    }
    held
}

/// What `transport` is told by a server that is full, as its ending or its refusal.
async fn turned_away(server: &PushServer, transport: Transport) -> Result<Item, Refusal> {
    let mut subscriber = Subscriber::try_open(transport, server.addr(), &Options::channel("more")).await?;
    if matches!(transport, Transport::SseJson | Transport::SseRaw) {
        assert!(subscriber.opened().retry_ms.is_some(), "{transport:?}: when to come back");
        assert_eq!(subscriber.opened().cursor, None, "{transport:?}: nothing was subscribed");
    }
    let told = subscriber.next().await;
    assert_eq!(subscriber.next().await, Item::End, "{transport:?}");
    Ok(told)
}

fn assert_ending(transport: Transport, told: Item) {
    let close = told.close();
    assert_eq!((close.code, close.reconnect), (TOO_MANY, Some(true)), "{transport:?}: {close:?}");
    assert!(close.retry_ms.is_some(), "{transport:?}: {close:?}");
}

#[tokio::test]
async fn each_transport_is_refused_in_its_own_words_and_let_in_once_there_is_room() {
    let server = start("max_subscribers = 3\n").await;
    let addr = server.addr();
    let mut held = fill(&server, 2).await;
    // A WebSocket that has subscribed nothing takes a place as well.
    let bare = Client::bare(addr).await;
    for transport in Transport::ALL {
        match (transport, turned_away(&server, transport).await) {
            (Transport::SseJson | Transport::SseRaw | Transport::WsRaw, Ok(told)) => assert_ending(transport, told),
            (Transport::WsJson, Err(refusal)) => {
                assert_eq!(refusal.status, TOO_MANY, "{refusal:?}");
                assert!(refusal.detail.contains("\"reconnect\":true"), "{refusal:?}");
            }
            (_, Err(refusal)) => {
                assert_eq!(refusal.status, 429, "{transport:?}: {refusal:?}");
                assert_eq!(refusal.code.as_deref(), Some("too_many_connections"), "{transport:?}");
                let after = refusal.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
                assert!(after.is_some_and(|(_, value)| value.parse::<u32>().is_ok()), "{transport:?}: {refusal:?}");
            }
            (_, Ok(told)) => panic!("{transport:?} was let in or told {told:?}"),
        }
    }
    publish::text(addr, "held", "still served").await;
    for subscriber in &mut held {
        assert_eq!(subscriber.publication().await.text(), "still served");
    }
    drop((held, bare));
    for transport in Transport::RESUMABLE {
        api::eventually("a place is free", || async move {
            let tried = Subscriber::try_open(transport, addr, &Options::channel("more")).await;
            tried.is_ok_and(|subscriber| subscriber.opened().cursor.is_some())
        })
        .await;
    }
}

#[tokio::test]
async fn some_connections_are_kept_for_refusals_and_for_requests_that_pass() {
    for (config, is_lowered) in
        [("max_connections = 64\n", false), ("max_connections = 64\nmax_subscribers = 64\n", true)]
    {
        let server = start(config).await;
        let held = fill(&server, 60).await;
        assert_ending(Transport::SseJson, turned_away(&server, Transport::SseJson).await.expect("an ending"));
        assert_eq!(Request::get("/healthz").send(server.addr()).await.status(), 200);
        drop(held);
        let is_told = || server.stderr().contains("'max_subscribers' is too close");
        if is_lowered {
            api::eventually("the operator is told", || async { is_told() }).await;
        }
        assert_eq!(is_told(), is_lowered, "{}", server.stderr());
    }
}
