//! MS-ASCMD S10: MoveItems; S07: GetItemEstimate.

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{air_sync as a, get_item_estimate as g, move_items as m};

use super::in_every_world;
use crate::client::Ask;
use crate::client::answer::status;
use crate::world::World;

in_every_world!(
    s10_tc01_a_moved_item_is_gone_here_and_new_there,
    s10_tc02_a_source_that_is_not_there_is_1,
    s10_tc03_an_item_that_was_moved_before_is_1,
    s10_tc04_a_target_that_is_not_there_is_2,
    s10_tc05_source_and_target_alike_are_4,
    s10_tc06_an_item_moved_twice_in_one_request_is_moved_once,
    s10_a_lost_answer_may_be_asked_for_again,
    s07_tc01_an_estimate_is_what_a_sync_then_tells,
    s07_tc04_an_estimate_knows_the_filter,
    s07_tc09_a_folder_that_is_not_there_is_2,
    s07_tc10_a_folder_that_was_never_synced_is_3,
    s07_tc11_a_wrong_key_is_4,
    s07_an_estimate_changes_nothing,
);

async fn s10_tc01_a_moved_item_is_gone_here_and_new_there(world: World) {
    world.make_folder("Other").await;
    world.deliver_many(3).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let (mut elsewhere, _) = world.synced_phone().await;
    let other = phone.folder("Other");
    for phone in [&mut phone, &mut elsewhere] {
        phone.sync_all(&other).await;
    }
    let ids: Vec<String> = phone.held[&inbox].items.keys().take(2).cloned().collect();
    let moved = phone.move_items(&[(&ids[0], &inbox, &other), (&ids[1], &inbox, &other)]).await;
    assert!(moved.iter().all(|moved| moved.status == 3), "{moved:?}");
    // R289: Delete here, Add there, the next time.
    for phone in [&mut phone, &mut elsewhere] {
        phone.sync_all(&inbox).await;
        assert_eq!(phone.held[&inbox].items.len(), 1);
        assert_eq!(phone.sync_all(&other).await.added.len(), 2);
    }
    let mut now: Vec<_> = moved.into_iter().filter_map(|moved| moved.to).collect();
    now.sort();
    let held: Vec<_> = phone.held[&other].items.keys().cloned().collect();
    assert_eq!(held, now, "the new ids were told");
}

async fn s10_tc02_a_source_that_is_not_there_is_1(world: World) {
    world.make_folder("Other").await;
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let other = phone.folder("Other");
    let id = phone.held[&inbox].find("mail 0000");
    for source in ["4711", "nonsense"] {
        assert_eq!(phone.move_items(&[(&id, source, &other)]).await[0].status, 1, "{source}");
    }
}

async fn s10_tc03_an_item_that_was_moved_before_is_1(world: World) {
    world.make_folder("Other").await;
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let mut second = world.phone().await;
    let other = phone.folder("Other");
    let id = phone.held[&inbox].find("mail 0000");
    assert_eq!(phone.move_items(&[(&id, &inbox, &other)]).await[0].status, 3);
    for id in [id.as_str(), "nonsense", "1:99999"] {
        assert_eq!(second.move_items(&[(id, &inbox, &other)]).await[0].status, 1, "{id}");
    }
}

