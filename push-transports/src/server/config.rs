//! What a server allows a stranger: one field for each limit.

use std::num::NonZero;
use std::time::Duration;

use super::counters::ServeCounters;
#[cfg(target_os = "linux")]
use super::shortcut::Shortcut;
use super::tls::Tls;

/// Longest duration that is handed to a timer: one year.
///
/// hyper adds its time-out to the clock with a plain `+`, which panics where the sum leaves the clock's range. "Never" is a
/// year here, and no socket lives so long.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Limits and settings of [`serve`](super::serve).
///
/// Begin with [`ServeConfig::default`] and assign the fields that shall differ; any value is accepted.
///
/// ```
/// use push_transports::server::ServeConfig;
/// use std::time::Duration;
///
/// let mut config = ServeConfig::default();
/// config.max_connections = 50_000;
/// config.stall = Duration::from_secs(10);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServeConfig {
    /// Longest time a request's head may take to arrive: from accept for the first request of a connection, from its first
    /// byte for later ones. Default 10 s, most 1 year.
    ///
    /// Then the connection is closed without an answer. Why: a client that sends a byte now and then would otherwise hold
    /// a connection for ever. It does not cover bodies: the application that reads one has to bound that itself.
    pub header_timeout: Duration,
    /// Longest time a kept-alive connection may wait for the first byte of its next request. Default 75 s, most 1 year.
    ///
    /// Then it is closed. Why: longer than the pauses of a page's visitor and than the 60 s for which common proxies keep
    /// their idle connections, so that it is the proxy that closes and no request meets a connection that is just going.
    /// Bytes of a next head that came before the answer to the last request was out do not count as its first byte.
    pub idle: Duration,
    /// Most bytes of a request's head (request line and headers), and of a chunked body's trailers. Default 32 KiB.
    ///
    /// More is answered with 431 and the connection closed. Why: a request target of 16 KiB with its headers must reach
    /// the application, which has a better answer to give. It is the bound of the read buffer and of the response bytes
    /// queued in user space too, which hyper does not let fall under 8 KiB; both begin small and grow as they are needed.
    pub header_bytes: usize,
    /// Most headers in a request, and in trailers. Default 64.
    ///
    /// More is answered with 431. Why: browsers send some twenty, proxies add ten.
    pub max_headers: usize,
    /// Longest time a write may be pending without the client taking anything. Default 30 s, most 1 year.
    ///
    /// Then the write fails with [`TimedOut`](std::io::ErrorKind::TimedOut), the connection is closed and counted as
    /// stalled. It holds after an upgrade as well. Why: a client that stopped reading holds memory, and nothing else ends it
    /// as long as its kernel answers.
    pub stall: Duration,
    /// Longest time a connection that the server has shut down is kept to see the client close as well. Default 2 s, most
    /// 1 year; zero closes at once.
    ///
    /// What the client still sends is read and forgotten, up to 16 MiB. Why: a socket closed with unread bytes resets the
    /// connection, and the reset can destroy the answer on its way (RFC 9112 §9.6), say a 413 to a body that is still being sent.
    pub linger: Duration,
    /// How long a client that has ended its direction still gets the answer that is under way. Default 500 ms, most 1 year;
    /// zero takes it as gone at once.
    ///
    /// Then the request is dropped and the connection closed, a parked poll or a stream as well. Why: a client that is done
    /// sending looks just like one that is gone, and scripts that send and then end their direction want to be answered.
    pub half_close: Duration,
    /// Bytes of kernel send buffer for each accepted socket (`SO_SNDBUF`; Linux reserves twice as many). Default 64 KiB.
    ///
    /// Set on the listener, from which accepted sockets inherit it. Why: a kernel that grows its buffers by itself takes
    /// megabytes for a client that does not read; it shall be seen as backpressure instead, and not be paid for.
    pub send_buffer: usize,
    /// Most connections at a time, upgraded ones included. Default 10,000. Servers that share [`counters`](Self::counters)
    /// have so many together.
    ///
    /// One more is answered with 429 (`too_many_connections`, `Retry-After: 5`) and closed; under TLS just closed, since a
    /// handshake is what costs. Up to 64 of those refused are kept for a second, so that they can read that answer. Why: the descriptors and the memory of a process are finite, and
    /// those who are served shall not suffer from those who come on top. Keep the hub's own limit of subscribers
    /// (`HubConfig::max_connections`) below this one: it refuses in each transport's words, while an `EventSource` gives up
    /// for good on a 429.
    pub max_connections: usize,
    /// Most connections at a time from one address; IPv6 addresses count by their network of 64 bits. Default no limit of its own:
    /// behind a proxy all come from one.
    ///
    /// One more is answered as above. Why: on the open Internet one client must not take the places of all others.
    pub max_connections_per_address: usize,
    /// Lots: tasks that own the sockets of parked connections, each on one worker. Default: one for each core. 0: every
    /// connection is served by a task of its own, as on systems other than Linux.
    ///
    /// Why: a connection that waits in a lot takes some tens of bytes, one with a task some kilobytes, and what many of
    /// them subscribe is written in one go.
    pub lots: usize,
    /// Routes whose requests need not pass the application. Default none. Only where there are lots, so on Linux.
    ///
    /// A plain request for one of them (whole in 64 KiB, of HTTP/1.1, asking for nothing beside) is answered by the lot that has
    /// its connection; every other goes to the application as ever, and must be answered the same there. **Layers of the
    /// application do not see the requests that take it**: leave it unset where one of them does more than look. Why: it
    /// saves an HTTP connection object, a walk through the routes and a task for each request.
    ///
    /// ```
    /// # async fn example(push: push_transports::Push) -> std::io::Result<()> {
    /// use push_transports::server::{ServeConfig, bind, serve};
    ///
    /// let app = axum::Router::new().nest_service("/push", push.service());
    /// let mut config = ServeConfig::default();
    /// config.shortcut = Some(push.shortcut("/push"));
    /// serve(bind(([127, 0, 0, 1], 8080).into())?, app, config, std::future::pending()).await;
    /// # Ok(()) }
    /// ```
    #[cfg(target_os = "linux")]
    pub shortcut: Option<Shortcut>,
    /// Longest time that open connections get to finish once the shutdown signal has come. Default 10 s, most 1 year.
    ///
    /// Then what is left is cut. Why: supervisors wait for some time, often 10 to 30 s, before they kill.
    pub grace: Duration,
    /// What TLS is spoken with; without it, none is. Default none.
    ///
    /// Connections that wait keep rustls' state then, some 3 KiB beside what they keep in the clear. Who speaks HTTP in the clear is answered with 400 and closed.
    pub tls: Option<Tls>,
    /// Longest time a client may take for its first byte, and again for its TLS handshake. Default 10 s, most 1 year.
    ///
    /// Then it is closed. [`header_timeout`](Self::header_timeout) begins behind it. Why: as there.
    pub handshake_timeout: Duration,
    /// Most TLS handshakes at a time, counted from a client's first byte on. Default 512, at least 1.
    ///
    /// Others wait their turn; while any do, a handshake that has taken a second is closed. Why: each may hold 64 KiB of
    /// what a client said so far, and those who say it slowly shall not keep others out.
    pub max_handshakes: usize,
    /// Where the server counts. Default: counters of its own.
    ///
    /// Keep a clone to read them. Servers that share them add up.
    pub counters: ServeCounters,
}

/// Default of [`ServeConfig::send_buffer`], which [`bind`](super::bind) sets already.
pub(super) const SEND_BUFFER: usize = 64 * 1024;

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            header_bytes: 32 * 1024,
            max_headers: 64,
            stall: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            half_close: Duration::from_millis(500),
            send_buffer: SEND_BUFFER,
            max_connections: 10_000,
            max_connections_per_address: usize::MAX,
            grace: Duration::from_secs(10),
            #[cfg(target_os = "linux")]
            shortcut: None,
            lots: std::thread::available_parallelism().map_or(1, NonZero::get),
            tls: None,
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: 512,
            counters: ServeCounters::default(),
        }
    }
}

impl ServeConfig {
    /// The same with every duration short enough for a timer.
    pub(super) fn bounded(mut self) -> Self {
        let Self { header_timeout, idle, stall, linger, half_close, grace, handshake_timeout, .. } = &mut self;
        let durations = [header_timeout, idle, stall, linger, half_close, grace, handshake_timeout];
        for duration in durations {
            *duration = LONGEST.min(*duration);
        }
        self
    }
}
