//! Many connections that have read equally far and go on reading as one.
//!
//! ```text
//!   Subscriber ──join──▶ Crowd: one waiter, one place in each audience, one position, n members
//!   Subscriber ◀─split── (at the crowd's position, or behind it when it got less than the last batch)
//! ```
//!
//! Whoever reads the crowd hands each batch to all its members; one that could not take all of it goes its own way and
//! reads the rest from the log.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::batch::Batch;
use crate::cursor::Cursor;
use crate::ending::Ending;
use crate::hub::Inner;
use crate::name::Selector;
use crate::publication::Publication;
use crate::reader::{Budget, Read, Reader};
use crate::registry::Client;
use crate::seat::{Named, Seat};
use crate::signal::Waiter;
use crate::source::Source;
use crate::subscriber::{Parts, Subscriber};
use crate::trail::Trail;

/// A reader that many connections share.
///
/// They subscribe the same with the same policies, have read equally far, and are counted like subscribers: each one
/// connection. A member without a name costs the hub nothing at all, see [`Seat`]. Each member holds its seat, and gives
/// it back to this crowd only.
///
/// A crowd without members reads nothing, hastens no publisher and counts for nothing, but its channels are not
/// forgotten while it is there. Dropping a crowd unsubscribes all its members.
#[derive(Debug)]
pub struct Crowd {
    hub: Arc<Inner>,
    waiter: Arc<Waiter>,
    reader: Reader,
    trail: Trail,
    /// Members without a name: the registry and presence know their number only.
    nameless: usize,
    named: usize,
    /// Of the members without a name.
    transport: &'static str,
}

/// What a member got of the last batch that its crowd read, be it an empty one.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// All of it; also, for who joined after that read.
    All,
    /// The gaps, and these of the publications: the batch's first ones, in their order.
    Part(&'a [Arc<Publication>]),
    /// Nothing, not even the gaps.
    Nothing,
}

impl Crowd {
    /// A crowd of one.
    ///
    /// # Errors
    ///
    /// Gives the subscriber back if it is not [settled](Subscriber::is_settled), or was told to end.
    pub fn of(first: Subscriber) -> Result<(Self, Seat), Box<Subscriber>> {
        if !first.is_settled() {
            return Err(Box::new(first));
        }
        let hub = Arc::clone(first.hub());
        let waiter = hub.registry.open_crowd();
        let transport = first.client().transport;
        let is_named = Named::is_due(first.client());
        if !hub.registry.seat(&waiter, first.waiter(), transport, is_named) {
            hub.registry.close_crowd(waiter.id());
            return Err(Box::new(first));
        }
        let mut parts = first.into_parts();
        for source in &parts.reader.sources {
            source.feed.audience().replace(source.place, &waiter);
        }
        let mut reader = std::mem::take(&mut parts.reader);
        reader.conflate_through = 0; // it lies behind, but who joins when the crowd is empty may be further behind
        let (nameless, named) = (usize::from(!is_named), usize::from(is_named));
        let mut crowd = Self { hub, waiter, reader, trail: Trail::default(), nameless, named, transport };
        crowd.begin();
        let seat = crowd.seat_of(parts, is_named);
        Ok((crowd, seat))
    }

    /// Takes in a subscriber of the same hub that subscribes the same with the same policies, has read exactly as far and
    /// is [settled](Subscriber::is_settled). A crowd without members takes it wherever it stands, and goes on from there.
    ///
    /// # Errors
    ///
    /// Gives the subscriber back, unchanged, if any of this is not so, or if either was told to end. Also between a batch
    /// with gaps that said `more` and the next: the crowd may have told what lies ahead of it.
    pub fn join(&mut self, other: Subscriber) -> Result<Seat, Box<Subscriber>> {
        let is_empty = self.members() == 0;
        // What the crowd has told ahead of its position would be told to nobody who stands there now.
        let is_even = is_empty || (self.reader.is_settled() && other.position() == self.position());
        if !other.is_settled() || !is_even || !Arc::ptr_eq(&self.hub, other.hub()) || !self.is_alike(other.reader()) {
            return Err(Box::new(other));
        }
        let transport = if self.nameless == 0 { other.client().transport } else { self.transport };
        let is_named = Named::is_due(other.client()) || other.client().transport != transport;
        if !self.hub.registry.seat(&self.waiter, other.waiter(), transport, is_named) {
            return Err(Box::new(other));
        }
        let parts = other.into_parts();
        for (index, source) in parts.reader.sources.iter().enumerate() {
            let own = self.index_of(index, source).expect("it subscribes the same");
            let own = &mut self.reader.sources[own];
            own.feed.audience().merge(own.place, source.place);
            if is_empty {
                own.after = source.after;
                own.live_from = source.live_from;
                own.told_forgotten = source.told_forgotten;
                own.offset = source.offset;
            } else {
                // Of two that have read equally far, who knows the later offset knows better.
                own.offset = own.offset.max(source.offset);
            }
        }
        self.transport = transport;
        *if is_named { &mut self.named } else { &mut self.nameless } += 1;
        if is_empty {
            self.reader.seen = parts.reader.seen;
            self.reader.told.clear();
            self.begin();
        }
        Ok(self.seat_of(parts, is_named))
    }

