//! Refusals over HTTP: a problem document with its status and headers.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use super::body::PushBody;
use crate::proto::problem::{Code, Problem};

/// When to try again after a refusal that passes, where nothing better is known.
const RETRY_SECS: u64 = 5;

/// The answer that tells `problem`.
pub(crate) fn respond(problem: &Problem) -> Response<PushBody> {
    let mut response = Response::new(PushBody::full(problem.to_json()));
    *response.status_mut() = problem.status();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let passes = matches!(problem.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    if let Some(seconds) = problem.retry_after_secs().or(passes.then_some(RETRY_SECS)) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status() == StatusCode::UNAUTHORIZED {
        // RFC 9110 §15.5.2: a 401 names a scheme
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// 405 with the methods that there are (RFC 9110 §15.5.6).
pub(crate) fn method_not_allowed(allowed: &'static str) -> Response<PushBody> {
    let mut response = respond(&Problem::new(Code::Method, format!("this route knows {allowed}")));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
