//! Presence: who is subscribed to a channel now, and the joins and leaves that follow from it.
//!
//! A member is a user, or what an anonymous client says of itself; it may have several connections. It
//! stays for a while after the last one is gone, so that polls and reconnects do not flicker. Pure: the
//! hub passes `now` and publishes the [`Change`]s.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use crate::name::ChannelName;
use crate::registry::{Client, ConnectionId};
use crate::sync::Mutex;

/// One connection of a member, or the last one of a member that lingers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user, if known.
    pub user: Option<Arc<str>>,
    /// The connection.
    pub connection: ConnectionId,
    /// What the client says about itself, as JSON.
    pub info: Option<Arc<str>>,
    /// Since when the member is there, in Unix milliseconds.
    pub since_ms: u64,
}

impl serde::Serialize for Member {
    /// `{"user","connection","info","since"}`, unknown fields left out.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        if let Some(user) = &self.user {
            map.serialize_entry("user", &**user)?;
        }
        map.serialize_entry("connection", &self.connection.to_string())?;
        if let Some(info) = self.info.as_deref().and_then(|info| serde_json::from_str::<Box<RawValue>>(info).ok()) {
            map.serialize_entry("info", &info)?;
        }
        map.serialize_entry("since", &self.since_ms)?;
        map.end()
    }
}

/// Who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Connections of members, members that linger, and open connections without a name.
    pub count: usize,
    /// Each connection of a member; empty when there are more members than are listed.
    pub members: Vec<Member>,
}

/// A join or a leave to publish on the presence channel of `channel`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) channel: ChannelName,
    pub(crate) joined: bool,
    pub(crate) member: Member,
}

/// What makes two connections one member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    User(Arc<str>),
    Info(Arc<str>),
}

#[derive(Debug)]
struct Presented {
    connections: Vec<Member>,
    /// Since the last connection went: who it was, and until when the member stays.
    lingering: Option<(Member, Instant)>,
    /// Whether its join was published, so that its leave will be.
    announced: bool,
}

#[derive(Debug, Default)]
struct Room {
    members: HashMap<Who, Presented>,
    others: usize,
}

#[derive(Debug)]
pub(crate) struct Presence {
    linger: Duration,
    max_members: usize,
    rooms: Mutex<HashMap<ChannelName, Room>>,
    /// Locked under `rooms`, never the other way round.
    changes: Mutex<Changes>,
}

/// Changes on their way: noted in the order they happened, published without any lock. Publishing wakes subscribers,
/// which may run or drop anything, a member's connection too.
#[derive(Debug, Default)]
struct Changes {
    waiting: VecDeque<Change>,
    /// Whether somebody publishes: whoever else notes a change leaves it to them, so that the order stays.
    is_announcing: bool,
}

impl Presence {
    pub(crate) fn new(linger: Duration, max_members: usize) -> Self {
        Self { linger, max_members, rooms: Mutex::default(), changes: Mutex::default() }
    }

    fn who(client: &Client) -> Option<Who> {
        match (&client.user, &client.info) {
            (Some(user), _) => Some(Who::User(Arc::clone(user))),
            (None, Some(info)) if client.member_by_info => Some(Who::Info(Arc::clone(info))),
            _ => None,
        }
    }

    /// Publishes what waits, one after the other.
    fn announce(&self, mut publish: impl FnMut(Change)) {
        let mut next = {
            let mut changes = self.changes.lock();
            if changes.is_announcing {
                return;
            }
            let first = changes.waiting.pop_front();
            changes.is_announcing = first.is_some();
            first
        };
        while let Some(change) = next {
            publish(change);
            let mut changes = self.changes.lock();
            next = changes.waiting.pop_front();
            changes.is_announcing = next.is_some();
        }
    }

    /// A connection subscribes `channel`. Changes are published in the order they happen, by whoever comes first.
    pub(crate) fn join(
        &self,
        channel: &ChannelName,
        client: &Client,
        connection: ConnectionId,
        unix_ms: u64,
        publish: impl FnMut(Change),
    ) {
        self.enter(channel, client, connection, unix_ms);
        self.announce(publish);
    }

    fn enter(&self, channel: &ChannelName, client: &Client, connection: ConnectionId, unix_ms: u64) {
        let mut rooms = self.rooms.lock();
        let room = rooms.entry(channel.clone()).or_default();
        let Some(who) = Self::who(client) else {
            room.others += 1;
            return;
        };
        let has_room = room.members.len() < self.max_members;
        let mut member = Member { user: client.user.clone(), connection, info: client.info.clone(), since_ms: unix_ms };
        match room.members.get_mut(&who) {
            Some(presented) => {
                let known = presented.connections.first().or(presented.lingering.as_ref().map(|(m, _)| m));
                member.since_ms = known.map_or(unix_ms, |m| m.since_ms);
                presented.lingering = None;
                presented.connections.push(member);
            }
            None => {
                let presented = Presented { connections: vec![member.clone()], lingering: None, announced: has_room };
                room.members.insert(who, presented);
                if has_room {
                    let change = Change { channel: channel.clone(), joined: true, member };
                    self.changes.lock().waiting.push_back(change);
                }
            }
        }
    }

