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

/// Both read on until they stand at the same point: a join that presence announces has moved the head.
fn join(crowd: &mut Crowd, mut subscriber: Subscriber) -> Seat {
    crowd.read(Budget::default());
    subscriber.read_through(crowd.position(), Budget::default(), false);
    crowd.join(subscriber).expect("level")
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
    assert_eq!(size_of::<Seat>(), size_of::<usize>());
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
fn who_is_not_alike_or_not_as_far_is_given_back() {
    let (hub, _) = hub(HubConfig::default());
    let (other, _) = support::hub(HubConfig::default());
    let (mut crowd, seats) = crowd(&hub, &["a", "b/*"], 2);
    let strangers = [
        fresh(&hub, &["a"]),
        fresh(&hub, &["a", "b/*", "c"]),
        fresh(&hub, &["a", "c/*"]),
        subscriber(&hub, client("ws", None), &["a", "b/*"], Overflow::Latest),
        fresh(&other, &["a", "b/*"]),
    ];
    for stranger in strangers {
        let selectors: Vec<_> = stranger.selectors().cloned().collect();
        let back = crowd.join(stranger).expect_err("a stranger");
        assert_eq!(back.selectors().cloned().collect::<Vec<_>>(), selectors);
    }
    publish(&hub, "a", "1");
    let ahead = fresh(&hub, &["a", "b/*"]);
    let mut ahead = crowd.join(ahead).expect_err("it is ahead");
    assert_eq!(take(&mut crowd), ["1"]);
    publish(&hub, "b/x", "2");
    assert_eq!(read(&mut ahead), ["2"], "given back as it was");
    assert_eq!(take(&mut crowd), ["2"]);
    let ahead = crowd.join(*ahead).expect("level");
    // The same in another order is the same, unless it matters which policy comes first.
    let turned = crowd.join(fresh(&hub, &["b/*", "a"])).expect("alike");
    assert_eq!((crowd.members(), hub.connections()), (4, 4));
    publish(&hub, "a", "3");
    assert_eq!(read(&mut crowd.split(turned, Given::All)), ["3"]);
    seats.into_iter().chain([ahead]).for_each(|seat| crowd.leave(seat));
    assert!(Crowd::of(connect(&hub)).is_err(), "it subscribes nothing");
    assert_eq!(hub.connections(), 0);
}

#[test]
fn who_is_still_in_its_past_is_not_settled() {
    let (hub, _) = hub(keeping_count(2));
    let early = publish(&hub, "a", "0").id;
    (1..4).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    let mut recovering = connect(&hub);
    recovering.open(&[selector("a")], Since::Cursor(early), None).expect("opened");
    assert!(!recovering.is_settled(), "what is not retained is for who was there");
    let mut recovering = Crowd::of(recovering).expect_err("not settled");
    assert_eq!(read(&mut recovering), ["2", "3"]);
    assert!(recovering.is_settled());
    let (mut crowd, seat) = Crowd::of(*recovering).expect("settled");
    let mut adding = fresh(&hub, &["b"]);
    let (_, mut recovery) = adding.add(&selector("a"), Since::Start, None).expect("added");
    assert!(!adding.recover(&mut recovery, Budget::default()).more);
    assert!(adding.is_settled(), "all of it lies behind");
    adding.remove(&selector("b"));
    publish(&hub, "a", "4");
    assert_eq!(take(&mut crowd), ["4"]);
    let mut adding = crowd.join(adding).expect_err("it is behind");
    publish(&hub, "a", "5");
    assert_eq!(texts(&adding.read_through(crowd.position(), Budget::default(), false)), ["4"]);
    let added = crowd.join(*adding).expect("level");
    crowd.leave(added);
    crowd.leave(seat);
}

#[test]
fn who_is_split_off_reads_what_it_has_not_got() {
    let (hub, _) = hub(keeping_count(4));
    let (mut crowd, mut seats) = crowd(&hub, &["a"], 3);
    let mut alone = fresh(&hub, &["a"]);
    (1..=6).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    let batch = crowd.read(Budget { publications: 3, ..Budget::default() });
    assert_eq!((&batch.gaps[..], numbers(&batch), batch.more), (&[partial("a", 1, 2)][..], vec![3, 4, 5], true));
    let mut nothing = crowd.split(seats.pop().expect("a seat"), Given::Nothing);
    let mut part = crowd.split(seats.pop().expect("a seat"), Given::Part(&batch.publications[..2]));
    let mut gaps = crowd.split(seats.pop().expect("a seat"), Given::Part(&[]));
    let expected = alone.read(Budget::default(), false);
    let got = nothing.read(Budget::default(), false);
    assert_eq!((&got.gaps, numbers(&got), got.cursor), (&expected.gaps, numbers(&expected), expected.cursor));
    assert_eq!(read(&mut part), ["5", "6"]);
    assert_eq!(read(&mut gaps), ["3", "4", "5", "6"]);
    assert_eq!((crowd.members(), hub.connections()), (0, 4));
}

#[test]
fn who_is_split_off_and_falls_behind_is_told_exactly_what_it_lost() {
    let (hub, _) = hub(keeping_count(2));
    let (mut crowd, mut seats) = crowd(&hub, &["a"], 3);
    (1..=3).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    let batch = crowd.read(Budget::default());
    assert_eq!((&batch.gaps[..], numbers(&batch)), (&[partial("a", 1, 1)][..], vec![2, 3]));
    let mut nothing = crowd.split(seats.pop().expect("a seat"), Given::Nothing);
    let mut part = crowd.split(seats.pop().expect("a seat"), Given::Part(&batch.publications[..1]));
    let mut all = crowd.split(seats.pop().expect("a seat"), Given::All);
    (4..=8).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    for (subscriber, from) in [(&mut nothing, 1), (&mut part, 3), (&mut all, 4)] {
        let batch = subscriber.read(Budget::default(), false);
        assert_eq!((&batch.gaps[..], numbers(&batch)), (&[partial("a", from, 6)][..], vec![7, 8]));
    }
}

#[test]
fn an_empty_crowd_goes_on_from_wherever_who_joins_it_stands() {
    let (hub, _) = hub(HubConfig::default());
    let (mut crowd, seats) = crowd(&hub, &["a"], 1);
    seats.into_iter().for_each(|seat| crowd.leave(seat));
    let (behind, ahead) = (fresh(&hub, &["a"]), fresh(&hub, &["a"]));
    publish(&hub, "a", "1");
    assert!(crowd.read(Budget::default()).is_empty(), "nobody to read for");
    let count = Arc::new(Count::default());
    assert!(!is_ready(|_| crowd.poll_moved(&mut Context::from_waker(&Waker::from(Arc::clone(&count))))));
    let seat = crowd.join(behind).expect("it is empty");
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "something is there to read");
    assert!(is_ready(|cx| crowd.poll_moved(cx)));
    assert_eq!(take(&mut crowd), ["1"]);
    crowd.leave(seat);
    let mut ahead = ahead;
    publish(&hub, "a", "2");
    assert_eq!(read(&mut ahead), ["1", "2"]);
    let seat = crowd.join(ahead).expect("it is empty");
    assert!(take(&mut crowd).is_empty());
    publish(&hub, "a", "3");
    assert!(is_ready(|cx| crowd.poll_moved(cx)));
    let mut alone = crowd.split(seat, Given::Nothing);
    assert_eq!(read(&mut alone), ["3"], "it got what was before it joined");
}

