//! Settings: what a device says, asks, and is refused.

use push_mail::wbxml::tags::settings as tags;
use push_mail::wbxml::{Element, Tag};

use crate::world::{World, basic, information, number};

async fn ask(world: &World, user: &str, properties: impl IntoIterator<Item = Element>) -> Element {
    let mut phone = world.phone();
    phone.authorization = basic(user.as_bytes(), b"alice-secret");
    phone.provision().await;
    phone.ask("Settings", &Element::new(tags::SETTINGS).with_all(properties)).await
}

fn get(property: Tag) -> Element {
    Element::new(property).with(Element::new(tags::GET))
}

#[tokio::test]
async fn several_properties_are_answered_in_one() {
    let world = World::new().await;
    let rights = get(tags::RIGHTS_MANAGEMENT_INFORMATION);
    let answer =
        ask(&world, "alice", [information("Model Y"), get(tags::USER_INFORMATION), get(tags::OOF), rights]).await;
    assert_eq!(number(&answer, tags::STATUS), 1);
    let order: Vec<_> = answer.elements().skip(1).map(|element| element.tag).collect();
    let expected = [tags::OOF, tags::DEVICE_INFORMATION, tags::USER_INFORMATION, tags::RIGHTS_MANAGEMENT_INFORMATION];
    assert_eq!(order, expected);
    for property in expected {
        assert_eq!(number(answer.child(property).expect("answered"), tags::STATUS), 1, "{property:?}");
    }
    let devices = world.mail.devices(Some("alice")).expect("read");
    assert_eq!((devices[0].model.as_deref(), devices[0].os.as_deref()), (Some("Model Y"), Some("Test 1.0")));
}

#[tokio::test]
async fn a_user_is_told_the_addresses_of_the_account() {
    let world = World::new().await;
    let answer = ask(&world, "alice@example.org", [get(tags::USER_INFORMATION)]).await;
    let path = [tags::USER_INFORMATION, tags::GET, tags::ACCOUNTS, tags::ACCOUNT, tags::EMAIL_ADDRESSES];
    let addresses = path.into_iter().fold(&answer, |element, tag| element.child(tag).expect("it is there"));
    for tag in [tags::SMTP_ADDRESS, tags::PRIMARY_SMTP_ADDRESS] {
        assert_eq!(addresses.child_text(tag).as_deref(), Some("alice@example.org"));
    }
}

#[tokio::test]
async fn who_is_out_of_office_is_not_set_here() {
    let world = World::new().await;
    let answer = ask(&world, "alice", [get(tags::OOF)]).await;
    let got = answer.child(tags::OOF).and_then(|oof| oof.child(tags::GET)).expect("it is told");
    assert_eq!(number(got, tags::OOF_STATE), 0);
    let set = Element::new(tags::OOF).with(Element::new(tags::SET).with_text(tags::OOF_STATE, 1));
    let answer = ask(&world, "alice", [set]).await;
    assert_eq!(number(&answer, tags::STATUS), 1);
    assert_eq!(number(answer.child(tags::OOF).expect("answered"), tags::STATUS), 3);
    let neither = ask(&world, "alice", [Element::new(tags::OOF)]).await;
    assert_eq!(number(neither.child(tags::OOF).expect("answered"), tags::STATUS), 5);
}

#[tokio::test]
async fn a_password_of_the_device_is_not_taken() {
    let world = World::new().await;
    let set = Element::new(tags::SET).with_text(tags::PASSWORD, "1234");
    let answer = ask(&world, "alice", [Element::new(tags::DEVICE_PASSWORD).with(set)]).await;
    assert_eq!(number(answer.child(tags::DEVICE_PASSWORD).expect("answered"), tags::STATUS), 7);
}

#[tokio::test]
async fn settings_that_ask_for_nothing_are_a_protocol_error() {
    let world = World::new().await;
    assert_eq!(number(&ask(&world, "alice", []).await, tags::STATUS), 2);
    assert_eq!(number(&ask(&world, "alice", [Element::new(tags::ACCOUNTS)]).await, tags::STATUS), 2);
}
