//! MS-ASCMD S19, Sync: keys, windows, lost answers, and partial and empty requests.

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::air_sync as a;

use super::in_every_world;
use crate::client::answer::text;
use crate::client::{Act, Answer, Ask, Phone};
use crate::world::World;

in_every_world!(
    s19_tc01_key_0_gives_a_key_and_no_items_and_the_key_gives_them,
    s19_tc01_where_nothing_is_new_the_answer_is_empty,
    s19_tc02_a_window_is_kept_and_what_is_left_behind_is_announced,
    s19_tc03_a_folder_is_synced_in_sequence,
    s19_tc04_a_key_that_was_never_given_begins_anew,
    s19_tc16_more_is_not_announced_when_all_was_told,
    s19_tc17_without_a_window_there_are_100,
    s19_tc37_a_window_of_512_is_kept_and_a_larger_one_is_512,
    s19_tc19_responses_are_left_out_when_there_were_no_commands,
    s19_tc06_an_empty_request_without_anything_remembered_is_incomplete,
    a_lost_answer_is_told_again_with_the_same_items,
    a_lost_answer_is_told_again_with_what_came_since,
    a_lost_answer_to_the_phones_own_changes_is_told_again_and_nothing_is_done_twice,
    a_lost_answer_in_the_middle_of_many_windows_loses_nothing,
    a_lost_answer_to_key_0_is_given_again,
    a_key_is_gone_once_the_one_behind_it_was_used,
    an_empty_request_repeats_the_last_one,
    a_partial_request_changes_what_it_names_and_keeps_the_rest,
    several_folders_in_one_request_are_each_answered,
    a_folder_begun_anew_tells_all_again,
    two_phones_of_one_user_hold_keys_of_their_own,
    options_are_remembered_where_a_later_request_has_none,
);

async fn s19_tc01_key_0_gives_a_key_and_no_items_and_the_key_gives_them(world: World) {
    let subjects = world.deliver_many(3).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    let told = phone.sync_one(Ask::of(&inbox)).await;
    assert!(told.is_nothing(), "{told:?}");
    let told = phone.sync_one(Ask::of(&inbox)).await;
    assert_eq!(told.added.len(), 3);
    assert_eq!(phone.subjects(&inbox), subjects);
}

/// R667, R679: headers, and no document.
async fn s19_tc01_where_nothing_is_new_the_answer_is_empty(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let key = phone.key(&inbox);
    let synced = phone.sync(&[Ask::of(&inbox)]).await;
    assert!(synced.is_empty, "{synced:?}");
    assert_eq!(phone.key(&inbox), key);
}

async fn s19_tc02_a_window_is_kept_and_what_is_left_behind_is_announced(world: World) {
    let subjects = world.deliver_many(7).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    for (count, more) in [(3, true), (3, true), (1, false)] {
        let told = phone.sync_one(Ask::of(&inbox).window(3)).await;
        assert_eq!((told.added.len(), told.more), (count, more), "{told:?}");
    }
    assert_eq!(phone.subjects(&inbox), subjects);
}

async fn s19_tc03_a_folder_is_synced_in_sequence(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    let mut keys = vec![phone.key(&inbox)];
    for subject in ["a", "b", "c"] {
        world.deliver(folder, subject).await;
        assert_eq!(phone.sync_one(Ask::of(&inbox)).await.added.len(), 1);
        keys.push(phone.key(&inbox));
    }
    keys.dedup();
    assert_eq!(keys.len(), 4, "each answer has a key of its own");
}

async fn s19_tc04_a_key_that_was_never_given_begins_anew(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let good = phone.held[&inbox].clone();
    for key in ["7d0d8c33-0f5e-4a0e-9d7c-0c1d5b4d8f11", "1000", "-1", " "] {
        let mut ask = Ask::of(&inbox);
        ask.key = Some(key.to_owned());
        let told = phone.sync_one(ask).await;
        assert_eq!(told.status, 3, "{key:?}");
        // It was a mistake: the right key is as good as before.
        phone.held.insert(inbox.clone(), good.clone());
    }
    assert_eq!(phone.sync_all(&inbox).await.status, 1);
    assert_eq!(phone.subjects(&inbox).len(), 1);
}

async fn s19_tc16_more_is_not_announced_when_all_was_told(world: World) {
    world.deliver_many(2).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let told = phone.sync_one(Ask::of(&inbox).window(2)).await;
    assert_eq!((told.added.len(), told.more), (2, false));
}

async fn s19_tc17_without_a_window_there_are_100(world: World) {
    world.deliver_many(101).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let told = phone.sync_one(Ask::of(&inbox)).await;
    assert_eq!((told.added.len(), told.more), (100, true));
    let told = phone.sync_one(Ask::of(&inbox)).await;
    assert_eq!((told.added.len(), told.more), (1, false));
}

