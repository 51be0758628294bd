//! Messages as a phone gets them: the raw message to the elements of its `ApplicationData`, and back what a phone marks.
//!
//! ```text
//!  raw ─▶ mime: the tree of its parts, nothing decoded ─┬▶ envelope: who, what, when ──────────┐
//!                                                       ├▶ body: text, HTML or all of it ──────┼▶ ApplicationData
//!  Options ─▶ View: which form, how much ───────────────┴▶ attachments: names, sizes, numbers ─┘
//! ```
//!
//! Whatever a sender writes costs time and memory in proportion to its bytes: parts, levels and headers that are looked at
//! are bounded, and what cannot be read is shown as far as it is known. Source: [MS-ASEMAIL], [MS-ASAIRS], [MS-ASCON].

mod attachments;
mod body;
mod decode;
mod envelope;
mod marks;
mod meeting;
mod mime;
#[cfg(test)]
mod tests;
pub(in crate::eas) mod text;
mod view;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use super::{ItemId, Version};
use crate::store::Flags;
use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync_base, email, email2, find};

pub(crate) use attachments::Attachment;
pub(crate) use marks::{Marks, SHOWN, changed_data, marks};
pub(crate) use view::{Form, MimeSupport, Preference, View, WrongView};

/// Characters of the preview of a message that was found ([MS-ASCMD] 2.2.3.136).
const PREVIEW: usize = 255;

/// A message that a device is told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'m> {
    pub(crate) raw: &'m Bytes,
    pub(crate) flags: Flags,
    /// When it was delivered, in Unix milliseconds; 0 where nobody knows, and then its own date counts.
    pub(crate) received_ms: u64,
    pub(crate) at: ItemId,
}

/// The children of `ApplicationData` for a message that is new to a device.
pub(crate) fn application_data(message: &Message<'_>, view: &View, version: Version) -> Vec<Element> {
    // The parser says that it never panics; of what strangers send, one folder must not hang on that.
    let whole = catch_unwind(AssertUnwindSafe(|| readable(message, view, version)));
    whole.unwrap_or_else(|_| unreadable(message))
}

/// The same of a message that a list of found ones shows: no body, but how it begins ([MS-ASCMD] 2.2.3.139.1).
pub(crate) fn listed(message: &Message<'_>, version: Version) -> Vec<Element> {
    let names = [
        email::SUBJECT,
        email::DATE_RECEIVED,
        email::DISPLAY_TO,
        email::IMPORTANCE,
        email::READ,
        email::FROM,
        email2::IS_DRAFT,
    ];
    let view =
        View { bodies: vec![Preference { truncation: Some(0), ..Preference::whole(Form::Text) }], ..View::default() };
    let mut data = application_data(message, &view, version);
    let has_attachments = data.iter().any(|element| element.tag == air_sync_base::ATTACHMENTS);
    data.retain(|element| names.contains(&element.tag));
    let preview = crate::message::summary(message.raw, 4 * PREVIEW).preview.unwrap_or_default();
    let preview = text::line(&preview, PREVIEW);
    if !preview.is_empty() {
        data.push(Element::text(find::PREVIEW, preview));
    }
    data.push(Element::text(find::HAS_ATTACHMENTS, u8::from(has_attachments)));
    data
}

/// The id of the conversation that a message belongs to; empty if it cannot be read.
pub(crate) fn conversation_id(raw: &Bytes) -> Vec<u8> {
    let id = || {
        let root = mime::headers_of(raw);
        envelope::conversation_id(&root, &envelope::subject(&root)).to_bytes().to_vec()
    };
    catch_unwind(AssertUnwindSafe(id)).unwrap_or_default()
}

/// The part of a message that a device fetches by its number.
pub(crate) fn attachment(raw: &Bytes, part: u32) -> Option<Attachment> {
    catch_unwind(AssertUnwindSafe(|| attachments::fetch(&mime::parts(raw), raw, part))).ok().flatten()
}

