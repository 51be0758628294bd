//! MS-ASCMD S19, Sync, of contacts, calendars, tasks and notes: what a phone makes and changes itself.

use push_mail::store::{Class, Command};
use push_mail::wbxml::tags::{air_sync as a, calendar as cal, contacts as c, ping as p};
use push_mail::wbxml::{Element, Tag};

use crate::client::answer::text;
use crate::client::{Act, Ask, Phone};
use crate::world::{Kind, World};

/// A mailbox in memory with a folder of that class, and a phone that has synced it.
async fn with(class: Class) -> (World, Phone, String) {
    let world = World::new(Kind::Memory).await;
    world.apply(Command::CreateFolderOf { class, path: "Items".to_owned() }).await;
    let phone = another(&world).await;
    let folder = phone.folder("Items");
    (world, phone, folder)
}

async fn another(world: &World) -> Phone {
    let mut phone = world.phone().await;
    let folder = phone.folder("Items");
    phone.sync_all_of(&plain(&folder)).await;
    phone
}

fn plain(folder: &str) -> Ask {
    Ask::of(folder)
}

fn contact(first: &str, last: &str) -> Vec<Element> {
    vec![
        Element::text(c::FILE_AS, format!("{last}, {first}")),
        Element::text(c::FIRST_NAME, first),
        Element::text(c::LAST_NAME, last),
        Element::text(c::EMAIL1_ADDRESS, format!("{first}@example.org")),
    ]
}

fn add(client_id: &str, data: Vec<Element>) -> Act {
    Act::Add { client_id: client_id.to_owned(), data }
}

fn change(id: &str, data: Vec<Element>) -> Act {
    Act::Change { id: id.to_owned(), data }
}

/// The id that a new item was given.
fn id_of(responses: &[Element], client_id: &str) -> String {
    let of = |element: &&Element| element.child_text(a::CLIENT_ID).as_deref() == Some(client_id);
    text(responses.iter().find(of).expect("an answer"), a::SERVER_ID)
}

fn field(phone: &Phone, folder: &str, id: &str, tag: Tag) -> String {
    phone.held[folder].field(id, tag)
}

/// S19_TC01: R957, R942, R748, R749.
#[tokio::test]
async fn s19_tc01_a_contact_that_a_phone_makes_gets_an_id_and_reaches_the_other_phone() {
    let (world, mut phone, folder) = with(Class::Contacts).await;
    let mut other = another(&world).await;
    let told = phone.sync_one(plain(&folder).act(add("new-1", contact("Ann", "Example")))).await;
    assert_eq!(told.response_status(a::ADD, "new-1"), Some(1), "{told:?}");
    assert!(told.is_nothing() && told.responses[0].child(a::CLASS).is_none(), "{told:?}");
    let id = id_of(&told.responses, "new-1");
    assert!(phone.sync_all_of(&plain(&folder)).await.is_nothing(), "its maker knows it");
    assert_eq!(other.sync_all_of(&plain(&folder)).await.added, std::slice::from_ref(&id));
    for (tag, value) in [(c::FIRST_NAME, "Ann"), (c::LAST_NAME, "Example"), (c::EMAIL1_ADDRESS, "Ann@example.org")] {
        assert!(field(&other, &folder, &id, tag).contains(value), "{:?}", other.held[&folder].item(&id));
    }
}

