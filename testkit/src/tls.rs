//! A certificate authority of a test's own, and a relay that lets clients which know no TLS speak it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// An authority that nobody knows but who is told.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key, PKCS#8.
    pub key: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// If there is no randomness.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Its own certificate, as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `name`, valid for a day from yesterday to tomorrow.
    #[must_use]
    pub fn issue(&self, name: &str) -> Issued {
        self.issue_until(name, now() + DAY)
    }

    /// One that is valid for two days, up to `not_after`.
    ///
    /// # Panics
    /// If `name` is none.
    #[must_use]
    pub fn issue_until(&self, name: &str, not_after: SystemTime) -> Issued {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = (not_after - 2 * DAY).into();
        params.not_after = not_after.into();
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a client is set up with that believes this authority alone, and speaks these versions.
    ///
    /// # Panics
    /// If there are no versions.
    #[must_use]
    pub fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.0.der().to_vec())).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("some version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Issued {
    /// Puts both into place as tools do: each written elsewhere, then renamed.
    ///
    /// # Panics
    /// If the files cannot be written.
    pub fn write(&self, certificate: &Path, key: &Path) {
        for (path, text) in [(certificate, &self.certificate), (key, &self.key)] {
            let beside = path.with_extension("new");
            std::fs::write(&beside, text).expect("written");
            std::fs::rename(&beside, path).expect("renamed");
        }
    }
}

/// Connects, and shakes hands as a client of 127.0.0.1.
///
/// # Errors
/// When nobody listens or the server is not believed.
pub async fn connect(addr: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = crate::http::connect(addr, None).await?;
    let name = ServerName::IpAddress(addr.ip().into());
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// Takes plain connections and carries each over TLS; ends with the value.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub addr: SocketAddr,
    running: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Relay {
    /// One to the server at `to`.
    ///
    /// # Panics
    /// If the loopback cannot be bound.
    pub async fn start(to: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let addr = listener.local_addr().expect("it is bound");
        let running = tokio::spawn(async move {
            while let Ok((plain, _)) = listener.accept().await {
                tokio::spawn(carry(plain, to, Arc::clone(&config)));
            }
        });
        Self { addr, running }
    }
}

/// As long as both sides talk; an end is passed on, and who fails is left.
async fn carry(mut plain: TcpStream, to: SocketAddr, config: Arc<ClientConfig>) {
    let _ = plain.set_nodelay(true);
    if let Ok(mut secured) = connect(to, &config).await {
        let _ = copy_bidirectional(&mut plain, &mut secured).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "certificates are valid at some time of day")]
fn now() -> SystemTime {
    SystemTime::now()
}
