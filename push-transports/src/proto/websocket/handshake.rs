//! The opening handshake, the server's half (RFC 6455 §4.2).

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use http::header::{
    ALLOW, CONNECTION, HOST, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use sha1::{Digest as _, Sha1};

use super::offer::{DeflateAnswer, MalformedOffer, accept_deflate};

/// The subprotocol of operations and publications, wire.md §4.
pub const PROTOCOL: &str = "push.v1";

/// What a subprotocol that carries a bearer token begins with: the rest of it is the token.
pub const BEARER_PROTOCOL: &str = "push.v1.bearer.";

/// RFC 6455 §1.3: what the server adds to the key before hashing.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The nonce's last character has bits to spare, which some clients do not leave zero.
const KEY_ENCODING: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Why a request does not open a WebSocket.
///
/// Shape: one byte, `Copy`. [`Refusal::http_status`] and [`Refusal::headers`] make the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// RFC 6455 §4.2.1 (1): the method is not GET.
    Method,
    /// RFC 6455 §4.2.1 (1): the version of HTTP is below 1.1.
    HttpVersion,
    /// RFC 6455 §4.2.1 (2): there is no `Host`.
    HostMissing,
    /// RFC 6455 §4.2.1 (3): `Upgrade` does not name `websocket`.
    UpgradeMissing,
    /// RFC 6455 §4.2.1 (4): `Connection` does not name `upgrade`.
    ConnectionMissing,
    /// RFC 6455 §4.2.1 (5): there is no `Sec-WebSocket-Key`.
    KeyMissing,
    /// RFC 6455 §11.3.1: there are several `Sec-WebSocket-Key`.
    KeyRepeated,
    /// RFC 6455 §4.2.1 (5): the key is not 16 bytes in base64.
    KeyInvalid,
    /// RFC 6455 §4.4: `Sec-WebSocket-Version` is not 13, is missing, or is there several times.
    VersionUnsupported,
    /// RFC 6455 §4.2.1 (8): `Sec-WebSocket-Protocol` is not visible ASCII.
    ProtocolInvalid,
    /// RFC 6455 §9.1: `Sec-WebSocket-Extensions` is not a list of extensions.
    ExtensionsInvalid,
}

impl Refusal {
    /// The status of the answer: 405 for the method, 426 for the version, else 400.
    pub const fn http_status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::VersionUnsupported => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What was wrong, in a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Method => "a websocket is opened with GET",
            Self::HttpVersion => "a websocket needs HTTP/1.1",
            Self::HostMissing => "the Host header is missing",
            Self::UpgradeMissing => "the Upgrade header does not name websocket",
            Self::ConnectionMissing => "the Connection header does not name upgrade",
            Self::KeyMissing => "the Sec-WebSocket-Key header is missing",
            Self::KeyRepeated => "there are several Sec-WebSocket-Key headers",
            Self::KeyInvalid => "the Sec-WebSocket-Key is not 16 bytes in base64",
            Self::VersionUnsupported => "the Sec-WebSocket-Version is not 13",
            Self::ProtocolInvalid => "the Sec-WebSocket-Protocol is not visible ASCII",
            Self::ExtensionsInvalid => "the Sec-WebSocket-Extensions are malformed",
        }
    }

    /// The headers that go with the status: which method, which version to come back with.
    pub fn headers(self) -> HeaderMap {
        let entries: &[(HeaderName, &'static str)] = match self {
            Self::Method => &[(ALLOW, "GET")],
            // RFC 6455 §4.4 names the version; RFC 9110 §15.5.22 wants the protocol.
            Self::VersionUnsupported => {
                &[(SEC_WEBSOCKET_VERSION, "13"), (UPGRADE, "websocket"), (CONNECTION, "Upgrade")]
            }
            _ => &[],
        };
        entries.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Refusal {}

/// What a route is willing to agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms<'a> {
    /// Subprotocols in the server's order of preference. A client that offers none of them gets
    /// none, which is no refusal (RFC 6455 §4.2.2).
    pub protocols: &'a [&'a str],
    /// Whether an acceptable offer of permessage-deflate is accepted.
    pub deflate: bool,
}

impl Default for Terms<'_> {
    /// [`PROTOCOL`], with permessage-deflate.
    fn default() -> Self {
        Self { protocols: &[PROTOCOL], deflate: true }
    }
}

/// An opening handshake that was accepted: the answer, and what it means for the session.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// Whether permessage-deflate was agreed on, without context takeover both ways.
    pub deflate: bool,
    /// The token of a subprotocol that begins with [`BEARER_PROTOCOL`], as it was sent and not
    /// looked at; of several, the first. May be empty.
    pub token: Option<String>,
    accept: [u8; 28],
    protocol: Option<HeaderValue>,
    extension: Option<DeflateAnswer>,
}

