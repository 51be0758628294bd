//! The accept loop, from the first connection to the last.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};
use tower_service::Service;

use super::backoff::{Backoff, Next};
use super::config::ServeConfig;
use super::connection::{ConnectionInfo, Phase};
use super::drive::{drive, http1};
use super::io::ConnectionIo;
use super::refuse::Refused;
use super::registry::{Place, Registry};
use super::tls::Acceptor;

/// How long connections that were cut get to let go of their sockets.
const AFTER_CUT: Duration = Duration::from_secs(1);

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServeSummary {
    /// Connections that were still open when the grace was over, upgraded ones included, and were cut.
    pub cut: usize,
}

/// Serves HTTP/1.1 on `listener` until `shutdown` resolves and the connections have ended.
///
/// Each request gets a clone of `service`; a panic in a handler ends its connection only. A connection that waits costs what
/// [`ServeConfig::lots`] says. A handler is first polled by the lot that has its connection: one that computes for long, or
/// blocks, before it first waits holds up all others of that lot, so such work belongs into `tokio::task::spawn_blocking`.
/// Each request carries a [`ConnectionInfo`](super::ConnectionInfo) in its extensions. Upgrades (`hyper::upgrade::on`) work;
/// the stream they yield is a [`ConnectionIo`](super::ConnectionIo). `config` says what clients may take; see
/// [`ServeConfig`] for each limit and how it ends. A request's body is the application's to bound, in bytes and in time; a
/// handler that does not read it gives up on the connection behind its answer.
///
/// Once `shutdown` resolves the listener is closed, idle connections are too, others after the answer they are at.
/// Upgraded ones are the application's to end. After [`ServeConfig::grace`] all that are left are cut: their tasks stop, reads
/// and writes of upgraded ones fail.
///
/// Failures to accept never end it: it goes on at once where one connection was at fault, and pauses for 50 ms up to 1 s while
/// the process is out of descriptors, with one warning a burst.
///
/// # Cancel safety
///
/// Dropping the future closes the listener and cuts every connection.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time enabled.
///
/// # Examples
///
/// ```
/// # async fn run() -> std::io::Result<()> {
/// use push_transports::server::{ServeConfig, bind, serve};
///
/// let app = axum::Router::new().route("/healthz", axum::routing::get(|| async { "ok" }));
/// let listener = bind(([127, 0, 0, 1], 0).into())?;
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// # drop(stop);
/// let ended = serve(listener, app, ServeConfig::default(), async { drop(stopped.await) }).await;
/// println!("{} connections were cut", ended.cut);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
/// ```
pub async fn serve<S, B>(
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
    let config = config.bounded();
    #[cfg(target_os = "linux")]
    if config.lots > 0 {
        return super::lot::serve(listener, service, config, shutdown).await;
    }
    let registry = CutOnDrop(Registry::new(config.counters.clone()));
    let acceptor = config.tls.clone().map(|tls| Arc::new(Acceptor::new(tls, &config)));
    let config = Arc::new(config);
    let mut server = Server { registry: Arc::clone(&registry.0), http1: http1(&config), config, acceptor, service };
    server.run(listener, shutdown).await;
    server.drain().await
}

/// What can be served; stands for the bounds of [`serve`].
pub(super) trait App:
    Service<Request<Incoming>, Response = Response<Self::Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    /// What its answers send.
    type Body: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
}

impl<S, B> App for S
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Body = B;
}

struct Server<S> {
    registry: Arc<Registry>,
    http1: http1::Builder,
    config: Arc<ServeConfig>,
    acceptor: Option<Arc<Acceptor>>,
    service: S,
}

struct CutOnDrop(Arc<Registry>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.advance(Phase::Cut);
    }
}

impl<S: App> Server<S> {
    async fn run(&mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        if let Err(error) = socket2::SockRef::from(&listener).set_send_buffer_size(self.config.send_buffer) {
            tracing::warn!(%error, bytes = self.config.send_buffer, "the send buffer size was not taken");
        }
        let mut shutdown = pin!(shutdown);
        let mut listener = Listener { listener, backoff: Backoff::default(), paused: None };
        let mut refused = Refused::default();
        loop {
            let expiry = refused.deadline();
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = sleep_until(expiry.unwrap_or_else(Instant::now)), if expiry.is_some() => {
                    refused.expire(Instant::now());
                }
                (stream, peer) = listener.accept() => {
                    match self.registry.enter(peer, &self.config) {
                        Some(entered) => self.open(stream, peer, entered),
                        None => {
                            self.registry.counters().refuse();
                            tracing::debug!(%peer, "connection refused");
                            // tokio does not know yet that the socket can be written and would make us wait for it.
                            if let Ok(stream) = stream.into_std() && self.acceptor.is_none() {
                                refused.refuse(stream, Instant::now(), date());
                            }
                        }
                    }
                }
            }
        }
    }

    fn open(&self, stream: TcpStream, peer: SocketAddr, (info, place): (ConnectionInfo, Place)) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY was not taken");
        }
        let (service, http1) = (self.service.clone(), self.http1.clone());
        let mut io = ConnectionIo::new(stream, info, place, &self.config);
        let Some(acceptor) = &self.acceptor else {
            tokio::spawn(drive(io, service, http1, &self.config));
            return;
        };
        let (acceptor, config) = (Arc::clone(acceptor), Arc::clone(&self.config));
        tokio::spawn(async move {
            // Boxed: what a handshake needs is not to be part of the task for as long as the connection lives.
            let begun = Box::pin(acceptor.take_in(&mut io)).await;
            drop(acceptor);
            if let Err(turned_away) = begun {
                return turned_away.end(io, &config.counters).await;
            }
            let driven = drive(io, service, http1, &config);
            drop(config);
            driven.await;
        });
    }

    async fn drain(&self) -> ServeSummary {
        self.registry.advance(Phase::Draining);
        if timeout(self.config.grace, self.registry.emptied()).await.is_ok() {
            return ServeSummary { cut: 0 };
        }
        let cut = self.registry.len();
        self.registry.advance(Phase::Cut);
        if timeout(AFTER_CUT, self.registry.emptied()).await.is_err() {
            tracing::debug!(left = self.registry.len(), "some connections were not let go of");
        }
        ServeSummary { cut }
    }
}

/// A listener that never fails.
struct Listener {
    listener: TcpListener,
    backoff: Backoff,
    paused: Option<Instant>,
}

impl Listener {
    /// Takes the next connection. Cancel safe: a pause goes on where it was.
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Some(until) = self.paused {
                sleep_until(until).await;
                self.paused = None;
            }
            match self.listener.accept().await {
                Ok(accepted) => {
                    self.backoff.succeeded();
                    return accepted;
                }
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&mut self, error: &std::io::Error) {
        match self.backoff.failed(error) {
            Next::Again => tracing::debug!(%error, "a connection failed before it was accepted"),
            Next::Pause { length, first } => {
                if first {
                    tracing::warn!(%error, "cannot accept connections now, will keep trying");
                }
                self.paused = Some(Instant::now() + length);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell's clock: an answer has to carry the date")]
fn date() -> SystemTime {
    SystemTime::now()
}
