//! Accepting, reading and finding: the hub without a socket.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use push_core::{
    Budget, ChannelHistory, ChannelName, Client, Clock, Draft, Epoch, HistoryStore, Hub, HubConfig, ManualClock,
    MemoryHistory, Namespace, Pattern, Recovered, Retention, Selector, Since, StoreError, Subscriber,
};

use super::{Operation, Work, work};

/// Accepting a publication, waking for it, and what patterns cost.
pub const OPERATIONS: &[Operation] = &[
    Operation::new("append/no subscriber", || append(0, 100)),
    Operation::new("append/one subscriber, woken", || append(1, 100)),
    Operation::new("append/hundred subscribers, woken", || append(100, 100)),
    Operation::of_bytes("append/no subscriber, 16 KiB", 16 << 10, || append(0, 16 << 10)),
    Operation::new("append/one subscriber, who reads it", || read_after_each(CHANNEL)),
    Operation::new("append/one subscriber of a pattern, who reads it", || read_after_each("room/*")),
    Operation::new("trie/match of a channel, 1 pattern", || match_among(1)),
    Operation::new("trie/match of a channel, 10,000 patterns", || match_among(PATTERNS)),
    Operation::new("trie/add and leave beside 10,000 patterns", add_and_leave),
];

const CHANNEL: &str = "room/lobby";

/// Publications that the channel's history keeps: so many are there before anything is measured.
const RETAINED: usize = 1024;

const PATTERNS: usize = 10_000;

/// The same in each process, so that cursors have the same digits.
const EPOCH: Epoch = Epoch::from_u64(0x00a5_5a3c_c396);

/// What [`ManualClock`] shows: any day will do.
const UNIX_MS: u64 = 1_790_000_000_000;

/// History in memory that begins with [`EPOCH`].
#[derive(Debug)]
struct Memory;

impl HistoryStore for Memory {
    fn recover(&self) -> Result<Option<Recovered>, StoreError> {
        Ok(Some(Recovered::new(EPOCH, 0, 0)))
    }

    fn open(&self, channel: &ChannelName) -> Result<Box<dyn ChannelHistory>, StoreError> {
        MemoryHistory.open(channel)
    }
}

/// A hub whose clock stands still, and which makes each wire form anew when it is asked for.
pub(super) fn hub() -> (Hub, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(UNIX_MS));
    let mut all = Namespace::new(Pattern::parse("**").expect("a pattern"));
    all.retention = Retention { count: RETAINED, bytes: 1 << 30, ..Retention::default() };
    let mut config = HubConfig::default();
    config.namespaces = vec![all];
    config.max_form_bytes = 0;
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let hub = Hub::builder(config).history(Arc::new(Memory)).clock(shared).build().expect("memory can be opened");
    (hub, clock)
}

/// Publishes text of so many bytes; the local broker accepts in the first poll.
pub(super) fn publish(hub: &Hub, draft: Draft) {
    let accepted = pin!(hub.publish(CHANNEL, draft)).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(accepted, Poll::Ready(Ok(_))), "{accepted:?}");
}

pub(super) fn text(len: usize) -> Draft {
    Draft::text("x".repeat(len))
}

/// Somebody who has read everything and waits for more.
pub(super) fn subscriber(hub: &Hub, selectors: &[&str]) -> Subscriber {
    let selectors: Vec<_> = selectors.iter().map(|text| Selector::parse(text).expect("a selector")).collect();
    let mut subscriber = hub.connect(Client { transport: "bench", ..Client::default() }).expect("there is room");
    subscriber.open(&selectors, Since::Now, None).expect("there is room");
    assert!(!has_moved(&subscriber), "nothing was published since");
    subscriber
}

fn has_moved(subscriber: &Subscriber) -> bool {
    subscriber.poll_moved(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// As its task does once it was woken: takes the notice, and waits for the next.
fn wake(subscriber: &Subscriber) {
    assert!(has_moved(subscriber), "it was told");
    assert!(!has_moved(subscriber), "it is told once");
}

/// A hub with a channel whose history is as long as it may be.
fn full_hub(len: usize) -> (Hub, Draft) {
    let (hub, draft) = (hub().0, text(len));
    for _ in 0..RETAINED {
        publish(&hub, draft.clone());
    }
    (hub, draft)
}

fn append(subscribers: usize, len: usize) -> Work {
    let (hub, draft) = full_hub(len);
    let held: Vec<_> = (0..subscribers).map(|_| subscriber(&hub, &[CHANNEL])).collect();
    work(move || {
        publish(&hub, draft.clone());
        held.iter().for_each(wake);
    })
}

fn read_after_each(selector: &str) -> Work {
    let (hub, draft) = full_hub(100);
    let mut reader = subscriber(&hub, &[selector]);
    work(move || {
        publish(&hub, draft.clone());
        wake(&reader);
        let batch = reader.read(Budget::default(), false);
        assert_eq!(batch.publications.len(), 1, "what was published, once");
        batch
    })
}

/// A hub with so many patterns, and those who subscribe them.
fn hub_of_patterns(count: usize) -> (Hub, Arc<ManualClock>, Vec<Subscriber>) {
    const EACH: usize = 100;
    let (hub, clock) = hub();
    let patterns: Vec<_> = (0..count).map(|at| format!("user/{at}/*")).collect();
    let held = patterns.chunks(EACH).map(|some| {
        let some: Vec<_> = some.iter().map(String::as_str).collect();
        subscriber(&hub, &some)
    });
    let held = held.collect();
    (hub, clock, held)
}

fn match_among(patterns: usize) -> Work {
    let (hub, _, held) = hub_of_patterns(patterns);
    let channel = ChannelName::parse(&format!("user/{}/inbox", patterns / 2)).expect("a name");
    work(move || {
        assert_eq!(hub.reach(&channel), 1, "of {} connections", held.len());
    })
}

/// Each time another pattern. Those that nobody subscribes any more are forgotten once there are many.
fn add_and_leave() -> Work {
    const FORGET_EACH: usize = 8192;
    let (hub, clock, mut held) = hub_of_patterns(PATTERNS);
    let mut done = 0;
    work(move || {
        let selector = Selector::parse(&format!("guest/{done}/*")).expect("a pattern");
        held[0].add(&selector, Since::Now, None).expect("there is room");
        assert!(held[0].remove(&selector), "it was subscribed");
        done += 1;
        if done % FORGET_EACH == 0 {
            clock.advance(Duration::from_secs(3600));
            hub.maintain();
        }
    })
}