/// The answer is lost: asked again, the item is made once, under the same id.
#[tokio::test]
async fn a_lost_answer_to_new_items_is_told_again_and_they_are_made_once() {
    let (world, mut phone, folder) = with(Class::Contacts).await;
    let asks = [plain(&folder).act(add("1", contact("Ann", "A"))).act(add("2", contact("Bob", "B")))];
    let lost = phone.sync_lost(&asks).await;
    phone.sync_cut(&asks).await;
    let told = phone.sync(&asks).await.only();
    let responses = |answer: &Element| {
        let folders = answer.child(a::COLLECTIONS).expect("folders");
        let of = |folder: &Element| folder.child(a::RESPONSES).map(|all| all.elements().cloned().collect::<Vec<_>>());
        folders.elements().find_map(of).expect("responses")
    };
    for client_id in ["1", "2"] {
        assert_eq!(id_of(&told.responses, client_id), id_of(&responses(lost.document()), client_id));
    }
    assert!(phone.sync_all_of(&plain(&folder)).await.is_nothing());
    assert_eq!(another(&world).await.held[&folder].items.len(), 2);
    // Later the same names are of other items.
    let told = phone.sync_one(plain(&folder).act(add("1", contact("Eve", "E")))).await;
    assert_eq!(told.response_status(a::ADD, "1"), Some(1));
    assert_eq!(another(&world).await.held[&folder].items.len(), 3);
}

/// S19_TC27: what others change is told, and what a phone does not say stays.
#[tokio::test]
async fn s19_tc27_a_changed_contact_reaches_the_other_phone_and_keeps_the_rest() {
    let (world, mut phone, folder) = with(Class::Contacts).await;
    let mut other = another(&world).await;
    let told = phone.sync_one(plain(&folder).act(add("1", contact("Ann", "Example")))).await;
    let id = id_of(&told.responses, "1");
    other.sync_all_of(&plain(&folder)).await;
    let data = vec![Element::text(c::LAST_NAME, "Changed"), Element::text(c::FILE_AS, "Changed, Ann")];
    let told = phone.sync_one(plain(&folder).act(change(&id, data))).await;
    assert!(told.response_status(a::CHANGE, &id).is_none_or(|status| status == 1), "{told:?}");
    assert_eq!(other.sync_all_of(&plain(&folder)).await.changed, std::slice::from_ref(&id));
    assert_eq!(field(&other, &folder, &id, c::LAST_NAME), "Changed");
    assert_eq!(field(&other, &folder, &id, c::FIRST_NAME), "Ann");
    assert!(phone.sync_all_of(&plain(&folder)).await.is_nothing());
}

/// S19_TC40: R2066..R2069, R4444.
#[tokio::test]
async fn s19_tc40_in_a_conflict_one_side_wins_and_both_show_the_same() {
    for (conflict, wins) in [(None, "theirs"), (Some(1), "theirs"), (Some(0), "mine")] {
        let (world, mut phone, folder) = with(Class::Contacts).await;
        let told = phone.sync_one(plain(&folder).act(add("1", contact("Ann", "Example")))).await;
        let id = id_of(&told.responses, "1");
        phone.sync_all_of(&plain(&folder)).await;
        let mut other = another(&world).await;
        let named = |name: &str| vec![Element::text(c::LAST_NAME, name)];
        other.sync_one(plain(&folder).act(change(&id, named("theirs")))).await;
        let mut ask = plain(&folder).act(change(&id, named("mine")));
        if let Some(conflict) = conflict {
            ask = ask.option(Element::text(a::CONFLICT, conflict));
        }
        let told = phone.sync_one(ask.clone()).await;
        let status = told.response_status(a::CHANGE, &id).unwrap_or(1);
        assert_eq!(status, if wins == "theirs" { 7 } else { 1 }, "{conflict:?}: {told:?}");
        ask.acts.clear();
        phone.sync_all_of(&ask).await;
        other.sync_all_of(&plain(&folder)).await;
        for phone in [&phone, &other] {
            assert_eq!(field(phone, &folder, &id, c::LAST_NAME), wins, "{conflict:?}");
        }
    }
}

/// S19_TC24: R4440.
#[tokio::test]
async fn s19_tc24_an_event_without_an_end_is_no_item() {
    let (_world, mut phone, folder) = with(Class::Calendar).await;
    let data = vec![Element::text(cal::SUBJECT, "no end"), Element::text(cal::START_TIME, "20261201T100000Z")];
    let told = phone.sync_one(plain(&folder).act(add("1", data))).await;
    assert_eq!(told.response_status(a::ADD, "1"), Some(6), "{told:?}");
    assert!(phone.sync_all_of(&plain(&folder)).await.is_nothing());
}

