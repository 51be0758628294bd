//! Bugs that were there, each with the steps that showed it.
#![cfg(not(push_shuttle))]

mod support;

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use push_core::*;
use support::*;

/// (1) A channel is full, as every busy channel is. (2) Something is published that is not to be kept.
/// (3) Making room for it dropped it before its live subscriber could read.
#[test]
fn what_is_not_retained_reaches_who_is_live_also_when_the_channel_is_full() {
    let (hub, _) = hub(keeping_count(4));
    (0..4).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    let (mut live, _) = open(&hub, &["a"], Since::Now);
    for text in ["x", "y"] {
        try_publish(&hub, "a", Draft::text(text).retain(false)).expect("published");
    }
    assert_eq!(read(&mut live), ["x", "y"]);
    assert_eq!(hub.history(&channel("a"), Since::Start, Budget::default()).publications.len(), 4);
    // It has a share of the log, not all of it, and it takes no place from what is kept.
    (0..1000).for_each(|_| drop(try_publish(&hub, "a", Draft::text("z").retain(false)).expect("published")));
    assert_eq!(hub.stats().publications, 4 + 16);
    assert_eq!(live.read(Budget::default(), false).publications.len(), 16);
    assert_eq!(live.read(Budget::default(), false).gaps, [], "missing it is no loss");
}

/// (1) A history keeps nothing, or less than one publication's bytes. (2) Publications were trimmed at once, and live
/// subscribers told of a gap instead.
#[test]
fn a_history_too_small_for_a_publication_keeps_it_from_nobody_who_is_live() {
    for retention in [Retention { count: 0, ..Retention::default() }, Retention { bytes: 2, ..Retention::default() }] {
        let (hub, _) = hub(keeping(retention));
        let (mut live, _) = open(&hub, &["a"], Since::Now);
        for text in ["first", "second"] {
            publish(&hub, "a", text);
            assert_eq!(read(&mut live), [text]);
        }
        let kept = hub.history(&channel("a"), Since::Start, Budget::default()).publications.len();
        assert_eq!(kept, retention.count.min(1));
    }
}

/// (1) A subscriber under `disconnect` falls off the tail. (2) It got what lies behind the hole, and the ending.
/// (3) Its client came back with the id received last, which lies behind the hole, and was told `complete`.
#[test]
fn a_client_disconnected_for_slowness_gets_no_id_from_behind_its_loss() {
    let (hub, _) = hub(keeping_count(2));
    let mut slow = connect(&hub);
    slow.open(&[selector("a"), selector("b")], Since::Now, Some(Overflow::Disconnect)).expect("opened");
    publish(&hub, "a", "1");
    assert_eq!(read(&mut slow), ["1"]);
    (0..9).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    publish(&hub, "b", "b");
    let batch = slow.read(Budget::default(), false);
    assert_eq!(batch.ending, Some(Ending::too_slow()));
    assert!(batch.publications.is_empty());
    let (_, start) = open(&hub, &["a", "b"], Since::Cursor(batch.cursor));
    assert_eq!(start.outcome, Outcome::Partial);
}

/// (1) A subscriber under `disconnect` falls off the tail while it is handed from one who reads it to another. (2) The
/// first read the ending and left it to the other to say. (3) The other read on behind the hole as if nothing was missing.
#[test]
fn an_ending_for_slowness_is_met_again_by_who_reads_again() {
    let (hub, _) = hub(keeping_count(2));
    let mut slow = connect(&hub);
    slow.open(&[selector("a"), selector("p/*")], Since::Now, Some(Overflow::Disconnect)).expect("opened");
    (0..9).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    for _ in 0..3 {
        let batch = slow.read(Budget::default(), false);
        assert_eq!((batch.ending, batch.publications.len()), (Some(Ending::too_slow()), 0));
    }
}

/// (1) A client forges a cursor: any number, and the largest offset there is. (2) One more than that is no u64.
#[test]
fn a_cursor_with_the_largest_offset_is_like_any_other() {
    let (hub, _) = hub(keeping_count(1));
    (0..3).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    let mark = Some(Mark { offset: u64::MAX, channel: channel_hash("a") });
    let forged = Cursor { mark, ..Cursor::new(hub.head().epoch, 1) };
    let (_, start) = open(&hub, &["a"], Since::Cursor(forged));
    assert_eq!(start.gaps, [partial("a", None, 2)]);
}

/// (1) Somebody without a name is in a room. (2) Another connection asks for the room and for more than it may.
/// (3) On its way out it left the room that it had never entered.
#[test]
fn a_refused_subscription_takes_nobody_from_a_room() {
    let mut config = keeping_count(1);
    config.namespaces[0].presence = true;
    config.max_channels_per_connection = 1;
    let (hub, _) = hub(config);
    let (_present, _) = open(&hub, &["room"], Since::Now);
    let refused = connect(&hub).open(&[selector("room"), selector("b")], Since::Now, None);
    assert!(matches!(refused, Err(SubscribeError::TooManyOnConnection(1))));
    assert_eq!(hub.presence(&channel("room")).count, 1);
}

