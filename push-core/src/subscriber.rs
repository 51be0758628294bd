//! A connection's subscriptions: one position over all its channels and patterns.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::batch::Batch;
use crate::cursor::{Cursor, Since};
use crate::ending::{Ending, Overflow};
use crate::error::SubscribeError;
use crate::hub::{Hub, Inner};
use crate::name::{ChannelName, Selector};
use crate::opening;
use crate::reader::{Budget, Reader};
use crate::recovery::Start;
use crate::registry::{Client, ConnectionId};
use crate::signal::Waiter;
use crate::source::{Feed, Source};

/// One connection to a hub: subscribed channels and patterns, and a position over all of them.
///
/// A slow subscriber costs nothing but its position: nothing is queued for it. Read, and when there is nothing,
/// wait with [`Subscriber::poll_moved`], then read again. Dropping it unsubscribes everything.
#[derive(Debug)]
pub struct Subscriber {
    hub: Arc<Inner>,
    waiter: Arc<Waiter>,
    client: Client,
    reader: Reader,
    /// Whether somebody else keeps its entry in the registry.
    is_taken: bool,
}

/// What a subscriber is made of, for whoever goes on in its place.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) hub: Arc<Inner>,
    pub(crate) waiter: Arc<Waiter>,
    pub(crate) client: Client,
    pub(crate) reader: Reader,
}

/// The past of a subscription that was added to a connection: read to its end before the connection goes on.
#[derive(Debug)]
pub struct Recovery {
    reader: Reader,
    through: u64,
}

impl Hub {
    /// A connection without subscriptions.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::TooManyConnections`].
    pub fn connect(&self, client: Client) -> Result<Subscriber, SubscribeError> {
        let waiter = self.inner.registry.register(&client).ok_or(SubscribeError::TooManyConnections)?;
        let parts = Parts { hub: Arc::clone(&self.inner), waiter, client, reader: Reader::default() };
        Ok(Subscriber::from_parts(parts))
    }
}

impl Subscriber {
    /// A connection that is in the registry, whose sources are attached and whose rooms are entered.
    pub(crate) fn from_parts(parts: Parts) -> Self {
        let Parts { hub, waiter, client, reader } = parts;
        Self { hub, waiter, client, reader, is_taken: false }
    }

    /// Leaves everything as it is: places, rooms and the entry in the registry are the caller's.
    pub(crate) fn into_parts(mut self) -> Parts {
        self.is_taken = true;
        let (hub, waiter) = (Arc::clone(&self.hub), Arc::clone(&self.waiter));
        Parts { hub, waiter, client: std::mem::take(&mut self.client), reader: std::mem::take(&mut self.reader) }
    }

    pub(crate) fn hub(&self) -> &Arc<Inner> {
        &self.hub
    }

    pub(crate) fn waiter(&self) -> &Waiter {
        &self.waiter
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The connection's name, for presence and operators.
    pub fn connection(&self) -> ConnectionId {
        ConnectionId(self.waiter.id())
    }

    /// Who the client is.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sets who the client is, before it has subscribed anything.
    pub fn identify(&mut self, user: Option<Arc<str>>) {
        debug_assert!(self.reader.sources.is_empty(), "presence knows who subscribed");
        self.hub.registry.set_user(self.waiter.id(), user.clone());
        self.client.user = user;
    }

    /// Subscribes to all of `selectors` as one subscription from `since`, and tells how it begins. For a connection
    /// without subscriptions. Without `overflow` it is the namespaces', if all channels agree, else [`Overflow::Gap`].
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]; nothing is subscribed then.
    pub fn open(
        &mut self,
        selectors: &[Selector],
        since: Since,
        overflow: Option<Overflow>,
    ) -> Result<Start, SubscribeError> {
        debug_assert!(self.reader.sources.is_empty(), "open is for fresh connections, add for others");
        let overflow = overflow.unwrap_or_else(|| self.common_overflow(selectors));
        let joined = selectors.iter().try_for_each(|selector| match self.is_subscribed(selector) {
            true => Ok(()), // named twice
            false => self.join(selector, overflow),
        });
        if let Err(error) = joined {
            self.leave_all();
            return Err(error);
        }
        // Everybody is attached: what is numbered from here on wakes us.
        let head = self.hub.head();
        let start = opening::open(&self.hub, &mut self.reader, since, head);
        for source in &mut self.reader.sources {
            source.after = self.reader.seen;
        }
        self.enter_rooms(0);
        Ok(start)
    }

