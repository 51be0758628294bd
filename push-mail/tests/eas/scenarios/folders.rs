//! MS-ASCMD S02 FolderCreate, S03 FolderDelete, S04 FolderSync, S05 FolderUpdate.

use push_mail::store::Command;
use push_mail::wbxml::tags::folder_hierarchy as f;
use push_mail::wbxml::{Element, Tag};

use super::in_every_world;
use crate::client::Phone;
use crate::client::answer::{number, status, text};
use crate::client::folders::folder_sync_of;
use crate::world::World;

in_every_world!(
    s02_tc01_a_made_folder_is_there_and_not_told_to_its_maker,
    s02_tc03_a_name_that_is_taken_is_refused,
    s02_tc04_a_parent_that_is_not_there_is_refused,
    s02_tc05_a_wrong_key_is_refused_and_nothing_is_made,
    s02_tc06_what_is_left_out_or_a_default_folder_is_no_request,
    s02_tc08_a_recipient_cache_is_not_made,
    s03_tc01_a_deleted_folder_is_gone_for_all,
    s03_tc02_special_folders_stay,
    s03_tc03_a_folder_that_is_not_there_cannot_be_deleted,
    s03_tc04_and_tc05_a_wrong_key_deletes_nothing,
    s04_tc01_key_0_tells_all_folders,
    s04_tc02_nothing_new_has_a_count_of_0,
    s04_tc03_and_tc07_to_tc09_what_others_do_is_told,
    s04_tc04_ids_stay_when_all_is_told_again,
    s04_tc05_a_wrong_key_is_told_so,
    s04_tc06_a_request_without_a_key_is_none,
    s04_tc10_folders_come_without_items,
    s04_a_lost_answer_is_told_again,
    s05_tc01_a_folder_gets_another_name_and_keeps_its_id,
    s05_tc02_special_folders_and_taken_names_are_refused,
    s05_tc03_a_folder_that_is_not_there_cannot_be_renamed,
    s05_tc04_it_cannot_be_moved_to_where_nothing_is,
    s05_tc05_and_tc06_a_wrong_key_renames_nothing,
    s05_tc07_a_folder_moves_below_another_with_its_items,
    a_folder_that_came_and_went_between_is_not_told,
    the_inbox_is_called_so_and_is_a_folder_of_its_own_kind,
);

/// The status of a command whose children are these.
async fn told(phone: &mut Phone, command: &'static str, children: &[(Tag, &str)]) -> u16 {
    let tag = Tag::find("FolderHierarchy", command).expect("a tag");
    let request = children.iter().fold(Element::new(tag), |request, (tag, text)| request.with_text(*tag, text));
    let answer = phone.document(command, &request).await;
    status(&answer, f::STATUS)
}

async fn s02_tc01_a_made_folder_is_there_and_not_told_to_its_maker(world: World) {
    let mut phone = world.phone().await;
    let mut other = world.phone().await;
    let id = phone.folder_create("0", "Made", 12).await.expect("made");
    let below = phone.folder_create(&id, "Below", 12).await.expect("made");
    let before = phone.tree.clone();
    phone.folder_sync().await;
    assert_eq!(phone.tree, before);
    other.folder_sync().await;
    assert_eq!(other.folder("Made"), id);
    assert_eq!(other.tree[&below].parent, id);
    let tree = world.store.hierarchy().await.expect("a tree");
    assert!(tree.folders.iter().any(|folder| folder.path == "Made/Below"), "{tree:?}");
    assert!(phone.sync_all(&below).await.is_nothing());
}

async fn s02_tc03_a_name_that_is_taken_is_refused(world: World) {
    let mut phone = world.phone().await;
    let id = phone.folder_create("0", "Twice", 12).await.expect("made");
    assert_eq!(phone.folder_create("0", "Twice", 12).await, Err(2));
    phone.folder_create(&id, "Twice", 12).await.expect("another place");
}

async fn s02_tc04_a_parent_that_is_not_there_is_refused(world: World) {
    let mut phone = world.phone().await;
    for parent in ["4711", "nonsense"] {
        assert_eq!(phone.folder_create(parent, "Child", 12).await, Err(5), "{parent}");
    }
}