#[test]
fn a_crowd_is_woken_once_for_all_and_a_split_member_for_itself() {
    let (hub, _) = hub(HubConfig::default());
    let (mut crowd, mut seats) = crowd(&hub, &["a", "*"], 3);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    assert!(crowd.poll_moved(&mut Context::from_waker(&waker)).is_pending());
    publish(&hub, "a", "1");
    publish(&hub, "a", "2");
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    let mut alone = crowd.split(seats.pop().expect("a seat"), Given::All);
    assert!(is_ready(|cx| alone.poll_moved(cx)), "it may have to read");
    assert_eq!(read(&mut alone), ["1", "2"]);
    assert!(!is_ready(|cx| alone.poll_moved(cx)));
    publish(&hub, "a", "3");
    assert!(is_ready(|cx| alone.poll_moved(cx)));
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
    let ended = |n: u64| Ending::draining().retry_after(std::time::Duration::from_secs(n));
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
    clock.advance(std::time::Duration::from_secs(16));
    hub.maintain();
    assert_eq!(count(&hub), 1);
    drop(crowd);
    assert_eq!(hub.presence(&channel("a")), Members::default());
}

#[test]
fn a_dropped_crowd_and_its_dropped_seats_leave_nothing_behind() {
    let mut config = keeping_count(10);
    config.namespaces[0].presence = true;
    config.presence_linger = std::time::Duration::ZERO;
    let (hub, clock) = hub(config);
    let (mut crowd, seats) = crowd(&hub, &["a", "*"], 3);
    let ann = join(&mut crowd, user(&hub, "ann", &["a", "*"]));
    drop((crowd, seats));
    assert_eq!(hub.connections(), 1, "the named one has its seat still");
    drop(ann);
    hub.maintain();
    assert_eq!((hub.presence(&channel("a")), counts(&hub)), (Members::default(), (0, 0, 0)));
    clock.advance(std::time::Duration::from_secs(7200));
    (0..20).for_each(|_| hub.maintain());
    clock.advance(std::time::Duration::from_secs(7200));
    (0..20).for_each(|_| hub.maintain());
    assert_eq!((hub.stats().channels, hub.stats().patterns), (0, 0));
}

