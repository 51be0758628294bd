//! The hub against a naive model: a list of everything ever published, and of what each client got and was told.
//!
//! Promises checked (wire.md §3, §5): order; each publication once; nothing missing that was not told; gaps exact where
//! they say numbers; offsets dense while held and never reused; starting cursors, cursors and `before` of batches
//! resume without loss or repeat; `last`; history; `latest`; what is not retained.
#![cfg(not(push_shuttle))]

mod client;
mod crowds;
mod published;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use client::Client;
use crowds::{Crowds, Share};
use proptest::prelude::*;
use proptest::sample::Index;
use published::{CHANNELS, Published};
use push_core::*;
use support::*;

const SELECTORS: [&str; 7] = ["a/1", "a/2", "b", "c/d", "a/*", "*/*", "**"];

/// Where a client begins; a cursor is any that was ever seen.
#[derive(Clone, Copy, Debug)]
enum From {
    Start,
    Now,
    Last(u32),
    Seen(Index),
    OtherEpoch(Index),
    Ahead,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Publish { channel: Index, key: u8, retain: bool, pad: usize },
    Open { selectors: u8, from: From, overflow: Overflow },
    Read { client: Index, budget: Budget, blocked: bool },
    Reconnect { client: Index },
    Add { client: Index, selector: Index, from: From, budget: Budget },
    Remove { client: Index, selector: Index },
    Leave { client: Index },
    History { channel: Index, from: From, budget: Budget },
    Forget { channel: Index },
    Advance { secs: u64, maintain: bool },
}

fn from() -> impl Strategy<Value = From> {
    prop_oneof![
        2 => Just(From::Start),
        2 => Just(From::Now),
        2 => (0..6u32).prop_map(From::Last),
        6 => any::<Index>().prop_map(From::Seen),
        1 => any::<Index>().prop_map(From::OtherEpoch),
        1 => Just(From::Ahead),
    ]
}

fn budget() -> impl Strategy<Value = Budget> {
    let some = |max: usize| prop_oneof![1 => 0..max, 2 => Just(usize::MAX)];
    (some(6), some(20)).prop_map(|(publications, bytes)| Budget { publications, bytes })
}

fn op() -> impl Strategy<Value = Op> {
    let overflow = prop::sample::select(vec![Overflow::Gap, Overflow::Gap, Overflow::Latest, Overflow::Disconnect]);
    prop_oneof![
        24 => (any::<Index>(), 0..3u8, prop::bool::weighted(0.85), 0..9usize)
            .prop_map(|(channel, key, retain, pad)| Op::Publish { channel, key, retain, pad }),
        5 => (1..=u8::MAX >> 1, from(), overflow)
            .prop_map(|(selectors, from, overflow)| Op::Open { selectors, from, overflow }),
        14 => (any::<Index>(), budget(), prop::bool::weighted(0.3))
            .prop_map(|(client, budget, blocked)| Op::Read { client, budget, blocked }),
        3 => any::<Index>().prop_map(|client| Op::Reconnect { client }),
        4 => (any::<Index>(), any::<Index>(), from(), budget())
            .prop_map(|(client, selector, from, budget)| Op::Add { client, selector, from, budget }),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(client, selector)| Op::Remove { client, selector }),
        1 => any::<Index>().prop_map(|client| Op::Leave { client }),
        3 => (any::<Index>(), from(), budget())
            .prop_map(|(channel, from, budget)| Op::History { channel, from, budget }),
        1 => any::<Index>().prop_map(|channel| Op::Forget { channel }),
        3 => (prop::sample::select(vec![1, 30, 61, 101]), any::<bool>())
            .prop_map(|(secs, maintain)| Op::Advance { secs, maintain }),
    ]
}

/// Small histories: by number, by bytes, by the hub's ceiling; nothing but age; nothing at all.
fn config() -> impl Strategy<Value = HubConfig> {
    let age = Duration::from_secs(100);
    let table = vec![(3, 8 << 20, 512 << 20), (100, 20, 512 << 20), (100, 8 << 20, 1500), (100, 8 << 20, 512 << 20)];
    let small = prop::sample::select(table).prop_map(move |(count, bytes, ceiling)| {
        let mut config = keeping(Retention { count, age, bytes });
        config.max_history_bytes = ceiling;
        config
    });
    prop_oneof![9 => small, 1 => Just(keeping(Retention { count: 0, age, ..Retention::default() }))]
}