    /// Adds one channel or pattern. What of it lies up to the connection's position is the [`Recovery`], to be read
    /// with [`Subscriber::recover`] first; the rest comes with the connection's sequence.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]; nothing is changed then.
    pub fn add(
        &mut self,
        selector: &Selector,
        since: Since,
        overflow: Option<Overflow>,
    ) -> Result<(Start, Recovery), SubscribeError> {
        if self.is_subscribed(selector) {
            return Err(SubscribeError::AlreadySubscribed);
        }
        let overflow = overflow.unwrap_or_else(|| self.common_overflow(std::slice::from_ref(selector)));
        self.join(selector, overflow)?;
        let head = self.hub.head();
        if self.reader.sources.len() == 1 {
            self.reader.seen = head; // the first: the connection's position is now
        }
        let index = self.reader.sources.len() - 1;
        let mut past = Reader { sources: vec![self.reader.sources[index].clone()], ..Reader::default() };
        let start = opening::open(&self.hub, &mut past, since, head);
        // Of what others of the connection read as well, it has read as far as they have: an offset unknown here.
        let is_shared = matches!(selector, Selector::Channel(name) if self.is_selected_beside(selector, name));
        let source = &mut self.reader.sources[index];
        source.after = past.seen;
        source.live_from = head;
        source.offset = past.sources[0].offset.filter(|_| !is_shared);
        source.told_forgotten = past.sources[0].told_forgotten;
        self.note_told(&past);
        self.enter_rooms(index);
        Ok((start, Recovery { reader: past, through: self.reader.seen }))
    }

    /// Reads on in what an added subscription recovers. Publications that another subscription of the connection
    /// has delivered already are left out.
    pub fn recover(&mut self, recovery: &mut Recovery, budget: Budget) -> Batch {
        let mut read = recovery.reader.read(recovery.through, budget, false);
        self.note_told(&recovery.reader);
        let own = &recovery.reader.sources[0];
        let others: Vec<&Source> = self.reader.sources.iter().filter(|s| s.selector != own.selector).collect();
        read.publications.retain(|publication| !others.iter().any(|source| source.covers(publication)));
        if let (Some(offset), Some(source)) =
            (own.offset, self.reader.sources.iter_mut().find(|s| s.selector == own.selector))
        {
            source.offset = source.offset.map(|known| known.max(offset));
        }
        self.reader.batch(self.hub.epoch, read, recovery.reader.seen)
    }

    /// What a recovery has told is not told again by the connection's own reads, unless another subscription of the
    /// connection lost more of the channel than the recovery asked for.
    fn note_told(&mut self, past: &Reader) {
        let [added] = past.sources.as_slice() else { return };
        for channel in added.channels_after(self.reader.seen) {
            let told = past.told.get(&channel.id).copied().unwrap_or(0);
            if told > self.reader.seen && !self.is_selected_beside(&added.selector, &channel.name) {
                let known = self.reader.told.entry(channel.id).or_default();
                *known = told.max(*known);
            }
        }
    }

    /// Whether a subscription other than `selector` selects `channel` too.
    fn is_selected_beside(&self, selector: &Selector, channel: &ChannelName) -> bool {
        self.reader.sources.iter().any(|source| source.selector != *selector && source.selector.matches(channel))
    }

    /// Unsubscribes; false if it was not subscribed.
    pub fn remove(&mut self, selector: &Selector) -> bool {
        let Some(index) = self.reader.sources.iter().position(|s| s.selector == *selector) else { return false };
        let source = self.reader.sources.remove(index);
        self.leave(&source);
        true
    }

    /// Whether `selector` is subscribed.
    pub fn is_subscribed(&self, selector: &Selector) -> bool {
        self.reader.sources.iter().any(|source| source.selector == *selector)
    }