/// (1) A query names a channel twice. (2) The connection stood in it twice.
#[test]
fn a_channel_named_twice_is_subscribed_once() {
    let mut config = keeping_count(1);
    config.namespaces[0].presence = true;
    config.max_channels_per_connection = 1;
    let (hub, _) = hub(config);
    let (mut subscriber, start) = open(&hub, &["room", "room"], Since::Now);
    assert_eq!((start.gaps, hub.presence(&channel("room")).count), (vec![], 1));
    assert_eq!(publish(&hub, "room", "1").subscribers, 1);
    assert_eq!(read(&mut subscriber), ["1"]);
    assert!(subscriber.remove(&selector("room")));
    assert_eq!(publish(&hub, "room", "2").subscribers, 0);
}

/// (1) A connection lags on `a` and loses publications. (2) It adds `*`, whose beginning takes stock of what was
/// trimmed. (3) So the loss on `a` counted as told, and was not.
#[test]
fn adding_a_subscription_hides_no_loss_of_another() {
    for since in [Since::Start, Since::Now] {
        let (hub, _) = hub(keeping_count(2));
        publish(&hub, "old", "1");
        let (mut subscriber, _) = open(&hub, &["a"], Since::Now);
        (1..=9).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
        let (_, mut recovery) = subscriber.add(&selector("*"), since, None).expect("added");
        subscriber.recover(&mut recovery, Budget::default());
        let batch = subscriber.read(Budget::default(), false);
        assert_eq!((batch.gaps, batch.publications.len()), (vec![partial("a", 1, 7)], 2), "{since:?}");
    }
}

/// (1) A channel that matches a pattern is forgotten. (2) A connection adds the pattern with a cursor from before, and
/// is told. (3) It was told again with its next read.
#[test]
fn what_an_added_pattern_was_told_as_forgotten_is_told_once() {
    let (hub, clock) = hub(keeping_count(1));
    publish(&hub, "a/1", "1");
    let early = publish(&hub, "b", "2").id;
    publish(&hub, "a/1", "3");
    clock.advance(Duration::from_secs(3600));
    for _ in 0..40 {
        clock.advance(Duration::from_secs(61));
        hub.maintain();
    }
    let (mut subscriber, _) = open(&hub, &["b"], Since::Now);
    let (start, mut recovery) = subscriber.add(&selector("a/*"), Since::Cursor(early), None).expect("added");
    assert_eq!(start.outcome, Outcome::Partial);
    assert!(subscriber.recover(&mut recovery, Budget::default()).is_empty());
    publish(&hub, "b", "4");
    assert_eq!(read(&mut subscriber), ["4"]);
}

/// Drops a subscriber when woken, as an executor does whose task is gone.
struct DropsWhenWoken(Mutex<Option<Subscriber>>);

impl Wake for DropsWhenWoken {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().expect("not poisoned").take());
    }
}

/// (1) A waker, called, drops the subscriber (with a task's last waker goes the task). (2) That unsubscribes, which
/// needs the very lock under which wakers were called: publishing stood still for ever.
#[test]
fn a_waker_may_drop_its_subscriber() {
    let (hub, _) = hub(keeping_count(4));
    for selectors in [&["a"][..], &["*"], &["a", "*"]] {
        let (subscriber, _) = open(&hub, selectors, Since::Now);
        let holder = Arc::new(DropsWhenWoken(Mutex::new(None)));
        let waker = Waker::from(Arc::clone(&holder));
        assert!(subscriber.poll_moved(&mut Context::from_waker(&waker)).is_pending());
        *holder.0.lock().expect("not poisoned") = Some(subscriber);
        publish(&hub, "a", "1");
        assert_eq!(hub.connections(), 0);
    }
}

/// The same where the waker is called for a join, with the rooms locked.
#[test]
fn a_waker_called_for_a_join_may_drop_a_member() {
    let mut config = keeping_count(4);
    config.namespaces[0].presence = true;
    let (hub, _) = hub(config);
    let (subscriber, _) = open(&hub, &["room", "$sys/presence/room"], Since::Now);
    let holder = Arc::new(DropsWhenWoken(Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&holder));
    assert!(subscriber.poll_moved(&mut Context::from_waker(&waker)).is_pending());
    *holder.0.lock().expect("not poisoned") = Some(subscriber);
    let ann = Client { user: Some("ann".into()), ..Client::default() };
    let mut member = hub.connect(ann).expect("room");
    member.open(&[selector("room")], Since::Now, None).expect("opened");
    assert_eq!((hub.connections(), hub.presence(&channel("room")).count), (1, 1));
}

