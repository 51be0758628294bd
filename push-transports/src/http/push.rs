//! The transports of one hub: what all handlers share, and how they are mounted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use push_core::{Action, Client, Credentials, Ending, Hub, Identity, Selector, Subscriber};

use super::config::Config;
use super::service::PushService;
use super::ws::Endpoints;
use crate::proto::access::{AccessPolicy, PolicyError};
use crate::proto::multipart::ActiveTypes;
use crate::proto::problem::{Code, Problem};

/// The transports of a hub. Cheap to clone: all clones are the same.
#[derive(Clone, Debug)]
pub struct Push {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) config: Config,
    pub(crate) access: AccessPolicy,
    pub(crate) active_types: ActiveTypes,
    pub(crate) endpoints: Endpoints,
    draining: AtomicBool,
    /// Over how long those whom a drain ends are asked to come back, in microseconds.
    drain_window: AtomicU64,
}

/// How often the hub is maintained.
const MAINTENANCE: Duration = Duration::from_secs(1);

/// The part of a drain's window that one client takes to come back: what a new node can take without trouble.
const TURN: Duration = Duration::from_millis(1);

/// All routes of wire.md §4 and §6 as an axum router, to be nested where they are to be found:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use push_core::{Hub, HubConfig};
/// let hub = Hub::new(HubConfig::default());
/// let push = push_transports::router(hub.clone(), push_transports::Config::default());
/// let app = axum::Router::new().nest("/push", push);
/// axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?;
/// # Ok(()) }
/// ```
///
/// # Panics
///
/// When `origins` or `hosts` hold what is neither (use [`Push::new`] to be told), or outside a tokio runtime.
pub fn router(hub: Hub, config: Config) -> Router {
    Push::new(hub, config).expect("'origins' and 'hosts' are origins and hosts").router()
}

impl Push {
    /// The transports of `hub`; maintains the hub from now on, until the last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] for an entry of `origins` or `hosts` that means nothing.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn new(hub: Hub, config: Config) -> Result<Self, PolicyError> {
        let access = AccessPolicy::new(&config.origins, &config.hosts, config.authorizer.is_open())?;
        let active_types = ActiveTypes::allowing(&config.active_types);
        let endpoints = Endpoints::new(&hub, &config);
        let (draining, drain_window) = (AtomicBool::new(false), AtomicU64::new(0));
        let shared = Arc::new(Shared { hub, config, access, active_types, endpoints, draining, drain_window });
        tokio::spawn(maintain(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// The routes as an axum router; see [`router`].
    pub fn router(&self) -> Router {
        Router::new().fallback_service(self.service())
    }

    /// The routes as a tower service, which finds `/ws`, `/sse` and the others at the root of its paths.
    pub fn service(&self) -> PushService {
        PushService::new(self.clone())
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// Whether [`Push::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Acquire)
    }

    /// Begins to go down: new subscriptions are refused (`draining`), parked polls are answered, and every other
    /// subscription is ended with 3000. Clients are asked to come back one after another, a thousand in a second where
    /// `window` is long enough for that and within `window` else. Publishing and asking go on. Returns how many
    /// subscriptions were ended.
    pub fn drain(&self, window: Duration) -> usize {
        let shared = &self.shared;
        // Who is alone has nobody to make way for.
        let turns = u32::try_from(shared.hub.connections()).unwrap_or(u32::MAX);
        let window = window.min(TURN.saturating_mul(turns));
        shared.drain_window.store(u64::try_from(window.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        shared.draining.store(true, Ordering::Release);
        shared.hub.disconnect_all(|| Ending::draining().retry_after(shared.config.retry + random_part(window)))
    }
}

impl Shared {
    /// Refuses what a server that goes down no longer takes.
    pub(crate) fn check_draining(&self) -> Result<(), Problem> {
        if self.draining.load(Ordering::Acquire) {
            let retry = self.retry();
            return Err(Problem::new(Code::Draining, "the server is going down").retry_after(retry));
        }
        Ok(())
    }

    /// A place for a connection, unless the server goes down.
    ///
    /// Looked at once it is registered: a drain that began before did not see it, one that begins after will.
    pub(crate) fn connect(&self, client: Client) -> Result<Subscriber, Problem> {
        let subscriber = self.hub.connect(client)?;
        self.check_draining()?;
        Ok(subscriber)
    }

    /// When a client that was cut is to come back: so that not all come at once.
    pub(crate) fn retry(&self) -> Duration {
        self.config.retry + random_part(self.config.retry)
    }

    /// The ending with the time to come back after, where it asks to come back and names none. Of a drain each
    /// connection has its own: the hub knows one for all whom a lot serves together.
    pub(crate) fn with_retry(&self, ending: Ending) -> Ending {
        let is_drain = ending.code() == Ending::draining().code() && self.draining.load(Ordering::Acquire);
        match ending.retry() {
            Some(_) if is_drain => {
                let window = Duration::from_micros(self.drain_window.load(Ordering::Relaxed));
                ending.retry_after(self.config.retry + random_part(window))
            }
            None if ending.reconnect() => ending.retry_after(self.retry()),
            _ => ending,
        }
    }

    /// A refusal as an ending. Those who are to come back are spread, or all whom a full server refused would
    /// meet again at the same moment.
    pub(crate) fn refusal(&self, problem: &Problem) -> Ending {
        let ending = problem.to_ending();
        match ending.retry() {
            Some(retry) => ending.retry_after(retry + random_part(retry)),
            None => self.with_retry(ending),
        }
    }

    pub(crate) async fn authenticate(&self, credentials: &Credentials) -> Result<Identity, Problem> {
        let identity = self.config.authorizer.authenticate(credentials).await;
        let identity = identity.map_err(|refused| Problem::new(Code::Unauthorized, refused.to_string()))?;
        if identity.expires_ms.is_some_and(|at| at <= self.hub.clock().unix_ms()) {
            return Err(Problem::new(Code::Unauthorized, "the token has expired"));
        }
        Ok(identity)
    }

    /// Whether `identity` may do `action` on each of `selectors`; the first that it may not is named.
    pub(crate) async fn authorize(
        &self,
        identity: &Identity,
        action: Action,
        selectors: &[Selector],
    ) -> Result<(), Problem> {
        for selector in selectors {
            if !self.config.authorizer.authorize(identity, action, Some(selector)).await {
                let detail = format!("no grant to {} {selector}", action.as_str());
                return Err(Problem::new(Code::Forbidden, detail).with("channel", selector.as_str()));
            }
        }
        Ok(())
    }

    pub(crate) async fn authorize_admin(&self, identity: &Identity) -> Result<(), Problem> {
        if self.config.authorizer.authorize(identity, Action::Admin, None).await {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "only an admin may do this"))
    }

    /// When a subscription of `identity` ends unless it is refreshed.
    pub(crate) fn expiry(&self, identity: &Identity) -> Option<std::time::Instant> {
        let clock = self.hub.clock();
        let left = identity.expires_ms?.saturating_sub(clock.unix_ms());
        clock.now().checked_add(Duration::from_millis(left))
    }
}

async fn maintain(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(MAINTENANCE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        shared.hub.maintain();
    }
}

/// A random part of `whole`.
pub(crate) fn random_part(whole: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    whole.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
