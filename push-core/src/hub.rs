//! The hub: one sequence over all channels, and the map of what is held.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use crate::broker::{Broker, Inbound, LocalBroker, Publishing, Receipt, Stamp, Submission};
use crate::ceiling::Ceiling;
use crate::channel::{Channel, Edge, Freed, IN_FLIGHT, Log};
use crate::clock::{Clock, SystemClock};
use crate::config::{HubConfig, Namespace};
use crate::cursor::{Cursor, Epoch, Mark, channel_hash};
use crate::error::{PublishError, PublishErrorKind, SubscribeError};
use crate::form::FormBudget;
use crate::history::{HistoryStore, MemoryHistory, Recovered, StoreError};
use crate::idempotency::{Fingerprint, Remembered, Scope};
use crate::name::{ChannelName, Pattern};
use crate::pattern_feed::{PatternFeed, move_head};
use crate::presence::Presence;
use crate::publication::{Draft, Numbered, Publication};
use crate::registry::Registry;
use crate::signal::Waiter;
use crate::sync::{AtomicU64, Mutex, Ordering, RwLock};
use crate::trie::Trie;

/// Enough that publishers of different channels seldom meet.
const SHARDS: usize = 64;

/// The publish/subscribe hub. Cheap to clone: all clones are the same hub.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) inner: Arc<Inner>,
}

type Shard = HashMap<ChannelName, Arc<Channel>>;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: HubConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) epoch: Epoch,
    pub(crate) started: Instant,
    store: Arc<dyn HistoryStore>,
    broker: Arc<dyn Broker>,
    /// The last number given. A reader that has read it as W finds everything up to W under the channels' locks.
    counter: AtomicU64,
    /// The highest number ever forgotten with its channel.
    pub(crate) floor: AtomicU64,
    shards: Box<[RwLock<Shard>]>,
    pub(crate) channels: AtomicU64,
    hasher: RandomState,
    pub(crate) patterns: RwLock<Trie<Arc<PatternFeed>>>,
    namespaces: Vec<Arc<Namespace>>,
    default_namespace: Arc<Namespace>,
    /// Numbers of an engine arrive one at a time; held while one is appended.
    engine: Mutex<()>,
    next_channel_id: AtomicU64,
    pub(crate) forms: Arc<FormBudget>,
    pub(crate) ceiling: Ceiling,
    pub(crate) registry: Registry,
    pub(crate) presence: Presence,
    pub(crate) published: AtomicU64,
    /// Two more hashers, for push ids: nobody outside can aim at both.
    payload_hashers: (RandomState, RandomState),
    /// Which shard maintenance visits next.
    pub(crate) sweep: AtomicU64,
}

/// Builds a hub with a store, a broker or a clock of one's own.
#[derive(Debug)]
pub struct HubBuilder {
    config: HubConfig,
    store: Arc<dyn HistoryStore>,
    broker: Arc<dyn Broker>,
    clock: Arc<dyn Clock>,
}

impl HubBuilder {
    /// Keeps history in `store` instead of memory.
    #[must_use]
    pub fn history(mut self, store: Arc<dyn HistoryStore>) -> Self {
        self.store = store;
        self
    }

    /// Moves publications between nodes through `broker`.
    #[must_use]
    pub fn broker(mut self, broker: Arc<dyn Broker>) -> Self {
        self.broker = broker;
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the history and starts the hub.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the history can neither be read nor be left alone.
    pub fn build(self) -> Result<Hub, StoreError> {
        let recovered = self.store.recover()?;
        let hub = Hub { inner: Arc::new(Inner::new(self, recovered.as_ref())) };
        if let Some(recovered) = recovered {
            hub.inner.resume(recovered)?;
        }
        hub.inner.broker.attach(Inbound(Arc::downgrade(&hub.inner)));
        Ok(hub)
    }
}

impl Hub {
    /// A hub on one node with its history in memory.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use push_core::{Draft, Hub, HubConfig};
    /// let hub = Hub::new(HubConfig::default());
    /// let receipt = hub.publish("chat/lobby", Draft::text("hi")).await?;
    /// assert_eq!(receipt.offset, 1);
    /// # Ok(()) }
    /// ```
    pub fn new(config: HubConfig) -> Self {
        Self::builder(config).build().expect("memory needs no recovery")
    }