/// Waking goes through an audience in portions.
#[test]
fn everybody_of_a_large_audience_is_woken_and_counted() {
    let (hub, _) = hub(keeping_count(4));
    let subscribers: Vec<_> = (0..100).map(|_| open(&hub, &["a"], Since::Now).0).collect();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(subscribers.iter().all(|subscriber| subscriber.poll_moved(&mut cx).is_pending()));
    assert_eq!(publish(&hub, "a", "1").subscribers, 100);
    assert!(subscribers.iter().all(|subscriber| subscriber.poll_moved(&mut cx) == Poll::Ready(())));
}

/// (1) A connection subscribes `a` from now on. (2) It adds `*` from the start. (3) What `a` held from before was left
/// out, as if the first subscription had delivered it.
#[test]
fn an_added_pattern_recovers_what_was_there_before_the_first_subscription() {
    let (hub, _) = hub(keeping_count(9));
    publish(&hub, "a", "1");
    let (mut subscriber, _) = open(&hub, &["a"], Since::Now);
    publish(&hub, "a", "2");
    assert_eq!(read(&mut subscriber), ["2"]);
    let (_, mut recovery) = subscriber.add(&selector("*"), Since::Start, None).expect("added");
    assert_eq!(texts(&subscriber.recover(&mut recovery, Budget::default())), ["1"]);
}

/// (1) A connection lags on `*`. (2) It adds `a` itself, whose last offset is known. (3) A gap on `a` was told from
/// there on, as if `*` had read so far.
#[test]
fn a_gap_begins_where_the_connection_has_read_whichever_subscription_read_it() {
    let (hub, _) = hub(keeping_count(1));
    let (mut subscriber, _) = open(&hub, &["*"], Since::Now);
    (0..3).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    let (_, mut recovery) = subscriber.add(&selector("a"), Since::Start, None).expect("added");
    assert!(subscriber.recover(&mut recovery, Budget::default()).is_empty());
    publish(&hub, "a", "3");
    assert_eq!(subscriber.read(Budget::default(), false).gaps, [partial("a", None, 3)]);
}

/// (1) A pattern's reader lags, and hundreds of its channels lose something. (2) It was told of each by itself: an
/// answer without bound.
#[test]
fn losses_on_hundreds_of_channels_are_told_as_one_of_the_pattern() {
    let (hub, _) = hub(keeping_count(1));
    let (mut subscriber, _) = open(&hub, &["c/*", "c/1"], Since::Now);
    for n in (0..300).chain(0..300) {
        publish(&hub, &format!("c/{n}"), "x");
    }
    let gaps = subscriber.read(Budget::default(), false).gaps;
    assert_eq!(gaps, [partial("c/1", 1, 1), partial("c/*", None, None)]);
    while subscriber.read(Budget::default(), false).more {}
}

/// (1) A program reads a channel that is busier than it is. (2) An operator disconnects it. (3) It would have been
/// told once it had read everything, which was never.
#[test]
fn a_stream_that_is_behind_ends_with_its_batch_when_it_is_disconnected() {
    use futures_util::StreamExt as _;
    let (hub, _) = hub(keeping_count(1000));
    (0..600).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    let mut stream = hub.subscribe(SubscribeRequest::to("a").expect("a channel").since(Since::Start)).expect("room");
    assert!(matches!(now(stream.next()), Some(Delivery::Publication(_))));
    assert_eq!(hub.disconnect_all(Ending::draining), 1);
    let mut deliveries = 1;
    while let Some(Delivery::Publication(_)) = now(stream.next()) {
        deliveries += 1;
    }
    assert_eq!(deliveries, 2 * 256);
    assert!(now(stream.next()).is_none(), "nothing follows the end");
}

/// The steps: a connection lags; it adds a channel by name from a cursor that lies ahead of its position, then a pattern
/// that begins earlier; everything is trimmed. The gap began behind the cursor of the name, and what the pattern would
/// have given before it was lost in silence.
#[test]
fn a_gap_of_a_channel_begins_with_the_earliest_of_the_subscriptions_that_match_it() {
    let (hub, _) = hub(keeping_count(2));
    let (mut subscriber, _) = open(&hub, &["other"], Since::Now);
    let first = publish(&hub, "b", "1");
    publish(&hub, "b", "2");
    subscriber.add(&selector("b"), Since::Cursor(first.id), None).expect("added");
    subscriber.add(&selector("*"), Since::Last(2), None).expect("added");
    (3..=9).for_each(|n| drop(publish(&hub, "b", &n.to_string())));
    let batch = subscriber.read(Budget::default(), false);
    let [gap] = batch.gaps.as_slice() else { panic!("one gap: {:?}", batch.gaps) };
    assert!(gap.from.is_none_or(|from| from <= first.offset), "{gap:?}");
    assert_eq!((gap.to, batch.publications.len()), (Some(7), 2));
}
