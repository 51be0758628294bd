//! A subscription that is cut at any byte and resumed from what the client was told by then: over the hub and the
//! event stream together, nothing is lost without being told and nothing comes twice.

#![expect(clippy::disallowed_methods, reason = "tests need one instant to count from")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use proptest::prelude::*;
use push_core::{Budget, Client, Cursor, Draft, Hub, HubConfig, Namespace, Overflow, Pattern, Selector, Since};
use serde_json::Value;

use super::sse::Sse;
use super::sse::tests::Reader;
use super::stream::{Pace, StreamSession};

/// What happens around one connection of the client.
#[derive(Clone, Debug)]
struct Round {
    /// Channels published to before it connects, and while it is connected.
    before: Vec<u8>,
    during: Vec<u8>,
    /// Publications of one read.
    budget: usize,
    /// Whether a heartbeat is due at the end.
    is_silent: bool,
    /// Where the connection is cut.
    cut: prop::sample::Index,
}

fn any_round() -> impl Strategy<Value = Round> {
    let channels = |max| prop::collection::vec(0..4_u8, 0..max);
    (channels(12), channels(6), 1..5_usize, any::<bool>(), any::<prop::sample::Index>())
        .prop_map(|(before, during, budget, is_silent, cut)| Round { before, during, budget, is_silent, cut })
}

/// `c/0` to `c/2` are subscribed, `other/3` is not.
fn publish(hub: &Hub, channels: &[u8]) {
    for channel in channels {
        let name = if *channel < 3 { format!("c/{channel}") } else { "other/3".to_owned() };
        hub.publish(&name, Draft::text("x\ny")).now_or_never().expect("a local hub answers at once").expect("accepted");
    }
}

/// All bytes of one connection.
fn connection(hub: &Hub, last_event_id: Option<Cursor>, round: &Round) -> Vec<u8> {
    let now = Instant::now();
    let mut subscriber = hub.connect(Client::default()).expect("room");
    let selectors = ["c/0", "c/*"].map(|text| Selector::parse(text).expect(text));
    let since = last_event_id.map_or(Since::Start, Since::Cursor);
    let start = subscriber.open(&selectors, since, Some(Overflow::Gap)).expect("opened");
    let encoder = Sse { json: true, retry: Duration::from_secs(1) };
    let mut session = StreamSession::new(now, encoder, &start, last_event_id, Pace::default());
    let budget = Budget { publications: round.budget, ..Budget::default() };
    let mut out = Vec::new();
    for channels in [&[][..], &round.during] {
        publish(hub, channels);
        loop {
            let batch = subscriber.read(budget, false);
            let has_more = batch.more;
            session.handle_batch(now, batch);
            out.extend(std::iter::from_fn(|| session.poll_output()).flatten());
            if !has_more {
                break;
            }
        }
    }
    if round.is_silent {
        session.handle_timeout(now + Duration::from_secs(25));
        out.extend(std::iter::from_fn(|| session.poll_output()).flatten());
    }
    out
}

/// What a client has got and been told, by channel.
#[derive(Debug, Default)]
struct Known {
    last_event_id: Option<Cursor>,
    received: BTreeMap<String, Vec<u64>>,
    missing: Vec<(String, u64, u64)>,
}

impl Known {
    fn read(&mut self, bytes: &[u8]) {
        let reader = Reader::read(bytes);
        if !reader.last_event_id.is_empty() {
            self.last_event_id = Some(Cursor::parse(&reader.last_event_id).expect("a cursor"));
        }
        for fired in reader.fired {
            let data: Value = serde_json::from_str(&fired.data).expect("JSON");
            let channel = data["channel"].as_str().expect("a channel").to_owned();
            if fired.event == "push.gap" {
                let (from, to) = (data["from"].as_u64().unwrap_or(0), data["to"].as_u64().unwrap_or(u64::MAX));
                self.missing.push((channel, from, to));
            } else {
                self.received.entry(channel).or_default().push(data["offset"].as_u64().expect("an offset"));
            }
        }
    }

    fn was_told(&self, channel: &str, offset: u64) -> bool {
        self.missing.iter().any(|(gap, from, to)| (gap == channel || gap == "c/*") && (from..=to).contains(&&offset))
    }
}

fn check(retained: usize, rounds: &[Round]) {
    let mut config = HubConfig::default();
    let mut namespace = Namespace::new(Pattern::parse("**").expect("a pattern"));
    namespace.retention.count = retained;
    config.namespaces.push(namespace);
    let hub = Hub::new(config);
    let mut known = Known::default();
    let mut published: BTreeMap<String, u64> = BTreeMap::new();
    for (at, round) in rounds.iter().enumerate() {
        publish(&hub, &round.before);
        for channel in round.before.iter().chain(&round.during).filter(|channel| **channel < 3) {
            *published.entry(format!("c/{channel}")).or_default() += 1;
        }
        let bytes = connection(&hub, known.last_event_id, round);
        let is_last = at + 1 == rounds.len();
        let cut = if is_last { bytes.len() } else { round.cut.index(bytes.len() + 1) };
        known.read(&bytes[..cut]);
    }
    for (channel, newest) in &published {
        let received = known.received.get(channel).cloned().unwrap_or_default();
        assert!(received.is_sorted_by(|a, b| a < b), "repeated or out of order: {channel} {received:?}");
        for offset in 1..=*newest {
            let is_known = received.contains(&offset) || known.was_told(channel, offset);
            // `start` begins with the oldest retained: what was trimmed before the client first came is no loss of its.
            let is_before = received.first().is_none_or(|first| offset < *first) && retained < 100;
            assert!(is_known || is_before, "lost without a word: {channel} {offset} of {newest}, {known:?}");
        }
    }
}

proptest! {
    #[test]
    fn a_stream_cut_at_any_byte_resumes_without_loss_or_repeat(rounds in prop::collection::vec(any_round(), 1..8)) {
        check(1000, &rounds);
    }

    #[test]
    fn a_stream_cut_at_any_byte_is_told_every_loss(rounds in prop::collection::vec(any_round(), 1..8)) {
        check(3, &rounds);
    }
}
