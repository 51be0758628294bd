//! Notes: `VJOURNAL` and [MS-ASNOTE].

use super::calendar::{categories, set_categories, words};
use super::{Change, Invalid, Reader, body, dates};
use crate::pim::moment::{Moment, Zones};
use crate::pim::{Component, Line};
use crate::wbxml::Element;
use crate::wbxml::tags::notes;

/// What kind of item a note is ([MS-ASNOTE] 2.2.2.5).
const MESSAGE_CLASS: &str = "IPM.StickyNote";

/// The children of `ApplicationData`.
pub(super) fn data(note: &Component, reader: &Reader<'_>) -> Vec<Element> {
    let zones = Zones::default();
    let at = |name: &str| note.line(name).and_then(|line: &Line| Moment::of(line, &zones));
    let changed = ["LAST-MODIFIED", "DTSTAMP", "CREATED"].into_iter().find_map(at);
    let words: Vec<_> = categories(note).into_iter().map(|word| Element::text(notes::CATEGORY, word)).collect();
    let all = [
        Some(Element::text(notes::SUBJECT, note.text("SUMMARY").unwrap_or_default())),
        Some(Element::text(notes::MESSAGE_CLASS, MESSAGE_CLASS)),
        changed.map(|at| Element::text(notes::LAST_MODIFIED_DATE, dates::compact(at.utc()))),
        (!words.is_empty()).then(|| Element::new(notes::CATEGORIES).with_all(words)),
        body::element(note.text("DESCRIPTION").as_deref(), reader.view),
    ];
    all.into_iter().flatten().collect()
}

/// Changes a `VCALENDAR` with a note in it.
pub(super) fn merge(root: &mut Component, change: &Change<'_>) -> Result<(), Invalid> {
    let note = super::find(root, "VJOURNAL").ok_or(Invalid("there is no note"))?;
    let text = body::text(change)?;
    // [MS-ASNOTE] 2.2.2.5.
    let class = change.fields.child_text(notes::MESSAGE_CLASS);
    if class.is_some_and(|class| !class.trim().to_ascii_lowercase().starts_with("ipm.stickynote")) {
        return Err(Invalid("a note is of another class"));
    }
    if let Some(subject) = change.fields.child_text(notes::SUBJECT) {
        note.set_text("SUMMARY", Some(&subject));
    }
    if let Some(text) = text {
        note.set_text("DESCRIPTION", Some(&text));
    }
    if let Some(words) = words(change, notes::CATEGORIES, notes::CATEGORY) {
        set_categories(note, &words);
    }
    Ok(())
}
