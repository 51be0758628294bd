//! Lines of a growing file.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use testkit::{Options, PushServer, Subscriber, Transport};

const BINARY: &str = env!("CARGO_BIN_EXE_tail");

struct Setup {
    server: PushServer,
    lines: Subscriber,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

/// The example follows `app.log`, which holds `before` (is not there if `None`), and one subscriber reads from the start.
async fn follow(before: Option<&str>) -> Setup {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.log");
    if let Some(before) = before {
        fs::write(&path, before).expect("written");
    }
    let server = super::start(BINARY, &[&path]).await;
    let options = Options::channel("tail/app.log").since("start");
    let lines = Subscriber::open(Transport::SseRaw, server.addr(), &options).await;
    Setup { server, lines, path, _dir: dir }
}

impl Setup {
    async fn expect(&mut self, lines: &[&str]) {
        for expected in lines {
            assert_eq!(self.lines.publication().await.text(), *expected);
        }
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).expect("opened");
    file.write_all(text.as_bytes()).expect("written");
}

#[tokio::test]
async fn lines_appended_to_a_file_that_came_later_arrive_in_order_and_whole() {
    let mut tail = follow(None).await;
    append(&tail.path, "one\ntwo\n\nth");
    tail.expect(&["one", "two", ""]).await;
    append(&tail.path, "ree\nfour\n");
    tail.expect(&["three", "four"]).await;
}

#[tokio::test]
async fn a_file_put_aside_is_read_to_its_end_and_then_its_successor() {
    let mut tail = follow(Some("one\n")).await;
    tail.expect(&["one"]).await;
    let aside = tail.path.with_extension("log.1");
    fs::rename(&tail.path, &aside).expect("renamed");
    append(&aside, "two\n"); // its writer has not noticed yet
    tail.expect(&["two"]).await;
    append(&aside, "three without an end");
    append(&tail.path, "four\n");
    tail.expect(&["three without an end", "four"]).await;
    append(&tail.path, "five\n");
    tail.expect(&["five"]).await;
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_read_from_its_beginning() {
    let mut tail = follow(Some("one\ntwo\n")).await;
    tail.expect(&["one", "two"]).await;
    File::create(&tail.path).expect("cut off").write_all(b"new\n").expect("written");
    tail.expect(&["new"]).await;
    append(&tail.path, "newer\n");
    tail.expect(&["newer"]).await;
}

#[tokio::test]
async fn of_a_long_file_only_the_end_is_read_and_no_half_line() {
    let before: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    let mut tail = follow(Some(&before)).await;
    let first = tail.lines.publication().await.text();
    let first: u32 = first.strip_prefix("line ").and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{first:?}"));
    assert!(first > 10_000, "{first}");
    append(&tail.path, "the end\n");
    let mut lines = tail.lines.publication().await.text();
    while lines != "the end" {
        lines = tail.lines.publication().await.text();
    }
}

#[tokio::test]
async fn a_burst_far_beyond_the_history_waits_for_a_reader_on_a_narrow_line() {
    let tail = follow(None).await;
    let narrow = Options::channel("tail/app.log").receive_buffer(4096);
    let mut reader = Subscriber::open(Transport::SseRaw, tail.server.addr(), &narrow).await;
    drop(tail.lines); // the fastest reader is the one that is waited for
    let line = |number| format!("{number:01000}");
    append(&tail.path, &(0..10_000).map(|number| line(number) + "\n").collect::<String>());
    for number in 0..10_000 {
        assert_eq!(reader.publication().await.text(), line(number));
    }
}

#[tokio::test]
async fn what_was_missed_while_away_is_heard_on_coming_back() {
    let mut tail = follow(Some("one\n")).await;
    tail.expect(&["one"]).await;
    let cursor = tail.lines.cursor().expect("an event stream has one");
    append(&tail.path, "two\n");
    tail.expect(&["two"]).await;
    let options = Options::channel("tail/app.log").since(cursor);
    let mut back = Subscriber::open(Transport::Ndjson, tail.server.addr(), &options).await;
    assert_eq!(back.publication().await.text(), "two");
}
