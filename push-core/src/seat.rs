//! A connection's place in a crowd, and what is kept of it there.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::hub::Inner;
use crate::name::ChannelName;
use crate::registry::{Client, ConnectionId};
use crate::signal::Waiter;

/// A connection's place in a [`Crowd`](crate::Crowd); one word.
///
/// A connection that nobody can name (without user and without `info`) keeps nothing else in the hub: an operator ends it
/// with everybody only, in the crowd's words. Any other is *named*: it keeps its [`ConnectionId`], its [`Client`], its
/// place in the registry and in presence, and can be ended alone, see [`Seat::poll_ended`]. So does one whose transport
/// is not that of the crowd.
///
/// The default is the seat of a connection that nobody can name: whoever keeps many of those need keep none of them, and makes
/// one when it is to be given back.
///
/// To be given back to its crowd by [`Crowd::leave`](crate::Crowd::leave) or [`Crowd::split`](crate::Crowd::split):
/// the crowd counts a seat that was dropped until it is dropped itself.
#[must_use = "the crowd counts the connection until its seat is given back"]
#[derive(Debug, Default)]
pub struct Seat(pub(crate) Option<Box<Named>>);

/// What the hub knows of a connection by its name. Dropping it is the connection's end.
#[derive(Debug)]
pub(crate) struct Named {
    /// Taken when the connection goes its own way.
    hub: Option<Arc<Inner>>,
    waiter: Arc<Waiter>,
    client: Client,
    /// Presence that it entered, and so is to leave.
    rooms: Box<[ChannelName]>,
}

impl Seat {
    /// Ready once an operator ended this very connection: then [split](crate::Crowd::split) it, the subscriber knows its
    /// [ending](crate::Subscriber::ending). Never ready for a seat that is not named.
    ///
    /// Cancel safe: once ready it stays so.
    pub fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.0 {
            Some(named) => named.waiter.poll_ended(cx),
            None => Poll::Pending,
        }
    }

    /// Whether the hub knows the connection by its name.
    pub fn is_named(&self) -> bool {
        self.0.is_some()
    }

    /// Who the client is, of a named connection.
    pub fn client(&self) -> Option<&Client> {
        self.0.as_ref().map(|named| &named.client)
    }

    /// The connection's name, of a named connection.
    pub fn connection(&self) -> Option<ConnectionId> {
        self.0.as_ref().map(|named| ConnectionId(named.waiter.id()))
    }
}

impl Named {
    pub(crate) fn new(hub: Arc<Inner>, waiter: Arc<Waiter>, client: Client, rooms: Box<[ChannelName]>) -> Self {
        Self { hub: Some(hub), waiter, client, rooms }
    }

    /// Whether the hub must know `client` by its name.
    pub(crate) fn is_due(client: &Client) -> bool {
        client.user.is_some() || client.info.is_some()
    }

    /// The connection goes on by itself, in the registry and in its rooms.
    pub(crate) fn release(mut self) -> (Arc<Waiter>, Client) {
        self.hub = None;
        (Arc::clone(&self.waiter), std::mem::take(&mut self.client))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let Some(hub) = self.hub.take() else { return };
        let connection = ConnectionId(self.waiter.id());
        for room in &self.rooms {
            hub.presence.leave(room, &self.client, connection, hub.clock.now());
        }
        hub.registry.remove(self.waiter.id());
    }
}
