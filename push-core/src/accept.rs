//! Accepting a publication: checked, numbered and appended under its channel's lock, then told to who waits for it.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Instant;

use crate::audience::Audience;
use crate::broker::{Publishing, Receipt, Stamp, Submission};
use crate::channel::{Channel, Freed, IN_FLIGHT, Log};
use crate::cursor::{Cursor, Mark, channel_hash};
use crate::error::{PublishError, PublishErrorKind, SubscribeError};
use crate::hub::{Hub, Inner};
use crate::idempotency::{Fingerprint, Remembered, Scope};
use crate::name::ChannelName;
use crate::pattern_feed::{PatternFeed, move_head};
use crate::publication::{Draft, Numbered, Publication};
use crate::sync::Ordering;

impl Hub {
    /// Publishes to `channel` in nobody's name.
    ///
    /// Cancel safety: the publication is accepted, or not, in the first poll under the local broker; under another
    /// broker, dropping the future leaves open which.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing was published then.
    pub async fn publish(&self, channel: &str, draft: Draft) -> Result<Receipt, PublishError> {
        let channel =
            ChannelName::parse(channel).map_err(|e| PublishError::caused_by(PublishErrorKind::BadChannel, e))?;
        self.publish_as("", &channel, draft).await
    }

    /// Publishes in the name of `publisher`, which is the scope of the draft's push id.
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing was published then.
    pub async fn publish_as(
        &self,
        publisher: &str,
        channel: &ChannelName,
        draft: Draft,
    ) -> Result<Receipt, PublishError> {
        if channel.is_system() || channel.is_mail() {
            return Err(PublishError::new(PublishErrorKind::Reserved));
        }
        self.publish_reserved(publisher, channel, draft).await
    }

    /// Publishes to any channel, also to those that only the server's own parts write (`$...`, `mail/...`).
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing was published then.
    pub async fn publish_reserved(
        &self,
        publisher: &str,
        channel: &ChannelName,
        draft: Draft,
    ) -> Result<Receipt, PublishError> {
        let submission = self.inner.check(publisher, channel, draft)?;
        match self.inner.broker.publish(submission) {
            Publishing::Done(result) => result,
            Publishing::Pending(pending) => pending.await,
        }
    }

    /// Whether a publisher to `channel` should wait a moment: its subscribers are slower than it is, and even the
    /// fastest would soon lose publications to retention. Cheap enough to be asked before every publication: without
    /// the channel's lock where the fastest has read everything, and else in time of what it has not read.
    pub fn is_pressed(&self, channel: &ChannelName) -> bool {
        self.inner.find(channel).is_some_and(|channel| channel.is_pressed())
    }

    /// A publisher has waited for the subscribers of `channel` for as long as it would: until the fastest of them reads on,
    /// the channel [is not pressed](Hub::is_pressed). So one that has stopped holds publishers up once, not each time.
    pub fn give_up_waiting(&self, channel: &ChannelName) {
        if let Some(channel) = self.inner.find(channel) {
            channel.give_up();
        }
    }
}

impl Inner {
    pub(crate) fn check(
        &self,
        publisher: &str,
        channel: &ChannelName,
        draft: Draft,
    ) -> Result<Submission, PublishError> {
        if draft.payload.len() > self.config.max_payload_bytes {
            return Err(PublishError::new(PublishErrorKind::TooLarge));
        }
        let class = draft.classify().map_err(|e| PublishError::caused_by(PublishErrorKind::InvalidPayload, e))?;
        // Nobody has a name that is there already.
        let publisher = if publisher.is_empty() { Arc::default() } else { publisher.into() };
        Ok(Submission { channel: channel.clone(), publisher, draft, class })
    }

    /// Numbers and appends a publication, and wakes who waits for it.
    pub(crate) fn accept(&self, submission: Submission, stamp: Option<Stamp>) -> Result<Receipt, PublishError> {
        let _engine = stamp.map(|_| self.engine.lock());
        if stamp.is_some_and(|stamp| stamp.number <= self.head()) {
            return Err(PublishError::new(PublishErrorKind::OutOfOrder));
        }
        // Reads all of the payload: before the channel's lock, and only where a push id asks for it.
        let fingerprint = submission.draft.push_id.as_ref().map(|_| self.fingerprint(&submission.draft.payload));
        loop {
            let channel = self.channel(&submission.channel).map_err(|e| match e {
                SubscribeError::Storage(e) => PublishError::caused_by(PublishErrorKind::Storage, e),
                _ => PublishError::new(PublishErrorKind::TooManyChannels),
            })?;
            let mut log = channel.lock();
            if log.forgotten {
                continue; // it went between the look-up and the lock: look again
            }
            let appended = self.append(&channel, &mut log, submission, stamp, fingerprint)?;
            let patterns = if log.patterns.is_empty() { Vec::new() } else { log.patterns.clone() };
            drop(log);
            return Ok(self.deliver(&channel, &patterns, appended));
        }
    }

