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
//! - A **connection** is silent, idle, busy, a member or waiting. Busy ones have a `LotSocket` (`socket`) in a task (`lent`): it shakes
//!   hands where TLS is spoken, reads the head (`head`), lets hyper serve it (`heads`), and hands the connection to a session that asks for it (`takeover`).
//! - A **group** is a cohort of members that are served alike (`cohort`: what the transports say of them), its slots and
//!   the pass on its way. What is decided about groups is the `engine`, which knows no sockets; `outlet` is what it has
//!   the lot do. `tally` counts for metrics.
//! - **TLS** (`sealed`): what is spoken on a connection stays with its descriptor, in a map beside the records and in the
//!   `LotSocket` by turns; a pass is enciphered for each member.
//! - A **wait** (`waits`) is a request that waits for something of its own: its connection is parked without a group.

mod cohort;
mod dates;
mod door;
mod engine;
mod epoll;
mod head;
mod heads;
mod house;
mod inbox;
mod keys;
mod lent;
mod loan;
mod outlet;
mod run;
mod sealed;
mod socket;
mod starter;
mod straight;
mod takeover;
mod tally;
mod waits;

use std::collections::HashMap;
use std::future::{Future, pending};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{Id, JoinSet};
use tokio::time::{sleep, timeout};

use self::house::House;
use self::lent::Rules;
use self::run::{Lot, Opener};
use self::starter::Starter;
use super::accept::{App, ServeSummary};
use super::config::ServeConfig;
use super::connection::Phase;
use super::drive::http1;
use super::tls::Acceptor;

pub(crate) use self::cohort::{Cohort, Extra, Kind, Member, Parking};
pub(super) use self::inbox::Message;
pub(super) use self::socket::LotSocket;
pub(crate) use self::takeover::{AtOnce, Offer, OnLot, Session, Taken, Takeover};
pub(crate) use self::waits::ParkedWait;

/// How long connections that were cut get to let go of their sockets.
const AFTER_CUT: Duration = Duration::from_secs(1);

/// Between the failure of a lot and the next in its place: what fails at once must not fail without a pause.
const BEFORE_ANOTHER: Duration = Duration::from_millis(50);

/// Cuts all connections when the server is dropped.
struct CutOnDrop(Arc<House>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.advance(Phase::Cut);
    }
}

/// [`serve`](super::serve) over lots.
pub(super) async fn serve(
    listener: TcpListener,
    service: impl App,
    config: ServeConfig,
    shutdown: impl Future<Output = ()>,
) -> ServeSummary {
    let lots = config.lots;
    let house = CutOnDrop(Arc::new(House::new(config, lots)));
    let opened = open(&house.0, listener).and_then(|listener| {
        let config = Arc::new(house.0.config.clone());
        let acceptor = config.tls.clone().map(|tls| Arc::new(Acceptor::new(tls, &config)));
        let rules = Rules { http1: http1(&config), config, acceptor };
        let mut opened = Opened {
            house: Arc::clone(&house.0),
            listener,
            service,
            rules,
            running: JoinSet::new(),
            numbers: HashMap::new(),
        };
        (0..lots).try_for_each(|number| opened.start(number)).map(|()| opened)
    });
    let mut opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(%error, "cannot serve");
            return ServeSummary::default();
        }
    };
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = opened.mend() => {}
        }
    }
    let Opened { listener, running, .. } = opened;
    drop(listener);
    let summary = drain(&house.0).await;
    drop(running);
    summary
}

/// Prepares the listener, whose sockets inherit what is set on it.
fn open(house: &House, listener: TcpListener) -> std::io::Result<OwnedFd> {
    let listener = listener.into_std()?;
    let socket = socket2::SockRef::from(&listener);
    let bytes = house.config.send_buffer;
    if let Err(error) = socket.set_send_buffer_size(bytes) {
        tracing::warn!(%error, bytes, "the send buffer size was not taken");
    }
    if let Err(error) = socket.set_tcp_nodelay(true) {
        tracing::warn!(%error, "TCP_NODELAY was not taken");
    }
    Ok(listener.into())
}

/// The lots that run, and what another one needs.
struct Opened<S> {
    house: Arc<House>,
    listener: OwnedFd,
    service: S,
    rules: Rules,
    running: JoinSet<()>,
    numbers: HashMap<Id, usize>,
}

impl<S: App> Opened<S> {
    fn start(&mut self, number: usize) -> std::io::Result<()> {
        let listener = self.listener.try_clone()?;
        let (service, rules) = (self.service.clone(), self.rules.clone());
        let mut starter = Starter::default();
        let open: Opener =
            Box::new(move |io, begun| match rules.acceptor.clone().filter(|_| !io.info().is_secured()) {
                // A handshake takes its time: the lot goes on meanwhile.
                Some(acceptor) => drop(tokio::spawn(lent::take_in(io, acceptor, service.clone(), rules.clone()))),
                None => starter.start(lent::serve(io, begun, service.clone(), rules.clone())),
            });
        let house = Arc::clone(&self.house);
        let lot = Lot::new(Arc::clone(&house), number, listener, open)?;
        house.found(number);
        self.numbers.insert(self.running.spawn(lot.run()).id(), number);
        Ok(())
    }

    /// Waits until a lot has failed, as it may in code that is not ours, and begins another in its place.
    async fn mend(&mut self) {
        let Some(Err(failed)) = self.running.join_next_with_id().await else { return pending().await };
        // Its connections are closed, and their clients come back.
        tracing::error!(error = %failed, "a lot has failed, another begins");
        let Some(number) = self.numbers.remove(&failed.id()) else { return };
        loop {
            sleep(BEFORE_ANOTHER).await;
            match self.start(number) {
                Ok(()) => return,
                Err(error) => tracing::error!(%error, "a lot cannot begin, will keep trying"),
            }
        }
    }
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
