//! What a device asks to be sent: out of the document, or out of the query and the body as old versions have it.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use mail_parser::DateTime;
use sha1::{Digest as _, Sha1};

use crate::eas::{Call, Command, ItemId, Status};
use crate::wbxml::Element;
use crate::wbxml::tags::compose_mail as tag;

/// Longest ClientId in bytes: [MS-ASCMD] 2.2.3.28.1 has 40 characters.
const CLIENT_ID_BYTES: usize = 160;

/// People to whom a meeting is forwarded at once.
const FORWARDEES: usize = 500;

/// What becomes of the message that is answered or forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Reply,
    Forward,
}

/// The message that is answered or forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) verb: Verb,
    pub(super) item: ItemId,
    /// The device wrote all there is to be sent (ReplaceMime).
    pub(super) is_in_it: bool,
}

/// Who gets a meeting that is forwarded without a message of its own (16.x).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forwardee {
    pub(super) name: Option<String>,
    pub(super) address: String,
}

/// A message that a device wants to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The device's name for the message; `None` in old versions.
    pub(super) client_id: Option<String>,
    pub(super) mime: Bytes,
    pub(super) save_in_sent: bool,
    pub(super) source: Option<Source>,
    pub(super) forwardees: Vec<Forwardee>,
}

impl Request {
    pub(super) fn read(call: &Call) -> Result<Self, Status> {
        match &call.document {
            Some(document) => Self::of_document(call, document),
            None => Self::of_body(call),
        }
    }

    /// [MS-ASCMD] 2.2.1.17, 2.2.1.19, 2.2.1.20.
    fn of_document(call: &Call, document: &Element) -> Result<Self, Status> {
        let (root, verb) = match call.command {
            Command::SmartForward => (tag::SMART_FORWARD, Some(Verb::Forward)),
            Command::SmartReply => (tag::SMART_REPLY, Some(Verb::Reply)),
            _ => (tag::SEND_MAIL, None),
        };
        if document.tag != root {
            return Err(Status::INVALID_XML);
        }
        let client_id = document.child_text(tag::CLIENT_ID).ok_or(Status::INVALID_XML)?;
        if !(1..=CLIENT_ID_BYTES).contains(&client_id.len()) {
            return Err(Status::INVALID_XML);
        }
        // None is offered by Settings, so none is valid.
        if document.child(tag::ACCOUNT_ID).is_some() {
            return Err(Status::INVALID_ACCOUNT_ID);
        }
        let source = match verb {
            Some(verb) => Some(source(document, verb)?),
            None => None,
        };
        let forwardees = match verb {
            Some(Verb::Forward) => forwardees(document)?,
            _ => Vec::new(),
        };
        let mime = document.child(tag::MIME).map(Element::to_bytes);
        if mime.is_none() && forwardees.is_empty() {
            return Err(Status::INVALID_XML);
        }
        Ok(Self {
            client_id: Some(client_id),
            mime: mime.unwrap_or_default(),
            save_in_sent: document.child(tag::SAVE_IN_SENT_ITEMS).is_some(),
            source,
            forwardees,
        })
    }

    /// The body is the message ([MS-ASHTTP] 2.2.1.1.1.1.3, and 4.4).
    fn of_body(call: &Call) -> Result<Self, Status> {
        let kind = call.request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_message = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("message/rfc822"));
        if !is_message {
            return Err(Status::INVALID_CONTENT);
        }
        let verb = match call.command {
            Command::SmartForward => Some(Verb::Forward),
            Command::SmartReply => Some(Verb::Reply),
            _ => None,
        };
        let source = match verb {
            Some(verb) => {
                let id = call.params.item_id.as_deref().or(call.params.long_id.as_deref());
                let item = id.ok_or(Status::INVALID_CONTENT)?.parse().map_err(|_| Status::ITEM_NOT_FOUND)?;
                Some(Source { verb, item, is_in_it: false })
            }
            None => None,
        };
        Ok(Self {
            client_id: None,
            mime: call.request.body().clone(),
            save_in_sent: call.params.save_in_sent,
            source,
            forwardees: Vec::new(),
        })
    }

    /// Equal for requests that ask for the same, and for no others.
    pub(super) fn digest(&self) -> String {
        let mut sha = Sha1::new();
        let head = format!("{:?} {} {:?} ", self.source, self.save_in_sent, self.forwardees);
        sha.update(head.as_bytes());
        sha.update(&self.mime);
        hex(&sha.finalize())
    }
}

/// Digits of `bytes`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

/// [MS-ASCMD] 2.2.3.173.
fn source(document: &Element, verb: Verb) -> Result<Source, Status> {
    let source = document.child(tag::SOURCE).ok_or(Status::INVALID_XML)?;
    let id = match (source.child_text(tag::LONG_ID), source.child_text(tag::ITEM_ID)) {
        (Some(_), Some(_)) => return Err(Status::INVALID_IDS_TOGETHER),
        (Some(id), None) | (None, Some(id)) => id,
        (None, None) => return Err(Status::INVALID_XML),
    };
    if let Some(instance) = source.child_text(tag::INSTANCE_ID)
        && !is_instant(&instance)
    {
        return Err(Status::INVALID_DATE_TIME);
    }
    let item = id.parse().map_err(|_| Status::ITEM_NOT_FOUND)?;
    Ok(Source { verb, item, is_in_it: document.child(tag::REPLACE_MIME).is_some() })
}

/// `2010-03-20T22:40:00.000Z`, or `20100320T224000Z` ([MS-ASDTYPE] 2.7.2 and 2.7.4).
fn is_instant(text: &str) -> bool {
    let compact = |text: &str| {
        text.len() == 16
            && text.bytes().enumerate().all(|(place, byte)| match place {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            })
    };
    compact(text) || text.ends_with('Z') && DateTime::parse_rfc3339(text).is_some_and(|date| date.is_valid())
}

/// [MS-ASCMD] 2.2.3.77.
fn forwardees(document: &Element) -> Result<Vec<Forwardee>, Status> {
    let Some(all) = document.child(tag::FORWARDEES) else { return Ok(Vec::new()) };
    let read = |forwardee: &Element| {
        let address = forwardee.child_text(tag::FORWARDEE_EMAIL).filter(|address| !address.is_empty());
        let name = forwardee.child_text(tag::FORWARDEE_NAME).filter(|name| !name.is_empty());
        Ok(Forwardee { name, address: address.ok_or(Status::INVALID_XML)? })
    };
    let all = all.children(tag::FORWARDEE).take(FORWARDEES + 1).map(read).collect::<Result<Vec<_>, _>>()?;
    if (1..=FORWARDEES).contains(&all.len()) { Ok(all) } else { Err(Status::INVALID_XML) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_a_moment_in_utc_in_one_of_two_spellings() {
        for right in ["2010-03-20T22:40:00.000Z", "2010-03-20T22:40:00Z", "20100320T224000Z"] {
            assert!(is_instant(right), "{right}");
        }
        for wrong in ["", "3/20/2010 10:40:00 PM", "2010-03-20", "20100320T2240Z", "2010-13-20T22:40:00Z"] {
            assert!(!is_instant(wrong), "{wrong}");
        }
    }
}
