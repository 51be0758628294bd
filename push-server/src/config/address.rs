//! Addresses to listen on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};

/// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or a name that the system knows, with its port.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let malformed =
        || format!("{text:?} is not an address with a port, such as 127.0.0.1:8080, [::1]:8080 or localhost:8080");
    let (host, port) = text.rsplit_once(':').ok_or_else(malformed)?;
    let port: u16 = port.parse().map_err(|_| malformed())?;
    if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        return Err(malformed());
    }
    // RFC 6761 §6.3: localhost is the loopback, whatever a resolver says
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let unknown = |cause: &str| format!("the system knows no address of {host:?}{cause}");
    let mut addresses = (host, port).to_socket_addrs().map_err(|error| unknown(&format!(": {error}")))?;
    addresses.next().ok_or_else(|| unknown(""))
}

/// Whether only this machine can reach it.
pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    let ip: IpAddr = address.ip().to_canonical();
    ip.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_each_form() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("localhost:0", "127.0.0.1:0"),
            ("LocalHost:8080", "127.0.0.1:8080"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            assert_eq!(parse(text).map(|address| address.to_string()), Ok(expected.to_owned()));
        }
        for bad in ["", "nowhere", "8080", ":8080", "127.0.0.1", "::1:8080", "localhost:", "localhost:65536", "a b:1"] {
            assert!(parse(bad).is_err_and(|error| error.contains("such as")), "{bad}");
        }
    }

    #[test]
    fn only_the_loopback_is_reached_by_this_machine_alone() {
        for (text, expected) in [
            ("127.8.9.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(is_loopback(text.parse().expect(text)), expected, "{text}");
        }
    }
}
