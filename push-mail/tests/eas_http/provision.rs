//! The policy, and the gate that it opens.

use push_mail::state::State;
use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{folder_hierarchy, ping, provision, settings};

use crate::world::{World, information, key_of, number, policy_of, policy_request};

fn ask_for_user() -> Element {
    Element::new(settings::SETTINGS).with(Element::new(settings::USER_INFORMATION).with(Element::new(settings::GET)))
}

#[tokio::test]
async fn a_device_takes_the_policy_in_two_steps_and_its_key_opens_the_rest() {
    let world = World::new().await;
    let mut phone = world.phone();
    let offered = phone.ask("Provision", &policy_request(None)).await;
    assert_eq!(number(&offered, provision::STATUS), 1);
    let policy = policy_of(&offered);
    assert_eq!(number(policy, provision::STATUS), 1);
    let document = policy.child(provision::DATA).and_then(|data| data.child(provision::EAS_PROVISION_DOC));
    assert!(document.is_some(), "{policy:?}");
    assert_eq!(offered.child(provision::REMOTE_WIPE), None);
    phone.key = Some(key_of(&offered));
    let given = phone.ask("Provision", &policy_request(Some((key_of(&offered), 1)))).await;
    let policy = policy_of(&given);
    assert_eq!((number(&given, provision::STATUS), number(policy, provision::STATUS)), (1, 1));
    assert_eq!(policy.child(provision::DATA), None);
    phone.key = Some(key_of(&given));
    assert_eq!(number(&phone.ask("Settings", &ask_for_user()).await, settings::STATUS), 1);
}

