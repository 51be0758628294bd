//! The hub's promises, one by one.

use std::sync::Arc;
use std::time::Duration;

use push_core::*;

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("a channel")
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector")
}

fn publish(hub: &Hub, name: &str, text: &str) -> Receipt {
    publish_draft(hub, name, Draft::text(text)).expect("published")
}

fn publish_draft(hub: &Hub, name: &str, draft: Draft) -> Result<Receipt, PublishError> {
    let mut publishing = Box::pin(hub.publish(name, draft));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match publishing.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("a local hub answers at once"),
    }
}

fn hub_keeping(count: usize) -> (Hub, Arc<ManualClock>) {
    let mut namespace = Namespace::new(Pattern::parse("**").expect("a pattern"));
    namespace.retention.count = count;
    namespace.presence = true;
    let mut config = HubConfig::default();
    config.namespaces = vec![namespace];
    let clock = Arc::new(ManualClock::new(1_780_000_000_000));
    (Hub::builder(config).clock(clock.clone()).build().expect("memory"), clock)
}

fn open(hub: &Hub, selectors: &[&str], since: Since) -> (Subscriber, Start) {
    let mut subscriber = hub.connect(Client::default()).expect("room");
    let selectors: Vec<_> = selectors.iter().map(|text| selector(text)).collect();
    let start = subscriber.open(&selectors, since, None).expect("opened");
    (subscriber, start)
}

fn texts(batch: &Batch) -> Vec<String> {
    batch.publications.iter().map(|p| String::from_utf8_lossy(p.payload()).into_owned()).collect()
}

fn read(subscriber: &mut Subscriber) -> Vec<String> {
    let batch = subscriber.read(Budget::default(), false);
    assert_eq!(batch.gaps, []);
    texts(&batch)
}

#[test]
fn one_sequence_over_all_channels_and_patterns_each_publication_once() {
    let (hub, _) = hub_keeping(100);
    let (mut subscriber, start) = open(&hub, &["a/*", "a/1", "b", "**"], Since::Now);
    assert_eq!((start.outcome, start.cursor), (Outcome::Complete, hub.head()));
    for (name, text) in [("a/1", "1"), ("b", "2"), ("a/2", "3"), ("c/d/e", "4"), ("a/1", "5")] {
        assert_eq!(publish(&hub, name, text).subscribers, 1);
    }
    assert_eq!(read(&mut subscriber), ["1", "2", "3", "4", "5"]);
    assert!(read(&mut subscriber).is_empty());
}

