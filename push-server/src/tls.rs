//! TLS: the certificate's files, one made at the first start if that was asked for, and reading them again.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use push_transports::server::{Tls, TlsError};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use crate::config::TlsSettings;

/// How often the files are looked at; a change is taken when two looks in a row find the same.
pub(crate) const LOOK_EACH: Duration = Duration::from_secs(5);

/// How long a certificate that the server makes is valid. Apple's systems refuse server certificates of more than 825 days,
/// those of a private authority included (support.apple.com/en-us/103769).
const VALID_FOR: Duration = Duration::from_secs(825 * 24 * 3600);

/// The clocks of clients may be behind.
const VALID_BEFORE: Duration = Duration::from_secs(24 * 3600);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot use the certificate of [tls]: {0}")]
    Files(#[from] TlsError),
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The certificate to show. `data` is there already where one is to be made.
///
/// # Panics
///
/// If one is to be made and there is no `data`.
pub(crate) fn open(settings: &TlsSettings, data: Option<&Path>) -> Result<Tls, OpenError> {
    if let (Some(cert), Some(key)) = (&settings.cert, &settings.key) {
        return Ok(Tls::from_files(cert, key)?);
    }
    let data = data.expect("'tls.self_signed' without 'data' is refused when settings are read");
    let (cert, key) = (data.join("self-signed.crt"), data.join("self-signed.key"));
    if !(cert.exists() && key.exists()) {
        make(&settings.self_signed, &cert, &key)?;
        tracing::info!(certificate = %cert.display(), names = ?settings.self_signed, "made a self-signed certificate");
    }
    tracing::warn!(
        "the certificate is self-signed: it is believed only where it was installed by hand, and phones refuse it, most of \
         them without a word; give them one of an authority that they know, or install an authority of your own as a profile"
    );
    Ok(Tls::from_files(&cert, &key)?)
}

/// Makes key and certificate, the certificate last: while it is not there, both are made again.
fn make(names: &[String], cert: &Path, key: &Path) -> Result<(), OpenError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, names.first().map_or("push-server", |name| name));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = now();
    params.not_before = (now - VALID_BEFORE).into();
    params.not_after = (now - VALID_BEFORE + VALID_FOR).into();
    let pair = KeyPair::generate()?;
    let certificate = params.self_signed(&pair)?;
    for (path, text) in [(key, pair.serialize_pem()), (cert, certificate.pem())] {
        write(path, &text).map_err(|source| OpenError::Write { path: path.to_owned(), source })?;
    }
    Ok(())
}

/// Writes a file that only its owner may read, whatever was there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    const OWNERS: u32 = 0o600;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNERS).open(path)?;
    // One that was there keeps its mode.
    file.set_permissions(Permissions::from_mode(OWNERS))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "a certificate says from when to when it is valid")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> TlsSettings {
        TlsSettings { self_signed: names.iter().map(|name| (*name).to_owned()).collect(), ..Default::default() }
    }

    #[test]
    fn a_certificate_of_its_own_is_made_once_and_for_its_owner_alone() {
        let data = tempfile::tempdir().expect("a directory");
        let settings = names(&["mail.example", "127.0.0.1", "::1"]);
        let made = open(&settings, Some(data.path())).expect("it is made");
        let left = made.not_after().duration_since(now()).expect("it is valid");
        assert!(left < VALID_FOR && left > VALID_FOR - 2 * VALID_BEFORE, "{left:?}");
        let read = |name: &str| {
            let path = data.path().join(name);
            let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            std::fs::read(&path).expect("it is ours")
        };
        let first = (read("self-signed.crt"), read("self-signed.key"));
        open(&settings, Some(data.path())).expect("it is there");
        assert_eq!((read("self-signed.crt"), read("self-signed.key")), first, "it is kept");
        std::fs::remove_file(data.path().join("self-signed.crt")).expect("it was there");
        open(&settings, Some(data.path())).expect("it is made again");
        assert_ne!(read("self-signed.key"), first.1);
    }
}
