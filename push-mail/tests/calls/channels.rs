//! Mail on channels.

use push_mail::store::{Command, MailStore as _};
use serde_json::{Value, json};
use testkit::http::Request;

use crate::world::World;

async fn poll(world: &World, channel: &str, since: &str) -> Value {
    let target = format!("/push/poll?channel={channel}&since={since}&timeout=10");
    let response = Request::get(&target).send(world.addr).await;
    assert_eq!(response.status(), 200);
    response.json()
}

async fn events(world: &World, channel: &str, count: usize) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut since = "start".to_owned();
    while all.len() < count {
        let page = poll(world, channel, &since).await;
        all.extend(page["events"].as_array().expect("events").iter().cloned());
        since = page["cursor"].as_str().expect("a cursor").to_owned();
    }
    all
}

#[tokio::test]
async fn new_mail_is_published_with_what_it_says() {
    let world = World::new().await;
    assert!(world.mail.publish("alice", None).await);
    let inbox = world.inbox().await;
    let uid = world.deliver(inbox, "Grüße").await;
    let [event] = &events(&world, "mail/alice/INBOX", 1).await[..] else { panic!("one event") };
    assert_eq!((&event["event"], &event["channel"]), (&json!("mail.new"), &json!("mail/alice/INBOX")));
    let data = &event["data"];
    assert_eq!((&data["folder"], &data["uid"], &data["class"]), (&json!("1"), &json!(uid), &json!("Email")));
    assert_eq!((&data["subject"], &data["flags"]), (&json!("Grüße"), &json!([])));
    assert!(data["preview"].as_str().is_some_and(|text| text.starts_with("Hello Alice")), "{data}");
}

#[tokio::test]
async fn a_move_is_told_in_both_folders_and_the_tree_tells_its_own() {
    let world = World::new().await;
    assert!(world.mail.publish("alice", None).await);
    let inbox = world.inbox().await;
    let uid = world.deliver(inbox, "to be moved").await;
    assert!(world.mail.publish("alice", None).await);
    let other = world.make_folder("Other").await;
    let moved = world.alice.apply(Command::Move { folder: inbox, uid, to: other }).await.expect("moved").uid;
    let there = &events(&world, "mail/alice/Other", 1).await[0];
    assert_eq!(there["event"], "mail.moved");
    assert_eq!(
        (&there["data"]["moved_from"], &there["data"]["uid"]),
        (&json!({"folder": "1", "uid": uid}), &json!(moved))
    );
    let here = &events(&world, "mail/alice/INBOX", 2).await[1];
    assert_eq!((&here["event"], &here["data"]["moved_to"]["folder"]), (&json!("mail.moved"), &json!("2")));
    let rename = Command::RenameFolder { folder: other, path: "New/Name".into() };
    world.alice.apply(rename).await.expect("renamed");
    world.deliver(other, "in the renamed").await;
    let event = &events(&world, "mail/alice/New%252FName", 1).await[0];
    assert_eq!(event["data"]["folder"], "2");
    world.alice.apply(Command::DeleteFolder { folder: other }).await.expect("deleted");
    let tree = events(&world, "mail/alice/$tree", 3).await;
    let told: Vec<_> = tree.iter().map(|event| (event["event"].as_str(), event["data"].clone())).collect();
    let expected = [
        (Some("mail.folder.added"), json!({"id": "2", "to": "Other"})),
        (Some("mail.folder.renamed"), json!({"id": "2", "from": "Other", "to": "New/Name"})),
        (Some("mail.folder.removed"), json!({"id": "2", "from": "New/Name"})),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_lay_there_when_the_account_was_first_seen_is_no_news() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    world.mail.publish("alice", None).await;
    world.deliver(inbox, "new").await;
    world.mail.publish("alice", None).await;
    let page = poll(&world, "mail/alice/INBOX", "start").await;
    assert_eq!(page["events"].as_array().map(Vec::len), Some(1));
}
