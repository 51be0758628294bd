//! Who would hear a publication: asked by those who make one only if somebody does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::accept::reached;
use crate::channel::Channel;
use crate::hub::Hub;
use crate::name::{ChannelName, MAIL_PREFIX};
use crate::sync::RwLock;

/// The channels of mail that are held, by name.
///
/// Locked within a shard's lock; within this one, only audiences are.
#[derive(Debug, Default)]
pub(crate) struct ByName(RwLock<BTreeMap<ChannelName, Arc<Channel>>>);

impl ByName {
    /// The channel is held from now on.
    pub(crate) fn insert(&self, channel: &Arc<Channel>) {
        if channel.name.is_mail() {
            self.0.write().insert(channel.name.clone(), Arc::clone(channel));
        }
    }

    /// The channel is not held any more.
    pub(crate) fn remove(&self, channel: &Channel) {
        if channel.name.is_mail() {
            let removed = self.0.write().remove(&channel.name);
            drop(removed); // outside of the lock
        }
    }

    fn any_below(&self, prefix: &str, wanted: impl Fn(&Channel) -> bool) -> bool {
        let channels = self.0.read();
        let from = channels.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        from.take_while(|(name, _)| name.as_str().starts_with(prefix)).any(|(_, channel)| wanted(channel))
    }
}

impl Hub {
    /// Connections on this node that a publication to `channel` would reach now: its own and those of patterns that match,
    /// each once. The channel is not created by that.
    pub fn reach(&self, channel: &ChannelName) -> usize {
        let inner = &self.inner;
        match inner.find(channel) {
            Some(held) => {
                let patterns = held.lock().patterns.clone();
                reached(Some(&held), &patterns)
            }
            None => {
                let patterns = inner.patterns.read().matches(channel);
                reached(None, &patterns)
            }
        }
    }

    /// Whether a publication to any channel whose name begins with `prefix` could reach a connection on this node now:
    /// somebody subscribes such a channel, or a pattern that can match one, known or not.
    ///
    /// With a `prefix` that begins with `mail/` it is cheap enough to be asked every second for each of many accounts: its
    /// time is that of the channels held and the patterns subscribed below `prefix`. With any other it is in that of all
    /// channels.
    ///
    /// ```
    /// # fn example(subscriber: &mut push_core::Subscriber, hub: &push_core::Hub) -> Result<(), Box<dyn std::error::Error>> {
    /// use push_core::{Selector, Since};
    /// assert!(!hub.reaches_below("mail/alice/"));
    /// subscriber.open(&[Selector::parse("mail/*/INBOX")?], Since::Now, None)?;
    /// assert!(hub.reaches_below("mail/alice/"));
    /// # Ok(()) }
    /// ```
    pub fn reaches_below(&self, prefix: &str) -> bool {
        let inner = &self.inner;
        let is_heard = |channel: &Channel| channel.audience.connections() > 0;
        if inner.patterns.read().any_below(prefix, |feed| feed.audience.connections() > 0) {
            return true;
        }
        if prefix.starts_with(MAIL_PREFIX) {
            return inner.mail.any_below(prefix, is_heard);
        }
        let mut shards = inner.shards().iter();
        shards.any(|shard| shard.read().values().any(|held| held.name.as_str().starts_with(prefix) && is_heard(held)))
    }
}
