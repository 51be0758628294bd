//! What stands between a wait and its client keeps its effect.

use axum::Router;
use axum::body::Body;
use axum::middleware::map_response;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, SET_COOKIE};
use http_body_util::BodyExt as _;

use crate::bells::{ORIGIN, Site, Under};
use crate::serving::{answer, get, goes_on, until};

under_every_server! {
    a_header_a_middleware_adds_is_in_the_answer,
    a_body_with_a_content_encoding_is_the_middlewares,
    a_status_a_middleware_sets_is_the_answers,
    an_answer_a_middleware_gives_instead_is_the_answer,
    a_page_of_a_listed_origin_may_read_the_answer_and_another_may_not_ask,
}

/// A site all of whose answers pass `change`.
fn changing(under: Under, change: impl Fn(&mut Response) + Clone + Send + Sync + 'static) -> Site {
    under.start_with(|app: Router| {
        app.layer(map_response(move |mut response: Response| {
            change(&mut response);
            std::future::ready(response)
        }))
    })
}

async fn a_header_a_middleware_adds_is_in_the_answer(under: Under) {
    let site = changing(under, |response| {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("a=1"));
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("b=2"));
        response.headers_mut().insert("x-colon", HeaderValue::from_static("a: b"));
    });
    let mut connection = site.waits("a", "").await;
    site.ring("a", "news");
    let answer = answer(&mut connection).await;
    let cookies = answer.head.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str());
    assert_eq!(cookies.collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(answer.header("x-colon"), Some("a: b"));
    assert_eq!((answer.header("content-type"), answer.text().as_str()), (Some("text/x-bell"), "news"));
}

async fn a_body_with_a_content_encoding_is_the_middlewares(under: Under) {
    let site = changing(under, |response| {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("x-upper"));
        response.headers_mut().remove(CONTENT_LENGTH);
        let body = std::mem::take(response.body_mut());
        let upper = |data: bytes::Bytes| bytes::Bytes::from(data.to_ascii_uppercase());
        *response.body_mut() = Body::new(body.map_frame(move |frame| frame.map_data(upper)));
    });
    let mut connection = site.connect().await;
    for (name, manner) in [("a", "/teapot"), ("b", "/teapot?0.2")] {
        let request = get(&format!("/bell/{name}{manner}"), "");
        connection.send_bytes(request.as_bytes()).await.expect("it is kept");
        if name == "a" {
            until("it waits", || site.with(name, |bell| bell.polls > 0)).await;
            site.ring("a", "news");
        }
        let answer = answer(&mut connection).await;
        let expected = if name == "a" { (418, "NEWS") } else { (200, "EXPIRED") };
        assert_eq!((answer.status(), answer.text().as_str()), expected);
        assert_eq!(answer.header("content-encoding"), Some("x-upper"));
    }
}

async fn a_status_a_middleware_sets_is_the_answers(under: Under) {
    let site = changing(under, |response| *response.status_mut() = StatusCode::ACCEPTED);
    let mut connection = site.sent(get("/bell/a", "")).await;
    until("it waits", || site.with("a", |bell| bell.polls > 0)).await;
    site.ring("a", "news");
    let answer = answer(&mut connection).await;
    assert_eq!((answer.status(), answer.text().as_str()), (202, "news"));
    assert_eq!(answer.header("content-type"), Some("text/x-bell"));
}

async fn an_answer_a_middleware_gives_instead_is_the_answer(under: Under) {
    let site = changing(under, |response| {
        if response.headers().get("content-type").is_none_or(|media| media != "application/json") {
            *response = Response::new(Body::from("instead"));
        }
    });
    let mut connection = site.sent(get("/bell/a?0.2", "")).await;
    assert_eq!(answer(&mut connection).await.text(), "instead");
    until("it was let go", || site.with("a", |bell| bell.dropped == 1)).await;
    goes_on(&mut connection).await;
}

// wire.md §7
async fn a_page_of_a_listed_origin_may_read_the_answer_and_another_may_not_ask(under: Under) {
    let site = under.start();
    let mut connection = site.sent(get("/bell/a", "Origin: https://evil.example\r\n")).await;
    let refused = answer(&mut connection).await;
    assert_eq!((refused.status(), refused.problem().as_str()), (403, "forbidden"));
    let from_page = format!("Origin: {ORIGIN}\r\nSec-Fetch-Site: cross-site\r\n");
    let asks = get("/bell/a", &format!("{from_page}Access-Control-Request-Method: POST\r\n"));
    connection.send_bytes(asks.replacen("GET", "OPTIONS", 1).as_bytes()).await.expect("it is kept");
    let preflight = answer(&mut connection).await;
    assert_eq!((preflight.status(), preflight.header("access-control-allow-origin")), (204, Some(ORIGIN)));
    assert_eq!(site.with("a", |bell| bell.polls), 0, "neither was asked on");
    connection.send_bytes(get("/bell/a", &from_page).as_bytes()).await.expect("it is kept");
    site.begun("a").await;
    site.ring("a", "news");
    let answered = answer(&mut connection).await;
    assert_eq!((answered.text().as_str(), answered.header("access-control-allow-origin")), ("news", Some(ORIGIN)));
    assert_eq!(answered.header("referrer-policy"), Some("no-referrer"));
}
