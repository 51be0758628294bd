//! A tiny engine that numbers for several nodes and delivers later: what NATS or Redis will be.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use push_core::*;

#[derive(Debug, Default)]
struct Shared {
    last: u64,
    nodes: Vec<Inbound>,
    waiting: VecDeque<(usize, Submission, Arc<Answer>)>,
}

/// One engine of all nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engine(Arc<Mutex<Shared>>);

impl Engine {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().expect("not poisoned")
    }

    /// The broker of the next node.
    pub(crate) fn node(&self) -> NodeBroker {
        NodeBroker { engine: self.clone(), index: Mutex::new(None) }
    }

    /// Numbers what is waiting, leaves a hole before each, and hands it to all nodes.
    pub(crate) fn pump(&self) {
        let mut shared = self.lock();
        while let Some((from, submission, answer)) = shared.waiting.pop_front() {
            shared.last += 2;
            let stamp = Stamp { number: shared.last, time_ms: crate::support::UNIX_MS + shared.last };
            let results: Vec<_> = shared.nodes.iter().map(|node| node.deliver(submission.clone(), stamp)).collect();
            answer.set(results.into_iter().nth(from).expect("the node that asked"));
        }
    }

    pub(crate) fn inbound(&self, node: usize) -> Inbound {
        self.lock().nodes[node].clone()
    }
}

#[derive(Debug)]
pub(crate) struct NodeBroker {
    engine: Engine,
    index: Mutex<Option<usize>>,
}

impl Broker for NodeBroker {
    fn attach(&self, inbound: Inbound) {
        let mut shared = self.engine.lock();
        shared.nodes.push(inbound);
        *self.index.lock().expect("not poisoned") = Some(shared.nodes.len() - 1);
    }

    fn publish(&self, submission: Submission) -> Publishing {
        let index = self.index.lock().expect("not poisoned").expect("attached before anything else");
        let answer = Arc::new(Answer::default());
        self.engine.lock().waiting.push_back((index, submission, Arc::clone(&answer)));
        Publishing::Pending(Box::pin(Answered(answer)))
    }
}

/// A publisher's answer, and who waits for it.
#[derive(Debug, Default)]
struct Answer(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    result: Option<Result<Receipt, PublishError>>,
    waker: Option<Waker>,
}

impl Answer {
    fn set(&self, result: Result<Receipt, PublishError>) {
        let mut slot = self.0.lock().expect("not poisoned");
        slot.result = Some(result);
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }
}

struct Answered(Arc<Answer>);

impl Future for Answered {
    type Output = Result<Receipt, PublishError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.0.0.lock().expect("not poisoned");
        match slot.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A store in memory whose epoch all nodes share, as an engine's stream has one.
#[derive(Debug)]
pub(crate) struct SharedEpoch(pub(crate) Epoch);

impl HistoryStore for SharedEpoch {
    fn recover(&self) -> Result<Option<Recovered>, StoreError> {
        Ok(Some(Recovered::new(self.0, 0, 0)))
    }

    fn open(&self, channel: &ChannelName) -> Result<Box<dyn ChannelHistory>, StoreError> {
        MemoryHistory.open(channel)
    }
}
