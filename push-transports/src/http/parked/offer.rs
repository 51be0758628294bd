//! An answer that comes later: parked with its connection, or a body where that may not be.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::response::Parts;
use http::{Response, StatusCode};
use push_core::BoxFuture;

use super::may_take_over;
use crate::proto::head;
use crate::server::lot::{Offer, Session};

/// What waits for its answer: a session, while it has the connection.
pub(crate) trait Later: Session + 'static {
    /// Waits in place.
    fn answer(self) -> BoxFuture<'static, Response<Bytes>>;

    /// Whether the head tells what only the answer knows, and so has to wait for it.
    fn is_in_head(&self) -> bool;
}

/// What a handler offers of it.
pub(crate) struct LaterOffer<L>(Arc<Mutex<Place<L>>>);

/// Where it waits, and where its answer is left if it is not taken.
struct Place<L> {
    waiting: Option<L>,
    answer: Option<(Parts, Bytes)>,
}

impl<L> Clone for LaterOffer<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: Later> LaterOffer<L> {
    pub(crate) fn new(waiting: L) -> Self {
        Self(Arc::new(Mutex::new(Place { waiting: Some(waiting), answer: None })))
    }

    fn place(&self) -> MutexGuard<'_, Place<L>> {
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

impl<L: Later> Offer for LaterOffer<L> {
    fn take(&self, head: &Parts) -> Option<Box<dyn Session>> {
        if !may_take_over(head) {
            return None;
        }
        Some(Box::new(self.place().waiting.take()?))
    }

    fn complete(&self, mut head: Parts) -> BoxFuture<'static, Parts> {
        let offer = self.clone();
        Box::pin(async move {
            let is_in_head = offer.place().waiting.as_ref().is_none_or(Later::is_in_head);
            if is_in_head {
                offer.be_answered().await;
            }
            if let Some((answer, _)) = &offer.place().answer {
                head::merge(&mut head.headers, &answer.headers);
                head.status = if head.status == StatusCode::OK { answer.status } else { head.status };
            }
            head
        })
    }
}
