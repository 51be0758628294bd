//! One test for each attack that a web page elsewhere can mount, and for those who must notice nothing.

use super::*;

const NONE: &[&str] = &[];

fn open() -> AccessPolicy {
    AccessPolicy::new(NONE, NONE, true).expect("no entries")
}

fn closed(origins: &[&str], hosts: &[&str]) -> AccessPolicy {
    AccessPolicy::new(origins, hosts, false).expect("good entries")
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    headers
}

fn decide(policy: &AccessPolicy, method: Method, is_under_base: bool, pairs: &[(&'static str, &str)]) -> Decision {
    let headers = headers(pairs);
    policy.decide(&Asked { method: &method, authority: None, headers: &headers, is_under_base })
}

fn get(policy: &AccessPolicy, pairs: &[(&'static str, &str)]) -> Decision {
    decide(policy, Method::GET, true, pairs)
}

#[track_caller]
fn assert_plain(decision: &Decision) {
    assert_eq!(decision, &Decision::Allow { cors: None });
}

#[track_caller]
fn assert_refused(decision: &Decision, setting: &str) {
    let Decision::Refuse(problem) = decision else { panic!("not refused: {decision:?}") };
    assert_eq!(problem.status().as_u16(), 403);
    assert!(problem.detail().contains(&format!("'{setting}'")), "{problem}");
}

#[test]
fn curl_and_ordinary_clients_notice_nothing() {
    for host in ["127.0.0.1:8080", "localhost:8080", "LocalHost", "[::1]:8080", "127.0.0.53"] {
        assert_plain(&get(&open(), &[("host", host)]));
    }
    for host in ["push.example", "10.0.0.1:8080", "localhost"] {
        assert_plain(&get(&closed(&[], &[]), &[("host", host)]));
    }
    assert_plain(&get(&closed(&[], &[]), &[]));
}

#[test]
fn dns_rebinding_to_an_open_server_is_refused() {
    for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example:80"] {
        assert_refused(&get(&open(), &[("host", host)]), "hosts");
        // The page is of the same name, so its Origin is "own": only the Host gives it away.
        assert_refused(&get(&open(), &[("host", host), ("origin", &format!("http://{host}"))]), "hosts");
    }
}

#[test]
fn an_open_server_asked_as_0_0_0_0_refuses() {
    assert_refused(&get(&open(), &[("host", "0.0.0.0:8080")]), "hosts");
    assert_refused(&get(&open(), &[("host", "[::]:8080")]), "hosts");
}

#[test]
fn an_open_server_asked_without_a_host_refuses() {
    assert_refused(&get(&open(), &[]), "hosts");
    assert_refused(&get(&open(), &[("host", "")]), "hosts");
}

#[test]
fn an_open_server_takes_listed_hosts_too() {
    let policy = AccessPolicy::new(NONE, &["push.example", "[2001:db8::1]:9000"], true).expect("good entries");
    for host in ["push.example", "PUSH.example:8080", "[2001:db8:0::1]:9000", "localhost:1"] {
        assert_plain(&get(&policy, &[("host", host)]));
    }
    for host in ["other.example", "[2001:db8::1]:9001", "push.example.evil.example"] {
        assert_refused(&get(&policy, &[("host", host)]), "hosts");
    }
}

#[test]
fn dns_rebinding_past_configured_hosts_is_refused_with_tokens_too() {
    let policy = closed(&[], &["push.example"]);
    assert_plain(&get(&policy, &[("host", "push.example:8443")]));
    assert_plain(&get(&policy, &[("host", "127.0.0.1:8080")]));
    assert_refused(&get(&policy, &[("host", "evil.example")]), "hosts");
    assert_refused(&get(&policy, &[]), "hosts");
}

#[test]
fn two_hosts_that_fool_a_proxy_are_refused() {
    assert_refused(&get(&open(), &[("host", "localhost"), ("host", "evil.example")]), "hosts");
    assert_refused(&get(&open(), &[("host", "localhost"), ("host", "localhost")]), "hosts");
}

#[test]
fn a_host_with_userinfo_or_garbage_is_refused() {
    for host in ["localhost@evil.example", "evil.example:80@localhost", "localhost/evil", "localhost:x", "ü"] {
        assert_refused(&get(&open(), &[("host", host)]), "hosts");
    }
}

#[test]
fn a_target_authority_that_differs_from_the_host_is_refused() {
    let decide = |authority: &str, host: &str| {
        let authority: uri::Authority = authority.parse().expect("an authority");
        let headers = headers(&[("host", host)]);
        open().decide(&Asked {
            method: &Method::GET,
            authority: Some(&authority),
            headers: &headers,
            is_under_base: true,
        })
    };
    assert_refused(&decide("evil.example", "localhost"), "hosts");
    assert_refused(&decide("localhost", "evil.example"), "hosts");
    assert_refused(&decide("user@localhost", "localhost"), "hosts");
    assert_plain(&decide("localhost:80", "LOCALHOST"));
    assert_plain(&decide("localhost", ""));
}

#[test]
fn a_websocket_or_form_of_a_foreign_page_is_refused() {
    for origin in ["http://evil.example", "http://localhost:3000", "http://127.0.0.1:8080", "https://localhost:81"] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let pairs = [("host", "localhost:8080"), ("origin", origin)];
            assert_refused(&decide(&open(), method.clone(), true, &pairs), "origins");
            assert_refused(&decide(&open(), method, false, &pairs), "origins");
        }
    }
}

#[test]
fn the_own_page_passes_whatever_the_scheme_with_default_ports_alike() {
    let table = [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost:8080", "https://LOCALHOST:8080"),
        ("localhost", "http://localhost"),
        ("localhost:443", "https://localhost"),
        ("localhost:80", "https://localhost"),
        ("localhost", "http://localhost:443"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("[0:0::1]:8080", "http://[::1]:8080"),
    ];
    for (host, origin) in table {
        assert_plain(&get(&open(), &[("host", host), ("origin", origin)]));
    }
}

#[test]
fn an_origin_that_only_resembles_the_own_one_is_refused() {
    let origins = [
        "http://localhost:8080.evil.example",
        "http://localhost:80801",
        "http://localhost",
        "http://localhost:8080/",
        "http://localhost:8080/path",
        "http://user@localhost:8080",
        "http://evil.example#localhost:8080",
        "localhost:8080",
        "",
        "http://",
        "*",
        "http://localhost:8080, http://evil.example",
    ];
    for origin in origins {
        assert_refused(&get(&open(), &[("host", "localhost:8080"), ("origin", origin)]), "origins");
    }
}

#[test]
fn two_origins_are_refused() {
    let own = "http://localhost";
    assert_refused(&get(&open(), &[("host", "localhost"), ("origin", own), ("origin", own)]), "origins");
}

#[test]
fn sandboxed_frames_and_files_are_foreign_unless_null_is_listed() {
    let pairs = [("host", "localhost:8080"), ("origin", "null")];
    assert_refused(&get(&open(), &pairs), "origins");
    assert!(matches!(get(&closed(&["null"], &[]), &pairs), Decision::Allow { cors: Some(_) }));
}

#[test]
fn an_origin_without_a_host_is_foreign() {
    assert_refused(&get(&closed(&[], &[]), &[("origin", "http://push.example")]), "origins");
}

#[test]
fn an_image_or_script_of_another_site_is_refused_under_the_base_but_navigating_to_the_page_is_not() {
    let pairs = [("host", "localhost:8080"), ("sec-fetch-site", "cross-site")];
    assert_refused(&decide(&open(), Method::GET, true, &pairs), "origins");
    assert_plain(&decide(&open(), Method::GET, false, &pairs));
    for site in ["same-origin", "none", "same-site"] {
        assert_plain(&get(&open(), &[("host", "localhost:8080"), ("sec-fetch-site", site)]));
    }
    assert_refused(
        &get(&open(), &[("host", "localhost"), ("sec-fetch-site", "none"), ("sec-fetch-site", "Cross-Site")]),
        "origins",
    );
}

#[test]
fn a_cross_site_request_passes_with_a_listed_origin_only() {
    let policy = closed(&["https://app.example/"], &[]);
    let with = |origin| get(&policy, &[("host", "push.example"), ("origin", origin), ("sec-fetch-site", "cross-site")]);
    assert!(matches!(with("https://app.example"), Decision::Allow { cors: Some(_) }));
    assert_refused(&with("https://push.example"), "origins");
    assert_refused(&with("https://evil.example"), "origins");
}

#[test]
fn cors_echoes_a_listed_origin_with_credentials_and_never_a_star() {
    let policy = closed(&["https://App.example:443", "http://other.example:8080"], &[]);
    let Decision::Allow { cors: Some(cors) } =
        get(&policy, &[("host", "push.example"), ("origin", "https://app.example")])
    else {
        panic!("a listed origin is allowed");
    };
    let mut answer = HeaderMap::new();
    cors.apply(&mut answer);
    assert_eq!(answer["access-control-allow-origin"], "https://app.example");
    assert_eq!(answer["access-control-allow-credentials"], "true");
    let exposed = answer["access-control-expose-headers"].to_str().expect("ASCII");
    assert!(exposed.contains("Push-Cursor") && exposed.contains("Retry-After"));
    for foreign in ["http://app.example", "https://app.example:8443", "http://other.example", "https://x.app.example"] {
        assert_refused(&get(&policy, &[("host", "push.example"), ("origin", foreign)]), "origins");
    }
}

#[test]
fn without_listed_origins_there_are_no_cors_headers() {
    assert_plain(&get(&open(), &[("host", "localhost"), ("origin", "http://localhost")]));
}

#[test]
fn a_preflight_of_a_listed_origin_is_answered_and_of_any_other_refused() {
    let policy = closed(&["https://app.example"], &[]);
    let asked = |origin| {
        let pairs = [
            ("host", "push.example"),
            ("origin", origin),
            ("sec-fetch-site", "cross-site"),
            ("access-control-request-method", "POST"),
        ];
        decide(&policy, Method::OPTIONS, true, &pairs)
    };
    let Decision::Preflight(answer) = asked("https://app.example") else { panic!("a preflight") };
    assert_eq!(answer["access-control-allow-origin"], "https://app.example");
    assert_eq!(answer["access-control-allow-credentials"], "true");
    let allowed = answer["access-control-allow-headers"].to_str().expect("ASCII");
    for name in ["Authorization", "Content-Type", "Last-Event-ID", "Push-Event", "Push-Key", "Push-Id", "Push-Retain"] {
        assert!(allowed.split(", ").any(|have| have == name), "{name}");
    }
    let methods = answer["access-control-allow-methods"].to_str().expect("ASCII");
    assert!(methods.contains("DELETE") && methods.contains("POST"));
    assert_refused(&asked("https://evil.example"), "origins");
    assert_refused(&asked("null"), "origins");
}

#[test]
fn an_options_request_that_is_no_preflight_goes_on() {
    let policy = closed(&["https://app.example"], &[]);
    let decision =
        decide(&policy, Method::OPTIONS, true, &[("host", "push.example"), ("origin", "https://app.example")]);
    assert!(matches!(decision, Decision::Allow { cors: Some(_) }));
}

#[test]
fn settings_that_mean_nothing_are_named() {
    for origin in ["*", "app.example", "https://app.example/path", ""] {
        let error = AccessPolicy::new(&[origin], &[], false).expect_err(origin);
        assert!(error.to_string().contains("'origins'"), "{error}");
    }
    for host in ["https://push.example", "*", "a/b"] {
        let error = AccessPolicy::new(&[], &[host], false).expect_err(host);
        assert!(error.to_string().contains("'hosts'"), "{error}");
    }
}
