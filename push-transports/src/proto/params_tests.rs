//! Table tests of the subscription parameters.

use http::HeaderValue;
use push_core::{Cursor, Epoch};

use super::*;

fn parse(transport: Transport, query: &str) -> Result<SubscribeParams, Problem> {
    SubscribeParams::parse(transport, &Query::parse(query)?, &HeaderMap::new(), &Bounds::default())
}

fn with_last_event_id(query: &str, values: &[&str]) -> Result<SubscribeParams, Problem> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("last-event-id", HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    SubscribeParams::parse(Transport::Sse, &Query::parse(query)?, &headers, &Bounds::default())
}

fn cursor(number: u64) -> Cursor {
    Cursor::new(Epoch::from_u64(7), number)
}

#[test]
fn the_default_format_follows_from_transport_and_channels() {
    let table = [
        (Transport::Sse, "channel=a", Format::Raw),
        (Transport::Sse, "channel=a&channel=a", Format::Raw),
        (Transport::Sse, "channel=a&channel=b", Format::Json),
        (Transport::Sse, "channel=*", Format::Json),
        (Transport::Sse, "channel=a&format=json", Format::Json),
        (Transport::Sse, "channel=a/**&format=raw", Format::Raw),
        (Transport::Mixed, "channel=a&channel=b", Format::Raw),
        (Transport::Mixed, "channel=a&format=json", Format::Json),
        (Transport::Poll, "channel=a", Format::Json),
        (Transport::Poll, "channel=a&format=raw", Format::Raw),
        (Transport::Stream, "channel=a", Format::Json),
        (Transport::Stream, "channel=a&format=script", Format::Script),
        (Transport::Ws, "channel=a", Format::Json),
        (Transport::Ws, "format=raw", Format::Raw),
    ];
    for (transport, query, format) in table {
        assert_eq!(parse(transport, query).expect(query).format, format, "{transport:?} {query}");
    }
}

#[test]
fn each_bad_value_is_refused_under_its_code_and_named() {
    let long = format!("channel=a&info={}", "x".repeat(1025));
    let many: String = (0..129).map(|i| format!("channel=c{i}&")).collect();
    let table = [
        (Transport::Sse, "", Code::BadParameter, "'channel' is missing"),
        (Transport::Sse, "channel=", Code::BadChannel, "empty"),
        (Transport::Sse, "channel=a//b", Code::BadChannel, "a//b"),
        (Transport::Sse, "channel=a&channel=b%0A", Code::BadChannel, "white space"),
        (Transport::Sse, "channel=**/a", Code::BadChannel, "'*'"),
        (Transport::Sse, "channel=a&since=", Code::BadCursor, "cursor"),
        (Transport::Sse, "channel=a&since=nonsense", Code::BadCursor, "cursor"),
        (Transport::Sse, "channel=a&since=1.2.3", Code::BadCursor, "checksum"),
        (Transport::Sse, "channel=a&since=now&last=1", Code::BadParameter, "'since' and 'last'"),
        (Transport::Sse, "channel=a&since=now&since=now", Code::BadParameter, "'since'"),
        (Transport::Sse, "channel=a&last=0", Code::BadParameter, "'last'"),
        (Transport::Sse, "channel=a&last=x", Code::BadParameter, "'last'"),
        (Transport::Sse, "channel=a&format=script", Code::BadParameter, "'raw'"),
        (Transport::Sse, "channel=a&format=xml", Code::BadParameter, "'format'"),
        (Transport::Stream, "channel=a&format=raw", Code::BadParameter, "'script'"),
        (Transport::Sse, "channel=a&overflow=drop", Code::BadParameter, "'overflow'"),
        (Transport::Poll, "channel=a&timeout=3541", Code::BadParameter, "3540"),
        (Transport::Poll, "channel=a&timeout=-1", Code::BadParameter, "'timeout'"),
        (Transport::Poll, "channel=a&limit=0", Code::BadParameter, "'limit'"),
        (Transport::Poll, "channel=a&limit=10001", Code::BadParameter, "10000"),
        (Transport::Mixed, "channel=a&refresh=0", Code::BadParameter, "3600"),
        (Transport::Mixed, "channel=a&refresh=3601", Code::BadParameter, "'refresh'"),
        (Transport::Sse, &long, Code::BadParameter, "1024"),
        (Transport::Sse, &many, Code::BadParameter, "128"),
    ];
    for (transport, query, code, word) in table {
        let problem = parse(transport, query).expect_err(query);
        assert_eq!(problem.code(), code, "{query}: {problem}");
        assert!(problem.detail().contains(word), "{query}: {problem}");
    }
}

#[test]
fn what_a_transport_does_not_know_it_ignores() {
    let params = parse(Transport::Sse, "channel=a&timeout=x&limit=x&refresh=x&color=red").expect("ignored");
    assert_eq!((params.timeout, params.limit, params.refresh), (DEFAULT_TIMEOUT, DEFAULT_LIMIT, None));
}

#[test]
fn only_a_websocket_may_name_no_channel() {
    assert!(parse(Transport::Ws, "").expect("none needed").selectors.is_empty());
    for transport in [Transport::Sse, Transport::Poll, Transport::Stream, Transport::Mixed] {
        assert!(parse(transport, "since=now").is_err());
    }
}

