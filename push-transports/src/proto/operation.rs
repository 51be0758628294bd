//! WebSocket operations: the JSON text frames of `push.v1` (wire.md §4).
//!
//! A client's operation is answered by one reply that carries its `seq`; what cannot be understood is answered by an
//! error, never by a disconnect.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use push_core::{
    ChannelName, Gap, HistoryPage, Members as Presence, Outcome, Overflow, Publication, Receipt, Selector, Since, Start,
};
use serde_json::value::RawValue;

use super::batch::{Line, publication_of};
use super::json::{self, Members};
use super::long_poll::{Page, write_page_members};
use super::params::{
    DEFAULT_LIMIT, HistoryParams, MAX_LIMIT, Token, bad_channel, history_last, last_count, parse_overflow,
    since_and_last,
};
use super::problem::Problem;
use super::query::whole_number;
use super::{envelope, forms, notice, receipt};

/// Longest `seq`, in bytes as it was written.
pub const MAX_SEQ_BYTES: usize = 64;

/// The number or string by which a client knows the reply to its operation; echoed as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seq(Box<str>);

impl Seq {
    fn parse(raw: &RawValue) -> Result<Option<Self>, Problem> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') => Ok(None),
            Some(b'"' | b'-' | b'0'..=b'9') if text.len() <= MAX_SEQ_BYTES => Ok(Some(Self(text.into()))),
            _ => Err(Problem::bad_parameter(format!(
                "'seq' must be a number or string of at most {MAX_SEQ_BYTES} bytes"
            ))),
        }
    }
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Operation {
    /// To subscribe one more channel or pattern.
    Subscribe {
        /// What to subscribe.
        selector: Selector,
        /// Where to begin; default now.
        since: Since,
        /// The policy, else the namespace's.
        overflow: Option<Overflow>,
    },
    /// To have no more of it.
    Unsubscribe {
        /// As it was subscribed.
        selector: Selector,
    },
    /// To publish.
    Publish(Line),
    /// To be told a channel's history.
    History(HistoryParams),
    /// To be told who is there.
    Presence {
        /// Where.
        channel: ChannelName,
    },
    /// To show a token.
    Auth {
        /// The token.
        token: Token,
    },
    /// To be answered.
    Ping,
}

/// An operation with its `seq`.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the reply is to carry.
    pub seq: Option<Seq>,
    /// What is asked.
    pub operation: Operation,
}

/// A text frame that is no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadOperation {
    /// What the error is to carry, where it could be read.
    pub seq: Option<Seq>,
    /// What is wrong.
    pub problem: Problem,
}

/// The members that some operation knows; others are ignored.
const KNOWN: [&str; 15] = [
    "op",
    "seq",
    "channel",
    "since",
    "last",
    "limit",
    "overflow",
    "token",
    "data",
    "data_base64",
    "type",
    "event",
    "key",
    "push_id",
    "retain",
];

/// Reads a text frame. `max_payload` bounds what `publish` may carry, in bytes.
///
/// # Errors
///
/// [`BadOperation`] with what to answer.
pub fn parse(text: &[u8], max_payload: usize) -> Result<Request, BadOperation> {
    let members = Members::parse(text, &KNOWN).map_err(|problem| BadOperation { seq: None, problem })?;
    let seq = match members.raw("seq").map(Seq::parse) {
        Some(Err(problem)) => return Err(BadOperation { seq: None, problem }),
        Some(Ok(seq)) => seq,
        None => None,
    };
    match operation(&members, max_payload) {
        Ok(operation) => Ok(Request { seq, operation }),
        Err(problem) => Err(BadOperation { seq, problem }),
    }
}

