//! A certificate and its key, as they stand in two files.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::InconsistentKeys::KeyMismatch;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

use super::error::TlsError;

/// Longest file that is read: chains have some kilobytes.
const MOST_BYTES: u64 = 1 << 20;

/// Where a certificate chain and its key are.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// By what two states of the files are told apart; `None` for one that is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp([Option<(SystemTime, u64, u64)>; 2]);

/// A certificate with its key.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Pair {
    pub(super) fn is_valid_at(&self, time: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }
}

impl Files {
    pub(super) fn stamp(&self) -> Stamp {
        Stamp([&self.certificate, &self.key].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len(), inode(&metadata)))
        }))
    }

    pub(super) fn read(&self) -> Result<Pair, TlsError> {
        let Self { certificate, key } = self;
        let chain = chain(certificate, &read(certificate)?)?;
        let (not_before, not_after) = validity(&chain[0]).map_err(|error| TlsError::malformed(certificate, error))?;
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::nothing(key, "private key"),
            error => TlsError::malformed(key, error),
        })?;
        let pair = CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(KeyMismatch) => TlsError::do_not_fit(certificate, key),
            error @ rustls::Error::InvalidCertificate(_) => TlsError::malformed(certificate, error),
            error => TlsError::malformed(key, error),
        })?;
        Ok(Pair { key: Arc::new(pair), not_before, not_after })
    }
}

/// The certificates of a file, at least one.
fn chain(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let chain = chain.map_err(|error| TlsError::malformed(path, error))?;
    if chain.is_empty() { Err(TlsError::nothing(path, "certificate")) } else { Ok(chain) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut text));
    read.map_err(|error| TlsError::unreadable(path, error))?;
    if text.len() as u64 > MOST_BYTES { Err(TlsError::too_large(path, MOST_BYTES)) } else { Ok(text) }
}

/// From when to when a certificate is valid. Source: RFC 5280 §4.1.2.5.
fn validity(certificate: &CertificateDer<'_>) -> Result<(SystemTime, SystemTime), io::Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(io::Error::other)?;
    let validity = parsed.validity();
    Ok((system_time(validity.not_before), system_time(validity.not_after)))
}

/// What is before 1970 is taken for it: no certificate of today says so.
fn system_time(time: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Whoever replaces a file by renaming another gives it another one, within the same second too.
#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}
