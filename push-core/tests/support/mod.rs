//! What the tests of the hub share.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod ledger;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use push_core::*;

pub(crate) const UNIX_MS: u64 = 1_780_000_000_000;

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("a channel")
}

pub(crate) fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector")
}

/// A configuration whose channels all keep `retention`.
pub(crate) fn keeping(retention: Retention) -> HubConfig {
    let namespace = |pattern: &str| {
        let mut namespace = Namespace::new(Pattern::parse(pattern).expect("a pattern"));
        namespace.retention = retention;
        namespace
    };
    let mut config = HubConfig::default();
    config.namespaces = vec![namespace("**")];
    config
}

pub(crate) fn keeping_count(count: usize) -> HubConfig {
    keeping(Retention { count, ..Retention::default() })
}

pub(crate) fn hub(config: HubConfig) -> (Hub, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(UNIX_MS));
    (Hub::builder(config).clock(clock.clone()).build().expect("memory"), clock)
}

/// The answer of a future that never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

pub(crate) fn try_publish(hub: &Hub, name: &str, draft: Draft) -> Result<Receipt, PublishError> {
    now(hub.publish(name, draft))
}

pub(crate) fn publish(hub: &Hub, name: &str, text: &str) -> Receipt {
    try_publish(hub, name, Draft::text(text)).expect("published")
}

pub(crate) fn connect(hub: &Hub) -> Subscriber {
    hub.connect(Client::default()).expect("room")
}

pub(crate) fn open(hub: &Hub, selectors: &[&str], since: Since) -> (Subscriber, Start) {
    let mut subscriber = connect(hub);
    let selectors: Vec<_> = selectors.iter().map(|text| selector(text)).collect();
    let start = subscriber.open(&selectors, since, None).expect("opened");
    (subscriber, start)
}

pub(crate) fn texts(batch: &Batch) -> Vec<String> {
    batch.publications.iter().map(|p| String::from_utf8_lossy(p.payload()).into_owned()).collect()
}

/// Everything there is, of which nothing was lost.
pub(crate) fn read(subscriber: &mut Subscriber) -> Vec<String> {
    let batch = subscriber.read(Budget::default(), false);
    assert_eq!(batch.gaps, []);
    assert!(!batch.more);
    texts(&batch)
}

pub(crate) fn partial(channel: &str, from: impl Into<Option<u64>>, to: impl Into<Option<u64>>) -> Gap {
    let (from, to) = (from.into(), to.into());
    let missed = from.zip(to).map(|(from, to)| to - from + 1);
    Gap { channel: channel.into(), outcome: Outcome::Partial, from, to, missed }
}
