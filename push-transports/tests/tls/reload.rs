//! Certificates that change while they are used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use push_transports::server::Tls;
use testkit::tls::{Authority, connect};

use crate::world::{Client, Files, Server, hello, until};

/// What a new connection is shown.
async fn shown(server: &Server) -> Vec<u8> {
    let client = server.client().await;
    let (_, session) = client.0.get_ref();
    session.peer_certificates().expect("there is one")[0].to_vec()
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid at some time of day")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_a_new_certificate_ends_no_connection_and_fails_no_handshake() {
    const CLIENTS: usize = 16;
    const RELOADS: usize = 20;
    let server = Server::start(hello(), |_| {});
    let config = server.files.authority.client(rustls::ALL_VERSIONS);
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut kept = server.client().await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (addr, config, stop, rounds) = (server.addr, Arc::clone(&config), Arc::clone(&stop), Arc::clone(&rounds));
        all.spawn(async move {
            while !stop.load(SeqCst) {
                let mut client = Client(connect(addr, &config).await.expect("it gets in"));
                client.greeted().await;
                client.greeted().await;
                rounds.fetch_add(1, SeqCst);
            }
        });
    }
    for _ in 0..RELOADS {
        let before = rounds.load(SeqCst);
        server.files.issue();
        server.tls.reload().expect("a pair");
        kept.greeted().await;
        until("others came meanwhile", || rounds.load(SeqCst) >= before + CLIENTS).await;
    }
    stop.store(true, SeqCst);
    all.join_all().await;
    assert_eq!((server.counters.handshakes_failed(), server.tls.reload_failures()), (0, 0));
}

#[tokio::test]
async fn files_that_change_are_read_without_being_told() {
    let server = Server::start(hello(), |_| {});
    let watching = tokio::spawn(server.tls.clone().watch(Duration::from_millis(20)));
    let first = shown(&server).await;
    let issued = server.files.authority.issue_until("127.0.0.1", now() + Duration::from_secs(3600));
    let before = server.tls.not_after();
    issued.write(&server.files.certificate(), &server.files.key());
    until("it is read", || server.tls.not_after() != before).await;
    assert_ne!(shown(&server).await, first);
    // Files that do not change are not read again.
    let unread = server.tls.reload_failures();
    std::fs::write(server.files.key(), "no key").expect("written");
    until("it is tried", || server.tls.reload_failures() == unread + 1).await;
    tokio::time::pause(); // ten looks in which nothing may happen, as fast as they are done
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.tls.reload_failures(), unread + 1);
    watching.abort();
}

#[tokio::test]
async fn what_cannot_be_used_leaves_the_old_one_and_says_why() {
    let server = Server::start(hello(), |_| {});
    let first = shown(&server).await;
    let (certificate, key) = (server.files.certificate(), server.files.key());
    let good = (std::fs::read(&certificate).expect("read"), std::fs::read(&key).expect("read"));
    let other = server.files.authority.issue("127.0.0.1");
    let expired = server.files.authority.issue_until("127.0.0.1", now() - Duration::from_secs(60));
    let long = "-".repeat((1 << 20) + 1);
    let cases: [(&str, &str, &str); 7] = [
        ("", &other.key, "there is no certificate in "),
        (&other.certificate, "", "there is no private key in "),
        (&other.certificate, &expired.key, "does not belong to the certificate in "),
        (&expired.certificate, &expired.key, "is not valid today: from "),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &other.key,
            "cert.pem is not what it is to be",
        ),
        (&other.certificate, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key.pem is not what"),
        (&long, &other.key, "cert.pem is larger than 1048576 bytes"),
    ];
    for (failures, (chain, private, why)) in (1..).zip(cases) {
        std::fs::write(&certificate, chain).expect("written");
        std::fs::write(&key, private).expect("written");
        let error = server.tls.reload().expect_err(why).to_string();
        assert!(error.contains(why), "{error}\n  not: {why}");
        assert_eq!(server.tls.reload_failures(), failures);
        assert_eq!(shown(&server).await, first);
    }
    std::fs::write(&certificate, good.0).expect("written");
    std::fs::remove_file(&key).expect("it was there");
    let error = server.tls.reload().expect_err("it is gone").to_string();
    assert!(error.contains("key.pem cannot be read"), "{error}");
    std::fs::write(&key, good.1).expect("written");
    server.tls.reload().expect("the first one again");
    assert_eq!(shown(&server).await, first);
}

#[tokio::test]
async fn at_the_start_an_expired_certificate_is_taken_and_a_wrong_pair_is_not() {
    let files = Files::new();
    let expired = files.authority.issue_until("127.0.0.1", now() - Duration::from_secs(60));
    expired.write(&files.certificate(), &files.key());
    assert!(files.tls().not_after() < now());
    std::fs::write(files.key(), Authority::new().issue("127.0.0.1").key).expect("written");
    let error = Tls::from_files(files.certificate(), files.key()).expect_err("they do not fit");
    assert!(error.to_string().contains("does not belong"), "{error}");
}
