//! Answers that hold several publications: long polls, and history which has the same shape.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use push_core::{Cursor, Ending, Gap, HistoryPage, Outcome, Publication};

use super::{encoding, envelope, notice};

/// Most bytes of one answer, unless its only publication is longer (wire.md §4).
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Header: a cursor, as `id` in an envelope.
pub const PUSH_CURSOR: HeaderName = HeaderName::from_static("push-cursor");
/// Header: a channel, percent-encoded.
pub const PUSH_CHANNEL: HeaderName = HeaderName::from_static("push-channel");
/// Header: an event, `message` included.
pub const PUSH_EVENT: HeaderName = HeaderName::from_static("push-event");
/// Header: a key, percent-encoded.
pub const PUSH_KEY: HeaderName = HeaderName::from_static("push-key");
/// Header: the outcome of a recovery.
pub const PUSH_OUTCOME: HeaderName = HeaderName::from_static("push-outcome");
/// Header of a raw poll: how the server ended it, as JSON in ASCII.
pub const PUSH_CLOSE: HeaderName = HeaderName::from_static("push-close");

/// What one answer tells.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The worst over all channels.
    pub outcome: Outcome,
    /// What is missing.
    pub gaps: &'a [Gap],
    /// What there is, oldest first; may be more than fits.
    pub publications: &'a [Arc<Publication>],
    /// How far the server has looked.
    pub looked: Cursor,
    /// Whether there is more behind `publications`.
    pub has_more: bool,
    /// Most publications of the answer.
    pub limit: usize,
    /// How the server ended the subscription, if it did.
    pub ending: Option<&'a Ending>,
}

impl<'a> From<&'a HistoryPage> for Page<'a> {
    /// The page as the hub cut it.
    fn from(page: &'a HistoryPage) -> Self {
        Self {
            outcome: page.outcome,
            gaps: &page.gaps,
            publications: &page.publications,
            looked: page.cursor,
            has_more: page.more,
            limit: usize::MAX,
            ending: None,
        }
    }
}

/// The body of a poll's or a history's answer: `{"cursor","outcome","gaps","events","more"}`, `gaps` only beside a loss,
/// then `close` if it was ended.
///
/// `cursor` is that of the last event if there is more, else as far as the server has looked.
pub fn write_page(out: &mut Vec<u8>, page: &Page<'_>) {
    out.push(b'{');
    write_page_members(out, page);
    out.push(b'}');
}

/// Appends the members without the braces, for a reply that has an `op` before them.
pub(crate) fn write_page_members(out: &mut Vec<u8>, page: &Page<'_>) {
    let mut outcome = Vec::new();
    notice::write_outcome(&mut outcome, page.outcome, page.gaps);
    let mut close = Vec::new();
    if let Some(ending) = page.ending {
        close.extend_from_slice(b",\"close\":");
        notice::write_close(&mut close, ending);
    }
    let events = events_that_fit(page, outcome.len() + close.len());
    let more = page.has_more || events.len() < page.publications.len();
    let last = events.len().checked_sub(1).and_then(|at| page.publications.get(at));
    let cursor = match last {
        Some(last) if more => last.id(),
        _ => page.looked,
    };
    out.reserve(events.iter().map(|event| event.len() + 1).sum::<usize>() + outcome.len() + close.len() + FRAME_BYTES);
    out.extend_from_slice(b"\"cursor\":\"");
    cursor.write_to(out);
    out.extend_from_slice(b"\",");
    out.extend_from_slice(&outcome);
    out.extend_from_slice(b",\"events\":[");
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(event);
    }
    out.extend_from_slice(if more { b"],\"more\":true" } else { b"],\"more\":false" });
    out.extend_from_slice(&close);
}

/// Names, brackets, one cursor, and what a reply puts in front.
const FRAME_BYTES: usize = 512;

fn events_that_fit(page: &Page<'_>, beside: usize) -> Vec<Bytes> {
    let mut left = MAX_ANSWER_BYTES.saturating_sub(beside + FRAME_BYTES);
    let mut events = Vec::new();
    for publication in page.publications.iter().take(page.limit) {
        let event = envelope::envelope(publication);
        let cost = event.len() + 1;
        if cost > left && !events.is_empty() {
            break;
        }
        left = left.saturating_sub(cost);
        events.push(event);
    }
    events
}

/// The answer of a poll with `format=raw`: at most one publication, its payload as it was published.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// 200 with a publication, else 204.
    pub status: StatusCode,
    /// `Content-Type` and the `Push-` headers.
    pub headers: HeaderMap,
    /// The payload.
    pub body: Bytes,
}

/// Answers a raw poll with the oldest publication of `page`; without one it is 204 with `Push-Cursor`.
pub fn raw_answer(page: &Page<'_>) -> RawAnswer {
    let mut headers = HeaderMap::new();
    headers.insert(PUSH_OUTCOME, HeaderValue::from_static(page.outcome.as_str()));
    if let Some(ending) = page.ending {
        headers.insert(PUSH_CLOSE, header_value(ascii_close(ending)));
    }
    let Some(publication) = page.publications.first() else {
        headers.insert(PUSH_CURSOR, header_value(page.looked));
        return RawAnswer { status: StatusCode::NO_CONTENT, headers, body: Bytes::new() };
    };
    headers.insert(CONTENT_TYPE, header_value(publication.media_type().as_str()));
    headers.insert(PUSH_CURSOR, header_value(publication.id()));
    headers.insert(PUSH_CHANNEL, header_value(encoding::percent(publication.channel().as_str())));
    headers.insert(PUSH_EVENT, header_value(publication.event().as_str()));
    if let Some(key) = publication.key() {
        headers.insert(PUSH_KEY, header_value(encoding::percent(key.as_str())));
    }
    RawAnswer { status: StatusCode::OK, headers, body: publication.payload().clone() }
}