fn operation(members: &Members<'_>, max_payload: usize) -> Result<Operation, Problem> {
    members.refuse_duplicates()?;
    let op = members.string("op")?.ok_or_else(|| Problem::bad_parameter("'op' is missing"))?;
    Ok(match &*op {
        "subscribe" => Operation::Subscribe {
            selector: selector(members)?,
            since: since(members, last_count)?.unwrap_or(Since::Now),
            overflow: members.string("overflow")?.map(|text| parse_overflow(&text)).transpose()?,
        },
        "unsubscribe" => Operation::Unsubscribe { selector: selector(members)? },
        "publish" => Operation::Publish(publication_of(members, max_payload)?),
        "history" => Operation::History(history(members)?),
        "presence" => Operation::Presence { channel: channel(members)? },
        "auth" => {
            let token = members.string("token")?.ok_or_else(|| Problem::bad_parameter("'token' is missing"))?;
            Operation::Auth { token: Token::new(token) }
        }
        "ping" => Operation::Ping,
        _ => {
            let shown: String = op.chars().take(64).collect();
            return Err(Problem::bad_parameter(format!("'op' {shown:?} is not known")));
        }
    })
}

fn channel_text<'a>(members: &Members<'a>) -> Result<Cow<'a, str>, Problem> {
    members.string("channel")?.ok_or_else(|| Problem::bad_parameter("'channel' is missing"))
}

fn selector(members: &Members<'_>) -> Result<Selector, Problem> {
    let text = channel_text(members)?;
    Selector::parse(&text).map_err(|error| bad_channel(&text, error))
}

fn channel(members: &Members<'_>) -> Result<ChannelName, Problem> {
    let text = channel_text(members)?;
    ChannelName::parse(&text).map_err(|error| bad_channel(&text, error))
}

/// A number, or its digits in a string; `null` counts as absent.
fn digits<'a>(members: &Members<'a>, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
    match members.raw(name).map(RawValue::get) {
        Some(number) if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Ok(Some(Cow::Borrowed(number))),
        _ => members.string(name).map_err(|_| Problem::bad_parameter(format!("'{name}' must be a number"))),
    }
}

fn since(members: &Members<'_>, last_of: impl Fn(&str) -> Result<u32, Problem>) -> Result<Option<Since>, Problem> {
    match (members.string("since")?, digits(members, "last")?) {
        (Some(_), Some(_)) => Err(since_and_last()),
        (Some(since), None) => Ok(Some(Since::parse(&since)?)),
        (None, Some(last)) => Ok(Some(Since::Last(last_of(&last)?))),
        (None, None) => Ok(None),
    }
}

fn history(members: &Members<'_>) -> Result<HistoryParams, Problem> {
    let channel = channel(members)?;
    let since = since(members, history_last)?.unwrap_or(Since::Start);
    let limit = match (since, digits(members, "limit")?) {
        (Since::Last(last), _) => last as usize,
        (_, Some(limit)) => whole_number("limit", &limit, 1, MAX_LIMIT as u64)? as usize,
        (_, None) => DEFAULT_LIMIT,
    };
    Ok(HistoryParams { channel, since, limit })
}

/// Appends `{"op":"...","seq":...` and leaves the object open.
fn push_head(out: &mut Vec<u8>, op: &str, seq: Option<&Seq>) {
    out.extend_from_slice(b"{\"op\":\"");
    out.extend_from_slice(op.as_bytes());
    out.push(b'"');
    if let Some(seq) = seq {
        out.extend_from_slice(b",\"seq\":");
        out.extend_from_slice(seq.0.as_bytes());
    }
}

fn reply(op: &str, seq: Option<&Seq>, members: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    push_head(&mut out, op, seq);
    members(&mut out);
    out.push(b'}');
    out
}

/// `{"op":"subscribed","seq","channel","cursor","outcome","gaps"}`. Channels of the query have no `seq`.
pub fn subscribed(seq: Option<&Seq>, selector: &Selector, start: &Start) -> Vec<u8> {
    reply("subscribed", seq, |out| {
        out.push(b',');
        json::push_member(out, "channel", selector.as_str());
        out.push(b',');
        notice::write_start(out, start);
    })
}

