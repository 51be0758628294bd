//! Taking a connection over from hyper: what a handler offers, and what it gets.

use std::fmt;
use std::sync::Arc;

use http::response::Parts;
use push_core::BoxFuture;

use super::cohort::Parking;
use crate::server::io::ConnectionIo;

/// In the extensions of requests whose connection a lot owns: a response may carry a [`Takeover`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnLot {
    /// Whether the request has no body, or it was read to its end.
    pub(crate) is_read: bool,
}

/// In the extensions of a response: instead of sending its body, the connection may be handed over.
///
/// The body is the same subscription, and is what is sent where the response cannot be taken over.
#[derive(Clone)]
pub(crate) struct Takeover(pub(crate) Arc<dyn Offer>);

impl fmt::Debug for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Takeover")
    }
}

/// A session that would rather have the connection than be a body.
pub(crate) trait Offer: Send + Sync {
    /// The session, if it can go on behind this head, which has been through all middleware, and has not begun as a body.
    fn take(&self, head: &Parts) -> Option<Box<dyn Session>>;

    /// The head of the answer that is sent because the session was not taken, once all of it is known.
    fn complete(&self, head: Parts) -> BoxFuture<'static, Parts> {
        Box::pin(std::future::ready(head))
    }
}

/// A session on a connection of its own.
pub(crate) trait Session: Send {
    /// Runs to its end, or until it parks.
    fn run(self: Box<Self>, taken: Taken) -> BoxFuture<'static, ()>;

    /// Parks without a connection, if there is nothing to do before but to write: then that is appended to `out`, which is left
    /// as it is else. `date` is that of the answer.
    fn park_at_once(self: Box<Self>, head: &Parts, date: &str, out: &mut Vec<u8>) -> AtOnce;
}

/// What a session does that could park at once.
pub(crate) enum AtOnce {
    Parks(Box<Parking>),
    /// It has to run.
    Runs(Box<dyn Session>),
}

/// A connection without hyper.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Nothing of the answer is written yet; what the client sent behind its request is read first.
    pub(crate) io: ConnectionIo,
    /// Status and headers of the answer, after all middleware.
    pub(crate) head: Parts,
    /// Whether the client asked to close behind the answer.
    pub(crate) closes: bool,
}
