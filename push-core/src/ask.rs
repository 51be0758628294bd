//! Questions to a hub: history, presence, which channels there are, and how it does.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use crate::accept::reached;
use crate::cursor::{Cursor, Epoch, Since};
use crate::ending::{Ending, Overflow};
use crate::hub::{Hub, Inner};
use crate::name::{ChannelName, Pattern, Selector};
use crate::opening;
use crate::presence::Members;
use crate::publication::Publication;
use crate::reader::{Budget, Reader};
use crate::recovery::{Gap, Outcome};
use crate::registry::Target;
use crate::source::{Feed, Source};
use crate::sync::Ordering;

/// A part of a channel's history.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    /// Where to go on: behind the last publication if there is more, else as far as was looked.
    pub cursor: Cursor,
    /// Oldest first.
    pub publications: Vec<Arc<Publication>>,
    /// Whether there is more.
    pub more: bool,
    /// How much of what lies behind the cursor asked for is there.
    pub outcome: Outcome,
    /// What is not; empty exactly if the outcome is complete.
    pub gaps: Vec<Gap>,
}

/// One channel that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its name.
    pub channel: ChannelName,
    /// The offset of its newest publication; 0 if none was ever published.
    pub offset: u64,
    /// How many publications its history keeps.
    pub retained: usize,
    /// Connections that a publication to it is to reach.
    pub subscribers: usize,
}

/// How a hub does. Bytes are those of payloads and 256 for each publication.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HubStats {
    /// The identity of the sequence.
    pub epoch: Epoch,
    /// The last number given.
    pub head: u64,
    /// The highest number forgotten.
    pub floor: u64,
    /// Publications accepted since the start.
    pub published: u64,
    /// Channels held.
    pub channels: u64,
    /// Patterns subscribed.
    pub patterns: usize,
    /// Subscribed connections by transport.
    pub connections: BTreeMap<&'static str, usize>,
    /// Publications held.
    pub publications: u64,
    /// Bytes that histories hold.
    pub history_bytes: u64,
    /// Bytes that wire forms hold.
    pub form_bytes: u64,
    /// Time since the start.
    pub uptime: Duration,
}

impl Hub {
    /// Reads the history of one channel, which is not created by that. [`Since::Now`] gives nothing.
    pub fn history(&self, channel: &ChannelName, since: Since, budget: Budget) -> HistoryPage {
        let inner = &self.inner;
        let head = inner.head();
        let Some(held) = inner.find(channel) else { return inner.history_of_unknown(channel, since, head) };
        let source = Source {
            selector: Selector::Channel(channel.clone()),
            feed: Feed::Channel(held),
            place: 0,
            after: 0,
            live_from: head,
            overflow: Overflow::Gap,
            offset: None,
            told_forgotten: 0,
            is_present: false,
        };
        let mut reader = Reader { sources: vec![source], ..Reader::default() };
        let start = opening::open(inner, &mut reader, since, head);
        let read = reader.read(head, budget, false);
        let gaps: Vec<Gap> = start.gaps.into_iter().chain(read.gaps).collect();
        let outcome = gaps.iter().map(|gap| gap.outcome).max().unwrap_or_default();
        let cursor = match read.publications.last() {
            Some(last) if read.more => last.id(),
            _ => Cursor::new(inner.epoch, reader.seen),
        };
        HistoryPage { cursor, publications: read.publications, more: read.more, outcome, gaps }
    }

    /// Who is subscribed to `channel`; nobody is, in a namespace without presence.
    pub fn presence(&self, channel: &ChannelName) -> Members {
        self.inner.presence.members(channel)
    }

    /// Channels held that begin with `prefix`, behind `after`, in byte order, at most `limit`.
    pub fn channels(&self, prefix: &str, after: &str, limit: usize) -> Vec<ChannelInfo> {
        let mut names: BinaryHeap<ChannelName> = BinaryHeap::new();
        for shard in self.inner.shards() {
            for name in shard.read().keys() {
                let wanted = name.as_str().starts_with(prefix) && name.as_str() > after;
                if wanted && (names.len() < limit || names.peek().is_some_and(|last| name < last)) {
                    names.push(name.clone());
                    if names.len() > limit {
                        names.pop();
                    }
                }
            }
        }
        names.into_sorted_vec().into_iter().filter_map(|name| self.channel_info(&name)).collect()
    }

    fn channel_info(&self, name: &ChannelName) -> Option<ChannelInfo> {
        let channel = self.inner.find(name)?;
        let log = channel.lock();
        let (patterns, retained) = (log.patterns.clone(), log.history.len());
        let offset = log.last_offset();
        drop(log);
        Some(ChannelInfo { channel: name.clone(), offset, retained, subscribers: reached(Some(&channel), &patterns) })
    }

    /// Ends connections and tells their clients why; returns how many.
    pub fn disconnect(&self, target: &Target, ending: &Ending) -> usize {
        self.inner.registry.end(target, ending)
    }

    /// Ends all connections, each with an ending of its own (so that clients come back one after another); members of a
    /// [`Crowd`](crate::Crowd) that cannot be named share one.
    pub fn disconnect_all(&self, ending: impl FnMut() -> Ending) -> usize {
        self.inner.registry.end_all(ending)
    }

    /// Subscribed connections.
    pub fn connections(&self) -> usize {
        self.inner.registry.len()
    }

    /// How the hub does. Counting connections by transport takes time in their number.
    pub fn stats(&self) -> HubStats {
        let inner = &self.inner;
        HubStats {
            epoch: inner.epoch,
            head: inner.head(),
            floor: inner.floor.load(Ordering::Acquire),
            published: inner.published.load(Ordering::Relaxed),
            channels: inner.channels.load(Ordering::Relaxed),
            patterns: inner.patterns.read().len(),
            connections: inner.registry.by_transport(),
            publications: inner.ceiling.publications(),
            history_bytes: inner.ceiling.charge(),
            form_bytes: inner.forms.bytes(),
            uptime: inner.clock.now().saturating_duration_since(inner.started),
        }
    }
}

impl Inner {
    /// The settings of the channels of `pattern`: a namespace's that contains it wholly, else the defaults.
    pub(crate) fn namespace_of_pattern(&self, pattern: &Pattern) -> &crate::config::Namespace {
        let selector = Selector::Pattern(pattern.clone());
        let contains = |p: &Option<Pattern>| p.as_ref().is_some_and(|p| p.contains(&selector));
        self.namespaces().iter().find(|n| contains(&n.pattern)).unwrap_or(self.default_namespace())
    }

    fn history_of_unknown(&self, channel: &ChannelName, since: Since, head: u64) -> HistoryPage {
        let outcome = match since {
            Since::Cursor(cursor) if cursor.epoch != self.epoch || cursor.number > head => Outcome::Lost,
            Since::Cursor(cursor) if cursor.number < self.floor.load(Ordering::Acquire) => Outcome::Partial,
            _ => Outcome::Complete,
        };
        let gap = Gap { channel: channel.as_str().into(), outcome, from: None, to: None, missed: None };
        let gaps = if outcome == Outcome::Complete { Vec::new() } else { vec![gap] };
        HistoryPage { cursor: Cursor::new(self.epoch, head), publications: Vec::new(), more: false, outcome, gaps }
    }
}
