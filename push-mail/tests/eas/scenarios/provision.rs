//! MS-ASPROV S01 and S03, MS-ASCMD S12: Provision; S16: Settings; MS-ASHTTP: keys and logins.

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{folder_hierarchy as f, provision as p, settings as s};

use super::in_every_world;
use crate::client::Phone;
use crate::client::answer::{status, text};
use crate::client::folders::folder_sync_of;
use crate::client::provision::{acknowledgement, device_information, first_request, policy};
use crate::world::World;

in_every_world!(
    s12_tc01_a_policy_is_got_and_acknowledged,
    s12_tc02_a_request_without_a_policy_type_is_no_request,
    s12_tc03_a_wrong_policy_key_is_144,
    s21_tc03_device_information_may_be_missing_or_is_asked_for,
    asprov_s01_tc02_a_phone_that_was_not_provisioned_is_sent_to_provision,
    asprov_s03_tc01_another_policy_type_is_not_known,
    asprov_s03_tc02_an_acknowledgement_with_a_wrong_key_is_5,
    asprov_the_temporary_key_is_good_for_nothing_else,
    asprov_a_phone_may_be_provisioned_again,
    s16_device_information_is_taken,
    s16_tc04_user_information_is_told,
    ashttp_s02_tc02_a_wrong_password_is_401,
    ashttp_s02_tc03_a_user_without_a_mailbox_is_403,
    ashttp_s04_options_name_what_is_spoken,
);

async fn s12_tc01_a_policy_is_got_and_acknowledged(world: World) {
    for version in ["14.1", "16.1"] {
        let mut phone = world.fresh_phone().speaking(version);
        phone.provision().await;
        phone.folder_sync().await;
    }
    let mut packed = world.fresh_phone().packing();
    packed.provision().await;
    packed.folder_sync().await;
}

async fn s12_tc02_a_request_without_a_policy_type_is_no_request(world: World) {
    let mut phone = world.fresh_phone();
    let request = Element::new(p::PROVISION)
        .with(device_information())
        .with(Element::new(p::POLICIES).with(Element::new(p::POLICY)));
    let answer = phone.document("Provision", &request).await;
    assert_eq!(status(&answer, p::STATUS), 2, "{answer:?}");
}

async fn s12_tc03_a_wrong_policy_key_is_144(world: World) {
    let mut phone = world.phone().await;
    let right = phone.policy_key;
    phone.policy_key = right.map(|key| key ^ 1);
    assert_eq!(folder_status(&mut phone).await, 144);
    phone.policy_key = right;
    assert_eq!(folder_status(&mut phone).await, 1);
}

async fn folder_status(phone: &mut Phone) -> u16 {
    let answer = phone.document("FolderSync", &folder_sync_of("0")).await;
    status(&answer, f::STATUS)
}

/// Microsoft's servers ask for it with 165; others do without.
async fn s21_tc03_device_information_may_be_missing_or_is_asked_for(world: World) {
    let mut phone = world.fresh_phone();
    let policy_of = Element::new(p::POLICY).with_text(p::POLICY_TYPE, "MS-EAS-Provisioning-WBXML");
    let request = Element::new(p::PROVISION).with(Element::new(p::POLICIES).with(policy_of));
    let answer = phone.document("Provision", &request).await;
    assert!(matches!(status(&answer, p::STATUS), 1 | 165), "{answer:?}");
}

async fn asprov_s01_tc02_a_phone_that_was_not_provisioned_is_sent_to_provision(world: World) {
    for key in [Some(0), None] {
        let mut phone = world.fresh_phone();
        phone.policy_key = key;
        assert!(matches!(folder_status(&mut phone).await, 142 | 144), "{key:?}");
        phone.provision().await;
        assert_eq!(folder_status(&mut phone).await, 1);
    }
}

