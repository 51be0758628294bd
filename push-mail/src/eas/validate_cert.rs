//! ValidateCert: whether certificates of signed messages can be believed, by the authorities that the system believes.
//!
//! Nobody is asked whether a certificate was revoked: where a device wants to know that for certain, it is told that
//! nobody knows.
//!
//! Source: [MS-ASCMD] 2.2.1.22.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::{Answer, Call, Status};
use crate::http::Site;
use crate::wbxml::Element;
use crate::wbxml::tags::validate_cert as tag;

/// Certificates of one request, and of the chains that come with them ([MS-ASCMD] 3.1.5.8).
const MOST: usize = 100;

/// id-kp-emailProtection, 1.3.6.1.5.5.7.3.4 (RFC 5280 §4.2.1.12).
const EMAIL_PROTECTION: &[u8] = &[0x2B, 6, 1, 5, 5, 7, 3, 4];

// [MS-ASCMD] 2.2.3.177.18
const OK: u16 = 1;
const PROTOCOL_ERROR: u16 = 2;
const INVALID_SIGNATURE: u16 = 3;
const UNTRUSTED: u16 = 4;
const NO_CHAIN: u16 = 5;
const NOT_FOR_MAIL: u16 = 6;
const NOT_VALID_NOW: u16 = 7;
const WRONG_ROLE: u16 = 11;
const REVOKED: u16 = 13;
const REVOCATION_UNKNOWN: u16 = 16;
const SERVER_ERROR: u16 = 17;

/// What is to be judged.
struct Asked {
    certificates: Vec<CertificateDer<'static>>,
    chain: Vec<CertificateDer<'static>>,
    /// Whether what cannot be found out counts against a certificate.
    needs_revocation: bool,
    now: UnixTime,
}

pub(in crate::eas) async fn answer(site: &Site, call: &Call) -> Result<Answer, Status> {
    let document = call.document.as_ref().ok_or(Status(PROTOCOL_ERROR))?;
    let certificates = read(document, tag::CERTIFICATES)?;
    if certificates.is_empty() {
        return Err(Status(PROTOCOL_ERROR));
    }
    let asked = Asked {
        certificates,
        chain: read(document, tag::CERTIFICATE_CHAIN)?,
        needs_revocation: document.child_text(tag::CHECK_CRL).is_some_and(|flag| flag.trim() == "1"),
        now: UnixTime::since_unix_epoch(Duration::from_millis(site.mail.hub.clock().unix_ms())),
    };
    // Signatures take time.
    let judged = tokio::task::spawn_blocking(move || judged(&asked, &believed())).await;
    let judged = judged.map_err(|_| Status(SERVER_ERROR))?;
    let each = judged.into_iter().map(|status| Element::new(tag::CERTIFICATE).with_text(tag::STATUS, status));
    Ok(Answer::Document(Element::new(tag::VALIDATE_CERT).with_text(tag::STATUS, OK).with_all(each)))
}

fn read(document: &Element, list: crate::wbxml::Tag) -> Result<Vec<CertificateDer<'static>>, Status> {
    let Some(list) = document.child(list) else { return Ok(Vec::new()) };
    let all: Vec<_> = list.children(tag::CERTIFICATE).take(MOST + 1).map(certificate).collect();
    if all.len() > MOST { Err(Status(PROTOCOL_ERROR)) } else { Ok(all) }
}

/// In base64, or as it is; empty where it is neither.
fn certificate(element: &Element) -> CertificateDer<'static> {
    let bytes = element.to_bytes();
    // A SEQUENCE of that size is no base64.
    if bytes.starts_with(&[0x30, 0x82]) {
        return bytes.to_vec().into();
    }
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).unwrap_or_default().into()
}

/// The authorities of the system.
fn believed() -> Arc<Vec<TrustAnchor<'static>>> {
    static BELIEVED: OnceLock<Arc<Vec<TrustAnchor<'static>>>> = OnceLock::new();
    let read = || {
        let all = rustls_native_certs::load_native_certs().certs;
        // Some of a system's certificates are often unusable.
        let anchors = all.iter().filter_map(|one| Some(webpki::anchor_from_trusted_cert(one).ok()?.to_owned()));
        Arc::new(anchors.collect())
    };
    Arc::clone(BELIEVED.get_or_init(read))
}

