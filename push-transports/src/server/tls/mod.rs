//! TLS for [`serve`](super::serve): whose certificate is shown, and how a connection comes to be enciphered.
//!
//! ```text
//!  accept ─▶ first byte ─▶ 22: a slot ─▶ handshake ─▶ HTTP, as without TLS
//!               │                 │
//!               │                 └── too slow while others wait for a slot: closed
//!               └── a letter: HTTP in the clear ─▶ 400, which says so
//! ```
//!
//! `pair` reads certificate and key from their files, `handshake` takes connections in, `session` is the TLS of one without
//! a socket, `sealing` puts it over one. What rustls is stays in here.

mod error;
mod handshake;
mod pair;
mod sealing;
mod session;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub use self::error::TlsError;
pub(super) use self::handshake::Acceptor;
use self::pair::{Files, Pair, Stamp};
pub(super) use self::sealing::Sealing;
#[cfg(target_os = "linux")]
pub(super) use self::session::RECORD;
pub(super) use self::session::Session;

/// Tickets a TLS 1.3 handshake hands out. Each costs the server a message more; a client that comes back gets the next one then.
const TICKETS: usize = 1;

/// A certificate with its key, and the TLS that is spoken with them: 1.2 and 1.3, HTTP/1.1 by ALPN.
///
/// Both are read from PEM files. They are read again by [`reload`](Self::reload), or by [`watch`](Self::watch) when they
/// change: new handshakes get the new certificate, no connection ends for it. A clone is one reference more to the same.
///
/// Sessions resume by tickets that only this value can read, so it keeps nothing of its clients, and a restart costs each
/// of them a whole handshake. There is one certificate, whatever name a client asks for (RFC 6066 §3). Clients are not asked
/// for theirs.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: Files,
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    /// The files as they were when they were read last, whatever came of it.
    read: Mutex<Stamp>,
    failures: AtomicU64,
}

/// What handshakes are given.
#[derive(Debug)]
struct Current(RwLock<Pair>);

impl Current {
    fn pair(&self) -> Pair {
        // A pair is replaced whole: a poisoned lock holds what it always holds.
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair().key)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the certificate chain (PEM, the server's own first) and its private key (PEM: PKCS#8, PKCS#1 or SEC1).
    ///
    /// A certificate that is not valid today is taken all the same, and the log says so: clients will say it louder.
    ///
    /// # Errors
    ///
    /// Where one of the files cannot be read or is larger than 1 MiB, has no certificate or no key in it, or where the key
    /// is another certificate's.
    pub fn from_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let files = Files { certificate: certificate.as_ref().to_owned(), key: key.as_ref().to_owned() };
        let read = files.stamp();
        let pair = files.read()?;
        let now = now();
        if !pair.is_valid_at(now) {
            tracing::warn!(
                certificate = %files.certificate.display(),
                from = %date(pair.not_before),
                to = %date(pair.not_after),
                "the certificate is not valid today: clients will refuse it"
            );
        }
        let current = Arc::new(Current(RwLock::new(pair)));
        let config = config(&current).map_err(TlsError::setup)?;
        Ok(Self(Arc::new(Inner {
            files,
            config: Arc::new(config),
            current,
            read: Mutex::new(read),
            failures: AtomicU64::new(0),
        })))
    }

    /// Reads both files again, and takes them for all handshakes from now on. The log says so, in either case.
    ///
    /// It blocks for as long as the files take to be read.
    ///
    /// # Errors
    ///
    /// As [`from_files`](Self::from_files), and where the certificate is not valid today. What was there goes on being
    /// used, and the failure is counted.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Inner { files, current, failures, .. } = &*self.0;
        *self.read() = files.stamp();
        let read = files.read().and_then(|pair| match pair.is_valid_at(now()) {
            true => Ok(pair),
            false => Err(TlsError::not_valid(&files.certificate, &date(pair.not_before), &date(pair.not_after))),
        });
        match read {
            Ok(pair) => {
                tracing::info!(certificate = %files.certificate.display(), to = %date(pair.not_after), "the certificate was read again");
                *current.0.write().unwrap_or_else(PoisonError::into_inner) = pair;
                Ok(())
            }
            Err(error) => {
                failures.fetch_add(1, Relaxed);
                tracing::error!(%error, "the certificate stays the one that was there");
                Err(error)
            }
        }
    }

    /// Reloads whenever one of the files has become another (by time of change, length or inode; links are followed) and
    /// both have then stayed the same for `every`, so that a pair that is replaced one after the other is not read half-way.
    ///
    /// Never resolves. Dropping it ends the watch.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time enabled.
    pub async fn watch(self, every: Duration) {
        let mut last = None;
        loop {
            tokio::time::sleep(every).await;
            let tls = self.clone();
            let look = tokio::task::spawn_blocking(move || tls.look(last)).await;
            // A look that panicked has seen nothing.
            last = look.unwrap_or(None);
        }
    }

    /// Reloads if the files are others than those that were read, and the same as at the `last` look; returns how they are.
    fn look(&self, last: Option<Stamp>) -> Option<Stamp> {
        let stamp = self.0.files.stamp();
        let is_new = *self.read() != stamp;
        if is_new && last.as_ref() == Some(&stamp) {
            // Told in the log and counted.
            let _ = self.reload();
        }
        Some(stamp)
    }

    /// Until when the certificate in use is valid.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.0.current.pair().not_after
    }

    /// Reloads since the start that failed.
    #[must_use]
    pub fn reload_failures(&self) -> u64 {
        self.0.failures.load(Relaxed)
    }

    /// The file of the certificate chain.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.0.files.certificate.clone()
    }

    fn read(&self) -> MutexGuard<'_, Stamp> {
        // A stamp is replaced whole.
        self.0.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn config(current: &Arc<Current>) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(current) as Arc<dyn ResolvesServerCert>);
    // RFC 7301 §3.2: who offers names, and this one not among them, is refused.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = TICKETS;
    Ok(config)
}

fn date(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

#[expect(clippy::disallowed_methods, reason = "whether a certificate is valid is a question of the wall clock")]
fn now() -> SystemTime {
    SystemTime::now()
}
