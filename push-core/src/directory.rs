//! What a hub holds: channels in shards, patterns in their trie, and which belongs to which.

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::channel::{Channel, Log};
use crate::config::Namespace;
use crate::error::SubscribeError;
use crate::history::StoreError;
use crate::hub::{Inner, SHARDS, Shard};
use crate::name::{ChannelName, Pattern, Selector};
use crate::pattern_feed::PatternFeed;
use crate::signal::Waiter;
use crate::source::{Feed, Source};
use crate::sync::{Ordering, RwLock};

impl Inner {
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

    pub(crate) fn channel_or_storage(&self, name: &ChannelName) -> Result<Arc<Channel>, StoreError> {
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
        self.mail.insert(&channel);
        self.channels.fetch_add(1, Ordering::Relaxed);
        Ok(channel)
    }

    /// What `selector` reads from, and the waiter's place in its audience: from now on it is woken.
    pub(crate) fn attend(&self, selector: &Selector, waiter: &Arc<Waiter>) -> Result<(Feed, usize), SubscribeError> {
        match selector {
            Selector::Channel(name) => self.attend_channel(name, waiter),
            Selector::Pattern(pattern) => {
                self.attend_pattern(pattern, waiter).map(|(feed, place)| (Feed::Pattern(feed), place))
            }
        }
    }

    fn attend_channel(&self, name: &ChannelName, waiter: &Arc<Waiter>) -> Result<(Feed, usize), SubscribeError> {
        loop {
            let channel = self.channel(name)?;
            let log = channel.lock();
            if log.forgotten {
                continue;
            }
            // Under the channel's lock: maintenance forgets only channels without an audience, under the same lock.
            let place = channel.audience.join(waiter);
            drop(log);
            return Ok((Feed::Channel(channel), place));
        }
    }

    /// Gives up the place of `source` in its audience.
    pub(crate) fn desert(&self, source: &Source) {
        let now = self.clock.now();
        match &source.feed {
            Feed::Channel(channel) => channel.lock().last_used = now,
            Feed::Pattern(feed) => feed.touch(now),
        }
        source.feed.audience().leave(source.place);
    }

    /// The feed of `pattern` with all matching channels attached, and the waiter's place in its audience.
    fn attend_pattern(
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
}

fn attach(channel: &Arc<Channel>, log: &mut Log, feed: &Arc<PatternFeed>) {
    if !log.patterns.iter().any(|have| Arc::ptr_eq(have, feed)) {
        feed.attach(channel);
        log.patterns.push(Arc::clone(feed));
    }
}