/// The part of a subscription's start that is about one of its channels or patterns: for connections that begin with
/// several and tell each by itself.
pub fn start_of(start: &Start, selector: &Selector) -> Start {
    let is_about = |gap: &&Gap| {
        *gap.channel == *selector.as_str()
            || ChannelName::parse(&gap.channel).is_ok_and(|channel| selector.matches(&channel))
    };
    let gaps: Vec<Gap> = start.gaps.iter().filter(is_about).cloned().collect();
    let outcome = gaps.iter().map(|gap| gap.outcome).max().unwrap_or(Outcome::Complete);
    Start { cursor: start.cursor, outcome, gaps }
}

/// `{"op":"unsubscribed","seq","channel"}`.
pub fn unsubscribed(seq: Option<&Seq>, selector: &Selector) -> Vec<u8> {
    reply("unsubscribed", seq, |out| {
        out.push(b',');
        json::push_member(out, "channel", selector.as_str());
    })
}

/// `{"op":"published","seq","channel","id","offset"}`, and `duplicate` where it is one.
pub fn published(seq: Option<&Seq>, receipt: &Receipt) -> Vec<u8> {
    reply("published", seq, |out| {
        out.push(b',');
        json::push_member(out, "channel", receipt.channel.as_str());
        out.push(b',');
        receipt::write_receipt_members(out, receipt);
    })
}

/// `{"op":"history","seq","cursor","outcome","events","more"}`.
pub fn history_reply(seq: Option<&Seq>, page: &HistoryPage) -> Vec<u8> {
    reply("history", seq, |out| {
        out.push(b',');
        write_page_members(out, &Page::from(page));
    })
}

/// `{"op":"presence","seq","count","members"}`; `detail` says why nobody can be there.
pub fn presence_reply(seq: Option<&Seq>, presence: &Presence, detail: Option<&str>) -> Vec<u8> {
    reply("presence", seq, |out| {
        out.push(b',');
        push_presence_members(out, presence, detail);
    })
}

/// Appends `{"count","members"}`: the answer to `GET presence`; `detail` says why nobody can be there.
pub fn write_presence(out: &mut Vec<u8>, presence: &Presence, detail: Option<&str>) {
    out.push(b'{');
    push_presence_members(out, presence, detail);
    out.push(b'}');
}

fn push_presence_members(out: &mut Vec<u8>, presence: &Presence, detail: Option<&str>) {
    json::push_name(out, "count");
    json::push_number(out, presence.count as u64);
    out.push(b',');
    json::push_name(out, "members");
    serde_json::to_writer(&mut *out, &presence.members).expect("members become JSON in memory");
    if let Some(detail) = detail {
        out.push(b',');
        json::push_member(out, "detail", detail);
    }
}

/// `{"op":"ok","seq"}`: the token was accepted.
pub fn ok(seq: Option<&Seq>) -> Vec<u8> {
    reply("ok", seq, |_| {})
}

/// `{"op":"pong","seq"}`.
pub fn pong(seq: Option<&Seq>) -> Vec<u8> {
    reply("pong", seq, |_| {})
}

/// `{"op":"error","seq","code","detail"}`.
pub fn error(seq: Option<&Seq>, problem: &Problem) -> Vec<u8> {
    reply("error", seq, |out| {
        out.push(b',');
        json::push_member(out, "code", problem.code().as_str());
        out.push(b',');
        json::push_member(out, "detail", problem.detail());
    })
}

/// `{"op":"gap",...}`: a loss of a live subscription.
pub fn gap(gap: &Gap) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    notice::write_gap_op(&mut out, gap);
    out
}

/// `{"op":"publication", ...envelope}`, shared by all who ask.
pub fn publication(publication: &Arc<Publication>) -> Bytes {
    publication.form(forms::OPERATION, |publication| {
        let mut out = Vec::with_capacity(envelope::size_hint(publication) + 24);
        write_publication(&mut out, publication);
        out.into()
    })
}

/// Appends `{"op":"publication", ...envelope}`, for whoever puts a frame around it.
pub fn write_publication(out: &mut Vec<u8>, publication: &Publication) {
    push_head(out, "publication", None);
    out.push(b',');
    envelope::write_members(out, publication);
    out.push(b'}');
}

#[cfg(test)]
#[path = "operation_tests.rs"]
mod tests;
