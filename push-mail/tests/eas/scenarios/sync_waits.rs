//! MS-ASCMD S19, Sync: requests that wait.

use push_mail::wbxml::tags::air_sync as a;

use super::in_every_world;
use crate::client::sync::with;
use crate::client::{Act, Ask};
use crate::world::World;

in_every_world!(
    s19_tc29_wait_and_interval_together_are_no_request,
    s19_tc30_to_tc33_what_is_out_of_range_is_told_the_limit,
    a_waiting_sync_is_answered_with_the_change_itself,
    a_waiting_sync_without_changes_is_answered_with_nothing,
    a_waiting_sync_with_changes_already_there_does_not_wait,
    a_waiting_sync_with_own_commands_does_not_wait_for_others,
    a_waiting_sync_of_several_folders_tells_the_one_that_changed,
    a_newer_request_ends_a_sync_that_waits,
    an_empty_request_waits_as_the_last_one_did,
    a_waiting_sync_whose_phone_is_gone_keeps_what_it_would_have_told,
);

async fn s19_tc29_wait_and_interval_together_are_no_request(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let mut both = with(a::WAIT, 8);
    both.extend(with(a::HEARTBEAT_INTERVAL, 480));
    let synced = phone.sync_with(&[Ask::of(&inbox)], both).await;
    assert_eq!(synced.status, Some(4), "{synced:?}");
}

async fn s19_tc30_to_tc33_what_is_out_of_range_is_told_the_limit(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    for (tag, value, limit) in [
        (a::WAIT, -10, 1),
        (a::WAIT, 0, 1),
        (a::WAIT, 60, 59),
        (a::HEARTBEAT_INTERVAL, 0, 1),
        (a::HEARTBEAT_INTERVAL, 3541, 3540),
        (a::HEARTBEAT_INTERVAL, 100_000, 3540),
    ] {
        let synced = phone.sync_with(&[Ask::of(&inbox)], with(tag, value)).await;
        // The shortest interval is 60 s with Microsoft, and set to 1 s here.
        assert_eq!((synced.status, synced.limit), (Some(14), Some(limit)), "{tag:?} {value}");
    }
}

async fn a_waiting_sync_is_answered_with_the_change_itself(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    for (tag, value) in [(a::WAIT, 1), (a::HEARTBEAT_INTERVAL, 60)] {
        let asks = [Ask::of(&inbox)];
        let waiting = phone.start_sync(&asks, with(tag, value));
        world.parked(1).await;
        world.deliver(world.inbox().await, "news").await;
        let told = phone.take_sync(&asks, &waiting.await.expect("answered")).only();
        assert_eq!(told.added.len(), 1, "{told:?}");
    }
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn a_waiting_sync_without_changes_is_answered_with_nothing(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let key = phone.key(&inbox);
    let synced = phone.sync_with(&[Ask::of(&inbox)], with(a::HEARTBEAT_INTERVAL, 1)).await;
    assert!(synced.is_empty, "{synced:?}");
    assert_eq!(phone.key(&inbox), key);
}

async fn a_waiting_sync_with_changes_already_there_does_not_wait(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    world.deliver(world.inbox().await, "news").await;
    let synced = phone.sync_with(&[Ask::of(&inbox)], with(a::HEARTBEAT_INTERVAL, 600)).await;
    assert_eq!(synced.only().added.len(), 1);
    // Nor with a key that nothing was told for yet.
    let mut fresh = world.phone().await;
    let synced = fresh.sync_with(&[Ask::of(&inbox)], with(a::HEARTBEAT_INTERVAL, 600)).await;
    assert_eq!(synced.only().status, 1);
    let synced = fresh.sync_with(&[Ask::of(&inbox)], with(a::HEARTBEAT_INTERVAL, 600)).await;
    assert_eq!(synced.only().added.len(), 1);
}

/// What a phone sent has to be answered at once where there is something to answer.
async fn a_waiting_sync_with_own_commands_does_not_wait_for_others(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    let ask = Ask::of(&inbox).act(Act::Fetch { id: id.clone() });
    let told = phone.sync_with(&[ask], with(a::HEARTBEAT_INTERVAL, 600)).await.only();
    assert_eq!(told.response_status(a::FETCH, &id), Some(1));
}

async fn a_waiting_sync_of_several_folders_tells_the_one_that_changed(world: World) {
    let folder = world.make_folder("Other").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let other = phone.folder("Other");
    phone.sync_all(&other).await;
    let asks = [Ask::of(&inbox), Ask::of(&other)];
    let waiting = phone.start_sync(&asks, with(a::HEARTBEAT_INTERVAL, 600));
    world.parked(1).await;
    world.deliver(folder, "news").await;
    let synced = phone.take_sync(&asks, &waiting.await.expect("answered"));
    assert_eq!(synced.told[&other].added.len(), 1, "{synced:?}");
    assert!(synced.told.get(&inbox).is_none_or(|told| told.is_nothing()), "{synced:?}");
}

async fn a_newer_request_ends_a_sync_that_waits(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let asks = [Ask::of(&inbox)];
    let waiting = phone.start_sync(&asks, with(a::HEARTBEAT_INTERVAL, 600));
    world.parked(1).await;
    let newer = phone.start_sync(&asks, with(a::HEARTBEAT_INTERVAL, 600));
    let older = waiting.await.expect("answered");
    assert!(older.http != 200 || older.document.is_none(), "{older:?}");
    world.parked(1).await;
    world.deliver(world.inbox().await, "news").await;
    let told = phone.take_sync(&asks, &newer.await.expect("answered")).only();
    assert_eq!(told.added.len(), 1);
}

async fn an_empty_request_waits_as_the_last_one_did(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let asks = [Ask::of(&inbox)];
    assert!(phone.sync_with(&asks, with(a::HEARTBEAT_INTERVAL, 1)).await.is_empty);
    let answer = phone.command("Sync", None).await;
    assert!(answer.document.is_none() && answer.http == 200, "{answer:?}");
    world.deliver(world.inbox().await, "news").await;
    let answer = phone.command("Sync", None).await;
    assert_eq!(phone.take_sync(&asks, &answer).only().added.len(), 1);
}

async fn a_waiting_sync_whose_phone_is_gone_keeps_what_it_would_have_told(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let waiting = phone.start_sync(&[Ask::of(&inbox)], with(a::HEARTBEAT_INTERVAL, 600));
    world.parked(1).await;
    waiting.abort();
    world.parked(0).await;
    world.deliver(world.inbox().await, "news").await;
    assert_eq!(phone.sync_all(&inbox).await.added.len(), 1);
    assert_eq!(phone.restarts, 0);
}
