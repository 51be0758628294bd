//! SIGTERM and SIGINT: how a server goes down without anybody losing anything. SIGHUP: reading the certificate again.
//!
//! ```text
//! first signal ─▶ drain: 503 at /readyz, subscribers told, pings answered ─▶ notice ─▶ stop accepting ─▶ grace ─▶ exit 0
//!      second signal, at any point ─────────────────────────────────────────────────────────▶ exit 128 + its number
//! ```

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use push_transports::server::Tls;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::routes::Site;

/// The signals that ask a server to end.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// One that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Terminate,
    Interrupt,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Asked::Terminate => "SIGTERM",
            Asked::Interrupt => "SIGINT",
        }
    }

    /// What shells make of a process that the signal killed.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Asked::Terminate => 128 + 15,
            Asked::Interrupt => 128 + 2,
        }
    }
}

impl Signals {
    /// Takes the signals over: from now on they no longer kill the process.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> Asked {
        // `None` means that none can come any more, which holds until the runtime ends.
        tokio::select! {
            Some(()) = self.terminate.recv() => Asked::Terminate,
            Some(()) = self.interrupt.recv() => Asked::Interrupt,
            else => std::future::pending().await,
        }
    }
}

/// Reads the certificate again at each SIGHUP, which from now on no longer kills the process. Never resolves.
pub(crate) async fn reload_when_asked(tls: Tls) -> io::Result<Infallible> {
    let mut hangup = signal(SignalKind::hangup())?;
    while hangup.recv().await.is_some() {
        let tls = tls.clone();
        // What came of it is in the log and counted.
        let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
    }
    std::future::pending().await
}

/// How a server goes down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    /// How long it goes on accepting connections after the signal, so that load balancers see `/readyz` say no.
    pub(crate) notice: Duration,
    /// The time over which clients are asked to come back.
    pub(crate) window: Duration,
}

/// Waits for a signal, drains what `site` serves, and sets `stop` once nothing more is to be accepted. Resolves at a second signal only.
pub(crate) async fn drain_when_asked(
    mut signals: Signals,
    site: Arc<Site>,
    drain: Drain,
    stop: watch::Sender<bool>,
) -> Asked {
    let asked = signals.next().await;
    let ended = site.push.drain(drain.window);
    let pings = site.mail.as_ref().map_or(0, push_mail::Mail::drain);
    tracing::info!(signal = asked.name(), subscriptions = ended, pings, "going down; a second signal ends at once");
    tokio::select! {
        () = tokio::time::sleep(drain.notice) => {}
        again = signals.next() => return again,
    }
    stop.send_replace(true);
    signals.next().await
}
