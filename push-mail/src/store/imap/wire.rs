//! What an IMAP server says, as far as it matters here. Pure: bytes in, [`Event`]s out.

use std::ops::RangeInclusive;

use bytes::Bytes;
use imap_codec::ResponseCodec;
use imap_codec::fragmentizer::{DecodeMessageError, Fragmentizer};
use imap_codec::imap_types::core::AString;
use imap_codec::imap_types::extensions::uidplus::{UidElement, UidSet};
use imap_codec::imap_types::fetch::MessageDataItem;
use imap_codec::imap_types::flag::{Flag, FlagFetch};
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{
    Code as WireCode, Data, Response, Status as WireStatus, StatusBody, StatusKind,
};
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use imap_codec::imap_types::status::StatusDataItem;

use crate::store::Flags;

/// How a command ended, or what the server remarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) verdict: Verdict,
    pub(super) code: Code,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    No,
    Bad,
    /// The connection is ended.
    Bye,
}

/// The response codes that mean something here (RFC 9051 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Code {
    None,
    Capability(Vec<String>),
    UidValidity(u32),
    UidNext(u32),
    HighestModSeq(u64),
    AppendUid(u32),
    /// The numbers of the copies.
    CopyUid(Vec<RangeInclusive<u32>>),
    TryCreate,
    TooBig,
    /// Its first word, in capital letters.
    Other(String),
}

/// What a mailbox holds, as far as it was told (RFC 9051 §7.3.4, RFC 7162 §3.1.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) validity: Option<u32>,
    pub(super) next: Option<u32>,
    pub(super) messages: Option<u32>,
    pub(super) unseen: Option<u32>,
    pub(super) modseq: Option<u64>,
}

/// What was told of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    pub(super) flags: Option<Flags>,
    pub(super) size: Option<u32>,
    /// When the message came, in Unix milliseconds.
    pub(super) received_ms: Option<u64>,
    pub(super) body: Option<Bytes>,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The server waits for more of a command.
    Continue,
    Tagged {
        tag: String,
        status: Status,
    },
    Untagged(Status),
    Capability(Vec<String>),
    List {
        name: String,
        attributes: Vec<String>,
        delimiter: Option<char>,
    },
    Status {
        name: String,
        counts: Counts,
        mailbox_id: Option<String>,
    },
    Exists(u32),
    Expunge,
    Vanished {
        earlier: bool,
        uids: Vec<RangeInclusive<u32>>,
    },
    Fetch(Fetched),
    Search(Vec<u32>),
    /// Something that was not understood: the first words, in capital letters.
    Odd(String),
    /// Something of no matter here.
    Other,
}

/// What is no IMAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    #[error("a response is longer than is allowed")]
    TooLong,
    #[error("what the server says is no IMAP")]
    Garbage,
}

/// Takes a byte stream apart into responses.
#[derive(Debug)]
pub(super) struct Decoder {
    fragmentizer: Fragmentizer,
    /// How many responses in a row were not understood: a server that speaks something else is let go.
    odd: u32,
}

/// Responses in a row that may be without any sense.
const MAX_ODD: u32 = 100;

impl Decoder {
    /// No response may be longer than `limit`, literals included.
    pub(super) fn new(limit: u32) -> Self {
        Self { fragmentizer: Fragmentizer::new(limit), odd: 0 }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.fragmentizer.enqueue_bytes(bytes);
    }

    /// The next response that is there in full.
    pub(super) fn next(&mut self) -> Result<Option<Event>, WireError> {
        loop {
            let progressed = self.fragmentizer.progress().is_some();
            if self.fragmentizer.is_max_message_size_exceeded() {
                return Err(WireError::TooLong);
            }
            if !progressed {
                return Ok(None);
            }
            if self.fragmentizer.is_message_complete() {
                let event = read(&self.fragmentizer)?;
                self.odd = if matches!(event, Event::Odd(_)) { self.odd + 1 } else { 0 };
                return if self.odd > MAX_ODD { Err(WireError::Garbage) } else { Ok(Some(event)) };
            }
        }
    }
}

fn read(fragmentizer: &Fragmentizer) -> Result<Event, WireError> {
    match fragmentizer.decode_message(&ResponseCodec::new()) {
        Ok(response) => Ok(event(response)),
        Err(DecodeMessageError::MessageTooLong { .. }) => Err(WireError::TooLong),
        Err(_) => Ok(lenient(fragmentizer.message_bytes())),
    }
}

