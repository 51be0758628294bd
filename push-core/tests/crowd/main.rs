//! Many connections that read as one: counted like each by itself, and each free to go its own way.
#![cfg(not(push_shuttle))]

mod counting;
mod reading;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use push_core::*;
use support::*;

fn client(transport: &'static str, user: Option<&str>) -> Client {
    Client { transport, user: user.map(Into::into), ..Client::default() }
}

fn subscriber(hub: &Hub, client: Client, selectors: &[&str], overflow: Overflow) -> Subscriber {
    let mut subscriber = hub.connect(client).expect("room");
    let selectors: Vec<_> = selectors.iter().map(|text| selector(text)).collect();
    subscriber.open(&selectors, Since::Now, Some(overflow)).expect("opened");
    subscriber
}

fn fresh(hub: &Hub, selectors: &[&str]) -> Subscriber {
    subscriber(hub, client("ws", None), selectors, Overflow::Gap)
}

fn user(hub: &Hub, name: &str, selectors: &[&str]) -> Subscriber {
    subscriber(hub, client("ws", Some(name)), selectors, Overflow::Gap)
}

/// A crowd of nameless members that subscribe now.
fn crowd(hub: &Hub, selectors: &[&str], members: usize) -> (Crowd, Vec<Seat>) {
    let (mut crowd, first) = Crowd::of(fresh(hub, selectors)).expect("settled");
    let mut seats = vec![first];
    seats.extend((1..members).map(|_| crowd.join(fresh(hub, selectors)).expect("alike")));
    (crowd, seats)
}

fn take(crowd: &mut Crowd) -> Vec<String> {
    let batch = crowd.read(Budget::default());
    assert_eq!(batch.gaps, []);
    assert!(!batch.more);
    texts(&batch)
}

/// Both read on until they stand at the same point: a join that presence announces has moved the head.
fn join(crowd: &mut Crowd, mut subscriber: Subscriber) -> Seat {
    crowd.read(Budget::default());
    subscriber.read_through(crowd.position(), Budget::default(), false);
    crowd.join(subscriber).expect("level")
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.publications.iter().map(|publication| publication.number()).collect()
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn is_ready(poll: impl FnOnce(&mut Context<'_>) -> Poll<()>) -> bool {
    poll(&mut Context::from_waker(Waker::noop())).is_ready()
}
