//! Why a certificate and its key cannot be used.

use std::fmt;
use std::path::Path;

/// Why a certificate and its key cannot be used: which file, and what is wrong with it.
#[derive(Debug)]
pub struct TlsError(Box<Wrong>);

#[derive(Debug)]
struct Wrong {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl TlsError {
    fn new(what: String, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Box::new(Wrong { what, source }))
    }

    pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Self {
        Self::new(format!("{} cannot be read", path.display()), Some(Box::new(error)))
    }

    pub(super) fn too_large(path: &Path, most: u64) -> Self {
        Self::new(format!("{} is larger than {most} bytes", path.display()), None)
    }

    pub(super) fn malformed(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::new(format!("{} is not what it is to be", path.display()), Some(Box::new(error)))
    }

    pub(super) fn nothing(path: &Path, what: &str) -> Self {
        Self::new(format!("there is no {what} in {}", path.display()), None)
    }

    pub(super) fn do_not_fit(certificate: &Path, key: &Path) -> Self {
        let (key, certificate) = (key.display(), certificate.display());
        Self::new(format!("the key in {key} does not belong to the certificate in {certificate}"), None)
    }

    pub(super) fn not_valid(certificate: &Path, from: &str, to: &str) -> Self {
        let certificate = certificate.display();
        Self::new(format!("the certificate in {certificate} is not valid today: from {from} to {to}"), None)
    }

    pub(super) fn setup(error: rustls::Error) -> Self {
        Self::new("TLS cannot be set up".to_owned(), Some(Box::new(error)))
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        // The log has one line for it, and what a file lacks is in there.
        self.0.source.as_ref().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

impl std::error::Error for TlsError {}
