//! Hosts, ports and origins, in one spelling each so that they can be compared.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The host of a request or of an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// A name in lower case.
    Name(String),
    /// A literal address; one mapped into IPv6 is the IPv4 one.
    Address(IpAddr),
}

/// `host[:port]` as in `Host`, `:authority` and after the `://` of an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    host: Host,
    port: Option<u16>,
}

impl Authority {
    /// Reads `host[:port]`: a name, an IPv4 literal, or an IPv6 literal in brackets. No user, no path, no zone.
    // RFC 3986 §3.2: authority, without its userinfo; RFC 9110 §7.2: Host = uri-host [ ":" port ]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (literal, rest) = rest.split_once(']')?;
            (Host::Address(IpAddr::V6(literal.parse::<Ipv6Addr>().ok()?).to_canonical()), rest)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            if name.is_empty() || !name.bytes().all(allowed) {
                return None;
            }
            let literal = name.parse::<Ipv4Addr>().map(|address| Host::Address(IpAddr::V4(address)));
            (literal.unwrap_or_else(|_| Host::Name(name.to_ascii_lowercase())), rest)
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        Some(Self { host, port })
    }

    /// Whether this is a loopback address written as such, or `localhost`.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => address.is_loopback(),
        }
    }

    /// Whether host and port are equal, with 80, 443 and none alike.
    pub fn is_same(&self, other: &Self) -> bool {
        self.host == other.host && plain_port(self.port) == plain_port(other.port)
    }

    /// Whether `self`, an entry of a list, allows `other`: without a port it allows any.
    pub(crate) fn allows(&self, other: &Self) -> bool {
        self.host == other.host && (self.port.is_none() || plain_port(self.port) == plain_port(other.port))
    }
}

/// Behind a proxy that ends TLS a server cannot know the scheme, so the default ports are one.
fn plain_port(port: Option<u16>) -> Option<u16> {
    port.filter(|port| !matches!(port, 80 | 443))
}

/// A browser's origin: `scheme://host[:port]`, or the opaque one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `null`: of `file://` pages, sandboxed frames and the like.
    Opaque,
    /// All others, in lower case and without the scheme's default port.
    Tuple {
        /// The scheme.
        scheme: String,
        /// Host and port.
        authority: Authority,
    },
}

impl Origin {
    /// Reads the value of `Origin`; a single slash at the end is let pass, for lists that people write.
    // RFC 6454 §6.2: the ASCII serialisation of an origin
    pub fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Opaque);
        }
        let (scheme, rest) = text.split_once("://")?;
        let starts_well = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !starts_well || !scheme.bytes().all(allowed) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let mut authority = Authority::parse(rest.strip_suffix('/').unwrap_or(rest))?;
        let default = match scheme.as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        if authority.port == default {
            authority.port = None;
        }
        Some(Self::Tuple { scheme, authority })
    }

    /// Whether a page of this origin was served under `own`, whatever the scheme.
    pub fn is_own(&self, own: &Authority) -> bool {
        matches!(self, Self::Tuple { authority, .. } if authority.is_same(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_spelling() {
        let same = [
            ("Example.COM", "example.com:443"),
            ("example.com:80", "example.com:"),
            ("[::1]:8080", "[0:0:0:0:0:0:0:1]:8080"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ];
        for (a, b) in same {
            let (left, right) = (Authority::parse(a).expect(a), Authority::parse(b).expect(b));
            assert!(left.is_same(&right), "{a} {b}");
        }
        let different = [("a.example", "b.example"), ("a:8080", "a"), ("a:8080", "a:8081"), ("[::1]", "127.0.0.1")];
        for (a, b) in different {
            let (left, right) = (Authority::parse(a).expect(a), Authority::parse(b).expect(b));
            assert!(!left.is_same(&right), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for bad in [
            "",
            ":80",
            "a b",
            "user@host",
            "localhost@evil.example",
            "a/b",
            "a?b",
            "a#b",
            "::1",
            "[::1",
            "[::1]x",
            "[::1%25lo]",
            "[127.0.0.1]",
            "a:b",
            "a:-1",
            "a:65536",
            "a:80:80",
            "ü.example",
            "a,b",
            "a\tb",
        ] {
            assert_eq!(Authority::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_loopback_literals_and_localhost_are_loopback() {
        for text in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:5", "[::ffff:127.0.0.1]"] {
            assert!(Authority::parse(text).expect(text).is_loopback(), "{text}");
        }
        for text in ["0.0.0.0", "[::]", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "127.1", "a"] {
            assert!(!Authority::parse(text).expect(text).is_loopback(), "{text}");
        }
    }

    #[test]
    fn origins_have_one_spelling() {
        let same = [
            ("https://Example.com", "HTTPS://example.com:443/"),
            ("http://a:80", "http://a"),
            ("https://[::1]:8443", "https://[0::1]:8443"),
        ];
        for (a, b) in same {
            assert_eq!(Origin::parse(a).expect(a), Origin::parse(b).expect(b));
        }
        for (a, b) in [("http://a", "https://a"), ("https://a:80", "https://a"), ("http://a", "null")] {
            assert_ne!(Origin::parse(a).expect(a), Origin::parse(b).expect(b));
        }
        for bad in
            ["", "a", "http:", "http://", "http://a/b", "http://a//", "http://u@a", "1a://b", "*", "Null", " null"]
        {
            assert_eq!(Origin::parse(bad), None, "{bad:?}");
        }
    }
}
