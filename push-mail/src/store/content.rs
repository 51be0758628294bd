//! What stores ask of items that are no mail before they keep them.

use super::{Class, StoreError, StoreErrorKind};
use crate::pim::{About, about};

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

/// Of an item whose UID property another item has.
pub(super) fn twice(name: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Exists, format!("there is an item {name:?}"))
}
