//! Who is connected: for counting, for presence, and for operators who end connections.
//!
//! A connection is listed by its id, or it is one of the many of a crowd: then only their number is known.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Weak};

use crate::ending::Ending;
use crate::signal::Waiter;
use crate::sync::{AtomicU64, Mutex, Ordering};

/// The name of one connection, unique in the hub: what presence lists and operators disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

impl ConnectionId {
    /// Reads the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.strip_prefix('c')?.parse().ok()?);
        (id.to_string() == text).then_some(id)
    }
}

/// Who connects, and how.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The transport's name, for counting: `ws`, `sse`, `poll`, ...; `stream` of a program is `embedded`.
    pub transport: &'static str,
    /// The user, if known.
    pub user: Option<Arc<str>>,
    /// What the client says about itself, as JSON.
    pub info: Option<Arc<str>>,
    /// Whether it may be a member without a user, by its `info` alone: where anyone may do anything.
    pub member_by_info: bool,
}

/// Whom an operator disconnects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All connections of a user.
    User(String),
    /// One connection.
    Connection(ConnectionId),
}

#[derive(Debug)]
struct Entry {
    waiter: Weak<Waiter>,
    transport: &'static str,
    user: Option<Arc<str>>,
}

/// Connections that go on as one and are known by their number only.
#[derive(Debug)]
struct Crowded {
    waiter: Weak<Waiter>,
    transport: &'static str,
    members: usize,
}

#[derive(Debug)]
pub(crate) struct Registry {
    max: usize,
    next: AtomicU64,
    connections: Mutex<Connections>,
}

/// An ending is set under this lock, and connections move between the two maps under it: none is missed by an ending
/// because it moved, or ended twice.
#[derive(Debug, Default)]
struct Connections {
    listed: HashMap<u64, Entry>,
    crowds: HashMap<u64, Crowded>,
    /// Of all crowds.
    members: usize,
}

impl Connections {
    fn len(&self) -> usize {
        self.listed.len() + self.members
    }

    /// All that can be told to end, with how many connections each stands for.
    fn voices(&self) -> impl Iterator<Item = (&Weak<Waiter>, usize)> {
        let crowds = self.crowds.values().map(|crowd| (&crowd.waiter, crowd.members));
        self.listed.values().map(|entry| (&entry.waiter, 1)).chain(crowds.filter(|(_, members)| *members > 0))
    }

    /// A crowd has one member less.
    fn lose(&mut self, crowd: u64) {
        let crowd = self.crowds.get_mut(&crowd).expect("a crowd is listed until it is closed");
        crowd.members -= 1;
        self.members -= 1;
    }

    fn insert(&mut self, waiter: &Arc<Waiter>, client: &Client) {
        let entry = Entry { waiter: Arc::downgrade(waiter), transport: client.transport, user: client.user.clone() };
        self.listed.insert(waiter.id(), entry);
    }

    fn remove(&mut self, id: u64) {
        self.listed.remove(&id);
        give_back(&mut self.listed);
    }
}

/// Many that are long gone must not keep their places.
fn give_back<T>(map: &mut HashMap<u64, T>) {
    if map.capacity() > 1024 && map.len() * 8 < map.capacity() {
        map.shrink_to(map.len() * 2);
    }
}

