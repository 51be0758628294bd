//! Who may read an account, on channels and calls.

use serde_json::json;
use testkit::http::Request;

use crate::world::{World, ping_of};

#[tokio::test]
async fn calls_are_for_the_readers_of_an_account_and_its_own_is_taken_if_none_is_named() {
    let world = World::with_users().await;
    let inbox = world.inbox().await;
    let sync = json!({"device": "d", "folder": "1"});
    let of_alice = json!({"device": "d", "folder": "1", "account": "alice"});
    for (token, body, status) in [
        (None, &sync, 401),
        (Some("wrong"), &sync, 401),
        (Some("eve"), &sync, 403),
        (Some("eve"), &of_alice, 403),
        (Some("bob"), &of_alice, 403),
        (Some("alice"), &sync, 200),
        (Some("alice"), &of_alice, 200),
        (Some("bob"), &sync, 200),
    ] {
        let response = world.respond(token, "sync", body).await;
        assert_eq!(response.status(), status, "{token:?} {body}");
    }
    world.deliver(inbox, "for alice").await;
    let ping = ping_of("d", 1, &[inbox]);
    assert_eq!(world.call_as(Some("alice"), "ping", &ping).await["status"], "changes");
    assert_eq!(world.call_as(Some("bob"), "ping", &ping).await["status"], "no_changes", "it is bob's own inbox");
    for (target, status) in [("folders", 401), ("folders?token=eve", 403), ("folders?token=bob&account=alice", 403)] {
        let response = Request::get(&format!("/push/mail/{target}")).send(world.addr).await;
        assert_eq!(response.status(), status, "{target}");
    }
}

#[tokio::test]
async fn channels_are_granted_by_the_readers_alone_and_nobody_writes_them() {
    let world = World::with_users().await;
    for (token, channel, status) in [
        ("alice", "mail/alice/INBOX", 200),
        ("alice", "mail/alice/*", 200),
        ("alice", "mail/alice/**", 200),
        ("alice", "mail/alice/$tree", 200),
        ("alice", "mail/bob/INBOX", 403),
        ("alice", "mail/**", 403),
        ("alice", "mail/*/INBOX", 403),
        ("alice", "mail/nobody/INBOX", 403),
        ("bob", "mail/alice/INBOX", 403),
        ("eve", "mail/alice/INBOX", 403),
    ] {
        let target = format!("/push/poll?channel={channel}&timeout=0&token={token}");
        let response = Request::get(&target).send(world.addr).await;
        assert_eq!(response.status(), status, "{token} {channel}");
    }
    let publish = Request::post("/push/publish?channel=mail/alice/INBOX&token=alice", "x").send(world.addr).await;
    assert_eq!(publish.status(), 403);
}

#[tokio::test]
async fn a_device_of_one_user_is_not_anothers() {
    let world = World::with_users().await;
    let body = json!({"device": "d", "folder": "1"});
    let key = world.call_as(Some("alice"), "sync", &body).await["sync_key"].clone();
    let stolen = json!({"device": "d", "folder": "1", "sync_key": key});
    assert_eq!(world.call_as(Some("bob"), "sync", &stolen).await, json!({"status": "bad_sync_key"}));
}
