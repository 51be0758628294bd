//! What stands between the handler and the client keeps its effect on the head; on the body where the answer says so.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, map_response};
use axum::response::Response;
use http::StatusCode;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, DATE, HeaderValue, SET_COOKIE, TRANSFER_ENCODING};
use http_body_util::BodyExt as _;
use push_core::Ending;
use testkit::http::Head;
use testkit::poll::Answer;

use crate::serving::{Path, Server, UPGRADE, answer, get, goes_on, head, read_until};

on_paths! {
    every:
    a_header_a_middleware_adds_is_in_every_head,
    a_header_value_that_is_no_text_comes_as_it_is,
    a_status_a_middleware_sets_is_in_every_head,
    a_body_with_a_content_encoding_is_the_middlewares,
    a_body_with_a_length_is_the_middlewares,
    a_body_that_is_wrapped_in_silence_is_whole_all_the_same,
    an_answer_a_middleware_gives_instead_is_the_answer,
    an_answer_that_may_have_no_content_has_none,
    a_date_and_a_framing_of_a_middleware_are_not_doubled,
    a_middleware_can_ask_for_the_connections_end,
}

const STREAMS: [&str; 4] =
    ["sse?channel=c", "stream?channel=c", "stream?channel=c&format=script", "mixed?channel=c&overflow=gap"];

/// A server all of whose answers pass `change`.
fn changing(path: Path, change: impl Fn(&mut Response) + Clone + Send + Sync + 'static) -> Server {
    path.plan().start_with(|app: Router| {
        app.layer(map_response(move |mut response: Response| {
            change(&mut response);
            std::future::ready(response)
        }))
    })
}

fn wrap_in_upper_case(response: &mut Response) {
    let body = std::mem::take(response.body_mut());
    let upper = |data: bytes::Bytes| bytes::Bytes::from(data.to_ascii_uppercase());
    *response.body_mut() = Body::new(body.map_frame(move |frame| frame.map_data(upper)));
}

fn is_told(head: &Head) -> bool {
    let cookies: Vec<&str> =
        head.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
    cookies == ["a=1", "b=2"] && head.header("x-accel-buffering").is_none()
}

async fn a_header_a_middleware_adds_is_in_every_head(path: Path) {
    let server = changing(path, |response| {
        for cookie in ["a=1", "b=2"] {
            response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        response.headers_mut().remove("x-accel-buffering");
    });
    let polls = ["poll?channel=c&timeout=0", "poll?channel=c&timeout=1", "poll?channel=c&timeout=1&format=raw"];
    for target in STREAMS.into_iter().chain(polls) {
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        let head = head(&mut connection).await;
        assert!(is_told(&head), "{target}: {head:?}");
    }
    let mut connection = server.sent(get("/push/ws?channel=c", UPGRADE)).await;
    let head = head(&mut connection).await;
    assert!(head.status == 101 && is_told(&head), "{head:?}");
}

// RFC 9110 §5.5: obs-text.
async fn a_header_value_that_is_no_text_comes_as_it_is(path: Path) {
    let server = changing(path, |response| {
        response.headers_mut().insert("x-bytes", HeaderValue::from_bytes(b"\xe9t\xe9").expect("obs-text"));
    });
    for (target, more) in [("sse?channel=c", ""), ("poll?channel=c&timeout=0", ""), ("ws", UPGRADE)] {
        let (mut stream, _) = server.sent(get(&format!("/push/{target}"), more)).await.into_parts();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            let read = tokio::io::AsyncReadExt::read_u8(&mut stream);
            seen.push(crate::serving::soon("a head", read).await.expect("bytes"));
        }
        assert!(testkit::http::find(&seen, b"x-bytes: \xe9t\xe9\r\n").is_some(), "{}", String::from_utf8_lossy(&seen));
    }
}

async fn a_status_a_middleware_sets_is_in_every_head(path: Path) {
    let server = changing(path, |response| {
        if response.status() == 200 {
            *response.status_mut() = StatusCode::from_u16(299).expect("a status");
        }
    });
    for target in STREAMS {
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        assert_eq!(head(&mut connection).await.status, 299, "{target}");
        server.heard_by("c", 1).await;
        server.publish("c", "news").await;
        read_until(&mut connection, "news").await;
        drop(connection);
        server.emptied().await;
    }
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=0", "")).await;
    assert_eq!(answer(&mut connection).await.status(), 299);
}

