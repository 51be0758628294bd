//! What every `Broker` promises: one sequence on all nodes, in order, answers after delivery, all or nothing.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use push_core::*;

use crate::engine::{Engine, SharedEpoch};
use crate::support::*;

/// Nodes of one hub, and what makes their engine work off what it was given.
pub(crate) struct Nodes {
    hubs: Vec<Hub>,
    pump: Box<dyn Fn()>,
}

impl Nodes {
    fn local() -> Self {
        let (hub, _) = hub(keeping_count(100));
        Self { hubs: vec![hub], pump: Box::new(|| ()) }
    }

    fn engine() -> Self {
        Self::of(&Engine::default())
    }

    fn of(engine: &Engine) -> Self {
        let epoch = Epoch::random();
        let node = |_| {
            let builder = Hub::builder(keeping_count(100)).history(Arc::new(SharedEpoch(epoch)));
            let builder = builder.clock(Arc::new(ManualClock::new(UNIX_MS)));
            builder.broker(Arc::new(engine.node())).build().expect("built")
        };
        let pumped = engine.clone();
        Self { hubs: (0..2).map(node).collect(), pump: Box::new(move || pumped.pump()) }
    }

    fn publish(&self, node: usize, name: &str, draft: Draft) -> Result<Receipt, PublishError> {
        let hub = &self.hubs[node % self.hubs.len()];
        let mut publishing = std::pin::pin!(hub.publish(name, draft));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            if let Poll::Ready(result) = publishing.as_mut().poll(&mut cx) {
                return result;
            }
            (self.pump)();
        }
        panic!("no answer although the engine has nothing left to do");
    }
}

fn in_history(hub: &Hub, name: &str) -> Vec<(u64, u64, Vec<u8>)> {
    let page = hub.history(&channel(name), Since::Start, Budget::default());
    page.publications.iter().map(|p| (p.number(), p.offset(), p.payload().to_vec())).collect()
}

fn all_nodes_have_one_sequence(nodes: &Nodes) {
    let mut readers: Vec<_> = nodes.hubs.iter().map(|hub| open(hub, &["a", "b", "**"], Since::Now).0).collect();
    let mut last = 0;
    for n in 0..20 {
        let receipt = nodes.publish(n, ["a", "b", "c/d"][n % 3], Draft::text(n.to_string())).expect("published");
        assert!(receipt.id.number > last && receipt.offset <= receipt.id.number);
        last = receipt.id.number;
    }
    let got: Vec<Vec<_>> = readers
        .iter_mut()
        .map(|reader| {
            let batch = reader.read(Budget::default(), false);
            assert!(batch.gaps.is_empty());
            batch.publications.iter().map(|p| (p.id(), p.offset(), p.channel().clone(), p.payload().clone())).collect()
        })
        .collect();
    assert_eq!(got[0].len(), 20);
    assert!(got.iter().all(|of_node| *of_node == got[0]));
    assert!(nodes.hubs.iter().all(|hub| hub.head() == nodes.hubs[0].head()));
}

fn an_answer_comes_after_delivery(nodes: &Nodes) {
    for n in 0..4 {
        let receipt = nodes.publish(n, "a", Draft::text("x")).expect("published");
        let history = in_history(&nodes.hubs[n % nodes.hubs.len()], "a");
        let last = history.last().expect("the publication");
        assert_eq!((last.0, last.1), (receipt.id.number, receipt.offset));
    }
}

fn a_cursor_of_one_node_resumes_on_every_other(nodes: &Nodes) {
    let ids: Vec<_> = (0..9)
        .map(|n| nodes.publish(n, ["a", "b"][n % 2], Draft::text(n.to_string())).expect("published").id)
        .collect();
    for hub in &nodes.hubs {
        for (n, id) in ids.iter().enumerate() {
            let (mut reader, start) = open(hub, &["a", "*"], Since::Cursor(*id));
            assert_eq!((start.outcome, start.cursor), (Outcome::Complete, *id));
            assert_eq!(read(&mut reader), (n + 1..9).map(|n| n.to_string()).collect::<Vec<_>>());
        }
    }
}

fn what_is_refused_is_delivered_nowhere(nodes: &Nodes) {
    let table = [
        ("a", Draft::json("{"), PublishErrorKind::InvalidPayload),
        ("a", Draft::new(vec![b'x'; (1 << 20) + 1]), PublishErrorKind::TooLarge),
        ("a b", Draft::text("x"), PublishErrorKind::BadChannel),
        ("$sys/x", Draft::text("x"), PublishErrorKind::Reserved),
        ("mail/x", Draft::text("x"), PublishErrorKind::Reserved),
    ];
    for (name, draft, kind) in table {
        assert_eq!(nodes.publish(0, name, draft).expect_err(name).kind(), kind);
    }
    (nodes.pump)();
    assert!(nodes.hubs.iter().all(|hub| hub.head().number == 0 && hub.stats().channels == 0));
}

