//! Whole requests at the front of what a client has sent, RFC 9112: those that are so plain that no HTTP library is needed.
//!
//! Whatever is not plain is left where it is, for the library to answer or refuse. So what is read here is read as the
//! library would read it, and nothing is refused.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

/// Most headers of a plain request; browsers send some twenty.
const HEADERS: usize = 48;

/// What a request may have to be plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes of its head.
    pub(crate) head: usize,
    /// Its headers.
    pub(crate) headers: usize,
    /// Bytes of its target.
    pub(crate) target: usize,
}

/// A plain request at the front of some bytes.
#[derive(Debug)]
pub(crate) struct Front {
    /// Its target begins with the route; its body is in memory of its own.
    pub(crate) request: Request<Bytes>,
    /// Its bytes.
    pub(crate) len: usize,
}

/// What a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Bytes of the path before it.
    pub(crate) base: usize,
    /// Whether requests for it ask for another protocol.
    pub(crate) upgrades: bool,
}

/// The request that `bytes` begin with: HTTP/1.1, GET or POST, all of it there, with a length if it has a body, asking for
/// nothing that concerns its connection, and for a path that `route` knows.
pub(crate) fn front(bytes: &[u8], bounds: Bounds, route: impl FnOnce(&Method, &str) -> Option<Route>) -> Option<Front> {
    let mut room = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; HEADERS];
    let room = &mut room[..HEADERS.min(bounds.headers)];
    let mut parsed = httparse::Request::new(&mut []);
    let Ok(httparse::Status::Complete(head)) = parsed.parse_with_uninit_headers(bytes, room) else { return None };
    let target = parsed.path?;
    if head > bounds.head || target.len() > bounds.target || parsed.version != Some(1) {
        return None;
    }
    let method = match parsed.method? {
        "GET" => Method::GET,
        "POST" => Method::POST,
        _ => return None,
    };
    let path = target.split('?').next().unwrap_or_default();
    let Route { base, upgrades } = route(&method, path)?;
    let whole = Bytes::copy_from_slice(bytes.get(..head)?);
    let headers = headers(&whole, bytes, parsed.headers, upgrades)?;
    let length = length(&headers)?;
    let body = bytes.get(head..)?.get(..length)?;
    let mut request = Request::new(Bytes::copy_from_slice(body));
    *request.uri_mut() = Uri::from_maybe_shared(part(&whole, bytes, &target.as_bytes()[base..])?).ok()?;
    *request.headers_mut() = headers;
    *request.method_mut() = method;
    Some(Front { request, len: head + length })
}

/// `part` of `bytes` as one of `whole`, which is a copy of their beginning.
fn part(whole: &Bytes, bytes: &[u8], part: &[u8]) -> Option<Bytes> {
    let begin = (part.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
    let end = begin.checked_add(part.len())?;
    (end <= whole.len()).then(|| whole.slice(begin..end))
}

/// The headers, unless one of them asks for more than an answer.
fn headers(whole: &Bytes, bytes: &[u8], parsed: &[httparse::Header<'_>], upgrades: bool) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for httparse::Header { name, value } in parsed {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let is_plain = match name {
            TRANSFER_ENCODING | EXPECT => false,
            UPGRADE => upgrades,
            CONNECTION => options(value).all(|option| match option.to_ascii_lowercase().as_slice() {
                b"keep-alive" => true,
                b"upgrade" => upgrades,
                _ => false,
            }),
            _ => true,
        };
        if !is_plain {
            return None;
        }
        headers.append(name, HeaderValue::from_maybe_shared(part(whole, bytes, value)?).ok()?);
    }
    Some(headers)
}

fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Bytes of the body, RFC 9112 §6.3; `None` where that cannot be told from one number.
fn length(headers: &HeaderMap) -> Option<usize> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Some(0) };
    let digits = length.as_bytes();
    if lengths.next().is_some() || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds { head: 1024, headers: 20, target: 100 };

    fn known(_: &Method, path: &str) -> Option<Route> {
        match path {
            "/push/sse" | "/push/publish" => Some(Route { base: 5, upgrades: false }),
            "/push/ws" => Some(Route { base: 5, upgrades: true }),
            _ => None,
        }
    }

    fn read(text: &str) -> Option<Front> {
        front(text.as_bytes(), BOUNDS, known)
    }

    #[test]
    fn a_plain_request_is_taken_off_the_front_with_its_body() {
        let text = "POST /push/publish?channel=a HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\nx-own: 2\r\nContent-Length: 5\r\n\r\nhelloGET";
        let Front { request, len } = read(text).expect("plain");
        assert_eq!(len, text.len() - 3);
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::POST, "/publish?channel=a"));
        assert_eq!(request.headers().get_all("x-own").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(request.body(), "hello");
    }

    #[test]
    fn a_handshake_is_plain_where_the_route_upgrades() {
        let asks = |path: &str| {
            read(&format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
            ))
        };
        assert!(asks("/push/ws").is_some());
        assert!(asks("/push/sse").is_none());
    }

    #[test]
    fn what_is_not_all_there_or_not_plain_is_left_alone() {
        let long = format!("GET /push/sse?x={} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100));
        for other in [
            "",
            "GET /push/sse HTTP/1.1\r\nHost: a\r\n",
            "POST /push/publish HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell",
            "GET /push/sse HTTP/1.0\r\nHost: a\r\n\r\n",
            "HEAD /push/sse HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a/push/sse HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /push/other HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /push/sse HTTP/1.1\r\nConnection: close\r\n\r\n",
            "GET /push/sse HTTP/1.1\r\nConnection: x-own\r\n\r\n",
            "POST /push/publish HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /push/publish HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            "POST /push/publish HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
            "POST /push/publish HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\na",
            "POST /push/publish HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
            "GET /push/sse HTTP/1.1\r\nbad header: 1\r\n\r\n",
            "GET /push/sse HTTP/1.1\r\nx: 1\r\n folded: 1\r\n\r\n",
            &long,
        ] {
            assert!(read(other).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_left_alone_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            lines in "[ -~]{0,60}\r\n[ -~]{0,60}",
        ) {
            let _ = front(&bytes, BOUNDS, |_, _| Some(Route { base: 0, upgrades: true }));
            let text = format!("GET /push/ws HTTP/1.1\r\n{lines}\r\n\r\n");
            let read = read(&text);
            prop_assert!(read.is_none_or(|front| front.len <= text.len()));
        }

        #[test]
        fn a_part_of_a_request_is_never_taken_for_the_whole(cut in 0..85_usize) {
            let text = "POST /push/publish?channel=a HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\nhello, everybody!";
            prop_assert!(cut >= text.len() || read(&text[..cut]).is_none());
        }
    }
}
