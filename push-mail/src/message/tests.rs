//! Summaries of what programs write, and of what nobody should.

use proptest::prelude::*;
use testkit::{Random, mail};

use super::*;

fn preview_of(html: &str) -> Option<String> {
    let raw = format!("Content-Type: text/html; charset=utf-8\r\n\r\n{html}");
    summary(raw.as_bytes(), 1000).preview
}

#[track_caller]
fn assert_shown(summary: &Summary, preview_bytes: usize) {
    let limits = [
        (&summary.from, FROM_BYTES),
        (&summary.subject, SUBJECT_BYTES),
        (&summary.preview, preview_bytes),
        (&summary.date, 20),
    ];
    for (text, limit) in limits {
        let Some(text) = text else { continue };
        assert!(!text.is_empty() && text.len() <= limit, "{} bytes of at most {limit}", text.len());
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(text.trim() == text && !text.contains("  "), "{text:?}");
    }
}

#[test]
fn messages_of_every_kind_show_what_was_written() {
    let mut random = Random::from_env();
    for mail in mail::every_kind(&mut random) {
        let shown = summary(&mail.raw, 200);
        assert_shown(&shown, 200);
        if mail.kind == "noise" {
            continue;
        }
        assert_eq!(shown.subject, mail.subject, "{}", mail.kind);
        assert_eq!(shown.preview, mail.text, "{}: {}", mail.kind, String::from_utf8_lossy(&mail.raw));
        if mail.subject.is_some() {
            assert_eq!(shown.from.as_deref(), Some("Änn Example <ann@example.org>"), "{}", mail.kind);
            assert_eq!(shown.date.as_deref(), Some("2026-11-21T11:44:15Z"), "{}", mail.kind);
        }
    }
}

#[test]
fn html_is_read_as_a_reader_sees_it() {
    let table = [
        ("<p>one</p><p>two</p>", "one two"),
        ("<div>one<br>two</div>three", "one two three"),
        ("w<b>or</b>d <span class=\"a>b\">x</span>y", "word xy"),
        ("<td>a</td><td>b</td>", "a b"),
        ("a &lt;b&gt; &amp; &quot;c&quot;&nbsp;&euro;5 &#8364; &#x20AC; &#146;", "a <b> & \"c\" €5 € € ’"),
        ("AT&T &unknown; &;", "AT&T &unknown; &;"),
        ("1 < 2 and 3 <4", "1 < 2 and 3 <4"),
        ("<style>p > a { x }</style>text<script>if (a<b) '</p>'</script>!", "text !"),
        ("<!-- <p>no</p> -->yes<!-->also", "yesalso"),
        ("<title>no</title><STYLE>no</STYLE>yes", "yes"),
        ("before<style>never ended", "before"),
        ("<a href='x>quoted\">seen</a>", "quoted\">seen"),
        ("tail<a href=", "tail"),
        ("pre&zwnj;&nbsp;&zwnj;&nbsp;&shy;header", "pre\u{200c} header"),
    ];
    for (html, text) in table {
        assert_eq!(preview_of(html).as_deref(), Some(text), "{html}");
    }
    assert_eq!(preview_of("<html><body><img src=x></body></html>"), None);
}

#[test]
fn a_preview_is_cut_at_the_end_of_a_character() {
    let raw = mail::plain("x", "a🚀b");
    let of = |limit| summary(&raw, limit).preview;
    assert_eq!(of(0), None);
    assert_eq!(of(1).as_deref(), Some("a"));
    assert_eq!(of(4).as_deref(), Some("a"));
    assert_eq!(of(5).as_deref(), Some("a🚀"));
    assert_eq!(of(6).as_deref(), Some("a🚀b"));
}

#[test]
fn a_name_never_hides_or_imitates_the_address() {
    let from = |line: &str| summary(format!("From: {line}\r\n\r\nx").as_bytes(), 10).from;
    assert_eq!(from("ann@example.org").as_deref(), Some("ann@example.org"));
    assert_eq!(
        from("\"boss <boss@example.org>\" <evil@example.net>").as_deref(),
        Some("boss boss@example.org <evil@example.net>")
    );
    assert_eq!(from("\"a\u{202e}b\" <c@example.org>").as_deref(), Some("ab <c@example.org>"));
    let long = from(&format!("\"{}\" <c@example.org>", "n".repeat(2000))).expect("a sender");
    assert!(long.len() == FROM_BYTES && long.ends_with("n <c@example.org>"), "{long}");
}

