//! Publications: what a publisher hands in (a draft) and the immutable item it becomes.

use std::sync::Arc;

use bytes::Bytes;

use crate::cursor::{Cursor, Epoch, Mark, channel_hash};
use crate::form::{FormBudget, FormId, Forms};
use crate::json;
use crate::label::{EventName, Key, MediaType, PushId};
use crate::name::ChannelName;

/// What a publisher hands in: a payload and what to say about it.
///
/// ```
/// use push_core::{Draft, EventName};
/// let draft = Draft::json(r#"{"text":"hi"}"#).event(EventName::parse("greeting")?);
/// assert_eq!(draft.payload(), r#"{"text":"hi"}"#);
/// # Ok::<(), push_core::LabelError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Draft {
    pub(crate) payload: Bytes,
    pub(crate) media_type: Option<MediaType>,
    pub(crate) event: EventName,
    pub(crate) key: Option<Key>,
    pub(crate) push_id: Option<PushId>,
    pub(crate) retain: bool,
}

impl Draft {
    /// A payload of no declared type: `text/plain` if it is UTF-8, else `application/octet-stream`.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            media_type: None,
            event: EventName::MESSAGE,
            key: None,
            push_id: None,
            retain: true,
        }
    }

    /// A JSON text (`application/json`). Publishing fails if it is not valid JSON.
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self::new(text).media_type(MediaType::JSON)
    }

    /// A text (`text/plain`).
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(text.into()).media_type(MediaType::TEXT)
    }

    /// Declares the payload's type. `application/x-www-form-urlencoded`, curl's default, counts as none.
    #[must_use]
    pub fn media_type(mut self, media_type: MediaType) -> Self {
        let is_curls_default = media_type.essence().eq_ignore_ascii_case("application/x-www-form-urlencoded");
        self.media_type = (!is_curls_default).then_some(media_type);
        self
    }

    /// Names the kind of publication; default `message`.
    #[must_use]
    pub fn event(mut self, event: EventName) -> Self {
        self.event = event;
        self
    }

    /// Says what the publication is about, for conflation.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Makes publishing idempotent: the same publisher, channel and id again gets the first answer.
    #[must_use]
    pub fn push_id(mut self, push_id: PushId) -> Self {
        self.push_id = Some(push_id);
        self
    }

    /// Whether history keeps it (default). If not, it reaches only the subscriptions that are live now.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }
}

/// What a payload is, decided once when it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// Valid JSON under a JSON type: the envelope carries the value itself.
    Json,
    /// Other UTF-8: the envelope carries a string.
    Text,
    /// Any other bytes: the envelope carries base64.
    Binary,
}

/// What a draft turned out to be.
pub(crate) type MediaClass = (MediaType, PayloadKind);

/// A payload under a JSON type that is not JSON. The wire says `bad_parameter`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload is not valid JSON: {reason}")]
pub struct InvalidJson {
    reason: Box<str>,
}

impl Draft {
    /// Decides type and kind of the payload.
    pub(crate) fn classify(&self) -> Result<MediaClass, InvalidJson> {
        let is_utf8 = std::str::from_utf8(&self.payload).is_ok();
        match &self.media_type {
            Some(media_type) if media_type.is_json() => {
                json::validate(&self.payload).map_err(|reason| InvalidJson { reason: reason.into() })?;
                Ok((media_type.clone(), PayloadKind::Json))
            }
            Some(media_type) if is_utf8 => Ok((media_type.clone(), PayloadKind::Text)),
            Some(media_type) => Ok((media_type.clone(), PayloadKind::Binary)),
            None if is_utf8 => Ok((MediaType::TEXT, PayloadKind::Text)),
            None => Ok((MediaType::OCTETS, PayloadKind::Binary)),
        }
    }
}

/// One immutable item of a channel.
///
/// Beside its payload it takes at most 256 bytes (asserted in a test) and the wire forms made of it.
#[derive(Debug)]
pub struct Publication {
    pub(crate) channel: ChannelName,
    pub(crate) epoch: Epoch,
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) time_ms: u64,
    pub(crate) media_type: MediaType,
    pub(crate) event: EventName,
    pub(crate) key: Option<Key>,
    pub(crate) payload: Bytes,
    pub(crate) kind: PayloadKind,
    pub(crate) retain: bool,
    pub(crate) forms: Forms,
}

/// What numbering adds to a draft.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) channel: ChannelName,
    pub(crate) epoch: Epoch,
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) time_ms: u64,
}

impl Publication {
    pub(crate) fn new(
        draft: Draft,
        (media_type, kind): MediaClass,
        numbered: Numbered,
        budget: &Arc<FormBudget>,
    ) -> Arc<Self> {
        let Numbered { channel, epoch, number, offset, time_ms } = numbered;
        let Draft { payload, event, key, retain, .. } = draft;
        let forms = Forms::new(budget);
        Arc::new(Self { channel, epoch, number, offset, time_ms, media_type, event, key, payload, kind, retain, forms })
    }

    /// The channel it was published to.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Its number in the hub's one sequence, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its offset in its channel: increasing, dense while the channel is held, never reused in an epoch.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its cursor: the point just behind it, the same for every subscriber.
    pub fn id(&self) -> Cursor {
        let mark = Mark { offset: self.offset, channel: channel_hash(self.channel.as_str()) };
        Cursor { epoch: self.epoch, number: self.number, mark: Some(mark) }
    }

    /// When it was accepted, in Unix milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// What kind of publication it is; `message` by default.
    pub fn event(&self) -> &EventName {
        &self.event
    }

    /// What it is about, if the publisher said so.
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// The type of its payload.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The bytes as they were published.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Whether the payload is JSON, other text, or other bytes.
    pub fn kind(&self) -> PayloadKind {
        self.kind
    }

    /// Whether history keeps it.
    pub fn is_retained(&self) -> bool {
        self.retain
    }

    /// The payload as compact JSON, for [`PayloadKind::Json`]: white space outside strings removed, nothing else changed.
    pub fn compact_json(&self) -> Vec<u8> {
        json::compact(&self.payload)
    }

    /// A wire form of it, made by `make` when nobody asked for it lately, else the shared bytes.
    pub fn form(self: &Arc<Self>, id: FormId, make: impl FnOnce(&Publication) -> Bytes) -> Bytes {
        Forms::get(self, id, make)
    }

    /// What it is charged with in the hub's ceiling: its payload and 256 bytes for the rest.
    pub(crate) fn charge(&self) -> u64 {
        self.payload.len() as u64 + 256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_beside_its_payload_takes_at_most_256_bytes() {
        assert!(size_of::<Publication>() + 2 * size_of::<usize>() <= 256, "{}", size_of::<Publication>());
    }

    #[test]
    fn the_type_follows_from_the_bytes_where_none_is_declared() {
        let form = MediaType::parse("application/x-www-form-urlencoded").expect("a type");
        for draft in [Draft::new("héllo"), Draft::new("héllo").media_type(form.clone())] {
            assert_eq!(draft.classify(), Ok((MediaType::TEXT, PayloadKind::Text)));
        }
        let binary = Draft::new(&b"\xff\x00"[..]).media_type(form);
        assert_eq!(binary.classify(), Ok((MediaType::OCTETS, PayloadKind::Binary)));
        assert!(Draft::json("{\"a\":}").classify().is_err());
        assert!(Draft::json(&b"\"\xff\""[..]).classify().is_err());
    }
}