async fn s02_tc05_a_wrong_key_is_refused_and_nothing_is_made(world: World) {
    let mut phone = world.phone().await;
    let children = [(f::PARENT_ID, "0"), (f::DISPLAY_NAME, "Never"), (f::TYPE, "12")];
    for key in ["nonsense", "", "4711"] {
        let mut all = vec![(f::SYNC_KEY, key)];
        all.extend(children);
        assert_eq!(told(&mut phone, "FolderCreate", &all).await, 9, "{key:?}");
    }
    phone.folder_sync().await;
    assert!(phone.tree.values().all(|row| row.name != "Never"));
}

async fn s02_tc06_what_is_left_out_or_a_default_folder_is_no_request(world: World) {
    let mut phone = world.phone().await;
    let children = [(f::PARENT_ID, "0"), (f::DISPLAY_NAME, "Never"), (f::TYPE, "12")];
    assert_eq!(told(&mut phone, "FolderCreate", &children).await, 10);
    // R4035: another inbox.
    assert_eq!(phone.folder_create("0", "Never", 2).await, Err(10));
    let key = phone.tree_key.clone();
    for left_out in 0..3 {
        let mut all = vec![(f::SYNC_KEY, key.as_str())];
        all.extend(children.iter().enumerate().filter(|(place, _)| *place != left_out).map(|(_, child)| *child));
        assert_eq!(told(&mut phone, "FolderCreate", &all).await, 10, "{left_out}");
    }
}

async fn s02_tc08_a_recipient_cache_is_not_made(world: World) {
    let mut phone = world.phone().await;
    assert_eq!(phone.folder_create("0", "Cache", 19).await, Err(3));
}

async fn s03_tc01_a_deleted_folder_is_gone_for_all(world: World) {
    let folder = world.make_folder("Doomed").await;
    world.deliver(folder, "in it").await;
    let mut phone = world.phone().await;
    let mut other = world.phone().await;
    let id = phone.folder("Doomed");
    phone.sync_all(&id).await;
    phone.folder_delete(&id).await.expect("deleted");
    phone.folder_sync().await;
    other.folder_sync().await;
    assert!(!phone.tree.contains_key(&id) && !other.tree.contains_key(&id));
    let tree = world.store.hierarchy().await.expect("a tree");
    assert!(tree.folders.iter().all(|folder| folder.path != "Doomed"), "{tree:?}");
}

async fn s03_tc02_special_folders_stay(world: World) {
    for path in ["Trash", "Sent", "Drafts"] {
        world.make_folder(path).await;
    }
    let mut phone = world.phone().await;
    for kind in [2, 3, 4, 5] {
        let id = phone.folder_of_kind(kind);
        assert_eq!(phone.folder_delete(&id).await, Err(3), "{kind}");
    }
}

async fn s03_tc03_a_folder_that_is_not_there_cannot_be_deleted(world: World) {
    let mut phone = world.phone().await;
    for id in ["4711", "nonsense"] {
        assert_eq!(phone.folder_delete(id).await, Err(4), "{id}");
    }
}

async fn s03_tc04_and_tc05_a_wrong_key_deletes_nothing(world: World) {
    world.make_folder("Stays").await;
    let mut phone = world.phone().await;
    let id = phone.folder("Stays");
    for key in ["", "nonsense"] {
        assert_eq!(told(&mut phone, "FolderDelete", &[(f::SYNC_KEY, key), (f::SERVER_ID, &id)]).await, 9);
    }
    assert_eq!(told(&mut phone, "FolderDelete", &[(f::SERVER_ID, &id)]).await, 10);
    let key = phone.tree_key.clone();
    assert_eq!(told(&mut phone, "FolderDelete", &[(f::SYNC_KEY, &key)]).await, 10);
    phone.tree_key = "0".to_owned();
    phone.folder_sync().await;
    phone.folder("Stays");
}

async fn s04_tc01_key_0_tells_all_folders(world: World) {
    for path in ["Sent", "Trash", "Drafts", "Lists", "Lists/Rust"] {
        world.make_folder(path).await;
    }
    let phone = world.phone().await;
    let rows: Vec<_> = phone.tree.values().map(|row| (row.name.as_str(), row.kind)).collect();
    for wanted in [("Sent", 5), ("Trash", 4), ("Drafts", 3), ("Lists", 12), ("Rust", 12)] {
        assert!(rows.contains(&wanted), "{wanted:?}: {rows:?}");
    }
    assert_eq!(rows.iter().filter(|(_, kind)| *kind == 2).count(), 1);
    assert_eq!(phone.tree[&phone.folder("Rust")].parent, phone.folder("Lists"));
    assert_eq!(phone.tree[&phone.folder("Lists")].parent, "0");
}

