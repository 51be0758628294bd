//! push-server over mailboxes of a real Dovecot. They need Dovecot, which `./test` installs; `./test --quick` leaves them out.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::dovecot::{Dovecot, DovecotConfig, PASSWORD};
use testkit::process::Launch;
use testkit::{Options, PushServer, Request, Subscriber, Transport};

/// A server with one account, of that kind and with these keys besides.
async fn serve(dovecot: &Dovecot, kind: &str, keys: &str) -> PushServer {
    serve_with(dovecot, kind, "", keys).await
}

/// The same with these keys of `[mail]` besides.
async fn serve_with(dovecot: &Dovecot, kind: &str, of_mail: &str, keys: &str) -> PushServer {
    let addr = if kind == "imap" { dovecot.imap_addr() } else { dovecot.pop3_addr() };
    let config = format!(
        "[mail]\nheartbeat_min_s = 1\n{of_mail}[[mail.account]]\nname = \"alice\"\nkind = \"{kind}\"\n\
         url = \"{kind}://{addr}\"\nuser = \"alice\"\n{keys}\n"
    );
    Launch::new(env!("CARGO_BIN_EXE_push-server")).config(&config).start().await
}

async fn call(server: &PushServer, call: &str, body: &Value) -> Value {
    let response = Request::post(&format!("/push/mail/{call}"), body.to_string()).send(server.addr()).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()
}

async fn inbox(server: &PushServer) -> String {
    let response = Request::get("/push/mail/folders").send(server.addr()).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    let folders = response.json()["folders"].as_array().expect("a list").clone();
    let inbox = folders.iter().find(|folder| folder["type"] == "inbox").expect("an inbox");
    inbox["id"].as_str().expect("an id").to_owned()
}

/// Waits until `count` pings wait.
async fn parked(server: &PushServer, count: u32) {
    let line = format!("push_mail_pings_waiting {count}");
    let addr = server.addr();
    let is_told = async || Request::get("/metrics").send(addr).await.text().lines().any(|told| told == line);
    testkit::api::eventually(&line, is_told).await;
}

/// The whole of Direct Push over a mailbox: list, sync, wait, be told, sync; and its channel.
async fn waits_for_mail(dovecot: &Dovecot, server: &PushServer) {
    dovecot.deliver("alice", b"Subject: before\r\n\r\ntext\r\n").await;
    let inbox = inbox(server).await;
    let sync = |key: &str| json!({"device": "phone", "folder": inbox, "sync_key": key});
    let first = call(server, "sync", &sync("0")).await;
    assert_eq!(first["changes"][0]["subject"], "before", "{first}");
    let body = json!({"device": "phone", "heartbeat_s": 600, "folders": [{"id": inbox, "class": "Email"}]});
    let addr = server.addr();
    let ping = tokio::spawn(async move { Request::post("/push/mail/ping", body.to_string()).send(addr).await.json() });
    parked(server, 1).await;
    let channel = Options::channel("mail/alice/INBOX");
    let mut told = Subscriber::open(Transport::SseJson, server.addr(), &channel).await;
    dovecot.deliver("alice", b"From: bob@example.org\r\nSubject: after\r\n\r\nthe text of it\r\n").await;
    assert_eq!(ping.await.expect("answered"), json!({"status": "changes", "folders": [inbox]}));
    let second = call(server, "sync", &sync(first["sync_key"].as_str().expect("a key"))).await;
    assert_eq!(second["changes"][0]["subject"], "after", "{second}");
    let published: Value = serde_json::from_slice(&told.publication().await.data).expect("JSON");
    assert_eq!(published["subject"], "after", "{published}");
    assert_eq!(published["preview"].as_str().map(str::trim), Some("the text of it"), "{published}");
}

#[tokio::test]
async fn an_imap_account_with_its_password_in_a_file() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let dir = tempfile::tempdir().expect("a directory");
    let file: PathBuf = dir.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).expect("written");
    let server = serve(&dovecot, "imap", &format!("password_file = {file:?}")).await;
    waits_for_mail(&dovecot, &server).await;
}

/// How many IMAP connections Dovecot has.
async fn connections(dovecot: &Dovecot) -> usize {
    dovecot.doveadm(&["who", "-1"], b"").await.lines().filter(|line| line.contains("imap")).count()
}

#[tokio::test]
async fn a_hooked_account_is_told_by_dovecot_and_holds_no_connection_while_it_waits() {
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    let keys = format!("password = {PASSWORD:?}\nhooked = true\nkeep_s = 0");
    let server = serve_with(&dovecot, "imap", "hook_token = \"a-long-secret\"\n", &keys).await;
    let config = format!(
        "mail_plugins = mail_lua notify push_notification push_notification_lua\nplugin {{\n\
         push_notification_driver = lua:file={{dir}}/push.lua\n\
         push_hook_url = http://{}/push/mail/hook/dovecot\npush_hook_token = a-long-secret\n}}",
        server.addr()
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dovecot/push.lua");
    std::fs::copy(script, dovecot.dir().join("push.lua")).expect("copied");
    dovecot.reconfigure(DovecotConfig::new().extra(&config)).await;
    let inbox = inbox(&server).await;
    let addr = server.addr();
    let body = json!({"device": "phone", "heartbeat_s": 600, "folders": [{"id": inbox, "class": "Email"}]});
    let ping = tokio::spawn(async move { Request::post("/push/mail/ping", body.to_string()).send(addr).await.json() });
    parked(&server, 1).await;
    testkit::api::eventually("nobody is connected", async || connections(&dovecot).await == 0).await;
    dovecot.deliver("alice", b"Subject: told by the hook\r\n\r\ntext\r\n").await;
    assert_eq!(ping.await.expect("answered"), json!({"status": "changes", "folders": [inbox]}));
    for (token, body, status) in [
        (None, r#"{"user":"alice","event":"MessageNew","folder":"INBOX"}"#, 401),
        (Some("wrong"), r#"{"user":"alice","event":"MessageNew","folder":"INBOX"}"#, 401),
        (Some("a-long-secret"), r#"{"user":"nobody","event":"MessageNew","folder":"INBOX"}"#, 204),
        (Some("a-long-secret"), "{}", 400),
    ] {
        let request = Request::post("/push/mail/hook/dovecot", body).maybe_bearer(token);
        assert_eq!(request.send(addr).await.status(), status, "{token:?} {body}");
    }
}

#[tokio::test]
async fn a_pop3_account_that_is_polled_each_second() {
    let dovecot = Dovecot::start(DovecotConfig::new()).await;
    let keys = format!("password = {PASSWORD:?}\npoll_min_s = 1\npoll_max_s = 1");
    let server = serve(&dovecot, "pop3", &keys).await;
    waits_for_mail(&dovecot, &server).await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_keeps_nobody_from_starting_and_is_told_as_such() {
    let mut dovecot = Dovecot::start(DovecotConfig::new()).await;
    dovecot.stop();
    let config = format!("password = {PASSWORD:?}\nretry_max_s = 1");
    let server = serve(&dovecot, "imap", &config).await;
    let away = Request::get("/push/mail/folders").send(server.addr()).await;
    assert_eq!((away.status(), away.problem().as_str()), (503, "storage"));
    dovecot.restart().await;
    testkit::api::eventually("it is asked again", async || {
        Request::get("/push/mail/folders").send(server.addr()).await.status() == 200
    })
    .await;
    waits_for_mail(&dovecot, &server).await;
}
