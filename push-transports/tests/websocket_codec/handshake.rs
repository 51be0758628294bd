//! The opening handshake and its negotiations.

use http::header::{
    ALLOW, CONNECTION, HOST, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use push_transports::proto::websocket::{Handshake, Refusal, Terms};

/// RFC 6455 §1.2: the request of the example.
fn request() -> HeaderMap {
    let entries = [
        (HOST, "server.example.com"),
        (UPGRADE, "websocket"),
        (CONNECTION, "Upgrade"),
        (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        (SEC_WEBSOCKET_VERSION, "13"),
    ];
    entries.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

fn with(name: HeaderName, lines: &[&str]) -> HeaderMap {
    let mut headers = request();
    headers.remove(&name);
    for line in lines {
        headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).expect("a header value"));
    }
    headers
}

fn accept(headers: &HeaderMap) -> Result<Handshake, Refusal> {
    Handshake::accept(&Method::GET, Version::HTTP_11, headers, Terms::default())
}

fn answer(headers: &HeaderMap) -> HeaderMap {
    accept(headers).expect("an acceptable handshake").headers()
}

#[track_caller]
fn assert_refused(name: HeaderName, lines: &[&str], refusal: Refusal) {
    assert_eq!(accept(&with(name, lines)).err(), Some(refusal), "{lines:?}");
}

#[test]
fn the_example_of_rfc_6455_1_3_is_accepted() {
    let headers = answer(&request());
    assert_eq!(headers[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(headers[UPGRADE], "websocket");
    assert_eq!(headers[CONNECTION], "Upgrade");
    assert_eq!(headers.len(), 3, "no protocol, no extension that was not offered");
}

#[test]
fn only_get_over_http_1_1_or_later_opens() {
    // RFC 6455 §4.2.1 (1).
    for method in [Method::POST, Method::HEAD, Method::CONNECT] {
        let result = Handshake::accept(&method, Version::HTTP_11, &request(), Terms::default());
        let refusal = result.expect_err("refused");
        assert_eq!((refusal, refusal.http_status()), (Refusal::Method, StatusCode::METHOD_NOT_ALLOWED));
        assert_eq!(refusal.headers()[ALLOW], "GET");
    }
    for version in [Version::HTTP_09, Version::HTTP_10] {
        let result = Handshake::accept(&Method::GET, version, &request(), Terms::default());
        assert_eq!(result.err(), Some(Refusal::HttpVersion));
    }
}

#[test]
fn a_request_without_host_is_refused() {
    // RFC 6455 §4.2.1 (2).
    assert_refused(HOST, &[], Refusal::HostMissing);
}

#[test]
fn upgrade_names_websocket_in_any_case_among_others() {
    // RFC 6455 §4.2.1 (3).
    for lines in [&["WebSocket"][..], &["h2c, WEBSOCKET"], &["h2c", "websocket"], &["foo/1 ,\twebsocket "]] {
        assert!(accept(&with(UPGRADE, lines)).is_ok(), "{lines:?}");
    }
    for lines in [&[][..], &["h2c"], &["websockets"], &["web, socket"], &[""], &["websocket/13"]] {
        assert_refused(UPGRADE, lines, Refusal::UpgradeMissing);
    }
}

#[test]
fn connection_names_upgrade_in_any_case_among_others() {
    // RFC 6455 §4.2.1 (4).
    for lines in [&["upgrade"][..], &["keep-alive, Upgrade"], &["keep-alive", "UPGRADE"], &["Upgrade,"]] {
        assert!(accept(&with(CONNECTION, lines)).is_ok(), "{lines:?}");
    }
    for lines in [&[][..], &["keep-alive"], &["upgraded"], &["close"]] {
        assert_refused(CONNECTION, lines, Refusal::ConnectionMissing);
    }
}

#[test]
fn the_key_is_sixteen_bytes_in_base64_and_there_once() {
    // RFC 6455 §4.2.1 (5).
    assert_refused(SEC_WEBSOCKET_KEY, &[], Refusal::KeyMissing);
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    assert_refused(SEC_WEBSOCKET_KEY, &[key, key], Refusal::KeyRepeated);
    let bad = [
        "",
        "hello",
        "SGVsbG8sIHdvcmxkIQ==",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZWU=",
        "dGhlIHNhbXBsZSBub25jZWVl",
        "dGhlIHNhbXBsZSBub25j ZQ==",
        "dGhl-HNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        "é",
    ];
    for key in bad {
        assert_refused(SEC_WEBSOCKET_KEY, &[key], Refusal::KeyInvalid);
    }
    let spare_bits = with(SEC_WEBSOCKET_KEY, &["dGhlIHNhbXBsZSBub25jZR=="]);
    assert!(accept(&spare_bits).is_ok());
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    // RFC 6455 §4.2.2 (4), §4.4.
    for lines in [&[][..], &["8"], &["14"], &["013"], &["13, 8"], &["13", "8"], &["13", "13"]] {
        assert_refused(SEC_WEBSOCKET_VERSION, lines, Refusal::VersionUnsupported);
    }
    let refusal = Refusal::VersionUnsupported;
    assert_eq!(refusal.http_status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(refusal.headers()[SEC_WEBSOCKET_VERSION], "13");
    assert_eq!(refusal.headers()[UPGRADE], "websocket");
}

#[test]
fn other_refusals_are_plain_bad_requests() {
    for refusal in [Refusal::KeyInvalid, Refusal::UpgradeMissing, Refusal::ExtensionsInvalid] {
        assert_eq!(refusal.http_status(), StatusCode::BAD_REQUEST);
        assert!(refusal.headers().is_empty());
    }
}

#[test]
fn a_subprotocol_is_chosen_from_those_offered() {
    // RFC 6455 §4.2.2 (5.5); the token stays out of the answer where it can.
    let rows: [(&[&str], Option<&str>, Option<&str>); 12] = [
        (&[], None, None),
        (&["chat"], None, None),
        (&["push.v1"], Some("push.v1"), None),
        (&["chat, push.v1"], Some("push.v1"), None),
        (&["push.v1.bearer.s3cr3t, push.v1"], Some("push.v1"), Some("s3cr3t")),
        (&["push.v1", "push.v1.bearer.s3cr3t"], Some("push.v1"), Some("s3cr3t")),
        (&["chat,push.v1.bearer.a.b-c_d~"], Some("push.v1.bearer.a.b-c_d~"), Some("a.b-c_d~")),
        (&["push.v1.bearer.one, push.v1.bearer.two"], Some("push.v1.bearer.one"), Some("one")),
        (&["push.v1.bearer.dG9r/+="], Some("push.v1.bearer.dG9r/+="), Some("dG9r/+=")),
        (&["push.v1.bearer."], Some("push.v1.bearer."), Some("")),
        (&["PUSH.V1", "push.v2", "push.v1x"], None, None),
        (&["", ", ,"], None, None),
    ];
    for (lines, protocol, token) in rows {
        let headers = with(SEC_WEBSOCKET_PROTOCOL, lines);
        let handshake = accept(&headers).expect("unknown subprotocols are no refusal");
        let chosen = handshake.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
        assert_eq!(chosen.as_ref().map(|value| value.to_str().expect("ascii")), protocol, "{lines:?}");
        assert_eq!(handshake.token.as_deref(), token, "{lines:?}");
    }
    assert_refused(SEC_WEBSOCKET_PROTOCOL, &["pùsh"], Refusal::ProtocolInvalid);
}

#[test]
fn the_servers_order_of_subprotocols_decides() {
    let terms = Terms { protocols: &["new", "old"], deflate: true };
    let headers = with(SEC_WEBSOCKET_PROTOCOL, &["old, other", "new"]);
    let handshake = Handshake::accept(&Method::GET, Version::HTTP_11, &headers, terms);
    let answer = handshake.expect("accepted").headers();
    assert_eq!(answer[SEC_WEBSOCKET_PROTOCOL], "new");
}

const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

#[test]
fn an_acceptable_offer_of_deflate_is_answered_without_context_takeover() {
    // RFC 7692 §5, §7.1.
    let offers: [&[&str]; 13] = [
        &["permessage-deflate"],
        &["permessage-deflate; client_max_window_bits"],
        &["permessage-deflate;client_max_window_bits=9"],
        &["permessage-deflate; client_max_window_bits=\"10\""],
        &["permessage-deflate ; client_no_context_takeover ; server_no_context_takeover"],
        &["permessage-deflate; client_max_window_bits = 8"],
        &["x-webkit-deflate-frame, permessage-deflate"],
        &["x-other; a=\"b\\c\"; d", "permessage-deflate"],
        &["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
        &["permessage-deflate; unknown, permessage-deflate; client_max_window_bits"],
        &["permessage-deflate; server_max_window_bits, permessage-deflate"],
        &[", permessage-deflate,,"],
        &["permessage-deflate, permessage-deflate; server_max_window_bits=15"],
    ];
    for lines in offers {
        let handshake = accept(&with(SEC_WEBSOCKET_EXTENSIONS, lines)).expect("accepted");
        assert!(handshake.deflate, "{lines:?}");
        assert_eq!(handshake.headers()[SEC_WEBSOCKET_EXTENSIONS], PLAIN);
    }
}

#[test]
fn an_offer_that_names_the_full_server_window_gets_it_repeated() {
    // RFC 7692 §7.1.2.1.
    for bits in ["15", "\"15\"", "\"1\\5\""] {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let headers = answer(&with(SEC_WEBSOCKET_EXTENSIONS, &[&offer]));
        assert_eq!(headers[SEC_WEBSOCKET_EXTENSIONS], format!("{PLAIN}; server_max_window_bits=15"));
    }
}

#[test]
fn an_offer_that_cannot_be_kept_is_declined_without_refusing_the_connection() {
    // RFC 7692 §7.1: unknown or repeated parameters, wrong values; §7.1.2.1: smaller windows.
    let params = [
        "server_max_window_bits=14",
        "server_max_window_bits=8",
        "server_max_window_bits",
        "server_max_window_bits=16",
        "server_max_window_bits=7",
        "server_max_window_bits=015",
        "server_max_window_bits=x",
        "server_max_window_bits=+15",
        "server_max_window_bits=99999999999",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=08",
        "client_max_window_bits=\"a\"",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "client_max_window_bits; client_max_window_bits=10",
        "server_max_window_bits=15; server_max_window_bits=15",
        "unknown",
        "unknown=1",
    ];
    for param in params {
        let offer = format!("permessage-deflate; {param}");
        let handshake = accept(&with(SEC_WEBSOCKET_EXTENSIONS, &[&offer])).expect("accepted");
        assert!(!handshake.deflate, "{param}");
        assert_eq!(handshake.headers().get(SEC_WEBSOCKET_EXTENSIONS), None);
    }
    for other in ["x-webkit-deflate-frame", "permessage-bzip2", "permessage-deflate2", ""] {
        assert!(!accept(&with(SEC_WEBSOCKET_EXTENSIONS, &[other])).expect("accepted").deflate);
    }
}

#[test]
fn a_header_that_is_no_list_of_extensions_is_refused() {
    // RFC 6455 §9.1.
    let malformed = [
        "permessage-deflate;",
        "permessage-deflate; =1",
        "; a",
        "permessage-deflate; a=",
        "a b",
        "permessage-deflate; a=\"",
        "permessage-deflate; a=\"\\",
        "permessage-deflate; a=\"b c\"",
        "permessage-deflate; a=\"\"",
        "permessage-deflate; a=b=c",
        "permessage-deflate, a/b",
        "é",
    ];
    for header in malformed {
        assert_refused(SEC_WEBSOCKET_EXTENSIONS, &[header], Refusal::ExtensionsInvalid);
    }
    let second = ["permessage-deflate", "a;"];
    assert_refused(SEC_WEBSOCKET_EXTENSIONS, &second, Refusal::ExtensionsInvalid);
}

#[test]
fn deflate_can_be_turned_off() {
    let terms = Terms { deflate: false, ..Terms::default() };
    let headers = with(SEC_WEBSOCKET_EXTENSIONS, &["permessage-deflate"]);
    let handshake = Handshake::accept(&Method::GET, Version::HTTP_11, &headers, terms);
    let handshake = handshake.expect("accepted");
    assert!(!handshake.deflate);
    assert_eq!(handshake.headers().get(SEC_WEBSOCKET_EXTENSIONS), None);
}