/// Reads what the parser does not know: numbers of mailboxes (RFC 8474 §4.3), greetings of who is known already, and the
/// flags of a message among which there is one that is none.
fn lenient(message: &[u8]) -> Event {
    let Some(rest) = message.strip_prefix(b"* ") else {
        return tagged(message).unwrap_or_else(|| Event::Odd(words(message)));
    };
    if let Some(status) = plain_status(rest) {
        return Event::Untagged(status);
    }
    if let Some((without, id)) = without_mailbox_id(message)
        && let Ok((_, response)) = imap_codec::decode::Decoder::decode(&ResponseCodec::new(), &without)
        && let Event::Status { name, counts, .. } = event(response)
    {
        return Event::Status { name, counts, mailbox_id: Some(id) };
    }
    if let Some(fetched) = flags_of(rest) {
        return Event::Fetch(fetched);
    }
    Event::Odd(words(rest))
}

/// The end of a command in words that are none: a name of a mailbox in UTF-8 for instance. It must not be lost.
fn tagged(message: &[u8]) -> Option<Event> {
    let space = message.iter().position(|&byte| byte == b' ')?;
    let tag = std::str::from_utf8(&message[..space]).ok().filter(|tag| *tag != "+")?.to_owned();
    Some(Event::Tagged { tag, status: plain_status(&message[space + 1..])? })
}

/// `OK`, `NO`, `BAD` or `BYE` and whatever; with a response code if that can be read.
fn plain_status(rest: &[u8]) -> Option<Status> {
    let ascii: Vec<u8> = rest.iter().map(|&byte| if byte.is_ascii() { byte } else { b'?' }).collect();
    let with_ascii = [b"* ", ascii.as_slice()].concat();
    if let Ok((_, response)) = imap_codec::decode::Decoder::decode(&ResponseCodec::new(), &with_ascii) {
        return match event(response) {
            Event::Untagged(status) => Some(Status { text: behind_code(rest), ..status }),
            _ => None,
        };
    }
    let word = rest.split(|&byte| byte == b' ' || byte == b'\r').next()?.to_ascii_uppercase();
    let verdict = match word.as_slice() {
        b"OK" => Verdict::Ok,
        b"NO" => Verdict::No,
        b"BAD" => Verdict::Bad,
        b"BYE" => Verdict::Bye,
        _ => return None,
    };
    Some(Status { verdict, code: Code::None, text: behind_code(rest) })
}

/// The words for people.
fn behind_code(rest: &[u8]) -> String {
    let text = String::from_utf8_lossy(rest);
    let text = text.split_once(' ').map_or("", |(_, text)| text);
    let text = if text.starts_with('[') { text.split_once("] ").map_or(text, |(_, text)| text) } else { text };
    text.trim_end().to_owned()
}

fn words(message: &[u8]) -> String {
    String::from_utf8_lossy(&message[..message.len().min(24)]).to_ascii_uppercase()
}

/// `STATUS name (... MAILBOXID (id) ...)` without that item.
fn without_mailbox_id(message: &[u8]) -> Option<(Vec<u8>, String)> {
    const ITEM: &[u8] = b"MAILBOXID (";
    let at = message.windows(ITEM.len()).rposition(|window| window.eq_ignore_ascii_case(ITEM))?;
    let length = message[at + ITEM.len()..].iter().position(|&byte| byte == b')')?;
    let id = std::str::from_utf8(&message[at + ITEM.len()..at + ITEM.len() + length]).ok()?.to_owned();
    let mut before = &message[..at];
    let mut after = &message[at + ITEM.len() + length + 1..];
    match after.strip_prefix(b" ") {
        Some(rest) => after = rest,
        None => before = before.strip_suffix(b" ").unwrap_or(before),
    }
    Some(([before, after].concat(), id))
}

