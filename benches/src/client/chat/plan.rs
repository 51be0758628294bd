//! What a chat consists of.

use serde::{Deserialize, Serialize};

use super::encode;
use super::writer::Way;
use crate::args::Dialect;
use crate::kind::Kind;

/// Who subscribes what, and how it is published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) groups: usize,
    /// Channels of each group. The limit has one for them all.
    pub(crate) channels: usize,
    /// Subscribers of each group.
    pub(crate) subscribers: usize,
    /// They subscribe the pattern of all channels, and not each by its name.
    pub(crate) is_pattern: bool,
    pub(crate) way: Way,
    pub(crate) publishers: usize,
    /// Messages of a request in [`Way::Batch`].
    pub(crate) batch: usize,
    /// Requests that each publisher may have unanswered.
    pub(crate) pipeline: usize,
    /// Publishes only when everybody has everything.
    pub(crate) is_level: bool,
}

impl Plan {
    /// What goes into the query of a subscriber of `group`.
    pub(super) fn selector(&self, dialect: Dialect, group: usize) -> String {
        let begin = group * self.channels;
        match dialect {
            Dialect::Limit => encode::query(begin..begin + 1),
            _ if self.is_pattern => "room/*".to_owned(),
            _ => encode::query(begin..begin + self.channels),
        }
    }

    /// The channel of a group's message `seq`.
    pub(super) fn channel(&self, dialect: Dialect, group: usize, seq: u64) -> usize {
        let turn = match dialect {
            Dialect::Limit => 0,
            _ => seq as usize % self.channels,
        };
        group * self.channels + turn
    }

    /// The group that comes after `group` in its publisher's round.
    pub(super) fn next_group(&self, group: usize) -> usize {
        let next = group + self.publishers;
        if next < self.groups { next } else { group % self.publishers }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Counted {
    Deliveries,
    Publications,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(groups: usize, channels: usize, publishers: usize) -> Plan {
        let (kind, way) = (Kind::Ws, Way::Single);
        let (subscribers, batch, pipeline, is_pattern, is_level) = (1, 1, 1, false, false);
        Plan { kind, groups, channels, subscribers, is_pattern, way, publishers, batch, pipeline, is_level }
    }

    #[test]
    fn publishers_go_round_over_groups_of_their_own() {
        let plan = plan(7, 1, 3);
        let rounds = [0, 1, 2].map(|first| {
            let mut round = vec![first];
            (0..3).for_each(|_| round.push(plan.next_group(round[round.len() - 1])));
            round
        });
        assert_eq!(rounds, [[0, 3, 6, 0], [1, 4, 1, 4], [2, 5, 2, 5]]);
    }

    #[test]
    fn the_messages_of_a_group_go_round_over_its_channels() {
        let plan = plan(2, 3, 1);
        let channels = |dialect| [1, 2, 3, 4].map(|seq| plan.channel(dialect, 1, seq));
        assert_eq!(channels(Dialect::Push), [4, 5, 3, 4]);
        assert_eq!(channels(Dialect::Limit), [3; 4]);
        assert_eq!(plan.selector(Dialect::Push, 1), "room/3&channel=room/4&channel=room/5");
        assert_eq!(plan.selector(Dialect::Limit, 1), "room/3");
        let pattern = Plan { is_pattern: true, ..plan };
        assert_eq!(pattern.selector(Dialect::Push, 0), "room/*");
    }
}