#[test]
fn the_channels_of_an_empty_crowd_are_not_forgotten() {
    let mut config = HubConfig::default();
    config.idle = std::time::Duration::ZERO;
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

#[test]
fn a_crowd_that_falls_off_the_tail_under_disconnect_says_so_as_often_as_it_is_read() {
    let (hub, _) = hub(keeping_count(2));
    let strict = |hub: &Hub| subscriber(hub, client("ws", None), &["a"], Overflow::Disconnect);
    let (mut crowd, first) = Crowd::of(strict(&hub)).expect("settled");
    let second = crowd.join(strict(&hub)).expect("alike");
    (1..=5).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    for _ in 0..2 {
        let batch = crowd.read(Budget::default());
        assert_eq!((batch.ending, batch.cursor.number), (Some(Ending::too_slow()), 0));
    }
    for (seat, given) in [(first, Given::All), (second, Given::Nothing)] {
        assert_eq!(crowd.split(seat, given).read(Budget::default(), false).ending, Some(Ending::too_slow()));
    }
}

/// The steps: a crowd told a trim that lies ahead of its position, since its batch was cut short; a
/// subscriber that stands at that position, and has not heard of the trim, joined it, and never did.
#[test]
fn nobody_joins_a_crowd_that_has_told_what_lies_ahead_of_it() {
    let (hub, _) = hub(HubConfig::default());
    let (mut crowd, _seats) = crowd(&hub, &["**"], 1);
    let mut other = fresh(&hub, &["**"]);
    publish(&hub, "a", "1");
    assert_eq!(read(&mut other), ["1"]);
    publish(&hub, "b", "2");
    hub.forget_history(&channel("b"));
    publish(&hub, "a", "3");
    let batch = crowd.read(Budget { publications: 1, ..Budget::default() });
    assert_eq!((texts(&batch), batch.gaps.len(), batch.more), (vec!["1".to_owned()], 1, true));
    assert_eq!(crowd.position(), other.position());
    let mut other = crowd.join(other).expect_err("it has yet to hear of the loss");
    assert_eq!(take(&mut crowd), ["3"]);
    assert_eq!(other.read_through(crowd.position(), Budget::default(), false).gaps.len(), 1);
    let seat = crowd.join(*other).expect("level");
    crowd.leave(seat);
}

/// The steps: a reader under `latest` was blocked, caught up and founded a crowd; all left; who joined then stood further
/// behind, and what it had not got was conflated though it was never blocked.
#[test]
fn what_a_founder_could_not_take_at_once_is_no_matter_of_who_joins_later() {
    let (hub, _) = hub(HubConfig::default());
    let latest = |hub: &Hub| subscriber(hub, client("ws", None), &["a"], Overflow::Latest);
    let (mut founder, other) = (latest(&hub), latest(&hub));
    ["1", "2"].iter().for_each(|text| drop(publish(&hub, "a", text)));
    assert_eq!(texts(&founder.read(Budget::default(), true)), ["2"]);
    let (mut crowd, seat) = Crowd::of(founder).expect("settled");
    crowd.leave(seat);
    let seat = crowd.join(other).expect("it is empty");
    assert_eq!(take(&mut crowd), ["1", "2"]);
    crowd.leave(seat);
}
