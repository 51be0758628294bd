//! Whom a client believes that a server is who it says: one way for mail servers and for devices.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The authorities that are believed.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// The system's certificate authorities, and those in the file `ca` (PEM).
    pub(crate) fn new(ca: Option<&Path>) -> io::Result<Self> {
        let Some(path) = ca else { return Self::believing(None) };
        let pem = std::fs::read(path).and_then(|pem| Self::believing(Some(&pem)));
        pem.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    /// The same with those of a text.
    pub(crate) fn believing(ca_pem: Option<&[u8]>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default()) {
            let unreadable = |error| io::Error::other(format!("the certificates cannot be read: {error}"));
            let unusable = |error| io::Error::other(format!("a certificate cannot be used: {error}"));
            roots.add(certificate.map_err(unreadable)?).map_err(unusable)?;
        }
        if ca_pem.is_some() && roots.is_empty() {
            return Err(io::Error::other("there is no certificate in what was given"));
        }
        // Some of a system's certificates are often unusable; who needs one of them finds out when connecting.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands with the server that is to be `host`, a name or an address.
    pub(crate) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}