// A body that says how it is encoded was encoded by somebody, who has to see every byte.
async fn a_body_with_a_content_encoding_is_the_middlewares(path: Path) {
    let server = changing(path, |response| {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("x-upper"));
        response.headers_mut().remove(CONTENT_LENGTH);
        wrap_in_upper_case(response);
    });
    for target in STREAMS {
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        assert_eq!(head(&mut connection).await.header("content-encoding"), Some("x-upper"), "{target}");
        server.heard_by("c", 1).await;
        server.publish("c", "news").await;
        read_until(&mut connection, "NEWS").await;
        server.hub.disconnect_all(Ending::draining);
        let rest = connection.body().await.expect("it ends well");
        assert!(!rest.iter().any(u8::is_ascii_lowercase), "{target}: {:?}", String::from_utf8_lossy(&rest));
        drop(connection);
        server.emptied().await;
    }
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=30", "")).await;
    let response = server.wake(&mut connection, "c", "news").await;
    assert!(response.text().contains(r#""DATA":"NEWS""#), "{response:?}");
}

async fn a_body_with_a_length_is_the_middlewares(path: Path) {
    let server = changing(path, |response| {
        if response.headers().get("content-type").is_some_and(|media| media != "application/problem+json") {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
            *response.body_mut() = Body::from("fixed");
        }
    });
    let mut connection = server.connect().await;
    for target in STREAMS.into_iter().chain(["poll?channel=c&timeout=0", "poll?channel=c&timeout=1"]) {
        connection.send_bytes(get(&format!("/push/{target}"), "").as_bytes()).await.expect("it is kept");
        let response = answer(&mut connection).await;
        assert_eq!((response.status(), response.text().as_str()), (200, "fixed"), "{target}");
    }
    drop(connection);
    server.emptied().await;
}

// By tasks the wrapper sees the body. A lot goes past it, as documented, and then past all of it.
async fn a_body_that_is_wrapped_in_silence_is_whole_all_the_same(path: Path) {
    let server = changing(path, wrap_in_upper_case);
    for target in STREAMS {
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        head(&mut connection).await;
        server.heard_by("c", 1).await;
        let mut body = String::new();
        for n in 0..3 {
            server.publish("c", format!("NEWS-{n}")).await;
            body += &read_until(&mut connection, &format!("NEWS-{n}")).await;
        }
        server.hub.disconnect_all(Ending::draining);
        body += &String::from_utf8(connection.body().await.expect("it ends well")).expect("it is text");
        let is_upper = !body.contains(|c: char| c.is_ascii_lowercase());
        let is_lower = body.contains("draining") || target.starts_with("mixed");
        assert!(is_upper != is_lower || target.starts_with("mixed"), "{target}: {body:?}");
        assert!(path.has_lots() || is_upper, "{target}: {body:?}");
        drop(connection);
        server.emptied().await;
    }
}

async fn an_answer_a_middleware_gives_instead_is_the_answer(path: Path) {
    let server = path.plan().start_with(|app| {
        app.layer(from_fn(|request: Request, next: Next| async move {
            let is_publication = request.uri().path().ends_with("/history");
            let response = next.run(request).await;
            if is_publication { response } else { Response::new(Body::from("instead")) }
        }))
    });
    let mut connection = server.connect().await;
    for target in STREAMS.into_iter().chain(["poll?channel=c&timeout=0"]) {
        connection.send_bytes(get(&format!("/push/{target}"), "").as_bytes()).await.expect("it is kept");
        assert_eq!(answer(&mut connection).await.text(), "instead", "{target}");
        assert_eq!(server.hub.connections(), 0, "{target}: the session went with its answer");
    }
    goes_on(&mut connection).await;
}

// RFC 9110 §15.3.5, §15.4.5, RFC 9112 §6.3: neither has a body, whatever is said of it.
async fn an_answer_that_may_have_no_content_has_none(path: Path) {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let server = changing(path, move |response| {
            if response.headers().get("content-type").is_none_or(|media| media != "application/json") {
                *response.status_mut() = status;
            }
        });
        let mut connection = server.connect().await;
        for target in STREAMS {
            connection.send_bytes(get(&format!("/push/{target}"), "").as_bytes()).await.expect("it is kept");
            let head = connection.head().await.expect("an answer");
            assert_eq!((head.status, head.header("transfer-encoding")), (status.as_u16(), None), "{target}");
            goes_on(&mut connection).await;
            assert_eq!(server.hub.connections(), 0, "{target}");
        }
    }
}

async fn a_date_and_a_framing_of_a_middleware_are_not_doubled(path: Path) {
    const DAY: &str = "Thu, 01 Jan 1970 00:00:00 GMT";
    let server = changing(path, |response| {
        response.headers_mut().insert(DATE, HeaderValue::from_static(DAY));
        if !response.headers().contains_key(CONTENT_LENGTH) {
            response.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    });
    for target in STREAMS {
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        let head = head(&mut connection).await;
        assert_eq!((head.header("date"), head.header("transfer-encoding")), (Some(DAY), Some("chunked")), "{head:?}");
        server.heard_by("c", 1).await;
        server.publish("c", "news").await;
        read_until(&mut connection, "news").await;
        drop(connection);
        server.emptied().await;
    }
    let mut connection = server.sent(get("/push/poll?channel=c&timeout=0", "")).await;
    assert_eq!(answer(&mut connection).await.header("date"), Some(DAY));
}

async fn a_middleware_can_ask_for_the_connections_end(path: Path) {
    let server = changing(path, |response| {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    });
    for target in STREAMS {
        let mut connection = server.sent(get(&format!("/push/{target}"), "")).await;
        assert_eq!(head(&mut connection).await.header("connection"), Some("close"), "{target}");
        server.heard_by("c", 1).await;
        server.hub.disconnect_all(Ending::draining);
        connection.body().await.expect("it ends well");
        assert!(connection.is_closed().await, "{target}");
    }
    let mut connection = server.sent(get("/push/poll?channel=c", "")).await;
    let response = server.wake(&mut connection, "c", "news").await;
    assert_eq!(Answer::from_response(&response).events[0].text(), "news");
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.is_closed().await);
}
