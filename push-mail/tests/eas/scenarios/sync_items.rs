//! MS-ASCMD S19, Sync: what happens to items, on either side; MS-ASEMAIL S03: flags.

use push_mail::store::{Command, Flags, Wanted};
use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{air_sync as a, air_sync_base as b, email as e};

use super::in_every_world;
use crate::client::items::body_text;
use crate::client::{Act, Ask};
use crate::world::World;

in_every_world!(
    s19_tc01_an_item_says_what_a_list_shows_of_it,
    s19_tc27_what_others_change_is_told_as_a_change,
    s19_tc27_read_and_flag_reach_the_mailbox,
    s19_tc27_a_change_of_one_mark_leaves_the_other,
    s19_tc28_a_change_of_an_item_that_is_not_there_is_refused_alone,
    s19_tc34_a_deleted_item_is_in_the_trash_unless_the_phone_says_otherwise,
    s19_tc35_a_deleted_item_is_gone_for_good_where_the_phone_wants_it,
    s19_tc35_an_item_deleted_in_the_trash_is_gone_for_good,
    s19_tc36_an_item_is_fetched_by_its_id,
    s19_tc52_a_fetch_of_an_item_that_is_gone_is_not_found,
    s19_tc38_what_others_delete_is_told,
    s19_tc40_in_a_conflict_the_server_wins_unless_the_phone_says_otherwise,
    s19_tc49_what_leaves_the_filter_leaves_softly,
    s19_tc49_a_wider_filter_brings_the_old_back,
    s19_tc11_filters_of_mail_are_known,
    asemail_s03_a_flag_is_set_and_taken_away_in_both_ways,
    asemail_s03_a_flag_that_is_done_is_told_as_done,
    a_delete_of_an_item_that_is_gone_already_is_no_error,
    a_change_told_in_the_middle_of_windows_is_told_once,
    an_item_changed_before_it_was_told_is_told_as_it_is,
    an_item_deleted_between_windows_is_not_told_or_told_as_gone,
    own_changes_and_others_come_together_in_one_answer,
    messages_of_every_kind_are_told,
);

async fn s19_tc01_an_item_says_what_a_list_shows_of_it(world: World) {
    world.deliver_many(1).await;
    let (phone, inbox) = world.synced_phone().await;
    let held = &phone.held[&inbox];
    let id = held.find("mail 0000");
    assert!(id.len() <= 64 && !id.is_empty());
    assert!(held.field(&id, e::FROM).contains("ann@example.org"), "{:?}", held.item(&id));
    assert!(held.field(&id, e::TO).contains("bob@example.org"));
    assert_eq!(held.field(&id, e::READ), "0");
    assert_eq!(held.field(&id, e::MESSAGE_CLASS), "IPM.Note");
    let date = held.field(&id, e::DATE_RECEIVED);
    // MS-ASDTYPE §2.7.2: 2026-11-21T11:44:15.000Z.
    assert!(date.len() == 24 && date.ends_with('Z') && date.as_bytes()[10] == b'T', "{date:?}");
    assert_eq!(body_text(held.item(&id)).trim_end(), "This is mail 0000.");
}

async fn s19_tc27_what_others_change_is_told_as_a_change(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "marked").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("marked");
    let nothing = Flags::default();
    for (add, remove, read, flagged) in [
        (Flags::SEEN, nothing, true, false),
        (Flags::FLAGGED, nothing, true, true),
        (nothing, Flags::SEEN, false, true),
        (nothing, Flags::FLAGGED, false, false),
    ] {
        world.mark(folder, uid, add, remove).await;
        let told = phone.sync_one(Ask::of(&inbox)).await;
        assert_eq!(told.changed, std::slice::from_ref(&id), "{told:?}");
        let held = &phone.held[&inbox];
        assert_eq!((held.is_read(&id), held.is_flagged(&id)), (read, flagged), "{:?}", held.item(&id));
        assert_eq!(held.field(&id, e::SUBJECT), "marked", "a change leaves the rest");
    }
}

/// How the mailbox marks its only message of the inbox.
async fn marks(world: &World) -> Flags {
    let folder = world.inbox().await;
    let page = world.store.changes(folder, push_mail::store::Token::START, 10).await.expect("changes");
    let uids: Vec<_> = page.changes.iter().map(|change| change.uid).collect();
    let items = world.store.fetch(folder, &uids, Wanted::Flags).await.expect("fetched");
    assert_eq!(items.len(), 1);
    items[0].flags
}

