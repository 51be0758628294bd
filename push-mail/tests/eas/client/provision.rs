//! Policies, and what a phone tells of itself ([MS-ASPROV], [MS-ASCMD] 2.2.1.18).

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::{provision as p, settings as s};

use super::Phone;
use super::answer::{number, status, text};

const POLICY_TYPE: &str = "MS-EAS-Provisioning-WBXML";

/// What a phone tells of itself.
pub(crate) fn device_information() -> Element {
    let set = Element::new(s::SET)
        .with_text(s::MODEL, "Model T")
        .with_text(s::FRIENDLY_NAME, "A phone")
        .with_text(s::OS, "TestOS 1.0")
        .with_text(s::OS_LANGUAGE, "English")
        .with_text(s::USER_AGENT, "TestPhone/1.0");
    Element::new(s::DEVICE_INFORMATION).with(set)
}

fn request(policy: Element) -> Element {
    Element::new(p::PROVISION).with(Element::new(p::POLICIES).with(policy))
}

/// Asks for the policy.
pub(crate) fn first_request() -> Element {
    let mut first = Element::new(p::PROVISION).with(device_information());
    let policy = Element::new(p::POLICY).with_text(p::POLICY_TYPE, POLICY_TYPE);
    first.push(Element::new(p::POLICIES).with(policy));
    first
}

/// Says what became of it.
pub(crate) fn acknowledgement(key: u32, outcome: u8) -> Element {
    let policy = Element::new(p::POLICY)
        .with_text(p::POLICY_TYPE, POLICY_TYPE)
        .with_text(p::POLICY_KEY, key)
        .with_text(p::STATUS, outcome);
    request(policy)
}

/// The one policy in an answer.
pub(crate) fn policy(answer: &Element) -> &Element {
    let policy = answer.child(p::POLICIES).and_then(|policies| policies.child(p::POLICY));
    policy.unwrap_or_else(|| panic!("no policy: {answer:?}"))
}

impl Phone {
    /// Gets a policy and accepts it: two commands, two keys.
    pub(crate) async fn provision(&mut self) {
        self.policy_key = Some(0);
        let answer = self.document("Provision", &first_request()).await;
        assert_eq!(status(&answer, p::STATUS), 1, "{answer:?}");
        if let Some(information) = answer.child(s::DEVICE_INFORMATION) {
            assert_eq!(status(information, s::STATUS), 1, "{answer:?}");
        }
        let first = policy(&answer);
        assert_eq!(status(first, p::STATUS), 1, "{answer:?}");
        assert_eq!(text(first, p::POLICY_TYPE), POLICY_TYPE);
        let document = first.child(p::DATA).and_then(|data| data.child(p::EAS_PROVISION_DOC));
        assert!(document.is_some(), "no policy document: {answer:?}");
        let temporary: u32 = number(first.child(p::POLICY_KEY).expect("a key"));
        self.policy_key = Some(temporary);

        let answer = self.document("Provision", &acknowledgement(temporary, 1)).await;
        assert_eq!(status(&answer, p::STATUS), 1, "{answer:?}");
        let last = policy(&answer);
        assert_eq!(status(last, p::STATUS), 1, "{answer:?}");
        assert!(last.child(p::DATA).is_none(), "the policy was told before: {answer:?}");
        let key: u32 = number(last.child(p::POLICY_KEY).expect("a key"));
        assert_ne!(key, 0, "0 means none");
        self.policy_key = Some(key);
    }

    pub(crate) async fn settings(&mut self, within: Element) -> Element {
        self.document("Settings", &Element::new(s::SETTINGS).with(within)).await
    }
}
