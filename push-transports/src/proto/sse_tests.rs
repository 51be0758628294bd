//! Event streams, read back by a parser written from the HTML standard alone.

use proptest::prelude::*;
use push_core::{Draft, EventName};
use serde_json::Value;

use super::*;
use crate::proto::envelope::tests::{any_draft, assert_says, sample};
use crate::proto::notice::tests::{cursor, partial, start};

/// What a page's EventSource would fire.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(crate) struct Fired {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) last_event_id: String,
}

/// An EventSource after it has read some bytes.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) fired: Vec<Fired>,
    pub(crate) last_event_id: String,
    pub(crate) retry: Option<u64>,
    id_buffer: String,
    event: String,
    data: String,
}

impl Reader {
    // WHATWG HTML §9.2.6: interpreting an event stream
    pub(crate) fn read(bytes: &[u8]) -> Self {
        // A line that was cut never ends, and is never interpreted.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = std::str::from_utf8(&bytes[..end]).expect("an event stream is UTF-8");
        let mut reader = Self::default();
        for line in text.replace("\r\n", "\n").replace('\r', "\n").split_terminator('\n') {
            match line.split_once(':') {
                _ if line.is_empty() => reader.dispatch(),
                Some(("", _comment)) => {}
                Some((field, value)) => reader.field(field, value.strip_prefix(' ').unwrap_or(value)),
                None => reader.field(line, ""),
            }
        }
        reader
    }

    fn field(&mut self, field: &str, value: &str) {
        match field {
            "event" => self.event = value.to_owned(),
            "data" => self.data.extend([value, "\n"]),
            "id" => self.id_buffer = value.to_owned(),
            "retry" => self.retry = value.parse().ok(),
            other => panic!("no such field: {other}"),
        }
    }

