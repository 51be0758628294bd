//! `mixed` streams, read back by a small parser of parts.

use proptest::prelude::*;
use push_core::{Draft, EventName, Key};

use super::*;
use crate::proto::envelope::tests::{any_draft, assert_says, sample};
use crate::proto::notice::tests::{cursor, start};

const RANDOM: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";

fn mixed(is_json: bool) -> Mixed {
    Mixed::new(RANDOM, is_json, ActiveTypes::default())
}

/// The whole stream of these publications.
fn written(mixed: &Mixed, publications: &[Arc<Publication>]) -> Vec<u8> {
    let mut out = Vec::new();
    mixed.open(&mut out, &start(1, vec![]), None);
    for publication in publications {
        out.extend_from_slice(&mixed.publication(publication));
        out.extend_from_slice(&mixed.separator().expect("a delimiter"));
    }
    mixed.close(&mut out, &Ending::draining());
    out
}

#[derive(Debug)]
struct Part {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Part {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

// RFC 2046 §5.1.1: parts end where the delimiter stands; Content-Length must agree.
fn read(mut bytes: &[u8]) -> Vec<Part> {
    let delimiter = format!("--{BOUNDARY}\r\n");
    let mut parts = Vec::new();
    loop {
        bytes = bytes.strip_prefix(delimiter.as_bytes()).expect("a delimiter");
        if bytes == format!("--{BOUNDARY}--\r\n").as_bytes() {
            return parts;
        }
        let end = memchr::memmem::find(bytes, b"\r\n\r\n").expect("a blank line");
        let head = std::str::from_utf8(&bytes[..end]).expect("ASCII");
        let header = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned())).expect("a header");
        let headers = head.split("\r\n").map(header).collect();
        bytes = &bytes[end + 4..];
        let len = memchr::memmem::find(bytes, format!("\r\n{delimiter}").as_bytes()).expect("the next delimiter");
        let part = Part { headers, body: bytes[..len].to_vec() };
        assert_eq!(part.header("Content-Length"), Some(len.to_string().as_str()));
        parts.push(part);
        bytes = &bytes[len + 2..];
    }
}

#[test]
fn a_part_is_headers_body_and_at_once_the_next_delimiter() {
    let publication = sample("cam/ü 1".replace(' ', "-").as_str(), Draft::new(&b"\x89PNG"[..]));
    let id = publication.id();
    let expected = format!(
        "--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\nContent-Length: 4\r\nPush-Cursor: {id}\r\n\
         Push-Channel: cam/%C3%BC-1\r\nPush-Event: message\r\n\r\n"
    );
    let mut expected = expected.into_bytes();
    expected.extend_from_slice(b"\x89PNG");
    expected.extend_from_slice(format!("\r\n--{BOUNDARY}\r\n--{BOUNDARY}--\r\n").as_bytes());
    assert_eq!(written(&mixed(false), &[publication]), expected);
}

#[test]
fn the_boundary_is_unquoted_and_as_long_as_its_128_bits() {
    assert_eq!(mixed(false).content_type(), format!("multipart/x-mixed-replace; boundary={BOUNDARY}"));
    let zeros = Mixed::new(7, false, ActiveTypes::default()).content_type();
    assert!(zeros.ends_with("=00000000000000000000000000000007"));
}

#[test]
fn event_and_key_are_headers_of_the_part() {
    let draft = Draft::text("x")
        .event(EventName::parse("mail.new").expect("an event"))
        .key(Key::parse("köln: 1").expect("a key"));
    let parts = read(&written(&mixed(false), &[sample("a", draft)]));
    assert_eq!(parts[0].header("Push-Event"), Some("mail.new"));
    assert_eq!(parts[0].header("Push-Key"), Some("k%C3%B6ln%3A%201"));
}

#[test]
fn types_that_a_browser_would_run_are_active() {
    let active = [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "application/atom+xml",
        "text/xsl",
        "text/javascript",
        "application/javascript",
        "application/x-javascript",
        "application/ecmascript",
        "text/javascript1.5",
        "text/jscript",
        "text/vbscript",
        "multipart/related",
        "multipart/x-mixed-replace",
        "message/rfc822",
        "application/pdf",
        "unknown/unknown",
        "*/*",
    ];
    for text in active {
        assert!(is_active(&MediaType::parse(text).expect(text)), "{text}");
    }
    let passive = [
        "text/plain",
        "image/png",
        "image/jpeg",
        "application/json",
        "application/problem+json",
        "application/octet-stream",
        "text/css",
        "text/csv",
        "video/mp4",
        "image/x-icon",
    ];
    for text in passive {
        assert!(!is_active(&MediaType::parse(text).expect(text)), "{text}");
    }
}

#[test]
fn an_active_type_goes_out_as_text_plain_unless_it_is_configured() {
    let svg = MediaType::parse("image/svg+xml; charset=utf-8").expect("a type");
    let publication = sample("a", Draft::new("<svg/>").media_type(svg.clone()));
    let allowing = Mixed::new(RANDOM, false, ActiveTypes::allowing(["Image/SVG+xml"]));
    for _ in 0..2 {
        let parts = read(&written(&mixed(false), std::slice::from_ref(&publication)));
        assert_eq!(parts[0].header("Content-Type"), Some("text/plain"));
        let parts = read(&written(&allowing, std::slice::from_ref(&publication)));
        assert_eq!(parts[0].header("Content-Type"), Some(svg.as_str()));
    }
    let html = sample("a", Draft::new("<p>").media_type(MediaType::parse("text/html").expect("a type")));
    let parts = read(&written(&allowing, &[html]));
    assert_eq!(parts[0].header("Content-Type"), Some("text/plain"));
}

#[test]
fn the_part_is_shared_by_connections_with_different_boundaries() {
    let publication = sample("a", Draft::text("x"));
    let other = Mixed::new(1, false, ActiveTypes::default());
    assert_eq!(mixed(false).publication(&publication).as_ptr(), other.publication(&publication).as_ptr());
}

#[test]
fn there_is_nothing_silent_to_say_between_parts() {
    let mut out = Vec::new();
    mixed(false).heartbeat(&mut out, Some(cursor(9)));
    mixed(false).gaps(&mut out, &[crate::proto::notice::tests::partial("a")], cursor(9));
    assert!(out.is_empty());
}

proptest! {
    #[test]
    fn any_publications_read_back_as_parts(drafts in prop::collection::vec(any_draft(), 0..5)) {
        let publications: Vec<_> = drafts.into_iter().map(|draft| sample("a/ü", draft)).collect();
        let raw = read(&written(&mixed(false), &publications));
        let json = read(&written(&mixed(true), &publications));
        prop_assert_eq!((raw.len(), json.len()), (publications.len(), publications.len()));
        for ((publication, raw), json) in publications.iter().zip(raw).zip(json) {
            prop_assert_eq!(&raw.body, publication.payload());
            prop_assert_eq!(raw.header("Content-Type"), Some(publication.media_type().as_str()));
            let id = publication.id().to_string();
            prop_assert_eq!(raw.header("Push-Cursor"), Some(id.as_str()));
            prop_assert_eq!(json.header("Content-Type"), Some("application/json"));
            assert_says(&serde_json::from_slice(&json.body).expect("JSON"), publication);
        }
    }
}