    /// What is subscribed, in the order it was.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.reader.sources.iter().map(|source| &source.selector)
    }

    /// What is subscribed, each with its policy, in the order it was.
    pub fn policies(&self) -> impl Iterator<Item = (&Selector, Overflow)> {
        self.reader.sources.iter().map(|source| (&source.selector, source.overflow))
    }

    /// Whether nothing but its position, its subscriptions and their policies tells what it will be given from what any
    /// other is given: it subscribes something, and everything that its subscriptions began with lies behind it. So it
    /// is after reading to the head, at the latest. A [`Recovery`] that was not read to its end is not known here.
    pub fn is_settled(&self) -> bool {
        self.reader.is_settled()
    }

    /// Reads on. Never waits; an empty batch without `more` means that everything was read. `blocked` says that the
    /// client could not take at once what came since the last read: then the policy `latest` applies.
    pub fn read(&mut self, budget: Budget, blocked: bool) -> Batch {
        self.read_through(self.hub.head(), budget, blocked)
    }

    /// Reads on like [`Subscriber::read`], but to no more than `through`: a position that some reader of this hub has
    /// read up to, or the hub's head. A subscriber that is to join a crowd so comes to stand where that stands.
    pub fn read_through(&mut self, through: u64, budget: Budget, blocked: bool) -> Batch {
        let read = self.reader.read(through.min(self.hub.head()), budget, blocked);
        self.reader.batch(self.hub.epoch, read, self.reader.seen)
    }

    /// The point up to which the connection has read.
    pub fn cursor(&self) -> Cursor {
        self.reader.cursor(self.hub.epoch)
    }

    /// The number of the point up to which the connection has read.
    pub fn position(&self) -> u64 {
        self.reader.seen
    }

    /// Ready once something moved since the last time this was ready: read again. Also when the connection is to end.
    ///
    /// Cancel safe: a notice that was not taken stays.
    pub fn poll_moved(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiter.take_moved() { Poll::Ready(()) } else { self.waiter.poll_moved(cx) }
    }

    /// How the connection is to end, once an operator or a drain said so.
    pub fn ending(&self) -> Option<Ending> {
        self.waiter.ending()
    }

    fn join(&mut self, selector: &Selector, overflow: Overflow) -> Result<(), SubscribeError> {
        let max = self.hub.config.max_channels_per_connection;
        if self.reader.sources.len() >= max {
            return Err(SubscribeError::TooManyOnConnection(max));
        }
        let (feed, place) = self.hub.attend(selector, &self.waiter)?;
        self.reader.sources.push(Source {
            selector: selector.clone(),
            feed,
            place,
            after: 0,
            live_from: 0,
            overflow,
            offset: None,
            told_forgotten: 0,
            is_present: false,
        });
        Ok(())
    }

    fn common_overflow(&self, selectors: &[Selector]) -> Overflow {
        let mut policies = selectors.iter().map(|selector| match selector {
            Selector::Channel(channel) => self.hub.namespace(channel).overflow,
            Selector::Pattern(pattern) => self.hub.namespace_of_pattern(pattern).overflow,
        });
        let first = policies.next().unwrap_or_default();
        if policies.all(|policy| policy == first) { first } else { Overflow::Gap }
    }

    /// Presence, for the sources from `index` on.
    fn enter_rooms(&mut self, index: usize) {
        let connection = self.connection();
        for source in &mut self.reader.sources[index..] {
            if let Feed::Channel(channel) = &source.feed
                && channel.namespace.presence
            {
                self.hub.enter(&channel.name, &self.client, connection);
                source.is_present = true;
            }
        }
    }

    fn leave(&self, source: &Source) {
        if let Some(room) = source.room() {
            self.hub.presence.leave(room, &self.client, self.connection(), self.hub.clock.now());
        }
        self.hub.desert(source);
    }

    fn leave_all(&mut self) {
        for source in std::mem::take(&mut self.reader.sources) {
            self.leave(&source);
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.leave_all();
        if !self.is_taken {
            self.hub.registry.remove(self.waiter.id());
        }
    }
}
