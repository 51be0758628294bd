//! The hub: one sequence over all channels, and the map of what is held.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Instant;

use crate::broker::{Broker, Inbound, LocalBroker};
use crate::ceiling::Ceiling;
use crate::channel::{Channel, Edge};
use crate::clock::{Clock, SystemClock};
use crate::config::{HubConfig, Namespace};
use crate::cursor::{Cursor, Epoch};
use crate::form::FormBudget;
use crate::history::{HistoryStore, MemoryHistory, Recovered, StoreError};
use crate::name::ChannelName;
use crate::pattern_feed::PatternFeed;
use crate::presence::Presence;
use crate::reach::ByName;
use crate::registry::Registry;
use crate::sync::{AtomicU64, Mutex, Ordering, RwLock};
use crate::trie::Trie;

/// Enough that publishers of different channels seldom meet.
pub(crate) const SHARDS: usize = 64;

/// The publish/subscribe hub. Cheap to clone: all clones are the same hub.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) type Shard = HashMap<ChannelName, Arc<Channel>>;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: HubConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) epoch: Epoch,
    pub(crate) started: Instant,
    pub(crate) store: Arc<dyn HistoryStore>,
    pub(crate) broker: Arc<dyn Broker>,
    /// The last number given. A reader that has read it as W finds everything up to W under the channels' locks.
    pub(crate) counter: AtomicU64,
    /// The highest number ever forgotten with its channel.
    pub(crate) floor: AtomicU64,
    pub(crate) shards: Box<[RwLock<Shard>]>,
    pub(crate) channels: AtomicU64,
    /// Those of mail once more, in the order of their names: whoever publishes them asks who would hear it.
    pub(crate) mail: ByName,
    pub(crate) hasher: RandomState,
    pub(crate) patterns: RwLock<Trie<Arc<PatternFeed>>>,
    pub(crate) namespaces: Vec<Arc<Namespace>>,
    pub(crate) default_namespace: Arc<Namespace>,
    /// Numbers of an engine arrive one at a time; held while one is appended.
    pub(crate) engine: Mutex<()>,
    pub(crate) next_channel_id: AtomicU64,
    pub(crate) forms: Arc<FormBudget>,
    pub(crate) ceiling: Ceiling,
    pub(crate) registry: Registry,
    pub(crate) presence: Presence,
    pub(crate) published: AtomicU64,
    /// Two more hashers, for push ids: nobody outside can aim at both.
    pub(crate) payload_hashers: (RandomState, RandomState),
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
            mail: ByName::default(),
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
}
