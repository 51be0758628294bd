//! What one subscription reads from: a channel or a pattern, and from where on.

use std::sync::Arc;

use crate::audience::Audience;
use crate::channel::Channel;
use crate::ending::Overflow;
use crate::name::{ChannelName, Selector};
use crate::pattern_feed::PatternFeed;
use crate::publication::Publication;
use crate::recovery::{Gap, Outcome};

/// Where publications come from.
#[derive(Clone, Debug)]
pub(crate) enum Feed {
    Channel(Arc<Channel>),
    Pattern(Arc<PatternFeed>),
}

impl Feed {
    pub(crate) fn audience(&self) -> &Audience {
        match self {
            Feed::Channel(channel) => &channel.audience,
            Feed::Pattern(feed) => &feed.audience,
        }
    }

    /// Whether it is the same, not only one of the same name.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Feed::Channel(one), Feed::Channel(other)) => Arc::ptr_eq(one, other),
            (Feed::Pattern(one), Feed::Pattern(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// One channel or pattern of a connection, or of a crowd.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) selector: Selector,
    pub(crate) feed: Feed,
    /// The reader's place in the feed's audience.
    pub(crate) place: usize,
    /// It delivers what is behind this number only.
    pub(crate) after: u64,
    /// What history does not keep is delivered behind this number only.
    pub(crate) live_from: u64,
    pub(crate) overflow: Overflow,
    /// One channel's last offset that was read, if known: so that a gap can be told exactly.
    pub(crate) offset: Option<u64>,
    /// Up to where the forgetting of channels of a pattern was told.
    pub(crate) told_forgotten: u64,
    /// Whether the channel has presence: its connections have entered, and so are to leave it.
    pub(crate) is_present: bool,
}

/// A channel to read in one go, from one or several sources.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) channel: Arc<Channel>,
    /// What was read up to.
    pub(crate) after: u64,
    pub(crate) live_from: u64,
    pub(crate) overflow: Overflow,
    /// The literal source, whose offset moves with the lane.
    pub(crate) source: Option<usize>,
    /// Whether that offset is the last one before `after`.
    pub(crate) knows_offset: bool,
}

impl Source {
    /// Whether `publication` belongs to this source.
    pub(crate) fn covers(&self, publication: &Publication) -> bool {
        let from = if publication.is_retained() { self.after } else { self.after.max(self.live_from) };
        publication.number() > from && self.selector.matches(publication.channel())
    }

    /// The channels that may have something behind `number`.
    pub(crate) fn channels_after(&self, number: u64) -> Vec<Arc<Channel>> {
        match &self.feed {
            Feed::Channel(channel) if channel.may_have_after(number) => vec![Arc::clone(channel)],
            Feed::Channel(_) => Vec::new(),
            Feed::Pattern(feed) => feed.channels_after(number),
        }
    }

    /// The channels that may have something behind `seen`, as lanes; each channel once over all sources.
    pub(crate) fn lanes(sources: &[Source], seen: u64) -> Vec<Lane> {
        let mut lanes: Vec<Lane> = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            let after = source.after.max(seen);
            let is_literal = matches!(source.feed, Feed::Channel(_));
            lanes.extend(source.channels_after(after).into_iter().map(|channel| Lane {
                channel,
                after,
                live_from: source.live_from,
                overflow: source.overflow,
                source: is_literal.then_some(index),
                knows_offset: is_literal,
            }));
        }
        if sources.len() > 1 {
            lanes.sort_by_key(|lane| lane.channel.id);
            lanes.dedup_by(|lane, first| {
                let same = lane.channel.id == first.channel.id;
                if same {
                    // A literal source knows its offset at its own position; where another begins earlier, nobody does.
                    let knows = |one: &Lane, other: &Lane| one.knows_offset && one.after <= other.after;
                    first.knows_offset = knows(first, lane) || knows(lane, first);
                    first.after = first.after.min(lane.after);
                    first.live_from = first.live_from.min(lane.live_from);
                    first.source = first.source.or(lane.source);
                }
                same
            });
        }
        lanes
    }

    /// The room of its presence.
    pub(crate) fn room(&self) -> Option<&ChannelName> {
        match &self.feed {
            Feed::Channel(channel) if self.is_present => Some(&channel.name),
            _ => None,
        }
    }

    /// The gap of a whole source.
    pub(crate) fn gap(&self, outcome: Outcome) -> Gap {
        Gap { channel: self.selector.as_str().into(), outcome, from: None, to: None, missed: None }
    }
}
