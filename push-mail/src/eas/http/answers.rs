//! Answers and refusals as phones take them: documents with a Content-Length, and statuses without JSON.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use push_transports::proto::problem::{Code, Problem};

use super::commands::Spelled;
use crate::eas::{Answer, Command, Status};
use crate::http::Arriving;
use crate::wbxml::{Element, encode};

/// The media type of documents ([MS-ASHTTP] 2.2.1.1.2.2).
pub(super) const WBXML: &str = "application/vnd.ms-sync.wbxml";
/// That of documents with parts behind them.
const MULTIPART: &str = "application/vnd.ms-sync.multipart";
/// The version that an answer is of ([MS-ASHTTP] 2.2.2.1.2).
pub(super) const SERVER: HeaderName = HeaderName::from_static("ms-server-activesync");

/// What a phone is asked for that shows no login, or a wrong one. No other scheme beside it: some take the first that
/// they know, and some none.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"Exchange ActiveSync\"");

/// How long whoever is refused for a moment waits where nothing better is known.
const RETRY: Duration = Duration::from_secs(30);

/// An answer of this type. Nothing on the way keeps it.
fn typed(media_type: &'static str, bytes: Bytes) -> http::Response<Bytes> {
    let mut response = http::Response::new(bytes);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    response
}

/// The answer that is this document.
pub(crate) fn document(root: &Element) -> http::Response<Bytes> {
    typed(WBXML, encode(root))
}

/// The answer that it worked, or that nothing is new: no bytes, and no word on what they would be.
pub(crate) fn empty() -> http::Response<Bytes> {
    let mut response = typed(WBXML, Bytes::new());
    response.headers_mut().remove(CONTENT_TYPE);
    response
}

/// The answer that a command as a whole came to nothing.
pub(crate) fn status(command: Command, status: Status) -> http::Response<Bytes> {
    match Spelled::told(command, status) {
        Some(told) => document(&told),
        None => refusal(StatusCode::NOT_IMPLEMENTED, "this command is not answered"),
    }
}

/// 503: whoever asked is to come back, and when.
pub(crate) fn come_back(after: Duration, why: &'static str) -> http::Response<Bytes> {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, why);
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

/// A status of HTTP, with a sentence for who reads the traffic.
pub(super) fn refusal(status: StatusCode, why: &str) -> http::Response<Bytes> {
    let mut response = typed("text/plain; charset=utf-8", Bytes::from(format!("{why}\n")));
    *response.status_mut() = status;
    response
}

/// A problem as phones are told it. One that may pass is never 500: after several of them phones load everything anew.
pub(super) fn problem(problem: &Problem) -> http::Response<Bytes> {
    let status = problem.status();
    let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    if passes {
        let after = problem.retry().unwrap_or(RETRY);
        let mut response = come_back(after, "the server cannot answer now");
        *response.body_mut() = Bytes::from(format!("{}\n", problem.detail()));
        return response;
    }
    let mut response = refusal(status, problem.detail());
    if problem.code() == Code::Unauthorized {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

/// A whole answer, its length told: phones take no chunks.
pub(super) fn whole(response: http::Response<Bytes>) -> Response {
    let (mut parts, bytes) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    http::Response::from_parts(parts, Body::from(bytes))
}

/// What a command is answered with, as it goes out.
pub(super) fn respond(command: Command, answered: Result<Answer, Status>) -> Response {
    match answered {
        Ok(Answer::Document(root)) => whole(document(&root)),
        Ok(Answer::Arriving(root, on_its_way)) => {
            let (mut parts, bytes) = document(&root).into_parts();
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            http::Response::from_parts(parts, Body::new(Arriving::new(bytes, on_its_way)))
        }
        Ok(Answer::Empty) => whole(empty()),
        Ok(Answer::Multipart(root, parts)) => whole(typed(MULTIPART, multipart(&root, &parts))),
        Ok(Answer::Response(mut response)) => {
            response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private"));
            *response
        }
        Err(failed) => whole(status(command, failed)),
    }
}

/// How many parts there are, where each begins and how long it is, and the parts, of which the document is the first; all
/// numbers of four bytes, the lowest first ([MS-ASCMD] 2.2.1.10.1).
fn multipart(root: &Element, parts: &[Bytes]) -> Bytes {
    let document = encode(root);
    let count = parts.len() + 1;
    let mut at = 4 + 8 * count;
    let size = at + document.len() + parts.iter().map(Bytes::len).sum::<usize>();
    let number = |value: usize| u32::try_from(value).expect("an answer is shorter than 4 GiB");
    let mut out = BytesMut::with_capacity(size);
    out.put_u32_le(number(count));
    for part in std::iter::once(&document).chain(parts) {
        out.put_u32_le(number(at));
        out.put_u32_le(number(part.len()));
        at += part.len();
    }
    out.extend_from_slice(&document);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wbxml::tags::ping;

    #[test]
    fn parts_follow_the_document_and_are_found_by_their_places() {
        let root = Element::new(ping::PING);
        let bytes = multipart(&root, &[Bytes::from_static(b"abc"), Bytes::new()]);
        let document = encode(&root);
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        assert_eq!(number(0), 3);
        let part = |index: usize| &bytes[number(4 + 8 * index)..][..number(8 + 8 * index)];
        assert_eq!((part(0), part(1), part(2)), (document.as_ref(), &b"abc"[..], &b""[..]));
        assert_eq!(bytes.len(), 4 + 3 * 8 + document.len() + 3);
    }

    #[test]
    fn nothing_that_passes_is_500() {
        for (code, expected) in [
            (Code::Internal, 503),
            (Code::Storage, 503),
            (Code::Draining, 503),
            (Code::RateLimited, 503),
            (Code::TooManyConnections, 503),
            (Code::Forbidden, 403),
            (Code::TooLarge, 413),
            (Code::BadParameter, 400),
        ] {
            let response = problem(&Problem::new(code, "why"));
            assert_eq!(response.status(), expected, "{code:?}");
            assert_eq!(response.headers().contains_key(RETRY_AFTER), expected == 503);
        }
        let challenged = problem(&Problem::new(Code::Unauthorized, "why"));
        assert_eq!(challenged.headers()[WWW_AUTHENTICATE], CHALLENGE);
    }
}
