//! The headers that every answer of a kind carries (wire.md §7).

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

/// What kind of answer it is; each adds to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Any answer, errors too.
    Plain,
    /// A subscription or a poll: never stored, changed or collected on the way.
    Subscription,
    /// A raw poll or mixed: bytes of strangers under their own type, which a browser must not run as this origin's.
    Foreign,
}

/// The name of a header that tells nginx not to collect the answer.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Source: Fetch standard, "Cross-Origin-Resource-Policy header".
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

impl Answer {
    /// Adds the headers. Call it before anything that must replace one of them.
    pub fn apply(self, headers: &mut HeaderMap) {
        for (name, value) in self.all() {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }

    /// Adds those of the headers that are not there.
    pub fn complete(self, headers: &mut HeaderMap) {
        headers.reserve(PLAIN.len());
        for (name, value) in self.all() {
            headers.entry(name).or_insert_with(|| HeaderValue::from_static(value));
        }
    }

    fn all(self) -> impl Iterator<Item = (HeaderName, &'static str)> {
        let [subscription, foreign]: [&[_]; 2] = match self {
            Self::Plain => [&[], &[]],
            Self::Subscription => [&SUBSCRIPTION, &[]],
            Self::Foreign => [&SUBSCRIPTION, &FOREIGN],
        };
        PLAIN.iter().chain(subscription).chain(foreign).cloned()
    }
}

type Line = (HeaderName, &'static str);

static PLAIN: [Line; 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (VARY, "Origin, Authorization, Cookie"),
];

static SUBSCRIPTION: [Line; 2] = [(CACHE_CONTROL, "no-store, no-transform"), (X_ACCEL_BUFFERING, "no")];

static FOREIGN: [Line; 1] = [(CONTENT_SECURITY_POLICY, "sandbox")];

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(answer: Answer) -> HeaderMap {
        let mut headers = HeaderMap::new();
        answer.apply(&mut headers);
        headers
    }

    #[test]
    fn each_kind_of_answer_has_the_headers_of_the_contract() {
        for answer in [Answer::Plain, Answer::Subscription, Answer::Foreign] {
            let headers = applied(answer);
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["referrer-policy"], "no-referrer");
            assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
            assert_eq!(headers["vary"], "Origin, Authorization, Cookie");
        }
        assert_eq!(applied(Answer::Plain).len(), 4);
        for answer in [Answer::Subscription, Answer::Foreign] {
            let headers = applied(answer);
            assert_eq!(headers["cache-control"], "no-store, no-transform");
            assert_eq!(headers["x-accel-buffering"], "no");
        }
        // The forever frame is a subscription: a sandbox would keep its scripts from running.
        assert!(!applied(Answer::Subscription).contains_key("content-security-policy"));
        assert_eq!(applied(Answer::Foreign)["content-security-policy"], "sandbox");
    }
}
