//! The parameters of a subscription: wire.md §4, the same for every transport.

use std::time::Duration;

use http::HeaderMap;
use push_core::{ChannelName, Overflow, Selector, Since};

use super::problem::{Code, Problem};
use super::query::{Query, whole_number};

/// A way to subscribe: the route that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `ws`: WebSocket.
    Ws,
    /// `sse`: server-sent events.
    Sse,
    /// `poll`: long polling.
    Poll,
    /// `stream`: NDJSON or the forever frame.
    Stream,
    /// `mixed`: `multipart/x-mixed-replace`.
    Mixed,
}

/// How publications are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Envelopes.
    Json,
    /// The payload alone.
    Raw,
    /// Envelopes in script elements: the forever frame, `stream` only.
    Script,
}

impl Format {
    fn parse(text: &str, transport: Transport) -> Result<Self, Problem> {
        let (second, word) = match transport {
            Transport::Stream => (Format::Script, "script"),
            _ => (Format::Raw, "raw"),
        };
        match text {
            "json" => Ok(Format::Json),
            _ if text == word => Ok(second),
            _ => Err(Problem::bad_parameter(format!("'format' must be 'json' or '{word}' here"))),
        }
    }

    /// wire.md §4: raw for mixed, and for sse with one literal channel; else json.
    fn default_for(transport: Transport, selectors: &[Selector]) -> Self {
        match (transport, selectors) {
            (Transport::Mixed, _) | (Transport::Sse, [Selector::Channel(_)]) => Format::Raw,
            _ => Format::Json,
        }
    }
}

/// A bearer token as the client sent it. Its text never shows in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a token.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token itself, for whoever checks it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Bounds of what a subscription may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most channels and patterns of one connection; default 128.
    pub channels: usize,
    /// Longest `timeout` of a poll, in whole seconds; default 3540.
    pub timeout_secs: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { channels: 128, timeout_secs: 3540 }
    }
}

/// The `timeout` of a poll that names none (wire.md §4).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// The `limit` of a poll or history that names none (wire.md §4, §6).
pub const DEFAULT_LIMIT: usize = 100;
/// The highest `limit` (wire.md §4).
pub const MAX_LIMIT: usize = 10_000;
/// Longest `refresh` of mixed, in seconds.
pub const MAX_REFRESH_SECS: u64 = 3600;
/// Longest `info`, in bytes (wire.md §7).
pub const MAX_INFO_BYTES: usize = 1024;

/// What one request to subscribe asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeParams {
    /// Channels and patterns in the order named, each once. Empty for `ws` only.
    pub selectors: Vec<Selector>,
    /// Where to begin. `Last-Event-ID` has been taken into account.
    pub since: Since,
    /// How to write publications.
    pub format: Format,
    /// The policy asked for, or the transport's own default; `None` leaves it to the namespaces.
    pub overflow: Option<Overflow>,
    /// The token of the query or body.
    pub token: Option<Token>,
    /// How long a poll waits; [`DEFAULT_TIMEOUT`] on other transports.
    pub timeout: Duration,
    /// Most publications of one poll's answer; [`DEFAULT_LIMIT`] on other transports.
    pub limit: usize,
    /// `mixed`: how often the newest publication is sent again.
    pub refresh: Option<Duration>,
    /// What the member says of itself: a JSON text of one line.
    pub info: Option<Box<str>>,
}

impl SubscribeParams {
    /// Reads the parameters and the header `Last-Event-ID`.
    ///
    /// # Errors
    ///
    /// `bad_channel`, `bad_cursor`, or `bad_parameter` naming the parameter and its bounds.
    pub fn parse(transport: Transport, query: &Query, headers: &HeaderMap, bounds: &Bounds) -> Result<Self, Problem> {
        let selectors = selectors(query, bounds)?;
        if selectors.is_empty() && transport != Transport::Ws {
            return Err(Problem::bad_parameter("'channel' is missing"));
        }
        let asked = since_or_last(query)?;
        let default = if transport == Transport::Mixed { Since::Last(1) } else { Since::Now };
        let since = last_event_id(headers)?.or(asked).unwrap_or(default);
        let format = match query.single("format")? {
            Some(text) => Format::parse(text, transport)?,
            None => Format::default_for(transport, &selectors),
        };
        let (timeout, limit) = poll_bounds(transport, query, bounds)?;
        let refresh = match transport {
            Transport::Mixed => query.number("refresh", 1, MAX_REFRESH_SECS)?.map(Duration::from_secs),
            _ => None,
        };
        Ok(Self {
            selectors,
            since,
            format,
            overflow: overflow(transport, query)?,
            token: query.single("token")?.map(Token::new),
            timeout,
            limit,
            refresh,
            info: query.single("info")?.map(info).transpose()?,
        })
    }
}

/// What a request for history asks for: one literal channel, a beginning, a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryParams {
    /// The channel.
    pub channel: ChannelName,
    /// Where to begin; default `start`.
    pub since: Since,
    /// Most publications of the answer; default [`DEFAULT_LIMIT`]. `last` stands in its place.
    pub limit: usize,
}

impl HistoryParams {
    /// Reads `channel`, `since` or `last`, and `limit`.
    ///
    /// # Errors
    ///
    /// `bad_channel` (a pattern too), `bad_cursor`, or `bad_parameter`.
    pub fn parse(query: &Query) -> Result<Self, Problem> {
        let channel = literal_channel(query)?;
        let since = match (query.single("since")?, query.single("last")?) {
            (Some(_), Some(_)) => return Err(since_and_last()),
            (_, Some(last)) => Since::Last(history_last(last)?),
            (Some(since), None) => Since::parse(since)?,
            (None, None) => Since::Start,
        };
        let limit = match since {
            Since::Last(last) => last as usize,
            _ => query.number("limit", 1, MAX_LIMIT as u64)?.map_or(DEFAULT_LIMIT, |limit| limit as usize),
        };
        Ok(Self { channel, since, limit })
    }
}

