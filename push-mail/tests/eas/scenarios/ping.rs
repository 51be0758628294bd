//! MS-ASCMD S11: Ping.

use push_mail::store::{Command, Flags};
use push_mail::wbxml::Element;
use push_mail::wbxml::tags::ping as p;

use super::in_every_world;
use crate::client::ping::ping_document;
use crate::client::{Act, Ask};
use crate::world::{Kind, World, config};

in_every_world!(
    s11_tc01_a_first_ping_without_folders_lacks_parameters_and_a_later_one_without_interval_does_not,
    s11_tc02_a_ping_with_neither_interval_nor_folders_is_no_request,
    s11_tc03_an_interval_that_is_too_short_is_told_the_shortest,
    s11_tc04_a_phone_without_folders_has_to_ask_for_them_first,
    s11_tc05_a_folder_that_another_phone_made_makes_the_hierarchy_stale,
    s11_tc05_a_folder_made_while_the_ping_waits_makes_the_hierarchy_stale,
    s11_tc06_changes_in_two_of_the_folders_name_both,
    s11_tc06_what_came_between_the_sync_and_the_ping_is_told_at_once,
    s11_tc06_nothing_new_is_told_when_the_interval_ends,
    s11_tc07_an_interval_that_is_too_long_is_told_the_longest,
    s11_tc08_a_ping_without_a_body_is_the_last_one_again,
    a_folder_named_twice_is_no_request,
    the_newest_ping_of_a_phone_ends_the_older_one_with_nothing,
    a_ping_asks_for_no_policy_key,
    new_mail_flags_and_deletions_each_wake,
);

/// Long enough that only a change ends it.
const LONG: i64 = 600;

async fn s11_tc01_a_first_ping_without_folders_lacks_parameters_and_a_later_one_without_interval_does_not(
    world: World,
) {
    let (mut phone, inbox) = world.synced_phone().await;
    assert_eq!(phone.ping_of(Some(&ping_document(Some(LONG), None))).await.status, 3);
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    assert_eq!(phone.ping_of(Some(&ping_document(None, Some(&[&inbox])))).await.status, 1);
}

async fn s11_tc02_a_ping_with_neither_interval_nor_folders_is_no_request(world: World) {
    let mut phone = world.phone().await;
    assert_eq!(phone.ping_of(Some(&Element::new(p::PING))).await.status, 4);
    // Nor where a cached one would do: only an empty body asks for that.
    let inbox = phone.inbox();
    phone.sync_all(&inbox).await;
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    assert_eq!(phone.ping_of(Some(&Element::new(p::PING))).await.status, 4);
}

async fn s11_tc03_an_interval_that_is_too_short_is_told_the_shortest(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    for interval in [-100, 0] {
        let pinged = phone.ping(interval, &[&inbox]).await;
        assert_eq!((pinged.status, pinged.interval), (5, Some(1)), "{interval}");
    }
}

async fn s11_tc04_a_phone_without_folders_has_to_ask_for_them_first(world: World) {
    let mut phone = world.fresh_phone();
    phone.provision().await;
    let inbox = world.inbox().await.to_string();
    assert_eq!(phone.ping(LONG, &[&inbox]).await.status, 7);
}

async fn s11_tc05_a_folder_that_another_phone_made_makes_the_hierarchy_stale(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let mut other = world.phone().await;
    other.folder_create("0", "Made elsewhere", 12).await.expect("made");
    assert_eq!(phone.ping(LONG, &[&inbox]).await.status, 7);
    phone.folder_sync().await;
    phone.folder("Made elsewhere");
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
}

async fn s11_tc05_a_folder_made_while_the_ping_waits_makes_the_hierarchy_stale(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let parked = phone.start_ping(LONG, &[&inbox]);
    world.parked(1).await;
    world.make_folder("Another").await;
    assert_eq!(phone.answered(parked).await.status, 7);
    phone.folder_sync().await;
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
}

async fn s11_tc06_changes_in_two_of_the_folders_name_both(world: World) {
    let (one, two) = (world.make_folder("One").await, world.make_folder("Two").await);
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    let ids = [phone.folder("One"), phone.folder("Two")];
    for id in ids.iter().chain([&inbox]) {
        phone.sync_all(id).await;
    }
    world.deliver(one, "first").await;
    world.deliver(two, "second").await;
    let mut pinged = phone.ping(LONG, &[&ids[0], &inbox, &ids[1]]).await;
    pinged.folders.sort();
    let mut wanted = ids.to_vec();
    wanted.sort();
    assert_eq!((pinged.status, pinged.folders), (2, wanted));
    for id in &ids {
        assert_eq!(phone.sync_all(id).await.added.len(), 1);
    }
    assert_eq!(phone.ping(1, &[&ids[0], &inbox, &ids[1]]).await.status, 1);
}

async fn s11_tc06_what_came_between_the_sync_and_the_ping_is_told_at_once(world: World) {
    let target = world.make_folder("Target").await;
    let inbox = world.inbox().await;
    let uid = world.deliver(inbox, "moved").await;
    let mut phone = world.phone().await;
    let id = phone.folder("Target");
    phone.sync_all(&id).await;
    world.apply(Command::Move { folder: inbox, uid, to: target }).await;
    let pinged = phone.ping(LONG, &[&id]).await;
    assert_eq!((pinged.status, pinged.folders), (2, vec![id.clone()]));
    phone.sync_all(&id).await;
    assert_eq!(phone.subjects(&id), ["moved"]);
}

