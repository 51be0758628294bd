//! Who waits for one channel or pattern, and how many connections each of them stands for.
//!
//! A subscriber stands for one connection; a crowd for all its members, and for none while it is empty. Connections
//! move between places under the audience's one lock: whoever counts meanwhile counts each of them once.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use slab::Slab;

use crate::signal::Waiter;
use crate::sync::Mutex;

/// Wakers called between two looks at an audience: so many places are taken on the way, whatever its size.
const WAKE_AT_ONCE: usize = 32;

/// The waiters of one channel or pattern.
#[derive(Debug, Default)]
pub(crate) struct Audience(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    waiters: Slab<Place>,
    /// Of all places.
    connections: usize,
}

/// 16 bytes, like the handle alone in a slab.
#[derive(Debug)]
struct Place {
    waiter: Arc<Waiter>,
    connections: usize,
}

impl Audience {
    /// A place for one connection.
    pub(crate) fn join(&self, waiter: &Arc<Waiter>) -> usize {
        let mut places = self.0.lock();
        places.connections += 1;
        places.waiters.insert(Place { waiter: Arc::clone(waiter), connections: 1 })
    }

    /// Gives up a place with all its connections. The caller holds the waiter too: it is not dropped under the lock.
    pub(crate) fn leave(&self, key: usize) {
        let mut places = self.0.lock();
        places.connections -= places.waiters.remove(key).connections;
        if places.waiters.is_empty() {
            places.waiters.shrink_to_fit();
        }
    }

    /// Puts another waiter in a place, whose connections stay.
    pub(crate) fn replace(&self, key: usize, waiter: &Arc<Waiter>) {
        self.0.lock().waiters[key].waiter = Arc::clone(waiter);
    }

    /// Moves the connections of the place `gone`, which is given up, to the place `key`.
    pub(crate) fn merge(&self, key: usize, gone: usize) {
        let mut places = self.0.lock();
        let connections = places.waiters.remove(gone).connections;
        places.waiters[key].connections += connections;
    }

    /// Moves one connection of the place `key` to a new place.
    pub(crate) fn part(&self, key: usize, waiter: &Arc<Waiter>) -> usize {
        let mut places = self.0.lock();
        places.waiters[key].connections -= 1;
        places.waiters.insert(Place { waiter: Arc::clone(waiter), connections: 1 })
    }

    /// One connection of the place `key` is gone.
    pub(crate) fn lose(&self, key: usize) {
        let mut places = self.0.lock();
        places.waiters[key].connections -= 1;
        places.connections -= 1;
    }

    /// How many connections wait here.
    pub(crate) fn connections(&self) -> usize {
        self.0.lock().connections
    }

    /// Whether nobody has a place, not even an empty crowd.
    pub(crate) fn is_deserted(&self) -> bool {
        self.0.lock().waiters.is_empty()
    }

    /// Wakes everybody. A crowd without members sleeps on: who joins it looks at the hub's counter after that.
    pub(crate) fn notify(&self) {
        let mut wakers = Vec::new();
        let mut next = 0;
        loop {
            let end = {
                let places = self.0.lock();
                let end = places.waiters.capacity();
                while next < end && wakers.len() < WAKE_AT_ONCE {
                    let place = places.waiters.get(next).filter(|place| place.connections > 0);
                    wakers.extend(place.and_then(|place| place.waiter.set_moved()));
                    next += 1;
                }
                end
            };
            // Who joins meanwhile, at whatever place, joined after the publication was numbered.
            wakers.drain(..).for_each(Waker::wake);
            if next >= end {
                return;
            }
        }
    }

    /// Adds the ids of all waiters, each with its connections.
    pub(crate) fn count(&self, into: &mut HashMap<u64, usize>) {
        for (_, place) in &self.0.lock().waiters {
            // A crowd that just gains or loses a member may be seen with both counts.
            let known = into.entry(place.waiter.id()).or_default();
            *known = place.connections.max(*known);
        }
    }
}

#[cfg(all(test, not(push_shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_place_takes_16_bytes_in_the_slab() {
        // A slab's entry is the value or the index of the next free one.
        assert_eq!((size_of::<Place>(), size_of::<Result<Place, usize>>()), (16, 16));
    }

    #[test]
    fn connections_move_between_places_and_are_counted_once() {
        let (audience, crowd, other) = (Audience::default(), Waiter::new(1), Waiter::new(2));
        let (place, gone) = (audience.join(&crowd), audience.join(&other));
        audience.merge(place, gone);
        assert_eq!(audience.connections(), 2);
        let own = audience.part(place, &other);
        let mut counts = HashMap::new();
        audience.count(&mut counts);
        assert_eq!(counts, HashMap::from([(1, 1), (2, 1)]));
        audience.lose(place);
        audience.leave(own);
        assert_eq!((audience.connections(), audience.is_deserted()), (0, false));
        audience.leave(place);
        assert!(audience.is_deserted());
    }
}
