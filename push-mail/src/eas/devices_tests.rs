//! Devices that come, and those that are forgotten for them.

use super::*;
use crate::state::State;

const DAY_MS: u64 = 24 * HOUR_MS;

fn id(user: &str, device: &str) -> Arc<DeviceId> {
    Arc::new(DeviceId::of_eas(&"alice".into(), Some(user.into()), device))
}

fn heard(unix_ms: u64) -> Heard<'static> {
    Heard { device_type: "iPhone", user_agent: "Apple-iPhone/1", version: Version::V16_1, unix_ms }
}

async fn hear(rows: &Rows, id: &Arc<DeviceId>, unix_ms: u64, most: usize) -> Result<(), TooMany> {
    rows.hear(id, heard(unix_ms), most).await.expect("written")
}

fn names(rows: &Rows) -> Vec<String> {
    rows.devices("alice").expect("read").into_iter().map(|(_, summary)| summary.device).collect()
}

#[tokio::test]
async fn a_device_is_known_from_its_first_request_on_and_heard_to_the_hour() {
    let rows = Rows::new(State::in_memory().expect("memory"), 20);
    let phone = id("alice", "phone");
    assert_eq!(hear(&rows, &phone, 100 * DAY_MS + 5, 3).await, Ok(()));
    assert_eq!(hear(&rows, &phone, 101 * DAY_MS + 7, 3).await, Ok(()));
    let info = Info { model: Some("Model".to_owned()), ..Info::default() };
    rows.save(&phone, Info::PART, &info).await.expect("saved");
    let devices = rows.devices("alice").expect("read");
    let [(_, summary)] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!((summary.device.as_str(), summary.heartbeat), ("phone", None));
    assert_eq!((summary.first_seen_ms, summary.last_seen_ms), (100 * DAY_MS + 5, 101 * DAY_MS));
    assert_eq!((summary.version.as_str(), summary.model.as_deref()), ("16.1", Some("Model")));
    assert_eq!((summary.user.as_deref(), summary.user_agent.as_str()), (Some("alice"), "Apple-iPhone/1"));
}

#[tokio::test]
async fn a_user_has_so_many_devices_and_those_of_long_ago_make_room() {
    let rows = Rows::new(State::in_memory().expect("memory"), 20);
    let now = 100 * DAY_MS;
    for (device, unix_ms) in [("a", now), ("b", now + DAY_MS), ("c", now + 2 * DAY_MS)] {
        assert_eq!(hear(&rows, &id("alice", device), unix_ms, 3).await, Ok(()));
    }
    let fourth = id("alice", "d");
    assert_eq!(hear(&rows, &fourth, now + 3 * DAY_MS, 3).await, Err(TooMany));
    assert_eq!(hear(&rows, &id("bob", "d"), now + 3 * DAY_MS, 3).await, Ok(()), "another user has places of its own");
    assert_eq!(hear(&rows, &id("alice", "a"), now + 3 * DAY_MS, 3).await, Ok(()), "a known one needs none");
    assert_eq!(hear(&rows, &fourth, now + 31 * DAY_MS, 3).await, Ok(()), "'b' was heard a month ago");
    let mut left = names(&rows);
    left.sort();
    assert_eq!(left, ["a", "c", "d", "d"]);
}

#[tokio::test]
async fn of_too_many_devices_those_not_heard_for_longest_are_forgotten_with_all_their_rows() {
    let rows = Rows::new(State::in_memory().expect("memory"), 20);
    for n in 0..30_u64 {
        let id = id("alice", &format!("d{n}"));
        assert_eq!(hear(&rows, &id, (100 + n) * DAY_MS, 1000).await, Ok(()));
        rows.save(&id, Part("other"), &n).await.expect("saved");
    }
    let left = names(&rows);
    assert!(left.len() <= 20 && left.len() >= 18, "{left:?}");
    let newest: Vec<_> = (0..30).rev().take(left.len()).map(|n| format!("d{n}")).collect();
    assert_eq!(left, newest);
    for n in 0..30_u64 {
        let id = id("alice", &format!("d{n}"));
        let is_left = left.contains(&format!("d{n}"));
        assert_eq!(rows.load::<u64>(&id, Part("other")).expect("read").is_some(), is_left, "{n}");
    }
}

#[test]
fn names_of_programs_are_cut_at_a_character() {
    let long = format!("{}ü", "x".repeat(MAX_AGENT_BYTES - 1));
    assert_eq!(shortened(&long), "x".repeat(MAX_AGENT_BYTES - 1));
    assert_eq!((shortened("a\nb"), shortened("")), ("ab".to_owned(), String::new()));
}
