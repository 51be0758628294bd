//! Refusals: the error codes of wire.md §6, as problem documents, endings and error lines.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use std::error::Error as _;

use push_core::{
    CursorError, Ending, InvalidJson, LabelError, NameError, PublishError, PublishErrorKind, SubscribeError,
};

/// The stable name of what went wrong, the same on every transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Not a channel or pattern: 400.
    BadChannel,
    /// Not a cursor of this server: 400.
    BadCursor,
    /// A parameter, member or payload that cannot be understood: 400.
    BadParameter,
    /// No token, or a wrong one: 401.
    Unauthorized,
    /// The token, or the setting named in the detail, does not allow it: 403.
    Forbidden,
    /// No such route: 404.
    NotFound,
    /// The route does not know the method: 405.
    Method,
    /// Another payload under a `Push-Id` that was used before: 409.
    Conflict,
    /// The connection has this channel or pattern already; WebSocket operations only: 409.
    AlreadySubscribed,
    /// More than a limit allows: 413.
    TooLarge,
    /// A Content-Type that the route does not take: 415.
    Unsupported,
    /// Too many requests: 429.
    RateLimited,
    /// No room for another connection: 429.
    TooManyConnections,
    /// A fault of the server: 500.
    Internal,
    /// The server is going down, or has not seen the cursor's point yet: 503.
    Draining,
    /// The durable history takes no writes at present: 503.
    Storage,
}

impl Code {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::BadChannel => "bad_channel",
            Code::BadCursor => "bad_cursor",
            Code::BadParameter => "bad_parameter",
            Code::Unauthorized => "unauthorized",
            Code::Forbidden => "forbidden",
            Code::NotFound => "not_found",
            Code::Method => "method",
            Code::Conflict => "conflict",
            Code::AlreadySubscribed => "already_subscribed",
            Code::TooLarge => "too_large",
            Code::Unsupported => "unsupported",
            Code::RateLimited => "rate_limited",
            Code::TooManyConnections => "too_many_connections",
            Code::Internal => "internal",
            Code::Draining => "draining",
            Code::Storage => "storage",
        }
    }

    /// The HTTP status that goes with it.
    pub const fn status(self) -> StatusCode {
        match self {
            Code::BadChannel | Code::BadCursor | Code::BadParameter => StatusCode::BAD_REQUEST,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::Forbidden => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Method => StatusCode::METHOD_NOT_ALLOWED,
            Code::Conflict | Code::AlreadySubscribed => StatusCode::CONFLICT,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::RateLimited | Code::TooManyConnections => StatusCode::TOO_MANY_REQUESTS,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Code::Draining | Code::Storage => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether a subscriber refused with it should simply come back: on SSE these are 200 with `push.close`.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Code::Draining | Code::RateLimited | Code::TooManyConnections)
    }
}

/// When to come back after a temporary refusal that names no time.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A refusal: a code, what exactly is wrong, and when to try again.
///
/// Each transport tells it in its own way: [`Problem::to_json`] as an HTTP answer, [`Problem::to_ending`] where the
/// transport has no status to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .code.as_str())]
pub struct Problem {
    code: Code,
    /// Differs from the code's own for 414, which shares `too_large`, and 426, which shares `bad_parameter`.
    status: StatusCode,
    detail: Cow<'static, str>,
    retry_after: Option<Duration>,
    extra: Vec<(&'static str, String)>,
}

impl Problem {
    /// The media type of [`Problem::to_json`]. Source: RFC 9457 §3.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A refusal; one that passes asks to come back after 5 s. `detail` is one sentence for the client's developer, and names the parameter or setting.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let passes = code.is_temporary() || code == Code::Storage;
        let retry_after = passes.then_some(DEFAULT_RETRY_AFTER);
        Self { code, status: code.status(), detail: detail.into(), retry_after, extra: Vec::new() }
    }

