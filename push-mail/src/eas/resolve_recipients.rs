//! ResolveRecipients: whom a name stands for, among the account's contacts and its own addresses.
//!
//! Nobody here knows when others are free, or their certificates and pictures: devices that ask hear so.
//!
//! Source: [MS-ASCMD] 2.2.1.15.

use mail_parser::DateTime;

use super::{Answer, Call, Status};
use crate::pim::Document;
use crate::store::{Class, Folder, MailStore, StoreError, Token, Uid, Wanted};
use crate::wbxml::Element;
use crate::wbxml::tags::resolve_recipients as tag;

/// Names in one request ([MS-ASCMD] 3.1.5.8).
const NAMES: usize = 100;

/// Longest name, in characters ([MS-ASCMD] 2.2.3.183).
const NAME_CHARS: usize = 256;

/// People who are told for one name, whatever the device says.
const SUGGESTIONS: usize = 100;

/// Contacts that are looked at.
const CONTACTS: usize = 10_000;

/// Contacts that are looked at together.
const PAGE: usize = 500;

// [MS-ASCMD] 2.2.3.177.12
const OK: u16 = 1;
const AMBIGUOUS: u16 = 2;
const AMBIGUOUS_AND_CUT: u16 = 3;
const NOBODY: u16 = 4;
const PROTOCOL_ERROR: u16 = 5;
const SERVER_ERROR: u16 = 6;
const NO_CERTIFICATE: u16 = 7;
const NO_AVAILABILITY: u16 = 163;
const NO_PICTURE: u16 = 173;

/// Where somebody is known from ([MS-ASCMD] 2.2.3.186.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Directory = 1,
    Contacts = 2,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Person {
    from: From,
    name: String,
    address: String,
}

impl Person {
    fn is_called(&self, lower: &str) -> bool {
        let name = self.name.to_lowercase();
        let is_in_name = name.starts_with(lower) || name.split_whitespace().any(|word| word.starts_with(lower));
        is_in_name || self.address.to_lowercase().starts_with(lower)
    }
}

/// What a device wants to know of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Options {
    certificates: bool,
    availability: bool,
    picture: bool,
    suggestions: Option<usize>,
}

impl Options {
    fn read(document: &Element) -> Result<Self, Status> {
        let Some(options) = document.child(tag::OPTIONS) else { return Ok(Self::default()) };
        let wrong = |_| Status(PROTOCOL_ERROR);
        let suggestions = match options.child_text(tag::MAX_AMBIGUOUS_RECIPIENTS) {
            Some(digits) => Some(digits.trim().parse::<u16>().map_err(wrong)?).filter(|most| *most <= 9999),
            None => None,
        };
        let availability = options.child(tag::AVAILABILITY);
        if let Some(span) = availability {
            let start = instant(span.child_text(tag::START_TIME)).ok_or(Status(PROTOCOL_ERROR))?;
            let end = span.child(tag::END_TIME).map(|end| instant(Some(end.to_text())).ok_or(Status(PROTOCOL_ERROR)));
            if end.transpose()?.is_some_and(|end| end <= start) {
                return Err(Status(PROTOCOL_ERROR));
            }
        }
        let certificates = match options.child_text(tag::CERTIFICATE_RETRIEVAL).as_deref().map(str::trim) {
            None | Some("1") => false,
            Some("2" | "3") => true,
            Some(_) => return Err(Status(PROTOCOL_ERROR)),
        };
        let picture = options.child(tag::PICTURE).is_some();
        Ok(Self {
            certificates,
            availability: availability.is_some(),
            picture,
            suggestions: suggestions.map(usize::from),
        })
    }
}

/// [MS-ASDTYPE] 2.7.2: `2010-03-01T00:20:00.000Z`.
fn instant(text: Option<String>) -> Option<i64> {
    let text = text?;
    let date = DateTime::parse_rfc3339(text.trim()).filter(|date| date.is_valid() && text.trim().ends_with('Z'))?;
    Some(date.to_timestamp())
}

