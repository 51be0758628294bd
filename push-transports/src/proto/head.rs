//! The head of an answer that is written without an HTTP library: RFC 9112 §4, §5.

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, DATE, HeaderName, HeaderValue, SET_COOKIE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, StatusCode};

/// How the body's end is told, RFC 9112 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// By an empty chunk.
    Chunked,
    /// By its length.
    Length(usize),
    /// There is none, and the status says so.
    None,
}

/// Headers that say how a message is carried: the head's writer knows better than who made the answer.
fn is_carriage(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, DATE, TRANSFER_ENCODING, UPGRADE].contains(name)
        || name == "keep-alive"
}

/// Appends the lines of `headers` that are about the answer itself.
pub(crate) fn write_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    headers.iter().filter(|(name, _)| !is_carriage(name)).for_each(|(name, value)| write_line(out, name, value));
}

fn write_line(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends `lines`, those of [`write_headers`], and the `own` headers of an answer whose body is at hand, which replace
/// lines of the same name; cookies stand beside each other.
pub(crate) fn write_merged(out: &mut Vec<u8>, lines: &[u8], own: &HeaderMap) {
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().and_then(|name| HeaderName::from_bytes(name).ok());
        if !name.is_some_and(|name| name != SET_COOKIE && own.contains_key(name)) {
            out.extend_from_slice(line);
        }
    }
    // How the body is encoded is known to whoever gave it.
    let is_own = |name: &HeaderName| name == CONTENT_ENCODING || !is_carriage(name);
    own.iter().filter(|(name, _)| is_own(name)).for_each(|(name, value)| write_line(out, name, value));
}

/// Adds the `own` headers of an answer to those of a head that was made before, as [`write_merged`] does. What encodes the
/// body behind the answer's maker does so after it.
pub(crate) fn merge(head: &mut HeaderMap, own: &HeaderMap) {
    let encodings: Vec<HeaderValue> = match head.entry(CONTENT_ENCODING) {
        http::header::Entry::Occupied(encodings) => encodings.remove_entry_mult().1.collect(),
        http::header::Entry::Vacant(_) => Vec::new(),
    };
    own.keys().filter(|name| **name != SET_COOKIE).for_each(|name| drop(head.remove(name)));
    for (name, value) in own {
        head.append(name, value.clone());
    }
    for encoding in encodings {
        head.append(CONTENT_ENCODING, encoding);
    }
}

/// Appends what the client is to speak instead, if the answer tells it that, RFC 9110 §7.8.
pub(crate) fn write_upgrade(out: &mut Vec<u8>, headers: &HeaderMap) {
    if let Some(protocol) = headers.get(UPGRADE) {
        write_line(out, &CONNECTION, &HeaderValue::from_static("Upgrade"));
        write_line(out, &UPGRADE, protocol);
    }
}

/// Appends a whole head. `date` is that of now, RFC 9110 §6.6.1; `lines` are those of [`write_headers`].
pub(crate) fn write(out: &mut Vec<u8>, status: StatusCode, lines: &[u8], body: Body, date: &str, closes: bool) {
    write_with(out, status, |out| out.extend_from_slice(lines), body, date, closes);
}

/// The same, with lines that are written in their place.
pub(crate) fn write_with(
    out: &mut Vec<u8>,
    status: StatusCode,
    lines: impl FnOnce(&mut Vec<u8>),
    body: Body,
    date: &str,
    closes: bool,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    lines(out);
    match body {
        Body::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Body::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            super::json::push_number(out, length as u64);
            out.extend_from_slice(b"\r\n");
        }
        Body::None => {}
    }
    if closes {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"date: ");
    out.extend_from_slice(date.as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn headers_of_the_answer_replace_those_it_is_given_but_cookies_and_encodings_add_up() {
        let map = |pairs: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in pairs {
                map.append(*name, HeaderValue::from_static(value));
            }
            map
        };
        let mut outer = map(&[("vary", "*"), ("x-a", "1"), ("x-a", "2"), ("set-cookie", "o=1"), ("x-o", "1")]);
        let own = map(&[("x-a", "3"), ("set-cookie", "i=1"), ("content-encoding", "gzip"), ("date", "never")]);
        let (mut lines, mut out) = (Vec::new(), Vec::new());
        write_headers(&mut lines, &outer);
        write_merged(&mut out, &lines, &own);
        let mut seen: Vec<_> = std::str::from_utf8(&out).expect("ASCII").split_terminator("\r\n").collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            ["content-encoding: gzip", "set-cookie: i=1", "set-cookie: o=1", "vary: *", "x-a: 3", "x-o: 1"]
        );
        outer.insert("content-encoding", HeaderValue::from_static("br"));
        merge(&mut outer, &own);
        let all = |name| outer.get_all(name).iter().map(|value| value.to_str().expect("ASCII")).collect::<Vec<_>>();
        assert_eq!((all("content-encoding"), all("x-a")), (vec!["gzip", "br"], vec!["3"]));
        assert_eq!((all("set-cookie"), all("vary")), (vec!["o=1", "i=1"], vec!["*"]));
    }

    #[test]
    fn a_head_has_the_answers_headers_and_one_way_to_find_its_end() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_static("b=2"));
        for carriage in ["connection", "content-length", "transfer-encoding", "date", "keep-alive", "content-encoding"]
        {
            headers.insert(carriage, HeaderValue::from_static("0"));
        }
        let mut lines = Vec::new();
        write_headers(&mut lines, &headers);
        let written = |status, body, closes| {
            let mut out = Vec::new();
            write(&mut out, status, &lines, body, "Thu, 01 Jan 1970 00:00:00 GMT", closes);
            String::from_utf8(out).expect("ASCII")
        };
        let own = "content-type: text/plain\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n";
        let date = "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
        assert_eq!(
            written(StatusCode::OK, Body::Chunked, false),
            format!("HTTP/1.1 200 OK\r\n{own}transfer-encoding: chunked\r\n{date}")
        );
        assert_eq!(
            written(StatusCode::OK, Body::Length(12), true),
            format!("HTTP/1.1 200 OK\r\n{own}content-length: 12\r\nconnection: close\r\n{date}")
        );
        // RFC 9110 §8.6: no Content-Length in a 204.
        assert_eq!(
            written(StatusCode::NO_CONTENT, Body::None, false),
            format!("HTTP/1.1 204 No Content\r\n{own}{date}")
        );
    }
}