async fn s10_tc04_a_target_that_is_not_there_is_2(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    for target in ["4711", "nonsense"] {
        assert_eq!(phone.move_items(&[(&id, &inbox, target)]).await[0].status, 2, "{target}");
    }
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn s10_tc05_source_and_target_alike_are_4(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    assert_eq!(phone.move_items(&[(&id, &inbox, &inbox)]).await[0].status, 4);
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

/// R4222: one of the two is 5 there, or the item is no longer where it was.
async fn s10_tc06_an_item_moved_twice_in_one_request_is_moved_once(world: World) {
    for path in ["One", "Two"] {
        world.make_folder(path).await;
    }
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let (one, two) = (phone.folder("One"), phone.folder("Two"));
    let id = phone.held[&inbox].find("mail 0000");
    let moved = phone.move_items(&[(&id, &inbox, &one), (&id, &inbox, &two)]).await;
    assert_eq!(moved[0].status, 3);
    assert!(matches!(moved[1].status, 1 | 5), "{moved:?}");
    let mut count = 0;
    for folder in [&one, &two] {
        phone.sync_all(folder).await;
        count += phone.held[folder].items.len();
    }
    assert_eq!(count, 1);
}

/// A phone that never saw the answer asks again: the item is where it wanted it, whatever it is told.
async fn s10_a_lost_answer_may_be_asked_for_again(world: World) {
    world.make_folder("Other").await;
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let other = phone.folder("Other");
    phone.sync_all(&other).await;
    let id = phone.held[&inbox].find("mail 0000");
    let request = Element::new(m::MOVE_ITEMS).with(
        Element::new(m::MOVE)
            .with_text(m::SRC_MSG_ID, &id)
            .with_text(m::SRC_FLD_ID, &inbox)
            .with_text(m::DST_FLD_ID, &other),
    );
    phone.document("MoveItems", &request).await;
    phone.document("MoveItems", &request).await;
    phone.sync_all(&inbox).await;
    phone.sync_all(&other).await;
    assert!(phone.subjects(&inbox).is_empty());
    assert_eq!(phone.subjects(&other), ["mail 0000"]);
}

async fn s07_tc01_an_estimate_is_what_a_sync_then_tells(world: World) {
    world.deliver_many(7).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let class = || vec![Element::text(a::CLASS, "Email")];
    let key = phone.key(&inbox);
    assert_eq!(phone.estimate(&inbox, &key, class()).await, (1, Some(7)));
    phone.sync_one(Ask::of(&inbox).window(3)).await;
    let key = phone.key(&inbox);
    assert_eq!(phone.estimate(&inbox, &key, class()).await, (1, Some(4)));
    phone.sync_all(&inbox).await;
    let key = phone.key(&inbox);
    assert_eq!(phone.estimate(&inbox, &key, class()).await, (1, Some(0)));
}

async fn s07_tc04_an_estimate_knows_the_filter(world: World) {
    let folder = world.inbox().await;
    world.deliver_old(folder, "old").await;
    world.deliver(folder, "new").await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let key = phone.key(&inbox);
    for (filter, count) in [(0, 2), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)] {
        let options = vec![Element::text(a::FILTER_TYPE, filter)];
        assert_eq!(phone.estimate(&inbox, &key, options).await, (1, Some(count)), "{filter}");
    }
}

async fn s07_tc09_a_folder_that_is_not_there_is_2(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let key = phone.key(&inbox);
    for folder in ["4711", "nonsense"] {
        assert_eq!(phone.estimate(folder, &key, Vec::new()).await, (2, None), "{folder}");
    }
}

async fn s07_tc10_a_folder_that_was_never_synced_is_3(world: World) {
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    assert_eq!(phone.estimate(&inbox, "0", Vec::new()).await, (3, None));
}

async fn s07_tc11_a_wrong_key_is_4(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    assert_eq!(phone.estimate(&inbox, "nonsense", Vec::new()).await, (4, None));
}

async fn s07_an_estimate_changes_nothing(world: World) {
    world.deliver_many(2).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let key = phone.key(&inbox);
    for _ in 0..2 {
        phone.estimate(&inbox, &key, Vec::new()).await;
    }
    let pinged = phone.ping(600, &[&inbox]).await;
    assert_eq!(pinged.status, 2, "what was estimated was not told");
    assert_eq!(phone.sync_all(&inbox).await.added.len(), 2);
    // A request without folders is none.
    let answer = phone.document("GetItemEstimate", &Element::new(g::GET_ITEM_ESTIMATE)).await;
    assert_ne!(status(&answer, g::STATUS), 1);
}
