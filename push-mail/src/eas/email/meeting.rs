//! Meetings that a message invites to, calls off or answers (iTIP, RFC 5546; iMIP, RFC 6047).

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::decode;
use super::mime::{Kind, Part};
use super::view::{Form, Preference, View};
use crate::eas::{Version, pim};
use crate::pim::{Component, Document};
use crate::store::Class;
use crate::wbxml::tags::{air_sync_base, calendar, email, email2};
use crate::wbxml::{Element, Tag};

/// Bytes of a calendar that is looked into.
const CALENDAR_BYTES: usize = 64 * 1024;

/// How Outlook's ids begin, and those that it makes of others ([MS-ASEMAIL] 2.2.2.37, GlobalObjId).
const CLASS_ID: [u8; 16] = [4, 0, 0, 0, 0x82, 0, 0xE0, 0, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 8];

/// What a message does about a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Request,
    Cancellation,
    Acceptance,
    Refusal,
    MaybeAcceptance,
}

impl Purpose {
    pub(super) fn is_answer(self) -> bool {
        !matches!(self, Purpose::Request | Purpose::Cancellation)
    }
}

/// A meeting that a message is about.
#[derive(Debug)]
pub(super) struct Meeting {
    /// The part that says it.
    pub(super) place: usize,
    pub(super) purpose: Purpose,
    document: Document,
    raw: String,
}