async fn s04_tc02_nothing_new_has_a_count_of_0(world: World) {
    let mut phone = world.phone().await;
    let answer = phone.document("FolderSync", &folder_sync_of(&phone.tree_key.clone())).await;
    let changes = answer.child(f::CHANGES).expect("changes");
    assert_eq!(number::<u32>(changes.child(f::COUNT).expect("a count")), 0);
    assert_eq!(changes.elements().count(), 1);
}

async fn s04_tc03_and_tc07_to_tc09_what_others_do_is_told(world: World) {
    let mut phone = world.phone().await;
    let folder = world.make_folder("First").await;
    phone.folder_sync().await;
    let id = phone.folder("First");
    world.apply(Command::RenameFolder { folder, path: "Second".to_owned() }).await;
    phone.folder_sync().await;
    assert_eq!(phone.folder("Second"), id);
    let parent = world.make_folder("Parent").await;
    world.apply(Command::RenameFolder { folder, path: "Parent/Second".to_owned() }).await;
    phone.folder_sync().await;
    assert_eq!(phone.tree[&id].parent, parent.to_string());
    world.apply(Command::DeleteFolder { folder }).await;
    phone.folder_sync().await;
    assert!(!phone.tree.contains_key(&id));
}

async fn s04_tc04_ids_stay_when_all_is_told_again(world: World) {
    for path in ["One", "Two", "One/Three"] {
        world.make_folder(path).await;
    }
    let mut phone = world.phone().await;
    let before = phone.tree.clone();
    phone.tree_key = "0".to_owned();
    phone.folder_sync().await;
    assert_eq!(phone.tree, before);
}

async fn s04_tc05_a_wrong_key_is_told_so(world: World) {
    let mut phone = world.phone().await;
    for key in ["", "nonsense", "4711", "-1"] {
        let answer = phone.document("FolderSync", &folder_sync_of(key)).await;
        assert_eq!(status(&answer, f::STATUS), 9, "{key:?}");
    }
    phone.folder_sync().await;
}

async fn s04_tc06_a_request_without_a_key_is_none(world: World) {
    let mut phone = world.phone().await;
    assert_eq!(told(&mut phone, "FolderSync", &[]).await, 10);
}

async fn s04_tc10_folders_come_without_items(world: World) {
    world.deliver_many(2).await;
    let (mut phone, inbox) = world.synced_phone().await;
    world.make_folder("Another").await;
    let held = phone.held[&inbox].clone();
    world.deliver(world.inbox().await, "news").await;
    phone.folder_sync().await;
    assert_eq!(phone.key(&inbox), held.key);
    assert_eq!(phone.sync_all(&inbox).await.added.len(), 1);
}

/// The answer to key N is lost: key N is as good as before, and tells the same and what came since.
async fn s04_a_lost_answer_is_told_again(world: World) {
    let mut phone = world.fresh_phone();
    phone.provision().await;
    for _ in 0..2 {
        phone.document("FolderSync", &folder_sync_of("0")).await;
    }
    phone.folder_sync().await;
    world.make_folder("One").await;
    let lost = phone.document("FolderSync", &folder_sync_of(&phone.tree_key.clone())).await;
    assert_ne!(text(&lost, f::SYNC_KEY), phone.tree_key);
    world.make_folder("Two").await;
    phone.folder_sync().await;
    let (one, two) = (phone.folder("One"), phone.folder("Two"));
    assert_ne!(one, two);
    // Of a command that changes the tree as well: it is done, and the old key tells of it.
    let key = phone.tree_key.clone();
    phone.folder_create("0", "Three", 12).await.expect("made");
    let id = phone.folder("Three");
    phone.tree.remove(&id);
    phone.tree_key = key;
    phone.folder_sync().await;
    assert_eq!(phone.folder("Three"), id);
}