    /// `bad_parameter`.
    pub fn bad_parameter(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadParameter, detail)
    }

    /// A request target longer than the limit: code `too_large`, status 414.
    pub fn target_too_long(limit_bytes: usize) -> Self {
        let detail = format!("the request target has more than {limit_bytes} bytes");
        Self { status: StatusCode::URI_TOO_LONG, ..Self::new(Code::TooLarge, detail) }
    }

    /// A WebSocket of another version: code `bad_parameter`, status 426. The answer names the version to come back with.
    // RFC 6455 §4.4
    pub fn upgrade_required(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::UPGRADE_REQUIRED, ..Self::bad_parameter(detail) }
    }

    /// Says when to try again: header `Retry-After`, in an ending `retry_ms`.
    #[must_use]
    pub fn retry_after(mut self, retry: Duration) -> Self {
        self.retry_after = Some(retry);
        self
    }

    /// Adds a member to the document, such as the `channel` that was refused.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What exactly is wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// When to try again, if the server says.
    pub fn retry(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The value of `Retry-After`: whole seconds, rounded up, at least 1.
    // RFC 9110 §10.2.3: delay-seconds is a non-negative integer.
    pub fn retry_after_secs(&self) -> Option<u64> {
        let whole = |retry: Duration| retry.as_secs() + u64::from(retry.subsec_nanos() > 0);
        self.retry_after.map(|retry| whole(retry).max(1))
    }

    /// The problem document.
    // RFC 9457 §4.2.1: without a type, the title is the status phrase.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        out.extend_from_slice(b"{\"status\":");
        super::json::push_number(&mut out, u64::from(self.status.as_u16()));
        out.extend_from_slice(b",\"title\":");
        super::json::push_string(&mut out, self.status.canonical_reason().unwrap_or("Error"));
        out.extend_from_slice(b",\"detail\":");
        super::json::push_string(&mut out, &self.detail);
        out.extend_from_slice(b",\"code\":");
        super::json::push_string(&mut out, self.code.as_str());
        for (name, value) in &self.extra {
            out.push(b',');
            super::json::push_string(&mut out, name);
            out.push(b':');
            super::json::push_string(&mut out, value);
        }
        out.push(b'}');
        out
    }

    /// The same refusal as an ending, for transports whose clients never see a status.
    ///
    /// A fault of the server's own (`internal`, `storage`) has no code among the endings; it asks to come back.
    pub fn to_ending(&self) -> Ending {
        let ending = match self.code {
            Code::Draining | Code::Internal | Code::Storage => Ending::draining(),
            Code::RateLimited => Ending::rate_limited(),
            Code::TooManyConnections => Ending::too_many_connections(),
            Code::Unauthorized => Ending::unauthorized(),
            Code::Forbidden => Ending::forbidden(),
            _ => Ending::bad_request(),
        };
        let ending = ending.because(self.detail.clone());
        match self.retry_after {
            Some(retry) => ending.retry_after(retry),
            None => ending,
        }
    }
}

impl From<NameError> for Problem {
    fn from(error: NameError) -> Self {
        Self::new(Code::BadChannel, error.to_string())
    }
}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Self {
        Self::new(Code::BadCursor, error.to_string())
    }
}

impl From<LabelError> for Problem {
    fn from(error: LabelError) -> Self {
        Self::bad_parameter(error.to_string())
    }
}

impl From<InvalidJson> for Problem {
    fn from(error: InvalidJson) -> Self {
        Self::bad_parameter(error.to_string())
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        let code = match error.kind() {
            PublishErrorKind::BadChannel => Code::BadChannel,
            PublishErrorKind::Reserved => Code::Forbidden,
            PublishErrorKind::InvalidPayload => Code::BadParameter,
            PublishErrorKind::TooLarge => Code::TooLarge,
            PublishErrorKind::Conflict => Code::Conflict,
            PublishErrorKind::TooManyChannels => Code::RateLimited,
            PublishErrorKind::Storage => Code::Storage,
            PublishErrorKind::Closed => Code::Draining,
            _ => Code::Internal,
        };
        // What lies behind a refusal is the publisher's to know; what lies behind a fault is the operator's.
        match error.source() {
            Some(source) if code.status().is_client_error() => Self::new(code, format!("{error}: {source}")),
            _ => Self::new(code, error.to_string()),
        }
    }
}

