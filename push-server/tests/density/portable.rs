//! A task for each connection.

use testkit::api;

use crate::clients::Kind;
use crate::measure::Measured;

const CONNECTIONS: usize = 2_000;

async fn bytes_each(kind: Kind) -> u64 {
    let measured = Measured::start(0).await;
    let addr = measured.server.addr();
    let before = measured.settled().await;
    let _held = kind.open_many(addr, CONNECTIONS).await;
    api::eventually("all are parked", || async { api::stats(addr, None).await["connections"]["total"] == CONNECTIONS })
        .await;
    let each = measured.settled().await.saturating_sub(before) / CONNECTIONS as u64;
    println!("portable, {kind:?}: {each} bytes each");
    each
}

#[tokio::test]
async fn an_idle_stream_and_a_parked_poll_stay_within_24_kib() {
    for kind in [Kind::Sse, Kind::Stream, Kind::Poll] {
        assert!(bytes_each(kind).await <= 24 << 10, "{kind:?}");
    }
}

#[tokio::test]
async fn an_idle_websocket_stays_within_6_kib() {
    assert!(bytes_each(Kind::Ws).await <= 6 << 10);
}
