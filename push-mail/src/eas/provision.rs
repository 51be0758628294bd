//! Provision: a device takes the policy, which demands nothing, in two steps, and gets the key that opens the rest.
//!
//! ```text
//!  no key ─▶ the policy and a temporary key ─▶ it acknowledges that key ─▶ the final key, shown from then on
//! ```
//!
//! A device is never told to wipe itself. Source: [MS-ASPROV].

use serde::{Deserialize, Serialize};

use super::settings;
use super::{Answer, Call, Part, Status};
use crate::http::Site;
use crate::wbxml::Element;
use crate::wbxml::tags::provision as tags;

/// The one form of policies of the versions that are spoken ([MS-ASPROV] 2.2.2.43).
const POLICY_TYPE: &str = "MS-EAS-Provisioning-WBXML";

/// Which policy is given out; with another one devices are asked to take it (status 143).
const POLICY: u32 = 1;

/// Of the command as a whole.
const OK: u16 = 1;
const PROTOCOL_ERROR: Status = Status(2);
const SERVER_ERROR: Status = Status(3);
/// [MS-ASPROV] 3.1.5.2: the device does not comply.
const NOT_COMPLIANT: Status = Status(139);

/// Of a policy.
const UNKNOWN_TYPE: u16 = 3;
const WRONG_KEY: u16 = 5;

/// The keys of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// What it was given last to acknowledge.
    temporary: Option<u32>,
    /// What it is to show, once it has acknowledged; with the temporary key for which it got it, in case that answer was
    /// lost, and the policy that it stands for.
    key: Option<Final>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Final {
    key: u32,
    for_temporary: u32,
    policy: u32,
}

impl Policy {
    pub(crate) const PART: Part = Part("policy");

    /// Whether a device that shows this key has taken the policy ([MS-ASCMD] 2.2.2).
    pub(crate) fn check(&self, shown: Option<u32>) -> Result<(), Status> {
        let shown = shown.filter(|key| *key != 0);
        match (&self.key, shown) {
            (None, _) | (_, None) => Err(Status::NOT_PROVISIONED),
            (Some(is), Some(shown)) if is.key != shown => Err(Status::WRONG_POLICY_KEY),
            (Some(is), _) if is.policy != POLICY => Err(Status::POLICY_REFRESH),
            _ => Ok(()),
        }
    }

    /// A new temporary key. What the device has holds until it acknowledges.
    fn offer(&mut self) -> u32 {
        let key = self.fresh();
        self.temporary = Some(key);
        key
    }

    /// The final key for this temporary one, the same however often it is asked for; `None` if it is another one.
    fn acknowledge(&mut self, temporary: u32) -> Option<u32> {
        if self.temporary != Some(temporary) {
            return None;
        }
        match self.key {
            Some(given) if given.for_temporary == temporary => Some(given.key),
            _ => {
                let key = self.fresh();
                self.key = Some(Final { key, for_temporary: temporary, policy: POLICY });
                Some(key)
            }
        }
    }

    /// A key that it was not given, and not the one that says that there is none.
    fn fresh(&self) -> u32 {
        let is_taken = |key: u32| key == 0 || self.temporary == Some(key) || self.key.is_some_and(|is| is.key == key);
        let random = getrandom::u32().unwrap_or(1);
        (0..).map(|n| random.wrapping_add(n)).find(|key| !is_taken(*key)).expect("three keys are not all")
    }
}

/// What a device asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Policy {
        policy_type: String,
    },
    Acknowledge {
        policy_type: String,
        key: Option<u32>,
        status: u16,
    },
    /// Only what the device says of itself, or of an order that it never got.
    Nothing,
}

/// [MS-ASPROV] 3.2.5.1: which of the steps it is.
fn read(root: &Element) -> Result<Asked, Status> {
    let Some(policies) = root.child(tags::POLICIES) else {
        let says_something = root.elements().next().is_some();
        return if says_something { Ok(Asked::Nothing) } else { Err(PROTOCOL_ERROR) };
    };
    let policy = policies.child(tags::POLICY).ok_or(PROTOCOL_ERROR)?;
    let policy_type = policy.child_text(tags::POLICY_TYPE).ok_or(PROTOCOL_ERROR)?;
    let Some(key) = policy.child_text(tags::POLICY_KEY) else { return Ok(Asked::Policy { policy_type }) };
    let status = policy.child_text(tags::STATUS).and_then(|text| text.trim().parse().ok()).ok_or(PROTOCOL_ERROR)?;
    Ok(Asked::Acknowledge { policy_type, key: key.trim().parse().ok(), status })
}

pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let root = call.document.as_ref().ok_or(PROTOCOL_ERROR)?;
    let asked = read(root)?;
    let mut answer = Element::new(tags::PROVISION);
    if let Some(said) = root.child(settings::DEVICE_INFORMATION) {
        answer.push(settings::keep_information(site, call, said).await.map_err(|_| SERVER_ERROR)?);
    }
    answer.push(Element::text(tags::STATUS, OK));
    let (policy_type, told) = match asked {
        Asked::Nothing => return Ok(Answer::Document(answer)),
        Asked::Policy { policy_type } if policy_type != POLICY_TYPE => (policy_type, Told::Refused(UNKNOWN_TYPE)),
        Asked::Acknowledge { policy_type, .. } if policy_type != POLICY_TYPE => {
            (policy_type, Told::Refused(UNKNOWN_TYPE))
        }
        Asked::Policy { policy_type } => (policy_type, Told::Offered(step(site, call, |policy| policy.offer()).await?)),
        Asked::Acknowledge { policy_type, key, status } => (policy_type, acknowledge(site, call, key, status).await?),
    };
    answer.push(Element::new(tags::POLICIES).with(told.element(&policy_type)));
    Ok(Answer::Document(answer))
}

/// What is said of a policy.
#[derive(Clone, Copy, Debug)]
enum Told {
    Refused(u16),
    Offered(u32),
    Given(u32),
}

impl Told {
    fn element(self, policy_type: &str) -> Element {
        let policy = Element::new(tags::POLICY).with_text(tags::POLICY_TYPE, policy_type);
        match self {
            Told::Refused(status) => policy.with_text(tags::STATUS, status),
            Told::Given(key) => policy.with_text(tags::STATUS, OK).with_text(tags::POLICY_KEY, key),
            Told::Offered(key) => {
                // Said, and not left out: whoever had a stricter one is to loosen it.
                let policy_document = Element::new(tags::EAS_PROVISION_DOC).with_text(tags::DEVICE_PASSWORD_ENABLED, 0);
                let data = Element::new(tags::DATA).with(policy_document);
                policy.with_text(tags::STATUS, OK).with_text(tags::POLICY_KEY, key).with(data)
            }
        }
    }
}

/// [MS-ASPROV] 2.2.2.54.1: 1 it is applied, 2 in part, 3 not at all, 4 somebody else manages the device, which a policy
/// that demands nothing leaves it to.
async fn acknowledge(site: &Site, call: &Call, key: Option<u32>, status: u16) -> Result<Told, Status> {
    match status {
        1 | 4 => {}
        2 | 3 => return Err(NOT_COMPLIANT),
        _ => return Err(PROTOCOL_ERROR),
    }
    let Some(temporary) = key else { return Ok(Told::Refused(WRONG_KEY)) };
    let given = step(site, call, |policy| policy.acknowledge(temporary)).await?;
    Ok(given.map_or(Told::Refused(WRONG_KEY), Told::Given))
}

/// Takes a step with the keys of the device; they are on the disk when it returns.
async fn step<T>(site: &Site, call: &Call, step: impl FnOnce(&mut Policy) -> T) -> Result<T, Status> {
    let failed = |error: crate::state::StateError| {
        tracing::error!(%error, "a device cannot be provisioned");
        SERVER_ERROR
    };
    let _turn = site.mail.direct.devices.turn(&call.id).await;
    let rows = &site.mail.eas.rows;
    let before: Policy = rows.load(&call.id, Policy::PART).map_err(failed)?.unwrap_or_default();
    let mut after = before.clone();
    let taken = step(&mut after);
    if after != before {
        rows.save(&call.id, Policy::PART, &after).await.map_err(failed)?;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_key_opens_and_nothing_else_does() {
        let mut policy = Policy::default();
        assert_eq!(policy.check(None), Err(Status::NOT_PROVISIONED));
        assert_eq!(policy.check(Some(7)), Err(Status::NOT_PROVISIONED));
        let temporary = policy.offer();
        assert_eq!(policy.check(Some(temporary)), Err(Status::NOT_PROVISIONED));
        assert_eq!(policy.acknowledge(temporary.wrapping_add(1)), None);
        let key = policy.acknowledge(temporary).expect("a key");
        assert_eq!(policy.check(Some(key)), Ok(()));
        assert_ne!(key, temporary);
        for (shown, status) in [
            (None, Status::NOT_PROVISIONED),
            (Some(0), Status::NOT_PROVISIONED),
            (Some(temporary), Status::WRONG_POLICY_KEY),
        ] {
            assert_eq!(policy.check(shown), Err(status), "{shown:?}");
        }
        policy.key.as_mut().expect("one").policy += 1;
        assert_eq!(policy.check(Some(key)), Err(Status::POLICY_REFRESH));
    }

    #[test]
    fn a_lost_answer_is_given_again_and_an_offer_takes_nothing_away() {
        let mut policy = Policy::default();
        let first = policy.offer();
        let key = policy.acknowledge(first).expect("a key");
        assert_eq!(policy.acknowledge(first), Some(key), "the answer was lost");
        let second = policy.offer();
        assert_eq!(policy.check(Some(key)), Ok(()), "until the new one is acknowledged");
        assert_eq!(policy.acknowledge(first), None, "that is out of date");
        let next = policy.acknowledge(second).expect("a key");
        assert_eq!((policy.check(Some(next)), policy.check(Some(key))), (Ok(()), Err(Status::WRONG_POLICY_KEY)));
    }
}
