//! What time alone changes: members leave, publications age, what nobody uses is forgotten.

use std::sync::Arc;

use crate::channel::Channel;
use crate::hub::{Hub, Inner};
use crate::name::ChannelName;
use crate::pattern_feed::PatternFeed;
use crate::presence::Change;
use crate::publication::Draft;
use crate::registry::{Client, ConnectionId};
use crate::sync::Ordering;

/// Shards that one call visits: with a call a second every channel is visited every 16 s.
const SHARDS_A_CALL: u64 = 4;

impl Hub {
    /// Does what is due: call it about once a second (the transports' router does). History past its age is not
    /// given out even if it was not called; members leave and memory is given back only here.
    pub fn maintain(&self) {
        let inner = &self.inner;
        inner.presence.expire(inner.clock.now(), |change| inner.announce(change));
        let first = inner.sweep.fetch_add(SHARDS_A_CALL, Ordering::Relaxed);
        for shard in first..first + SHARDS_A_CALL {
            inner.sweep_shard(shard as usize % inner.shards().len());
        }
        inner.sweep_patterns();
    }

    /// Forgets the history of `channel`: cursors from before will be told `partial`.
    pub fn forget_history(&self, channel: &ChannelName) {
        if let Some(channel) = self.inner.find(channel) {
            let freed = channel.lock().trim_all();
            self.inner.ceiling.freed(freed);
        }
    }
}

impl Inner {
    /// Trims what is past its age.
    pub(crate) fn expire(&self, channel: &Channel) {
        let freed = channel.lock().apply_retention(&channel.namespace, self.clock.unix_ms());
        if freed.publications > 0 {
            self.ceiling.freed(freed);
        }
    }

    /// A connection enters the presence of `channel`.
    pub(crate) fn enter(&self, channel: &ChannelName, client: &Client, connection: ConnectionId) {
        self.presence.join(channel, client, connection, self.clock.unix_ms(), |change| self.announce(change));
    }

    /// Publishes a join or a leave. A full hub may refuse it; the members themselves are right all the same.
    fn announce(&self, change: Change) {
        let Some(channel) = change.channel.presence_channel() else { return };
        let data = serde_json::to_vec(&change.member).expect("a member serialises");
        let event = if change.joined { "join" } else { "leave" };
        let event = crate::label::EventName::parse(event).expect("an event");
        let announced = self
            .check("", &channel, Draft::json(data).event(event))
            .and_then(|submission| self.accept(submission, None));
        if let Err(error) = announced {
            tracing::warn!(%channel, %error, "presence change not published");
        }
    }

    fn sweep_shard(&self, index: usize) {
        let channels: Vec<_> = self.shards()[index].read().values().cloned().collect();
        for channel in channels {
            self.expire(&channel);
            if self.is_unused(&channel) {
                self.forget(index, &channel);
            }
        }
    }

    fn is_unused(&self, channel: &Channel) -> bool {
        let now = self.clock.now();
        let mut log = channel.lock();
        let push_ids_expired = log.push_ids.as_mut().is_none_or(|window| {
            window.expire(now, self.config.push_id_age);
            window.is_empty()
        });
        if push_ids_expired {
            log.push_ids = None;
        }
        let idle = now.saturating_duration_since(log.last_used) >= self.config.idle;
        push_ids_expired && idle && log.is_empty() && channel.audience.is_deserted()
    }

    fn forget(&self, index: usize, channel: &Arc<Channel>) {
        let mut shard = self.shards()[index].write();
        let mut log = channel.lock();
        // Somebody may have come since: nobody joins or publishes without the channel's lock.
        if !log.is_empty() || !channel.audience.is_deserted() || log.push_ids.is_some() || log.forgotten {
            return;
        }
        log.forgotten = true;
        let last = channel.head();
        // Before the channel leaves the map: one that is made anew must begin behind everything this one had.
        self.floor.fetch_max(last, Ordering::AcqRel);
        for pattern in log.patterns.drain(..) {
            pattern.detach(channel, last);
        }
        shard.remove(&channel.name);
        self.mail.remove(channel);
        if shard.capacity() > 64 && shard.len() * 8 < shard.capacity() {
            let keep = shard.len() * 2;
            shard.shrink_to(keep);
        }
        self.channels.fetch_sub(1, Ordering::Relaxed);
    }

    fn sweep_patterns(&self) {
        let now = self.clock.now();
        let unused = |feed: &PatternFeed| {
            feed.audience.is_deserted() && now.saturating_duration_since(feed.last_used()) >= self.config.idle
        };
        let mut candidates = Vec::new();
        self.patterns.read().for_each(|feed| {
            if unused(feed) {
                candidates.push(Arc::clone(feed));
            }
        });
        for feed in candidates {
            {
                let mut patterns = self.patterns.write();
                // Another sweep may have been faster, and the pattern be subscribed anew.
                let is_this = patterns.get(&feed.pattern).is_some_and(|held| Arc::ptr_eq(held, &feed));
                if !is_this || !unused(&feed) {
                    continue;
                }
                patterns.remove(&feed.pattern);
            }
            for (_, channel) in feed.channels_with_heads() {
                channel.lock().patterns.retain(|have| !Arc::ptr_eq(have, &feed));
            }
        }
    }
}
