//! Whom a client believes.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_rustls::TlsConnector;

use super::error::{ClientError, ClientErrorKind};

/// The system's authorities and those in `ca_pem`.
pub(super) fn connector(ca_pem: Option<&[u8]>) -> Result<TlsConnector, ClientError> {
    let wrong = |what: String| ClientError::new(ClientErrorKind::Settings, what);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| wrong(format!("the certificates cannot be read: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("a certificate cannot be used: {error}")))?;
    }
    if ca_pem.is_some() && roots.is_empty() {
        return Err(wrong("there is no certificate in what was given".to_owned()));
    }
    // Some certificates of a system are often unusable; who needs one of them learns it when connecting.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