impl Meeting {
    /// The first in a message, if there is one. It is read by what reads calendars: whatever that makes of what
    /// strangers write, the rest of the message is shown.
    pub(super) fn of(parts: &[Part<'_>]) -> Option<Self> {
        let is_calendar =
            |part: &&(usize, &Part<'_>)| part.1.kind == Kind::Leaf && part.1.media_type() == "text/calendar";
        let all: Vec<_> = parts.iter().enumerate().collect();
        let (place, part) = all.iter().find(is_calendar)?;
        if decode::estimate(part) > CALENDAR_BYTES {
            return None;
        }
        catch_unwind(AssertUnwindSafe(|| read(*place, part))).ok().flatten()
    }

    /// `MeetingRequest` ([MS-ASEMAIL] 2.2.2.48), where somebody invites or calls off.
    pub(super) fn element(&self, version: Version) -> Option<Element> {
        if self.purpose.is_answer() {
            return None;
        }
        catch_unwind(AssertUnwindSafe(|| self.request(version))).ok().flatten()
    }

    fn request(&self, version: Version) -> Option<Element> {
        let view = View { bodies: vec![Preference::whole(Form::Text)], ..View::default() };
        // The older shape has a zone and a place in any case.
        let of_event = pim::data(self.raw.as_bytes(), Class::Calendar, &view, Version::V14_1, "");
        let text = |tag: Tag| of_event.iter().find(|element| element.tag == tag).map(Element::to_text);
        let event = event(&self.document)?;
        let uid = event.text("UID")?;
        let copied = |from, to| text(from).map(|text| Element::text(to, text));
        let time = |from, to| text(from).and_then(|text| dashed(&text)).map(|text| Element::text(to, text));
        let is_series = of_event.iter().find(|element| element.tag == calendar::RECURRENCE);
        let is_one_of_series = event.line("RECURRENCE-ID").is_some();
        let instance = if is_series.is_some() { 1 } else { 3 * u8::from(is_one_of_series) };
        let all = [
            copied(calendar::ALL_DAY_EVENT, email::ALL_DAY_EVENT),
            time(calendar::START_TIME, email::START_TIME),
            Some(time(calendar::DT_STAMP, email::DT_STAMP)?),
            time(calendar::END_TIME, email::END_TIME),
            Some(Element::text(email::INSTANCE_TYPE, instance)),
            text(calendar::LOCATION).map(|place| location(place, version)),
            organizer(text(calendar::ORGANIZER_NAME), text(calendar::ORGANIZER_EMAIL)),
            reminder(text(calendar::REMINDER)),
            Some(Element::text(email::RESPONSE_REQUESTED, u8::from(self.purpose == Purpose::Request))),
            is_series.map(|series| Element::new(email::RECURRENCES).with(recurrence(series))),
            copied(calendar::SENSITIVITY, email::SENSITIVITY),
            copied(calendar::BUSY_STATUS, email::BUSY_STATUS),
            Some(copied(calendar::TIMEZONE, email::TIME_ZONE)?),
        ];
        let message_type = Element::text(email2::MEETING_MESSAGE_TYPE, u8::from(self.purpose == Purpose::Request));
        let request = Element::new(email::MEETING_REQUEST).with_all(all.into_iter().flatten());
        Some(match version {
            Version::V14_1 => {
                request.with_text(email::GLOBAL_OBJ_ID, STANDARD.encode(global_id(&uid))).with(message_type)
            }
            // [MS-ASEMAIL] 2.2.2.48: from 16.0 on the UID itself.
            Version::V16_1 => request.with(message_type).with_text(calendar::UID, uid),
        })
    }
}

fn event(document: &Document) -> Option<&Component> {
    document.root.components().find(|inner| inner.name == "VEVENT")
}

fn read(place: usize, part: &Part<'_>) -> Option<Meeting> {
    let raw = decode::text(part);
    let document = Document::parse(raw.as_bytes())?;
    let method = part.parameter("method").map(str::to_owned).or_else(|| document.root.text("METHOD"))?;
    let event = event(&document)?;
    let purpose = match method.trim().to_ascii_uppercase().as_str() {
        "REQUEST" => Purpose::Request,
        "CANCEL" => Purpose::Cancellation,
        "REPLY" => match event.line("ATTENDEE")?.param("PARTSTAT")?.to_ascii_uppercase().as_str() {
            "ACCEPTED" => Purpose::Acceptance,
            "DECLINED" => Purpose::Refusal,
            "TENTATIVE" => Purpose::MaybeAcceptance,
            _ => return None,
        },
        _ => return None,
    };
    Some(Meeting { place, purpose, document, raw })
}

/// `20260105T100000Z` as mail has it: `2026-01-05T10:00:00.000Z`.
fn dashed(compact: &str) -> Option<String> {
    let part = |range: std::ops::Range<usize>| compact.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    Some(format!("{year}-{month}-{day}T{}:{}:{}.000Z", part(9..11)?, part(11..13)?, part(13..15)?))
}

fn location(place: String, version: Version) -> Element {
    match version {
        Version::V14_1 => Element::text(email::LOCATION, place),
        Version::V16_1 => Element::new(air_sync_base::LOCATION).with_text(air_sync_base::DISPLAY_NAME, place),
    }
}

fn organizer(name: Option<String>, address: Option<String>) -> Option<Element> {
    let address = address?;
    let shown = match name {
        Some(name) => format!("\"{}\" <{address}>", name.replace('"', " ")),
        None => address,
    };
    Some(Element::text(email::ORGANIZER, shown))
}

/// [MS-ASEMAIL] 2.2.2.63: seconds, where calendars have minutes; no more than the schema's short can be.
fn reminder(minutes: Option<String>) -> Option<Element> {
    let minutes: u64 = minutes?.parse().ok()?;
    Some(Element::text(email::REMINDER, minutes.saturating_mul(60).min(u64::from(u16::MAX))))
}

/// The rule of a series with the names that mail has for it, in the order of its schema.
fn recurrence(series: &Element) -> Element {
    const NAMES: [(Tag, Tag); 10] = [
        (calendar::TYPE, email::TYPE),
        (calendar::INTERVAL, email::INTERVAL),
        (calendar::UNTIL, email::UNTIL),
        (calendar::OCCURRENCES, email::OCCURRENCES),
        (calendar::WEEK_OF_MONTH, email::WEEK_OF_MONTH),
        (calendar::DAY_OF_MONTH, email::DAY_OF_MONTH),
        (calendar::DAY_OF_WEEK, email::DAY_OF_WEEK),
        (calendar::MONTH_OF_YEAR, email::MONTH_OF_YEAR),
        (calendar::CALENDAR_TYPE, email2::CALENDAR_TYPE),
        (calendar::FIRST_DAY_OF_WEEK, email2::FIRST_DAY_OF_WEEK),
    ];
    let named = NAMES.iter().filter_map(|(from, to)| series.child_text(*from).map(|text| Element::text(*to, text)));
    Element::new(email::RECURRENCE).with_all(named)
}

/// The id that Outlook has for a UID ([MS-ASEMAIL] 2.2.2.37): its own as it is, without the date of a single event;
/// another one behind a mark.
fn global_id(uid: &str) -> Vec<u8> {
    if let Some(mut own) = of_hex(uid).filter(|own| own.len() >= 40 && own.starts_with(&CLASS_ID)) {
        own[16..20].fill(0);
        return own;
    }
    let mut data = b"vCal-Uid\x01\0\0\0".to_vec();
    data.extend_from_slice(uid.as_bytes());
    data.push(0);
    let length = u32::try_from(data.len()).expect("a calendar is shorter");
    let mut id = CLASS_ID.to_vec();
    id.extend([0; 4 + 8 + 8]);
    id.extend(length.to_le_bytes());
    id.extend(data);
    id
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [MS-ASEMAIL] 2.2.2.37.
    #[test]
    fn ids_of_meetings_are_outlooks_or_made_of_the_uid() {
        let made = global_id("abc");
        assert_eq!(made[..16], CLASS_ID);
        assert_eq!(made[16..36], [0; 20]);
        assert_eq!(made[36..40], [16, 0, 0, 0]);
        assert_eq!(&made[40..], b"vCal-Uid\x01\0\0\0abc\0");
        let outlooks = "040000008200E00074C5B7101A82E00807EA01050000000000000000000000000000000001000000FF";
        let own = global_id(outlooks);
        assert_eq!((own.len(), &own[16..20], own[40]), (41, &[0; 4][..], 0xFF));
    }
}