async fn s11_tc06_nothing_new_is_told_when_the_interval_ends(world: World) {
    world.deliver_many(3).await;
    let (mut phone, inbox) = world.synced_phone().await;
    for _ in 0..2 {
        assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    }
}

async fn s11_tc07_an_interval_that_is_too_long_is_told_the_longest(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    for interval in [3541, 6_000_000] {
        let pinged = phone.ping(interval, &[&inbox]).await;
        assert_eq!((pinged.status, pinged.interval), (5, Some(3540)), "{interval}");
    }
}

async fn s11_tc08_a_ping_without_a_body_is_the_last_one_again(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    assert_eq!(phone.ping_of(None).await.status, 3, "there is no last one");
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    assert_eq!(phone.ping_of(None).await.status, 1);
    world.deliver(world.inbox().await, "news").await;
    let pinged = phone.ping_of(None).await;
    assert_eq!((pinged.status, pinged.folders), (2, vec![inbox.clone()]));
    phone.sync_all(&inbox).await;
}

async fn a_folder_named_twice_is_no_request(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    assert_eq!(phone.ping(LONG, &[&inbox, &inbox]).await.status, 4);
}

async fn the_newest_ping_of_a_phone_ends_the_older_one_with_nothing(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let older = phone.start_ping(LONG, &[&inbox]);
    world.parked(1).await;
    let newer = phone.start_ping(LONG, &[&inbox]);
    let older = phone.answered(older).await;
    assert_eq!(older.status, 1);
    world.parked(1).await;
    assert!(!newer.is_answered());
    world.deliver(world.inbox().await, "news").await;
    let newer = phone.answered(newer).await;
    assert_eq!(newer.status, 2);
    assert!(older.at < newer.at, "nobody waits for the newer one's answer");
    assert_eq!(phone.sync_all(&inbox).await.added.len(), 1);
}

/// MS-ASPROV §3.1.5.1: Ping is not asked for a key.
async fn a_ping_asks_for_no_policy_key(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let key = phone.policy_key.take();
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    phone.policy_key = key;
    world.deliver(world.inbox().await, "news").await;
    assert_eq!(phone.ping(LONG, &[&inbox]).await.status, 2);
    phone.sync_all(&inbox).await;
}

async fn new_mail_flags_and_deletions_each_wake(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "there").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let mark = |add, remove| Command::Mark { folder, uid, add, remove };
    let nothing = Flags::default();
    let changes = [
        mark(Flags::SEEN, nothing),
        mark(Flags::FLAGGED, nothing),
        mark(nothing, Flags::SEEN),
        Command::Delete { folder, uid },
    ];
    for change in changes {
        let parked = phone.start_ping(LONG, &[&inbox]);
        world.parked(1).await;
        world.apply(change.clone()).await;
        assert_eq!(phone.answered(parked).await.status, 2, "{change:?}");
        let told = phone.sync_one(Ask::of(&inbox)).await;
        assert_eq!(told.count(), 1, "{change:?}: {told:?}");
    }
    assert_eq!(phone.subjects(&inbox), [""; 0]);
}

/// Status 6, and how many may be.
#[tokio::test]
async fn a_ping_of_too_many_folders_is_told_how_many_may_be() {
    let mut config = config();
    config.max_folders = 2;
    let world = World::with(Kind::Memory, config).await;
    for name in ["One", "Two"] {
        world.make_folder(name).await;
    }
    let mut phone = world.phone().await;
    let ids = [phone.inbox(), phone.folder("One"), phone.folder("Two")];
    for id in &ids {
        phone.sync_all(id).await;
    }
    let pinged = phone.ping(LONG, &[&ids[0], &ids[1], &ids[2]]).await;
    assert_eq!((pinged.status, pinged.max_folders), (6, Some(2)));
    assert_eq!(phone.ping(1, &[&ids[0], &ids[1]]).await.status, 1);
}

/// The query in base64, both versions, and what a phone did itself between.
#[tokio::test]
async fn pings_with_a_packed_query_wait_and_wake_in_both_versions() {
    let world = World::new(Kind::Memory).await;
    let folder = world.inbox().await;
    for version in ["14.1", "16.1"] {
        let mut phone = world.fresh_phone().speaking(version).packing();
        phone.set_up().await;
        let inbox = phone.inbox();
        phone.sync_all(&inbox).await;
        let parked = phone.start_ping(LONG, &[&inbox]);
        world.parked(1).await;
        world.deliver(folder, version).await;
        assert_eq!(phone.answered(parked).await.status, 2);
        phone.sync_all(&inbox).await;
        let id = phone.held[&inbox].find(version);
        phone.sync_one(Ask::of(&inbox).act(Act::read(&id, true))).await;
        assert_eq!(phone.ping(1, &[&inbox]).await.status, 1, "the phone did that itself");
    }
}
