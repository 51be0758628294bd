//! The attachments of a message.

use bytes::Bytes;
use mail_parser::HeaderName;

use super::body::Shown;
use super::mime::{Kind, Part};
use super::{decode, text};
use crate::eas::{FileReference, ItemId};
use crate::wbxml::Element;
use crate::wbxml::tags::air_sync_base;

/// Attachments of a message that a device is told of.
const ATTACHMENTS: usize = 500;

/// Characters of an attachment's name and of other texts that say what it is.
const NAME: usize = 256;

/// An attachment as it is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) content_type: String,
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// The parts that are attachments.
fn places<'s>(parts: &'s [Part<'_>], shown: &'s Shown<'_, '_>) -> impl Iterator<Item = usize> + 's {
    let is_attachment = |place: &usize| parts[*place].kind == Kind::Leaf && !shown.contains(*place);
    let all = (0..parts.len()).filter(is_attachment).filter(|place| !is_other_form(parts, *place));
    all.take(ATTACHMENTS)
}

/// Whether it is text beside another text that is shown in its place: an alternative that is not taken.
fn is_other_form(parts: &[Part<'_>], place: usize) -> bool {
    let is_text = parts[place].media_type().starts_with("text/") && parts[place].media_type() != "text/calendar";
    let of_alternatives = |part: &Part<'_>| part.kind == Kind::Alternative && part.parts.contains(&place);
    is_text && !parts[place].is_attachment() && parts.iter().any(of_alternatives)
}

/// `Attachments` ([MS-ASAIRS] 2.2.2.8), if there are any; without the part that is hidden.
pub(super) fn element(parts: &[Part<'_>], shown: &Shown<'_, '_>, hidden: Option<usize>, at: ItemId) -> Option<Element> {
    let mut places = places(parts, shown).filter(|place| Some(*place) != hidden).peekable();
    places.peek()?;
    let html = if shown_with_references(parts) { shown.html() } else { String::new() };
    let all = places.map(|place| one(parts, place, &html, at));
    Some(Element::new(air_sync_base::ATTACHMENTS).with_all(all))
}

/// Whether HTML may refer to a part.
fn shown_with_references(parts: &[Part<'_>]) -> bool {
    parts.iter().any(|part| content_id(part).is_some() || content_location(part).is_some())
}

fn content_id(part: &Part<'_>) -> Option<String> {
    let id = part.text(&HeaderName::ContentId)?;
    let id = text::line(id.trim_start_matches('<').trim_end_matches('>'), NAME);
    (!id.is_empty()).then_some(id)
}

fn content_location(part: &Part<'_>) -> Option<String> {
    let location = text::line(part.text(&HeaderName::ContentLocation)?, NAME);
    (!location.is_empty()).then_some(location)
}

fn one(parts: &[Part<'_>], place: usize, html: &str, at: ItemId) -> Element {
    let part = &parts[place];
    let reference = FileReference { item: at, part: u32::try_from(place).expect("parts are counted in thousands") };
    let mut element = Element::new(air_sync_base::ATTACHMENT)
        .with_text(air_sync_base::DISPLAY_NAME, name(part, place))
        .with_text(air_sync_base::FILE_REFERENCE, reference)
        .with_text(air_sync_base::METHOD, method(part))
        .with_text(air_sync_base::ESTIMATED_DATA_SIZE, decode::estimate(part));
    let (id, location) = (content_id(part), content_location(part));
    let is_meant = |id: &String| html.contains(&format!("cid:{id}")) || html.contains(&format!("cid:{}", encoded(id)));
    let is_inline =
        id.as_ref().is_some_and(is_meant) || location.as_ref().is_some_and(|location| html.contains(location));
    if let Some(id) = id {
        element.push(Element::text(air_sync_base::CONTENT_ID, id));
    }
    if let Some(location) = location {
        element.push(Element::text(air_sync_base::CONTENT_LOCATION, location));
    }
    if is_inline {
        element.push(Element::text(air_sync_base::IS_INLINE, 1));
    }
    element
}

/// An id as it stands in a URL (RFC 2392 §2).
fn encoded(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// [MS-ASAIRS] 2.2.2.30, Method: 1 a file, 5 a message, 6 an OLE object.
fn method(part: &Part<'_>) -> u8 {
    match part.media_type().as_str() {
        "message/rfc822" | "message/global" => 5,
        "application/ole" | "application/x-oleobject" => 6,
        _ => 1,
    }
}

/// The name that it is shown with: one that it has, or one that says what it is.
fn name(part: &Part<'_>, place: usize) -> String {
    let own = part.file_name().map(|name| text::line(name, NAME)).filter(|name| !name.is_empty());
    if let Some(own) = own {
        return own;
    }
    let media_type = part.media_type();
    let extension = match media_type.as_str() {
        "message/rfc822" | "message/global" => return message_name(part),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => return "smime.p7m".to_owned(),
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => return "smime.p7s".to_owned(),
        "text/calendar" => "ics",
        "text/plain" => "txt",
        "text/html" => "html",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "application/pdf" => "pdf",
        _ => "bin",
    };
    format!("attachment{place}.{extension}")
}

/// A message is called what it is about.
fn message_name(part: &Part<'_>) -> String {
    let begin = &part.raw[..part.raw.len().min(8192)];
    let parts = super::mime::headers_of(begin);
    let subject = super::envelope::subject(&parts);
    let subject = subject.replace(['/', '\\', ':'], "_");
    if subject.is_empty() { "message.eml".to_owned() } else { format!("{subject}.eml") }
}

/// The part of that number, decoded; `None` if there is none that can be fetched.
pub(super) fn fetch(parts: &[Part<'_>], raw: &Bytes, part: u32) -> Option<Attachment> {
    let place = usize::try_from(part).ok()?;
    let found = parts.get(place).filter(|part| part.kind == Kind::Leaf)?;
    let bytes = match decode::bytes(found) {
        // What is not encoded shares the message's memory.
        std::borrow::Cow::Borrowed(slice) if !slice.is_empty() => raw.slice_ref(slice),
        other => Bytes::from(other.into_owned()),
    };
    Some(Attachment { content_type: found.media_type(), name: name(found, place), bytes })
}
