//! Where servers of Direct Push have told phones of changes that were none, or of none where there were some.

use push_mail::store::{Command, Flags};

use super::in_every_world;
use crate::client::{Act, Ask};
use crate::world::World;

in_every_world!(
    what_a_phone_does_itself_does_not_wake_it,
    what_one_phone_does_wakes_the_other,
    what_came_and_went_wakes_nobody,
    a_mark_that_no_phone_shows_wakes_nobody,
    a_mark_set_and_taken_away_again_wakes_nobody,
    old_mail_outside_the_filter_wakes_nobody,
    a_folder_that_was_never_synced_wakes_nobody,
    a_folder_whose_first_key_alone_is_known_wakes_with_what_lies_there,
    an_answer_that_left_items_behind_wakes_at_once,
    a_folder_that_there_never_was_is_left_out,
    a_folder_deleted_while_the_ping_waits_makes_the_hierarchy_stale,
    a_ping_after_a_lost_answer_tells_again,
    a_phone_that_is_gone_is_not_counted_as_told,
    changes_in_a_burst_are_all_found_by_the_sync_behind,
    moving_away_and_coming_back_is_told_as_it_is,
);

const LONG: i64 = 600;

async fn what_a_phone_does_itself_does_not_wake_it(world: World) {
    let trash = world.make_folder("Trash").await.to_string();
    world.make_folder("Other").await;
    world.deliver_many(5).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let other = phone.folder("Other");
    phone.sync_all(&trash).await;
    phone.sync_all(&other).await;
    let ids: Vec<String> = phone.held[&inbox].items.keys().cloned().collect();
    let acts = [Act::read(&ids[0], true), Act::flag(&ids[1]), Act::delete(&ids[2])];
    let mut ask = Ask::of(&inbox);
    ask.deletes_as_moves = Some(false);
    let told = phone.sync_one(acts.into_iter().fold(ask, Ask::act)).await;
    assert!(told.is_nothing(), "what the phone did is told to it: {told:?}");
    assert_eq!(phone.ping(1, &[&inbox, &trash, &other]).await.status, 1);

    // R289: what it moves is told to it by a sync, and so it is by a ping.
    let moved = phone.move_items(&[(&ids[3], &inbox, &other)]).await;
    assert_eq!(moved[0].status, 3);
    assert_eq!(phone.ping(1, &[&inbox, &other]).await.folders.len(), 2);
    assert_eq!(phone.sync_all(&other).await.added.len(), 1);
    assert_eq!(phone.sync_all(&inbox).await.deleted.len(), 1);
    assert_eq!(phone.ping(1, &[&inbox, &other]).await.status, 1);
}

async fn what_one_phone_does_wakes_the_other(world: World) {
    world.deliver_many(2).await;
    let (mut one, inbox) = world.synced_phone().await;
    let (mut two, _) = world.synced_phone().await;
    let id = one.held[&inbox].find("mail 0000");
    let parked = two.start_ping(LONG, &[&inbox]);
    world.parked(1).await;
    one.sync_one(Ask::of(&inbox).act(Act::read(&id, true))).await;
    assert_eq!(two.answered(parked).await.status, 2);
    assert_eq!(two.sync_all(&inbox).await.changed.len(), 1);
    assert!(two.held[&inbox].is_read(&two.held[&inbox].find("mail 0000")));
    assert_eq!(one.ping(1, &[&inbox]).await.status, 1);
}

