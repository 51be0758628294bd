//! Waits of an application's own on a connection of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use http::response::Parts;
use push_core::BoxFuture;

use super::may_take_over;
use crate::proto::head;
use crate::server::Waiting;
use crate::server::lot::{Offer, ParkedWait, Session, Taken};

/// What a handler offers: a wait that is parked with its connection, or a body if that may not be.
#[derive(Clone)]
pub(crate) struct WaitOffer(Arc<Mutex<Place>>);

/// Where a wait is, and where its answer is left if the wait is not parked.
struct Place {
    waiting: Option<Waiting>,
    answer: Option<(Parts, Bytes)>,
}

impl WaitOffer {
    pub(crate) fn new(waiting: Waiting) -> Self {
        Self(Arc::new(Mutex::new(Place { waiting: Some(waiting), answer: None })))
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        // Nothing in here can panic half-way: a poisoned lock holds what it always holds.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the answer, unless somebody has.
    async fn be_answered(&self) {
        let waiting = self.place().waiting.take();
        if let Some(waiting) = waiting {
            let answer = waiting.answer().await;
            self.place().answer = Some(answer.into_parts());
        }
    }

    /// The answer's bytes, as a body.
    pub(crate) async fn into_bytes(self) -> Bytes {
        self.be_answered().await;
        self.place().answer.as_mut().map(|(_, bytes)| std::mem::take(bytes)).unwrap_or_default()
    }
}

impl Offer for WaitOffer {
    fn take(&self, head: &Parts) -> Option<Box<dyn Session>> {
        if !may_take_over(head) {
            return None;
        }
        Some(Box::new(self.place().waiting.take()?))
    }

    /// What the head says is in the answer.
    fn complete(&self, mut head: Parts) -> BoxFuture<'static, Parts> {
        let offer = self.clone();
        Box::pin(async move {
            offer.be_answered().await;
            if let Some((answer, _)) = &offer.place().answer {
                head::merge(&mut head.headers, &answer.headers);
                head.status = if head.status == StatusCode::OK { answer.status } else { head.status };
            }
            head
        })
    }
}

impl Session for Waiting {
    fn run(self: Box<Self>, taken: Taken) -> BoxFuture<'static, ()> {
        let Taken { io, head, closes } = taken;
        let mut lines = Vec::new();
        head::write_headers(&mut lines, &head.headers);
        let (wait, lasts) = self.into_parts();
        io.wait(ParkedWait { wait, lasts, lines: lines.into(), closes });
        Box::pin(std::future::ready(()))
    }
}
