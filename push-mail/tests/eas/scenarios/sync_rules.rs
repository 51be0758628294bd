//! MS-ASCMD S19, Sync: what is no request, and what is one all the same.

use push_mail::wbxml::tags::{air_sync as a, air_sync_base as b, email as e};
use push_mail::wbxml::{Element, Tag};

use super::in_every_world;
use crate::client::sync::document;
use crate::client::{Act, Answer, Ask, Phone};
use crate::world::World;

in_every_world!(
    s19_tc05_a_request_without_folders_is_no_request,
    s19_tc09_options_of_one_class_given_twice_are_no_request,
    s19_tc10_commands_without_a_command_are_no_error,
    s19_tc14_and_tc20_to_tc23_and_tc41_what_is_given_twice_is_no_error,
    s19_tc25_mail_cannot_be_added,
    s19_tc26_changes_cannot_be_wanted_with_key_0,
    s19_tc26_changes_that_are_not_wanted_are_not_told,
    s19_tc46_a_folder_without_an_id_is_no_request,
    s19_tc48_more_than_200_commands_are_carried_out,
    a_folder_that_is_not_there_makes_the_hierarchy_stale,
    what_is_not_known_is_left_out,
);

/// The status of the whole command, or of its only folder.
fn status(answer: &Answer) -> Option<u16> {
    let of = |element: &Element| element.child_text(a::STATUS).and_then(|status| status.parse().ok());
    let document = answer.document.as_ref()?;
    let folder = document.child(a::COLLECTIONS).and_then(|folders| folders.child(a::COLLECTION));
    of(document).or_else(|| folder.and_then(of))
}

async fn ask(phone: &mut Phone, collections: Vec<Element>) -> Option<u16> {
    let answer = phone.command("Sync", Some(&document(collections, Vec::new()))).await;
    status(&answer)
}

async fn s19_tc05_a_request_without_folders_is_no_request(world: World) {
    let mut phone = world.phone().await;
    let answer = phone.command("Sync", Some(&Element::new(a::SYNC))).await;
    assert!(matches!(status(&answer), Some(4 | 13)), "{answer:?}");
    let answer = phone.command("Sync", Some(&Element::new(a::SYNC).with(Element::new(a::COLLECTIONS)))).await;
    assert_eq!(status(&answer), Some(4), "{answer:?}");
}

async fn s19_tc09_options_of_one_class_given_twice_are_no_request(world: World) {
    let (mut phone, inbox) = world.synced_phone().await;
    let options = || Element::new(a::OPTIONS).with_text(a::CLASS, "Email").with_text(a::FILTER_TYPE, 3);
    let collection = Ask::of(&inbox).without_options().element(&phone.key(&inbox)).with(options()).with(options());
    assert_eq!(ask(&mut phone, vec![collection]).await, Some(4));
}

async fn s19_tc10_commands_without_a_command_are_no_error(world: World) {
    world.deliver_many(1).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    phone.sync_one(Ask::of(&inbox)).await;
    let collection = Ask::of(&inbox).element(&phone.key(&inbox)).with(Element::new(a::COMMANDS));
    assert_eq!(ask(&mut phone, vec![collection]).await, Some(1));
}

async fn s19_tc14_and_tc20_to_tc23_and_tc41_what_is_given_twice_is_no_error(world: World) {
    world.deliver_many(1).await;
    let twice: [(Tag, &str, &str); 6] = [
        (a::FILTER_TYPE, "0", "3"),
        (a::CLASS, "Email", "Email"),
        (a::MAX_ITEMS, "1", "2"),
        (a::MIME_SUPPORT, "0", "1"),
        (a::MIME_TRUNCATION, "8", "4"),
        (a::CONFLICT, "0", "1"),
    ];
    for (tag, first, second) in twice {
        let mut phone = world.phone().await;
        let inbox = phone.inbox();
        phone.sync_one(Ask::of(&inbox)).await;
        let options = vec![Element::text(tag, first), Element::text(tag, second)];
        let mut asked = Ask::of(&inbox);
        asked.options = Some(options);
        let told = phone.sync_one(asked).await;
        assert_eq!((told.status, told.added.len()), (1, 1), "{tag:?}: {told:?}");
    }
}

/// Of 14.1; 16.1 adds drafts.
async fn s19_tc25_mail_cannot_be_added(world: World) {
    let mut phone = world.fresh_phone().speaking("14.1");
    phone.set_up().await;
    let inbox = phone.inbox();
    phone.sync_all(&inbox).await;
    let client_id = phone.client_id();
    let data = vec![Element::text(e::SUBJECT, "made here")];
    let told = phone.sync_one(Ask::of(&inbox).act(Act::Add { client_id: client_id.clone(), data })).await;
    assert_eq!(told.response_status(a::ADD, &client_id), Some(6), "{told:?}");
    assert!(phone.sync_all(&inbox).await.is_nothing());
}

