//! Connections under TLS: what rustls keeps of each, beside what is kept in the clear.

use testkit::api;
use testkit::tls::{Authority, connect};

use crate::clients::Kind;
use crate::measure::Measured;

const CONNECTIONS: usize = 1_000;

/// What the first connections of a process load and allocate is not theirs.
const WARM_UP: usize = 200;

async fn bytes_each(kind: Kind, lots: usize) -> u64 {
    let (authority, dir) = (Authority::new(), tempfile::tempdir().expect("a directory"));
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    authority.issue("127.0.0.1").write(&cert, &key);
    let doors = format!("[tls]\ncert = {cert:?}\nkey = {key:?}\nlisten = \"127.0.0.1:0\"\n");
    let measured = Measured::start_with(lots, &doors).await;
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
    println!("TLS, {lots} lots, {kind:?}: {each} bytes each");
    each
}

/// In lots.
const LOTS: usize = 2;

/// Of a session 3,250 bytes are rustls': 1,088 of itself, two ciphers of 560, 640 of a list that handshakes use, and secrets.
/// Some of that comes out of what the warm-up has left.
#[tokio::test]
async fn what_waits_over_tls_in_a_lot_stays_within_3300_bytes() {
    for kind in [Kind::Ws, Kind::Sse, Kind::Poll, Kind::KeptAlive] {
        assert!(bytes_each(kind, LOTS).await <= 3_300, "{kind:?}");
    }
}

/// With what is remembered of the device.
#[tokio::test]
async fn a_device_that_waits_for_mail_over_tls_stays_within_4200_bytes() {
    assert!(bytes_each(Kind::Ping, LOTS).await <= 4_200);
}

#[tokio::test]
async fn a_stream_over_tls_with_a_task_of_its_own_stays_within_18_kib() {
    assert!(bytes_each(Kind::Sse, 0).await <= 18 << 10);
}

#[tokio::test]
async fn a_websocket_over_tls_with_a_task_of_its_own_stays_within_7_kib() {
    assert!(bytes_each(Kind::Ws, 0).await <= 7 << 10);
}