#[tokio::test]
async fn s19_tc38_an_event_is_made_changed_and_deleted() {
    let (world, mut phone, folder) = with(Class::Calendar).await;
    let mut other = another(&world).await;
    let data = vec![
        Element::text(cal::SUBJECT, "lunch"),
        Element::text(cal::START_TIME, "20261201T100000Z"),
        Element::text(cal::END_TIME, "20261201T110000Z"),
    ];
    let told = phone.sync_one(plain(&folder).act(add("1", data))).await;
    assert_eq!(told.response_status(a::ADD, "1"), Some(1), "{told:?}");
    let id = id_of(&told.responses, "1");
    other.sync_all_of(&plain(&folder)).await;
    assert_eq!(field(&other, &folder, &id, cal::SUBJECT), "lunch");
    assert_eq!(field(&other, &folder, &id, cal::START_TIME), "20261201T100000Z");
    phone.sync_one(plain(&folder).act(Act::delete(&id))).await;
    assert_eq!(other.sync_all_of(&plain(&folder)).await.deleted, [id]);
}

/// S19_TC12, S19_TC13: which filters there are of each class.
#[tokio::test]
async fn s19_tc12_and_tc13_a_filter_of_another_class_is_no_request() {
    for (class, right, wrong) in
        [(Class::Calendar, &[0, 4, 5, 6, 7][..], &[1, 2, 3, 8][..]), (Class::Tasks, &[0, 8], &[1, 4, 7])]
    {
        let (_world, mut phone, folder) = with(class).await;
        for (filters, is_right) in [(right, true), (wrong, false)] {
            for filter in filters {
                let synced = phone.sync(&[plain(&folder).filter(*filter)]).await;
                let refused = synced.status.or(synced.told.get(&folder).map(|told| told.status));
                assert_eq!(refused.unwrap_or(1), if is_right { 1 } else { 4 }, "{class:?} {filter}: {synced:?}");
            }
        }
    }
}

/// A ping of a folder of contacts waits for contacts.
#[tokio::test]
async fn a_contact_of_another_phone_wakes_and_ones_own_does_not() {
    let (world, mut phone, folder) = with(Class::Contacts).await;
    let mut other = another(&world).await;
    let ping = |seconds: u32| {
        let watched = Element::new(p::FOLDER).with_text(p::ID, &folder).with_text(p::CLASS, "Contacts");
        Element::new(p::PING).with_text(p::HEARTBEAT_INTERVAL, seconds).with(Element::new(p::FOLDERS).with(watched))
    };
    let parked = phone.start_ping_of(Some(&ping(600)));
    world.parked(1).await;
    other.sync_one(plain(&folder).act(add("1", contact("Ann", "Example")))).await;
    assert_eq!(phone.answered(parked).await.status, 2);
    assert_eq!(phone.sync_all_of(&plain(&folder)).await.added.len(), 1);
    assert_eq!(other.ping_of(Some(&ping(1))).await.status, 1);
}

/// S02: folders of the other classes may be made where a mailbox can hold them. The first of a class is the one that phones
/// take for their own (8, 9, 7, 10).
#[tokio::test]
async fn s02_tc01_folders_of_other_classes_are_made_as_such() {
    let world = World::new(Kind::Memory).await;
    let mut phone = world.phone().await;
    let mut other = world.phone().await;
    for (kind, own, name) in [(13, 8, "Events"), (14, 9, "People"), (15, 7, "To do"), (17, 10, "Notes of mine")] {
        let id = phone.folder_create("0", name, kind).await.unwrap_or_else(|status| panic!("{name}: {status}"));
        other.folder_sync().await;
        assert_eq!(other.folder(name), id);
        assert!([kind, own].contains(&other.tree[&id].kind), "{:?}", other.tree[&id]);
        assert!(phone.sync_all(&id).await.is_nothing());
    }
    phone.folder_sync().await;
}