    /// A connection unsubscribes `channel`, or is gone.
    pub(crate) fn leave(&self, channel: &ChannelName, client: &Client, connection: ConnectionId, now: Instant) {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(channel) else { return };
        match Self::who(client) {
            None => room.others = room.others.saturating_sub(1),
            Some(who) => {
                let Some(presented) = room.members.get_mut(&who) else { return };
                let Some(at) = presented.connections.iter().position(|m| m.connection == connection) else { return };
                let gone = presented.connections.swap_remove(at);
                if presented.connections.is_empty() {
                    presented.lingering = Some((gone, now + self.linger));
                }
            }
        }
        if room.members.is_empty() && room.others == 0 {
            rooms.remove(channel);
        }
    }

    /// Open connections without a name unsubscribe `channel`, or are gone.
    pub(crate) fn leave_nameless(&self, channel: &ChannelName, connections: usize) {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(channel) else { return };
        room.others = room.others.saturating_sub(connections);
        if room.members.is_empty() && room.others == 0 {
            rooms.remove(channel);
        }
    }

    /// Lets go of members whose time is over.
    pub(crate) fn expire(&self, now: Instant, publish: impl FnMut(Change)) {
        self.rooms.lock().retain(|channel, room| {
            room.members.retain(|_, presented| {
                let Some((member, until)) = &presented.lingering else { return true };
                if *until > now {
                    return true;
                }
                if presented.announced {
                    let change = Change { channel: channel.clone(), joined: false, member: member.clone() };
                    self.changes.lock().waiting.push_back(change);
                }
                false
            });
            !room.members.is_empty() || room.others > 0
        });
        self.announce(publish);
    }

    pub(crate) fn members(&self, channel: &ChannelName) -> Members {
        let rooms = self.rooms.lock();
        let Some(room) = rooms.get(channel) else { return Members::default() };
        let places = |p: &Presented| p.connections.len() + usize::from(p.lingering.is_some());
        let count = room.others + room.members.values().map(places).sum::<usize>();
        if room.members.len() > self.max_members {
            return Members { count, members: Vec::new() };
        }
        let lingering = |p: &Presented| p.lingering.as_ref().map(|(member, _)| member.clone());
        let mut members: Vec<Member> =
            room.members.values().flat_map(|p| p.connections.iter().cloned().chain(lingering(p))).collect();
        members.sort_by_key(|member| (member.since_ms, member.connection));
        Members { count, members }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    const LINGER: Duration = Duration::from_secs(15);

    fn user(name: &str) -> Client {
        Client { user: Some(name.into()), ..Client::default() }
    }

    fn changes(presence: &Presence, now: Instant) -> Vec<(bool, String)> {
        let mut changes = Vec::new();
        presence.expire(now, |c| changes.push((c.joined, c.member.user.expect("a user").to_string())));
        changes
    }

    #[test]
    fn a_user_joins_with_the_first_connection_and_leaves_a_while_after_the_last() {
        let (presence, now) = (Presence::new(LINGER, 10), SystemClock.now());
        let channel = ChannelName::parse("c").expect("a name");
        let mut joins = 0;
        for (n, since) in [(1, 100), (2, 200)] {
            presence.join(&channel, &user("alice"), ConnectionId(n), since, |_| joins += 1);
        }
        assert_eq!(joins, 1);
        assert_eq!(presence.members(&channel).count, 2);
        presence.leave(&channel, &user("alice"), ConnectionId(1), now);
        assert!(changes(&presence, now + LINGER * 2).is_empty(), "one connection is left");
        presence.leave(&channel, &user("alice"), ConnectionId(2), now);
        assert!(changes(&presence, now + LINGER - Duration::from_secs(1)).is_empty());
        assert_eq!(presence.members(&channel).members[0].since_ms, 100);
        presence.join(&channel, &user("alice"), ConnectionId(3), 300, |_| panic!("she never left"));
        presence.leave(&channel, &user("alice"), ConnectionId(3), now + LINGER);
        assert_eq!(changes(&presence, now + LINGER * 2), [(false, "alice".to_owned())]);
        assert_eq!(presence.members(&channel), Members::default());
    }

    #[test]
    fn the_nameless_are_counted_while_they_are_open() {
        let (presence, now) = (Presence::new(LINGER, 10), SystemClock.now());
        let channel = ChannelName::parse("c").expect("a name");
        let by_info = Client { info: Some("\"x\"".into()), ..Client::default() };
        presence.join(&channel, &by_info, ConnectionId(1), 0, |_| panic!("info alone is no member here"));
        assert_eq!(presence.members(&channel), Members { count: 1, members: vec![] });
        presence.leave(&channel, &by_info, ConnectionId(1), now);
        assert_eq!(presence.members(&channel).count, 0);
    }

    #[test]
    fn past_the_limit_members_are_only_counted() {
        let presence = Presence::new(LINGER, 2);
        let channel = ChannelName::parse("c").expect("a name");
        let mut joined = Vec::new();
        for n in 0..3 {
            presence.join(&channel, &user(&n.to_string()), ConnectionId(n), 0, |c| joined.push(c.member.connection));
        }
        assert_eq!(joined, [ConnectionId(0), ConnectionId(1)]);
        assert_eq!(presence.members(&channel), Members { count: 3, members: vec![] });
    }
}