    fn dispatch(&mut self) {
        self.last_event_id = self.id_buffer.clone();
        let (event, mut data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        if data.pop().is_some() {
            let event = if event.is_empty() { "message".to_owned() } else { event };
            self.fired.push(Fired { event, data, last_event_id: self.last_event_id.clone() });
        }
    }
}

const RAW: Sse = Sse { json: false, retry: Duration::from_millis(1234) };
const JSON: Sse = Sse { json: true, ..RAW };

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

fn raw_text(draft: Draft) -> String {
    String::from_utf8(RAW.publication(&sample("a", draft)).to_vec()).expect("UTF-8")
}

#[test]
fn each_line_of_a_payload_is_a_data_line() {
    let id = sample("a", Draft::text("")).id();
    let table = [
        ("", "data: \n"),
        ("x", "data: x\n"),
        ("a\nb", "data: a\ndata: b\n"),
        ("a\r\nb\rc\n", "data: a\ndata: b\ndata: c\ndata: \n"),
        ("\n", "data: \ndata: \n"),
        ("\r\r\n\n", "data: \ndata: \ndata: \ndata: \n"),
        ("  two", "data:   two\n"),
        (":colon", "data: :colon\n"),
        ("\nid: forged\n\nevent: x", "data: \ndata: id: forged\ndata: \ndata: event: x\n"),
    ];
    for (payload, lines) in table {
        assert_eq!(raw_text(Draft::text(payload)), format!("id: {id}\n{lines}\n"), "{payload:?}");
    }
}

#[test]
fn an_event_line_stands_only_where_the_event_is_not_message() {
    let draft = Draft::text("x").event(EventName::parse("mail.new").expect("an event"));
    assert!(raw_text(draft.clone()).starts_with("event: mail.new\nid: "));
    assert!(raw_text(Draft::text("x")).starts_with("id: "));
    let json = JSON.publication(&sample("a", draft));
    assert!(json.starts_with(b"id: "), "json has no event line");
}

#[test]
fn bytes_that_are_not_utf8_go_as_base64_and_say_so() {
    let named = Draft::new(&b"\xff\x00"[..]).event(EventName::parse("frame").expect("an event"));
    assert!(raw_text(named).starts_with("event: frame;base64\n"));
    let text = raw_text(Draft::new(&b"\xff\x00"[..]));
    assert!(text.starts_with("event: message;base64\n") && text.ends_with("data: /wA=\n\n"), "{text}");
}

#[test]
fn raw_json_keeps_its_white_space() {
    let fired = Reader::read(raw_text(Draft::json("{\n  \"a\": 1\n}\n")).as_bytes()).fired;
    assert_eq!(fired[0].data, "{\n  \"a\": 1\n}\n");
}

#[test]
fn the_first_block_sets_the_cursor_and_fires_nothing() {
    let text = written(|out| RAW.open(out, &start(5, vec![]), None));
    assert_eq!(text, format!("retry: 1234\nid: {}\n\n", cursor(5)));
    let reader = Reader::read(text.as_bytes());
    assert_eq!((reader.last_event_id, reader.retry, reader.fired), (cursor(5).to_string(), Some(1234), vec![]));
}

#[test]
fn after_a_loss_the_first_block_repeats_the_cursor_sent_and_the_last_gap_carries_the_new_one() {
    let text = written(|out| JSON.open(out, &start(9, vec![partial("a"), partial("b")]), Some(cursor(2))));
    assert!(text.starts_with(&format!("retry: 1234\nid: {}\n\nevent: push.gap\ndata: ", cursor(2))), "{text}");
    let reader = Reader::read(text.as_bytes());
    let told: Vec<_> = reader.fired.iter().map(|f| (f.event.as_str(), f.last_event_id.clone())).collect();
    assert_eq!(told, [("push.gap", cursor(2).to_string()), ("push.gap", cursor(9).to_string())]);
    let gap: Value = serde_json::from_str(&reader.fired[1].data).expect("JSON");
    assert_eq!((&gap["channel"], &gap["missed"]), (&"b".into(), &7.into()));
}

#[test]
fn a_loss_without_a_cursor_sent_leaves_the_id_to_the_last_gap() {
    let text = written(|out| RAW.open(out, &start(9, vec![partial("a")]), None));
    assert!(text.starts_with("retry: 1234\n\nevent: push.gap\nid: "), "{text}");
}

#[test]
fn a_heartbeat_is_a_comment_and_may_refresh_the_cursor() {
    assert_eq!(written(|out| RAW.heartbeat(out, None)), ":\n\n");
    let text = written(|out| RAW.heartbeat(out, Some(cursor(8))));
    let reader = Reader::read(text.as_bytes());
    assert!(text.starts_with(':'));
    assert_eq!((reader.last_event_id, reader.fired), (cursor(8).to_string(), vec![]));
}

#[test]
fn an_ending_is_an_event_with_retry_only_where_one_should_come_back() {
    let text = written(|out| RAW.close(out, &Ending::draining().retry_after(Duration::from_secs(3))));
    let expected = "retry: 3000\nevent: push.close\n\
                    data: {\"code\":3000,\"reason\":\"draining\",\"reconnect\":true,\"retry_ms\":3000}\n\n";
    assert_eq!(text, expected);
    let text = written(|out| RAW.close(out, &Ending::forbidden().because("a\nb")));
    assert!(text.starts_with("event: push.close\ndata: {"), "{text}");
    assert_eq!(Reader::read(text.as_bytes()).fired.len(), 1);
}

proptest! {
    #[test]
    fn any_publication_reads_back_as_one_event(draft in any_draft()) {
        let publication = sample("c/ü", draft);
        let id = publication.id().to_string();

        let reader = Reader::read(&RAW.publication(&publication));
        prop_assert_eq!(reader.fired.len(), 1);
        let fired = &reader.fired[0];
        prop_assert_eq!(&fired.last_event_id, &id);
        match std::str::from_utf8(publication.payload()) {
            Ok(text) => {
                prop_assert_eq!(&fired.data, &text.replace("\r\n", "\n").replace('\r', "\n"));
                prop_assert_eq!(fired.event.as_str(), publication.event().as_str());
            }
            Err(_) => {
                prop_assert_eq!(STANDARD.decode(&fired.data).expect("base64"), publication.payload().to_vec());
                prop_assert_eq!(fired.event.clone(), format!("{};base64", publication.event().as_str()));
            }
        }

        let reader = Reader::read(&JSON.publication(&publication));
        prop_assert_eq!(reader.fired.len(), 1);
        prop_assert_eq!((reader.fired[0].event.as_str(), &reader.fired[0].last_event_id), ("message", &id));
        assert_says(&serde_json::from_str(&reader.fired[0].data).expect("JSON"), &publication);
    }
}