pub(in crate::eas) async fn answer(call: &Call) -> Result<Answer, Status> {
    let document = call.document.as_ref().ok_or(Status(PROTOCOL_ERROR))?;
    let names: Vec<_> = document.children(tag::TO).take(NAMES + 1).map(Element::to_text).collect();
    let is_name = |name: &String| (1..=NAME_CHARS).contains(&name.trim().chars().count());
    if !(1..=NAMES).contains(&names.len()) || !names.iter().all(is_name) {
        return Err(Status(PROTOCOL_ERROR));
    }
    let options = Options::read(document)?;
    let people = people(call).await.map_err(|error| {
        tracing::warn!(account = &*call.account.name, %error, "contacts cannot be read");
        Status(SERVER_ERROR)
    })?;
    let each = names.iter().map(|name| resolved(name, &people, options));
    Ok(Answer::Document(Element::new(tag::RESOLVE_RECIPIENTS).with_text(tag::STATUS, OK).with_all(each)))
}

/// All that are known.
async fn people(call: &Call) -> Result<Vec<Person>, StoreError> {
    let own = call.account.submission.addresses.iter();
    let own =
        own.map(|own| Person { from: From::Directory, name: call.account.name.to_string(), address: own.clone() });
    let mut all: Vec<_> = own.collect();
    let store = &*call.account.store;
    let tree = store.hierarchy().await?;
    let mut left = CONTACTS;
    for folder in tree.folders.iter().filter(|folder| folder.class == Class::Contacts) {
        contacts(store, folder, &mut left, &mut all).await?;
    }
    Ok(all)
}

async fn contacts(
    store: &dyn MailStore,
    folder: &Folder,
    left: &mut usize,
    all: &mut Vec<Person>,
) -> Result<(), StoreError> {
    let mut since = Token::START;
    while *left > 0 {
        let page = store.changes(folder.id, since, PAGE.min(*left)).await?;
        let uids: Vec<Uid> = page.changes.iter().map(|change| change.uid).collect();
        let items = store.fetch(folder.id, &uids, Wanted::Whole).await?;
        *left = left.saturating_sub(items.len().max(1));
        all.extend(items.iter().filter_map(|item| item.raw.as_deref()).flat_map(of_card));
        if !page.more {
            break;
        }
        since = page.token;
    }
    Ok(())
}

/// Somebody by each of their addresses.
fn of_card(raw: &[u8]) -> Vec<Person> {
    let Some(document) = Document::parse(raw) else { return Vec::new() };
    let name = document.root.text("FN").unwrap_or_default();
    let addresses = document.root.all("EMAIL").map(|line| line.to_text().trim().to_owned());
    let person = |address: String| Person { from: From::Contacts, name: name.clone(), address };
    addresses.filter(|address| !address.is_empty()).map(person).collect()
}

fn resolved(name: &str, people: &[Person], options: Options) -> Element {
    let lower = name.trim().to_lowercase();
    let exact: Vec<_> = people.iter().filter(|person| person.address.to_lowercase() == lower).take(1).collect();
    let found = match exact.len() {
        0 if lower.is_empty() => Vec::new(),
        0 => people.iter().filter(|person| person.is_called(&lower)).collect(),
        _ => exact,
    };
    let most = options.suggestions.unwrap_or(SUGGESTIONS).min(SUGGESTIONS);
    let status = match found.len() {
        0 => NOBODY,
        1 => OK,
        count if count > most => AMBIGUOUS_AND_CUT,
        _ => AMBIGUOUS,
    };
    let told = if status == OK { 1 } else { most };
    let recipients = found.iter().take(told).map(|person| recipient(person, options, status == OK));
    let response = Element::new(tag::RESPONSE).with_text(tag::TO, name).with_text(tag::STATUS, status);
    response.with_text(tag::RECIPIENT_COUNT, found.len()).with_all(recipients)
}