async fn s19_tc37_a_window_of_512_is_kept_and_a_larger_one_is_512(world: World) {
    world.deliver_many(530).await;
    for window in [512, 100_000, 0] {
        let mut phone = world.phone().await;
        let inbox = phone.inbox();
        phone.sync_one(Ask::of(&inbox)).await;
        let told = phone.sync_one(Ask::of(&inbox).window(window)).await;
        assert!(told.more && (1..=512).contains(&told.added.len()), "{}", told.added.len());
        phone.sync_all(&inbox).await;
        assert_eq!(phone.subjects(&inbox).len(), 530);
    }
}

async fn s19_tc19_responses_are_left_out_when_there_were_no_commands(world: World) {
    world.deliver_many(1).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    for _ in 0..2 {
        assert!(phone.sync_one(Ask::of(&inbox)).await.responses.is_empty());
    }
}

async fn s19_tc06_an_empty_request_without_anything_remembered_is_incomplete(world: World) {
    let mut phone = world.phone().await;
    let answer = phone.command("Sync", None).await;
    assert_eq!(answer.status(), Some(13), "{answer:?}");
    // And a partial one.
    let mut partial = Element::new(a::SYNC);
    partial.push(Element::new(a::PARTIAL));
    let answer = phone.command("Sync", Some(&partial)).await;
    assert_eq!(answer.status(), Some(13), "{answer:?}");
}

/// The items that an answer adds.
fn added(answer: &Answer) -> Vec<String> {
    let collections = answer.document().child(a::COLLECTIONS).expect("folders");
    let commands = collections.elements().filter_map(|collection| collection.child(a::COMMANDS));
    commands.flat_map(|commands| commands.children(a::ADD)).map(|add| text(add, a::SERVER_ID)).collect()
}