#[test]
fn the_same_channel_counts_once_against_the_limit() {
    let query: String = (0..500).map(|i| format!("channel=c{}&", i % 128)).collect();
    assert_eq!(parse(Transport::Sse, &query).expect("128 different ones").selectors.len(), 128);
}

#[test]
fn a_poll_waits_thirty_seconds_unless_told_and_mixed_shows_the_newest() {
    let poll = parse(Transport::Poll, "channel=a").expect("fine");
    assert_eq!((poll.timeout, poll.limit, poll.since), (Duration::from_secs(30), 100, Since::Now));
    let poll = parse(Transport::Poll, "channel=a&timeout=0&limit=10000&last=3").expect("fine");
    assert_eq!((poll.timeout, poll.limit, poll.since), (Duration::ZERO, 10_000, Since::Last(3)));
    let mixed = parse(Transport::Mixed, "channel=a&refresh=5").expect("fine");
    assert_eq!((mixed.since, mixed.overflow), (Since::Last(1), Some(Overflow::Latest)));
    assert_eq!(mixed.refresh, Some(Duration::from_secs(5)));
    let mixed = parse(Transport::Mixed, "channel=a&since=now&overflow=gap").expect("fine");
    assert_eq!((mixed.since, mixed.overflow), (Since::Now, Some(Overflow::Gap)));
    assert_eq!(parse(Transport::Sse, "channel=a").expect("fine").overflow, None);
}

#[test]
fn last_event_id_wins_over_since_and_last_and_an_empty_one_is_none() {
    let sent = cursor(5).to_string();
    for query in ["channel=a", "channel=a&since=start", "channel=a&last=3", &format!("channel=a&since={}", cursor(2))] {
        let params = with_last_event_id(query, &[&sent]).expect(query);
        assert_eq!(params.since, Since::Cursor(cursor(5)), "{query}");
    }
    assert_eq!(with_last_event_id("channel=a&last=3", &[""]).expect("absent").since, Since::Last(3));
    assert_eq!(with_last_event_id("channel=a", &["", &sent]).expect("one").since, Since::Cursor(cursor(5)));
    assert!(with_last_event_id("channel=a", &[&sent, &sent]).is_err_and(|p| p.code() == Code::BadParameter));
    for bad in ["x", "ü", "1.2.3"] {
        assert!(with_last_event_id("channel=a", &[bad]).is_err_and(|p| p.code() == Code::BadCursor), "{bad}");
    }
}

#[test]
fn info_is_json_on_one_line_or_a_string() {
    let table = [
        ("%7B%22a%22%3A%0A1%7D", r#"{"a":1}"#),
        ("plain+text", r#""plain text""#),
        ("5", "5"),
        ("%7B", r#""{""#),
        ("", r#""""#),
    ];
    for (text, expected) in table {
        let params = parse(Transport::Sse, &format!("channel=a&info={text}")).expect(text);
        assert_eq!(params.info.as_deref(), Some(expected), "{text}");
    }
    let deep = format!("channel=a&info={}", "%5B".repeat(1000));
    assert!(parse(Transport::Sse, &deep).is_ok());
}

#[test]
fn a_token_is_kept_and_never_shown() {
    let params = parse(Transport::Ws, "token=s3cret").expect("fine");
    assert_eq!(params.token.as_ref().map(Token::expose), Some("s3cret"));
    assert!(!format!("{params:?}").contains("s3cret"));
}

#[test]
fn history_takes_one_literal_channel_and_last_replaces_the_limit() {
    let parse = |query: &str| HistoryParams::parse(&Query::parse(query)?);
    let fine = parse("channel=a").expect("fine");
    assert_eq!((fine.since, fine.limit), (Since::Start, 100));
    let last = parse("channel=a&last=7&limit=3").expect("fine");
    assert_eq!((last.since, last.limit), (Since::Last(7), 7));
    let table = [
        ("", Code::BadParameter),
        ("channel=a&channel=b", Code::BadParameter),
        ("channel=a/*", Code::BadChannel),
        ("channel=a&since=x", Code::BadCursor),
        ("channel=a&since=start&last=1", Code::BadParameter),
        ("channel=a&last=10001", Code::BadParameter),
        ("channel=a&limit=0", Code::BadParameter),
    ];
    for (query, code) in table {
        assert!(parse(query).is_err_and(|problem| problem.code() == code), "{query}");
    }
}

#[test]
fn publishing_takes_literal_channels_in_the_order_named() {
    let query = Query::parse("channel=b&channel=a&channel=b").expect("fine");
    let names: Vec<_> = publish_channels(&query, 2).expect("two").iter().map(ToString::to_string).collect();
    assert_eq!(names, ["b", "a"]);
    assert!(publish_channels(&query, 1).is_err_and(|p| p.code() == Code::BadParameter));
    let pattern = Query::parse("channel=a/*").expect("fine");
    assert!(publish_channels(&pattern, 9).is_err_and(|p| p.code() == Code::BadChannel));
}
