//! Members are counted, limited, listed and ended like subscribers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

/// What operators see: of a hub, of its channel `a`.
fn counts(hub: &Hub) -> (usize, usize, usize) {
    let listed = hub.channels("a", "", 1).first().map_or(0, |info| info.subscribers);
    let by_transport: usize = hub.stats().connections.values().sum();
    assert_eq!(by_transport, hub.connections());
    (hub.connections(), listed, publish(hub, "a", "count").subscribers)
}

#[test]
fn each_member_counts_as_one_connection_through_joining_leaving_and_splitting() {
    let (hub, _) = hub(HubConfig::default());
    for selectors in [&["a"][..], &["a", "b"], &["a", "*", "**"], &["*"]] {
        let (mut crowd, mut seats) = crowd(&hub, selectors, 3);
        assert_eq!((crowd.members(), counts(&hub)), (3, (3, 3, 3)), "{selectors:?}");
        let named = user(&hub, "ann", selectors);
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

#[test]
fn an_operator_ends_named_members_alone_and_everybody_once() {
    let (hub, _) = hub(HubConfig::default());
    let (mut crowd, mut seats) = crowd(&hub, &["a"], 3);
    let [ann, bob] = ["ann", "bob"].map(|name| crowd.join(user(&hub, name, &["a"])).expect("alike"));
    assert!(ann.is_named() && ann.client().is_some_and(|client| client.user.as_deref() == Some("ann")));
    assert!(seats.iter().all(|seat| !seat.is_named() && seat.client().is_none() && seat.connection().is_none()));
    let count = Arc::new(Count::default());
    assert!(ann.poll_ended(&mut Context::from_waker(&Waker::from(Arc::clone(&count)))).is_pending());
    let id = ann.connection().expect("named");
    publish(&hub, "a", "1");
    assert_eq!(count.0.load(Ordering::Relaxed), 0, "it waits for its end only");
    assert_eq!(hub.disconnect(&Target::Connection(id), &Ending::disconnected_for_good()), 1);
    assert_eq!((count.0.load(Ordering::Relaxed), is_ready(|cx| ann.poll_ended(cx))), (1, true));
    assert!(!is_ready(|cx| bob.poll_ended(cx)) && !is_ready(|cx| seats[0].poll_ended(cx)));
    assert_eq!(take(&mut crowd), ["1"]);
    let ann = crowd.split(ann, Given::All);
    assert_eq!((ann.connection(), ann.ending()), (id, Some(Ending::disconnected_for_good())));
    assert!(is_ready(|cx| ann.poll_moved(cx)));
    let ann = crowd.join(ann).expect_err("it is to end");
    let ended = |n: u64| Ending::draining().retry_after(Duration::from_secs(n));
    let mut made = 0;
    let all = hub.disconnect_all(|| {
        made += 1;
        ended(made)
    });
    assert_eq!((all, made), (4, 3), "ann was told before, the nameless are told together");
    let ending = crowd.ending().expect("its nameless members");
    assert!(is_ready(|cx| crowd.poll_moved(cx)) && is_ready(|cx| bob.poll_ended(cx)));
    assert_eq!(crowd.split(seats.pop().expect("a seat"), Given::All).ending(), Some(ending.clone()));
    assert_ne!(crowd.split(bob, Given::All).ending(), Some(ending));
    assert!(crowd.join(fresh(&hub, &["a"])).is_err(), "nobody joins who is to end");
    assert_eq!(hub.disconnect_all(Ending::draining), 0, "all were told");
    drop((ann, seats));
    assert_eq!((crowd.members(), hub.connections()), (2, 2), "seats are to be given back");
    drop(crowd);
    assert_eq!(hub.connections(), 0);
}

#[test]
fn an_operator_cannot_name_a_crowd_nor_end_an_empty_one() {
    let (hub, _) = hub(HubConfig::default());
    let (mut crowd, seats) = crowd(&hub, &["a"], 2);
    for n in 0..10 {
        let id = ConnectionId::parse(&format!("c{n}")).expect("an id");
        assert_eq!(hub.disconnect(&Target::Connection(id), &Ending::disconnected()), 0);
    }
    seats.into_iter().for_each(|seat| crowd.leave(seat));
    assert_eq!(hub.disconnect_all(|| panic!("there is nobody")), 0);
    let seat = crowd.join(fresh(&hub, &["a"])).expect("it was not ended");
    crowd.leave(seat);
}

#[test]
fn members_stay_in_presence_until_they_leave() {
    let mut config = keeping_count(10);
    config.namespaces[0].presence = true;
    let (hub, clock) = hub(config);
    let count = |hub: &Hub| hub.presence(&channel("a")).count;
    let (mut crowd, mut seats) = crowd(&hub, &["a"], 3);
    let ann = user(&hub, "ann", &["a"]);
    let id = ann.connection();
    let ann = join(&mut crowd, ann);
    assert_eq!((count(&hub), hub.presence(&channel("a")).members[0].connection), (4, id));
    let alone = crowd.split(seats.pop().expect("a seat"), Given::All);
    assert_eq!(count(&hub), 4);
    drop(alone);
    assert_eq!(count(&hub), 3);
    crowd.leave(seats.pop().expect("a seat"));
    assert_eq!(count(&hub), 2);
    let ann = crowd.split(ann, Given::All);
    assert_eq!((count(&hub), ann.client().user.as_deref()), (2, Some("ann")));
    let ann = crowd.join(ann).expect("as far as it was");
    crowd.leave(ann);
    clock.advance(Duration::from_secs(16));
    hub.maintain();
    assert_eq!(count(&hub), 1);
    drop(crowd);
    assert_eq!(hub.presence(&channel("a")), Members::default());
}

#[test]
fn the_founder_of_a_crowd_leaves_presence_as_the_others_do() {
    let mut config = keeping_count(10);
    config.namespaces[0].presence = true;
    let (hub, clock) = hub(config);
    let (mut crowd, ann) = Crowd::of(user(&hub, "ann", &["a"])).expect("settled");
    let bob = join(&mut crowd, user(&hub, "bob", &["a"]));
    crowd.leave(ann);
    clock.advance(Duration::from_secs(16));
    hub.maintain();
    let there = hub.presence(&channel("a")).members;
    assert_eq!(there.iter().map(|member| member.user.as_deref()).collect::<Vec<_>>(), [Some("bob")]);
    crowd.leave(bob);
    clock.advance(Duration::from_secs(16));
    hub.maintain();
    assert_eq!(hub.presence(&channel("a")), Members::default());
}

#[test]
fn a_dropped_crowd_and_its_dropped_seats_leave_nothing_behind() {
    let mut config = keeping_count(10);
    config.namespaces[0].presence = true;
    config.presence_linger = Duration::ZERO;
    let (hub, clock) = hub(config);
    let (mut crowd, seats) = crowd(&hub, &["a", "*"], 3);
    let ann = join(&mut crowd, user(&hub, "ann", &["a", "*"]));
    drop((crowd, seats));
    assert_eq!(hub.connections(), 1, "the named one has its seat still");
    drop(ann);
    hub.maintain();
    assert_eq!((hub.presence(&channel("a")), counts(&hub)), (Members::default(), (0, 0, 0)));
    clock.advance(Duration::from_secs(7200));
    (0..20).for_each(|_| hub.maintain());
    clock.advance(Duration::from_secs(7200));
    (0..20).for_each(|_| hub.maintain());
    assert_eq!((hub.stats().channels, hub.stats().patterns), (0, 0));
}

#[test]
fn the_channels_of_an_empty_crowd_are_not_forgotten() {
    let mut config = HubConfig::default();
    config.idle = Duration::ZERO;
    let (hub, _) = hub(config);
    let (mut crowd, seats) = crowd(&hub, &["a", "b/*"], 1);
    seats.into_iter().for_each(|seat| crowd.leave(seat));
    (0..20).for_each(|_| hub.maintain());
    let seat = crowd.join(fresh(&hub, &["a", "b/*"])).expect("the same channels");
    publish(&hub, "a", "1");
    publish(&hub, "b/x", "2");
    assert_eq!(take(&mut crowd), ["1", "2"]);
    crowd.leave(seat);
}

#[test]
fn publishers_wait_for_a_crowd_with_members_only() {
    let (hub, _) = hub(keeping_count(8));
    let (mut crowd, seats) = crowd(&hub, &["a"], 1);
    (0..7).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    assert!(hub.is_pressed(&channel("a")));
    crowd.read(Budget::default());
    assert!(!hub.is_pressed(&channel("a")));
    (0..7).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    assert!(hub.is_pressed(&channel("a")));
    seats.into_iter().for_each(|seat| crowd.leave(seat));
    assert!(!hub.is_pressed(&channel("a")), "nobody is there");
    let behind = fresh(&hub, &["a"]);
    (0..7).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    crowd.read(Budget::default());
    assert!(hub.is_pressed(&channel("a")), "an empty crowd reads for nobody");
    drop(behind);
}
