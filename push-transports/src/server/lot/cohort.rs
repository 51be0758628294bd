//! What the transports say of connections that are served alike, so that the lot can serve them as one.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use push_core::{Batch, BoxFuture, Budget, Crowd, Seat, Subscriber};

use crate::proto::lot::pass::Pass;
use crate::server::io::ConnectionIo;

/// Connections that subscribe the same, have read equally far and are written the same bytes.
pub(crate) trait Cohort<I = ConnectionIo>: Send {
    /// The reader that they share.
    fn crowd(&mut self) -> &mut Crowd;

    /// How much is read for one pass.
    fn budget(&self) -> Budget {
        Budget::default()
    }

    /// The bytes of what was read: one frame for the gaps if there are any, then one for each publication, except for
    /// answers, which are one frame.
    fn write(&mut self, batch: &Batch) -> Pass;

    /// After what silence [`Cohort::beat`] is due; never without one.
    fn heartbeat(&self) -> Option<Duration> {
        None
    }

    /// What breaks a silence, as one frame.
    fn beat(&mut self) -> Option<Pass> {
        None
    }

    /// A member that was not heard for so long is dead.
    fn silence_limit(&self) -> Option<Duration> {
        None
    }

    /// Whether what is written answers a request: then the connection goes on with the next one.
    fn is_answer(&self) -> bool {
        false
    }

    /// What a member is written when its time is over; without that it is resumed, and sees for itself.
    fn expire(&mut self, _: Option<&Extra>) -> Option<Bytes> {
        None
    }

    /// Whether members are listened to.
    fn listens(&self) -> bool {
        false
    }

    /// What answers `input`, if that needs no more than bytes; else the member is resumed.
    fn answer(&mut self, _: &mut [u8]) -> Option<Vec<u8>> {
        None
    }

    /// A member goes on by itself.
    fn resume(&mut self, member: Member<I>) -> BoxFuture<'static, ()>;
}

/// What a transport keeps of a member beside its place.
pub(crate) type Extra = Box<dyn Any + Send>;

/// A member that was taken out of its cohort.
pub(crate) struct Member<I = ConnectionIo> {
    /// Its connection.
    pub(crate) io: I,
    /// Where it reads on.
    pub(crate) subscriber: Subscriber,
    /// What its transport kept.
    pub(crate) extra: Option<Extra>,
    /// What is still to be written of a frame whose beginning is.
    pub(crate) rest: Bytes,
    /// Since when it has been silent.
    pub(crate) silence: Duration,
    /// What is left of the time that it was to last.
    pub(crate) left: Option<Duration>,
    /// Whether the connection ends after this answer.
    pub(crate) closes: bool,
    /// Whether it can park again.
    pub(crate) may_park: bool,
    /// Whether its socket did not take what it was given at once.
    pub(crate) is_blocked: bool,
}

impl<I> fmt::Debug for Member<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("rest", &self.rest.len()).finish_non_exhaustive()
    }
}

/// What kind of member a connection is to be.
pub(crate) trait Kind<I = ConnectionIo>: Send {
    /// A cohort of such members, if it is the first.
    fn found(self: Box<Self>, crowd: Crowd) -> Box<dyn Cohort<I>>;

    /// It goes on by itself after all.
    fn resume(self: Box<Self>, member: Member<I>) -> BoxFuture<'static, ()>;
}

/// A connection that becomes a member.
pub(crate) struct Parking<I = ConnectionIo> {
    /// Equal for connections that may be in one cohort.
    pub(crate) key: Arc<[u8]>,
    /// Settled, and everything it has read is written.
    pub(crate) subscriber: Subscriber,
    /// What it is to be a member of.
    pub(crate) kind: Box<dyn Kind<I>>,
    /// What the transport keeps of it.
    pub(crate) extra: Option<Extra>,
    /// How long until [`Cohort::expire`], if ever.
    pub(crate) lasts: Option<Duration>,
    /// Since when it has been silent.
    pub(crate) silence: Duration,
    /// Whether the connection ends after this answer.
    pub(crate) closes: bool,
}

impl<I> fmt::Debug for Parking<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parking").field("key", &String::from_utf8_lossy(&self.key)).finish_non_exhaustive()
    }
}

/// What the lot keeps of the few members that are more than a place.
#[derive(Default)]
pub(super) struct Guest {
    pub(super) seat: Option<Seat>,
    pub(super) extra: Option<Extra>,
}
