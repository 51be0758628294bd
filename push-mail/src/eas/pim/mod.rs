//! Calendars, contacts, tasks and notes as devices see them, and what devices change in them.
//!
//! ```text
//!  .ics, .vcf ─▶ data ─▶ ApplicationData        merge: ApplicationData ─▶ .ics, .vcf
//!                                               what a device cannot say stays as it was
//! ```
//!
//! Source: [MS-ASCAL], [MS-ASCNTC], [MS-ASTASK], [MS-ASNOTE], [MS-ASDTYPE].

mod body;
mod calendar;
mod contacts;
mod dates;
mod fields;
mod notes;
mod recurrence;
mod tasks;
#[cfg(test)]
mod tests;
mod zone;

use bytes::Bytes;
use chrono::NaiveDateTime;

use super::Version;
use super::email::View;
use crate::pim::{Component, Document, Line};
use crate::store::Class;
use crate::wbxml::{Element, Tag};

/// What a device sent is no item: status 6 of Sync, an error in conversion ([MS-ASCMD] 2.2.3.177.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(pub(crate) &'static str);

/// Properties that a device says it keeps: those of them that a change leaves out are to go, all others stay as they are
/// ([MS-ASCMD] 2.2.3.180, Supported).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Omitted<'s> {
    /// All stay.
    Stay,
    /// All go: the device named none.
    Go,
    /// Those of the list go.
    GoIf(&'s [Tag]),
}

impl Omitted<'_> {
    fn goes(self, tag: Tag) -> bool {
        match self {
            Omitted::Stay => false,
            Omitted::Go => true,
            Omitted::GoIf(tags) => tags.contains(&tag),
        }
    }
}

/// How an item is changed.
#[derive(Clone, Copy, Debug)]
struct Change<'c> {
    fields: &'c Element,
    version: Version,
    omitted: Omitted<'c>,
    now: NaiveDateTime,
}

impl Change<'_> {
    /// The new text of a property: `None` where it stays as it is, empty where it goes.
    fn text(&self, tag: Tag) -> Option<String> {
        self.fields.child_text(tag).or_else(|| self.omitted.goes(tag).then(String::new))
    }

    /// A number, if one is said.
    fn number(&self, tag: Tag) -> Result<Option<u32>, Invalid> {
        let text = self.fields.child_text(tag).filter(|text| !text.trim().is_empty());
        text.map(|text| text.trim().parse().map_err(|_| Invalid("a number is none"))).transpose()
    }

    /// A moment, if one is said.
    fn moment(&self, tag: Tag) -> Result<Option<NaiveDateTime>, Invalid> {
        let text = self.fields.child_text(tag).filter(|text| !text.trim().is_empty());
        text.map(|text| dates::parse(&text)).transpose()
    }
}

/// The children of `ApplicationData` for an item: `raw` as a store of that class has it, `me` the address of who asks,
/// empty if nobody knows. Nothing for what is no item.
pub(crate) fn data(raw: &[u8], class: Class, view: &View, version: Version, me: &str) -> Vec<Element> {
    let Some(document) = Document::parse(raw) else { return Vec::new() };
    let reader = Reader { view, version, me };
    let component = |name: &str| document.root.components().find(|inner| inner.name == name);
    match class {
        Class::Email => Vec::new(),
        Class::Calendar => calendar::data(&document.root, &reader),
        Class::Contacts => contacts::data(&document.root, &reader),
        Class::Tasks => component("VTODO").map(|todo| tasks::data(todo, &document.root, &reader)).unwrap_or_default(),
        Class::Notes => component("VJOURNAL").map(|note| notes::data(note, &reader)).unwrap_or_default(),
    }
}

/// Who reads.
struct Reader<'r> {
    view: &'r View,
    version: Version,
    me: &'r str,
}

/// An item with what a device says of it: a new one, or `existing` with these changes.
///
/// # Errors
///
/// [`Invalid`] where that makes no item; nothing is changed then.
pub(crate) fn merge(
    existing: Option<&[u8]>,
    application_data: &Element,
    class: Class,
    version: Version,
    omitted: Omitted<'_>,
) -> Result<Bytes, Invalid> {
    let now = crate::pim::moment::of_millis(crate::store::now_ms());
    merge_at(existing, &Change { fields: application_data, version, omitted, now }, class)
}

