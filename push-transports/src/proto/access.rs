//! Which web pages may reach the server: `Host`, `Origin`, `Sec-Fetch-Site` and CORS (wire.md §7).
//!
//! A browser carries a user's position in the network, and often his credentials, to any server that a page names.
//! So a page elsewhere must not reach this one by form, WebSocket, image or DNS rebinding, unless its origin is
//! listed; programs that send none of these headers notice nothing.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HOST, ORIGIN,
};
use http::uri;
use http::{HeaderMap, HeaderValue, Method};

use super::authority::{Authority, Origin};
use super::problem::{Code, Problem};

/// Headers that a listed origin may send.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Last-Event-ID, Push-Channel, Push-Cursor, Push-Event, \
     Push-Id, Push-Key, Push-Outcome, Push-Retain";
/// Headers of answers that a listed origin may read.
const EXPOSED_HEADERS: &str = "Push-Channel, Push-Close, Push-Cursor, Push-Event, Push-Id, Push-Key, Push-Outcome, \
     Push-Retain, Retry-After";

/// The part of a server's settings that decides who may reach it.
#[derive(Clone, Debug, Default)]
pub struct AccessPolicy {
    origins: Vec<Origin>,
    hosts: Vec<Authority>,
    is_open: bool,
}

/// An entry of `origins` or `hosts` that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{setting}': {entry:?} is not {expected}")]
pub struct PolicyError {
    setting: &'static str,
    entry: String,
    expected: &'static str,
}

impl AccessPolicy {
    /// A policy of listed `origins` (`https://app.example`, or `null`) and `hosts` (`push.example`, any port, or
    /// `push.example:8080`). `is_open`: anyone may do anything, so that only addresses tell friend from foe.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] naming the entry; `*` is none.
    pub fn new<T: AsRef<str>>(origins: &[T], hosts: &[T], is_open: bool) -> Result<Self, PolicyError> {
        let error = |setting, entry: &str, expected| PolicyError { setting, entry: entry.to_owned(), expected };
        let origin = |entry: &T| {
            let entry = entry.as_ref();
            Origin::parse(entry).ok_or_else(|| error("origins", entry, "an origin such as https://app.example"))
        };
        let host = |entry: &T| {
            let entry = entry.as_ref();
            Authority::parse(entry).ok_or_else(|| error("hosts", entry, "a host such as push.example"))
        };
        Ok(Self {
            origins: origins.iter().map(origin).collect::<Result<_, _>>()?,
            hosts: hosts.iter().map(host).collect::<Result<_, _>>()?,
            is_open,
        })
    }
}

/// What of a request the decision looks at.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// The authority of the target: `:authority`, or that of an absolute form.
    pub authority: Option<&'a uri::Authority>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// Whether the path is under the base, and not a page that people navigate to.
    pub is_under_base: bool,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It goes on. Every answer to it, errors too, carries the headers of `cors`.
    Allow {
        /// The listed origin it comes from.
        cors: Option<Cors>,
    },
    /// It is a preflight: 204 with these headers, before any authorisation.
    Preflight(HeaderMap),
    /// A plain 403, before any upgrade.
    Refuse(Problem),
}

/// A listed origin that asked, and may read the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors(HeaderValue);

impl Cors {
    /// Adds the headers that let the origin read the answer. The origin is echoed, never `*`.
    pub fn apply(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }

    fn preflight(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        headers
    }
}

impl AccessPolicy {
    /// Decides about one request, before anything else is done with it.
    pub fn decide(&self, asked: &Asked<'_>) -> Decision {
        self.check(asked).unwrap_or_else(Decision::Refuse)
    }

    fn check(&self, asked: &Asked<'_>) -> Result<Decision, Problem> {
        let own = own_authority(asked)?;
        self.check_host(own.as_ref())?;
        let cors = self.check_origin(asked.headers, own.as_ref())?;
        let sites = asked.headers.get_all("sec-fetch-site");
        let is_cross_site = sites.iter().any(|site| site.as_bytes().eq_ignore_ascii_case(b"cross-site"));
        if asked.is_under_base && is_cross_site && cors.is_none() {
            return Err(refused("a request from another site needs an Origin that is listed in 'origins'"));
        }
        let is_preflight = asked.method == Method::OPTIONS && asked.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        Ok(match cors {
            Some(cors) if is_preflight => Decision::Preflight(cors.preflight()),
            cors => Decision::Allow { cors },
        })
    }

    fn check_host(&self, own: Option<&Authority>) -> Result<(), Problem> {
        if !self.is_open && self.hosts.is_empty() {
            return Ok(());
        }
        let is_known = |own: &Authority| own.is_loopback() || self.hosts.iter().any(|host| host.allows(own));
        match own {
            Some(own) if is_known(own) => Ok(()),
            Some(_) => Err(refused("the Host is neither a loopback address nor localhost nor listed in 'hosts'")),
            None => Err(refused("a Host is needed that is a loopback address, localhost or listed in 'hosts'")),
        }
    }

    fn check_origin(&self, headers: &HeaderMap, own: Option<&Authority>) -> Result<Option<Cors>, Problem> {
        let mut values = headers.get_all(ORIGIN).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(refused("more than one Origin; one of them must be listed in 'origins'"));
        }
        let text = value.to_str().ok();
        // A trailing slash is forgiven in lists only: no browser sends one.
        let origin = text.filter(|text| !text.ends_with('/')).and_then(Origin::parse);
        let Some(origin) = origin else {
            return Err(refused("the Origin is malformed, so it cannot be listed in 'origins'"));
        };
        if self.origins.contains(&origin) {
            return Ok(Some(Cors(value.clone())));
        }
        if own.is_some_and(|own| origin.is_own(own)) {
            return Ok(None);
        }
        let shown: String = text.unwrap_or_default().chars().take(300).collect();
        Err(refused(format!("the origin {shown} is neither this server's own nor listed in 'origins'")))
    }
}

/// The name under which the server was asked; `None` if it was asked under none (HTTP/1.0).
///
/// Several that do not agree are an attack on whoever looks at only one of them.
// RFC 9112 §3.2.2: the authority of an absolute form stands above Host
fn own_authority(asked: &Asked<'_>) -> Result<Option<Authority>, Problem> {
    let mut hosts = asked.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(refused("more than one Host; 'hosts' lists those that are allowed"));
    }
    let parse = |text: Option<&str>| {
        let malformed = || refused("the Host is malformed, so it cannot be listed in 'hosts'");
        text.and_then(Authority::parse).ok_or_else(malformed)
    };
    // HTTP/1.0, and targets without an authority, send none or an empty one: RFC 9112 §3.2.
    let host = host.filter(|host| !host.is_empty()).map(|host| parse(host.to_str().ok())).transpose()?;
    let target = asked.authority.map(|authority| parse(Some(authority.as_str()))).transpose()?;
    match (target, host) {
        (Some(target), Some(host)) if !target.is_same(&host) => {
            Err(refused("Host and the target's authority differ; 'hosts' lists those that are allowed"))
        }
        (Some(target), _) => Ok(Some(target)),
        (None, host) => Ok(host),
    }
}

fn refused(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::Forbidden, detail)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
