//! Many connections that read as one: counted like each by itself, and each free to go its own way.
#![cfg(not(push_shuttle))]

mod support;

use std::collections::BTreeMap;
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

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.publications.iter().map(|publication| publication.number()).collect()
}

/// What operators see: of a hub, of its channel `a`.
fn counts(hub: &Hub) -> (usize, usize, usize) {
    let listed = hub.channels("a", "", 1).first().map_or(0, |info| info.subscribers);
    let by_transport: usize = hub.stats().connections.values().sum();
    assert_eq!(by_transport, hub.connections());
    (hub.connections(), listed, publish(hub, "a", "count").subscribers)
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

#[test]
fn a_seat_without_a_name_is_one_word_and_a_crowd_is_small() {
    assert_eq!((size_of::<Seat>(), size_of::<Option<Seat>>().min(16)), (8, size_of::<Option<Seat>>()));
    assert!(size_of::<Crowd>() <= 256, "{}", size_of::<Crowd>());
}

#[test]
fn members_are_given_what_a_subscriber_is_given() {
    let (hub, _) = hub(HubConfig::default());
    let mut alone = fresh(&hub, &["a", "b/*"]);
    let (mut crowd, _seats) = crowd(&hub, &["a", "b/*"], 3);
    for (name, text) in [("a", "1"), ("b/x", "2"), ("c", "no"), ("a", "3")] {
        publish(&hub, name, text);
    }
    let (one, many) = (alone.read(Budget::default(), false), crowd.read(Budget::default()));
    assert_eq!(texts(&many), ["1", "2", "3"]);
    assert_eq!((numbers(&one), one.cursor, one.before), (numbers(&many), many.cursor, many.before));
    assert_eq!((crowd.cursor(), crowd.position()), (alone.cursor(), alone.position()));
    assert!(take(&mut crowd).is_empty());
    assert_eq!(crowd.selectors().cloned().collect::<Vec<_>>(), [selector("a"), selector("b/*")]);
}

#[test]
fn each_member_counts_as_one_connection_through_joining_leaving_and_splitting() {
    let (hub, _) = hub(HubConfig::default());
    for selectors in [&["a"][..], &["a", "b"], &["a", "*", "**"], &["*"]] {
        let (mut crowd, mut seats) = crowd(&hub, selectors, 3);
        assert_eq!((crowd.members(), counts(&hub)), (3, (3, 3, 3)), "{selectors:?}");
        let named = user(&hub, "ann", selectors);
        crowd.read(Budget::default());
        assert_eq!(counts(&hub), (4, 4, 4));
        assert!(crowd.join(named).is_err(), "it has not read so far");
        assert_eq!(counts(&hub), (3, 3, 3), "it is gone");
        crowd.read(Budget::default());
        let ann = crowd.join(user(&hub, "ann", selectors)).expect("alike");
        assert_eq!((crowd.members(), counts(&hub)), (4, (4, 4, 4)));
        let alone = crowd.split(seats.pop().expect("three"), Given::All);
        assert_eq!((crowd.members(), counts(&hub)), (3, (4, 4, 4)));
        crowd.leave(ann);
        assert_eq!(counts(&hub), (3, 3, 3));
        drop(alone);
        assert_eq!(counts(&hub), (2, 2, 2));
        seats.drain(..).for_each(|seat| crowd.leave(seat));
        assert_eq!((crowd.members(), counts(&hub)), (0, (0, 0, 0)));
        drop(crowd);
        assert_eq!(hub.connections(), 0);
    }
}

#[test]
fn connections_are_counted_by_their_transports_and_held_to_the_limit() {
    let mut config = HubConfig::default();
    config.max_connections = 3;
    let (hub, _) = hub(config);
    let (mut crowd, mut seats) = crowd(&hub, &["a"], 2);
    let sse = crowd.join(subscriber(&hub, client("sse", None), &["a"], Overflow::Gap)).expect("alike");
    assert!(matches!(hub.connect(Client::default()), Err(SubscribeError::TooManyConnections)));
    assert_eq!(hub.stats().connections, BTreeMap::from([("sse", 1), ("ws", 2)]));
    let alone = crowd.split(seats.pop().expect("two"), Given::All);
    assert_eq!(alone.client().transport, "ws");
    assert!(matches!(hub.connect(Client::default()), Err(SubscribeError::TooManyConnections)));
    assert_eq!(crowd.split(sse, Given::All).client().transport, "sse");
    crowd.leave(seats.pop().expect("one"));
    assert_eq!(hub.stats().connections, BTreeMap::from([("ws", 1)]));
    drop(alone);
    let poll = crowd.join(subscriber(&hub, client("poll", None), &["a"], Overflow::Gap)).expect("it is empty");
    assert_eq!((poll.is_named(), hub.stats().connections), (false, BTreeMap::from([("poll", 1)])));
    crowd.leave(poll);
}