    /// A hub with parts of one's own.
    pub fn builder(config: HubConfig) -> HubBuilder {
        HubBuilder {
            config,
            store: Arc::new(MemoryHistory),
            broker: Arc::new(LocalBroker::default()),
            clock: Arc::new(SystemClock),
        }
    }

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
    /// fastest would soon lose publications to retention.
    pub fn is_pressed(&self, channel: &ChannelName) -> bool {
        self.inner.find(channel).is_some_and(|channel| channel.is_pressed())
    }

    /// The point behind everything published so far.
    pub fn head(&self) -> Cursor {
        Cursor::new(self.inner.epoch, self.inner.head())
    }

    /// The hub's settings.
    pub fn config(&self) -> &HubConfig {
        &self.inner.config
    }

    /// The hub's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The settings of `channel`.
    pub fn namespace(&self, channel: &ChannelName) -> &Namespace {
        self.inner.namespace(channel)
    }
}

impl Inner {
    fn new(builder: HubBuilder, recovered: Option<&Recovered>) -> Self {
        let HubBuilder { config, store, broker, clock } = builder;
        let namespaces = config.namespaces.iter().cloned().map(Arc::new).collect();
        Self {
            epoch: recovered.map_or_else(Epoch::random, |r| r.epoch),
            started: clock.now(),
            counter: AtomicU64::new(recovered.map_or(0, |r| r.head)),
            floor: AtomicU64::new(recovered.map_or(0, |r| r.floor)),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            channels: AtomicU64::new(0),
            hasher: RandomState::new(),
            patterns: RwLock::default(),
            namespaces,
            default_namespace: Arc::new(Namespace::defaults()),
            engine: Mutex::new(()),
            next_channel_id: AtomicU64::new(1),
            forms: FormBudget::new(config.max_form_bytes),
            ceiling: Ceiling::new(config.max_history_bytes),
            registry: Registry::new(config.max_connections),
            presence: Presence::new(config.presence_linger, config.max_members),
            published: AtomicU64::new(0),
            payload_hashers: (RandomState::new(), RandomState::new()),
            sweep: AtomicU64::new(0),
            config,
            clock,
            store,
            broker,
        }
    }

    fn resume(&self, recovered: Recovered) -> Result<(), StoreError> {
        for known in recovered.channels {
            let channel = self.channel_or_storage(&known.name)?;
            let mut log = channel.lock();
            let (number, offset) = known.trimmed;
            let head = log.resume(known.next_offset.max(1), Edge { number, offset });
            channel.set_head(head);
            let publications = log.history.len() as u64;
            let charge = log.history.bytes() + 256 * publications;
            drop(log);
            self.ceiling.add(&channel, charge, publications);
        }
        self.ceiling.enforce();
        Ok(())
    }

    /// The last number given.
    pub(crate) fn head(&self) -> u64 {
        self.counter.load(Ordering::Acquire)
    }

    pub(crate) fn namespace(&self, channel: &ChannelName) -> &Arc<Namespace> {
        self.namespaces.iter().find(|n| n.matches(channel)).unwrap_or(&self.default_namespace)
    }

    pub(crate) fn namespaces(&self) -> &[Arc<Namespace>] {
        &self.namespaces
    }

    pub(crate) fn default_namespace(&self) -> &Arc<Namespace> {
        &self.default_namespace
    }

    pub(crate) fn shards(&self) -> &[RwLock<Shard>] {
        &self.shards
    }

    fn shard(&self, channel: &ChannelName) -> &RwLock<Shard> {
        &self.shards[(self.hasher.hash_one(channel) as usize) % SHARDS]
    }

    /// The channel, if it is held.
    pub(crate) fn find(&self, channel: &ChannelName) -> Option<Arc<Channel>> {
        self.shard(channel).read().get(channel).cloned()
    }

    /// The channel, held from now on if it was not.
    pub(crate) fn channel(&self, name: &ChannelName) -> Result<Arc<Channel>, SubscribeError> {
        if let Some(channel) = self.find(name) {
            return Ok(channel);
        }
        if self.channels.load(Ordering::Relaxed) >= self.config.max_channels as u64 {
            return Err(SubscribeError::TooManyChannels);
        }
        Ok(self.channel_or_storage(name)?)
    }

