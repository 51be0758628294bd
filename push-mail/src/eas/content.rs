//! What is in an item, as the elements of its class.

use super::email::{self, View};
use super::{Call, ItemId, pim};
use crate::store::{Class, Flags, Item};
use crate::wbxml::Element;

/// The children of `ApplicationData`, marked with these flags. `None` where the store has given no content.
pub(super) fn data(
    call: &Call,
    class: Class,
    item: &Item,
    (at, flags): (ItemId, Flags),
    view: &View,
) -> Option<Vec<Element>> {
    let raw = item.raw.as_ref()?;
    if class == Class::Email {
        let message = email::Message { raw, flags, received_ms: item.received_ms, at };
        return Some(email::application_data(&message, view, call.version));
    }
    let me = call.account.submission.addresses.first().map(String::as_str).unwrap_or_default();
    Some(pim::data(raw, class, view, call.version, me))
}
