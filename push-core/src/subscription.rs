//! Subscribing in a program: a [`Stream`] of what a channel delivers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::cursor::Since;
use crate::ending::{Ending, Overflow};
use crate::error::SubscribeError;
use crate::hub::Hub;
use crate::name::{NameError, Selector};
use crate::publication::Publication;
use crate::reader::Budget;
use crate::recovery::{Gap, Start};
use crate::registry::Client;
use crate::subscriber::Subscriber;

/// What to subscribe to in a program, and from where on.
#[derive(Clone, Debug, Default)]
pub struct SubscribeRequest {
    selectors: Vec<Selector>,
    since: Since,
    overflow: Option<Overflow>,
    user: Option<Arc<str>>,
}

impl SubscribeRequest {
    /// One channel or pattern.
    ///
    /// # Errors
    ///
    /// The rule of the grammar that `text` breaks.
    pub fn to(text: &str) -> Result<Self, NameError> {
        Self::default().and(text)
    }

    /// One more channel or pattern; all are delivered as one sequence.
    ///
    /// # Errors
    ///
    /// The rule of the grammar that `text` breaks.
    pub fn and(mut self, text: &str) -> Result<Self, NameError> {
        let selector = Selector::parse(text)?;
        if !self.selectors.contains(&selector) {
            self.selectors.push(selector);
        }
        Ok(self)
    }

    /// Where to begin; default [`Since::Now`].
    #[must_use]
    pub fn since(mut self, since: Since) -> Self {
        self.since = since;
        self
    }

    /// What happens when the program does not keep up; default the namespace's.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// In whose name, for presence and operators.
    #[must_use]
    pub fn user(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = Some(user.into());
        self
    }
}

/// What a subscription delivers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Delivery {
    /// The next publication.
    Publication(Arc<Publication>),
    /// Publications that will not come.
    Gap(Gap),
    /// The end: nothing follows.
    End(Ending),
}

/// A subscription in a program. It ends only with the hub's own ending; dropping it unsubscribes.
///
/// The stream is cancel safe: a delivery that was not taken stays.
#[derive(Debug)]
pub struct Subscription {
    subscriber: Subscriber,
    start: Start,
    /// What was read and not yet taken: one batch at most.
    ready: VecDeque<Delivery>,
    /// Whether the program came back for more without having waited: then it may be behind.
    is_behind: bool,
    ended: bool,
}

impl Hub {
    /// Subscribes as a stream of deliveries.
    ///
    /// ```
    /// # use push_core::*;
    /// # async fn example(hub: Hub) -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::StreamExt as _;
    /// let mut lobby = hub.subscribe(SubscribeRequest::to("chat/*")?.since(Since::Last(10)))?;
    /// while let Some(delivery) = lobby.next().await {
    ///     if let Delivery::Publication(publication) = delivery {
    ///         println!("{}: {:?}", publication.channel(), publication.payload());
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub fn subscribe(&self, request: SubscribeRequest) -> Result<Subscription, SubscribeError> {
        let client = Client { transport: "embedded", user: request.user, ..Client::default() };
        let mut subscriber = self.connect(client)?;
        let start = subscriber.open(&request.selectors, request.since, request.overflow)?;
        Ok(Subscription { subscriber, start, ready: VecDeque::new(), is_behind: false, ended: false })
    }
}

impl Subscription {
    /// How it begins: the cursor, the outcome of the recovery, what is missing.
    pub fn start(&self) -> &Start {
        &self.start
    }

    fn fill(&mut self) {
        let batch = self.subscriber.read(Budget::default(), self.is_behind);
        self.is_behind = true;
        self.ready.extend(batch.gaps.into_iter().map(Delivery::Gap));
        self.ready.extend(batch.publications.into_iter().map(Delivery::Publication));
        // After one batch at most: who reads a busy channel never comes to its end.
        let ending = batch.ending.or_else(|| self.subscriber.ending());
        self.ready.extend(ending.map(Delivery::End));
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            if self.ready.is_empty() {
                self.fill();
            }
            if let Some(delivery) = self.ready.pop_front() {
                self.ended = matches!(delivery, Delivery::End(_));
                return Poll::Ready(Some(delivery));
            }
            self.is_behind = false;
            if self.subscriber.poll_moved(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
