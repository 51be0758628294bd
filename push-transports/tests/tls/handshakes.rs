//! Who gets in, and who does not.

use std::sync::Arc;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion};
use testkit::tls::{Authority, connect};
use tokio::io::AsyncWriteExt as _;

use crate::world::{Client, SHORT, Server, hello, until};

/// The beginning of a record that is to hold a ClientHello of 512 bytes (RFC 8446 §5.1), and of the message in it.
const BEGUN: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

#[tokio::test]
async fn both_versions_are_spoken_and_http_1_1_is_chosen() {
    let server = Server::start(hello(), |_| {});
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        for (offered, chosen) in [
            (&["http/1.1"][..], Some("http/1.1")),
            (&["h2", "http/1.1"], Some("http/1.1")),
            // RFC 7301 §3.1: who does not ask is not told.
            (&[], None),
        ] {
            let mut config = Arc::unwrap_or_clone(server.files.authority.client(&[version]));
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
            let mut client = Client(connect(server.addr, &Arc::new(config)).await.expect("it gets in"));
            client.greeted().await;
            let (_, session) = client.0.get_ref();
            assert_eq!(session.protocol_version(), Some(spoken));
            assert_eq!(session.alpn_protocol(), chosen.map(str::as_bytes));
        }
    }
}

/// RFC 7301 §3.2
#[tokio::test]
async fn who_speaks_none_of_our_protocols_is_refused() {
    let server = Server::start(hello(), |_| {});
    let mut config = Arc::unwrap_or_clone(server.files.authority.client(rustls::ALL_VERSIONS));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let refused = connect(server.addr, &Arc::new(config)).await.expect_err("it is not let in");
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    until("it is counted", || server.counters.handshakes_failed() == 1).await;
}

#[tokio::test]
async fn who_comes_back_resumes_its_session() {
    let server = Server::start(hello(), |_| {});
    for version in [&TLS12, &TLS13] {
        let config = server.files.authority.client(&[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let mut client = Client(connect(server.addr, &config).await.expect("it gets in"));
            // Tickets of TLS 1.3 come behind the handshake, before the answer.
            client.greeted().await;
            assert_eq!(client.0.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[tokio::test]
async fn who_does_not_believe_the_certificate_is_counted() {
    let server = Server::start(hello(), |_| {});
    let stranger = Authority::new().client(rustls::ALL_VERSIONS);
    let refused = connect(server.addr, &stranger).await.expect_err("it does not believe");
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    until("it is counted", || server.counters.handshakes_failed() == 1).await;
    server.client().await.greeted().await;
}

#[tokio::test]
async fn who_speaks_http_in_the_clear_is_told_in_the_clear() {
    let server = Server::start(hello(), |_| {});
    let mut client = server.plain().await;
    client.send("POST /push/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("\r\nConnection: close\r\n"), "{head}");
    let (body, end) = client.rest().await;
    assert!(end.is_ok() && body.starts_with(b"TLS is spoken here"), "{}", String::from_utf8_lossy(&body));
    drop(client);
    until("it has left", || server.counters.connections() == 0).await;
    assert_eq!(server.counters.handshakes_failed(), 1);
}

#[tokio::test]
async fn garbage_ends_its_own_connection_alone() {
    let server = Server::start(hello(), |_| {});
    let mut kept = server.client().await;
    kept.greeted().await;
    let mut garbage = vec![vec![0], b"\x80\x2e\x01\x03\x01".to_vec(), vec![0xff; 20_000]];
    // A record's length beyond RFC 8446 §5.1, and a record of another kind first.
    garbage.extend([vec![22, 3, 1, 0xff, 0xff, 1], vec![23, 3, 3, 0, 5, 1, 2, 3, 4, 5]]);
    let sent = garbage.len() as u64;
    for bytes in garbage {
        let mut client = server.plain().await;
        // It may be sent away before all is written.
        let _ = client.0.write_all(&bytes).await;
        let (said, _) = client.rest().await;
        // RFC 8446 §6: an alert at most.
        assert!(said.is_empty() || said[0] == 21, "{said:?}");
    }
    until("all are counted", || server.counters.handshakes_failed() == sent).await;
    kept.greeted().await;
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_ended() {
    let server = Server::start(hello(), |config| config.handshake_timeout = SHORT);
    for begun in [&[][..], &BEGUN[..1], &BEGUN] {
        let mut client = server.plain().await;
        client.send(begun).await;
        assert_eq!(client.rest().await.0, b"");
    }
    until("all have left", || server.counters.connections() == 0).await;
    assert_eq!(server.counters.handshakes_failed(), 3);
}

#[tokio::test]
async fn slow_handshakes_that_take_all_slots_do_not_keep_others_out() {
    let server = Server::start(hello(), |config| {
        config.max_handshakes = 4;
        config.handshake_timeout = Duration::from_secs(3600);
    });
    let mut slow = Vec::new();
    for _ in 0..12 {
        let mut client = server.plain().await;
        client.send(BEGUN).await;
        slow.push(client);
    }
    until("all are there", || server.counters.connections() == 12).await;
    for _ in 0..3 {
        server.client().await.greeted().await;
    }
    // With nobody behind them the rest may take their time.
    assert!(server.counters.handshakes_failed() >= 1);
}

#[tokio::test]
async fn silent_connections_take_no_slot() {
    let server = Server::start(hello(), |config| config.max_handshakes = 1);
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(server.plain().await);
    }
    until("all are there", || server.counters.connections() == 20).await;
    server.client().await.greeted().await;
    assert_eq!(server.counters.handshakes_failed(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_clients_get_in_at_once() {
    const CLIENTS: usize = 500;
    let server = Server::start(hello(), |config| config.max_handshakes = 16);
    let config = server.files.authority.client(rustls::ALL_VERSIONS);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (addr, config) = (server.addr, Arc::clone(&config));
        all.spawn(async move {
            let mut client = Client(connect(addr, &config).await.expect("it gets in"));
            client.greeted().await;
            client
        });
    }
    let held = all.join_all().await;
    assert_eq!(server.counters.connections(), CLIENTS);
    drop(held);
    until("all have left", || server.counters.connections() == 0).await;
}

#[tokio::test]
async fn one_too_many_is_closed_and_servers_that_share_counters_share_the_limit() {
    let server = Server::start(hello(), |config| config.max_connections = 2);
    let counters = server.counters.clone();
    let second = Server::start(hello(), |config| {
        config.max_connections = 2;
        config.counters = counters;
    });
    let mut held = (server.client().await, second.client().await);
    for server in [&server, &second] {
        assert_eq!(server.plain().await.rest().await.0, b"");
    }
    assert_eq!(server.counters.refused(), 2);
    held.0.greeted().await;
    held.1.greeted().await;
}