#[test]
fn a_date_is_in_utc_or_not_there() {
    let date = |line: &str| summary(format!("Date: {line}\r\n\r\nx").as_bytes(), 10).date;
    assert_eq!(date("Thu, 01 Jan 1970 00:30:00 +0100").as_deref(), Some("1969-12-31T23:30:00Z"));
    assert_eq!(date("29 Feb 2028 23:59:60 GMT").as_deref(), Some("2028-02-29T23:59:59Z"));
    for wrong in ["", "tomorrow", "32 Jan 2026 00:00:00 +0000", "1 Jan 99999 00:00:00 +0000"] {
        assert!(date(wrong).is_none_or(|date| date.len() == 20), "{wrong}");
    }
}

#[test]
fn what_is_cut_off_is_read_as_far_as_it_goes() {
    let mut random = Random::from_env();
    let text = mail::words(&mut random, 40_000);
    for encoding in ["8bit", "base64"] {
        let body = if encoding == "8bit" { text.clone() } else { base64_lines(&text) };
        let part =
            format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}");
        let raw = format!("Subject: long\r\n{}", mail::multipart("alternative", "cut", &[&part]));
        assert!(raw.len() > READ_BYTES);
        let preview = summary(raw.as_bytes(), 3000).preview.expect("text");
        assert!(preview.len() > 2990 && text.starts_with(&preview), "{encoding}: {preview}");
    }
}

fn base64_lines(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (at, three) in text.as_bytes().chunks_exact(3).enumerate() {
        let number = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        out.extend([18, 12, 6, 0].map(|shift| char::from(DIGITS[(number >> shift & 63) as usize])));
        if at % 18 == 17 {
            out.push_str("\r\n");
        }
    }
    out
}

#[test]
fn what_is_built_to_hurt_does_not() {
    // Half of what a thread of the runtime has: nested messages are dropped by recursion.
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    small.spawn(hurt).expect("a thread").join().expect("no panic");
}

fn hurt() {
    let repeated = |head: &str, unit: &str| format!("{head}{}", unit.repeat(50_000_000 / unit.len()));
    let digest = (0..2000).map(|n| format!("Content-Type: multipart/digest; boundary={n}\r\n\r\n--{n}\r\n\r\n"));
    let deep = (0..10_000).map(|n| format!("Content-Type: multipart/mixed; boundary={n}\n\n--{n}\n"));
    for raw in [
        repeated("", "Content-Type: message/rfc822\n\n"),
        repeated("Content-Type: text/html\n\n", "<a '"),
        repeated("Content-Type: text/html\n\n", "<!-"),
        repeated("Content-Type: text/html\n\n", "</style<style>"),
        repeated("Content-Type: multipart/mixed; boundary=x\n\n", "\n--x\n"),
        repeated("Content-Type: multipart/mixed; boundary=x\n\n", "\n--y"),
        repeated("Subject: ", "=?utf-8?Q?=20?= "),
        repeated("From: ", "(((((\"<"),
        repeated("", "a:\n"),
        repeated("x: ", "y"),
        digest.collect(),
        deep.collect(),
    ] {
        assert_shown(&summary(raw.as_bytes(), 500), 500);
    }
}

#[test]
fn shared_samples_are_shown_within_the_limits() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/mail-samples");
    if !samples.is_dir() {
        return;
    }
    let mut count = 0;
    let mut folders = vec![samples];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "eml") {
                let raw = std::fs::read(&path).expect("a message");
                let shown = summary(&raw, 300);
                assert_shown(&shown, 300);
                count += 1;
            }
        }
    }
    assert!(count > 90, "{count} samples");
}

proptest! {
    #[test]
    fn anything_gives_a_summary_within_the_limits(raw in proptest::collection::vec(any::<u8>(), 0..2000), limit in 0..300_usize) {
        assert_shown(&summary(&raw, limit), limit);
    }

    #[test]
    fn damaged_messages_give_a_summary_within_the_limits(seed: u64, cuts in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..8)) {
        let mut random = Random::new(seed);
        for mut mail in mail::every_kind(&mut random).into_iter().filter(|mail| mail.raw.len() < 20_000) {
            for (at, byte) in &cuts {
                let length = mail.raw.len().max(1);
                if let Some(place) = mail.raw.get_mut(usize::from(*at) % length) {
                    *place = *byte;
                }
            }
            let end = random.below(mail.raw.len() as u64 + 1);
            assert_shown(&summary(&mail.raw, 100), 100);
            assert_shown(&summary(&mail.raw[..usize::try_from(end).expect("small")], 100), 100);
        }
    }
}
