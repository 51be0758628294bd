//! Connections counted by the client's address, so that no single client takes all there are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

use slab::Slab;

/// Tables with less room are not made smaller.
const WORTH_SHRINKING: usize = 64;

/// What counts as one client, in eight bytes.
///
/// - IPv4: the address.
/// - IPv4 mapped into IPv6 (`::ffff:a.b.c.d`, what a dual-stack listener reports): the same as that IPv4 address.
/// - Other IPv6: the first 64 bits. A site's networks are /64 (RFC 4291 §2.5.4), and each host may take any number of
///   addresses in its own (RFC 8981), so a count by whole addresses would bound nobody.
///
/// An IPv4 address stands as the prefix `0:ffff:a.b.c.d`. That is inside 0000::/8, which is reserved (RFC 4291 §2.4),
/// so no client with a routed IPv6 address shares its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network(u64);

impl Network {
    fn of(address: IpAddr) -> Self {
        let v4 = |address: Ipv4Addr| Self(0xffff << 32 | u64::from(address.to_bits()));
        match address.to_canonical() {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

/// An address has as many connections as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

#[derive(Debug)]
struct Counted {
    network: Network,
    connections: NonZeroU32,
}

/// How many connections each address has.
///
/// An address that has one or more has an id, four bytes for each connection to keep; ids of addresses that have none
/// are used again. An address costs some 50 bytes while it has an id, however many connections it has. Lots share one
/// of these behind a mutex, taken once when a connection comes and once when it goes.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    counts: Slab<Counted>,
    /// With the standard library's keyed hash: strangers choose the addresses.
    ids: HashMap<Network, u32>,
}

impl Addresses {
    /// A connection from `address` has come; gives the id for [`leave`](Self::leave).
    ///
    /// # Errors
    ///
    /// Its address has `max` already. Nothing is counted then.
    pub(crate) fn enter(&mut self, address: IpAddr, max: u32) -> Result<u32, TooMany> {
        let network = Network::of(address);
        if let Some(&id) = self.ids.get(&network) {
            let connections = &mut self.counts[id as usize].connections;
            *connections = connections.checked_add(1).filter(|count| count.get() <= max).ok_or(TooMany)?;
            return Ok(id);
        }
        if max == 0 {
            return Err(TooMany);
        }
        let id = self.counts.insert(Counted { network, connections: NonZeroU32::MIN });
        let id = u32::try_from(id).expect("there are no more addresses than connections, which are counted in u32");
        self.ids.insert(network, id);
        Ok(id)
    }

    /// A connection that was counted under `id` has gone.
    ///
    /// # Panics
    ///
    /// If no address has the id: a connection was taken off twice.
    pub(crate) fn leave(&mut self, id: u32) {
        let counted = &mut self.counts[id as usize];
        if let Some(fewer) = NonZeroU32::new(counted.connections.get() - 1) {
            counted.connections = fewer;
            return;
        }
        let counted = self.counts.remove(id as usize);
        self.ids.remove(&counted.network);
        self.shrink();
    }

    #[cfg(test)]
    /// Addresses that have a connection.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Gives room back once less than a quarter of it is in use. Ids do not change, so of the counts (16 bytes each)
    /// only those after the last id in use can go, and all once no address is left.
    fn shrink(&mut self) {
        if self.ids.capacity() >= WORTH_SHRINKING && self.ids.len() < self.ids.capacity() / 4 {
            self.ids.shrink_to(self.ids.len() * 2);
            self.counts.shrink_to_fit();
        }
        if self.ids.is_empty() && self.counts.capacity() >= WORTH_SHRINKING {
            self.counts = Slab::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn enter(addresses: &mut Addresses, address: &str, max: u32) -> Result<u32, TooMany> {
        addresses.enter(address.parse().expect("an address"), max)
    }

    #[test]
    fn an_address_has_at_most_so_many_connections_and_others_are_not_affected() {
        let mut addresses = Addresses::default();
        let id = enter(&mut addresses, "192.0.2.1", 2).expect("the first");
        assert_eq!(enter(&mut addresses, "192.0.2.1", 2), Ok(id));
        assert_eq!(enter(&mut addresses, "192.0.2.1", 2), Err(TooMany));
        assert!(enter(&mut addresses, "192.0.2.2", 2).is_ok());
        addresses.leave(id);
        assert_eq!(enter(&mut addresses, "192.0.2.1", 2), Ok(id));
        // The limit may have come down since.
        assert_eq!(enter(&mut addresses, "192.0.2.1", 1), Err(TooMany));
        assert_eq!(enter(&mut addresses, "192.0.2.3", 0), Err(TooMany));
        assert_eq!(addresses.len(), 2);
    }

    #[test]
    fn an_ipv4_address_is_the_same_client_however_the_listener_reports_it() {
        let mut addresses = Addresses::default();
        let id = enter(&mut addresses, "192.0.2.1", 9);
        assert_eq!(enter(&mut addresses, "::ffff:192.0.2.1", 9), id);
        assert_ne!(enter(&mut addresses, "::ffff:192.0.2.2", 9), id);
        assert_ne!(enter(&mut addresses, "::1", 9), id);
    }

    #[test]
    fn ipv6_is_counted_by_the_first_64_bits() {
        let mut addresses = Addresses::default();
        let id = enter(&mut addresses, "2001:db8:0:1::1", 9);
        assert_eq!(enter(&mut addresses, "2001:db8:0:1:ffff:ffff:ffff:ffff", 9), id);
        assert_ne!(enter(&mut addresses, "2001:db8:0:2::1", 9), id);
    }

    #[test]
    #[should_panic(expected = "invalid key")]
    fn taking_a_connection_off_twice_is_found() {
        let mut addresses = Addresses::default();
        let id = enter(&mut addresses, "192.0.2.1", 9).expect("the first");
        addresses.leave(id);
        addresses.leave(id);
    }

    #[test]
    fn addresses_that_are_gone_take_no_memory() {
        let mut addresses = Addresses::default();
        let ids: Vec<u32> = (0..10_000u32)
            .map(|bits| addresses.enter(Ipv4Addr::from_bits(bits).into(), 1).expect("each its own"))
            .collect();
        for id in ids {
            addresses.leave(id);
        }
        assert_eq!(addresses.len(), 0);
        assert!(addresses.ids.capacity() < WORTH_SHRINKING, "{}", addresses.ids.capacity());
        assert!(addresses.counts.capacity() < WORTH_SHRINKING, "{}", addresses.counts.capacity());
    }

    proptest! {
        #[test]
        fn the_count_of_each_address_is_that_of_its_connections(
            steps in prop::collection::vec((0u8..6, any::<bool>()), 0..200),
            max in 1u32..5,
        ) {
            let mut addresses = Addresses::default();
            let mut open: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
            for (host, comes) in steps {
                let ids = open.entry(host).or_default();
                if comes {
                    let entered = addresses.enter(Ipv4Addr::new(192, 0, 2, host).into(), max);
                    prop_assert_eq!(entered.is_ok(), ids.len() < max as usize);
                    ids.extend(entered.ok());
                    prop_assert!(ids.windows(2).all(|two| two[0] == two[1]));
                } else if let Some(id) = ids.pop() {
                    addresses.leave(id);
                }
                let taken: Vec<u32> = open.values().filter_map(|ids| ids.first().copied()).collect();
                prop_assert_eq!(addresses.len(), taken.len());
                prop_assert!(taken.iter().enumerate().all(|(at, id)| !taken[..at].contains(id)));
            }
        }
    }
}
