//! Operations: what each text frame asks for, and the replies.

use proptest::prelude::*;
use push_core::Draft;
use serde_json::{Value, json};

use super::*;
use crate::proto::envelope::tests::{any_draft, assert_says, sample};
use crate::proto::notice::tests::{cursor, partial, start};
use crate::proto::problem::Code;

const MIB: usize = 1024 * 1024;

fn asked(text: &str) -> Operation {
    parse(text.as_bytes(), MIB).expect(text).operation
}

fn value(bytes: Vec<u8>) -> Value {
    assert!(!bytes.contains(&b'\n'));
    serde_json::from_slice(&bytes).expect("JSON")
}

fn seq() -> Option<Seq> {
    parse(br#"{"op":"ping","seq":7}"#, MIB).expect("a ping").seq
}

#[test]
fn each_operation_is_understood() {
    let Operation::Subscribe { selector, since, overflow } =
        asked(r#"{"op":"subscribe","channel":"a/*","last":3,"overflow":"latest"}"#)
    else {
        panic!("a subscribe");
    };
    assert_eq!((selector.as_str(), since, overflow), ("a/*", Since::Last(3), Some(Overflow::Latest)));
    let plain = asked(r#"{"op":"subscribe","channel":"a"}"#);
    assert!(matches!(plain, Operation::Subscribe { since: Since::Now, overflow: None, .. }));
    let resumed = asked(&format!(r#"{{"op":"subscribe","channel":"a","since":"{}"}}"#, cursor(9)));
    assert!(matches!(resumed, Operation::Subscribe { since: Since::Cursor(c), .. } if c == cursor(9)));
    assert!(matches!(asked(r#"{"op":"unsubscribe","channel":"a"}"#), Operation::Unsubscribe { .. }));
    let Operation::Publish(line) = asked(r#"{"op":"publish","channel":"a","data":{"x": 1}}"#) else {
        panic!("a publish");
    };
    assert_eq!((line.channel.as_str(), &line.draft.payload()[..]), ("a", &br#"{"x": 1}"#[..]));
    let Operation::History(history) = asked(r#"{"op":"history","channel":"a","limit":"5"}"#) else {
        panic!("a history");
    };
    assert_eq!((history.since, history.limit), (Since::Start, 5));
    let newest = asked(r#"{"op":"history","channel":"a","last":4,"limit":9}"#);
    assert!(matches!(newest, Operation::History(h) if h.since == Since::Last(4) && h.limit == 4));
    assert!(matches!(asked(r#"{"op":"presence","channel":"a"}"#), Operation::Presence { .. }));
    let Operation::Auth { token } = asked(r#"{"op":"auth","token":"s3cret"}"#) else { panic!("an auth") };
    assert_eq!(token.expose(), "s3cret");
    assert!(matches!(asked(r#" {"x":[1,{"y":2}],"op":"ping"} "#), Operation::Ping));
}

#[test]
fn what_is_no_operation_is_answered_with_a_code() {
    let table = [
        ("", Code::BadParameter, "object"),
        ("ping", Code::BadParameter, "object"),
        ("[]", Code::BadParameter, "object"),
        ("{}", Code::BadParameter, "'op' is missing"),
        (r#"{"op":5}"#, Code::BadParameter, "'op' must be a string"),
        (r#"{"op":"dance"}"#, Code::BadParameter, "dance"),
        (r#"{"op":"publication"}"#, Code::BadParameter, "not known"),
        (r#"{"op":"ping","op":"auth"}"#, Code::BadParameter, "'op' is given twice"),
        (r#"{"op":"subscribe"}"#, Code::BadParameter, "'channel' is missing"),
        (r#"{"op":"subscribe","channel":["a"]}"#, Code::BadParameter, "'channel' must be a string"),
        (r#"{"op":"subscribe","channel":"a b"}"#, Code::BadChannel, "white space"),
        (r#"{"op":"subscribe","channel":"a","since":"x"}"#, Code::BadCursor, "cursor"),
        (r#"{"op":"subscribe","channel":"a","since":5}"#, Code::BadParameter, "'since'"),
        (r#"{"op":"subscribe","channel":"a","since":"now","last":1}"#, Code::BadParameter, "'since' and 'last'"),
        (r#"{"op":"subscribe","channel":"a","last":0}"#, Code::BadParameter, "'last'"),
        (r#"{"op":"subscribe","channel":"a","last":-1}"#, Code::BadParameter, "'last'"),
        (r#"{"op":"subscribe","channel":"a","last":true}"#, Code::BadParameter, "'last'"),
        (r#"{"op":"subscribe","channel":"a","overflow":"drop"}"#, Code::BadParameter, "'overflow'"),
        (r#"{"op":"history","channel":"a/*"}"#, Code::BadChannel, "a/*"),
        (r#"{"op":"history","channel":"a","limit":10001}"#, Code::BadParameter, "10000"),
        (r#"{"op":"history","channel":"a","last":10001}"#, Code::BadParameter, "10000"),
        (r#"{"op":"presence","channel":"**"}"#, Code::BadChannel, "**"),
        (r#"{"op":"publish","channel":"a"}"#, Code::BadParameter, "exactly one"),
        (r#"{"op":"auth"}"#, Code::BadParameter, "'token'"),
    ];
    for (text, code, word) in table {
        let bad = parse(text.as_bytes(), MIB).expect_err(text);
        assert_eq!((bad.problem.code(), bad.seq), (code, None), "{text}: {}", bad.problem);
        assert!(bad.problem.detail().contains(word), "{text}: {}", bad.problem);
    }
}

#[test]
fn seq_is_a_number_or_a_short_string_and_echoed_as_written() {
    for text in ["7", "-1.50e3", "\"a\\u0062\"", "\"\"", "18446744073709551616"] {
        let frame = format!(r#"{{"op":"ping","seq":{text}}}"#);
        let seq = parse(frame.as_bytes(), MIB).expect(text).seq;
        assert_eq!(pong(seq.as_ref()), format!(r#"{{"op":"pong","seq":{text}}}"#).into_bytes());
        let frame = format!(r#"{{"op":"dance","seq":{text}}}"#);
        let bad = parse(frame.as_bytes(), MIB).expect_err(text);
        assert_eq!(bad.seq, seq, "an error carries it too");
    }
    assert_eq!(parse(br#"{"op":"ping","seq":null}"#, MIB).expect("absent").seq, None);
    for bad in ["{}", "[1]", "true", &format!("\"{}\"", "x".repeat(63))] {
        let frame = format!(r#"{{"op":"ping","seq":{bad}}}"#);
        assert!(parse(frame.as_bytes(), MIB).is_err_and(|b| b.problem.detail().contains("'seq'")), "{bad}");
    }
}

#[test]
fn a_payload_beyond_the_limit_is_an_error_with_its_seq() {
    let bad = parse(br#"{"op":"publish","seq":1,"channel":"a","data":"12345"}"#, 4).expect_err("too large");
    assert_eq!(bad.problem.code(), Code::TooLarge);
    assert!(bad.seq.is_some());
}

#[test]
fn replies_say_what_the_table_of_the_contract_says() {
    let seq = seq();
    let seq = seq.as_ref();
    let selector = Selector::parse("a/*").expect("a pattern");
    let id = cursor(4).to_string();
    assert_eq!(
        value(subscribed(seq, &selector, &start(4, vec![]))),
        json!({ "op": "subscribed", "seq": 7, "channel": "a/*", "cursor": id, "outcome": "complete" })
    );
    let loss = value(subscribed(None, &selector, &start(4, vec![partial("a/b")])));
    assert_eq!((&loss["outcome"], &loss["gaps"][0]["channel"]), (&json!("partial"), &json!("a/b")));
    assert!(loss.get("seq").is_none());
    assert_eq!(value(unsubscribed(seq, &selector)), json!({ "op": "unsubscribed", "seq": 7, "channel": "a/*" }));
    let channel = ChannelName::parse("a").expect("a name");
    let receipt = Receipt { channel, id: cursor(4), offset: 2, subscribers: 1, duplicate: true };
    assert_eq!(
        value(published(seq, &receipt)),
        json!({ "op": "published", "seq": 7, "channel": "a", "id": id, "offset": 2, "duplicate": true })
    );
    assert_eq!(value(ok(seq)), json!({ "op": "ok", "seq": 7 }));
    assert_eq!(value(pong(None)), json!({ "op": "pong" }));
    let problem = Problem::new(Code::AlreadySubscribed, "twice");
    let expected = json!({ "op": "error", "seq": 7, "code": "already_subscribed", "detail": "twice" });
    assert_eq!(value(error(seq, &problem)), expected);
    assert_eq!(value(gap(&partial("a")))["op"], "gap");
}

#[test]
fn history_and_presence_are_told_as_over_http() {
    let publications = vec![sample("a", Draft::text("x"))];
    let page =
        HistoryPage { cursor: cursor(9), publications, more: false, outcome: Outcome::Complete, gaps: Vec::new() };
    let told = value(history_reply(seq().as_ref(), &page));
    assert_eq!((&told["op"], &told["seq"], &told["more"]), (&json!("history"), &json!(7), &json!(false)));
    assert_eq!((&told["events"][0]["data"], &told["cursor"]), (&json!("x"), &json!(cursor(9).to_string())));
    let told = value(presence_reply(seq().as_ref(), &Presence { count: 3, members: Vec::new() }, None));
    assert_eq!(told, json!({ "op": "presence", "seq": 7, "count": 3, "members": [] }));
    let mut out = Vec::new();
    write_presence(&mut out, &Presence::default(), None);
    assert_eq!(value(out), json!({ "count": 0, "members": [] }));
}

#[test]
fn each_channel_of_the_query_is_told_its_own_gaps() {
    let whole = start(4, vec![partial("a/b"), partial("c")]);
    let of = |text: &str| start_of(&whole, &Selector::parse(text).expect(text));
    assert_eq!(of("a/*").gaps, [partial("a/b")]);
    assert_eq!(of("c").outcome, Outcome::Partial);
    assert_eq!((of("d").outcome, of("d").gaps.len(), of("d").cursor), (Outcome::Complete, 0, cursor(4)));
    let pattern = start(4, vec![partial("x/**")]);
    assert_eq!(start_of(&pattern, &Selector::parse("x/**").expect("a pattern")).gaps.len(), 1);
}

proptest! {
    #[test]
    fn a_publication_is_its_envelope_with_an_op(draft in any_draft()) {
        let sample = sample("a/ü", draft);
        let told = value(publication(&sample).to_vec());
        prop_assert_eq!(&told["op"], "publication");
        assert_says(&told, &sample);
        prop_assert_eq!(publication(&sample).as_ptr(), publication(&sample).as_ptr());
    }

    #[test]
    fn any_frame_is_answered_without_a_panic(text in "\\PC{0,60}|[{}\":,opseq0-9a-z]{0,60}") {
        let _ = parse(text.as_bytes(), MIB);
    }
}
