//! The contract of what moves publications between nodes, and the one for a single node.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use crate::cursor::Cursor;
use crate::error::{PublishError, PublishErrorKind};
use crate::hub::Inner;
use crate::name::ChannelName;
use crate::publication::{Draft, MediaClass};

/// Moves publications between the nodes of one hub.
///
/// # What must be atomic, and what breaks otherwise
///
/// - **One sequence.** Over all nodes each accepted publication has one number, larger than those of all accepted
///   before. Two with one number, or one with two, and a cursor would skip or repeat.
/// - **In order.** A node hands publications to [`Inbound::deliver`] in increasing numbers, from one task. A number
///   that comes after a larger one is refused: readers have passed it, and nobody would ever see it.
/// - **Answer after delivery.** [`Broker::publish`] resolves only when this node's hub has the publication, or the
///   publisher could not find its own publication in the history it asks for next.
/// - **All or nothing.** After an error the publication is delivered nowhere, or the error must be
///   [`PublishErrorKind::Storage`], after which the publisher repeats it under its push id.
pub trait Broker: fmt::Debug + Send + Sync + 'static {
    /// Gets the way into this node's hub. Called once, before anything else.
    fn attach(&self, inbound: Inbound);

    /// Accepts a publication: orders it, delivers it to all nodes, answers its publisher.
    fn publish(&self, submission: Submission) -> Publishing;
}

/// The answer of a broker: there at once, or later.
pub enum Publishing {
    /// It is done.
    Done(Result<Receipt, PublishError>),
    /// It is on its way to other nodes. Dropping the future does not take the publication back.
    Pending(Pin<Box<dyn Future<Output = Result<Receipt, PublishError>> + Send>>),
}

impl fmt::Debug for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Publishing::Done(result) => f.debug_tuple("Done").field(result).finish(),
            Publishing::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// A publication that was checked and waits for its number.
#[derive(Clone, Debug)]
pub struct Submission {
    pub(crate) channel: ChannelName,
    pub(crate) publisher: Arc<str>,
    pub(crate) draft: Draft,
    pub(crate) class: MediaClass,
}

impl Submission {
    /// Where it goes.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Who hands it in; `""` is anybody without a name. The scope of push ids.
    pub fn publisher(&self) -> &str {
        &self.publisher
    }

    /// What is handed in.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }
}

/// The number that an engine gave to a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its place in the one sequence; also its offset.
    pub number: u64,
    /// When the engine accepted it, in Unix milliseconds.
    pub time_ms: u64,
}

/// What a publisher learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where it was published.
    pub channel: ChannelName,
    /// The publication's cursor.
    pub id: Cursor,
    /// Its offset in the channel.
    pub offset: u64,
    /// Connections on this node that it is to reach, parked polls and in-process streams included.
    pub subscribers: usize,
    /// Whether it had been published before under the same push id; this is the first answer again.
    pub duplicate: bool,
}

/// A broker's way into its node's hub. Cheap to clone; does not keep the hub alive.
#[derive(Clone, Debug)]
pub struct Inbound(pub(crate) Weak<Inner>);

impl Inbound {
    /// Gives the publication this hub's next number and appends it: for a broker without an engine.
    ///
    /// # Errors
    ///
    /// Whatever keeps the hub from accepting it; nothing is changed then.
    pub fn sequence(&self, submission: Submission) -> Result<Receipt, PublishError> {
        self.hub()?.accept(submission, None)
    }

    /// Appends a publication that an engine has numbered. Its offset is its number.
    ///
    /// # Errors
    ///
    /// [`PublishErrorKind::OutOfOrder`] for a number that is not larger than all before; else as [`Inbound::sequence`].
    pub fn deliver(&self, submission: Submission, stamp: Stamp) -> Result<Receipt, PublishError> {
        self.hub()?.accept(submission, Some(stamp))
    }

    fn hub(&self) -> Result<Arc<Inner>, PublishError> {
        self.0.upgrade().ok_or_else(|| PublishError::new(PublishErrorKind::Closed))
    }
}

/// The default broker: one node, which numbers its publications itself.
#[derive(Debug, Default)]
pub struct LocalBroker {
    inbound: OnceLock<Inbound>,
}

impl Broker for LocalBroker {
    fn attach(&self, inbound: Inbound) {
        // A second hub would break "one sequence": the first stays.
        let _ = self.inbound.set(inbound);
    }

    fn publish(&self, submission: Submission) -> Publishing {
        Publishing::Done(match self.inbound.get() {
            Some(inbound) => inbound.sequence(submission),
            None => Err(PublishError::new(PublishErrorKind::Closed)),
        })
    }
}
