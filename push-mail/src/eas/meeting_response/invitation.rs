//! An invitation, and what becomes of it (RFC 5546 §3.2.2, §3.2.3).

use bytes::Bytes;
use chrono::NaiveDateTime;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;
use mail_parser::{MessageParser, MimeHeaders};

use crate::pim::{Component, Document, Line};
use crate::store::Class;

/// What somebody answers ([MS-ASCMD] 2.2.3.194).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Accept,
    Tentative,
    Decline,
}

impl Response {
    pub(super) fn read(word: &str) -> Option<Self> {
        match word.trim() {
            "1" => Some(Response::Accept),
            "2" => Some(Response::Tentative),
            "3" => Some(Response::Decline),
            _ => None,
        }
    }

    /// RFC 5545 §3.2.12.
    pub(super) fn word(self) -> &'static str {
        match self {
            Response::Accept => "ACCEPTED",
            Response::Tentative => "TENTATIVE",
            Response::Decline => "DECLINED",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Response::Accept => "Accepted",
            Response::Tentative => "Tentative",
            Response::Decline => "Declined",
        }
    }
}

/// An invitation to somebody.
#[derive(Debug)]
pub(super) struct Invitation<'a> {
    pub(super) uid: String,
    document: Document,
    organizer: Line,
    /// Who is invited: the one of these that the organizer wrote, or else the first. Where nobody knows any, the only
    /// one that is invited, if it is one.
    addresses: &'a [String],
}

fn address(line: &Line) -> Option<&str> {
    const SCHEME: &str = "mailto:";
    let value = line.value().trim();
    let scheme = value.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    scheme.map(|scheme| &value[scheme.len()..])
}

fn events(document: &Document) -> impl Iterator<Item = &Component> {
    document.root.components().filter(|inner| inner.name == "VEVENT")
}

impl<'a> Invitation<'a> {
    /// That in a message, or an item of a calendar; `None` for what is none to anybody of `addresses`, or theirs.
    pub(super) fn read(raw: &[u8], class: Class, addresses: &'a [String]) -> Option<Self> {
        let document = match class {
            Class::Email => of_message(raw)?,
            Class::Calendar => Document::parse(raw)?,
            _ => return None,
        };
        let first = events(&document).next()?;
        let organizer = first.line("ORGANIZER")?.clone();
        let is_own = |address: &str| addresses.iter().any(|own| own.eq_ignore_ascii_case(address));
        if address(&organizer).is_none_or(is_own) {
            return None;
        }
        Some(Self { uid: first.text("UID")?, organizer, addresses, document })
    }

    /// Whoever is invited, in the organizer's words, with the answer.
    fn attendee(&self, event: &Component, response: Response) -> Option<Line> {
        let theirs = event.all("ATTENDEE").find(|line| self.is_me(event, line)).cloned();
        let own = || Some(Line::new("ATTENDEE", &[], &format!("mailto:{}", self.addresses.first()?)));
        let line = theirs.or_else(own)?;
        Some(line.with_param("PARTSTAT", Some(response.word())).with_param("RSVP", None))
    }

    fn is_me(&self, event: &Component, line: &Line) -> bool {
        if self.addresses.is_empty() {
            return event.all("ATTENDEE").count() == 1;
        }
        address(line).is_some_and(|it| self.addresses.iter().any(|own| own.eq_ignore_ascii_case(it)))
    }

    /// The meeting as it stands in the calendar of who has answered so.
    pub(super) fn answered(&self, response: Response) -> Bytes {
        let mut document = self.document.clone();
        // RFC 4791 §4.1: what lies in a calendar is no message.
        document.root.set("METHOD", None);
        for event in document.root.components_mut().filter(|inner| inner.name == "VEVENT") {
            let mine = self.attendee(event, response);
            let others: Vec<_> = event.all("ATTENDEE").filter(|line| !self.is_me(event, line)).cloned().collect();
            event.replace("ATTENDEE", others.into_iter().chain(mine));
            let busy = (response == Response::Tentative).then(|| Line::new(BUSY_STATUS, &[], "TENTATIVE"));
            event.set(BUSY_STATUS, busy);
        }
        document.to_bytes()
    }

    /// The answer as a message to the organizer (RFC 6047 §2), with `words` for people; `None` where nobody knows whom it
    /// would be from.
    pub(super) fn reply(&self, response: Response, words: Option<&str>, now: NaiveDateTime) -> Option<Vec<u8>> {
        let from = self.addresses.first()?;
        let summary = events(&self.document).next().and_then(|event| event.text("SUMMARY")).unwrap_or_default();
        let subject = format!("{}: {}", response.title(), summary.replace(char::is_control, " "));
        let to = address(&self.organizer).unwrap_or_default();
        let kind = ContentType::new("text/calendar").attribute("charset", "utf-8").attribute("method", "REPLY");
        let calendar = self.reply_calendar(response, now).to_string();
        let text = words.map_or_else(|| subject.clone(), ToOwned::to_owned);
        let parts = vec![MimePart::new("text/plain", text), MimePart::new(kind, calendar)];
        let message = MessageBuilder::new().from(from.as_str()).to(to).subject(subject);
        let message = message.date(now.and_utc().timestamp());
        message.body(MimePart::new("multipart/alternative", parts)).write_to_vec().ok()
    }

    /// RFC 5546 §3.2.3.
    fn reply_calendar(&self, response: Response, now: NaiveDateTime) -> Document {
        const KEPT: [&str; 8] =
            ["UID", "RECURRENCE-ID", "SEQUENCE", "ORGANIZER", "SUMMARY", "DTSTART", "DTEND", "DURATION"];
        let mut root = Component::new("VCALENDAR");
        for (name, value) in [("VERSION", "2.0"), ("PRODID", "-//push//push-mail//EN"), ("METHOD", "REPLY")] {
            root.replace(name, [Line::new(name, &[], value)]);
        }
        let zones = self.document.root.components().filter(|inner| inner.name == "VTIMEZONE");
        zones.cloned().for_each(|zone| root.push(zone));
        for event in events(&self.document) {
            let mut reply = Component::new("VEVENT");
            for line in KEPT.iter().filter_map(|name| event.line(name)) {
                reply.replace(line.name(), [line.clone()]);
            }
            reply.replace("DTSTAMP", [Line::new("DTSTAMP", &[], &now.format("%Y%m%dT%H%M%SZ").to_string())]);
            reply.replace("ATTENDEE", self.attendee(event, response));
            root.push(reply);
        }
        Document::new(root)
    }
}

/// How other programs of this kind say that somebody may be busy.
const BUSY_STATUS: &str = "X-MICROSOFT-CDO-BUSYSTATUS";

/// The invitation in a message (RFC 6047 §2.4).
fn of_message(raw: &[u8]) -> Option<Document> {
    let message = MessageParser::default().parse(raw)?;
    let is_calendar = |part: &&mail_parser::MessagePart<'_>| {
        part.content_type().is_some_and(|kind| {
            let subtype = kind.subtype().unwrap_or_default();
            kind.ctype().eq_ignore_ascii_case("text") && subtype.eq_ignore_ascii_case("calendar")
        })
    };
    let read = |part: &mail_parser::MessagePart<'_>| {
        let document = Document::parse(part.contents())?;
        let method = document.root.line("METHOD")?.value().trim().to_owned();
        method.eq_ignore_ascii_case("REQUEST").then_some(document)
    };
    message.parts.iter().filter(is_calendar).find_map(read)
}
