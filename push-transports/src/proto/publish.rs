//! One payload over HTTP: the body as it is, and in headers what to say about it (wire.md §6).

use bytes::Bytes;
use http::HeaderMap;
use http::header::{AsHeaderName, CONTENT_TYPE};
use push_core::{Draft, EventName, Key, MediaType, PushId};

use super::encoding::decode_percent;
use super::problem::Problem;

/// Reads `Content-Type`, `Push-Event`, `Push-Key` (percent-encoded), `Push-Id` and `Push-Retain`.
///
/// The bytes of `body` are kept, not copied: hand in a copy where they are a slice of something larger.
///
/// # Errors
///
/// `bad_parameter` naming the header, also where one is given twice.
pub fn draft_of(headers: &HeaderMap, body: Bytes) -> Result<Draft, Problem> {
    let mut draft = Draft::new(body);
    if let Some(text) = single(headers, CONTENT_TYPE, "Content-Type")? {
        let media_type = MediaType::parse(&text).map_err(|error| named("Content-Type", &error))?;
        draft = draft.media_type(media_type);
    }
    // Most say nothing more.
    if !headers.keys().any(|name| name.as_str().starts_with("push-")) {
        return Ok(draft);
    }
    if let Some(text) = single(headers, "push-event", "Push-Event")? {
        draft = draft.event(EventName::parse(&text).map_err(|error| named("Push-Event", &error))?);
    }
    if let Some(text) = single(headers, "push-key", "Push-Key")? {
        let key = decode_percent("Push-Key", text.as_bytes())?;
        draft = draft.key(Key::parse(&key).map_err(|error| named("Push-Key", &error))?);
    }
    if let Some(text) = single(headers, "push-id", "Push-Id")? {
        draft = draft.push_id(PushId::parse(&text).map_err(|error| named("Push-Id", &error))?);
    }
    match single(headers, "push-retain", "Push-Retain")?.as_deref() {
        None | Some("true") => Ok(draft),
        Some("false") => Ok(draft.retain(false)),
        Some(_) => Err(Problem::bad_parameter("'Push-Retain' must be true or false")),
    }
}

fn single(headers: &HeaderMap, name: impl AsHeaderName, shown: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::bad_parameter(format!("'{shown}' is given more than once")));
    }
    let text = std::str::from_utf8(value.as_bytes());
    text.map(|text| Some(text.to_owned())).map_err(|_| Problem::bad_parameter(format!("'{shown}' is not UTF-8")))
}

fn named(header: &str, error: &push_core::LabelError) -> Problem {
    Problem::bad_parameter(format!("'{header}': {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::tests::sample;
    use http::HeaderValue;

    fn draft(pairs: &[(&'static str, &str)]) -> Result<Draft, Problem> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        draft_of(&headers, Bytes::from_static(b"[1]"))
    }

    #[test]
    fn headers_say_what_the_payload_is() {
        let plain = sample("a", draft(&[]).expect("fine"));
        assert_eq!((plain.media_type().as_str(), plain.event().is_message()), ("text/plain", true));
        assert!(plain.key().is_none() && plain.is_retained());
        let all = draft(&[
            ("content-type", "application/json"),
            ("push-event", "mail.new"),
            ("push-key", "k%C3%B6ln%20/1"),
            ("push-id", "p"),
            ("push-retain", "false"),
        ]);
        let all = sample("a", all.expect("fine"));
        assert_eq!((all.media_type().as_str(), all.event().as_str()), ("application/json", "mail.new"));
        assert_eq!((all.key().map(Key::as_str), all.is_retained()), (Some("köln /1"), false));
        let curl = sample("a", draft(&[("content-type", "application/x-www-form-urlencoded")]).expect("fine"));
        assert_eq!(curl.media_type().as_str(), "text/plain");
    }

    #[test]
    fn each_bad_header_is_refused_by_name() {
        let table = [
            ("content-type", "nonsense", "'Content-Type'"),
            ("content-type", "a/ü", "'Content-Type'"),
            ("push-event", "push.gap", "'Push-Event'"),
            ("push-event", "a b", "'Push-Event'"),
            ("push-event", "", "'Push-Event'"),
            ("push-key", "%0d%0aX: y", "'Push-Key'"),
            ("push-key", "%", "'Push-Key'"),
            ("push-id", "", "'Push-Id'"),
            ("push-retain", "no", "'Push-Retain'"),
        ];
        for (name, value, word) in table {
            assert!(draft(&[(name, value)]).is_err_and(|p| p.detail().contains(word)), "{name}: {value}");
        }
        let twice = draft(&[("push-event", "a"), ("push-event", "b")]);
        assert!(twice.is_err_and(|p| p.detail().contains("more than once")));
    }
}