/// `n FETCH (... UID n ... FLAGS (...) ...)`, whatever words stand for flags.
fn flags_of(rest: &[u8]) -> Option<Fetched> {
    let text = std::str::from_utf8(rest).ok()?.trim_end();
    let (number, items) = text.split_once(" FETCH (")?;
    number.parse::<u32>().ok()?;
    let (_, behind) = items.split_once("UID ")?;
    let uid = behind.split([' ', ')']).next()?.parse().ok()?;
    let (_, behind) = items.split_once("FLAGS (")?;
    let flags = behind.split(')').next()?.split(' ').map(flag_of_word).fold(Flags::default(), Flags::with);
    let received_ms = items.split_once("INTERNALDATE \"").and_then(|(_, behind)| moment(behind.split('"').next()?));
    Some(Fetched { uid: Some(uid), flags: Some(flags), received_ms, ..Fetched::default() })
}

/// RFC 9051 §9, date-time: that of RFC 5322 but for what stands between day, month and year.
fn moment(text: &str) -> Option<u64> {
    let parsed = mail_parser::DateTime::parse_rfc822(&text.trim().replacen('-', " ", 2))?;
    u64::try_from(parsed.to_timestamp()).ok()?.checked_mul(1000)
}

fn flag_of_word(word: &str) -> Flags {
    match word.to_ascii_lowercase().as_str() {
        "\\seen" => Flags::SEEN,
        "\\answered" => Flags::ANSWERED,
        "\\flagged" => Flags::FLAGGED,
        "\\deleted" => Flags::DELETED,
        "\\draft" => Flags::DRAFT,
        "$forwarded" => Flags::FORWARDED,
        _ => Flags::default(),
    }
}

/// The words for flags in a command.
pub(super) fn flag_words(flags: Flags) -> String {
    let word = |(flag, word): (Flags, &'static str)| flags.contains(flag).then_some(word);
    let all = [
        (Flags::SEEN, "\\Seen"),
        (Flags::ANSWERED, "\\Answered"),
        (Flags::FLAGGED, "\\Flagged"),
        (Flags::DELETED, "\\Deleted"),
        (Flags::DRAFT, "\\Draft"),
        (Flags::FORWARDED, "$Forwarded"),
    ];
    all.into_iter().filter_map(word).collect::<Vec<_>>().join(" ")
}

fn event(response: Response<'_>) -> Event {
    match response {
        Response::CommandContinuationRequest(_) => Event::Continue,
        Response::Status(WireStatus::Tagged(tagged)) => {
            Event::Tagged { tag: tagged.tag.as_ref().to_owned(), status: status(tagged.body) }
        }
        Response::Status(WireStatus::Untagged(body)) => Event::Untagged(status(body)),
        Response::Status(WireStatus::Bye(bye)) => Event::Untagged(Status {
            verdict: Verdict::Bye,
            code: code(bye.code),
            text: bye.text.into_inner().into_owned(),
        }),
        Response::Data(data) => data_event(data),
    }
}

fn data_event(data: Data<'_>) -> Event {
    match data {
        Data::Capability(all) => Event::Capability(all.as_ref().iter().map(capability).collect()),
        Data::List { items, delimiter, mailbox } => Event::List {
            name: name(&mailbox),
            attributes: items.iter().map(|item| item.to_string().to_ascii_lowercase()).collect(),
            delimiter: delimiter.map(|it| it.inner()),
        },
        Data::Status { mailbox, items } => {
            Event::Status { name: name(&mailbox), counts: counts(&items), mailbox_id: None }
        }
        Data::Exists(messages) => Event::Exists(messages),
        Data::Expunge(_) => Event::Expunge,
        Data::Vanished { earlier, known_uids } => Event::Vanished { earlier, uids: ranges(&known_uids) },
        Data::Fetch { items, .. } => Event::Fetch(fetched(items)),
        Data::Search(uids, _) => Event::Search(uids.into_iter().map(Into::into).collect()),
        _ => Event::Other,
    }
}

fn capability(capability: &impl ToString) -> String {
    capability.to_string().to_ascii_uppercase()
}

fn name(mailbox: &Mailbox<'_>) -> String {
    match mailbox {
        Mailbox::Inbox => "INBOX".to_owned(),
        Mailbox::Other(other) => {
            let text: &AString<'_> = other.inner();
            String::from_utf8_lossy(text.as_ref()).into_owned()
        }
    }
}

fn counts(items: &[StatusDataItem]) -> Counts {
    let mut counts = Counts::default();
    for item in items {
        match *item {
            StatusDataItem::Messages(messages) => counts.messages = Some(messages),
            StatusDataItem::UidNext(next) => counts.next = Some(next.get()),
            StatusDataItem::UidValidity(validity) => counts.validity = Some(validity.get()),
            StatusDataItem::Unseen(unseen) => counts.unseen = Some(unseen),
            // 0 is of mailboxes that have none (RFC 7162 §3.1.2.2).
            StatusDataItem::HighestModSeq(modseq) => counts.modseq = (modseq != 0).then_some(modseq),
            _ => {}
        }
    }
    counts
}

fn fetched<'a>(items: impl IntoIterator<Item = MessageDataItem<'a>>) -> Fetched {
    let mut fetched = Fetched::default();
    for item in items {
        match item {
            MessageDataItem::Uid(uid) => fetched.uid = Some(uid.get()),
            MessageDataItem::Rfc822Size(size) => fetched.size = Some(size),
            MessageDataItem::InternalDate(date) => {
                fetched.received_ms = u64::try_from(date.as_ref().timestamp_millis()).ok();
            }
            MessageDataItem::Flags(flags) => {
                fetched.flags = Some(flags.iter().map(flag).fold(Flags::default(), Flags::with));
            }
            MessageDataItem::BodyExt { data, .. } => {
                fetched.body = data.into_option().map(|data| Bytes::from(data.into_owned()));
            }
            _ => {}
        }
    }
    fetched
}

