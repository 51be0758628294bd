//! Who may: `mail/...` is granted by an account's readers alone (wire.md §7).

use serde_json::json;
use testkit::{Options, PushServer, Request, Subscriber, Transport};

use crate::world::{Maildir, account, launch, post};

const TOKENS: &str = r#"
[[token]]
secret = "alice-secret-of-some-length"
user = "alice"

[[token]]
secret = "boss-secret-of-some-length"
user = "boss"

[[token]]
secret = "eve-secret-of-some-length"
user = "eve"
subscribe = ["**", "mail/**"]
history = ["mail/**"]
admin = true
"#;

const ALICE: &str = "alice-secret-of-some-length";
const BOSS: &str = "boss-secret-of-some-length";
const EVE: &str = "eve-secret-of-some-length";

/// Accounts alice and bob; alice reads hers, boss reads both, eve none.
async fn guarded() -> (Maildir, Maildir, PushServer) {
    let (alice, bob) = (Maildir::new(), Maildir::new());
    let accounts = [account("alice", &alice.path(), &["alice", "boss"]), account("bob", &bob.path(), &["boss"])];
    let server = launch().config(&format!("{}{TOKENS}", accounts.concat())).start().await;
    (alice, bob, server)
}

async fn may_subscribe(server: &PushServer, token: &str, channel: &str) -> bool {
    let options = Options::channel(channel).token(token);
    match Subscriber::try_open(Transport::SseJson, server.addr(), &options).await {
        Ok(_) => true,
        Err(refusal) => {
            assert_eq!((refusal.status, refusal.code.as_deref()), (403, Some("forbidden")), "{channel}");
            false
        }
    }
}

#[tokio::test]
async fn channels_are_for_readers_whatever_else_is_granted() {
    let (alice, _bob, server) = guarded().await;
    for (channel, by_alice, by_boss) in [
        ("mail/alice/INBOX", true, true),
        ("mail/alice/$tree", true, true),
        ("mail/alice/*", true, true),
        ("mail/alice/**", true, true),
        ("mail/bob/INBOX", false, true),
        ("mail/*/INBOX", false, true),
        ("mail/**", false, true),
        ("mail/nobody/INBOX", false, false),
    ] {
        for (token, expected) in [(ALICE, by_alice), (BOSS, by_boss), (EVE, false)] {
            assert_eq!(may_subscribe(&server, token, channel).await, expected, "{token} {channel}");
        }
    }
    let options = Options::channel("mail/alice/INBOX").token(ALICE);
    let mut told = Subscriber::open(Transport::SseJson, server.addr(), &options).await;
    alice.deliver("INBOX", "One", "text");
    assert_eq!(told.publication().await.event, "mail.new");
    let history =
        async |token| Request::get("/push/history?channel=mail/alice/INBOX").bearer(token).send(server.addr()).await;
    assert_eq!(history(ALICE).await.status(), 200);
    assert_eq!(history(EVE).await.status(), 403);
}

#[tokio::test]
async fn calls_are_for_readers_and_the_account_is_the_logins_own_or_the_only_one() {
    let (_alice, _bob, server) = guarded().await;
    let folders = async |query: &str, token: Option<&str>| {
        let request = Request::get(&format!("/push/mail/folders{query}")).maybe_bearer(token);
        let response = request.send(server.addr()).await;
        let channel = (response.status() == 200).then(|| response.json()["folders"][0]["channel"].clone());
        (response.status(), channel)
    };
    assert_eq!(folders("", Some(ALICE)).await, (200, Some(json!("mail/alice/INBOX"))), "her own");
    assert_eq!(folders("?account=bob", Some(BOSS)).await, (200, Some(json!("mail/bob/INBOX"))));
    assert_eq!(folders("", Some(BOSS)).await.0, 400, "there are two");
    assert_eq!(folders("?account=bob", Some(ALICE)).await.0, 403);
    assert_eq!(folders("?account=nobody", Some(ALICE)).await.0, 403, "not even whether there is one");
    assert_eq!(folders("?account=alice", Some(EVE)).await.0, 403, "an administrator reads no mail");
    assert_eq!(folders("", None).await.0, 401);
    assert_eq!(folders("", Some("wrong")).await.0, 401);
    for call in ["sync", "ping", "content"] {
        let body = json!({"account": "alice", "device": "d", "folder": "1", "heartbeat_s": 60,
            "folders": [{"id": "1", "class": "Email"}], "timeout_s": 0});
        for (token, status) in [(None, 401), (Some("wrong"), 401), (Some(EVE), 403)] {
            let refused = post(server.addr(), call, &body, token).await;
            assert_eq!(refused.status(), status, "{call} {token:?}: {}", refused.text());
            assert_eq!(refused.problem(), if status == 401 { "unauthorized" } else { "forbidden" }, "{call} {token:?}");
        }
    }
}

#[tokio::test]
async fn devices_of_two_users_with_one_name_are_two() {
    let (alice, _bob, server) = guarded().await;
    alice.deliver("INBOX", "One", "text");
    let body = json!({"account": "alice", "device": "phone", "folder": "1", "sync_key": "0"});
    let key = post(server.addr(), "sync", &body, Some(ALICE)).await.json()["sync_key"].clone();
    let body = json!({"account": "alice", "device": "phone", "folder": "1", "sync_key": key});
    assert_eq!(post(server.addr(), "sync", &body, Some(BOSS)).await.json(), json!({"status": "bad_sync_key"}));
    assert_eq!(post(server.addr(), "sync", &body, Some(ALICE)).await.json()["status"], "ok");
}

#[tokio::test]
async fn an_account_that_nobody_can_read_is_told_at_the_start() {
    let maildir = Maildir::new();
    let config = format!("{}{TOKENS}", account("lonely", &maildir.path(), &["nobody"]));
    let server = launch().config(&config).start().await;
    let said = server.stderr();
    assert!(said.contains("nobody can read the mail account") && said.contains("lonely"), "{said}");
}