    /// Reads on for all members, up to the hub's head; otherwise like [`Subscriber::read`]. After a batch with an ending
    /// the crowd stands where it stood, and so does who is split off: it is given the ending itself.
    pub fn read(&mut self, budget: Budget) -> Batch {
        let mut read = Read::default();
        if self.members() > 0 {
            let head = self.hub.head();
            self.trail.begin(&self.reader);
            match self.reader.read_one(head, budget) {
                Some(publications) => read.publications = publications,
                None => {
                    let (found, merge) = self.reader.look(head, budget, false);
                    read = found;
                    self.trail.tell(&self.reader);
                    self.reader.merge(merge, budget, &mut read);
                }
            }
            self.trail.give(read.publications.len());
            if read.ending.is_some() {
                self.trail.rewind(&mut self.reader);
                self.trail.begin(&self.reader);
            }
        }
        self.reader.batch(self.hub.epoch, read, self.reader.seen)
    }

    /// The connection has ended.
    ///
    /// # Panics
    ///
    /// If the crowd has no such member: the seat is another crowd's.
    pub fn leave(&mut self, seat: Seat) {
        match seat.0 {
            Some(named) => {
                lose(&mut self.named);
                drop(named);
            }
            None => {
                lose(&mut self.nameless);
                self.hub.registry.lose(self.waiter.id());
                self.leave_rooms(1);
            }
        }
        for source in &self.reader.sources {
            source.feed.audience().lose(source.place);
        }
    }

    /// The connection goes its own way, from where it got to: it reads from the log what it has not got, and is told
    /// what of that is gone. It is told to end like the crowd, if that was. Read before waiting, like anybody new.
    ///
    /// # Panics
    ///
    /// If the crowd has no such member: the seat is another crowd's.
    pub fn split(&mut self, seat: Seat, given: Given<'_>) -> Subscriber {
        let (waiter, client) = match seat.0 {
            Some(named) => {
                lose(&mut self.named);
                named.release()
            }
            None => {
                lose(&mut self.nameless);
                let client = Client { transport: self.transport, ..Client::default() };
                (self.hub.registry.unseat(&self.waiter, &client), client)
            }
        };
        let mut reader = Reader { seen: self.reader.seen, ..Reader::default() };
        reader.sources.clone_from(&self.reader.sources);
        reader.told.clone_from(&self.reader.told);
        match given {
            Given::All => {}
            Given::Part(publications) => self.trail.rewind_to(publications, &mut reader),
            Given::Nothing => self.trail.rewind(&mut reader),
        }
        for source in &mut reader.sources {
            source.place = source.feed.audience().part(source.place, &waiter);
        }
        // What came before it had its places it was not woken for.
        waiter.wake();
        Subscriber::from_parts(Parts { hub: Arc::clone(&self.hub), waiter, client, reader })
    }

    /// How many connections read as one.
    pub fn members(&self) -> usize {
        self.nameless + self.named
    }

    /// The point up to which it has read.
    pub fn cursor(&self) -> Cursor {
        self.reader.cursor(self.hub.epoch)
    }

    /// The number of the point up to which it has read.
    pub fn position(&self) -> u64 {
        self.reader.seen
    }

    /// Ready once something moved since the last time this was ready: read again. Also when the members are to end.
    ///
    /// Cancel safe: a notice that was not taken stays.
    pub fn poll_moved(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waiter.poll_moved(cx)
    }

    /// How the members without a name are to end, once everybody was told to. Such a crowd takes nobody in any more.
    pub fn ending(&self) -> Option<Ending> {
        self.waiter.ending()
    }

    /// What its members subscribe, in the order the first one did.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.reader.sources.iter().map(|source| &source.selector)
    }

    /// Whether `other` subscribes the same channels and patterns, with the same policies.
    fn is_alike(&self, other: &Reader) -> bool {
        let own = &self.reader.sources;
        // Where two subscriptions of different policies match one channel, it is the first one's that counts.
        let is_mixed = own.iter().any(|source| source.overflow != own[0].overflow);
        let in_order = own.iter().zip(&other.sources).all(|(own, source)| own.selector == source.selector);
        let same = |(index, source): (usize, &Source)| {
            self.index_of(index, source).is_some_and(|own_index| {
                let own = &own[own_index];
                own.overflow == source.overflow && own.feed.is(&source.feed)
            })
        };
        own.len() == other.sources.len() && (in_order || !is_mixed) && other.sources.iter().enumerate().all(same)
    }

    /// Which of the crowd's sources is that of the other's source at `index`: most subscribe in the same order.
    fn index_of(&self, index: usize, source: &Source) -> Option<usize> {
        let own = &self.reader.sources;
        if own.get(index).is_some_and(|own| own.selector == source.selector) {
            return Some(index);
        }
        own.iter().position(|own| own.selector == source.selector)
    }

    /// It stands where a subscriber stood, and is woken for what may have come since.
    fn begin(&mut self) {
        self.trail.begin(&self.reader);
        if self.reader.seen < self.hub.head() {
            self.waiter.wake();
        }
    }

    fn seat_of(&self, parts: Parts, is_named: bool) -> Seat {
        let Parts { hub, waiter, client, .. } = parts;
        Seat(is_named.then(|| {
            // Those of the crowd: the founder's reader is the crowd's by now.
            let rooms = self.reader.sources.iter().filter_map(Source::room).cloned().collect();
            Box::new(Named::new(hub, waiter, client, rooms))
        }))
    }

    /// Members without a name leave the presence of its channels.
    fn leave_rooms(&self, members: usize) {
        for room in self.reader.sources.iter().filter_map(Source::room) {
            self.hub.presence.leave_nameless(room, members);
        }
    }
}

fn lose(members: &mut usize) {
    *members = members.checked_sub(1).expect("the seat is of this crowd");
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.leave_rooms(self.nameless);
        for source in &self.reader.sources {
            self.hub.desert(source);
        }
        self.hub.registry.close_crowd(self.waiter.id());
    }
}