impl Registry {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, next: AtomicU64::new(1), connections: Mutex::default() }
    }

    fn waiter(&self) -> Arc<Waiter> {
        Waiter::new(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A place for a connection, unless there are as many as there may be.
    pub(crate) fn register(&self, client: &Client) -> Option<Arc<Waiter>> {
        let mut connections = self.connections.lock();
        if connections.len() >= self.max {
            return None;
        }
        let waiter = self.waiter();
        connections.insert(&waiter, client);
        Some(waiter)
    }

    pub(crate) fn set_user(&self, id: u64, user: Option<Arc<str>>) {
        if let Some(entry) = self.connections.lock().listed.get_mut(&id) {
            entry.user = user;
        }
    }

    pub(crate) fn remove(&self, id: u64) {
        self.connections.lock().remove(id);
    }

    /// A crowd without members.
    pub(crate) fn open_crowd(&self) -> Arc<Waiter> {
        let waiter = self.waiter();
        let crowd = Crowded { waiter: Arc::downgrade(&waiter), transport: "", members: 0 };
        self.connections.lock().crowds.insert(waiter.id(), crowd);
        waiter
    }

    /// A crowd is gone with all its members.
    pub(crate) fn close_crowd(&self, id: u64) {
        let mut connections = self.connections.lock();
        let gone = connections.crowds.remove(&id).map_or(0, |crowd| crowd.members);
        connections.members -= gone;
        give_back(&mut connections.crowds);
    }

    /// A connection joins a crowd: one that keeps its name stays listed, another is from now on counted only. False if
    /// either was told to end; nothing is changed then.
    pub(crate) fn seat(&self, crowd: &Waiter, waiter: &Waiter, transport: &'static str, is_named: bool) -> bool {
        let mut connections = self.connections.lock();
        if crowd.ending().is_some() || waiter.ending().is_some() {
            return false;
        }
        if !is_named {
            connections.remove(waiter.id());
            connections.members += 1;
            let crowd = connections.crowds.get_mut(&crowd.id()).expect("a crowd is listed until it is closed");
            crowd.members += 1;
            crowd.transport = transport;
        }
        true
    }

    /// A member without a name leaves its crowd and is listed again, to end like the crowd if that was told to.
    pub(crate) fn unseat(&self, crowd: &Waiter, client: &Client) -> Arc<Waiter> {
        let waiter = self.waiter();
        let mut connections = self.connections.lock();
        connections.lose(crowd.id());
        connections.insert(&waiter, client);
        if let Some(ending) = crowd.ending() {
            waiter.set_ending(ending);
        }
        waiter
    }

    /// A member without a name is gone.
    pub(crate) fn lose(&self, crowd: u64) {
        self.connections.lock().lose(crowd);
    }

    pub(crate) fn end(&self, target: &Target, ending: &Ending) -> usize {
        let mut ended = Vec::new();
        {
            let connections = self.connections.lock();
            let mut end = |entry: &Entry| {
                let waiter = entry.waiter.upgrade();
                ended.extend(waiter.map(|waiter| (waiter.set_ending(ending.clone()), waiter)));
            };
            match target {
                Target::Connection(id) => connections.listed.get(&id.0).into_iter().for_each(&mut end),
                Target::User(user) => {
                    connections.listed.values().filter(|entry| entry.user.as_deref() == Some(user)).for_each(&mut end);
                }
            }
        }
        ended.iter().for_each(|(_, waiter)| waiter.wake());
        ended.iter().filter(|(first, _)| *first).count()
    }

    /// Ends everybody, each in its own words; the members of a crowd that are not listed in the same.
    pub(crate) fn end_all(&self, mut ending: impl FnMut() -> Ending) -> usize {
        let mut endings = Vec::new();
        loop {
            match self.end_each(&mut endings) {
                Ok(ended) => {
                    ended.iter().for_each(|(_, waiter)| waiter.wake());
                    return ended.iter().map(|(connections, _)| connections).sum();
                }
                // It is somebody else's code: without the lock. Who comes meanwhile needs one too.
                Err(missing) => endings.extend((0..missing).map(|_| ending())),
            }
        }
    }

    /// Whom it ended, with how many connections; or how many endings are missing, and nobody is ended.
    fn end_each(&self, endings: &mut Vec<Ending>) -> Result<Vec<(usize, Arc<Waiter>)>, usize> {
        let mut ended = Vec::new(); // dropped after the lock: a waiter's last handle may drop anything
        let connections = self.connections.lock();
        let missing = connections.voices().count().saturating_sub(endings.len());
        if missing > 0 {
            return Err(missing);
        }
        for (waiter, members) in connections.voices() {
            let Some(waiter) = waiter.upgrade() else { continue };
            let is_first = waiter.set_ending(endings.pop().expect("there is one for each"));
            ended.push((if is_first { members } else { 0 }, waiter));
        }
        drop(connections);
        Ok(ended)
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.lock().len()
    }

    pub(crate) fn by_transport(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        let connections = self.connections.lock();
        for entry in connections.listed.values() {
            *counts.entry(entry.transport).or_default() += 1;
        }
        for crowd in connections.crowds.values().filter(|crowd| crowd.members > 0) {
            *counts.entry(crowd.transport).or_default() += crowd.members;
        }
        counts
    }
}
