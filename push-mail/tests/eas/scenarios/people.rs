//! MS-ASCMD S09 MeetingResponse, S13 ResolveRecipients, S20 ValidateCert.

use push_mail::store::{Class, Command, Flags};
use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{meeting_response as m, resolve_recipients as r, validate_cert as v};

use crate::client::Phone;
use crate::world::{Kind, World};

async fn resolve(phone: &mut Phone, names: &[&str], options: Option<Element>) -> Element {
    let names = names.iter().map(|name| Element::text(r::TO, name));
    let request = Element::new(r::RESOLVE_RECIPIENTS).with_all(names).with_all(options);
    phone.document("ResolveRecipients", &request).await
}

fn span(start: &str, end: &str) -> Option<Element> {
    let span = Element::new(r::AVAILABILITY).with_text(r::START_TIME, start).with_text(r::END_TIME, end);
    Some(Element::new(r::OPTIONS).with(span))
}

fn status_of(document: &Element) -> String {
    document.child_text(r::STATUS).expect("a status")
}

#[tokio::test]
async fn s13_names_stand_for_contacts_and_for_oneself() {
    let world = World::sending(Kind::Memory).await;
    let make = Command::CreateFolderOf { class: Class::Contacts, path: "Contacts".to_owned() };
    let folder = world.store.apply(make).await.expect("made").folder.expect("a folder");
    for (name, address) in [("Bob Miller", "bob@example.org"), ("Bobby Tables", "tables@example.org")] {
        let card = format!(
            "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{address}\r\nN:;;;;\r\nFN:{name}\r\nEMAIL:{address}\r\nEND:VCARD\r\n"
        );
        let append = Command::Append { folder, raw: card.into(), flags: Flags::default() };
        world.store.apply(append).await.expect("added");
    }
    let mut phone = world.phone().await;
    let ask = span("2010-03-01T00:00:00.000Z", "2010-03-01T00:30:00.000Z");
    let told = resolve(&mut phone, &["alice", "miller", "bob", "nobody"], ask).await;
    let responses: Vec<_> = told.children(r::RESPONSE).collect();
    let statuses: Vec<_> = responses.iter().map(|response| status_of(response)).collect();
    assert_eq!(statuses, ["1", "1", "2", "4"], "{told:?}");
    let kinds: Vec<_> = responses.iter().filter_map(|one| one.child(r::RECIPIENT)?.child_text(r::TYPE)).collect();
    assert_eq!(kinds, ["1", "2", "2"]);
    // S13_TC21.
    let availability = responses[1].child(r::RECIPIENT).and_then(|one| one.child(r::AVAILABILITY)).expect("an answer");
    assert_eq!(status_of(availability), "163");
}

#[tokio::test]
async fn s13_tc02_to_tc04_and_tc20_what_is_out_of_range_is_refused() {
    let world = World::new(Kind::Maildir).await;
    let mut phone = world.phone().await;
    let right = "2012-04-11T10:00:00.000Z";
    for options in [
        span(right, "TimeWithInvalidFormat"),
        span("TimeWithInvalidFormat", right),
        span("2010-03-01T00:20:00.000Z", "2010-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(status_of(&resolve(&mut phone, &["bob"], options).await), "5");
    }
    assert_eq!(status_of(&resolve(&mut phone, &["bob"; 101], None).await), "5");
    assert_eq!(status_of(&resolve(&mut phone, &["bob"; 100], None).await), "1");
    assert_eq!(status_of(&resolve(&mut phone, &[], None).await), "5");
}

#[tokio::test]
async fn s20_tc02_and_tc03_what_is_no_certificate_and_what_are_too_many() {
    let world = World::new(Kind::Memory).await;
    let mut phone = world.phone().await;
    let request = |count: usize| {
        let one = Element::text(v::CERTIFICATE, "MIICYjCCAcugAwIBAgIUYGs4jZbX0Vxj");
        Element::new(v::VALIDATE_CERT).with(Element::new(v::CERTIFICATES).with_all(vec![one; count]))
    };
    let told = phone.document("ValidateCert", &request(1)).await;
    let one = told.child(v::CERTIFICATE).and_then(|one| one.child_text(v::STATUS));
    assert_eq!((told.child_text(v::STATUS).as_deref(), one.as_deref()), (Some("1"), Some("3")));
    let told = phone.document("ValidateCert", &request(101)).await;
    assert_eq!(told.child_text(v::STATUS).as_deref(), Some("2"));
}

#[tokio::test]
async fn s09_what_is_no_invitation_cannot_be_answered_nor_can_101() {
    let world = World::new(Kind::Memory).await;
    let id = world.deliver(world.inbox().await, "no invitation").await;
    let (mut phone, inbox) = world.synced_phone().await;
    let request = |id: &str| {
        let request = Element::new(m::REQUEST).with_text(m::USER_RESPONSE, 1).with_text(m::COLLECTION_ID, &inbox);
        request.with_text(m::REQUEST_ID, id)
    };
    let item = format!("{inbox}:{id}");
    for (ids, expected) in
        [(vec![item.as_str(), "99:99", "no id"], vec!["2", "2", "2"]), (vec!["1:1"; 101], vec!["103"])]
    {
        let all = Element::new(m::MEETING_RESPONSE).with_all(ids.iter().map(|id| request(id)));
        let told = phone.document("MeetingResponse", &all).await;
        let statuses: Vec<_> = told.children(m::RESULT).filter_map(|result| result.child_text(m::STATUS)).collect();
        assert_eq!(statuses, expected);
    }
}