struct World {
    published: Published,
    clients: Vec<Client>,
    /// Every cursor that anybody was ever given.
    cursors: Vec<Cursor>,
}

impl World {
    fn since(&self, from: From) -> Since {
        let head = self.published.hub.head();
        let any = |index: Index| self.cursors.get(index.index(self.cursors.len().max(1))).copied().unwrap_or(head);
        match from {
            From::Start => Since::Start,
            From::Now => Since::Now,
            From::Last(n) => Since::Last(n),
            From::Seen(index) => Since::Cursor(any(index)),
            From::OtherEpoch(index) => Since::Cursor(Cursor { epoch: Epoch::from_u64(1 << 50), ..any(index) }),
            From::Ahead => Since::Cursor(Cursor::new(head.epoch, head.number + 1)),
        }
    }

    fn client(&mut self, index: Index) -> Option<usize> {
        (!self.clients.is_empty()).then(|| index.index(self.clients.len()))
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Publish { channel, key, retain, pad } => {
                let id = self.published.publish(CHANNELS[channel.index(CHANNELS.len())], key, retain, pad);
                self.cursors.push(id);
            }
            Op::Open { selectors, from, overflow } => {
                let chosen = SELECTORS.iter().enumerate().filter(|(bit, _)| selectors & (1 << bit) != 0);
                let selectors: Vec<_> = chosen.map(|(_, text)| selector(text)).collect();
                let client = Client::open(&self.published, &selectors, self.since(from), overflow);
                self.cursors.push(client.cursor());
                self.clients.push(client);
            }
            Op::Read { client, budget, blocked } => {
                let Some(index) = self.client(client) else { return };
                match self.clients[index].read(&self.published, budget, blocked) {
                    Some(batch) => self.cursors.extend([batch.before, batch.cursor]),
                    None => drop(self.clients.swap_remove(index)),
                }
            }
            Op::Reconnect { client } => {
                let Some(index) = self.client(client) else { return };
                self.clients[index].reconnect(&self.published);
            }
            Op::Add { client, selector: chosen, from, budget } => {
                let Some(index) = self.client(client) else { return };
                let since = self.since(from);
                let chosen = selector(SELECTORS[chosen.index(SELECTORS.len())]);
                self.clients[index].add(&self.published, chosen, since, budget);
            }
            Op::Remove { client, selector: chosen } => {
                let Some(index) = self.client(client) else { return };
                self.clients[index].remove(&self.published, &selector(SELECTORS[chosen.index(SELECTORS.len())]));
            }
            Op::Leave { client } => {
                let Some(index) = self.client(client) else { return };
                self.clients.swap_remove(index);
            }
            Op::History { channel, from, budget } => {
                let since = self.since(from);
                let page = self.published.check_history(CHANNELS[channel.index(CHANNELS.len())], since, budget);
                self.cursors.push(page.cursor);
            }
            Op::Forget { channel } => self.published.forget(CHANNELS[channel.index(CHANNELS.len())]),
            Op::Advance { secs, maintain } => self.published.advance(Duration::from_secs(secs), maintain),
        }
    }
}

#[derive(Clone, Debug)]
enum CrowdOp {
    Publish { channel: Index, key: u8, retain: bool, pad: usize },
    Open { selectors: u8, overflow: Overflow, user: bool },
    Reopen { pair: Index },
    ReadAlone { pair: Index, budget: Budget, blocked: bool },
    Join { pair: Index },
    Read { crowd: Index, budget: Budget, shares: Vec<Share> },
    Split { pair: Index },
    Forget { channel: Index },
    Advance { secs: u64, maintain: bool },
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![
        8 => Just(Share::Stay),
        1 => Just(Share::All),
        2 => any::<Index>().prop_map(Share::Part),
        2 => Just(Share::Nothing),
        1 => Just(Share::Leave),
    ]
}

