//! Lots: where the sockets of parked connections live, so that one costs some tens of bytes and a delivery one send.
//!
//! ```text
//!              first byte                      head, request, answer
//!  door ─▶ silent ──────────▶ busy: the descriptor is lent to a task ─▶ hyper, or a session of ours
//!            ▲  idle ◀── answered ──┘   │                 ▲
//!                                       ▼ parks           │ is resumed: lags, sends, ends, expires
//!  hub ─▶ marks a group ─▶ pass: one batch, one buffer, one send to each member
//! ```
//!
//! - A **lot** (`run`) is one task with one epoll instance (`epoll`). Everything it owns is its own; the way in is its
//!   `inbox`. The tables are pure and stand in `proto::lot`.
//! - A **connection** is silent, idle, busy or a member. Busy ones have a `LotSocket` (`socket`) in a task (`lent`): it reads
//!   the head (`head`), lets hyper serve it (`heads`), and hands the connection to a session that asks for it (`takeover`).
//! - A **group** is a cohort of members that are served alike (`cohort`: what the transports say of them), its slots and
//!   the pass on its way. What is decided about groups is the `engine`, which knows no sockets; `outlet` is what it has
//!   the lot do. `tally` counts for metrics.

mod cohort;
mod door;
mod engine;
mod epoll;
mod head;
mod heads;
mod house;
mod inbox;
mod keys;
mod lent;
mod outlet;
mod run;
mod socket;
mod starter;
mod takeover;
mod tally;

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_service::Service;

use self::house::House;
use self::lent::Rules;
use self::run::{Lot, Opener};
use self::starter::Starter;
use super::accept::ServeSummary;
use super::config::ServeConfig;
use super::connection::Phase;
use super::drive::http1;

pub(crate) use self::cohort::{Cohort, Extra, Kind, Member, Parking};
pub(super) use self::inbox::Message;
pub(super) use self::socket::LotSocket;
pub(crate) use self::takeover::{Offer, OnLot, Session, Taken, Takeover};

/// How long connections that were cut get to let go of their sockets.
const AFTER_CUT: Duration = Duration::from_secs(1);

/// Cuts all connections when the server is dropped.
struct CutOnDrop(Arc<House>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.advance(Phase::Cut);
    }
}

/// [`serve`](super::serve) over lots.
pub(super) async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> ServeSummary
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let lots = config.lots;
    let house = CutOnDrop(Arc::new(House::new(config, lots)));
    let mut running = match open(&house.0, listener, &service) {
        Ok(running) => running,
        Err(error) => {
            tracing::error!(%error, "cannot serve");
            return ServeSummary::default();
        }
    };
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = running.join_next() => {
                if let Err(error) = ended {
                    // Its connections are closed, and their clients come back to those that are left.
                    tracing::error!(%error, "a lot has failed");
                }
            }
        }
    }
    drain(&house.0).await
}

/// Prepares the listener, whose sockets inherit what is set on it, and starts the lots.
fn open<S, B>(house: &Arc<House>, listener: TcpListener, service: &S) -> std::io::Result<JoinSet<()>>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let listener = listener.into_std()?;
    let socket = socket2::SockRef::from(&listener);
    let bytes = house.config.send_buffer;
    if let Err(error) = socket.set_send_buffer_size(bytes) {
        tracing::warn!(%error, bytes, "the send buffer size was not taken");
    }
    if let Err(error) = socket.set_tcp_nodelay(true) {
        tracing::warn!(%error, "TCP_NODELAY was not taken");
    }
    let rules = Rules { http1: http1(&house.config), config: Arc::new(house.config.clone()) };
    let mut running = JoinSet::new();
    for number in 0..house.inboxes.len() {
        let listener = OwnedFd::from(listener.try_clone()?);
        let (service, rules) = (service.clone(), rules.clone());
        let mut starter = Starter::default();
        let open: Opener = Box::new(move |io| starter.start(lent::serve(io, service.clone(), rules.clone())));
        let lot = Lot::new(Arc::clone(house), number, listener, open)?;
        running.spawn(lot.run());
    }
    Ok(running)
}

async fn drain(house: &House) -> ServeSummary {
    house.advance(Phase::Draining);
    if timeout(house.config.grace, house.emptied()).await.is_ok() {
        return ServeSummary { cut: 0 };
    }
    let cut = house.len();
    house.advance(Phase::Cut);
    if timeout(AFTER_CUT, house.emptied()).await.is_err() {
        tracing::debug!(left = house.len(), "some connections were not let go of");
    }
    ServeSummary { cut }
}
