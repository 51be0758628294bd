//! `devices`.

use std::sync::Arc;

use push_core::Open;
use push_mail::state::State;
use serde_json::{Value, json};
use testkit::http::{Connection, Request};

use crate::world::{World, config, ping_of};

impl World {
    async fn devices(&self, target: &str) -> Value {
        let response = Request::get(&format!("/push/mail/{target}")).send(self.addr).await;
        assert_eq!(response.status(), 200, "{}", response.text());
        response.json()
    }

    /// The only device's pings, once they are as wanted.
    async fn pings_become(&self, wanted: &Value) {
        testkit::api::eventually(&format!("pings are {wanted}"), || async {
            let answer = self.devices("devices").await;
            answer["devices"].as_array().is_some_and(|all| all.len() == 1 && all[0]["pings"] == *wanted)
        })
        .await;
    }
}

#[tokio::test]
async fn a_device_is_listed_with_what_its_pings_did() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    assert_eq!(world.devices("devices").await, json!({"account": "alice", "devices": []}));
    world.sync_all("phone", inbox, "0".into()).await;
    world.pings_become(&json!({"waiting": false, "answered": 0, "cut": 0})).await;
    for heartbeat in [1, 3] {
        world.ping(ping_of("phone", heartbeat, &[inbox])).await.expect("answered");
    }
    world.pings_become(&json!({"waiting": false, "answered": 2, "cut": 0, "mean_heartbeat_s": 2})).await;
    let listed = &world.devices("devices?account=alice").await["devices"][0];
    assert_eq!((listed["device"].as_str(), listed["heartbeat_s"].as_u64()), (Some("phone"), Some(3)), "{listed}");
    let seen = listed["last_seen_ms"].as_u64().expect("a time");
    let before = world.mail.devices(None).expect("read")[0].last_seen_ms;
    assert_eq!(seen, before);

    let mut leaves = Connection::open(world.addr).await.expect("it listens");
    let body = ping_of("phone", 3540, &[inbox]).to_string();
    leaves.send(&Request::post("/push/mail/ping", body)).await.expect("it reads");
    let waits = json!({"waiting": true, "answered": 2, "cut": 0, "mean_heartbeat_s": 1181});
    world.pings_become(&waits).await;
    drop(leaves);
    let cut = json!({"waiting": false, "answered": 2, "cut": 1, "mean_heartbeat_s": 1181, "cut_after_s": 0});
    world.pings_become(&cut).await;
    let classes = world.mail.stats().devices;
    assert_eq!((classes.by_heartbeat, classes.by_cut_age), ([0, 0, 0, 0, 0, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0]));
}

#[tokio::test]
async fn a_user_sees_its_own_devices_of_its_own_accounts() {
    let world = World::with_users().await;
    for user in ["alice", "bob"] {
        let sync = json!({"device": format!("of-{user}"), "folder": "1"});
        world.call_as(Some(user), "sync", &sync).await;
        let listed = world.devices(&format!("devices?token={user}")).await;
        assert_eq!(listed["account"], user);
        assert_eq!(listed["devices"].as_array().map(Vec::len), Some(1));
        assert_eq!(listed["devices"][0]["device"], format!("of-{user}"));
        assert_eq!(listed["devices"][0]["user"], user);
    }
    for (target, status) in [("devices", 401), ("devices?token=eve", 403), ("devices?token=bob&account=alice", 403)] {
        let response = Request::get(&format!("/push/mail/{target}")).send(world.addr).await;
        assert_eq!(response.status(), status, "{target}");
    }
    let wrong = Request::post("/push/mail/devices?token=bob", "{}").send(world.addr).await;
    assert_eq!((wrong.status(), wrong.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn after_a_restart_a_device_is_known_and_its_pings_begin_anew() {
    let state = State::in_memory().expect("memory");
    let world = World::with(config(), Arc::new(Open), state.clone()).await;
    let inbox = world.inbox().await;
    world.ping(ping_of("phone", 1, &[inbox])).await.expect("answered");
    drop(world);
    let world = World::with(config(), Arc::new(Open), state).await;
    world.pings_become(&json!({"waiting": false, "answered": 0, "cut": 0})).await;
    let listed = &world.devices("devices").await["devices"][0];
    assert_eq!(listed["heartbeat_s"], 1);
    assert!(listed["last_seen_ms"].as_u64().is_some_and(|seen| seen > 0), "{listed}");
}