fn recipient(person: &Person, options: Options, is_sure: bool) -> Element {
    let mut recipient = Element::new(tag::RECIPIENT)
        .with_text(tag::TYPE, person.from as u8)
        .with_text(tag::DISPLAY_NAME, if person.name.is_empty() { &person.address } else { &person.name })
        .with_text(tag::EMAIL_ADDRESS, &person.address);
    if options.availability && is_sure {
        recipient.push(Element::new(tag::AVAILABILITY).with_text(tag::STATUS, NO_AVAILABILITY));
    }
    if options.certificates {
        let none = Element::new(tag::CERTIFICATES).with_text(tag::STATUS, NO_CERTIFICATE);
        recipient.push(none.with_text(tag::CERTIFICATE_COUNT, 0));
    }
    if options.picture {
        recipient.push(Element::new(tag::PICTURE).with_text(tag::STATUS, NO_PICTURE));
    }
    recipient
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Person> {
        let cards = [
            "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bob Miller\r\nEMAIL;TYPE=work:bob@example.org\r\nEMAIL:bm@example.net\r\nEND:VCARD\r\n",
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Bobby\\, the Änne\r\nitem1.EMAIL:x@example.org\r\nEND:VCARD\r\n",
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Nobody\r\nEND:VCARD\r\n",
            "no card",
        ];
        cards.iter().flat_map(|card| of_card(card.as_bytes())).collect()
    }

    fn texts(response: &Element) -> (String, String, Vec<String>) {
        let told = response.children(tag::RECIPIENT).filter_map(|one| one.child_text(tag::EMAIL_ADDRESS)).collect();
        let text = |tag| response.child_text(tag).expect("it is there");
        (text(tag::STATUS), text(tag::RECIPIENT_COUNT), told)
    }

    #[test]
    fn a_name_stands_for_one_for_several_or_for_nobody() {
        let people = known();
        let few = Options { suggestions: Some(2), ..Options::default() };
        for (name, options, status, count, told) in [
            ("bm@example.net", Options::default(), "1", "1", vec!["bm@example.net"]),
            ("BOB@example.org", Options::default(), "1", "1", vec!["bob@example.org"]),
            ("änne", Options::default(), "1", "1", vec!["x@example.org"]),
            ("miller", Options::default(), "2", "2", vec!["bob@example.org", "bm@example.net"]),
            ("bob", Options::default(), "2", "3", vec!["bob@example.org", "bm@example.net", "x@example.org"]),
            ("bob", few, "3", "3", vec!["bob@example.org", "bm@example.net"]),
            ("nobody", Options::default(), "4", "0", vec![]),
            ("eve@example.org", Options::default(), "4", "0", vec![]),
            ("", Options::default(), "4", "0", vec![]),
        ] {
            let expected = (status.to_owned(), count.to_owned(), told.into_iter().map(str::to_owned).collect());
            assert_eq!(texts(&resolved(name, &people, options)), expected, "{name}");
        }
    }

    #[test]
    fn what_is_not_known_of_people_is_said_to_be_so() {
        let options = Options { certificates: true, availability: true, picture: true, suggestions: None };
        let response = resolved("bm@example.net", &known(), options);
        let one = response.child(tag::RECIPIENT).expect("somebody");
        for (what, status) in [(tag::CERTIFICATES, "7"), (tag::AVAILABILITY, "163"), (tag::PICTURE, "173")] {
            assert_eq!(one.child(what).and_then(|what| what.child_text(tag::STATUS)).as_deref(), Some(status));
        }
        // [MS-ASCMD] 2.2.3.16: of who is not known nothing is told.
        let response = resolved("bob", &known(), options);
        assert!(response.children(tag::RECIPIENT).all(|one| one.child(tag::AVAILABILITY).is_none()));
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let read = |options: Element| Options::read(&Element::new(tag::RESOLVE_RECIPIENTS).with(options));
        let span = |start: &str, end: &str| {
            let span = Element::new(tag::AVAILABILITY).with_text(tag::START_TIME, start).with_text(tag::END_TIME, end);
            Element::new(tag::OPTIONS).with(span)
        };
        let right = "2010-03-01T00:20:00.000Z";
        assert!(read(span(right, "2010-03-01T01:00:00.000Z")).is_ok_and(|options| options.availability));
        for (start, end) in [(right, "x"), ("x", right), (right, "2010-03-01T00:00:00.000Z"), (right, right)] {
            assert_eq!(read(span(start, end)), Err(Status(PROTOCOL_ERROR)), "{start} {end}");
        }
        for (tag, value) in [(tag::CERTIFICATE_RETRIEVAL, "4"), (tag::MAX_AMBIGUOUS_RECIPIENTS, "-1")] {
            assert_eq!(read(Element::new(tag::OPTIONS).with_text(tag, value)), Err(Status(PROTOCOL_ERROR)));
        }
    }
}