async fn s19_tc27_read_and_flag_reach_the_mailbox(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    let told = phone.sync_one(Ask::of(&inbox).act(Act::read(&id, true)).act(Act::flag(&id))).await;
    assert!(told.is_nothing() && told.status == 1, "{told:?}");
    assert_eq!(marks(&world).await, Flags::SEEN.with(Flags::FLAGGED));
    phone.sync_one(Ask::of(&inbox).act(Act::read(&id, false))).await;
    assert_eq!(marks(&world).await, Flags::FLAGGED);
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn s19_tc27_a_change_of_one_mark_leaves_the_other(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "marked").await;
    world.mark(folder, uid, Flags::ANSWERED.with(Flags::FLAGGED), Flags::default()).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("marked");
    assert!(phone.held[&inbox].is_flagged(&id));
    phone.sync_one(Ask::of(&inbox).act(Act::read(&id, true))).await;
    assert_eq!(marks(&world).await, Flags::SEEN.with(Flags::ANSWERED).with(Flags::FLAGGED));
}

async fn s19_tc28_a_change_of_an_item_that_is_not_there_is_refused_alone(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    for wrong in [format!("{inbox}:99999"), "nonsense".to_owned()] {
        let ask = Ask::of(&inbox).act(Act::read(&wrong, true)).act(Act::flag(&id));
        let told = phone.sync_one(ask).await;
        assert_eq!(told.status, 1, "{wrong:?}: {told:?}");
        let refused = told.response_status(a::CHANGE, &wrong);
        assert!(refused.is_some_and(|status| status != 1), "{wrong:?}: {told:?}");
    }
    assert_eq!(marks(&world).await, Flags::FLAGGED, "the others are carried out");
}

async fn s19_tc34_a_deleted_item_is_in_the_trash_unless_the_phone_says_otherwise(world: World) {
    world.make_folder("Trash").await;
    world.deliver_many(2).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let trash = phone.folder_of_kind(4);
    phone.sync_all(&trash).await;
    for (number, moves) in [(0, None), (1, Some(true))] {
        let id = phone.held[&inbox].find(&format!("mail {number:04}"));
        let mut ask = Ask::of(&inbox).act(Act::delete(&id));
        ask.deletes_as_moves = moves;
        assert!(phone.sync_one(ask).await.is_nothing());
    }
    assert_eq!(phone.sync_all(&trash).await.added.len(), 2);
    assert_eq!(phone.subjects(&trash), ["mail 0000", "mail 0001"]);
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn s19_tc35_a_deleted_item_is_gone_for_good_where_the_phone_wants_it(world: World) {
    world.make_folder("Trash").await;
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let trash = phone.folder_of_kind(4);
    let id = phone.held[&inbox].find("mail 0000");
    let mut ask = Ask::of(&inbox).act(Act::delete(&id));
    ask.deletes_as_moves = Some(false);
    phone.sync_one(ask).await;
    assert!(phone.sync_all(&trash).await.is_nothing());
    let (other, _) = world.synced_phone().await;
    assert!(other.subjects(&inbox).is_empty());
}

async fn s19_tc35_an_item_deleted_in_the_trash_is_gone_for_good(world: World) {
    let folder = world.make_folder("Trash").await;
    world.deliver(folder, "rubbish").await;
    let mut phone = world.phone().await;
    let trash = phone.folder_of_kind(4);
    phone.sync_all(&trash).await;
    let id = phone.held[&trash].find("rubbish");
    assert!(phone.sync_one(Ask::of(&trash).act(Act::delete(&id))).await.is_nothing());
    assert!(phone.sync_all(&trash).await.is_nothing());
    let mut other = world.phone().await;
    assert!(other.sync_all(&trash).await.is_nothing());
}

async fn s19_tc36_an_item_is_fetched_by_its_id(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    let told = phone.sync_one(Ask::of(&inbox).act(Act::Fetch { id: id.clone() })).await;
    assert_eq!(told.response_status(a::FETCH, &id), Some(1));
    let data = told.responses[0].child(a::APPLICATION_DATA).expect("data");
    assert_eq!(data.child_text(e::SUBJECT).as_deref(), Some("mail 0000"));
    assert_eq!(body_text(data).trim_end(), "This is mail 0000.");
}

async fn s19_tc52_a_fetch_of_an_item_that_is_gone_is_not_found(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    let mut ask = Ask::of(&inbox).act(Act::delete(&id));
    ask.deletes_as_moves = Some(false);
    phone.sync_one(ask).await;
    for gone in [id, "nonsense".to_owned()] {
        let told = phone.sync_one(Ask::of(&inbox).act(Act::Fetch { id: gone.clone() })).await;
        assert_eq!(told.response_status(a::FETCH, &gone), Some(8), "{told:?}");
    }
}

async fn s19_tc38_what_others_delete_is_told(world: World) {
    let folder = world.inbox().await;
    let other = world.make_folder("Other").await;
    let (gone, moved) = (world.deliver(folder, "gone").await, world.deliver(folder, "moved").await);
    world.deliver(folder, "stays").await;
    let (mut phone, inbox) = world.synced_phone().await;
    world.remove(folder, gone).await;
    world.apply(Command::Move { folder, uid: moved, to: other }).await;
    let told = phone.sync_one(Ask::of(&inbox)).await;
    assert_eq!((told.deleted.len(), told.count()), (2, 2));
    assert_eq!(phone.subjects(&inbox), ["stays"]);
}

async fn s19_tc40_in_a_conflict_the_server_wins_unless_the_phone_says_otherwise(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "disputed").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("disputed");
    // Both mark it, the phone without having heard of the other: whoever wins, both show the same in the end.
    for conflict in [None, Some(1), Some(0)] {
        world.mark(folder, uid, Flags::default(), Flags::SEEN.with(Flags::FLAGGED)).await;
        phone.sync_all(&inbox).await;
        world.mark(folder, uid, Flags::FLAGGED, Flags::default()).await;
        let mut ask = Ask::of(&inbox).act(Act::read(&id, true));
        if let Some(conflict) = conflict {
            ask = ask.option(Element::text(a::CONFLICT, conflict));
        }
        let told = phone.sync_one(ask).await;
        assert_eq!(told.status, 1, "{told:?}");
        phone.sync_all(&inbox).await;
        let held = &phone.held[&inbox];
        let there = marks(&world).await;
        assert_eq!(held.is_read(&id), there.contains(Flags::SEEN), "{conflict:?}");
        assert!(held.is_flagged(&id) && there.contains(Flags::FLAGGED), "{conflict:?}");
    }
}