async fn a_lost_answer_is_told_again_with_the_same_items(world: World) {
    world.deliver_many(3).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let lost = phone.sync_lost(&[Ask::of(&inbox)]).await;
    let lost_again = phone.sync_lost(&[Ask::of(&inbox)]).await;
    let told = phone.sync_one(Ask::of(&inbox)).await;
    assert_eq!(told.added.len(), 3);
    for lost in [lost, lost_again] {
        let mut items = added(&lost);
        items.sort();
        let mut again = told.added.clone();
        again.sort();
        assert_eq!(items, again);
    }
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn a_lost_answer_is_told_again_with_what_came_since(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    let first = world.deliver(folder, "first").await;
    phone.sync_lost(&[Ask::of(&inbox)]).await;
    world.deliver(folder, "second").await;
    phone.sync_lost(&[Ask::of(&inbox)]).await;
    // What was told to nobody who heard it and is gone now need not be told at all.
    world.remove(folder, first).await;
    world.deliver(folder, "third").await;
    phone.sync_all(&inbox).await;
    assert_eq!(phone.subjects(&inbox), ["second", "third"]);
    assert_eq!(phone.restarts, 0);
}

async fn a_lost_answer_to_the_phones_own_changes_is_told_again_and_nothing_is_done_twice(world: World) {
    let trash = world.make_folder("Trash").await.to_string();
    world.deliver_many(3).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let (mut other, _) = world.synced_phone().await;
    other.sync_all(&trash).await;
    let ids: Vec<String> = phone.held[&inbox].items.keys().cloned().collect();
    let ask = Ask::of(&inbox).act(Act::read(&ids[0], true)).act(Act::delete(&ids[1])).act(Act::flag(&ids[2]));
    phone.sync_lost(std::slice::from_ref(&ask)).await;
    // Meanwhile somebody else marks the message as unread again.
    other.sync_all(&inbox).await;
    other.sync_all(&trash).await;
    assert_eq!(other.subjects(&trash).len(), 1);
    let told = phone.sync_one(ask).await;
    assert_eq!(told.status, 1);
    phone.sync_all(&inbox).await;
    other.sync_all(&inbox).await;
    other.sync_all(&trash).await;
    assert_eq!(other.subjects(&trash).len(), 1, "deleted once");
    for phone in [&phone, &other] {
        let held = &phone.held[&inbox];
        assert_eq!(held.items.len(), 2);
        assert!(held.is_read(&ids[0]) && held.is_flagged(&ids[2]), "{held:?}");
    }
}

async fn a_lost_answer_in_the_middle_of_many_windows_loses_nothing(world: World) {
    let subjects = world.deliver_many(20).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let mut rounds = 0;
    loop {
        let ask = Ask::of(&inbox).window(3);
        if rounds % 2 == 0 {
            phone.sync_lost(std::slice::from_ref(&ask)).await;
        } else {
            phone.sync_cut(std::slice::from_ref(&ask)).await;
        }
        rounds += 1;
        let told = phone.sync_one(ask).await;
        assert_eq!(told.status, 1);
        if !told.more {
            break;
        }
    }
    assert_eq!(phone.subjects(&inbox), subjects);
    assert_eq!(rounds, 7);
}

async fn a_lost_answer_to_key_0_is_given_again(world: World) {
    world.deliver_many(2).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    for _ in 0..3 {
        phone.sync_lost(&[Ask::of(&inbox)]).await;
    }
    phone.sync_all(&inbox).await;
    assert_eq!(phone.subjects(&inbox).len(), 2);
    assert_eq!(phone.restarts, 0);
}

async fn a_key_is_gone_once_the_one_behind_it_was_used(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    let old = phone.key(&inbox);
    for subject in ["a", "b", "c"] {
        world.deliver(folder, subject).await;
        phone.sync_one(Ask::of(&inbox)).await;
    }
    let mut ask = Ask::of(&inbox);
    ask.key = Some(old);
    assert_eq!(phone.sync_one(ask).await.status, 3);
    phone.sync_all(&inbox).await;
    assert_eq!(phone.subjects(&inbox), ["a", "b", "c"]);
}

/// MS-ASCMD §2.2.1.21.1.1: no body stands for the last request, with the keys that were answered to it.
async fn an_empty_request_repeats_the_last_one(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    assert!(phone.sync_one(Ask::of(&inbox)).await.is_nothing());
    world.deliver(folder, "news").await;
    let answer = phone.command("Sync", None).await;
    let synced = phone.take_sync(&[Ask::of(&inbox)], &answer);
    assert_eq!(synced.only().added.len(), 1);
}

async fn a_partial_request_changes_what_it_names_and_keeps_the_rest(world: World) {
    let other = world.make_folder("Other").await;
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.folder("Other");
    phone.sync_all(&id).await;
    world.deliver(folder, "one").await;
    world.deliver(other, "two").await;
    phone.sync(&[Ask::of(&inbox), Ask::of(&id)]).await;
    world.deliver(folder, "three").await;
    world.deliver(other, "four").await;
    let request = partial(&phone, &Ask::of(&inbox));
    let answer = phone.command("Sync", Some(&request)).await;
    let synced = phone.take_sync(&[Ask::of(&inbox), Ask::of(&id)], &answer);
    assert_eq!(synced.told.len(), 2, "{synced:?}");
    assert_eq!(phone.subjects(&inbox), ["one", "three"]);
    assert_eq!(phone.subjects(&id), ["four", "two"]);
}

fn partial(phone: &Phone, ask: &Ask) -> Element {
    let collection = ask.element(&phone.key(&ask.folder));
    let mut request = Element::new(a::SYNC);
    request.push(Element::new(a::PARTIAL));
    request.with(Element::new(a::COLLECTIONS).with(collection))
}

async fn several_folders_in_one_request_are_each_answered(world: World) {
    let other = world.make_folder("Other").await;
    world.deliver_many(2).await;
    world.deliver(other, "there").await;
    let mut phone = world.phone().await;
    let (inbox, id) = (phone.inbox(), phone.folder("Other"));
    for count in [0, 3] {
        let synced = phone.sync(&[Ask::of(&inbox), Ask::of(&id)]).await;
        assert_eq!(synced.told.values().map(|told| told.count()).sum::<usize>(), count);
        assert!(synced.told.values().all(|told| told.status == 1), "{synced:?}");
    }
    // One that is wrong leaves the others alone.
    world.deliver(other, "more").await;
    let mut wrong = Ask::of(&inbox);
    wrong.key = Some("4711".to_owned());
    let synced = phone.sync(&[wrong, Ask::of(&id)]).await;
    assert_eq!(synced.told[&inbox].status, 3);
    assert_eq!(synced.told[&id].added.len(), 1);
}

async fn a_folder_begun_anew_tells_all_again(world: World) {
    let subjects = world.deliver_many(4).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let before = phone.held[&inbox].clone();
    let mut ask = Ask::of(&inbox);
    ask.key = Some("0".to_owned());
    phone.sync_one(ask).await;
    assert_ne!(phone.key(&inbox), before.key);
    phone.sync_all(&inbox).await;
    assert_eq!(phone.subjects(&inbox), subjects);
    assert_eq!(
        phone.held[&inbox].items.keys().collect::<Vec<_>>(),
        before.items.keys().collect::<Vec<_>>(),
        "ids stay what they are"
    );
}

async fn two_phones_of_one_user_hold_keys_of_their_own(world: World) {
    let folder = world.inbox().await;
    let (mut one, inbox) = world.synced_phone().await;
    let (mut two, _) = world.synced_phone().await;
    world.deliver(folder, "for both").await;
    for phone in [&mut one, &mut two] {
        assert_eq!(phone.sync_all(&inbox).await.added.len(), 1);
    }
    let mut ask = Ask::of(&inbox);
    ask.key = Some("0".to_owned());
    one.sync_one(ask).await;
    assert!(two.sync_all(&inbox).await.is_nothing());
    assert_eq!(two.restarts, 0);
}

/// MS-ASCMD §2.2.3.123.5: what is not said again stays as it was said.
async fn options_are_remembered_where_a_later_request_has_none(world: World) {
    let folder = world.inbox().await;
    world.deliver_old(folder, "old").await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox).filter(3)).await;
    assert!(phone.sync_one(Ask::of(&inbox).without_options()).await.is_nothing());
    world.deliver_old(folder, "old too").await;
    world.deliver(folder, "new").await;
    phone.sync_one(Ask::of(&inbox).without_options()).await;
    assert_eq!(phone.subjects(&inbox), ["new"]);
}
