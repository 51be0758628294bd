//! What devices were told outlives the server.

use std::sync::Arc;

use push_core::Open;
use push_mail::state::State;
use push_mail::store::MailStore as _;
use serde_json::json;

use crate::world::{World, config, ping_of};

#[tokio::test]
async fn keys_and_parameters_are_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mail.redb");
    let state = State::open(&path).expect("opened");
    let world = World::with(config(), Arc::new(Open), state).await;
    let inbox = world.inbox().await;
    let (key, _) = world.sync_all("d", inbox, "0".into()).await;
    assert_eq!(world.call("ping", &ping_of("d", 1, &[inbox])).await["status"], "no_changes");
    // As a crash leaves it: nothing is closed.
    let copy = folder.path().join("copy.redb");
    std::fs::copy(&path, &copy).expect("copied");
    let world = World::with(config(), Arc::new(Open), State::open(&copy).expect("opened")).await;
    assert_eq!(world.inbox().await, inbox);
    // A mailbox in memory is another one now, and says so: the key is known, and its point is not.
    let sync = json!({"device": "d", "folder": "1", "sync_key": key});
    assert_eq!(world.call("sync", &sync).await, json!({"status": "bad_sync_key"}));
    let (_, none) = world.sync_all("d", inbox, "0".into()).await;
    assert!(none.is_empty());
    assert_eq!(world.call("ping", &json!({"device": "d"})).await["status"], "no_changes", "its parameters are known");
    assert_eq!(world.alice.hierarchy().await.expect("a tree").folders.len(), 1);
}