async fn s19_tc49_what_leaves_the_filter_leaves_softly(world: World) {
    let folder = world.inbox().await;
    world.deliver_old(folder, "old").await;
    world.deliver(folder, "new").await;
    let (mut phone, inbox) = world.synced_phone().await;
    assert_eq!(phone.subjects(&inbox), ["new", "old"]);
    let told = phone.sync_one(Ask::of(&inbox).filter(3)).await;
    assert_eq!((told.softly.len(), told.count()), (1, 1), "{told:?}");
    assert_eq!(phone.subjects(&inbox), ["new"]);
    assert!(phone.sync_all_of(&Ask::of(&inbox).filter(3)).await.is_nothing());
}

async fn s19_tc49_a_wider_filter_brings_the_old_back(world: World) {
    let folder = world.inbox().await;
    world.deliver_old(folder, "old").await;
    world.deliver(folder, "new").await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_all_of(&Ask::of(&inbox).filter(1)).await;
    assert_eq!(phone.subjects(&inbox), ["new"]);
    let told = phone.sync_all_of(&Ask::of(&inbox).filter(0)).await;
    assert_eq!(told.added.len(), 1, "{told:?}");
    assert_eq!(phone.subjects(&inbox), ["new", "old"]);
}

async fn s19_tc11_filters_of_mail_are_known(world: World) {
    let folder = world.inbox().await;
    world.deliver_old(folder, "old").await;
    world.deliver(folder, "new").await;
    for filter in 0..=5 {
        let mut phone = world.phone().await;
        let inbox = phone.inbox();
        phone.sync_all_of(&Ask::of(&inbox).filter(filter)).await;
        let wanted: &[&str] = if filter == 0 { &["new", "old"] } else { &["new"] };
        assert_eq!(phone.subjects(&inbox), wanted, "{filter}");
    }
    // R3080: open tasks are no filter of mail.
    let (mut phone, inbox) = world.synced_phone().await;
    let synced = phone.sync(&[Ask::of(&inbox).filter(8)]).await;
    let status = synced.status.or(synced.told.get(&inbox).map(|told| told.status));
    assert_eq!(status, Some(4), "{synced:?}");
}

async fn asemail_s03_a_flag_is_set_and_taken_away_in_both_ways(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let (mut other, _) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    let zero = Element::new(e::FLAG).with_text(e::STATUS, 0);
    let acts = [
        (Act::flag(&id), true),
        (Act::unflag(&id), false),
        (Act::flag(&id), true),
        (Act::Change { id: id.clone(), data: vec![zero] }, false),
    ];
    for (act, flagged) in acts {
        assert_eq!(phone.sync_one(Ask::of(&inbox).act(act.clone())).await.status, 1);
        assert_eq!(marks(&world).await.contains(Flags::FLAGGED), flagged, "{act:?}");
        assert_eq!(other.sync_all(&inbox).await.changed.len(), 1, "{act:?}");
        assert_eq!(other.held[&inbox].is_flagged(&id), flagged, "{act:?}");
        assert!(!other.held[&inbox].is_read(&id));
        assert!(phone.sync_all(&inbox).await.is_nothing());
    }
}

