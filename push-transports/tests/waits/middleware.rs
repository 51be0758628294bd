//! What stands between a wait and its client keeps its effect.

use axum::Router;
use axum::body::Body;
use axum::middleware::map_response;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, SET_COOKIE};
use http_body_util::BodyExt as _;

use crate::bells::{Site, Under};
use crate::serving::{answer, goes_on};

under_every_server! {
    a_header_a_middleware_adds_is_in_the_answer,
    a_body_with_a_content_encoding_is_the_middlewares,
    a_status_a_middleware_sets_is_the_answers,
    an_answer_a_middleware_gives_instead_is_the_answer,
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
        let request = crate::serving::get(&format!("/bell/{name}{manner}"), "");
        connection.send_bytes(request.as_bytes()).await.expect("it is kept");
        if name == "a" {
            crate::serving::until("it waits", || site.with(name, |bell| bell.polls > 0)).await;
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
    let mut connection = site.sent(crate::serving::get("/bell/a", "")).await;
    crate::serving::until("it waits", || site.with("a", |bell| bell.polls > 0)).await;
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
    let mut connection = site.sent(crate::serving::get("/bell/a?0.2", "")).await;
    assert_eq!(answer(&mut connection).await.text(), "instead");
    crate::serving::until("it was let go", || site.with("a", |bell| bell.dropped == 1)).await;
    goes_on(&mut connection).await;
}
