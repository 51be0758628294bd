//! What stores ask of items that are no mail before they keep them.

use super::{Class, StoreError, StoreErrorKind, Summary};
use crate::pim::{About, Document, about};

/// What an item of a folder of that class is.
pub(super) fn checked(class: Class, raw: &[u8]) -> Result<About, StoreError> {
    let refuse = |detail: &str| StoreError::new(StoreErrorKind::Invalid, detail);
    let about = about(raw).ok_or_else(|| refuse("it is neither iCalendar nor a vCard"))?;
    if about.class != class {
        let detail = format!("it is of class {}, and the folder of {}", about.class.as_str(), class.as_str());
        return Err(refuse(&detail));
    }
    Ok(about)
}

/// Longest subject, in characters.
const SUBJECT_CHARACTERS: usize = 200;

/// What is shown of an item in a list: what it is called.
pub(super) fn summary(raw: &[u8]) -> Summary {
    let document = Document::parse(raw);
    let called = document.and_then(|document| {
        let inner = document.root.components().find(|inner| inner.line("SUMMARY").is_some());
        inner.and_then(|inner| inner.text("SUMMARY")).or_else(|| document.root.text("FN"))
    });
    let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(SUBJECT_CHARACTERS).collect();
    Summary { subject: called.map(plain), ..Summary::default() }
}

/// Of an item whose UID property another item has.
pub(super) fn twice(name: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Exists, format!("there is an item {name:?}"))
}