impl From<SubscribeError> for Problem {
    fn from(error: SubscribeError) -> Self {
        let code = match error {
            SubscribeError::AlreadySubscribed => Code::AlreadySubscribed,
            SubscribeError::TooManyOnConnection(_) => Code::BadParameter,
            SubscribeError::TooManyConnections => Code::TooManyConnections,
            SubscribeError::TooManyChannels => Code::RateLimited,
            SubscribeError::Storage(_) => Code::Storage,
            _ => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_the_status_of_the_table() {
        let table = [
            (Code::BadChannel, "bad_channel", 400),
            (Code::BadCursor, "bad_cursor", 400),
            (Code::BadParameter, "bad_parameter", 400),
            (Code::Unauthorized, "unauthorized", 401),
            (Code::Forbidden, "forbidden", 403),
            (Code::NotFound, "not_found", 404),
            (Code::Method, "method", 405),
            (Code::Conflict, "conflict", 409),
            (Code::TooLarge, "too_large", 413),
            (Code::Unsupported, "unsupported", 415),
            (Code::RateLimited, "rate_limited", 429),
            (Code::TooManyConnections, "too_many_connections", 429),
            (Code::Internal, "internal", 500),
            (Code::Draining, "draining", 503),
            (Code::Storage, "storage", 503),
        ];
        for (code, word, status) in table {
            assert_eq!((code.as_str(), code.status().as_u16()), (word, status));
        }
    }

    #[test]
    fn a_problem_document_has_status_title_detail_and_code() {
        let problem = Problem::new(Code::Forbidden, "no grant for \"a\"\n").with("channel", "a/ü");
        let json: serde_json::Value = serde_json::from_slice(&problem.to_json()).expect("valid JSON");
        let expected = serde_json::json!({
            "status": 403, "title": "Forbidden", "detail": "no grant for \"a\"\n", "code": "forbidden", "channel": "a/ü",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_target_that_is_too_long_is_414_under_the_code_too_large() {
        let problem = Problem::target_too_long(16 * 1024);
        assert_eq!((problem.status().as_u16(), problem.code()), (414, Code::TooLarge));
        assert!(problem.detail().contains("16384"));
    }

    #[test]
    fn temporary_refusals_end_with_codes_that_reconnect_and_permanent_ones_do_not() {
        let table = [
            (Code::Draining, 3000),
            (Code::RateLimited, 3001),
            (Code::TooManyConnections, 3002),
            (Code::Unauthorized, 3500),
            (Code::Forbidden, 3501),
            (Code::BadChannel, 3503),
            (Code::BadCursor, 3503),
            (Code::TooLarge, 3503),
        ];
        for (code, number) in table {
            let ending = Problem::new(code, "why").retry_after(Duration::from_millis(1500)).to_ending();
            assert_eq!((ending.code(), ending.reason()), (number, "why"));
            assert_eq!(ending.reconnect(), code.is_temporary());
            assert_eq!(ending.retry(), Some(Duration::from_millis(1500)));
        }
    }

    #[tokio::test]
    async fn what_the_hub_refuses_has_a_code() {
        let hub = push_core::Hub::new(push_core::HubConfig::default());
        let table = [
            ("a b", push_core::Draft::text("x"), Code::BadChannel),
            ("$sys/x", push_core::Draft::text("x"), Code::Forbidden),
            ("a", push_core::Draft::json("{"), Code::BadParameter),
            ("a", push_core::Draft::new(vec![0; 9_000_000]), Code::TooLarge),
        ];
        for (channel, draft, code) in table {
            let error = hub.publish(channel, draft).await.expect_err(channel);
            assert_eq!(Problem::from(error).code(), code, "{channel}");
        }
        assert_eq!(Problem::from(SubscribeError::TooManyConnections).code(), Code::TooManyConnections);
        assert_eq!(Problem::from(SubscribeError::TooManyOnConnection(128)).code(), Code::BadParameter);
    }

    #[test]
    fn retry_after_is_whole_seconds_rounded_up() {
        let secs = |ms| Problem::new(Code::Draining, "").retry_after(Duration::from_millis(ms)).retry_after_secs();
        assert_eq!(Problem::new(Code::TooManyConnections, "").retry_after_secs(), Some(5));
        assert_eq!(Problem::new(Code::Forbidden, "").retry_after_secs(), None);
        assert_eq!((secs(0), secs(1), secs(1000), secs(1001)), (Some(1), Some(1), Some(1), Some(2)));
    }
}