#[tokio::test]
async fn a_device_without_the_key_is_told_so_in_a_document() {
    let world = World::new().await;
    let mut phone = world.phone();
    let folder_sync = Element::new(folder_hierarchy::FOLDER_SYNC).with_text(folder_hierarchy::SYNC_KEY, 0);
    for key in [None, Some(0), Some(77)] {
        phone.key = key;
        let answer = phone.ask("FolderSync", &folder_sync).await;
        assert_eq!(number(&answer, folder_hierarchy::STATUS), 142, "{key:?}");
    }
    phone.provision().await;
    let right = phone.key.expect("a key");
    for (key, status) in [(None, 142), (Some(0), 142), (Some(right.wrapping_add(1)), 144), (Some(right), 1)] {
        phone.key = key;
        assert_eq!(number(&phone.ask("Settings", &ask_for_user()).await, settings::STATUS), status, "{key:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_number_was_never_given() {
    let world = World::new().await;
    let phone = world.phone();
    let body = push_mail::wbxml::encode(&ask_for_user()).to_vec();
    for key in ["", "abc", "4294967296", "-1"] {
        let request = phone.request("Settings", body.clone()).header("X-MS-PolicyKey", key);
        let answer = crate::world::read(&world.send(request).await);
        assert_eq!(number(&answer, settings::STATUS), 142, "{key:?}");
    }
}

#[tokio::test]
async fn a_ping_needs_no_key() {
    let world = World::new().await;
    let answer = world.phone().ask("Ping", &Element::new(ping::PING)).await;
    assert_ne!(number(&answer, ping::STATUS), 142);
}

#[tokio::test]
async fn the_key_of_one_device_opens_nothing_for_another() {
    let world = World::new().await;
    let mut phone = world.phone();
    phone.provision().await;
    phone.device = "phone2".to_owned();
    assert_eq!(number(&phone.ask("Settings", &ask_for_user()).await, settings::STATUS), 142);
}

#[tokio::test]
async fn keys_survive_a_restart_and_a_lost_answer_is_given_again() {
    let state = State::in_memory().expect("memory");
    let tokens = || {
        let identity = push_core::Identity { user: Some("alice".into()), ..Default::default() };
        std::sync::Arc::new(push_core::StaticTokens::new().with("alice-secret", identity))
    };
    let world = World::over(|_| {}, state.clone(), tokens()).await;
    let phone = world.phone();
    let temporary = key_of(&phone.ask("Provision", &policy_request(None)).await);
    drop(world);
    let world = World::over(|_| {}, state, tokens()).await;
    let mut phone = world.phone();
    let key = key_of(&phone.ask("Provision", &policy_request(Some((temporary, 1)))).await);
    assert_eq!(key_of(&phone.ask("Provision", &policy_request(Some((temporary, 1)))).await), key);
    phone.key = Some(key);
    assert_eq!(number(&phone.ask("Settings", &ask_for_user()).await, settings::STATUS), 1);
}

#[tokio::test]
async fn another_key_another_kind_and_half_obedience_are_refused() {
    let world = World::new().await;
    let phone = world.phone();
    let offered = key_of(&phone.ask("Provision", &policy_request(None)).await);
    let wrong = phone.ask("Provision", &policy_request(Some((offered.wrapping_add(1), 1)))).await;
    assert_eq!((number(&wrong, provision::STATUS), number(policy_of(&wrong), provision::STATUS)), (1, 5));
    for (status, told) in [(2, 139), (3, 139), (9, 2)] {
        let answer = phone.ask("Provision", &policy_request(Some((offered, status)))).await;
        assert_eq!(number(&answer, provision::STATUS), told, "{status}");
        assert_eq!(answer.child(provision::POLICIES), None);
    }
    let kind = Element::new(provision::POLICY).with_text(provision::POLICY_TYPE, "MS-WAP-Provisioning-XML");
    let asked = Element::new(provision::PROVISION).with(Element::new(provision::POLICIES).with(kind));
    let answer = phone.ask("Provision", &asked).await;
    assert_eq!((number(&answer, provision::STATUS), number(policy_of(&answer), provision::STATUS)), (1, 3));
    let untyped = Element::new(provision::PROVISION)
        .with(Element::new(provision::POLICIES).with(Element::new(provision::POLICY)));
    for asked in [Element::new(provision::PROVISION), untyped] {
        assert_eq!(number(&phone.ask("Provision", &asked).await, provision::STATUS), 2);
    }
    // What somebody else manages takes it too.
    let answer = phone.ask("Provision", &policy_request(Some((offered, 4)))).await;
    assert_eq!(number(policy_of(&answer), provision::STATUS), 1);
}

#[tokio::test]
async fn what_a_device_says_of_itself_in_the_first_step_is_kept() {
    let world = World::new().await;
    let phone = world.phone();
    let mut asked = Element::new(provision::PROVISION).with(information("Model X"));
    policy_request(None).elements().for_each(|element| asked.push(element.clone()));
    let answer = phone.ask("Provision", &asked).await;
    let told = answer.child(settings::DEVICE_INFORMATION).expect("an answer");
    assert_eq!(number(told, settings::STATUS), 1);
    assert_eq!(answer.elements().next().map(|first| first.tag), Some(settings::DEVICE_INFORMATION));
    let devices = world.mail.devices(Some("alice")).expect("read");
    assert_eq!(devices[0].model.as_deref(), Some("Model X"));
}

#[tokio::test]
async fn where_no_policy_is_wanted_no_key_is() {
    let world = World::with(|config| config.provision = false).await;
    let phone = world.phone();
    assert_eq!(number(&phone.ask("Settings", &ask_for_user()).await, settings::STATUS), 1);
    let offered = phone.ask("Provision", &policy_request(None)).await;
    assert_eq!(number(policy_of(&offered), provision::STATUS), 1, "who asks for it gets it all the same");
}

#[tokio::test]
async fn blocked_devices_and_kinds_get_nothing() {
    let world = World::with(|config| config.blocked = vec!["Phone2".to_owned(), "TABLET".to_owned()]).await;
    let status_of = async |device: &str| {
        number(&world.phone_of("alice", device).ask("Provision", &policy_request(None)).await, provision::STATUS)
    };
    assert_eq!((status_of("phone1").await, status_of("phone2").await), (1, 129));
    let only = World::with(|config| config.allowed = vec!["phone1".to_owned()]).await;
    for (device, status) in [("phone1", 1), ("phone3", 129)] {
        let answer = only.phone_of("alice", device).ask("Provision", &policy_request(None)).await;
        assert_eq!(number(&answer, provision::STATUS), status, "{device}");
    }
    assert!(world.mail.devices(None).expect("read").iter().all(|device| device.device == "phone1"));
}

#[tokio::test]
async fn one_device_more_than_a_user_may_have_is_told_so() {
    let world = World::with(|config| config.max_devices_per_user = 2).await;
    for (device, status) in [("a", 1), ("b", 1), ("c", 177), ("a", 1)] {
        let answer = world.phone_of("alice", device).ask("Provision", &policy_request(None)).await;
        assert_eq!(number(&answer, provision::STATUS), status, "{device}");
    }
    let answer = world.phone_of("bob", "c").ask("Provision", &policy_request(None)).await;
    assert_eq!(number(&answer, provision::STATUS), 1, "of another user");
}