fn a_push_id_is_known_on_every_node(nodes: &Nodes) {
    let draft = |text: &str| Draft::text(text).push_id(PushId::parse("id").expect("an id"));
    let first = nodes.publish(0, "a", draft("x")).expect("published");
    for node in 0..2 {
        let again = nodes.publish(node, "a", draft("x")).expect("the first answer again");
        assert_eq!((again.id, again.offset, again.duplicate), (first.id, first.offset, true));
        let other = nodes.publish(node, "a", draft("y")).expect_err("another payload");
        assert_eq!(other.kind(), PublishErrorKind::Conflict);
    }
    assert!(nodes.hubs.iter().all(|hub| in_history(hub, "a").len() == 1));
}

/// The list, over one broker.
macro_rules! broker_contract {
    ($name:ident, $nodes:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn all_nodes_have_one_sequence() {
                super::all_nodes_have_one_sequence(&$nodes);
            }

            #[test]
            fn an_answer_comes_after_delivery() {
                super::an_answer_comes_after_delivery(&$nodes);
            }

            #[test]
            fn a_cursor_of_one_node_resumes_on_every_other() {
                super::a_cursor_of_one_node_resumes_on_every_other(&$nodes);
            }

            #[test]
            fn what_is_refused_is_delivered_nowhere() {
                super::what_is_refused_is_delivered_nowhere(&$nodes);
            }

            #[test]
            fn a_push_id_is_known_on_every_node() {
                super::a_push_id_is_known_on_every_node(&$nodes);
            }
        }
    };
}

broker_contract!(local, Nodes::local());
broker_contract!(engine, Nodes::engine());

/// A broker that keeps what it is given, so that a test can hand it to a node as it likes.
#[derive(Debug, Default)]
struct Keeps(std::sync::Mutex<Vec<Submission>>);

impl Broker for Keeps {
    fn attach(&self, _: Inbound) {}

    fn publish(&self, submission: Submission) -> Publishing {
        self.0.lock().expect("not poisoned").push(submission);
        Publishing::Pending(Box::pin(std::future::pending()))
    }
}

fn submission(text: &str) -> Submission {
    let broker = Arc::new(Keeps::default());
    let hub = Hub::builder(HubConfig::default()).broker(broker.clone()).build().expect("built");
    let mut publishing = std::pin::pin!(hub.publish("a", Draft::text(text)));
    assert!(publishing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    broker.0.lock().expect("not poisoned").pop().expect("submitted in the first poll")
}

#[test]
fn a_number_that_comes_after_a_larger_one_is_refused() {
    let engine = Engine::default();
    let nodes = Nodes::of(&engine);
    let inbound = engine.inbound(0);
    let (mut reader, _) = open(&nodes.hubs[0], &["a"], Since::Now);
    let stamp = |number| Stamp { number, time_ms: UNIX_MS };
    let receipt = inbound.deliver(submission("1"), stamp(7)).expect("delivered");
    assert_eq!((receipt.id.number, receipt.offset, receipt.subscribers), (7, 7, 1));
    for number in [7, 6, 1, 0] {
        let refused = inbound.deliver(submission("late"), stamp(number)).expect_err("readers have passed it");
        assert_eq!(refused.kind(), PublishErrorKind::OutOfOrder);
    }
    inbound.deliver(submission("2"), stamp(9)).expect("delivered");
    assert_eq!(read(&mut reader), ["1", "2"]);
    assert_eq!(in_history(&nodes.hubs[0], "a").iter().map(|p| p.1).collect::<Vec<_>>(), [7, 9]);
    assert_eq!(nodes.hubs[0].head().number, 9);
}

#[test]
fn where_an_engine_leaves_holes_missing_publications_are_not_counted() {
    let engine = Engine::default();
    let clock = Arc::new(ManualClock::new(UNIX_MS));
    let hub = Hub::builder(keeping_count(1)).broker(Arc::new(engine.node())).clock(clock).build().expect("built");
    let inbound = engine.inbound(0);
    let (mut reader, _) = open(&hub, &["a"], Since::Now);
    for number in [4, 9, 11] {
        inbound.deliver(submission("x"), Stamp { number, time_ms: UNIX_MS }).expect("delivered");
    }
    let gap = Gap { missed: None, ..partial("a", 1, 9) };
    assert_eq!(reader.read(Budget::default(), false).gaps, [gap]);
}

#[test]
fn an_inbound_keeps_no_hub_alive() {
    let engine = Engine::default();
    drop(Nodes::of(&engine));
    let gone =
        engine.inbound(0).deliver(submission("x"), Stamp { number: 1, time_ms: UNIX_MS }).expect_err("it is gone");
    assert_eq!((gone.kind(), gone.is_retryable()), (PublishErrorKind::Closed, true));
}

#[test]
fn a_publication_given_up_by_its_publisher_is_delivered_all_the_same() {
    let engine = Engine::default();
    let nodes = Nodes::of(&engine);
    {
        let mut publishing = Box::pin(nodes.hubs[0].publish("a", Draft::text("x")));
        assert!(publishing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    engine.pump();
    assert!(nodes.hubs.iter().all(|hub| in_history(hub, "a").len() == 1));
}