async fn what_came_and_went_wakes_nobody(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    let uid = world.deliver(folder, "gone").await;
    world.remove(folder, uid).await;
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

/// Drafts are shown as such from 16.0 on.
async fn a_mark_that_no_phone_shows_wakes_nobody(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "marked").await;
    let mut phone = world.fresh_phone().speaking("14.1");
    phone.set_up().await;
    let inbox = phone.inbox();
    phone.sync_all(&inbox).await;
    world.mark(folder, uid, Flags::DRAFT, Flags::default()).await;
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn a_mark_set_and_taken_away_again_wakes_nobody(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "marked").await;
    let (mut phone, inbox) = world.synced_phone().await;
    world.mark(folder, uid, Flags::SEEN, Flags::default()).await;
    world.mark(folder, uid, Flags::default(), Flags::SEEN).await;
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

/// What the filter leaves out has no changes, whatever happens to it.
async fn old_mail_outside_the_filter_wakes_nobody(world: World) {
    let folder = world.inbox().await;
    world.deliver(folder, "new").await;
    let old = world.deliver_old(folder, "old").await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    let ask = Ask::of(&inbox).filter(3);
    phone.sync_all_of(&ask).await;
    assert_eq!(phone.subjects(&inbox), ["new"]);
    world.mark(folder, old, Flags::SEEN, Flags::default()).await;
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    world.remove(folder, old).await;
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
    assert!(phone.sync_all_of(&ask).await.is_nothing());
}

/// Some phones ping every folder, synced or not: they must not be sent round in circles.
async fn a_folder_that_was_never_synced_wakes_nobody(world: World) {
    let other = world.make_folder("Other").await;
    world.deliver(other, "there").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let never = phone.folder("Other");
    assert_eq!(phone.ping(1, &[&inbox, &never]).await.status, 1);
    let parked = phone.start_ping(LONG, &[&never, &inbox]);
    world.parked(1).await;
    world.deliver(other, "more").await;
    world.deliver(world.inbox().await, "news").await;
    let pinged = phone.answered(parked).await;
    assert_eq!((pinged.status, pinged.folders), (2, vec![inbox.clone()]));
    phone.sync_all(&inbox).await;
}

async fn a_folder_whose_first_key_alone_is_known_wakes_with_what_lies_there(world: World) {
    world.deliver_many(1).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    assert_eq!(phone.ping(LONG, &[&inbox]).await.status, 2);
    assert_eq!(phone.sync_all(&inbox).await.added.len(), 1);
}

async fn an_answer_that_left_items_behind_wakes_at_once(world: World) {
    world.deliver_many(3).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let told = phone.sync_one(Ask::of(&inbox).window(2)).await;
    assert!(told.more && told.added.len() == 2, "{told:?}");
    assert_eq!(phone.ping(LONG, &[&inbox]).await.status, 2);
    assert_eq!(phone.sync_all(&inbox).await.added.len(), 1);
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
}

/// Some phones name folders of their own: asked for the hierarchy, they would ask again and again.
async fn a_folder_that_there_never_was_is_left_out(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    for unknown in ["4711", "no such folder", "RI"] {
        assert_eq!(phone.ping(1, &[unknown]).await.status, 1, "{unknown}");
        let parked = phone.start_ping(LONG, &[unknown, &inbox]);
        world.parked(1).await;
        world.deliver(world.inbox().await, unknown).await;
        let pinged = phone.answered(parked).await;
        assert_eq!((pinged.status, pinged.folders), (2, vec![inbox.clone()]));
        phone.sync_all(&inbox).await;
    }
}

async fn a_folder_deleted_while_the_ping_waits_makes_the_hierarchy_stale(world: World) {
    let folder = world.make_folder("Doomed").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let doomed = phone.folder("Doomed");
    phone.sync_all(&doomed).await;
    let parked = phone.start_ping(LONG, &[&inbox, &doomed]);
    world.parked(1).await;
    world.apply(Command::DeleteFolder { folder }).await;
    assert_eq!(phone.answered(parked).await.status, 7);
    phone.folder_sync().await;
    assert!(!phone.tree.contains_key(&doomed));
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
}

/// On other servers a lost answer followed by a ping loses mail.
async fn a_ping_after_a_lost_answer_tells_again(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    world.deliver(folder, "lost on the way").await;
    phone.sync_cut(&[Ask::of(&inbox)]).await;
    phone.ping(1, &[&inbox]).await;
    phone.held.get_mut(&inbox).expect("synced").is_alarmed = false;
    phone.sync_all(&inbox).await;
    assert_eq!(phone.subjects(&inbox), ["lost on the way"]);
    assert_eq!(phone.restarts, 0);
}

async fn a_phone_that_is_gone_is_not_counted_as_told(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let parked = phone.start_ping(LONG, &[&inbox]);
    world.parked(1).await;
    parked.cut().await;
    world.parked(0).await;
    world.deliver(world.inbox().await, "news").await;
    assert_eq!(phone.ping(LONG, &[&inbox]).await.status, 2);
    assert_eq!(phone.sync_all(&inbox).await.added.len(), 1);
}

async fn changes_in_a_burst_are_all_found_by_the_sync_behind(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    let mut wanted = Vec::new();
    for round in 0..10 {
        let parked = phone.start_ping(LONG, &[&inbox]);
        world.parked(1).await;
        for mail in 0..5 {
            let subject = format!("{round} {mail}");
            world.deliver(folder, &subject).await;
            wanted.push(subject);
        }
        assert_eq!(phone.answered(parked).await.status, 2);
        phone.sync_all(&inbox).await;
        assert_eq!(phone.subjects(&inbox), wanted);
    }
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
}

async fn moving_away_and_coming_back_is_told_as_it_is(world: World) {
    let folder = world.inbox().await;
    let other = world.make_folder("Other").await;
    let uid = world.deliver(folder, "wanderer").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let there = world.apply(Command::Move { folder, uid, to: other }).await.uid.expect("a number");
    world.apply(Command::Move { folder: other, uid: there, to: folder }).await;
    phone.ping(1, &[&inbox]).await;
    phone.sync_all(&inbox).await;
    assert_eq!(phone.subjects(&inbox), ["wanderer"]);
    assert_eq!(phone.ping(1, &[&inbox]).await.status, 1);
}