fn merge_at(existing: Option<&[u8]>, change: &Change<'_>, class: Class) -> Result<Bytes, Invalid> {
    let broken = Invalid("what is there is no item");
    let mut document = match existing {
        Some(raw) => Document::parse(raw).ok_or(broken)?,
        None => new(class, change),
    };
    let before = document.to_bytes();
    let inner = match class {
        Class::Email => return Err(Invalid("mail is not changed")),
        Class::Contacts => {
            contacts::merge(&mut document.root, change)?;
            None
        }
        Class::Calendar => {
            calendar::merge(&mut document.root, change)?;
            Some("VEVENT")
        }
        Class::Tasks => {
            tasks::merge(&mut document.root, change)?;
            Some("VTODO")
        }
        Class::Notes => {
            notes::merge(&mut document.root, change)?;
            Some("VJOURNAL")
        }
    };
    Ok(finished(document, &before, existing, inner, change))
}

/// One event of a series as a device of 16.0 or later changes it, `instance` being its `InstanceId`; `None` deletes it.
///
/// # Errors
///
/// [`Invalid`] where that is no event of the series, or makes none.
pub(crate) fn merge_instance(
    existing: &[u8],
    instance: &str,
    application_data: Option<&Element>,
    version: Version,
) -> Result<Bytes, Invalid> {
    let mut document = Document::parse(existing).ok_or(Invalid("what is there is no item"))?;
    let before = document.to_bytes();
    let nothing = Element::new(crate::wbxml::tags::air_sync::APPLICATION_DATA);
    let now = crate::pim::moment::of_millis(crate::store::now_ms());
    let fields = application_data.unwrap_or(&nothing);
    let change = Change { fields, version, omitted: Omitted::Stay, now };
    calendar::merge_instance(&mut document.root, instance, application_data.is_some(), &change)?;
    Ok(finished(document, &before, Some(existing), Some("VEVENT"), &change))
}

fn find<'r>(root: &'r mut Component, name: &str) -> Option<&'r mut Component> {
    root.components_mut().find(|inner| inner.name == name)
}

/// With the moment of the change in it, if there is one: in the component of that name, or in the card.
fn finished(
    mut document: Document,
    before: &Bytes,
    existing: Option<&[u8]>,
    inner: Option<&str>,
    change: &Change<'_>,
) -> Bytes {
    let is_changed = existing.is_none() || document.to_bytes() != before;
    let (inner, name) = match inner {
        Some(inner) => (find(&mut document.root, inner), "LAST-MODIFIED"),
        // RFC 6350 §6.7.4.
        None => (Some(&mut document.root), "REV"),
    };
    if let Some(inner) = inner.filter(|_| is_changed) {
        inner.set(name, Some(Line::new(name, &[], &dates::compact(change.now))));
    }
    document.to_bytes()
}

/// A new item without anything but what it must have.
fn new(class: Class, change: &Change<'_>) -> Document {
    let product = Line::text("PRODID", "-//push//push-mail//EN");
    let uid = || Line::text("UID", &format!("{:032x}", random()));
    if class == Class::Contacts {
        let mut card = Component::new("VCARD");
        // RFC 2426: what programs read most widely.
        card.replace("VERSION", [Line::text("VERSION", "3.0")]);
        card.replace("PRODID", [product]);
        card.replace("UID", [uid()]);
        return Document::new(card);
    }
    let mut calendar = Component::new("VCALENDAR");
    calendar.replace("VERSION", [Line::text("VERSION", "2.0")]);
    calendar.replace("PRODID", [product]);
    let mut inner = Component::new(match class {
        Class::Tasks => "VTODO",
        Class::Notes => "VJOURNAL",
        _ => "VEVENT",
    });
    inner.replace("UID", [uid()]);
    inner.replace("DTSTAMP", [Line::new("DTSTAMP", &[], &dates::compact(change.now))]);
    calendar.push(inner);
    Document::new(calendar)
}

fn random() -> u128 {
    let random = || getrandom::u64().unwrap_or_else(|_| std::process::id().into());
    u128::from(random()) << 64 | u128::from(random())
}
