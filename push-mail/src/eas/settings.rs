//! Settings: what a device says of itself, and what it asks about its user.
//!
//! Source: [MS-ASCMD] 2.2.1.18.

use serde::{Deserialize, Serialize};

use super::{Answer, Call, Part, Status};
use crate::http::Site;
use crate::state::StateError;
use crate::wbxml::tags::{rights_management, settings as tags};
use crate::wbxml::{Element, Tag};

/// What a device says of itself, here and in the first step of Provision.
pub(in crate::eas) const DEVICE_INFORMATION: Tag = tags::DEVICE_INFORMATION;

/// [MS-ASCMD] 2.2.3.177.15
const OK: u16 = 1;
const PROTOCOL_ERROR: u16 = 2;
const ACCESS_DENIED: u16 = 3;
const UNAVAILABLE: u16 = 4;
const INVALID_ARGUMENTS: u16 = 5;
const DENIED_BY_POLICY: u16 = 7;

/// Longest value that is kept, in characters.
const MAX_VALUE_CHARS: usize = 255;

/// What a device has said of itself ([MS-ASCMD] 2.2.3.45).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Info {
    pub(crate) model: Option<String>,
    pub(crate) imei: Option<String>,
    pub(crate) friendly_name: Option<String>,
    pub(crate) os: Option<String>,
    pub(crate) os_language: Option<String>,
    pub(crate) phone_number: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) mobile_operator: Option<String>,
    pub(crate) enable_outbound_sms: Option<String>,
}

impl Info {
    pub(crate) const PART: Part = Part("info");

    fn read(set: &Element) -> Self {
        let value = |tag| {
            let text = set.child_text(tag)?;
            let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_VALUE_CHARS).collect();
            (!text.is_empty()).then_some(text)
        };
        Self {
            model: value(tags::MODEL),
            imei: value(tags::IMEI),
            friendly_name: value(tags::FRIENDLY_NAME),
            os: value(tags::OS),
            os_language: value(tags::OS_LANGUAGE),
            phone_number: value(tags::PHONE_NUMBER),
            user_agent: value(tags::USER_AGENT),
            mobile_operator: value(tags::MOBILE_OPERATOR),
            enable_outbound_sms: value(tags::ENABLE_OUTBOUND_SMS),
        }
    }
}

fn told(property: Tag, status: u16) -> Element {
    Element::new(property).with_text(tags::STATUS, status)
}

/// Keeps what a device says of itself; returns what it is answered.
pub(in crate::eas) async fn keep_information(site: &Site, call: &Call, said: &Element) -> Result<Element, StateError> {
    let Some(set) = said.child(tags::SET) else { return Ok(told(DEVICE_INFORMATION, PROTOCOL_ERROR)) };
    let info = Info::read(set);
    let rows = &site.mail.eas.rows;
    let _turn = site.mail.direct.devices.turn(&call.id).await;
    if rows.load::<Info>(&call.id, Info::PART)?.as_ref() != Some(&info) {
        rows.save(&call.id, Info::PART, &info).await?;
    }
    Ok(told(DEVICE_INFORMATION, OK))
}

pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let root = call.document.as_ref().ok_or(Status(PROTOCOL_ERROR))?;
    let mut answers = Vec::new();
    // In the order in which the schema has the answers.
    if let Some(oof) = root.child(tags::OOF) {
        answers.push(out_of_office(oof));
    }
    if let Some(said) = root.child(DEVICE_INFORMATION) {
        answers.push(keep_information(site, call, said).await.unwrap_or_else(|error| {
            tracing::error!(%error, "what a device says of itself cannot be kept");
            told(DEVICE_INFORMATION, UNAVAILABLE)
        }));
    }
    if root.child(tags::DEVICE_PASSWORD).is_some() {
        // Nobody here could give it back.
        answers.push(told(tags::DEVICE_PASSWORD, DENIED_BY_POLICY));
    }
    if let Some(asked) = root.child(tags::USER_INFORMATION) {
        answers.push(user_information(call, asked));
    }
    if root.child(tags::RIGHTS_MANAGEMENT_INFORMATION).is_some() {
        let none = Element::new(rights_management::RIGHTS_MANAGEMENT_TEMPLATES);
        let got = Element::new(tags::GET).with(none);
        answers.push(told(tags::RIGHTS_MANAGEMENT_INFORMATION, OK).with(got));
    }
    if answers.is_empty() {
        return Err(Status(PROTOCOL_ERROR));
    }
    Ok(Answer::Document(Element::new(tags::SETTINGS).with_text(tags::STATUS, OK).with_all(answers)))
}

/// It is off, and cannot be set: whoever answers mail for its user is not asked by way of a mailbox.
fn out_of_office(asked: &Element) -> Element {
    const OFF: u16 = 0;
    match (asked.child(tags::GET), asked.child(tags::SET)) {
        (Some(_), None) => told(tags::OOF, OK).with(Element::new(tags::GET).with_text(tags::OOF_STATE, OFF)),
        (None, Some(_)) => told(tags::OOF, ACCESS_DENIED),
        _ => told(tags::OOF, INVALID_ARGUMENTS),
    }
}

/// The addresses of the account, the first of them the one that it sends from.
fn user_information(call: &Call, asked: &Element) -> Element {
    if asked.child(tags::GET).is_none() {
        return told(tags::USER_INFORMATION, PROTOCOL_ERROR);
    }
    let addresses = &call.account.submission.addresses;
    let mut got = Element::new(tags::GET);
    if let Some(first) = addresses.first() {
        let all = addresses.iter().map(|address| Element::text(tags::SMTP_ADDRESS, address));
        let all = Element::new(tags::EMAIL_ADDRESSES).with_all(all).with_text(tags::PRIMARY_SMTP_ADDRESS, first);
        got.push(Element::new(tags::ACCOUNTS).with(Element::new(tags::ACCOUNT).with(all)));
    }
    told(tags::USER_INFORMATION, OK).with(got)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_is_kept_within_bounds() {
        let set = Element::new(tags::SET)
            .with_text(tags::MODEL, "x".repeat(1000))
            .with_text(tags::OS, "Android\u{7}\n")
            .with_text(tags::IMEI, "");
        let info = Info::read(&set);
        assert_eq!(info.model.map(|model| model.len()), Some(MAX_VALUE_CHARS));
        assert_eq!((info.os.as_deref(), info.imei, info.phone_number), (Some("Android"), None, None));
    }
}
