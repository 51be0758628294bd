//! Where a mail server is, by its url.

use std::net::IpAddr;

/// How a connection is kept from strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// Not at all.
    Plain,
    /// By TLS, which is begun by a command; nothing secret is said before.
    StartTls,
    /// By TLS from the first byte (RFC 8314 §3).
    Tls,
}

/// The two schemes of a protocol, each with its port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schemes {
    pub(crate) plain: (&'static str, u16),
    pub(crate) tls: (&'static str, u16),
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
}

impl Endpoint {
    /// Reads `scheme://host[:port][/][?tls=none|starttls]`. With the plain scheme TLS is begun by a command, unless the
    /// url says that there is none or the server is on this machine.
    pub(crate) fn parse(url: &str, schemes: &Schemes) -> Result<Self, String> {
        let wrong = |why: &str| format!("the url {url:?} {why}");
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.contains(['/', '@', '#', ' ']) {
            return Err(wrong("has more than a host and a port; users and passwords are set apart"));
        }
        let is_tls = match scheme {
            _ if scheme == schemes.tls.0 => true,
            _ if scheme == schemes.plain.0 => false,
            _ => return Err(wrong(&format!("is neither {} nor {}", schemes.plain.0, schemes.tls.0))),
        };
        let (host, port) = split(place).ok_or_else(|| wrong("has no host, or a port that is none"))?;
        let security = match (is_tls, query) {
            (true, None) => Security::Tls,
            (false, Some("tls=none")) => Security::Plain,
            (false, Some("tls=starttls")) => Security::StartTls,
            (false, None) if is_loopback(host) => Security::Plain,
            (false, None) => Security::StartTls,
            (_, Some(_)) => {
                return Err(wrong("asks for something else than tls=none or tls=starttls of a plain scheme"));
            }
        };
        let port = port.unwrap_or(if is_tls { schemes.tls.1 } else { schemes.plain.1 });
        Ok(Self { host: host.to_owned(), port, security })
    }
}

/// Host and port; an IPv6 address stands in brackets.
fn split(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some(digits) => Some(digits.parse().ok().filter(|&port| port != 0)?),
        None => None,
    };
    (!host.is_empty()).then_some((host, port))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAP: Schemes = Schemes { plain: ("imap", 143), tls: ("imaps", 993) };

    #[test]
    fn a_url_says_where_and_how_safely() {
        for (url, host, port, security) in [
            ("imaps://mail.example", "mail.example", 993, Security::Tls),
            ("imaps://mail.example:1993/", "mail.example", 1993, Security::Tls),
            ("imap://mail.example", "mail.example", 143, Security::StartTls),
            ("imap://mail.example?tls=none", "mail.example", 143, Security::Plain),
            ("imap://localhost:1143", "localhost", 1143, Security::Plain),
            ("imap://[::1]:1143", "::1", 1143, Security::Plain),
            ("imap://127.0.0.1/?tls=starttls", "127.0.0.1", 143, Security::StartTls),
        ] {
            let host = host.to_owned();
            assert_eq!(Endpoint::parse(url, &IMAP), Ok(Endpoint { host, port, security }), "{url}");
        }
        for wrong in [
            "mail.example",
            "pop3://mail.example",
            "imap://",
            "imap://:143",
            "imap://h:0",
            "imap://h:65536",
            "imap://h:",
            "imap://u:p@h",
            "imaps://h?tls=none",
            "imap://h?tls=maybe",
            "imap://h/INBOX",
            "imap://[::1",
            "imap://[::1]1",
        ] {
            assert!(Endpoint::parse(wrong, &IMAP).is_err(), "{wrong}");
        }
    }
}
