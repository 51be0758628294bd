//! The end of a process, and what the next one knows.

use serde_json::json;
use testkit::{PushServer, Request};

use crate::world::{Maildir, call, id, launch, parked, ping, ping_of, subjects, sync};

async fn durable(maildir: &Maildir) -> PushServer {
    let data = maildir.data();
    launch().config(&maildir.config()).arg("--data").arg(data.to_str().expect("UTF-8")).start().await
}

#[tokio::test]
async fn after_a_kill_keys_and_ping_parameters_hold_and_what_happened_meanwhile_is_told() {
    let maildir = Maildir::new();
    let server = durable(&maildir).await;
    let inbox = id(server.addr(), "INBOX").await;
    let (read, gone) = (maildir.deliver("INBOX", "read", "text"), maildir.deliver("INBOX", "gone", "text"));
    let (key, changes) = sync(server.addr(), "phone", &inbox, "0").await;
    assert_eq!(changes.len(), 2);
    let uid = |subject: &str| changes.iter().find(|change| change["subject"] == subject).expect("told")["uid"].clone();
    let waits = ping(server.addr(), ping_of("phone", 600, &[&inbox]));
    parked(server.addr(), 1).await;

    let server = server.restart().await;
    assert!(waits.await.is_err(), "its connection is cut");
    let addr = server.addr();
    let empty = tokio::spawn(async move { Request::post("/push/mail/ping", "").send(addr).await });
    parked(server.addr(), 1).await;
    maildir.mark("INBOX", &read, "S");
    assert_eq!(empty.await.expect("answered").json(), json!({"status": "changes", "folders": [inbox]}));

    // It is down while all this happens.
    let mut server = server;
    server.terminate();
    server.ended().await;
    maildir.delete("INBOX", &gone);
    maildir.deliver("INBOX", "new", "text");
    maildir.make("Fresh");
    let server = durable(&maildir).await;
    let (_, changes) = sync(server.addr(), "phone", &inbox, &key).await;
    let mut told: Vec<_> = changes.iter().map(|change| (change["kind"].as_str(), change["uid"].clone())).collect();
    told.retain(|(kind, _)| *kind != Some("new"));
    told.sort_by_key(|(kind, _)| *kind);
    assert_eq!(told, [(Some("changed"), uid("read")), (Some("deleted"), uid("gone"))]);
    assert_eq!(subjects(&changes.iter().filter(|c| c["kind"] == "new").cloned().collect::<Vec<_>>()), ["new"]);
    assert_eq!(id(server.addr(), "INBOX").await, inbox, "ids are for ever");
    assert_ne!(id(server.addr(), "Fresh").await, inbox);
}

#[tokio::test]
async fn what_a_killed_server_had_promised_the_next_one_keeps_time_after_time() {
    let maildir = Maildir::new();
    let mut server = durable(&maildir).await;
    let inbox = id(server.addr(), "INBOX").await;
    let mut key = "0".to_owned();
    for round in 0..5 {
        let subject = format!("mail {round}");
        maildir.deliver("INBOX", &subject, "text");
        let (next, changes) = sync(server.addr(), "phone", &inbox, &key).await;
        assert_eq!(subjects(&changes), [subject]);
        server = server.restart().await;
        let (again, repeated) = sync(server.addr(), "phone", &inbox, &key).await;
        assert_eq!(repeated, changes, "its answer may have been lost");
        server = server.restart().await;
        drop(next);
        key = again;
    }
}

#[tokio::test]
async fn without_a_directory_devices_begin_again() {
    let maildir = Maildir::new();
    let server = launch().config(&maildir.config()).start().await;
    let inbox = id(server.addr(), "INBOX").await;
    maildir.deliver("INBOX", "One", "text");
    let (key, _) = sync(server.addr(), "phone", &inbox, "0").await;
    let server = server.restart().await;
    let body = json!({"device": "phone", "folder": inbox, "sync_key": key});
    assert_eq!(call(server.addr(), "sync", &body).await, json!({"status": "bad_sync_key"}));
    let empty = Request::post("/push/mail/ping?device=phone", "").send(server.addr()).await;
    assert_eq!(empty.json()["status"], "parameters_missing");
    let (_, changes) = sync(server.addr(), "phone", &inbox, "0").await;
    assert_eq!(subjects(&changes), ["One"]);
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_answers_the_pings_that_wait() {
    let maildir = Maildir::new();
    let mut server = launch().config(&maildir.config()).start().await;
    let inbox = id(server.addr(), "INBOX").await;
    let waits: Vec<_> = ["a", "b"].map(|device| ping(server.addr(), ping_of(device, 600, &[&inbox]))).into();
    parked(server.addr(), 2).await;
    server.terminate();
    for ping in waits {
        assert_eq!(ping.await.expect("answered"), json!({"status": "no_changes"}));
    }
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
}

#[tokio::test]
async fn two_servers_do_not_share_a_directory() {
    let maildir = Maildir::new();
    let _server = durable(&maildir).await;
    let data = maildir.data();
    let second = launch().config(&maildir.config()).arg("--data").arg(data.to_str().expect("UTF-8")).run().await;
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert!(second.stderr.contains("mail.redb") && second.stderr.contains("'data'"), "{}", second.stderr);
}
