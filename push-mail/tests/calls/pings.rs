//! `ping`.

use std::time::Duration;

use push_mail::store::{Command, Flags, MailStore as _};
use serde_json::{Value, json};
use testkit::http::Request;

use crate::world::{World, ping_of};

#[tokio::test]
async fn a_ping_is_answered_when_a_folder_changes_and_says_which() {
    let world = World::new().await;
    let (inbox, other) = (world.inbox().await, world.make_folder("Other").await);
    world.sync_all("d", inbox, "0".into()).await;
    let ping = world.ping(ping_of("d", 60, &[inbox, other]));
    world.parked(1).await;
    world.deliver(other, "news").await;
    assert_eq!(ping.await.expect("answered"), json!({"status": "changes", "folders": [other.to_string()]}));
    let stats = world.mail.stats();
    assert_eq!((stats.waiting, stats.changed, stats.cut), (0, 1, 0));
}

#[tokio::test]
async fn a_ping_without_changes_is_answered_when_its_interval_ends() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let answer = world.ping(ping_of("d", 1, &[inbox])).await.expect("answered");
    assert_eq!(answer, json!({"status": "no_changes"}));
}

#[tokio::test]
async fn what_happened_before_the_ping_and_after_the_sync_is_told_at_once() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    world.sync_all("d", inbox, "0".into()).await;
    world.deliver(inbox, "between").await;
    let answer = world.ping(ping_of("d", 60, &[inbox])).await.expect("answered");
    assert_eq!(answer, json!({"status": "changes", "folders": ["1"]}));
}

#[tokio::test]
async fn a_device_that_never_synced_is_told_of_what_lies_there_and_of_nothing_if_nothing_does() {
    let world = World::new().await;
    let (inbox, empty) = (world.inbox().await, world.make_folder("Empty").await);
    world.deliver(inbox, "old").await;
    let answer = world.ping(ping_of("d", 60, &[empty, inbox])).await.expect("answered");
    assert_eq!(answer, json!({"status": "changes", "folders": ["1"]}));
    let answer = world.ping(ping_of("d", 1, &[empty])).await.expect("answered");
    assert_eq!(answer, json!({"status": "no_changes"}));
}

#[tokio::test]
async fn a_message_that_came_and_went_wakes_nobody() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    world.sync_all("d", inbox, "0".into()).await;
    let uid = world.deliver(inbox, "gone").await;
    world.alice.apply(Command::Delete { folder: inbox, uid }).await.expect("deleted");
    let answer = world.ping(ping_of("d", 1, &[inbox])).await.expect("answered");
    assert_eq!(answer, json!({"status": "no_changes"}));
}

#[tokio::test]
async fn flags_and_deletions_wake_too() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let uid = world.deliver(inbox, "there").await;
    let (key, _) = world.sync_all("d", inbox, "0".into()).await;
    let mark = Command::Mark { folder: inbox, uid, add: Flags::FLAGGED, remove: Flags::default() };
    for (command, key) in [(mark, Some(key)), (Command::Delete { folder: inbox, uid }, None)] {
        let ping = world.ping(ping_of("d", 60, &[inbox]));
        world.parked(1).await;
        world.alice.apply(command).await.expect("applied");
        assert_eq!(ping.await.expect("answered")["status"], "changes");
        if let Some(key) = key {
            let (_, changes) = world.sync_all("d", inbox, key).await;
            assert_eq!(changes.len(), 1, "a ping never tells what a sync does not");
        }
    }
}

#[tokio::test]
async fn the_newest_ping_of_a_device_wins() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let older = world.ping(ping_of("d", 60, &[inbox]));
    world.parked(1).await;
    let others = world.ping(ping_of("another", 60, &[inbox]));
    world.parked(2).await;
    let newer = world.ping(ping_of("d", 60, &[inbox]));
    assert_eq!(older.await.expect("answered"), json!({"status": "no_changes"}));
    world.parked(2).await;
    world.deliver(inbox, "news").await;
    for ping in [newer, others] {
        assert_eq!(ping.await.expect("answered")["status"], "changes");
    }
}

