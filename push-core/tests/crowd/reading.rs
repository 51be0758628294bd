//! Members are given what subscribers are given, together or apart.

use super::*;

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

#[test]
fn of_two_that_have_read_equally_far_who_knows_the_later_offset_is_believed() {
    let (hub, _) = hub(keeping_count(2));
    let kept = publish(&hub, "a", "kept").id;
    let mut live = fresh(&hub, &["a"]);
    try_publish(&hub, "a", Draft::text("passing").retain(false)).expect("published");
    let mut late = connect(&hub);
    late.open(&[selector("a")], Since::Cursor(kept), None).expect("opened");
    assert_eq!((read(&mut live), read(&mut late)), (vec!["passing".to_owned()], vec![]));
    let expected = live.cursor();
    assert!(late.position() == live.position() && late.cursor() != expected);
    let (mut crowd, seat) = Crowd::of(late).expect("settled");
    let other = crowd.join(live).expect("level");
    assert_eq!(crowd.cursor(), expected);
    crowd.leave(seat);
    crowd.leave(other);
}

#[test]
fn where_policies_differ_the_order_of_subscribing_matters() {
    let (hub, _) = hub(HubConfig::default());
    let adding = |order: [(&str, Overflow); 2]| {
        let mut subscriber = connect(&hub);
        for (text, overflow) in order {
            subscriber.add(&selector(text), Since::Now, Some(overflow)).expect("added");
        }
        assert!(subscriber.policies().map(|(_, overflow)| overflow).eq(order.map(|(_, overflow)| overflow)));
        subscriber
    };
    let (one, other) = (("a", Overflow::Gap), ("*", Overflow::Latest));
    let (mut crowd, first) = Crowd::of(adding([one, other])).expect("settled");
    assert!(crowd.join(adding([other, one])).is_err(), "of what both match, the first one's policy counts");
    let second = crowd.join(adding([one, other])).expect("alike");
    crowd.leave(first);
    crowd.leave(second);
}