async fn s05_tc01_a_folder_gets_another_name_and_keeps_its_id(world: World) {
    let folder = world.make_folder("Before").await;
    world.deliver(folder, "in it").await;
    let mut phone = world.phone().await;
    let mut other = world.phone().await;
    let id = phone.folder("Before");
    phone.sync_all(&id).await;
    phone.folder_update(&id, "0", "After").await.expect("renamed");
    phone.folder_sync().await;
    other.folder_sync().await;
    assert_eq!(other.folder("After"), id);
    assert!(phone.sync_all(&id).await.is_nothing());
    assert_eq!(phone.restarts, 0);
    let tree = world.store.hierarchy().await.expect("a tree");
    assert!(tree.folders.iter().any(|folder| folder.path == "After"), "{tree:?}");
}

async fn s05_tc02_special_folders_and_taken_names_are_refused(world: World) {
    for path in ["One", "Two", "Trash"] {
        world.make_folder(path).await;
    }
    let mut phone = world.phone().await;
    let (inbox, trash, one) = (phone.inbox(), phone.folder_of_kind(4), phone.folder("One"));
    assert_eq!(phone.folder_update(&inbox, "0", "Mine").await, Err(2));
    assert_eq!(phone.folder_update(&trash, "0", "Mine").await, Err(2));
    assert_eq!(phone.folder_update(&one, "0", "Two").await, Err(2));
    phone.folder_sync().await;
    phone.folder("One");
}

async fn s05_tc03_a_folder_that_is_not_there_cannot_be_renamed(world: World) {
    let mut phone = world.phone().await;
    for id in ["4711", "nonsense"] {
        assert_eq!(phone.folder_update(id, "0", "Name").await, Err(4), "{id}");
    }
}

async fn s05_tc04_it_cannot_be_moved_to_where_nothing_is(world: World) {
    world.make_folder("One").await;
    let mut phone = world.phone().await;
    let one = phone.folder("One");
    for parent in ["4711", "nonsense"] {
        assert_eq!(phone.folder_update(&one, parent, "One").await, Err(5), "{parent}");
    }
    // Nor below itself.
    assert!(phone.folder_update(&one, &one, "One").await.is_err());
}

async fn s05_tc05_and_tc06_a_wrong_key_renames_nothing(world: World) {
    world.make_folder("One").await;
    let mut phone = world.phone().await;
    let one = phone.folder("One");
    let children = [(f::SERVER_ID, one.as_str()), (f::PARENT_ID, "0"), (f::DISPLAY_NAME, "Two")];
    for key in ["", "nonsense"] {
        let mut all = vec![(f::SYNC_KEY, key)];
        all.extend(children);
        assert_eq!(told(&mut phone, "FolderUpdate", &all).await, 9, "{key:?}");
    }
    assert_eq!(told(&mut phone, "FolderUpdate", &children).await, 10);
    phone.folder_sync().await;
    phone.folder("One");
}

async fn s05_tc07_a_folder_moves_below_another_with_its_items(world: World) {
    let child = world.make_folder("Child").await;
    world.make_folder("Parent").await;
    world.deliver(child, "in it").await;
    let mut phone = world.phone().await;
    let (id, parent) = (phone.folder("Child"), phone.folder("Parent"));
    phone.sync_all(&id).await;
    phone.folder_update(&id, &parent, "Child").await.expect("moved");
    phone.folder_sync().await;
    assert_eq!(phone.tree[&id].parent, parent);
    assert!(phone.sync_all(&id).await.is_nothing());
    let mut other = world.phone().await;
    other.sync_all(&id).await;
    assert_eq!(other.subjects(&id), ["in it"]);
}

async fn a_folder_that_came_and_went_between_is_not_told(world: World) {
    let mut phone = world.phone().await;
    let folder = world.make_folder("Short").await;
    world.apply(Command::DeleteFolder { folder }).await;
    let before = phone.tree.clone();
    phone.folder_sync().await;
    assert_eq!(phone.tree, before);
}

async fn the_inbox_is_called_so_and_is_a_folder_of_its_own_kind(world: World) {
    let phone = world.phone().await;
    assert_eq!(phone.tree[&phone.inbox()].name.to_lowercase(), "inbox");
    assert_eq!(phone.inbox(), world.inbox().await.to_string());
}