    fn append(
        &self,
        channel: &Arc<Channel>,
        log: &mut Log,
        submission: Submission,
        stamp: Option<Stamp>,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Appended, PublishError> {
        let now = self.clock.now();
        let unix_ms = self.clock.unix_ms();
        log.last_used = now;
        let Submission { publisher, mut draft, class, .. } = submission;
        // A history that keeps nothing: only who is there gets it, like any publication that is not to be kept.
        draft.retain &= channel.namespace.retention.count > 0;
        let scope = draft.push_id.take().map(|id| (publisher, id));
        if let Some(first) = scope.as_ref().and_then(|scope| self.remembered(log, scope, now)) {
            return if Some(first.payload) == fingerprint {
                Ok(Appended {
                    number: first.number,
                    offset: first.offset,
                    duplicate: true,
                    charge: 0,
                    freed: Freed::default(),
                })
            } else {
                Err(PublishError::new(PublishErrorKind::Conflict))
            };
        }
        let before = move_head(channel, &log.patterns, IN_FLIGHT);
        let number = match stamp {
            // Not yet in the counter: readers go up to the counter, and it is not in the log.
            Some(stamp) => stamp.number,
            None => self.counter.fetch_add(1, Ordering::AcqRel) + 1,
        };
        let offset = stamp.map_or(log.next_offset, |stamp| stamp.number);
        let time_ms = stamp.map_or(unix_ms, |stamp| stamp.time_ms);
        let numbered = Numbered { channel: channel.name.clone(), epoch: self.epoch, number, offset, time_ms };
        let publication = Publication::new(draft, class, numbered, &self.forms);
        let charge = publication.charge();
        let result = log.append(publication);
        move_head(channel, &log.patterns, if result.is_ok() { number } else { before });
        if stamp.is_some() {
            self.counter.store(number, Ordering::Release);
        }
        result.map_err(|e| PublishError::caused_by(PublishErrorKind::Storage, e))?;
        if let (Some(scope), Some(payload)) = (scope, fingerprint) {
            let remembered = Remembered { number, offset, payload };
            log.push_ids.get_or_insert_default().insert(scope, remembered, now, self.config.max_push_ids);
        }
        let freed = log.apply_retention(&channel.namespace, unix_ms);
        Ok(Appended { number, offset, duplicate: false, charge, freed })
    }

    fn remembered(&self, log: &mut Log, scope: &Scope, now: Instant) -> Option<Remembered> {
        log.push_ids.as_mut()?.get(scope, now, self.config.push_id_age)
    }

    fn fingerprint(&self, payload: &[u8]) -> Fingerprint {
        (self.payload_hashers.0.hash_one(payload), self.payload_hashers.1.hash_one(payload))
    }

    fn deliver(&self, channel: &Arc<Channel>, patterns: &[Arc<PatternFeed>], appended: Appended) -> Receipt {
        let Appended { number, offset, duplicate, charge, freed } = appended;
        // Before anybody is woken: a poll that is answered leaves at once.
        let subscribers = reached(Some(channel), patterns);
        if !duplicate {
            self.published.fetch_add(1, Ordering::Relaxed);
            self.ceiling.add(channel, charge, 1);
            self.ceiling.freed(freed);
            channel.audience.notify();
            patterns.iter().for_each(|pattern| pattern.audience.notify());
            self.ceiling.enforce();
        }
        let mark = Mark { offset, channel: channel_hash(channel.name.as_str()) };
        let id = Cursor { epoch: self.epoch, number, mark: Some(mark) };
        Receipt { channel: channel.name.clone(), id, offset, subscribers, duplicate }
    }
}

/// What appending tells the part that needs no lock.
struct Appended {
    number: u64,
    offset: u64,
    duplicate: bool,
    charge: u64,
    freed: Freed,
}

/// Connections that a publication to `channel`, if it is held, and to `patterns` is to reach, each once.
pub(crate) fn reached(channel: Option<&Channel>, patterns: &[Arc<PatternFeed>]) -> usize {
    let own = channel.map(|channel| &channel.audience);
    let audiences = || patterns.iter().map(|pattern| &pattern.audience).chain(own);
    // A connection stands once in a list; with several lists their union must be counted.
    let mut counts = audiences().map(Audience::connections).filter(|connections| *connections > 0);
    let first = counts.next().unwrap_or(0);
    if counts.next().is_none() {
        return first;
    }
    let mut union = HashMap::new();
    audiences().for_each(|audience| audience.count(&mut union));
    union.values().sum()
}