#[test]
fn a_small_budget_gives_the_same_sequence() {
    let (hub, _) = hub_keeping(1000);
    for n in 0..100 {
        publish(&hub, ["x", "y", "z/1", "z/2"][n % 4], &n.to_string());
    }
    let (mut subscriber, _) = open(&hub, &["x", "y", "z/*"], Since::Start);
    let (mut got, mut more) = (Vec::new(), true);
    while more {
        let batch = subscriber.read(Budget { publications: 7, bytes: 10 }, false);
        assert!(batch.publications.len() <= 7 && !batch.is_empty());
        more = batch.more;
        got.extend(texts(&batch));
    }
    assert_eq!(got, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn the_id_received_last_resumes_any_subscription() {
    let (hub, _) = hub_keeping(100);
    let ids: Vec<_> = (0..10).map(|n| publish(&hub, ["a", "b"][n % 2], &n.to_string()).id).collect();
    let (mut subscriber, start) = open(&hub, &["a", "b"], Since::Cursor(ids[4]));
    assert_eq!((start.outcome, start.cursor), (Outcome::Complete, ids[4]));
    assert_eq!(read(&mut subscriber), ["5", "6", "7", "8", "9"]);
    let (mut subscriber, _) = open(&hub, &["b"], Since::Cursor(ids[4]));
    assert_eq!(read(&mut subscriber), ["5", "7", "9"]);
}

#[test]
fn a_trimmed_cursor_is_partial_and_told_exactly() {
    let (hub, _) = hub_keeping(10);
    let ids: Vec<_> = (0..50).map(|n| publish(&hub, "a", &n.to_string()).id).collect();
    let (mut subscriber, start) = open(&hub, &["a"], Since::Cursor(ids[4]));
    let gap = Gap { channel: "a".into(), outcome: Outcome::Partial, from: Some(6), to: Some(40), missed: Some(35) };
    assert_eq!((start.outcome, start.gaps), (Outcome::Partial, vec![gap]));
    assert_eq!(start.cursor.number, ids[39].number);
    assert_eq!(read(&mut subscriber).len(), 10);
}

#[test]
fn a_laggard_is_told_what_it_lost_and_goes_on_from_the_oldest() {
    let (hub, _) = hub_keeping(10);
    publish(&hub, "a", "first");
    let (mut subscriber, _) = open(&hub, &["a", "b"], Since::Now);
    for n in 0..30 {
        publish(&hub, "a", &n.to_string());
    }
    publish(&hub, "b", "b");
    let batch = subscriber.read(Budget::default(), false);
    let gap = Gap { channel: "a".into(), outcome: Outcome::Partial, from: Some(2), to: Some(21), missed: Some(20) };
    assert_eq!(batch.gaps, [gap]);
    assert_eq!(batch.publications.len(), 11);
    assert_eq!(batch.before.number, batch.publications[0].number() - 1);
    assert!(read(&mut subscriber).is_empty(), "told once");
}

#[test]
fn another_epoch_and_a_number_beyond_the_head_are_lost() {
    let (hub, _) = hub_keeping(10);
    publish(&hub, "a", "1");
    let foreign = Cursor::new(Epoch::from_u64(7), 1);
    let ahead = Cursor::new(hub.head().epoch, 1000);
    for cursor in [foreign, ahead] {
        let (mut subscriber, start) = open(&hub, &["a", "x/*"], Since::Cursor(cursor));
        assert_eq!((start.outcome, start.gaps.len(), start.cursor.number), (Outcome::Lost, 2, 0));
        assert_eq!(read(&mut subscriber), ["1"]);
    }
}

#[test]
fn last_gives_the_newest_of_all_channels_together() {
    let (hub, _) = hub_keeping(100);
    for n in 0..9 {
        publish(&hub, ["a", "b", "c"][n % 3], &n.to_string());
    }
    let (mut subscriber, _) = open(&hub, &["a", "b"], Since::Last(3));
    assert_eq!(read(&mut subscriber), ["4", "6", "7"]);
    let (mut subscriber, _) = open(&hub, &["*", "a"], Since::Last(4));
    assert_eq!(read(&mut subscriber), ["5", "6", "7", "8"]);
}

#[test]
fn what_is_not_retained_reaches_only_who_is_there() {
    let (hub, _) = hub_keeping(4);
    let (mut live, _) = open(&hub, &["a"], Since::Now);
    let before = publish(&hub, "a", "kept").id;
    let receipt = publish_draft(&hub, "a", Draft::text("passing").retain(false)).expect("published");
    assert_eq!(receipt.offset, 2);
    assert_eq!(read(&mut live), ["kept", "passing"]);
    let (mut late, start) = open(&hub, &["a"], Since::Cursor(before));
    assert_eq!(start.outcome, Outcome::Complete);
    assert!(read(&mut late).is_empty());
    assert_eq!(hub.history(&channel("a"), Since::Start, Budget::default()).publications.len(), 1);
    // It goes first: the kept ones fill the log.
    for n in 0..3 {
        publish(&hub, "a", &n.to_string());
    }
    let (_, start) = open(&hub, &["a"], Since::Cursor(Cursor::new(hub.head().epoch, 0)));
    assert_eq!(start.outcome, Outcome::Complete);
}

#[test]
fn latest_gives_a_blocked_reader_the_newest_per_key() {
    let (hub, _) = hub_keeping(100);
    let mut subscriber = hub.connect(Client::default()).expect("room");
    subscriber.open(&[selector("a")], Since::Now, Some(Overflow::Latest)).expect("opened");
    let keyed = |key: &str, text: &str| Draft::text(text).key(Key::parse(key).expect("a key"));
    for n in 0..10 {
        publish_draft(&hub, "a", keyed(["x", "y"][n % 2], &n.to_string())).expect("published");
    }
    publish(&hub, "a", "no key");
    assert_eq!(texts(&subscriber.read(Budget::default(), true)), ["8", "9", "no key"]);
    publish(&hub, "a", "1");
    publish(&hub, "a", "2");
    assert_eq!(read(&mut subscriber), ["1", "2"], "it takes what comes, so it gets everything");
}

#[test]
fn disconnect_ends_who_falls_off_the_tail() {
    let (hub, _) = hub_keeping(2);
    let mut subscriber = hub.connect(Client::default()).expect("room");
    subscriber.open(&[selector("a")], Since::Now, Some(Overflow::Disconnect)).expect("opened");
    publish(&hub, "a", "1");
    assert_eq!(texts(&subscriber.read(Budget::default(), false)), ["1"]);
    for n in 0..9 {
        publish(&hub, "a", &n.to_string());
    }
    assert_eq!(subscriber.read(Budget::default(), false).ending, Some(Ending::too_slow()));
}

#[test]
fn a_forgotten_channel_leaves_a_floor_and_reuses_no_offset() {
    let (hub, clock) = hub_keeping(10);
    let early = publish(&hub, "a", "1").id;
    publish(&hub, "a", "2");
    clock.advance(Duration::from_secs(3601));
    hub.maintain();
    for _ in 0..20 {
        clock.advance(Duration::from_secs(61));
        hub.maintain();
    }
    assert_eq!(hub.stats().channels, 0);
    assert_eq!(hub.stats().history_bytes, 0);
    let (_, start) = open(&hub, &["a"], Since::Cursor(early));
    let unknown = Gap { channel: "a".into(), outcome: Outcome::Partial, from: None, to: None, missed: None };
    assert_eq!((start.outcome, start.gaps), (Outcome::Partial, vec![unknown]));
    let again = publish(&hub, "a", "3");
    assert_eq!(again.offset, 3);
    let (_, start) = open(&hub, &["a", "*"], Since::Cursor(early));
    assert_eq!(start.outcome, Outcome::Partial);
}

#[test]
fn a_quiet_pattern_hears_no_gap_when_others_are_forgotten() {
    let (hub, clock) = hub_keeping(10);
    let (mut pattern, _) = open(&hub, &["quiet/*"], Since::Now);
    publish(&hub, "other", "1");
    for _ in 0..20 {
        clock.advance(Duration::from_secs(3601));
        hub.maintain();
    }
    assert_eq!(hub.stats().channels, 0);
    publish(&hub, "quiet/new", "2");
    assert_eq!(read(&mut pattern), ["2"]);
}

#[test]
fn the_ceiling_trims_the_oldest_of_the_hub() {
    let mut config = HubConfig::default();
    config.max_history_bytes = 10 * (256 + 1);
    let hub = Hub::new(config);
    for n in 0..30 {
        publish(&hub, &format!("c/{}", n % 7), "x");
    }
    assert_eq!(hub.stats().publications, 10);
    let (mut subscriber, _) = open(&hub, &["c/*"], Since::Start);
    let offsets: Vec<_> = subscriber.read(Budget::default(), false).publications.iter().map(|p| p.number()).collect();
    assert_eq!(offsets, (21..=30).collect::<Vec<_>>());
}

#[test]
fn a_push_id_gives_the_first_answer_again_and_refuses_another_payload() {
    let (hub, clock) = hub_keeping(10);
    let draft = |text: &str| Draft::text(text).push_id(PushId::parse("id-1").expect("an id"));
    let first = publish_draft(&hub, "a", draft("x")).expect("published");
    let again = publish_draft(&hub, "a", draft("x")).expect("published");
    assert_eq!(again, Receipt { duplicate: true, ..first });
    let conflict = publish_draft(&hub, "a", draft("y")).expect_err("another payload");
    assert_eq!(conflict.kind(), PublishErrorKind::Conflict);
    assert!(!publish_draft(&hub, "b", draft("y")).expect("another channel").duplicate);
    clock.advance(Duration::from_secs(301));
    assert_eq!(publish_draft(&hub, "a", draft("y")).expect("published").offset, 2);
}

#[test]
fn added_subscriptions_recover_up_to_the_position_and_then_go_on_in_sequence() {
    let (hub, _) = hub_keeping(100);
    let first = publish(&hub, "b", "b1").id;
    let mut subscriber = hub.connect(Client::default()).expect("room");
    let (start, mut recovery) = subscriber.add(&selector("a"), Since::Now, None).expect("added");
    assert_eq!(start.outcome, Outcome::Complete);
    assert!(subscriber.recover(&mut recovery, Budget::default()).is_empty());
    publish(&hub, "b", "b2");
    publish(&hub, "a", "a1");
    assert_eq!(read(&mut subscriber), ["a1"]);
    publish(&hub, "a", "a2");
    publish(&hub, "b", "b3");
    let (start, mut recovery) = subscriber.add(&selector("b"), Since::Cursor(first), None).expect("added");
    assert_eq!(start.cursor, first);
    assert_eq!(texts(&subscriber.recover(&mut recovery, Budget::default())), ["b2"]);
    assert_eq!(read(&mut subscriber), ["a2", "b3"]);
    let (_, mut recovery) = subscriber.add(&selector("*"), Since::Start, None).expect("added");
    assert!(subscriber.recover(&mut recovery, Budget::default()).publications.iter().all(|p| p.number() == 1));
    assert!(matches!(subscriber.add(&selector("*"), Since::Now, None), Err(SubscribeError::AlreadySubscribed)));
    publish(&hub, "a", "a3");
    assert_eq!(read(&mut subscriber), ["a3"]);
    assert!(subscriber.remove(&selector("*")) && subscriber.remove(&selector("a")));
    publish(&hub, "a", "a4");
    assert!(read(&mut subscriber).is_empty());
}

#[test]
fn joins_and_leaves_are_publications_of_the_presence_channel() {
    let (hub, clock) = hub_keeping(10);
    let (mut watch, _) = open(&hub, &["$sys/presence/room"], Since::Now);
    let client = Client { user: Some("ann".into()), info: Some("{\"a\":1}".into()), ..Client::default() };
    let mut ann = hub.connect(client).expect("room");
    ann.open(&[selector("room")], Since::Now, None).expect("opened");
    let joined = watch.read(Budget::default(), false).publications;
    assert_eq!((joined.len(), joined[0].event().as_str()), (1, "join"));
    let id = ann.connection();
    let expected = format!("{{\"user\":\"ann\",\"connection\":\"{id}\",\"info\":{{\"a\":1}},\"since\":1780000000000}}");
    assert_eq!(joined[0].payload(), expected.as_bytes());
    assert_eq!(hub.presence(&channel("room")).count, 1);
    drop(ann);
    hub.maintain();
    assert!(read(&mut watch).is_empty(), "it lingers");
    clock.advance(Duration::from_secs(16));
    hub.maintain();
    assert_eq!(watch.read(Budget::default(), false).publications[0].event().as_str(), "leave");
    assert_eq!(hub.presence(&channel("room")), Members::default());
}

#[test]
fn reserved_channels_are_not_for_publishers() {
    let (hub, _) = hub_keeping(10);
    for name in ["$sys/x", "$x", "mail/a/b"] {
        let refused = publish_draft(&hub, name, Draft::text("x")).expect_err(name);
        assert_eq!(refused.kind(), PublishErrorKind::Reserved, "{name}");
    }
    assert_eq!(publish_draft(&hub, "a b", Draft::text("x")).expect_err("a space").kind(), PublishErrorKind::BadChannel);
    assert_eq!(hub.head().number, 0, "nothing was changed");
}

#[test]
fn publishers_are_pressed_until_the_fastest_has_read_the_older_half() {
    let (hub, _) = hub_keeping(8);
    let (mut fastest, _) = open(&hub, &["a"], Since::Now);
    let (_slow, _) = open(&hub, &["a"], Since::Now);
    (0..8).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    for read in 1..=8 {
        assert_eq!(hub.is_pressed(&channel("a")), read <= 4, "{read}");
        fastest.read(Budget { publications: 1, ..Budget::default() }, false);
    }
    assert!(!hub.is_pressed(&channel("a")) && !hub.is_pressed(&channel("unknown")));
}

#[test]
fn who_was_waited_for_in_vain_presses_nobody_until_it_reads_on() {
    let (hub, _) = hub_keeping(8);
    let (mut only, _) = open(&hub, &["a"], Since::Now);
    (0..8).for_each(|n| drop(publish(&hub, "a", &n.to_string())));
    assert!(hub.is_pressed(&channel("a")));
    hub.give_up_waiting(&channel("a"));
    assert!(!hub.is_pressed(&channel("a")));
    only.read(Budget { publications: 1, ..Budget::default() }, false);
    assert!(hub.is_pressed(&channel("a")), "it is slow, but it reads");
    hub.give_up_waiting(&channel("unknown"));
}

/// Whether each name can be heard, and below which prefixes anything can.
#[test]
fn who_would_be_reached_is_known_before_a_channel_is() {
    let (hub, clock) = hub_keeping(10);
    let below = |prefixes: &[&str]| prefixes.iter().filter(|prefix| hub.reaches_below(prefix)).count();
    let inbox = channel("mail/alice/INBOX");
    assert_eq!((hub.reach(&inbox), below(&["", "mail/", "mail/alice/", "chat/"])), (0, 0));
    let (everything, _) = open(&hub, &["**"], Since::Now);
    // wire.md §1: mail is hidden from leading wildcards
    assert_eq!((hub.reach(&inbox), hub.reach(&channel("chat/a"))), (0, 1));
    assert_eq!((below(&["mail/", "mail/alice/"]), below(&["", "chat/", "ma"])), (0, 3));
    drop(everything);
    let (one, _) = open(&hub, &["mail/alice/*", "mail/alice/INBOX", "mail/*/INBOX"], Since::Now);
    let (other, _) = open(&hub, &["mail/alice/INBOX"], Since::Now);
    assert_eq!((hub.reach(&inbox), hub.reach(&channel("mail/alice/Sent"))), (2, 1));
    assert_eq!((hub.reach(&channel("mail/bob/INBOX")), hub.reach(&channel("mail/bob/Sent"))), (1, 0));
    assert!(
        hub.reaches_below("mail/alice/") && hub.reaches_below("mail/bob/") && !hub.reaches_below("mail/bob/INBOX/")
    );
    drop(one);
    assert_eq!((hub.reach(&inbox), below(&["mail/alice/", "mail/", "mail/alice"]), below(&["mail/bob/"])), (1, 3, 0));
    drop(other);
    assert_eq!((hub.reach(&inbox), below(&["", "mail/", "mail/alice/"])), (0, 0));
    assert_eq!(hub.channels("mail/", "", 10).len(), 1, "asking creates no channel");
    // A channel that was forgotten, and is there again.
    clock.advance(hub.config().idle * 2);
    (0..200).for_each(|_| hub.maintain());
    assert_eq!(hub.channels("mail/", "", 10), []);
    let (_again, _) = open(&hub, &["mail/alice/INBOX"], Since::Now);
    assert_eq!((hub.reach(&inbox), below(&["mail/alice/"])), (1, 1));
}