fn readable(message: &Message<'_>, view: &View, version: Version) -> Vec<Element> {
    let parts = mime::parts(message.raw);
    let root = &parts[0];
    let is_known = |header: &mail_parser::Header<'_>| !matches!(header.name, mail_parser::HeaderName::Other(_));
    if !root.headers.iter().any(is_known) && root.raw.is_empty() && !message.raw.is_empty() {
        return unreadable(message);
    }
    let meeting = meeting::Meeting::of(&parts);
    let request = meeting.as_ref().and_then(|meeting| meeting.element(version));
    // What says that it invites, and to what nobody can see, is a message with a file.
    let meeting = meeting.filter(|meeting| request.is_some() || meeting.purpose.is_answer());
    let class = MessageClass::of(&parts, meeting.as_ref());
    // Who can answer the invitation needs no file of it.
    let hidden = meeting.filter(|_| request.is_some()).map(|meeting| meeting.place);
    let shown = body::Shown::of(&parts);
    let received_ms = envelope::received_ms(Some(root), message.received_ms);
    let subject = envelope::subject(root);
    let mut data = Vec::with_capacity(32);
    data.extend(envelope::to(root));
    data.extend(envelope::cc(root));
    data.extend(envelope::from(root));
    data.push(Element::text(email::SUBJECT, &subject));
    data.extend(envelope::reply_to(root));
    data.push(Element::text(email::DATE_RECEIVED, envelope::time(received_ms)));
    data.extend(envelope::display_to(root));
    data.push(Element::text(email::THREAD_TOPIC, envelope::topic(&subject)));
    data.push(Element::text(email::IMPORTANCE, envelope::importance(root)));
    data.push(marks::read(message.flags));
    data.extend(attachments::element(&parts, &shown, hidden, message.at));
    data.extend(body::elements(message.raw, &shown, class.is_smime(), view));
    data.push(Element::text(email::MESSAGE_CLASS, class.name()));
    data.extend(request);
    data.push(Element::text(email::INTERNET_CPID, 65001));
    data.push(marks::flag(message.flags));
    data.push(Element::text(email::CONTENT_CLASS, class.content()));
    data.push(Element::text(air_sync_base::NATIVE_BODY_TYPE, shown.native() as u8));
    data.push(envelope::conversation_id(root, &subject));
    data.push(envelope::conversation_index(root, received_ms));
    data.push(Element::new(email::CATEGORIES));
    data.extend(marks::last_verb(message.flags));
    data.extend(envelope::sender(root));
    if version >= Version::V16_1 {
        // [MS-ASEMAIL] 2.2.2.42, IsDraft, and 2.2.2.10, Bcc: of 16.0 and later.
        let is_draft = message.flags.contains(Flags::DRAFT);
        data.extend(envelope::bcc(root).filter(|_| is_draft));
        data.push(Element::text(email2::IS_DRAFT, u8::from(is_draft)));
    }
    data
}

/// What is known of a message that cannot be read.
fn unreadable(message: &Message<'_>) -> Vec<Element> {
    let received_ms = envelope::received_ms(None, message.received_ms);
    let body = Element::new(air_sync_base::BODY)
        .with_text(air_sync_base::TYPE, 1)
        .with_text(air_sync_base::ESTIMATED_DATA_SIZE, 0);
    vec![
        Element::text(email::SUBJECT, "(unreadable message)"),
        Element::text(email::DATE_RECEIVED, envelope::time(received_ms)),
        Element::text(email::IMPORTANCE, 1),
        marks::read(message.flags),
        body,
        Element::text(email::MESSAGE_CLASS, MessageClass::Note.name()),
        Element::text(email::INTERNET_CPID, 65001),
        marks::flag(message.flags),
        Element::text(email::CONTENT_CLASS, "urn:content-classes:message"),
        Element::text(air_sync_base::NATIVE_BODY_TYPE, 1),
    ]
}

/// What kind of message it is ([MS-ASEMAIL] 2.2.2.50, MessageClass).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageClass {
    Note,
    Smime,
    SignedInClear,
    NotDelivered,
    WasRead,
    Meeting(meeting::Purpose),
}

impl MessageClass {
    fn of(parts: &[mime::Part<'_>], meeting: Option<&meeting::Meeting>) -> Self {
        let root = &parts[0];
        let has =
            |name: &str, word: &str| root.parameter(name).is_some_and(|own| own.to_ascii_lowercase().contains(word));
        match root.media_type().as_str() {
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => MessageClass::Smime,
            "multipart/signed" if has("protocol", "pkcs7-signature") => MessageClass::SignedInClear,
            "multipart/report" if has("report-type", "delivery-status") => MessageClass::NotDelivered,
            "multipart/report" if has("report-type", "disposition-notification") => MessageClass::WasRead,
            _ => meeting.map_or(MessageClass::Note, |meeting| MessageClass::Meeting(meeting.purpose)),
        }
    }

    /// [MS-ASEMAIL] 2.2.2.20, ContentClass.
    const fn content(self) -> &'static str {
        match self {
            MessageClass::Meeting(_) => "urn:content-classes:calendarmessage",
            _ => "urn:content-classes:message",
        }
    }

    fn is_smime(self) -> bool {
        matches!(self, MessageClass::Smime | MessageClass::SignedInClear)
    }

    const fn name(self) -> &'static str {
        match self {
            MessageClass::Note => "IPM.Note",
            MessageClass::Smime => "IPM.Note.SMIME",
            MessageClass::SignedInClear => "IPM.Note.SMIME.MultipartSigned",
            MessageClass::NotDelivered => "REPORT.IPM.Note.NDR",
            MessageClass::WasRead => "REPORT.IPM.Note.IPNRN",
            MessageClass::Meeting(meeting::Purpose::Request) => "IPM.Schedule.Meeting.Request",
            MessageClass::Meeting(meeting::Purpose::Cancellation) => "IPM.Schedule.Meeting.Canceled",
            MessageClass::Meeting(meeting::Purpose::Acceptance) => "IPM.Schedule.Meeting.Resp.Pos",
            MessageClass::Meeting(meeting::Purpose::Refusal) => "IPM.Schedule.Meeting.Resp.Neg",
            MessageClass::Meeting(meeting::Purpose::MaybeAcceptance) => "IPM.Schedule.Meeting.Resp.Tent",
        }
    }
}
