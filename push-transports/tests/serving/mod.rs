//! The transports under `serve`, by tasks and by lots: what every case of the fast path begins with.

#![expect(dead_code, reason = "each test file uses a part of it")]

mod answers;
pub(crate) mod fragile;
pub(crate) mod listener;

pub(crate) use answers::*;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use push_core::{Draft, Hub, HubConfig};
use push_transports::server::{ServeConfig, ServeCounters, ServeSummary, bind, serve};
use push_transports::{Config, Push};
use testkit::{Connection, Response};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A guard against hanging, never a measure.
pub(crate) const GUARD: Duration = Duration::from_secs(30);

/// How `serve` is asked to hold its connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Path {
    /// Each connection is a task.
    Tasks,
    /// In two lots, whatever the machine has.
    Lots,
    /// In one lot.
    OneLot,
}

impl Path {
    /// Whether a parked connection is one without a task, where the system has lots at all.
    pub(crate) fn has_lots(self) -> bool {
        cfg!(target_os = "linux") && self != Self::Tasks
    }

    /// Settings to change before the start.
    pub(crate) fn plan(self) -> Plan {
        let mut serve = ServeConfig::default();
        serve.lots = match self {
            Self::Tasks => 0,
            Self::Lots => 2,
            Self::OneLot => 1,
        };
        // Nobody here ends a direction and wants an answer still, but many leave.
        serve.half_close = Duration::from_millis(50);
        Plan { hub: HubConfig::default(), push: Config::default(), serve }
    }

    /// A server with defaults.
    pub(crate) fn start(self) -> Server {
        self.plan().start()
    }
}

/// A server that does not run yet.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) hub: HubConfig,
    pub(crate) push: Config,
    pub(crate) serve: ServeConfig,
}

impl Plan {
    pub(crate) fn start(self) -> Server {
        self.start_with(|app| app)
    }

    /// `wrap` gets the application with push under `/push` and gives the one to serve.
    pub(crate) fn start_with(self, wrap: impl FnOnce(Router) -> Router) -> Server {
        let push = Push::new(Hub::new(self.hub), self.push).expect("valid settings");
        let app = wrap(Router::new().nest("/push", push.router()));
        Server::start(push, app, self.serve)
    }
}

/// A server that runs; it ends with the value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) push: Push,
    pub(crate) hub: Hub,
    pub(crate) counters: ServeCounters,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<ServeSummary>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Server {
    /// Serves an application over the hub of `push`.
    pub(crate) fn start(push: Push, app: Router, config: ServeConfig) -> Self {
        let listener = bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
        let addr = listener.local_addr().expect("it is bound");
        let counters = config.counters.clone();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(serve(listener, app, config, async move { drop(stopped.await) }));
        let hub = push.hub().clone();
        Self { addr, push, hub, counters, stop: Some(stop), running }
    }

    /// Sends the shutdown signal and waits for the end.
    pub(crate) async fn stopped(mut self) -> ServeSummary {
        drop(self.stop.take());
        let ended = timeout(GUARD, &mut self.running).await.expect("the server ends");
        ended.expect("the server does not panic")
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.addr).await.expect("somebody listens")
    }

    /// A connection on which `bytes` were sent.
    pub(crate) async fn sent(&self, bytes: impl AsRef<[u8]>) -> Connection {
        let mut connection = self.connect().await;
        connection.send_bytes(bytes.as_ref()).await.expect("it reads");
        connection
    }

    /// Publishes text, past HTTP.
    pub(crate) async fn publish(&self, channel: &str, text: impl Into<String>) {
        self.hub.publish(channel, Draft::text(text.into())).await.expect("published");
    }

    /// Publishes to the channel until the poll that is parked on `connection` is answered. Once is nearly always enough; but
    /// who is counted as a subscriber already may still have to look where "now" is.
    pub(crate) async fn wake(&self, connection: &mut Connection, channel: &str, text: &str) -> Response {
        self.heard_by(channel, 1).await;
        loop {
            self.publish(channel, text).await;
            if let Ok(response) = timeout(Duration::from_millis(200), connection.response()).await {
                let response = response.expect("an answer");
                assert_head(&response.head);
                return response;
            }
        }
    }

    /// The cursor of now: whoever asks with it hears all that comes, however late its request arrives.
    pub(crate) fn now(&self) -> String {
        self.hub.head().to_string()
    }

    /// How many connections a publication to `channel` would reach.
    pub(crate) fn audience(&self, channel: &str) -> usize {
        let known = self.hub.channels(channel, "", 1);
        known.first().filter(|info| info.channel.as_str() == channel).map_or(0, |info| info.subscribers)
    }

    /// Waits until that many connections subscribe to `channel`.
    pub(crate) async fn heard_by(&self, channel: &str, count: usize) {
        until(&format!("{count} subscribe to {channel}"), || self.audience(channel) == count).await;
    }

    /// Waits until nobody is connected and nobody subscribes any more.
    pub(crate) async fn emptied(&self) {
        until("the hub is empty", || self.hub.connections() == 0).await;
        until("the server is empty", || self.counters.connections() == 0).await;
        let left: Vec<_> = self.hub.channels("", "", 1000).into_iter().filter(|info| info.subscribers > 0).collect();
        assert!(left.is_empty(), "audiences without connections: {left:?}");
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(GUARD, wait).await.unwrap_or_else(|_| panic!("never came true: {what}"));
}

/// `future`, which must not take for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(GUARD, future).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// A `GET` as bytes, with more header lines (each ended by CRLF).
pub(crate) fn get(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

/// Header lines of a WebSocket handshake.
pub(crate) const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A frame of a client (RFC 6455 §5.2), at most 125 bytes, under a mask that changes nothing.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).ok().filter(|length| *length < 126).expect("a short payload");
    let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// Closes with a reset, whatever was sent or is still to be read.
pub(crate) fn reset(stream: tokio::net::TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("an option of every socket");
    drop(stream);
}

/// Ten times as much where there is time.
pub(crate) fn long(count: u64) -> u64 {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { count * 10 } else { count }
}
