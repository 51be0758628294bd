//! `folders` and `sync`.

use push_mail::store::{Command, Flags, MailStore as _};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn folders_have_ids_paths_types_classes_and_channels() {
    let world = World::new().await;
    world.make_folder("Lists/Rust").await;
    let expected = json!({"folders": [
        {"id": "1", "path": "INBOX", "type": "inbox", "class": "Email", "channel": "mail/alice/INBOX"},
        {"id": "2", "path": "Lists/Rust", "type": "mail", "class": "Email", "channel": "mail/alice/Lists%2FRust"},
    ]});
    assert_eq!(world.folders().await, expected);
}

#[tokio::test]
async fn a_device_is_told_what_is_new_changed_and_deleted_since_its_key() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let first = world.deliver(inbox, "one").await;
    let second = world.deliver(inbox, "two").await;
    let (key, all) = world.sync_all("d", inbox, "0".to_owned()).await;
    let expected = json!({
        "kind": "new", "uid": first, "modseq": 1, "class": "Email", "flags": [], "from": "Bob <bob@example.org>",
        "subject": "one", "preview": "Hello Alice, how are you?", "size": 84
    });
    assert_eq!(all[0]["subject"], expected["subject"]);
    assert_eq!((all.len(), all[1]["uid"].as_u64()), (2, Some(second.0)));
    let mark = Command::Mark { folder: inbox, uid: first, add: Flags::SEEN, remove: Flags::default() };
    world.alice.apply(mark).await.expect("marked");
    world.alice.apply(Command::Delete { folder: inbox, uid: second }).await.expect("deleted");
    let (next, all) = world.sync_all("d", inbox, key.clone()).await;
    assert_ne!(next, key);
    let kinds: Vec<_> = all.iter().map(|item| (item["kind"].as_str(), item["uid"].as_u64())).collect();
    assert_eq!(kinds, [(Some("changed"), Some(first.0)), (Some("deleted"), Some(second.0))]);
    assert_eq!(all[0]["flags"], json!(["seen"]));
    let (same, none) = world.sync_all("d", inbox, next.clone()).await;
    assert_eq!((same, none.len()), (next, 0), "nothing happened: the key stays");
}

#[tokio::test]
async fn a_lost_answer_is_given_again_and_an_older_key_is_refused() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let (empty, _) = world.sync_all("d", inbox, "0".to_owned()).await;
    world.deliver(inbox, "one").await;
    let (lost, first) = world.sync_all("d", inbox, empty.clone()).await;
    world.deliver(inbox, "two").await;
    let (again, both) = world.sync_all("d", inbox, empty.clone()).await;
    assert_eq!((first.len(), both.len()), (1, 2));
    let sync = |key: &str| json!({"device": "d", "folder": inbox.to_string(), "sync_key": key});
    assert_eq!(world.call("sync", &sync(&lost)).await, json!({"status": "bad_sync_key"}));
    let (_, none) = world.sync_all("d", inbox, again).await;
    assert!(none.is_empty());
    assert_eq!(world.call("sync", &sync("nonsense")).await, json!({"status": "bad_sync_key"}));
}

#[tokio::test]
async fn many_changes_come_in_windows() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    for n in 0..7 {
        world.deliver(inbox, &n.to_string()).await;
    }
    let mut key = "0".to_owned();
    let mut sizes = Vec::new();
    loop {
        let body = json!({"device": "d", "folder": inbox.to_string(), "sync_key": key, "window": 3});
        let answer = world.call("sync", &body).await;
        sizes.push(answer["changes"].as_array().map_or(0, Vec::len));
        key = answer["sync_key"].as_str().expect("a key").to_owned();
        if answer["more"] == false {
            break;
        }
    }
    assert_eq!(sizes, [3, 3, 1]);
}

#[tokio::test]
async fn what_is_not_understood_is_told() {
    let world = World::new().await;
    for (body, status) in [
        (json!({"folder": "1"}), 400),
        (json!({"device": "d"}), 400),
        (json!({"device": "", "folder": "1"}), 400),
        (json!({"device": "d", "folder": ""}), 400),
        (json!({"device": "d", "folder": "1", "window": 0}), 400),
        (json!({"device": "d", "folder": "1", "account": "nobody"}), 400),
        (json!([1]), 400),
    ] {
        let response = world.respond(None, "sync", &body).await;
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }
    let unknown = json!({"device": "d", "folder": "99"});
    assert_eq!(world.call("sync", &unknown).await, json!({"status": "folders_stale"}));
    let get = testkit::http::Request::get("/push/mail/sync").send(world.addr).await;
    assert_eq!((get.status(), get.header("allow")), (405, Some("POST")));
    let unknown = testkit::http::Request::get("/push/mail/x").send(world.addr).await;
    assert_eq!(unknown.status(), 404);
}
