//! Batches: what each line means, and what is refused under which code.

use proptest::prelude::*;
use push_core::Publication;
use serde_json::{Value, json};

use super::*;

const MIB: usize = 1024 * 1024;

/// Type, payload, event, key and retention that a line publishes.
fn published(line: &str) -> Result<(String, Vec<u8>), Problem> {
    let Line { channel, draft } = parse_line(line.as_bytes(), MIB).map_err(|bad| bad.problem)?;
    let publication = Publication::sample(draft, channel, 1, 1)?;
    Ok((publication.media_type().as_str().to_owned(), publication.payload().to_vec()))
}

#[test]
fn the_type_decides_what_data_means() {
    let table = [
        (r#""data":"a\nb""#, "text/plain", "a\nb"),
        (r#""data":"[1]""#, "text/plain", "[1]"),
        (r#""data":{"b": 1.0e+1,"a":[ ]}"#, "application/json", r#"{"b": 1.0e+1,"a":[ ]}"#),
        (r#""data":  5 "#, "application/json", "5"),
        (r#""data":null"#, "application/json", "null"),
        (r#""data":false"#, "application/json", "false"),
        (r#""data":12345678901234567890123.10"#, "application/json", "12345678901234567890123.10"),
        (r#""data":"a","type":"application/json""#, "application/json", r#""a""#),
        (r#""data":"\u0041","type":"x/y+json""#, "x/y+json", r#""\u0041""#),
        (r#""data":{"a":1},"type":"x/y+json; v=1""#, "x/y+json; v=1", r#"{"a":1}"#),
        (r#""data":"<p>","type":"text/html""#, "text/html", "<p>"),
        (r#""data":"","type":"text/csv""#, "text/csv", ""),
        (r#""data":"a","type":null"#, "text/plain", "a"),
        (r#""data":"a","type":"application/x-www-form-urlencoded""#, "text/plain", "a"),
        (r#""data":[1],"type":"application/x-www-form-urlencoded""#, "application/json", "[1]"),
        (r#""data_base64":"YQ==""#, "text/plain", "a"),
        (r#""data_base64":"""#, "text/plain", ""),
        (r#""data_base64":"WzFd","type":"application/json""#, "application/json", "[1]"),
        (r#""data_base64":"YQ==","type":"image/png","data_":1"#, "image/png", "a"),
    ];
    for (members, media_type, payload) in table {
        let line = format!(r#"{{"channel":"a",{members}}}"#);
        assert_eq!(published(&line), Ok((media_type.to_owned(), payload.as_bytes().to_vec())), "{line}");
    }
    let binary = published(r#"{"channel":"a","data_base64":"/wA="}"#);
    assert_eq!(binary, Ok(("application/octet-stream".to_owned(), vec![0xff, 0])));
}

#[test]
fn each_bad_member_is_refused_by_name() {
    let table = [
        (r#"[]"#, Code::BadParameter, "object"),
        (r#"nonsense"#, Code::BadParameter, "object"),
        (r#"{"channel":"a","data":1"#, Code::BadParameter, "object"),
        (r#"{"data":1}"#, Code::BadParameter, "'channel' is missing"),
        (r#"{"channel":null,"data":1}"#, Code::BadParameter, "'channel' is missing"),
        (r#"{"channel":5,"data":1}"#, Code::BadParameter, "'channel' must be a string"),
        (r#"{"channel":"","data":1}"#, Code::BadChannel, "empty"),
        (r#"{"channel":"a/*","data":1}"#, Code::BadChannel, "a/*"),
        (r#"{"channel":"a b","data":1}"#, Code::BadChannel, "white space"),
        (r#"{"channel":"a"}"#, Code::BadParameter, "exactly one"),
        (r#"{"channel":"a","data":1,"data_base64":"YQ=="}"#, Code::BadParameter, "exactly one"),
        (r#"{"channel":"a","data":1,"data":2}"#, Code::BadParameter, "'data' is given twice"),
        (r#"{"channel":"a","data":1,"channel":"b"}"#, Code::BadParameter, "'channel' is given twice"),
        (r#"{"channel":"a","data":1,"type":"text/plain"}"#, Code::BadParameter, "'data' must be a string"),
        (r#"{"channel":"a","data":null,"type":"text/plain"}"#, Code::BadParameter, "'data' must be a string"),
        (r#"{"channel":"a","data":"\ud800"}"#, Code::BadParameter, "'data'"),
        (r#"{"channel":"a","data":"x","type":"nonsense"}"#, Code::BadParameter, "'type'"),
        (r#"{"channel":"a","data":"x","type":"text/plain\r\nX: y"}"#, Code::BadParameter, "'type'"),
        (r#"{"channel":"a","data_base64":"YQ"}"#, Code::BadParameter, "'data_base64'"),
        (r#"{"channel":"a","data_base64":"_w=="}"#, Code::BadParameter, "'data_base64'"),
        (r#"{"channel":"a","data_base64":"YQ==\n"}"#, Code::BadParameter, "'data_base64'"),
        (r#"{"channel":"a","data_base64":5}"#, Code::BadParameter, "'data_base64'"),
        (r#"{"channel":"a","data":1,"event":"push.gap"}"#, Code::BadParameter, "'event'"),
        (r#"{"channel":"a","data":1,"event":"a\nid: x"}"#, Code::BadParameter, "'event'"),
        (r#"{"channel":"a","data":1,"key":"a\r"}"#, Code::BadParameter, "'key'"),
        (r#"{"channel":"a","data":1,"key":5}"#, Code::BadParameter, "'key'"),
        (r#"{"channel":"a","data":1,"push_id":""}"#, Code::BadParameter, "'push_id'"),
        (r#"{"channel":"a","data":1,"retain":"no"}"#, Code::BadParameter, "'retain'"),
        (r#"{"channel":"a","data_base64":"e30x","type":"application/json"}"#, Code::BadParameter, "not valid JSON"),
    ];
    for (line, code, word) in table {
        let problem = published(line).expect_err(line);
        assert_eq!(problem.code(), code, "{line}: {problem}");
        assert!(problem.detail().contains(word), "{line}: {problem}");
    }
    assert!(
        parse_line(b"{\"channel\":\"a\",\"data\":\"\xff\"}", MIB).is_err_and(|b| b.problem.detail().contains("UTF-8"))
    );
}

#[test]
fn labels_reach_the_publication() {
    let line = br#"{"channel":"a/b","data":1,"event":"mail.new","key":"k","push_id":"p","retain":false,"x":[{}]}"#;
    let Line { channel, draft } = parse_line(line, MIB).expect("a good line");
    let publication = Publication::sample(draft, channel, 1, 1).expect("JSON");
    assert_eq!(publication.channel().as_str(), "a/b");
    assert_eq!(publication.event().as_str(), "mail.new");
    assert_eq!(publication.key().map(Key::as_str), Some("k"));
    assert!(!publication.is_retained());
}

#[test]
fn an_error_keeps_the_channel_where_it_could_be_read() {
    let channel = |line: &str| parse_line(line.as_bytes(), MIB).expect_err(line).channel;
    assert_eq!(channel(r#"{"data":1,"data":2,"channel":"a"}"#), Some("a".to_owned()));
    assert_eq!(channel(r#"{"channel":"a b","data":1}"#), Some("a b".to_owned()));
    assert_eq!(channel(&format!(r#"{{"channel":"{}","data":1}}"#, "a".repeat(400))), None);
    assert_eq!(channel("{"), None);
}

#[test]
fn a_payload_beyond_the_limit_is_too_large_and_only_its_line() {
    let fits = json!({ "channel": "a", "data": "x".repeat(100) }).to_string();
    let over = json!({ "channel": "a", "data": "x".repeat(101) }).to_string();
    let bounds = BatchBounds { payload: 100, ..BatchBounds::default() };
    let lines = parse_batch(format!("{fits}\n{over}\n{fits}").as_bytes(), &bounds).expect("a small batch");
    let codes: Vec<_> = lines.iter().map(|line| line.as_ref().err().map(|bad| bad.problem.code())).collect();
    assert_eq!(codes, [None, Some(Code::TooLarge), None]);
}

#[test]
fn blank_lines_are_skipped_and_crlf_is_let_pass() {
    let body = b"\r\n{\"channel\":\"a\",\"data\":1}\r\n\n  \n\t{\"channel\":\"b\",\"data\":2}";
    let lines = parse_batch(body, &BatchBounds::default()).expect("a small batch");
    let channels: Vec<_> = lines.iter().map(|line| line.as_ref().expect("good").channel.as_str()).collect();
    assert_eq!(channels, ["a", "b"]);
    assert!(parse_batch(b"", &BatchBounds::default()).is_ok_and(|lines| lines.is_empty()));
}

#[test]
fn a_batch_of_too_many_lines_or_bytes_is_refused_whole() {
    let line = "{\"channel\":\"a\",\"data\":1}\n";
    let bounds = BatchBounds::default();
    assert!(parse_batch(format!("{}\n\n", line.repeat(10_000)).as_bytes(), &bounds).is_ok_and(|l| l.len() == 10_000));
    let lines = parse_batch(line.repeat(10_001).as_bytes(), &bounds);
    assert!(lines.is_err_and(|p| p.code() == Code::TooLarge && p.detail().contains("10000")));
    let bytes = parse_batch(&vec![b'\n'; 8 * MIB + 1], &bounds);
    assert!(bytes.is_err_and(|p| p.code() == Code::TooLarge && p.detail().contains("8388608")));
    assert!(parse_batch(&vec![b'\n'; 8 * MIB], &bounds).is_ok_and(|lines| lines.is_empty()));
}

proptest! {
    #[test]
    fn any_text_survives_as_data(text in "\\PC{0,40}|[\u{0}-\u{ff}]{0,40}") {
        let line = json!({ "channel": "a", "data": text }).to_string();
        prop_assert_eq!(published(&line), Ok(("text/plain".to_owned(), text.into_bytes())));
    }

    #[test]
    fn any_bytes_survive_as_base64(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let line = json!({ "channel": "a", "data_base64": STANDARD.encode(&bytes), "type": "x/y" }).to_string();
        prop_assert_eq!(published(&line), Ok(("x/y".to_owned(), bytes)));
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let lines = parse_batch(&bytes, &BatchBounds::default()).expect("a small batch");
        for line in lines.into_iter().flatten() {
            prop_assert!(serde_json::from_slice::<Value>(line.draft.payload()).is_ok());
        }
    }
}