/// `last=N` replaces `limit` (wire.md §6), so it has the same bounds.
pub(crate) fn history_last(text: &str) -> Result<u32, Problem> {
    let last = whole_number("last", text, 1, MAX_LIMIT as u64)?;
    Ok(u32::try_from(last).expect("within the bounds"))
}

/// The one literal channel that history, presence and `DELETE` take.
///
/// # Errors
///
/// `bad_parameter` if none or several are named, `bad_channel` for a pattern.
pub fn literal_channel(query: &Query) -> Result<ChannelName, Problem> {
    match query.single("channel")? {
        Some(text) => Ok(ChannelName::parse(text)?),
        None => Err(Problem::bad_parameter("'channel' is missing")),
    }
}

/// The channels of a publish: literal, in the order named, each once. Empty if none is named.
///
/// # Errors
///
/// `bad_channel` naming the first that is none; `bad_parameter` for more than `limit`.
pub fn publish_channels(query: &Query, limit: usize) -> Result<Vec<ChannelName>, Problem> {
    distinct(query, limit, |text| ChannelName::parse(text).map_err(|error| bad_channel(text, error)))
}

fn selectors(query: &Query, bounds: &Bounds) -> Result<Vec<Selector>, Problem> {
    distinct(query, bounds.channels, |text| Selector::parse(text).map_err(|error| bad_channel(text, error)))
}

fn distinct<T: PartialEq>(
    query: &Query,
    limit: usize,
    parse: impl Fn(&str) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    let mut all: Vec<T> = Vec::new();
    for text in query.all("channel") {
        let one = parse(text)?;
        if all.contains(&one) {
            continue;
        }
        if all.len() == limit {
            return Err(Problem::bad_parameter(format!("more than {limit} different 'channel' parameters")));
        }
        all.push(one);
    }
    Ok(all)
}

/// `bad_channel` with the offence and, where it is not absurdly long, the name.
pub(crate) fn bad_channel(text: &str, error: push_core::NameError) -> Problem {
    match text.len() {
        1..=push_core::MAX_SYSTEM_NAME_BYTES => Problem::new(Code::BadChannel, format!("{error}: {text:?}")),
        _ => error.into(),
    }
}

fn since_or_last(query: &Query) -> Result<Option<Since>, Problem> {
    match (query.single("since")?, query.single("last")?) {
        (Some(_), Some(_)) => Err(since_and_last()),
        (Some(since), None) => Ok(Some(Since::parse(since)?)),
        (None, Some(last)) => Ok(Some(Since::Last(last_count(last)?))),
        (None, None) => Ok(None),
    }
}

pub(crate) fn since_and_last() -> Problem {
    Problem::bad_parameter("'since' and 'last' exclude each other")
}

pub(crate) fn last_count(text: &str) -> Result<u32, Problem> {
    let last = whole_number("last", text, 1, u64::from(u32::MAX))?;
    Ok(u32::try_from(last).expect("within the bounds"))
}

/// The header with which an EventSource comes back. Empty counts as absent.
fn last_event_id(headers: &HeaderMap) -> Result<Option<Since>, Problem> {
    let mut values = headers.get_all("last-event-id").iter().filter(|value| !value.is_empty());
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::bad_parameter("'Last-Event-ID' is given more than once"));
    }
    let bad = || Problem::new(Code::BadCursor, "'Last-Event-ID' is not a cursor of this server");
    let text = value.to_str().map_err(|_| bad())?;
    Since::parse(text).map(Some).map_err(|error| Problem::new(Code::BadCursor, format!("'Last-Event-ID': {error}")))
}

fn overflow(transport: Transport, query: &Query) -> Result<Option<Overflow>, Problem> {
    match query.single("overflow")? {
        Some(text) => parse_overflow(text).map(Some),
        None => Ok((transport == Transport::Mixed).then_some(Overflow::Latest)),
    }
}

pub(crate) fn parse_overflow(text: &str) -> Result<Overflow, Problem> {
    Overflow::parse(text).ok_or_else(|| Problem::bad_parameter("'overflow' must be 'gap', 'latest' or 'disconnect'"))
}

fn poll_bounds(transport: Transport, query: &Query, bounds: &Bounds) -> Result<(Duration, usize), Problem> {
    if transport != Transport::Poll {
        return Ok((DEFAULT_TIMEOUT, DEFAULT_LIMIT));
    }
    let default = DEFAULT_TIMEOUT.min(Duration::from_secs(bounds.timeout_secs));
    let timeout = query.number("timeout", 0, bounds.timeout_secs)?.map_or(default, Duration::from_secs);
    let limit = query.number("limit", 1, MAX_LIMIT as u64)?.map_or(DEFAULT_LIMIT, |limit| limit as usize);
    Ok((timeout, limit))
}

/// A JSON text stays one, on one line; any other text becomes a JSON string.
fn info(text: &str) -> Result<Box<str>, Problem> {
    if text.len() > MAX_INFO_BYTES {
        return Err(Problem::bad_parameter(format!("'info' has more than {MAX_INFO_BYTES} bytes")));
    }
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    Ok(value.to_string().into())
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