    fn channel_or_storage(&self, name: &ChannelName) -> Result<Arc<Channel>, StoreError> {
        let mut shard = self.shard(name).write();
        if let Some(channel) = shard.get(name) {
            return Ok(Arc::clone(channel));
        }
        let history = self.store.open(name)?;
        let id = self.next_channel_id.fetch_add(1, Ordering::Relaxed);
        let floor = self.floor.load(Ordering::Acquire);
        let namespace = Arc::clone(self.namespace(name));
        let channel = Arc::new(Channel::new(id, name.clone(), namespace, history, floor, self.clock.now()));
        {
            let mut log = channel.lock();
            // The shard is locked: a pattern that is added meanwhile either is in the trie here,
            // or finds this channel when it walks the shards.
            for pattern in self.patterns.read().matches(name) {
                attach(&channel, &mut log, &pattern);
            }
        }
        shard.insert(name.clone(), Arc::clone(&channel));
        self.channels.fetch_add(1, Ordering::Relaxed);
        Ok(channel)
    }

    /// The feed of `pattern` with all matching channels attached, and the waiter's place in its audience.
    pub(crate) fn pattern(
        &self,
        pattern: &Pattern,
        waiter: &Arc<Waiter>,
    ) -> Result<(Arc<PatternFeed>, usize), SubscribeError> {
        let (feed, place) = {
            // Joined under the trie's lock: maintenance drops only feeds without an audience, under the same lock.
            let mut patterns = self.patterns.write();
            let feed = match patterns.get(pattern) {
                Some(feed) => Arc::clone(feed),
                None if patterns.len() >= self.config.max_patterns => return Err(SubscribeError::TooManyChannels),
                None => {
                    let feed = Arc::new(PatternFeed::new(pattern.clone(), self.clock.now()));
                    patterns.insert(pattern, Arc::clone(&feed));
                    feed
                }
            };
            let place = feed.audience.join(waiter);
            (feed, place)
        };
        feed.complete_with(|| self.attach_all(&feed));
        Ok((feed, place))
    }

    fn attach_all(&self, feed: &Arc<PatternFeed>) {
        for shard in &self.shards {
            let matching: Vec<_> = {
                let shard = shard.read();
                shard.iter().filter(|(name, _)| feed.pattern.matches(name)).map(|(_, c)| Arc::clone(c)).collect()
            };
            for channel in matching {
                let mut log = channel.lock();
                if !log.forgotten {
                    attach(&channel, &mut log, feed);
                }
            }
        }
    }

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
        Ok(Submission { channel: channel.clone(), publisher: publisher.into(), draft, class })
    }

    /// Numbers and appends a publication, and wakes who waits for it.
    pub(crate) fn accept(&self, submission: Submission, stamp: Option<Stamp>) -> Result<Receipt, PublishError> {
        let _engine = stamp.map(|_| self.engine.lock());
        if stamp.is_some_and(|stamp| stamp.number <= self.head()) {
            return Err(PublishError::new(PublishErrorKind::Conflict));
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
        let subscribers = reached(channel, patterns);
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

/// Connections that a publication to `channel` is to reach, each once.
pub(crate) fn reached(channel: &Channel, patterns: &[Arc<PatternFeed>]) -> usize {
    let audiences = || patterns.iter().map(|pattern| &pattern.audience).chain([&channel.audience]);
    // A connection stands once in a list; with several lists their union must be counted.
    if audiences().filter(|audience| !audience.is_empty()).count() <= 1 {
        return audiences().map(|audience| audience.len()).sum();
    }
    let mut ids = HashSet::new();
    audiences().for_each(|audience| audience.ids(&mut ids));
    ids.len()
}

fn attach(channel: &Arc<Channel>, log: &mut Log, feed: &Arc<PatternFeed>) {
    if !log.patterns.iter().any(|have| Arc::ptr_eq(have, feed)) {
        feed.attach(channel);
        log.patterns.push(Arc::clone(feed));
    }
}
