//! A mailbox beside its phone.

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Options, PushServer, Request, Subscriber, Transport};

const BINARY: &str = env!("CARGO_BIN_EXE_mail");

async fn hear(server: &PushServer, channel: &str) -> Subscriber {
    Subscriber::open(Transport::SseJson, server.addr(), &Options::channel(channel).last(50)).await
}

/// The phone knows its mailbox, and waits: what comes now is news to it.
async fn phone_waits(server: &PushServer) {
    testkit::api::eventually("the phone waits", || async {
        let known = Request::get("/push/mail/devices").send(server.addr()).await.text();
        let known: Value = serde_json::from_str(&known).expect("JSON");
        known["devices"][0]["pings"]["waiting"] == true
    })
    .await;
}

fn drop_mail(maildir: &Path, name: &str, subject: &str) {
    fs::write(maildir.join("tmp").join(name), format!("Subject: {subject}\n\nsome text\n")).expect("written");
    fs::rename(maildir.join("tmp").join(name), maildir.join("new").join(name)).expect("moved");
}

#[tokio::test]
async fn it_makes_its_maildir_and_a_dropped_mail_is_published_and_ends_the_ping_of_the_phone() {
    let dir = tempfile::tempdir().expect("a directory");
    let maildir = dir.path().join("Maildir");
    let server = super::start(BINARY, &[&maildir]).await;
    let mut inbox = hear(&server, "mail/me/INBOX").await;
    let mut pings = hear(&server, "pings").await;
    phone_waits(&server).await;
    drop_mail(&maildir, "1.one.test", "Lunch?");
    let heard = inbox.publication().await;
    let data: Value = serde_json::from_slice(&heard.data).expect("JSON");
    assert_eq!((heard.event.as_str(), &data["subject"]), ("mail.new", &"Lunch?".into()));
    assert_eq!(data["preview"].as_str().map(str::trim), Some("some text"));
    let entry: Value = serde_json::from_slice(&pings.publication().await.data).expect("JSON");
    assert_eq!((&entry["ping"]["asked_ms"], &entry["ping"]["end"]["kind"]), (&15_000.into(), &"changed".into()));
    assert_eq!((&entry["ping"]["next_ms"], &entry["why"]), (&15_000.into(), &"the same".into()));
}

#[tokio::test]
async fn the_carrier_keeps_silent_and_the_phone_finds_what_it_allows() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = super::start(BINARY, &[&dir.path().join("Maildir")]).await;
    let mut pings = hear(&server, "pings").await;
    for (asked_ms, kind, next_ms) in [(15_000, "timed_out", 8_000), (8_000, "expired", 12_000)] {
        let entry: Value = serde_json::from_slice(&pings.publication().await.data).expect("JSON");
        let ping = &entry["ping"];
        let seen = (ping["asked_ms"].as_u64(), ping["end"]["kind"].as_str(), ping["next_ms"].as_u64());
        assert_eq!(seen, (Some(asked_ms), Some(kind), Some(next_ms)));
    }
}

#[tokio::test]
async fn the_line_that_it_prints_delivers_a_mail() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = super::start(BINARY, &[&dir.path().join("Maildir")]).await;
    let mut inbox = hear(&server, "mail/me/INBOX").await;
    let line = Request::get("/maildir").send(server.addr()).await.text();
    let shell = std::process::Command::new("sh").arg("-c").arg(line).status().expect("a shell");
    assert!(shell.success());
    let data: Value = serde_json::from_slice(&inbox.publication().await.data).expect("JSON");
    assert_eq!((&data["subject"], &data["from"]), (&"Lunch?".into(), &"Ada <ada@example.org>".into()));
}
