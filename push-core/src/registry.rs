//! Who is connected: for counting, for presence, and for operators who end connections.

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

#[derive(Debug)]
pub(crate) struct Registry {
    max: usize,
    next: AtomicU64,
    connections: Mutex<HashMap<u64, Entry>>,
}

impl Registry {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, next: AtomicU64::new(1), connections: Mutex::default() }
    }

    /// A place for a connection, unless there are as many as there may be.
    pub(crate) fn register(&self, client: &Client) -> Option<Arc<Waiter>> {
        let mut connections = self.connections.lock();
        if connections.len() >= self.max {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let waiter = Waiter::new(id);
        let entry = Entry { waiter: Arc::downgrade(&waiter), transport: client.transport, user: client.user.clone() };
        connections.insert(id, entry);
        Some(waiter)
    }

    pub(crate) fn set_user(&self, id: u64, user: Option<Arc<str>>) {
        if let Some(entry) = self.connections.lock().get_mut(&id) {
            entry.user = user;
        }
    }

    pub(crate) fn remove(&self, id: u64) {
        let mut connections = self.connections.lock();
        connections.remove(&id);
        if connections.capacity() > 1024 && connections.len() * 8 < connections.capacity() {
            let keep = connections.len() * 2;
            connections.shrink_to(keep);
        }
    }

    pub(crate) fn end(&self, target: &Target, ending: &Ending) -> usize {
        let waiters: Vec<_> = {
            let connections = self.connections.lock();
            match target {
                Target::Connection(id) => connections.get(&id.0).and_then(|e| e.waiter.upgrade()).into_iter().collect(),
                Target::User(user) => connections
                    .values()
                    .filter(|entry| entry.user.as_deref() == Some(user))
                    .filter_map(|entry| entry.waiter.upgrade())
                    .collect(),
            }
        };
        waiters.iter().filter(|waiter| waiter.end(ending.clone())).count()
    }

    /// Ends everybody, each in its own words.
    pub(crate) fn end_all(&self, mut ending: impl FnMut() -> Ending) -> usize {
        let waiters: Vec<_> = self.connections.lock().values().filter_map(|e| e.waiter.upgrade()).collect();
        waiters.iter().filter(|waiter| waiter.end(ending())).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.lock().len()
    }

    pub(crate) fn by_transport(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.connections.lock().values() {
            *counts.entry(entry.transport).or_default() += 1;
        }
        counts
    }
}
