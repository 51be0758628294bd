//! What a client offers in `Sec-WebSocket-Extensions`, and our answer to permessage-deflate
//! (RFC 6455 §9.1, RFC 7692 §5 and §7.1).

use std::borrow::Cow;

/// The header is not a list of extensions: RFC 6455 §9.1 has the handshake fail for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MalformedOffer;

/// Our answer to the first offer of permessage-deflate that can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeflateAnswer {
    /// The client asked for a bound on our window, which the answer then has to repeat.
    window_named: bool,
}

impl DeflateAnswer {
    /// The value of the answer's `Sec-WebSocket-Extensions`.
    ///
    /// RFC 7692 §7.1.1: both sides go without context takeover, whether or not the client asked,
    /// so no compressor belongs to a connection and one compressed frame serves all.
    pub(super) const fn header(self) -> &'static str {
        if self.window_named {
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15"
        } else {
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        }
    }
}

/// Looks through one header's offers, in the client's order of preference.
///
/// `Ok(None)`: none is permessage-deflate as we can do it. The whole header is read in any case, so
/// that a malformed one is found wherever the fault stands.
pub(super) fn accept_deflate(header: &str) -> Result<Option<DeflateAnswer>, MalformedOffer> {
    let mut scan = Scan(header);
    let mut answer = None;
    loop {
        scan.skip_space();
        // RFC 9110 §5.6.1.2: a recipient takes empty elements of a list.
        if !scan.eat(',') && !scan.0.is_empty() {
            let accepted = extension(&mut scan)?;
            answer = answer.or(accepted);
            if !scan.eat(',') && !scan.0.is_empty() {
                return Err(MalformedOffer);
            }
        }
        if scan.0.is_empty() {
            return Ok(answer);
        }
    }
}

/// Reads one extension with its parameters.
fn extension(scan: &mut Scan<'_>) -> Result<Option<DeflateAnswer>, MalformedOffer> {
    let name = scan.token()?;
    let mut params = DeflateParams::default();
    scan.skip_space();
    while scan.eat(';') {
        scan.skip_space();
        let param = scan.token()?;
        scan.skip_space();
        let value = if scan.eat('=') {
            scan.skip_space();
            Some(scan.value()?)
        } else {
            None
        };
        params.take(param, value.as_deref());
        scan.skip_space();
    }
    Ok((name == "permessage-deflate").then(|| params.answer()).flatten())
}

/// The parameters of one offer of permessage-deflate, RFC 7692 §7.1.
#[derive(Debug, Default)]
struct DeflateParams {
    seen_server_no_context: bool,
    seen_client_no_context: bool,
    seen_client_window: bool,
    server_window: Option<u8>,
    /// RFC 7692 §7.1: unknown, repeated or with a wrong value: the offer is declined.
    unacceptable: bool,
}

impl DeflateParams {
    fn take(&mut self, name: &str, value: Option<&str>) {
        let fresh = match (name, value) {
            ("server_no_context_takeover", None) => !std::mem::replace(&mut self.seen_server_no_context, true),
            ("client_no_context_takeover", None) => !std::mem::replace(&mut self.seen_client_no_context, true),
            // RFC 7692 §7.1.2.2: with or without a value. A smaller window of the client's needs
            // nothing from an inflater that always has the largest.
            ("client_max_window_bits", value) => {
                value.is_none_or(|bits| window_bits(bits).is_some())
                    && !std::mem::replace(&mut self.seen_client_window, true)
            }
            ("server_max_window_bits", Some(bits)) => match window_bits(bits) {
                Some(bits) => self.server_window.replace(bits).is_none(),
                None => false,
            },
            _ => false,
        };
        self.unacceptable |= !fresh;
    }

    fn answer(&self) -> Option<DeflateAnswer> {
        // RFC 7692 §7.1.2.1: frames are compressed once for everyone, with the full window, so a
        // client that can only keep a smaller one is served without compression.
        let window_fits = self.server_window.is_none_or(|bits| bits == 15);
        (!self.unacceptable && window_fits).then_some(DeflateAnswer { window_named: self.server_window.is_some() })
    }
}

/// RFC 7692 §7.1.2: a decimal of 8..=15 without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    if value.starts_with('0') || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    value.parse().ok().filter(|bits| (8..=15).contains(bits))
}

/// What is left of the header.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, wanted: char) -> bool {
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn token(&mut self) -> Result<&'a str, MalformedOffer> {
        let end = self.0.bytes().position(|byte| !is_token_byte(byte));
        let (token, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        if token.is_empty() {
            return Err(MalformedOffer);
        }
        Ok(token)
    }

    /// RFC 6455 §9.1: a token, or a quoted string that is a token once unescaped.
    fn value(&mut self) -> Result<Cow<'a, str>, MalformedOffer> {
        if !self.eat('"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = String::new();
        let mut chars = self.0.chars();
        loop {
            let next = match chars.next() {
                Some('"') => break,
                Some('\\') => chars.next(),
                other => other,
            };
            value.push(next.ok_or(MalformedOffer)?);
        }
        self.0 = chars.as_str();
        if value.is_empty() || !value.bytes().all(is_token_byte) {
            return Err(MalformedOffer);
        }
        Ok(Cow::Owned(value))
    }
}

/// RFC 9110 §5.6.2: a character of a token.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
