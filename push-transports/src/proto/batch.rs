//! Publishing many at once: NDJSON lines in, one answer or error a line out (wire.md §6).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_core::{ChannelName, Draft, EventName, Key, LabelError, MAX_SYSTEM_NAME_BYTES, MediaType, PushId};
use serde_json::value::RawValue;

use super::json::{self, Members};
use super::params::bad_channel;
use super::problem::{Code, Problem};

/// The `Content-Type` of a batch and of its answer.
pub const CONTENT_TYPE: &str = "application/x-ndjson";

/// Bounds of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchBounds {
    /// Most bytes of the whole batch; default 8 MiB.
    pub bytes: usize,
    /// Most lines, blank ones not counted; default 10,000.
    pub lines: usize,
    /// Most bytes of one payload; default 1 MiB.
    pub payload: usize,
}

impl Default for BatchBounds {
    fn default() -> Self {
        Self { bytes: 8 * 1024 * 1024, lines: 10_000, payload: 1024 * 1024 }
    }
}

/// One line understood: where to publish what.
#[derive(Clone, Debug)]
pub struct Line {
    /// The channel; whether it may be published to is not decided here.
    pub channel: ChannelName,
    /// What to publish.
    pub draft: Draft,
}

/// One line that cannot be published, for its place in the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The channel as it was sent, where it could be read.
    pub channel: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// Reads a whole batch: one entry for each line that is not blank, in order.
///
/// # Errors
///
/// `too_large` for more bytes or lines than the bounds allow; then nothing is to be published.
pub fn parse_batch(body: &[u8], bounds: &BatchBounds) -> Result<Vec<Result<Line, BadLine>>, Problem> {
    if body.len() > bounds.bytes {
        return Err(Problem::new(Code::TooLarge, format!("a batch has at most {} bytes", bounds.bytes)));
    }
    let lines = || body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    // Counted first: a batch that is too long is refused before its lines take memory.
    let ends = memchr::memchr_iter(b'\n', body).count();
    if ends >= bounds.lines && lines().nth(bounds.lines).is_some() {
        return Err(Problem::new(Code::TooLarge, format!("a batch has at most {} lines", bounds.lines)));
    }
    let mut parsed = Vec::with_capacity(bounds.lines.min(ends + 1));
    parsed.extend(lines().map(|line| parse_line(line, bounds.payload)));
    Ok(parsed)
}

/// The members of a line, and of a `publish` operation.
const KNOWN: [&str; 8] = ["channel", "data", "data_base64", "type", "event", "key", "push_id", "retain"];

/// Reads one line: a JSON object of `channel`, `data` or `data_base64`, `type`, `event`, `key`, `push_id`, `retain`.
///
/// Unknown members are ignored.
///
/// # Errors
///
/// [`BadLine`] with `bad_channel`, `bad_parameter` naming the member, or `too_large`.
pub fn parse_line(line: &[u8], max_payload: usize) -> Result<Line, BadLine> {
    let members = Members::parse(line, &KNOWN).map_err(|problem| BadLine { channel: None, problem })?;
    publication_of(&members, max_payload).map_err(|problem| {
        let channel = members.string("channel").ok().flatten();
        let channel = channel.filter(|channel| channel.len() <= MAX_SYSTEM_NAME_BYTES);
        BadLine { channel: channel.map(Cow::into_owned), problem }
    })
}

/// What the members of a line or operation ask to publish.
pub(crate) fn publication_of(members: &Members<'_>, max_payload: usize) -> Result<Line, Problem> {
    members.refuse_duplicates()?;
    let channel = match members.string("channel")? {
        Some(text) => ChannelName::parse(&text).map_err(|error| bad_channel(&text, error))?,
        None => return Err(Problem::bad_parameter("'channel' is missing")),
    };
    let mut draft = payload(members)?;
    if draft.payload().len() > max_payload {
        return Err(Problem::new(Code::TooLarge, format!("a payload has at most {max_payload} bytes")));
    }
    if let Some(event) = label(members, "event", EventName::parse)? {
        draft = draft.event(event);
    }
    if let Some(key) = label(members, "key", Key::parse)? {
        draft = draft.key(key);
    }
    if let Some(push_id) = label(members, "push_id", PushId::parse)? {
        draft = draft.push_id(push_id);
    }
    Ok(Line { channel, draft: draft.retain(members.boolean("retain")?.unwrap_or(true)) })
}

fn label<T>(
    members: &Members<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, LabelError>,
) -> Result<Option<T>, Problem> {
    let named = |error| Problem::bad_parameter(format!("'{name}': {error}"));
    members.string(name)?.map(|text| parse(&text).map_err(named)).transpose()
}

/// The payload with its type: of `data` or `data_base64`, exactly one of them.
fn payload(members: &Members<'_>) -> Result<Draft, Problem> {
    let declared = label(members, "type", MediaType::parse)?;
    let base64 = members.string("data_base64")?;
    match (members.raw("data"), base64) {
        (Some(data), None) => data_payload(data, declared),
        (None, Some(text)) => {
            let bad = |_| Problem::bad_parameter("'data_base64' is not base64 of the standard alphabet, padded");
            let draft = Draft::new(STANDARD.decode(&*text).map_err(bad)?);
            Ok(match declared {
                Some(media_type) => draft.media_type(media_type),
                None => draft,
            })
        }
        _ => Err(Problem::bad_parameter("exactly one of 'data' and 'data_base64' is needed")),
    }
}

/// The type decides what a JSON value means: under a JSON type it is the payload as written, under any other type
/// only a string is one, and its text is the payload.
fn data_payload(value: &RawValue, declared: Option<MediaType>) -> Result<Draft, Problem> {
    let data = value.get();
    // curl's default counts as no type, as it does for a payload that comes by itself.
    let is_curls_default =
        |declared: &MediaType| declared.essence().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let declared = declared.filter(|declared| !is_curls_default(declared));
    let is_string = data.starts_with('"');
    let media_type = match declared {
        Some(media_type) => media_type,
        None if is_string => MediaType::TEXT,
        None => MediaType::JSON,
    };
    if media_type.is_json() {
        return Ok(Draft::new(data.to_owned()).media_type(media_type));
    }
    if !is_string {
        return Err(Problem::bad_parameter("'data' must be a string unless 'type' is a JSON type"));
    }
    let text = match json::plain_string(value) {
        Some(text) => text.to_owned(),
        None => serde_json::from_str(data)
            .map_err(|error| Problem::bad_parameter(format!("'data' is not a text of Unicode characters: {error}")))?,
    };
    Ok(Draft::new(text).media_type(media_type))
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
