//! MS-ASCMD S14, S13, S09, S22, S24: Search, ResolveRecipients, MeetingResponse, ValidateCert, Find. Of each what is answered
//! where there is little to tell; that all of it is as the schema has it, the phone checks itself.

use push_mail::wbxml::tags::{
    air_sync as a, find, meeting_response as m, resolve_recipients as r, search as s, validate_cert as v,
};
use push_mail::wbxml::{Element, Tag};

use super::in_every_world;
use crate::client::answer::{number, status, text};
use crate::world::World;

in_every_world!(
    s14_tc01_messages_are_found_by_their_words,
    s14_a_search_for_what_is_not_there_finds_nothing,
    s14_a_person_that_nobody_knows_is_not_found,
    s24_messages_are_found_by_their_words,
    s13_a_name_that_nobody_has_is_4,
    s09_an_invitation_that_is_not_there_is_2,
    s22_what_is_no_certificate_is_not_believed,
);

/// A search of messages, in all folders.
fn search(words: &str) -> Element {
    let query = Element::new(s::AND).with_text(a::CLASS, "Email").with_text(s::FREE_TEXT, words);
    let options = Element::new(s::OPTIONS).with(Element::new(s::DEEP_TRAVERSAL)).with_text(s::RANGE, "0-4");
    store("Mailbox", Element::new(s::QUERY).with(query)).with(options)
}

fn store(name: &str, query: Element) -> Element {
    Element::new(s::STORE).with_text(s::NAME, name).with(query)
}

/// The children of that name, all the way down.
fn all_of(element: &Element, tag: Tag) -> Vec<&Element> {
    let below = element.elements().flat_map(|child| all_of(child, tag));
    element.elements().filter(|child| child.tag == tag).chain(below).collect()
}

async fn found(world: &World, store: Element) -> Element {
    let mut phone = world.phone().await;
    let answer = phone.document("Search", &Element::new(s::SEARCH).with(store)).await;
    assert_eq!(status(&answer, s::STATUS), 1, "{answer:?}");
    all_of(&answer, s::STORE)[0].clone()
}

async fn s14_tc01_messages_are_found_by_their_words(world: World) {
    world.deliver_many(3).await;
    let inbox = world.inbox().await;
    world.deliver(inbox, "a needle in it").await;
    let store = found(&world, search("needle")).await;
    assert_eq!(status(&store, s::STATUS), 1, "{store:?}");
    assert_eq!(text(&store, s::RANGE), "0-0");
    assert_eq!(number::<usize>(store.child(s::TOTAL).expect("how many")), 1);
}

async fn s14_a_search_for_what_is_not_there_finds_nothing(world: World) {
    world.deliver_many(3).await;
    let store = found(&world, search("needle")).await;
    assert_eq!(status(&store, s::STATUS), 1, "{store:?}");
    assert!(all_of(&store, s::LONG_ID).is_empty(), "{store:?}");
}

async fn s14_a_person_that_nobody_knows_is_not_found(world: World) {
    let store = found(&world, store("GAL", Element::text(s::QUERY, "nobody"))).await;
    assert_eq!(status(&store, s::STATUS), 1, "{store:?}");
    assert!(all_of(&store, s::PROPERTIES).is_empty(), "{store:?}");
}

async fn s24_messages_are_found_by_their_words(world: World) {
    let inbox = world.inbox().await;
    world.deliver(inbox, "a needle in it").await;
    world.deliver_many(2).await;
    let query = Element::new(find::QUERY)
        .with_text(a::CLASS, "Email")
        .with_text(a::COLLECTION_ID, inbox)
        .with_text(find::FREE_TEXT, "needle");
    let criterion = Element::new(find::MAILBOX_SEARCH_CRITERION)
        .with(query)
        .with(Element::new(find::OPTIONS).with_text(find::RANGE, "0-9"));
    let request = Element::new(find::FIND)
        .with_text(find::SEARCH_ID, "3f2504e0-4f89-11d3-9a0c-0305e82c3301")
        .with(Element::new(find::EXECUTE_SEARCH).with(criterion));
    let mut phone = world.phone().await;
    let answer = phone.document("Find", &request).await;
    assert_eq!(status(&answer, find::STATUS), 1, "{answer:?}");
    let response = answer.child(find::RESPONSE).expect("a response");
    assert_eq!(status(response, find::STATUS), 1, "{answer:?}");
    assert_eq!(all_of(response, a::SERVER_ID).len(), 1, "{answer:?}");
}

async fn s13_a_name_that_nobody_has_is_4(world: World) {
    let mut phone = world.phone().await;
    let request = Element::new(r::RESOLVE_RECIPIENTS).with_text(r::TO, "nobody that is known");
    let answer = phone.document("ResolveRecipients", &request).await;
    assert_eq!(status(&answer, r::STATUS), 1, "{answer:?}");
    assert_eq!(status(answer.child(r::RESPONSE).expect("a response"), r::STATUS), 4, "{answer:?}");
}

async fn s09_an_invitation_that_is_not_there_is_2(world: World) {
    let inbox = world.inbox().await;
    let asked = Element::new(m::REQUEST)
        .with_text(m::USER_RESPONSE, 1)
        .with_text(m::COLLECTION_ID, inbox)
        .with_text(m::REQUEST_ID, format!("{inbox}:999999"));
    let mut phone = world.phone().await;
    let answer = phone.document("MeetingResponse", &Element::new(m::MEETING_RESPONSE).with(asked)).await;
    assert_eq!(status(answer.child(m::RESULT).expect("a result"), m::STATUS), 2, "{answer:?}");
}

async fn s22_what_is_no_certificate_is_not_believed(world: World) {
    let certificates = Element::new(v::CERTIFICATES).with_text(v::CERTIFICATE, "bm8gY2VydGlmaWNhdGU=");
    let mut phone = world.phone().await;
    let answer = phone.document("ValidateCert", &Element::new(v::VALIDATE_CERT).with(certificates)).await;
    assert_ne!(status(answer.child(v::CERTIFICATE).expect("a certificate"), v::STATUS), 1, "{answer:?}");
}