fn flag(flag: &FlagFetch<'_>) -> Flags {
    match flag {
        FlagFetch::Flag(Flag::Seen) => Flags::SEEN,
        FlagFetch::Flag(Flag::Answered) => Flags::ANSWERED,
        FlagFetch::Flag(Flag::Flagged) => Flags::FLAGGED,
        FlagFetch::Flag(Flag::Deleted) => Flags::DELETED,
        FlagFetch::Flag(Flag::Draft) => Flags::DRAFT,
        FlagFetch::Flag(Flag::Keyword(word)) => flag_of_word(word.as_ref()),
        FlagFetch::Flag(Flag::Extension(_)) | FlagFetch::Recent => Flags::default(),
    }
}

fn ranges(set: &SequenceSet) -> Vec<RangeInclusive<u32>> {
    let number = |it: &SeqOrUid| match it {
        SeqOrUid::Value(value) => value.get(),
        SeqOrUid::Asterisk => u32::MAX,
    };
    let range = |sequence: &Sequence| match sequence {
        Sequence::Single(one) => number(one)..=number(one),
        Sequence::Range(a, b) => number(a).min(number(b))..=number(a).max(number(b)),
    };
    set.0.as_ref().iter().map(range).collect()
}

fn uid_ranges(set: &UidSet) -> Vec<RangeInclusive<u32>> {
    let range = |element: &UidElement| match *element {
        UidElement::Single(one) => one.get()..=one.get(),
        UidElement::Range(a, b) => a.min(b).get()..=a.max(b).get(),
    };
    set.0.as_ref().iter().map(range).collect()
}

fn status(body: StatusBody<'_>) -> Status {
    let verdict = match body.kind {
        StatusKind::Ok => Verdict::Ok,
        StatusKind::No => Verdict::No,
        StatusKind::Bad => Verdict::Bad,
    };
    Status { verdict, code: code(body.code), text: body.text.into_inner().into_owned() }
}

fn code(code: Option<WireCode<'_>>) -> Code {
    match code {
        None => Code::None,
        Some(WireCode::Capability(all)) => Code::Capability(all.as_ref().iter().map(capability).collect()),
        Some(WireCode::UidValidity(validity)) => Code::UidValidity(validity.get()),
        Some(WireCode::UidNext(next)) => Code::UidNext(next.get()),
        Some(WireCode::HighestModSeq(modseq)) => Code::HighestModSeq(modseq.get()),
        Some(WireCode::AppendUid { uid, .. }) => Code::AppendUid(uid.get()),
        Some(WireCode::CopyUid { destination, .. }) => Code::CopyUid(uid_ranges(&destination)),
        Some(WireCode::TryCreate) => Code::TryCreate,
        Some(WireCode::TooBig) => Code::TooBig,
        Some(WireCode::Other(other)) => {
            let text = String::from_utf8_lossy(other.inner()).to_ascii_uppercase();
            Code::Other(text.split(' ').next().unwrap_or_default().to_owned())
        }
        Some(_) => Code::Other(String::new()),
    }
}

#[cfg(test)]
mod tests;