impl Handshake {
    /// Checks a request and settles subprotocol and compression.
    ///
    /// Origin, Host and grants are not looked at here.
    ///
    /// # Errors
    ///
    /// The first of [`Refusal`]'s offences in the order of their list.
    pub fn accept(method: &Method, version: Version, headers: &HeaderMap, terms: Terms<'_>) -> Result<Self, Refusal> {
        check_upgrade(method, version, headers)?;
        let accept = accept_key(headers)?;
        check_version(headers)?;
        let (protocol, token) = choose_protocol(headers, terms.protocols)?;
        let extension = choose_deflate(headers)?.filter(|_| terms.deflate);
        Ok(Self { deflate: extension.is_some(), token, accept, protocol, extension })
    }

    /// The headers of the answer, whose status is 101 (RFC 6455 §4.2.2).
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        let accept = HeaderValue::from_bytes(&self.accept);
        headers
            .insert(SEC_WEBSOCKET_ACCEPT, accept.expect("base64 is visible ASCII, which every header value may hold"));
        if let Some(protocol) = &self.protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        if let Some(extension) = self.extension {
            let value = HeaderValue::from_static(extension.header());
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
        }
        headers
    }
}

fn check_upgrade(method: &Method, version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    if method != Method::GET {
        return Err(Refusal::Method);
    }
    if version < Version::HTTP_11 {
        return Err(Refusal::HttpVersion);
    }
    if !headers.contains_key(HOST) {
        return Err(Refusal::HostMissing);
    }
    if !list_names(headers, UPGRADE, "websocket") {
        return Err(Refusal::UpgradeMissing);
    }
    if !list_names(headers, CONNECTION, "upgrade") {
        return Err(Refusal::ConnectionMissing);
    }
    Ok(())
}

/// Whether a header that is a list, over one line or several, has this element in any case.
fn list_names(headers: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    let lines = headers.get_all(name).into_iter();
    let mut elements = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    elements.any(|element| element.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
}

/// RFC 6455 §4.2.2 (5.4): the proof that the key was read.
fn accept_key(headers: &HeaderMap) -> Result<[u8; 28], Refusal> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).into_iter();
    let key = keys.next().ok_or(Refusal::KeyMissing)?.as_bytes();
    if keys.next().is_some() {
        return Err(Refusal::KeyRepeated);
    }
    let mut nonce = [0; 18];
    match KEY_ENCODING.decode_slice(key, &mut nonce) {
        Ok(16) => {}
        _ => return Err(Refusal::KeyInvalid),
    }
    let digest = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX);
    let mut accept = [0; 28];
    STANDARD.encode_slice(digest.finalize(), &mut accept).expect("the 20 bytes of SHA-1 are 28 characters of base64");
    Ok(accept)
}

fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).into_iter();
    match (versions.next(), versions.next()) {
        (Some(version), None) if version == "13" => Ok(()),
        _ => Err(Refusal::VersionUnsupported),
    }
}

/// The subprotocol to answer with, and the token that came with the offer.
///
/// RFC 6455 §4.2.2: the answer is one of those offered, or none. A bearer subprotocol is answered
/// with only when nothing else fits, since browsers fail a connection whose offer met no answer.
fn choose_protocol(headers: &HeaderMap, known: &[&str]) -> Result<(Option<HeaderValue>, Option<String>), Refusal> {
    let mut best: Option<(usize, &str)> = None;
    let mut bearer: Option<&str> = None;
    for line in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let line = line.to_str().map_err(|_| Refusal::ProtocolInvalid)?;
        for offered in line.split(',').map(str::trim) {
            if let Some(rank) = known.iter().position(|&name| name == offered) {
                if best.is_none_or(|(best, _)| rank < best) {
                    best = Some((rank, offered));
                }
            } else if offered.starts_with(BEARER_PROTOCOL) && bearer.is_none() {
                bearer = Some(offered);
            }
        }
    }
    let chosen = best.map(|(_, name)| name).or(bearer);
    let chosen = chosen.map(HeaderValue::from_str).transpose().map_err(|_| Refusal::ProtocolInvalid)?;
    let token = bearer.map(|name| name[BEARER_PROTOCOL.len()..].to_owned());
    Ok((chosen, token))
}

/// RFC 7692 §5: the first offer that can be accepted, over all lines of the header.
fn choose_deflate(headers: &HeaderMap) -> Result<Option<DeflateAnswer>, Refusal> {
    let mut answer = None;
    for line in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        let line = line.to_str().map_err(|_| Refusal::ExtensionsInvalid)?;
        let accepted = accept_deflate(line).map_err(|MalformedOffer| Refusal::ExtensionsInvalid)?;
        answer = answer.or(accepted);
    }
    Ok(answer)
}
