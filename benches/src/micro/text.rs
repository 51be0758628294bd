//! Cursors, queries, operations and batches.

use axum::http::HeaderMap;
use push_core::{Cursor, Epoch, Mark, channel_hash};
use push_transports::proto::batch::{BatchBounds, parse_batch};
use push_transports::proto::operation;
use push_transports::proto::params::{Bounds, SubscribeParams, Transport};
use push_transports::proto::query::Query;

use super::{Operation, Work, work};

/// What is read of a request, and the cursors in it.
pub const OPERATIONS: &[Operation] = &[
    Operation::new("cursor/format", || {
        let cursor = cursor();
        work(move || cursor.to_string())
    }),
    Operation::new("cursor/parse and check", parse_cursor),
    Operation::new("cursor/refuse one with a wrong check", refuse_cursor),
    Operation::new("request/query of a subscription", query),
    Operation::new("request/operation that publishes", publish_operation),
    Operation::new("batch/1 line of 100 B", || batch(1)),
    Operation::of_bytes("batch/1,000 lines of 100 B", 100_000, || batch(1000)),
];

fn cursor() -> Cursor {
    let mark = Mark { offset: 81_234, channel: channel_hash("room/lobby") };
    Cursor { epoch: Epoch::from_u64(0x00a5_5a3c_c396), number: 1_234_567, mark: Some(mark) }
}

fn parse_cursor() -> Work {
    let text = cursor().to_string();
    work(move || Cursor::parse(&text).expect("it is ours"))
}

fn refuse_cursor() -> Work {
    let text = cursor().to_string().replace("1234567", "1234568");
    work(move || Cursor::parse(&text).expect_err("its check is of another"))
}

fn query() -> Work {
    let text = format!("channel=room/lobby&channel=user/4711/*&since={}&format=json", cursor());
    let (headers, bounds) = (HeaderMap::new(), Bounds::default());
    work(move || {
        let query = Query::parse(&text).expect("it is well formed");
        SubscribeParams::parse(Transport::Sse, &query, &headers, &bounds).expect("it is well formed")
    })
}

fn line() -> String {
    format!(r#"{{"channel":"room/lobby","data":"{}"}}"#, "x".repeat(100))
}

fn publish_operation() -> Work {
    let text = line().replacen('{', r#"{"op":"publish","seq":7,"#, 1);
    work(move || operation::parse(text.as_bytes(), 1 << 20).expect("it is well formed"))
}

fn batch(lines: usize) -> Work {
    let (body, bounds) = (vec![line(); lines].join("\n"), BatchBounds::default());
    work(move || {
        let parsed = parse_batch(body.as_bytes(), &bounds).expect("it is within the bounds");
        assert!(parsed.iter().all(Result::is_ok) && parsed.len() == lines, "each line is a publication");
        parsed
    })
}