fn judged(asked: &Asked, believed: &[TrustAnchor<'static>]) -> Vec<u16> {
    let between: Vec<_> =
        asked.chain.iter().chain(&asked.certificates).filter(|one| !one.is_empty()).cloned().collect();
    asked.certificates.iter().map(|one| status(one, &between, asked, believed)).collect()
}

fn status(
    certificate: &CertificateDer<'static>,
    between: &[CertificateDer<'static>],
    asked: &Asked,
    believed: &[TrustAnchor<'static>],
) -> u16 {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return INVALID_SIGNATURE };
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
    let usage = KeyUsage::required_if_present(EMAIL_PROTECTION);
    let verified = certificate.verify_for_usage(algorithms, believed, between, asked.now, usage, None, None);
    match verified.map(drop) {
        Ok(()) if asked.needs_revocation => REVOCATION_UNKNOWN,
        Ok(()) => OK,
        Err(Error::UnknownIssuer | Error::CertDistrusted) => UNTRUSTED,
        Err(Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity) => NOT_VALID_NOW,
        Err(Error::RequiredEkuNotFoundContext(_)) => NOT_FOR_MAIL,
        Err(Error::CaUsedAsEndEntity | Error::EndEntityUsedAsCa) => WRONG_ROLE,
        Err(Error::PathLenConstraintViolated | Error::NameConstraintViolation | Error::MaximumPathDepthExceeded) => {
            NO_CHAIN
        }
        Err(Error::CertRevoked) => REVOKED,
        Err(Error::MaximumSignatureChecksExceeded | Error::MaximumPathBuildCallsExceeded) => SERVER_ERROR,
        Err(_) => INVALID_SIGNATURE,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

    use super::*;

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed"))
        }

        fn signs(&self, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
            let mut params = CertificateParams::default();
            change(&mut params);
            params.signed_by(&KeyPair::generate().expect("a key"), &self.0).expect("signed").der().clone()
        }

        fn judges(&self, certificate: CertificateDer<'static>, needs_revocation: bool) -> u16 {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
            let asked = Asked { certificates: vec![certificate], chain: Vec::new(), needs_revocation, now };
            let anchor = webpki::anchor_from_trusted_cert(self.0.der()).expect("an anchor").to_owned();
            judged(&asked, &[anchor])[0]
        }
    }

    #[test]
    fn a_certificate_is_what_its_authority_makes_it() {
        let authority = Authority::new();
        let good = authority.signs(|_| {});
        assert_eq!(authority.judges(good.clone(), false), OK);
        assert_eq!(authority.judges(good.clone(), true), REVOCATION_UNKNOWN);
        assert_eq!(Authority::new().judges(good.clone(), false), INVALID_SIGNATURE, "one of the same name");
        let past = authority.signs(|params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
        assert_eq!(authority.judges(past, false), NOT_VALID_NOW);
        let for_servers =
            authority.signs(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
        assert_eq!(authority.judges(for_servers, false), NOT_FOR_MAIL);
        let for_mail =
            authority.signs(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection]);
        assert_eq!(authority.judges(for_mail, false), OK);
        let mut broken = good.to_vec();
        *broken.last_mut().expect("bytes") ^= 1;
        assert_eq!(authority.judges(broken.into(), false), INVALID_SIGNATURE);
        assert_eq!(authority.judges(Vec::new().into(), false), INVALID_SIGNATURE);
        assert_eq!(judged_by_the_system(good), UNTRUSTED);
    }

    fn judged_by_the_system(certificate: CertificateDer<'static>) -> u16 {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
        let asked = Asked { certificates: vec![certificate], chain: Vec::new(), needs_revocation: false, now };
        judged(&asked, &believed())[0]
    }

    #[test]
    fn a_request_has_certificates_and_not_too_many() {
        let one = Element::text(tag::CERTIFICATE, "MIICYjCCAcugAwIBAgIUYGs4jZbX0Vxj");
        let many = Element::new(tag::CERTIFICATES).with_all(vec![one.clone(); MOST + 1]);
        let document = Element::new(tag::VALIDATE_CERT).with(many);
        assert_eq!(read(&document, tag::CERTIFICATES), Err(Status(PROTOCOL_ERROR)));
        let few = Element::new(tag::CERTIFICATES).with_all(vec![one; MOST]);
        let document = Element::new(tag::VALIDATE_CERT).with(few);
        assert_eq!(read(&document, tag::CERTIFICATES).map(|all| all.len()), Ok(MOST));
        assert_eq!(read(&document, tag::CERTIFICATE_CHAIN).map(|all| all.len()), Ok(0));
    }
}