async fn s19_tc26_changes_cannot_be_wanted_with_key_0(world: World) {
    world.deliver_many(1).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    let first = Ask::of(&inbox);
    for get_changes in [Element::new(a::GET_CHANGES), Element::text(a::GET_CHANGES, 1)] {
        assert_eq!(ask(&mut phone, vec![first.element("0").with(get_changes)]).await, Some(4));
    }
    assert_eq!(ask(&mut phone, vec![first.element("0").with(Element::text(a::GET_CHANGES, 0))]).await, Some(1));
    assert_eq!(ask(&mut phone, vec![first.element("0")]).await, Some(1));
}

async fn s19_tc26_changes_that_are_not_wanted_are_not_told(world: World) {
    world.deliver_many(2).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0001");
    world.deliver(world.inbox().await, "news").await;
    let mut asked = Ask::of(&inbox).act(Act::read(&id, true));
    asked.get_changes = Some(false);
    let told = phone.sync_one(asked).await;
    assert!(told.is_nothing() && told.status == 1, "{told:?}");
    for get_changes in [None, Some(true)] {
        let mut asked = Ask::of(&inbox);
        asked.get_changes = get_changes;
        let wanted = usize::from(get_changes.is_none());
        assert_eq!(phone.sync_one(asked).await.added.len(), wanted);
    }
}

async fn s19_tc46_a_folder_without_an_id_is_no_request(world: World) {
    let mut phone = world.phone().await;
    let collection = Element::new(a::COLLECTION).with_text(a::SYNC_KEY, 0).with(Element::new(a::SUPPORTED));
    assert_eq!(ask(&mut phone, vec![collection]).await, Some(4));
    let (mut phone, inbox) = world.synced_phone().await;
    let collection = Element::new(a::COLLECTION).with_text(a::COLLECTION_ID, &inbox);
    assert_eq!(ask(&mut phone, vec![collection]).await, Some(4), "nor without a key");
}

/// MS-ASCMD §3.1.5.8 lets servers refuse more than 200 with status 4; phones that mark a folder as read send more.
async fn s19_tc48_more_than_200_commands_are_carried_out(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    let id = phone.held[&inbox].find("mail 0000");
    let acts = (0..201).map(|number| Act::read(&id, number % 2 == 0));
    let told = phone.sync_one(acts.fold(Ask::of(&inbox), Ask::act)).await;
    assert_eq!(told.status, 1);
    let (other, _) = world.synced_phone().await;
    assert!(other.held[&inbox].is_read(&id));
}

async fn a_folder_that_is_not_there_makes_the_hierarchy_stale(world: World) {
    let doomed = world.make_folder("Doomed").await;
    let mut phone = world.phone().await;
    let id = phone.folder("Doomed");
    phone.sync_all(&id).await;
    world.apply(push_mail::store::Command::DeleteFolder { folder: doomed }).await;
    for folder in [id.as_str(), "4711", "nonsense"] {
        let key = phone.key(folder);
        let answer = ask(&mut phone, vec![Ask::of(folder).element(&key)]).await;
        assert!(matches!(answer, Some(8 | 12)), "{folder}: {answer:?}");
    }
    phone.folder_sync().await;
    assert!(!phone.tree.contains_key(&id));
}

/// Lenient in what is read: old fields, other classes' options, empty `Supported`.
async fn what_is_not_known_is_left_out(world: World) {
    world.deliver_many(1).await;
    let mut phone = world.phone().await;
    let inbox = phone.inbox();
    let mut first = Element::new(a::COLLECTION).with_text(a::CLASS, "Email").with_text(a::SYNC_KEY, 0);
    first.push(Element::text(a::COLLECTION_ID, &inbox));
    first.push(Element::new(a::SUPPORTED));
    assert_eq!(ask(&mut phone, vec![first]).await, Some(1));
    let mut phone = world.phone().await;
    phone.sync_one(Ask::of(&inbox)).await;
    let asked = Ask::of(&inbox)
        .option(Element::text(a::RTF_TRUNCATION, 3))
        .option(Element::new(b::BODY_PART_PREFERENCE).with_text(b::TYPE, 2))
        .option(Element::text(e::SUBJECT, "what is this?"));
    assert_eq!(phone.sync_one(asked).await.added.len(), 1);
}