#[tokio::test]
async fn parameters_are_as_they_were_last_unless_they_are_given() {
    let world = World::new().await;
    let (inbox, other) = (world.inbox().await, world.make_folder("Other").await);
    let missing = world.ping(json!({"device": "d", "heartbeat_s": 60})).await.expect("answered");
    assert_eq!(missing["status"], "parameters_missing");
    let missing = world.ping(json!({"device": "d"})).await.expect("answered");
    assert_eq!(missing["status"], "parameters_missing");
    let full = world.ping(ping_of("d", 1, &[inbox])).await.expect("answered");
    assert_eq!(full["status"], "no_changes");
    // The folder is another, the interval as before.
    let mut folders = ping_of("d", 1, &[other]);
    folders.as_object_mut().expect("an object").remove("heartbeat_s");
    assert_eq!(world.ping(folders).await.expect("answered")["status"], "no_changes");
    world.deliver(other, "news").await;
    for (target, body) in
        [("/push/mail/ping?device=d", ""), ("/push/mail/ping", ""), ("/push/mail/ping", r#"{"device":"d"}"#)]
    {
        let response = Request::post(target, body).send(world.addr).await;
        let answer: Value = response.json();
        assert_eq!(answer, json!({"status": "changes", "folders": [other.to_string()]}), "{target} {body}");
    }
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_told_at_once() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let folder = |id: &str, class: &str| json!({"id": id, "class": class});
    let with = |folders: Value| json!({"device": "d", "heartbeat_s": 60, "folders": folders});
    for (body, status) in [
        (ping_of("d", 0, &[inbox]), "heartbeat_out_of_range"),
        (ping_of("d", 3541, &[inbox]), "heartbeat_out_of_range"),
        (json!({"device": "d", "heartbeat_s": -100, "folders": [folder("1", "Email")]}), "heartbeat_out_of_range"),
        (json!({"device": "d", "heartbeat_s": 1.5, "folders": [folder("1", "Email")]}), "bad_request"),
        (with(json!([])), "bad_request"),
        (with(json!([folder("1", "Email"), folder("1", "Email")])), "bad_request"),
        (with(json!([folder("1", "Mail")])), "bad_request"),
        (with(json!([folder("1", "Calendar")])), "bad_request"),
        (with(json!([folder("", "Email")])), "bad_request"),
        (with(json!([folder("99", "Email")])), "folders_stale"),
        (with((0..201).map(|id| folder(&id.to_string(), "Email")).collect()), "too_many_folders"),
        (json!({"heartbeat_s": 60}), "parameters_missing"),
        (json!("ping"), "bad_request"),
    ] {
        let answer = world.call("ping", &body).await;
        assert_eq!(answer["status"], status, "{body}: {answer}");
        match status {
            "heartbeat_out_of_range" => assert_eq!((&answer["min_s"], &answer["max_s"]), (&json!(1), &json!(3540))),
            "too_many_folders" => assert_eq!(answer["max"], 200),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_folder_that_goes_while_a_ping_waits_is_told() {
    let world = World::new().await;
    let (inbox, other) = (world.inbox().await, world.make_folder("Other").await);
    let ping = world.ping(ping_of("d", 60, &[inbox, other]));
    world.parked(1).await;
    world.alice.apply(Command::DeleteFolder { folder: other }).await.expect("deleted");
    assert_eq!(ping.await.expect("answered"), json!({"status": "folders_stale"}));
}

#[tokio::test]
async fn a_key_that_the_device_holds_tells_that_an_answer_was_lost() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let (held, _) = world.sync_all("d", inbox, "0".into()).await;
    world.deliver(inbox, "its sync is lost").await;
    let (lost, _) = world.sync_all("d", inbox, held.clone()).await;
    let holding = |key: &str| json!({"device": "d", "heartbeat_s": 1, "folders": [{"id": "1", "class": "Email", "sync_key": key}]});
    assert_eq!(world.ping(holding(&held)).await.expect("answered")["status"], "changes");
    assert_eq!(world.ping(holding(&lost)).await.expect("answered")["status"], "no_changes");
    assert_eq!(world.ping(holding("nonsense")).await.expect("answered")["status"], "changes");
}

#[tokio::test]
async fn what_only_a_lost_answer_told_and_is_gone_again_wakes_nobody() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let (empty, _) = world.sync_all("d", inbox, "0".into()).await;
    let uid = world.deliver(inbox, "told by an answer that is lost").await;
    world.sync_all("d", inbox, empty.clone()).await;
    world.alice.apply(Command::Delete { folder: inbox, uid }).await.expect("deleted");
    let (_, none) = world.sync_all("d", inbox, empty).await;
    assert!(none.is_empty());
    assert_eq!(world.ping(ping_of("d", 1, &[inbox])).await.expect("answered")["status"], "no_changes");
}

#[tokio::test]
async fn between_two_pages_a_ping_tells_that_there_is_more() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    for n in 0..3 {
        world.deliver(inbox, &n.to_string()).await;
    }
    let page = json!({"device": "d", "folder": "1", "sync_key": "0", "window": 2});
    assert_eq!(world.call("sync", &page).await["more"], true);
    assert_eq!(world.ping(ping_of("d", 60, &[inbox])).await.expect("answered")["status"], "changes");
}

#[tokio::test]
async fn who_pings_and_never_syncs_waits_and_is_refused_in_the_end() {
    let mut config = crate::world::config();
    config.fast_loop = 1;
    let state = push_mail::state::State::in_memory().expect("memory");
    let world = World::with(config, std::sync::Arc::new(push_core::Open), state).await;
    let inbox = world.inbox().await;
    world.deliver(inbox, "never synced").await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let body = ping_of("d", 1, &[inbox]);
        let response = world.respond(None, "ping", &body).await;
        statuses.push(response.status());
        if response.status() == 429 {
            assert_eq!(response.header("retry-after"), Some("60"));
        }
    }
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
    assert_eq!(world.mail.stats().refused, 1);
    // Whoever syncs is forgiven.
    world.sync_all("d", inbox, "0".into()).await;
    assert_eq!(world.call("ping", &ping_of("d", 1, &[inbox])).await["status"], "no_changes");
}

#[tokio::test]
async fn a_client_that_leaves_is_forgotten_and_counted() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let ping = world.ping(ping_of("d", 60, &[inbox]));
    world.parked(1).await;
    ping.abort();
    world.parked(0).await;
    let stats = world.mail.stats();
    assert_eq!((stats.cut, stats.cut_after[0], stats.mean_heartbeat), (1, 1, Some(Duration::from_secs(60))));
}