/// For what is printable ASCII by its grammar or its encoding.
fn header_value(value: impl std::fmt::Display) -> HeaderValue {
    HeaderValue::try_from(value.to_string()).expect("printable ASCII is a header value")
}

/// The ending as JSON with everything but printable ASCII escaped.
fn ascii_close(ending: &Ending) -> String {
    let mut out = String::new();
    for c in notice::close_reason(ending).chars() {
        if c.is_ascii_graphic() || c == ' ' {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::envelope::tests::{any_draft, assert_says, numbered};
    use crate::proto::notice::tests::{cursor, partial};
    use proptest::prelude::*;
    use push_core::{Draft, Key};
    use serde_json::{Value, json};

    const LIMIT: usize = 100;

    fn page(publications: &[Arc<Publication>]) -> Page<'_> {
        let outcome = Outcome::Complete;
        Page { outcome, gaps: &[], publications, looked: cursor(99), has_more: false, limit: LIMIT, ending: None }
    }

    fn body(page: &Page<'_>) -> Value {
        let mut out = Vec::new();
        write_page(&mut out, page);
        serde_json::from_slice(&out).expect("JSON")
    }

    fn texts(count: u64, len: usize) -> Vec<Arc<Publication>> {
        (1..=count).map(|number| numbered("a", Draft::text("x".repeat(len)), number)).collect()
    }

    #[test]
    fn an_expired_poll_tells_how_far_the_server_has_looked() {
        let mut out = Vec::new();
        write_page(&mut out, &page(&[]));
        let expected = format!(r#"{{"cursor":"{}","outcome":"complete","events":[],"more":false}}"#, cursor(99));
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    }

    #[test]
    fn the_cursor_is_the_last_ones_if_there_is_more_else_as_far_as_was_looked() {
        let publications = texts(5, 1);
        let whole = body(&page(&publications));
        assert_eq!((&whole["cursor"], &whole["more"]), (&json!(cursor(99).to_string()), &json!(false)));
        let cut = body(&Page { limit: 3, ..page(&publications) });
        assert_eq!((&cut["cursor"], &cut["more"]), (&json!(publications[2].id().to_string()), &json!(true)));
        assert_eq!(cut["events"].as_array().map(Vec::len), Some(3));
        let behind = body(&Page { has_more: true, ..page(&publications) });
        assert_eq!((&behind["cursor"], &behind["more"]), (&json!(publications[4].id().to_string()), &json!(true)));
    }

    #[test]
    fn an_answer_is_bounded_to_four_mebibytes_but_for_one_event() {
        let publications = texts(10, 1_000_000);
        let mut out = Vec::new();
        write_page(&mut out, &page(&publications));
        assert!(out.len() <= MAX_ANSWER_BYTES);
        let told: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!((told["events"].as_array().map(Vec::len), &told["more"]), (Some(4), &json!(true)));
        let huge = texts(2, MAX_ANSWER_BYTES + 1);
        let told = body(&page(&huge));
        assert_eq!((told["events"].as_array().map(Vec::len), &told["more"]), (Some(1), &json!(true)));
    }

    #[test]
    fn gaps_and_the_ending_are_told_where_there_are_any() {
        let ending = Ending::draining();
        let gaps = [partial("a")];
        let loss = Page { outcome: Outcome::Partial, gaps: &gaps, ending: Some(&ending), ..page(&[]) };
        let told = body(&loss);
        assert_eq!((&told["outcome"], &told["gaps"][0]["missed"]), (&json!("partial"), &json!(7)));
        assert_eq!((&told["close"]["code"], &told["close"]["reconnect"]), (&json!(3000), &json!(true)));
    }

    #[test]
    fn a_raw_answer_is_the_oldest_payload_with_its_labels_in_headers() {
        let draft = Draft::json("{ \"a\": 1 }").key(Key::parse("k ö").expect("a key"));
        let publications = [numbered("c/ü", draft, 3), numbered("c/ü", Draft::text("later"), 4)];
        let answer = raw_answer(&page(&publications));
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"{ \"a\": 1 }"[..]));
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("push-cursor"), Some(publications[0].id().to_string().as_str()));
        assert_eq!(header("push-channel"), Some("c/%C3%BC"));
        assert_eq!(header("push-key"), Some("k%20%C3%B6"));
        assert_eq!((header("push-event"), header("push-outcome")), (Some("message"), Some("complete")));
    }

    #[test]
    fn a_raw_poll_without_a_publication_is_204_with_the_cursor() {
        let gaps = [partial("a")];
        let ending = Ending::draining().because("bis später\n");
        let loss = Page { outcome: Outcome::Partial, gaps: &gaps, ending: Some(&ending), ..page(&[]) };
        let answer = raw_answer(&loss);
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
        assert_eq!(answer.headers["push-cursor"], cursor(99).to_string());
        assert_eq!(answer.headers["push-outcome"], "partial");
        let close: Value = serde_json::from_slice(answer.headers["push-close"].as_bytes()).expect("JSON");
        assert_eq!(close["reason"], "bis später\n");
    }

    proptest! {
        #[test]
        fn every_event_says_what_was_published(drafts in prop::collection::vec(any_draft(), 0..6)) {
            let publications: Vec<_> =
                drafts.into_iter().zip(1..).map(|(draft, number)| numbered("a/ü", draft, number)).collect();
            let told = body(&page(&publications));
            let events = told["events"].as_array().expect("a list");
            prop_assert_eq!(events.len(), publications.len());
            for (event, publication) in events.iter().zip(&publications) {
                assert_says(event, publication);
            }
            if let Some(first) = publications.first() {
                prop_assert_eq!(&raw_answer(&page(&publications)).body, first.payload());
            }
        }
    }
}