/// What is done is no longer marked as important; a mailbox knows no more of it.
async fn asemail_s03_a_flag_that_is_done_is_told_as_done(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    phone.sync_one(Ask::of(&inbox).act(Act::flag(&id))).await;
    let done = Element::new(e::FLAG)
        .with_text(e::STATUS, 1)
        .with_text(e::FLAG_TYPE, "Flag for follow up")
        .with_text(e::COMPLETE_TIME, "2026-11-22T08:00:00.000Z");
    let told = phone.sync_one(Ask::of(&inbox).act(Act::Change { id: id.clone(), data: vec![done] })).await;
    assert_eq!(told.status, 1);
    assert!(!marks(&world).await.contains(Flags::FLAGGED));
    phone.sync_all(&inbox).await;
    assert!(!phone.held[&inbox].is_flagged(&id));
}

async fn a_delete_of_an_item_that_is_gone_already_is_no_error(world: World) {
    let folder = world.inbox().await;
    world.make_folder("Trash").await;
    let uid = world.deliver(folder, "gone").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("gone");
    world.remove(folder, uid).await;
    let told = phone.sync_one(Ask::of(&inbox).act(Act::delete(&id))).await;
    assert_eq!(told.status, 1, "{told:?}");
    phone.sync_all(&inbox).await;
    assert!(phone.subjects(&inbox).is_empty());
}

async fn a_change_told_in_the_middle_of_windows_is_told_once(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "early").await;
    world.deliver_many(5).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    phone.sync_one(Ask::of(&inbox).window(2)).await;
    world.mark(folder, uid, Flags::SEEN, Flags::default()).await;
    loop {
        if !phone.sync_one(Ask::of(&inbox).window(2)).await.more {
            break;
        }
    }
    let held = &phone.held[&inbox];
    assert_eq!(held.items.len(), 6);
    assert!(held.is_read(&held.find("early")));
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn an_item_changed_before_it_was_told_is_told_as_it_is(world: World) {
    let folder = world.inbox().await;
    let (mut phone, inbox) = world.synced_phone().await;
    let uid = world.deliver(folder, "read elsewhere").await;
    world.mark(folder, uid, Flags::SEEN, Flags::default()).await;
    let told = phone.sync_one(Ask::of(&inbox)).await;
    assert_eq!((told.added.len(), told.count()), (1, 1));
    assert!(phone.held[&inbox].is_read(&phone.held[&inbox].find("read elsewhere")));
}

async fn an_item_deleted_between_windows_is_not_told_or_told_as_gone(world: World) {
    let folder = world.inbox().await;
    let mut uids = Vec::new();
    for number in 0..6 {
        uids.push(world.deliver(folder, &format!("mail {number}")).await);
    }
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    phone.sync_one(Ask::of(&inbox).window(2)).await;
    world.remove(folder, uids[0]).await;
    world.remove(folder, uids[5]).await;
    phone.sync_all_of(&Ask::of(&inbox).window(2)).await;
    assert_eq!(phone.subjects(&inbox), ["mail 1", "mail 2", "mail 3", "mail 4"]);
}

async fn own_changes_and_others_come_together_in_one_answer(world: World) {
    let folder = world.inbox().await;
    let uid = world.deliver(folder, "theirs").await;
    world.deliver(folder, "mine").await;
    let (mut phone, inbox) = world.synced_phone().await;
    world.mark(folder, uid, Flags::SEEN, Flags::default()).await;
    world.deliver(folder, "new").await;
    let mine = phone.held[&inbox].find("mine");
    let told = phone.sync_one(Ask::of(&inbox).act(Act::read(&mine, true))).await;
    assert_eq!((told.added.len(), told.changed.len(), told.count()), (1, 1, 2), "{told:?}");
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn messages_of_every_kind_are_told(world: World) {
    let folder = world.inbox().await;
    let mut random = testkit::Random::new(5);
    let all = testkit::mail::every_kind(&mut random);
    for mail in &all {
        world.put(folder, mail.raw.clone()).await;
    }
    for version in ["14.1", "16.1"] {
        for kind in [1, 2, 4] {
            let mut phone = world.fresh_phone().speaking(version);
            phone.set_up().await;
            let inbox = phone.inbox();
            let mut ask = Ask::of(&inbox).without_options();
            if kind == 4 {
                ask = ask.option(Element::text(a::MIME_SUPPORT, 2));
            }
            let preference = Element::new(b::BODY_PREFERENCE).with_text(b::TYPE, kind);
            phone.sync_all_of(&ask.option(preference)).await;
            let held = &phone.held[&inbox];
            assert_eq!(held.items.len(), all.len());
            for mail in &all {
                if let Some(subject) = &mail.subject {
                    assert!(held.subjects().contains(subject), "{}: {subject:?}", mail.kind);
                }
            }
        }
    }
}
