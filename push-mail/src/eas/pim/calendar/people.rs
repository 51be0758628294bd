//! Who is invited, and by whom.

use super::super::{Change, Invalid, Reader};
use crate::pim::{Component, Line};
use crate::wbxml::Element;
use crate::wbxml::tags::calendar;

/// The address of an `ATTENDEE` or `ORGANIZER`.
fn address(line: &Line) -> String {
    let value = line.value().trim();
    let is_mail = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    if is_mail { value[7..].to_owned() } else { line.param("EMAIL").unwrap_or_else(|| value.to_owned()) }
}

/// [MS-ASCAL] 2.2.2.4.
fn status(line: &Line) -> u8 {
    match line.param("PARTSTAT").unwrap_or_default().to_ascii_uppercase().as_str() {
        "TENTATIVE" => 2,
        "ACCEPTED" => 3,
        "DECLINED" => 4,
        "NEEDS-ACTION" => 5,
        _ => 0,
    }
}

fn part_stat(status: &str) -> Option<&'static str> {
    match status {
        "2" => Some("TENTATIVE"),
        "3" => Some("ACCEPTED"),
        "4" => Some("DECLINED"),
        "5" => Some("NEEDS-ACTION"),
        _ => None,
    }
}

/// [MS-ASCAL] 2.2.2.5.
fn kind(line: &Line) -> u8 {
    let is_thing = line.has_value_in("CUTYPE", "RESOURCE") || line.has_value_in("CUTYPE", "ROOM");
    match line.param("ROLE").unwrap_or_default().to_ascii_uppercase().as_str() {
        _ if is_thing => 3,
        "OPT-PARTICIPANT" | "NON-PARTICIPANT" => 2,
        _ => 1,
    }
}

pub(super) fn attendees(event: &Component) -> Option<Element> {
    let attendee = |line: &Line| {
        let address = address(line);
        let name = line.param("CN").filter(|name| !name.is_empty()).unwrap_or_else(|| address.clone());
        Element::new(calendar::ATTENDEE)
            .with_text(calendar::EMAIL, address)
            .with_text(calendar::NAME, name)
            .with_text(calendar::ATTENDEE_STATUS, status(line))
            .with_text(calendar::ATTENDEE_TYPE, kind(line))
    };
    let all: Vec<_> = event.all("ATTENDEE").map(attendee).collect();
    (!all.is_empty()).then(|| Element::new(calendar::ATTENDEES).with_all(all))
}

fn is_organizer(event: &Component, me: &str) -> bool {
    me.is_empty() || event.line("ORGANIZER").is_none_or(|line| address(line).eq_ignore_ascii_case(me))
}

/// [MS-ASCAL] 2.2.2.30: 1 for a meeting, 2 where somebody else invited to it, 4 where it is cancelled.
pub(super) fn meeting_status(event: &Component, me: &str) -> Option<Element> {
    let is_meeting = event.line("ATTENDEE").is_some();
    let is_cancelled = event.text("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED"));
    let of_others = if is_organizer(event, me) { 0 } else { 2 };
    let status = if is_meeting { 1 + of_others + if is_cancelled { 4 } else { 0 } } else { 0 };
    Some(Element::text(calendar::MEETING_STATUS, status))
}

/// All of it, of an event that is no exception.
pub(super) fn elements(event: &Component, reader: &Reader<'_>) -> Vec<Element> {
    let mut all: Vec<_> = meeting_status(event, reader.me).into_iter().collect();
    let Some(attendees) = attendees(event) else { return all };
    if let Some(organizer) = event.line("ORGANIZER") {
        let name = organizer.param("CN").filter(|name| !name.is_empty());
        all.extend(name.map(|name| Element::text(calendar::ORGANIZER_NAME, name)));
        all.push(Element::text(calendar::ORGANIZER_EMAIL, address(organizer)));
    }
    all.push(attendees);
    // [MS-ASCAL] 2.2.2.39 and 2.2.2.38.
    let mine = event.all("ATTENDEE").find(|line| address(line).eq_ignore_ascii_case(reader.me));
    let response = match mine {
        _ if is_organizer(event, reader.me) => 1,
        Some(line) => status(line),
        None => 0,
    };
    all.push(Element::text(calendar::RESPONSE_TYPE, response));
    let is_asked = mine.is_some_and(|line| line.has_value_in("RSVP", "TRUE"));
    all.push(Element::text(calendar::RESPONSE_REQUESTED, u8::from(is_asked)));
    all
}

/// Who is invited from now on: whoever was keeps what a device does not say.
pub(super) fn merge(event: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    organizer(event, change);
    let Some(attendees) = change.fields.child(calendar::ATTENDEES) else {
        if change.omitted.goes(calendar::ATTENDEES) {
            event.replace("ATTENDEE", None);
        }
        return Ok(());
    };
    let mut lines = Vec::new();
    for attendee in attendees.children(calendar::ATTENDEE) {
        let text = |tag| attendee.child_text(tag).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let email = text(calendar::EMAIL).filter(|email| !email.chars().any(char::is_control));
        let email = email.ok_or(Invalid("an attendee has no address"))?;
        let known = event.all("ATTENDEE").find(|line| address(line).eq_ignore_ascii_case(&email)).cloned();
        let mut line = known.unwrap_or_else(|| Line::new("ATTENDEE", &[], &format!("mailto:{email}")));
        if let Some(name) =
            text(calendar::NAME).filter(|name| *name != address(&line) && line.param("CN").as_ref() != Some(name))
        {
            line = line.with_param("CN", Some(&name));
        }
        let new_status = text(calendar::ATTENDEE_STATUS).filter(|new| *new != status(&line).to_string());
        if let Some(part_stat) = new_status.and_then(|status| part_stat(&status)) {
            line = line.with_param("PARTSTAT", Some(part_stat));
        }
        match text(calendar::ATTENDEE_TYPE).filter(|new| *new != kind(&line).to_string()).as_deref() {
            Some("1") => line = line.with_param("ROLE", Some("REQ-PARTICIPANT")),
            Some("2") => line = line.with_param("ROLE", Some("OPT-PARTICIPANT")),
            Some("3") => line = line.with_param("CUTYPE", Some("RESOURCE")),
            _ => {}
        }
        lines.push(line);
    }
    let is_so = event.all("ATTENDEE").eq(lines.iter());
    if !is_so {
        event.replace("ATTENDEE", lines);
    }
    Ok(())
}

fn organizer(event: &mut Component, change: &Change<'_>) {
    let text = |tag| change.fields.child_text(tag).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let Some(email) = text(calendar::ORGANIZER_EMAIL).filter(|email| !email.chars().any(char::is_control)) else {
        return;
    };
    let is_known = event.line("ORGANIZER").is_some_and(|line| address(line).eq_ignore_ascii_case(&email));
    let has_guests = change.fields.child(calendar::ATTENDEES).is_some_and(|all| !all.is_empty());
    // Programs name an organizer of what is no meeting, too: that would make it one.
    if is_known || !has_guests && event.line("ATTENDEE").is_none() {
        return;
    }
    let line = Line::new("ORGANIZER", &[], &format!("mailto:{email}"));
    let name = text(calendar::ORGANIZER_NAME);
    event.replace("ORGANIZER", [name.map_or(line.clone(), |name| line.with_param("CN", Some(&name)))]);
}