fn crowd_op() -> impl Strategy<Value = CrowdOp> {
    let overflow = prop::sample::select(vec![Overflow::Gap, Overflow::Gap, Overflow::Latest, Overflow::Disconnect]);
    // Few kinds, so that connections meet.
    let selectors = prop::sample::select(vec![0b1u8, 0b1, 0b10000, 0b1000011, 0b110101, 0b1000000]);
    prop_oneof![
        20 => (any::<Index>(), 0..3u8, prop::bool::weighted(0.85), 0..9usize)
            .prop_map(|(channel, key, retain, pad)| CrowdOp::Publish { channel, key, retain, pad }),
        6 => (selectors, overflow, prop::bool::weighted(0.2))
            .prop_map(|(selectors, overflow, user)| CrowdOp::Open { selectors, overflow, user }),
        1 => any::<Index>().prop_map(|pair| CrowdOp::Reopen { pair }),
        6 => (any::<Index>(), budget(), prop::bool::weighted(0.3))
            .prop_map(|(pair, budget, blocked)| CrowdOp::ReadAlone { pair, budget, blocked }),
        14 => any::<Index>().prop_map(|pair| CrowdOp::Join { pair }),
        10 => (any::<Index>(), budget(), prop::collection::vec(share(), 1..6))
            .prop_map(|(crowd, budget, shares)| CrowdOp::Read { crowd, budget, shares }),
        2 => any::<Index>().prop_map(|pair| CrowdOp::Split { pair }),
        1 => any::<Index>().prop_map(|channel| CrowdOp::Forget { channel }),
        2 => (prop::sample::select(vec![1, 30, 61, 101]), any::<bool>())
            .prop_map(|(secs, maintain)| CrowdOp::Advance { secs, maintain }),
    ]
}

fn apply(published: &mut Published, crowds: &mut Crowds, op: CrowdOp) {
    let any = |index: Index, len: usize| (len > 0).then(|| index.index(len));
    let pair = |crowds: &Crowds, index: Index| any(index, crowds.pairs.len());
    match op {
        CrowdOp::Publish { channel, key, retain, pad } => {
            published.publish(CHANNELS[channel.index(CHANNELS.len())], key, retain, pad);
        }
        CrowdOp::Open { selectors, overflow, user } => {
            let chosen = SELECTORS.iter().enumerate().filter(|(bit, _)| selectors & (1 << bit) != 0);
            let mut selectors: Vec<_> = chosen.map(|(_, text)| selector(text)).collect();
            let turn = crowds.pairs.len() % selectors.len();
            selectors.rotate_left(turn);
            crowds.open(published, &selectors, overflow, user);
        }
        CrowdOp::Reopen { pair: index } => {
            pair(crowds, index).into_iter().for_each(|index| crowds.reopen(published, index));
        }
        CrowdOp::ReadAlone { pair: index, budget, blocked } => {
            let index = pair(crowds, index);
            index.into_iter().for_each(|index| crowds.read_alone(published, index, budget, blocked));
        }
        CrowdOp::Join { pair: index } => {
            pair(crowds, index).into_iter().for_each(|index| crowds.join(published, index));
        }
        CrowdOp::Read { crowd, budget, shares } => {
            let crowd = any(crowd, crowds.crowds());
            crowd.into_iter().for_each(|crowd| crowds.read(published, crowd, budget, &shares));
        }
        CrowdOp::Split { pair: index } => pair(crowds, index).into_iter().for_each(|index| crowds.split(index)),
        CrowdOp::Forget { channel } => published.forget(CHANNELS[channel.index(CHANNELS.len())]),
        CrowdOp::Advance { secs, maintain } => published.advance(Duration::from_secs(secs), maintain),
    }
}

fn cases() -> u32 {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { 10_000 } else { 500 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_hub_keeps_its_promises_to_everybody(config in config(), ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World { published: Published::new(config), clients: Vec::new(), cursors: Vec::new() };
        for op in ops {
            world.apply(op);
        }
        let World { published, mut clients, .. } = world;
        for client in &mut clients {
            client.read(&published, Budget { publications: usize::MAX, bytes: usize::MAX }, false);
        }
        drop(clients);
        prop_assert_eq!(published.hub.connections(), 0);
        published.check_held();
    }

    #[test]
    fn who_reads_in_a_crowd_is_given_what_it_would_be_given_alone(
        config in config(),
        ops in prop::collection::vec(crowd_op(), 1..150),
    ) {
        let (mut published, mut crowds) = (Published::new(config), Crowds::default());
        for op in ops {
            apply(&mut published, &mut crowds, op);
            crowds.check(&published);
        }
        crowds.finish(&published);
    }
}