#[tokio::test]
async fn a_drain_answers_those_who_wait_and_those_who_come() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let ping = world.ping(ping_of("d", 60, &[inbox]));
    world.parked(1).await;
    assert_eq!(world.mail.drain(), 1);
    assert_eq!(ping.await.expect("answered"), json!({"status": "no_changes"}));
    assert_eq!(world.call("ping", &ping_of("d", 60, &[inbox])).await, json!({"status": "no_changes"}));
}

#[tokio::test]
async fn one_change_wakes_exactly_those_who_wait_for_it() {
    let world = World::new().await;
    let inbox = world.inbox().await;
    let mut folders = Vec::new();
    for n in 0..10 {
        folders.push(world.make_folder(&format!("F{n}")).await);
    }
    let mut pings = Vec::new();
    for n in 0..100 {
        let mine = [inbox, folders[n % 10]];
        pings.push(world.ping(ping_of(&format!("d{n}"), 600, &mine)));
    }
    world.parked(100).await;
    world.deliver(folders[3], "for ten of them").await;
    world.parked(90).await;
    for (n, ping) in pings.iter().enumerate() {
        if n % 10 == 3 {
            testkit::api::eventually("it is answered", || async { ping.is_finished() }).await;
        }
    }
    assert_eq!(pings.iter().filter(|ping| ping.is_finished()).count(), 10);
    world.mail.drain();
}
