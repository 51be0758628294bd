//! People who are called so: from the address books of the account, and its own addresses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::status;
use crate::eas::email::View;
use crate::eas::{Call, Version, pim};
use crate::store::{ChangeKind, Class, FolderId, StoreError, Token, Uid, Wanted};
use crate::wbxml::tags::{contacts, gal};
use crate::wbxml::{Element, Tag};

/// Contacts that are looked at.
const CONTACTS: usize = 10_000;

/// Contacts that are looked at together.
const PAGE: usize = 250;

/// People of one list.
const MOST: usize = 1000;

/// What a contact has, and what it is called in a list of people.
const PROPERTIES: [(Tag, Tag); 9] = [
    (contacts::BUSINESS_PHONE_NUMBER, gal::PHONE),
    (contacts::OFFICE_LOCATION, gal::OFFICE),
    (contacts::JOB_TITLE, gal::TITLE),
    (contacts::COMPANY_NAME, gal::COMPANY),
    (contacts::FIRST_NAME, gal::FIRST_NAME),
    (contacts::LAST_NAME, gal::LAST_NAME),
    (contacts::HOME_PHONE_NUMBER, gal::HOME_PHONE),
    (contacts::MOBILE_PHONE_NUMBER, gal::MOBILE_PHONE),
    (contacts::EMAIL1_ADDRESS, gal::EMAIL_ADDRESS),
];

/// Properties that are there even where they are empty: some phones show nobody without them.
const ALWAYS: [Tag; 3] = [gal::FIRST_NAME, gal::LAST_NAME, gal::EMAIL_ADDRESS];

/// Whether pictures are wanted, how large, and how many ([MS-ASCMD] 2.2.3.135.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pictures {
    pub(super) max_bytes: Option<usize>,
    pub(super) max_count: Option<usize>,
}

/// Statuses of pictures ([MS-ASCMD] 2.2.2).
const NO_PICTURE: u16 = 173;
const PICTURE_TOO_LARGE: u16 = 174;
const TOO_MANY_PICTURES: u16 = 175;

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    name: String,
    properties: Vec<(Tag, String)>,
    picture: Option<Vec<u8>>,
}

impl Person {
    fn own(account: &str, address: &str) -> Self {
        Self { name: account.to_owned(), properties: vec![(gal::EMAIL_ADDRESS, address.to_owned())], picture: None }
    }

    fn of_card(raw: &[u8]) -> Option<Self> {
        let data = pim::data(raw, Class::Contacts, &View::default(), Version::V14_1, "");
        let text = |tag: Tag| data.iter().find(|element| element.tag == tag).map(Element::to_text);
        let all = PROPERTIES.iter().filter_map(|(from, to)| Some((*to, text(*from)?)));
        let properties: Vec<_> = all.filter(|(_, text)| !text.trim().is_empty()).collect();
        let address = properties.iter().find(|(tag, _)| *tag == gal::EMAIL_ADDRESS).map(|(_, text)| text.clone());
        let name = text(contacts::FILE_AS).filter(|name| !name.trim().is_empty()).or(address)?;
        let picture = text(contacts::PICTURE).and_then(|picture| STANDARD.decode(picture).ok());
        Some(Self { name, properties, picture })
    }

    fn get(&self, tag: Tag) -> &str {
        self.properties.iter().find(|(own, _)| *own == tag).map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    /// [MS-ASCMD] 2.2.3.142.2: whatever is said of somebody begins so, or a word of it.
    fn is_called(&self, lower: &str) -> bool {
        let texts = self.properties.iter().map(|(_, text)| text).chain([&self.name]);
        texts
            .map(|text| text.to_lowercase())
            .any(|text| text.starts_with(lower) || text.split_whitespace().any(|word| word.starts_with(lower)))
    }

    /// The properties of a result, in the order of their numbers; with a picture, if pictures are wanted, of which so many
    /// were given.
    pub(super) fn into_properties(self, pictures: Option<Pictures>, given: &mut usize) -> Vec<Element> {
        let alias = self.get(gal::EMAIL_ADDRESS).split('@').next().unwrap_or_default().to_owned();
        let mut all = vec![Element::text(gal::DISPLAY_NAME, &self.name)];
        for (_, tag) in PROPERTIES {
            let text = self.get(tag);
            if !text.is_empty() || ALWAYS.contains(&tag) {
                all.push(Element::text(tag, text));
            }
            if tag == gal::COMPANY {
                all.push(Element::text(gal::ALIAS, &alias));
            }
        }
        all.extend(pictures.map(|pictures| picture(self.picture, pictures, given)));
        all
    }
}

fn picture(picture: Option<Vec<u8>>, wanted: Pictures, given: &mut usize) -> Element {
    let element = Element::new(gal::PICTURE);
    match picture {
        None => element.with_text(gal::STATUS, NO_PICTURE),
        Some(bytes) if wanted.max_bytes.is_some_and(|most| bytes.len() > most) => {
            element.with_text(gal::STATUS, PICTURE_TOO_LARGE)
        }
        Some(_) if wanted.max_count.is_some_and(|most| *given >= most) => {
            element.with_text(gal::STATUS, TOO_MANY_PICTURES)
        }
        Some(bytes) => {
            *given += 1;
            element.with_text(gal::STATUS, status::SUCCESS).with(Element::opaque(gal::DATA, bytes))
        }
    }
}

/// Those who are called so, in the order of their names.
pub(super) async fn matching(call: &Call, text: &str) -> Result<Vec<Person>, u16> {
    let lower = text.trim().to_lowercase();
    if lower.is_empty() {
        return Err(status::INVALID);
    }
    let account = &call.account;
    let own = account.submission.addresses.iter().map(|address| Person::own(&account.name, address));
    let mut found: Vec<_> = own.filter(|person| person.is_called(&lower)).collect();
    let failed = |error: StoreError| {
        tracing::debug!(account = &*account.name, %error, "contacts cannot be read");
        status::SERVER
    };
    let tree = account.store.hierarchy().await.map_err(failed)?;
    let mut left = CONTACTS;
    for folder in tree.folders.iter().filter(|folder| folder.class == Class::Contacts) {
        contacts_of(call, folder.id, &lower, &mut left, &mut found).await.map_err(failed)?;
    }
    found.sort_by_cached_key(|person| person.name.to_lowercase());
    found.truncate(MOST);
    Ok(found)
}

async fn contacts_of(
    call: &Call,
    folder: FolderId,
    lower: &str,
    left: &mut usize,
    found: &mut Vec<Person>,
) -> Result<(), StoreError> {
    let store = &call.account.store;
    let mut since = Token::START;
    while *left > 0 {
        let page = store.changes(folder, since, PAGE.min(*left)).await?;
        let there = page.changes.iter().filter(|change| change.kind != ChangeKind::Deleted);
        let uids: Vec<Uid> = there.map(|change| change.uid).collect();
        let items = store.fetch(folder, &uids, Wanted::Whole).await?;
        *left = left.saturating_sub(page.changes.len().max(1));
        let people = items.iter().filter_map(|item| Person::of_card(item.raw.as_deref()?));
        found.extend(people.filter(|person| person.is_called(lower)));
        if !page.more {
            break;
        }
        since = page.token;
    }
    Ok(())
}
