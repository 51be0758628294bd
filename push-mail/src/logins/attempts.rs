//! How often a login was wrong, and when one has to wait; pure.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Whose attempts are counted together at most: beyond that those that failed longest ago are forgotten.
const MOST: usize = 10_000;

/// An address may fail so many times as often as one login from it: many people come from one address.
const ADDRESS_FACTOR: u32 = 10;

/// Longest part of a login's name that tells it from another.
const MAX_NAME: usize = 128;

/// Whose attempts are counted together. An address that is not known is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Address(Option<IpAddr>),
    /// From there, with this name in small letters.
    Login(Option<IpAddr>, Box<str>),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

/// Logins that were wrong.
#[derive(Debug)]
pub(super) struct Attempts {
    failures: HashMap<Whose, Failures>,
    /// So many, and the next has to wait; 0 for never.
    allowed: u32,
    forget: Duration,
}

impl Attempts {
    pub(super) fn new(allowed: u32, forget: Duration) -> Self {
        Self { failures: HashMap::new(), allowed, forget }
    }

    fn whose(login: &str, peer: Option<IpAddr>) -> [(Whose, u32); 2] {
        let peer = peer.map(network);
        let name: String = login.chars().take(MAX_NAME).collect();
        [(Whose::Login(peer, name.to_lowercase().into()), 1), (Whose::Address(peer), ADDRESS_FACTOR)]
    }

    /// For how long an attempt is refused.
    pub(super) fn refuses(&self, login: &str, peer: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let left = |(whose, factor): (Whose, u32)| {
            let failures = self.failures.get(&whose)?;
            let is_enough = self.allowed > 0 && failures.count >= self.allowed.saturating_mul(factor);
            let left = self.forget.saturating_sub(now.saturating_duration_since(failures.last));
            (is_enough && !left.is_zero()).then_some(left)
        };
        Self::whose(login, peer).into_iter().filter_map(left).max()
    }

    /// One was wrong.
    pub(super) fn count(&mut self, login: &str, peer: Option<IpAddr>, now: Instant) {
        if self.allowed == 0 {
            return;
        }
        for (whose, _) in Self::whose(login, peer) {
            if self.failures.len() >= MOST && !self.failures.contains_key(&whose) {
                self.make_room(now);
            }
            let failures = self.failures.entry(whose).or_insert(Failures { count: 0, last: now });
            if now.saturating_duration_since(failures.last) >= self.forget {
                failures.count = 0;
            }
            *failures = Failures { count: failures.count.saturating_add(1), last: now };
        }
    }

    /// Forgets what is over; where that is not enough the half that failed longest ago.
    fn make_room(&mut self, now: Instant) {
        let forget = self.forget;
        self.failures.retain(|_, failures| now.saturating_duration_since(failures.last) < forget);
        if self.failures.len() >= MOST {
            let mut times: Vec<_> = self.failures.values().map(|failures| failures.last).collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            let mut left = MOST / 2;
            self.failures.retain(|_, failures| {
                let stays = failures.last >= middle && left > 0;
                left -= usize::from(stays);
                stays
            });
        }
    }

    /// One was right: whoever mistyped before begins anew.
    pub(super) fn forgive(&mut self, login: &str, peer: Option<IpAddr>) {
        let [(whose, _), _] = Self::whose(login, peer);
        self.failures.remove(&whose);
    }
}

/// Of IPv6 the network of 64 bits, which one subscriber has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(bits).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use push_core::{Clock as _, ManualClock};

    use super::*;

    const FORGET: Duration = Duration::from_secs(600);

    fn peer(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn after_so_many_failures_a_login_waits_and_others_do_not() {
        let clock = ManualClock::new(0);
        let mut attempts = Attempts::new(3, FORGET);
        for _ in 0..3 {
            assert_eq!(attempts.refuses("alice", peer(1), clock.now()), None);
            attempts.count("Alice", peer(1), clock.now());
        }
        assert_eq!(attempts.refuses("ALICE", peer(1), clock.now()), Some(FORGET));
        assert_eq!(attempts.refuses("alice", peer(2), clock.now()), None, "from elsewhere");
        assert_eq!(attempts.refuses("bob", peer(1), clock.now()), None, "somebody else");
        clock.advance(FORGET / 2);
        assert_eq!(attempts.refuses("alice", peer(1), clock.now()), Some(FORGET / 2));
        clock.advance(FORGET / 2);
        assert_eq!(attempts.refuses("alice", peer(1), clock.now()), None);
        attempts.count("alice", peer(1), clock.now());
        assert_eq!(attempts.refuses("alice", peer(1), clock.now()), None, "the count began anew");
    }

    #[test]
    fn who_was_right_begins_anew_and_an_address_does_not() {
        let clock = ManualClock::new(0);
        let mut attempts = Attempts::new(1, FORGET);
        for n in 0..9 {
            attempts.count(&format!("user{n}"), peer(1), clock.now());
        }
        attempts.count("alice", peer(1), clock.now());
        attempts.forgive("alice", peer(1));
        assert_eq!(attempts.refuses("new", peer(1), clock.now()), Some(FORGET), "ten times as many from one address");
        assert_eq!(attempts.refuses("new", peer(2), clock.now()), None);
    }

    #[test]
    fn a_network_of_64_bits_is_one_and_so_is_an_address_in_two_spellings() {
        let parse = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(parse("2001:db8:1:2::1"), parse("2001:db8:1:2:ffff::"));
        assert_ne!(parse("2001:db8:1:2::1"), parse("2001:db8:1:3::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
    }

    #[test]
    fn zero_is_never() {
        let clock = ManualClock::new(0);
        let mut attempts = Attempts::new(0, FORGET);
        (0..100).for_each(|_| attempts.count("alice", None, clock.now()));
        assert_eq!(attempts.refuses("alice", None, clock.now()), None);
        assert!(attempts.failures.is_empty());
    }

    #[test]
    fn a_flood_of_names_takes_no_more_than_its_room() {
        let clock = ManualClock::new(0);
        let mut attempts = Attempts::new(3, FORGET);
        for n in 0..MOST * 2 {
            attempts.count(&format!("user{n}{}", "x".repeat(500)), peer((n % 250) as u8), clock.now());
            if n % 100 == 0 {
                clock.advance(Duration::from_millis(1));
            }
            assert!(attempts.failures.len() <= MOST);
        }
    }
}
