//! A task for each connection, with what rustls keeps of it.

use testkit::api;
use testkit::tls::{Authority, connect};

use crate::clients::Kind;
use crate::measure::Measured;

const CONNECTIONS: usize = 1_000;

/// What the first connections of a process load and allocate is not theirs.
const WARM_UP: usize = 200;

async fn bytes_each(kind: Kind) -> u64 {
    let (authority, dir) = (Authority::new(), tempfile::tempdir().expect("a directory"));
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    authority.issue("127.0.0.1").write(&cert, &key);
    let doors = format!("[tls]\ncert = {cert:?}\nkey = {key:?}\nlisten = \"127.0.0.1:0\"\n");
    let measured = Measured::start_with(0, &doors).await;
    let told = || measured.server.stdout().split("listening on https://").nth(1)?.trim().parse().ok();
    api::eventually("it says where", || async { told().is_some() }).await;
    let addr = told().expect("it was said just now");
    let config = authority.client(rustls::ALL_VERSIONS);
    let open = async |count: usize| {
        let mut held = Vec::with_capacity(count);
        for _ in 0..count {
            held.push(kind.begin(connect(addr, &config).await.expect("it gets in")).await);
        }
        held
    };
    drop(open(WARM_UP).await);
    measured.becomes("push_connections", 1..=1).await;
    let before = measured.settled().await;
    let _held = open(CONNECTIONS).await;
    let waiting = if kind == Kind::Ping { "push_mail_pings_waiting" } else { "push_connections" };
    measured.becomes(waiting, CONNECTIONS..=CONNECTIONS + 1).await;
    let each = measured.settled().await.saturating_sub(before) / CONNECTIONS as u64;
    println!("TLS, {kind:?}: {each} bytes each");
    each
}

#[tokio::test]
async fn what_waits_over_tls_stays_within_28_kib() {
    for kind in [Kind::Sse, Kind::Ping] {
        assert!(bytes_each(kind).await <= 28 << 10, "{kind:?}");
    }
}

#[tokio::test]
async fn an_idle_websocket_over_tls_stays_within_12_kib() {
    assert!(bytes_each(Kind::Ws).await <= 12 << 10);
}
