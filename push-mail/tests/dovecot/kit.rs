use testkit::{Dovecot, DovecotConfig};

#[tokio::test]
async fn the_dovecot_of_the_tests_starts_delivers_and_starts_again() {
    let mut dovecot = Dovecot::start(DovecotConfig::new().hide(&["NOTIFY"])).await;
    let mut client = dovecot.client("alice").await;
    let capability = client.ok("CAPABILITY").await.join(" ");
    assert!(capability.contains(" QRESYNC") && !capability.contains(" NOTIFY"), "{capability}");
    dovecot.save("alice", "INBOX", b"Subject: one\r\n\r\nbody\r\n").await;
    dovecot.deliver("alice", b"Subject: two\r\n\r\nbody").await;
    client.append("INBOX", "Subject: three\r\n\r\nbody\r\n").await;
    assert!(client.ok("STATUS INBOX (MESSAGES)").await[0].ends_with("(MESSAGES 3)"));
    dovecot.reconfigure(DovecotConfig::new()).await;
    let mut client = dovecot.client("alice").await;
    let status = client.ok("STATUS INBOX (MESSAGES UIDVALIDITY)").await;
    assert!(status[0].contains("MESSAGES 3"), "{status:?}");
    dovecot.kill();
    assert!(client.rest().await.is_empty());
}