async fn asprov_s03_tc01_another_policy_type_is_not_known(world: World) {
    let mut phone = world.fresh_phone();
    let unknown = Element::new(p::POLICY).with_text(p::POLICY_TYPE, "InvalidPolicyType");
    let request = Element::new(p::PROVISION).with(device_information()).with(Element::new(p::POLICIES).with(unknown));
    let answer = phone.document("Provision", &request).await;
    assert_eq!(status(policy(&answer), p::STATUS), 3, "{answer:?}");
}

async fn asprov_s03_tc02_an_acknowledgement_with_a_wrong_key_is_5(world: World) {
    let mut phone = world.fresh_phone();
    let answer = phone.document("Provision", &first_request()).await;
    let key: u32 = text(policy(&answer), p::POLICY_KEY).parse().expect("a number");
    let answer = phone.document("Provision", &acknowledgement(key ^ 1, 1)).await;
    assert_eq!(status(policy(&answer), p::STATUS), 5, "{answer:?}");
    let answer = phone.document("Provision", &acknowledgement(key, 1)).await;
    assert_eq!(status(policy(&answer), p::STATUS), 1, "{answer:?}");
}

async fn asprov_the_temporary_key_is_good_for_nothing_else(world: World) {
    let mut phone = world.fresh_phone();
    let answer = phone.document("Provision", &first_request()).await;
    phone.policy_key = Some(text(policy(&answer), p::POLICY_KEY).parse().expect("a number"));
    assert!(matches!(folder_status(&mut phone).await, 142..=144));
}

async fn asprov_a_phone_may_be_provisioned_again(world: World) {
    world.deliver_many(1).await;
    let (mut phone, inbox) = world.synced_phone().await;
    phone.provision().await;
    phone.folder_sync().await;
    assert!(phone.sync_all(&inbox).await.is_nothing());
    assert_eq!(phone.restarts, 0);
}

async fn s16_device_information_is_taken(world: World) {
    let mut phone = world.phone().await;
    let answer = phone.settings(device_information()).await;
    assert_eq!(status(&answer, s::STATUS), 1, "{answer:?}");
    let information = answer.child(s::DEVICE_INFORMATION).expect("an answer of its own");
    assert_eq!(status(information, s::STATUS), 1, "{answer:?}");
}

async fn s16_tc04_user_information_is_told(world: World) {
    let mut phone = world.phone().await;
    let answer = phone.settings(Element::new(s::USER_INFORMATION).with(Element::new(s::GET))).await;
    assert_eq!(status(&answer, s::STATUS), 1, "{answer:?}");
    let information = answer.child(s::USER_INFORMATION).expect("an answer of its own");
    assert_eq!(status(information, s::STATUS), 1, "{answer:?}");
    assert!(information.child(s::GET).is_some(), "{answer:?}");
}

async fn ashttp_s02_tc02_a_wrong_password_is_401(world: World) {
    let mut phone = world.fresh_phone();
    phone.password = "wrong".to_owned();
    let answer = phone.command("FolderSync", Some(&folder_sync_of("0"))).await;
    assert_eq!(answer.http, 401);
    let challenge = answer.response.header("www-authenticate").expect("a challenge");
    assert!(challenge.starts_with("Basic "), "{challenge}");
}

async fn ashttp_s02_tc03_a_user_without_a_mailbox_is_403(world: World) {
    let mut phone = world.fresh_phone();
    phone.user = "eve".to_owned();
    phone.password = "eve's secret".to_owned();
    let answer = phone.command("FolderSync", Some(&folder_sync_of("0"))).await;
    assert_eq!(answer.http, 403, "{answer:?}");
}

async fn ashttp_s04_options_name_what_is_spoken(world: World) {
    let mut phone = world.fresh_phone();
    let options = phone.options().await;
    assert_eq!(options.status(), 200);
    assert_eq!(options.header("ms-asprotocolversions"), Some("14.1,16.1"));
    let commands = options.header("ms-asprotocolcommands").expect("commands");
    for command in ["Sync", "FolderSync", "Ping", "Provision", "ItemOperations", "MoveItems", "SendMail", "Settings"] {
        assert!(commands.split(',').any(|named| named == command), "{command}: {commands}");
    }
    assert!(!commands.contains(' '), "{commands}");
}
