//! What a wait is answered, and that its connection is as good as new behind that.

use crate::bells::{Under, large};
use crate::serving::{answer, get, goes_on, soon, until};

under_every_server! {
    a_wait_is_answered_when_it_is_called_and_its_connection_goes_on,
    a_wait_that_is_ready_at_once_is_answered_at_once,
    a_wait_is_answered_when_its_time_is_over,
    what_comes_behind_the_first_look_is_not_missed,
    calls_that_race_with_the_request_are_not_missed,
    a_request_that_follows_in_one_piece_is_answered_behind_it,
    many_calls_at_once_are_one_answer,
    a_late_call_does_not_reach_the_next_wait_of_its_place,
    a_head_request_is_answered_without_a_body,
    an_old_client_is_answered_and_closed,
    an_answer_is_framed_as_its_status_asks,
    an_answer_larger_than_every_buffer_is_whole,
    a_body_that_was_read_is_no_obstacle,
    a_body_that_was_not_read_is_not_the_next_request,
}

async fn a_wait_is_answered_when_it_is_called_and_its_connection_goes_on(under: Under) {
    let site = under.start();
    let mut connection = site.connect().await;
    for round in 0..20 {
        let name = format!("n{round}");
        connection.send_bytes(get(&format!("/bell/{name}/teapot"), "").as_bytes()).await.expect("it is kept");
        if under.has_lots() {
            let counters = &site.server().expect("ours").counters;
            until("it is parked", || (counters.parked(), counters.busy()) == (1, 0)).await;
        } else {
            site.begun(&name).await;
        }
        site.ring(&name, "news");
        let answer = answer(&mut connection).await;
        assert_eq!((answer.status(), answer.text().as_str()), (418, "news"));
        assert_eq!(answer.header("content-type"), Some("text/x-bell"));
        assert_eq!(answer.header("content-length"), Some("4"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "what guards it adds");
        assert_eq!(site.with(&name, |bell| bell.dropped), 1, "its owner knows before its client");
    }
    goes_on(&mut connection).await;
}

async fn a_wait_that_is_ready_at_once_is_answered_at_once(under: Under) {
    let site = under.start();
    let mut connection = site.sent(get("/bell/a/ready", "")).await;
    assert_eq!(answer(&mut connection).await.text(), "ready");
    assert_eq!(site.with("a", |bell| (bell.polls, bell.dropped)), (1, 1));
    goes_on(&mut connection).await;
}

async fn a_wait_is_answered_when_its_time_is_over(under: Under) {
    let site = under.start();
    for target in ["/bell/a?0.3", "/bell/b?0"] {
        let mut connection = site.sent(get(target, "")).await;
        assert_eq!(answer(&mut connection).await.text(), "expired");
        goes_on(&mut connection).await;
    }
    assert_eq!(site.with("a", |bell| (bell.answers, bell.dropped)), (0, 1));
}

async fn what_comes_behind_the_first_look_is_not_missed(under: Under) {
    let site = under.start();
    let mut connection = site.sent(get("/bell/a/first", "")).await;
    assert_eq!(answer(&mut connection).await.text(), "behind the first look");
}

async fn calls_that_race_with_the_request_are_not_missed(under: Under) {
    let site = under.start();
    let mut connection = site.connect().await;
    for round in 0..300 {
        let name = format!("n{round}");
        let (bells, ringing) = ((*site).clone(), name.clone());
        let ringer = tokio::task::spawn_blocking(move || {
            // From long before the request is there to long after.
            (0..round * 37 % 4000).for_each(|_| std::hint::spin_loop());
            bells.ring(&ringing, "news");
        });
        connection.send_bytes(get(&format!("/bell/{name}"), "").as_bytes()).await.expect("it is kept");
        assert_eq!(answer(&mut connection).await.text(), "news");
        ringer.await.expect("no panic");
    }
}

async fn a_request_that_follows_in_one_piece_is_answered_behind_it(under: Under) {
    let site = under.start();
    let three = get("/bell/a", "") + &get("/bell/b", "") + &get("/push/history?channel=still", "");
    let mut connection = site.sent(three).await;
    site.begun("a").await;
    assert_eq!(site.with("b", |bell| bell.polls), 0, "one after the other");
    site.ring("a", "first");
    assert_eq!(answer(&mut connection).await.text(), "first");
    site.begun("b").await;
    // And one that comes while the other waits.
    connection.send_bytes(get("/push/history?channel=still", "").as_bytes()).await.expect("it is kept");
    site.ring("b", "second");
    assert_eq!(answer(&mut connection).await.text(), "second");
    for _ in 0..2 {
        assert_eq!(answer(&mut connection).await.json()["events"].to_string(), "[]");
    }
    goes_on(&mut connection).await;
}

async fn many_calls_at_once_are_one_answer(under: Under) {
    let site = under.start();
    let mut connection = site.waits("a", "").await;
    let waker = site.waker("a");
    let polls = site.with("a", |bell| bell.polls);
    let callers: Vec<_> = (0..10).map(|_| waker.clone()).collect();
    let calls = callers.into_iter().map(|waker| tokio::task::spawn_blocking(move || waker.wake()));
    futures_util::future::join_all(calls).await;
    goes_on(&mut site.connect().await).await;
    assert!(site.with("a", |bell| bell.polls) <= polls + 10, "no more looks than calls");
    (0..10).for_each(|_| waker.wake_by_ref());
    site.ring("a", "news");
    (0..10).for_each(|_| waker.wake_by_ref());
    assert_eq!(answer(&mut connection).await.text(), "news");
    goes_on(&mut connection).await;
    assert_eq!(site.with("a", |bell| (bell.answers, bell.dropped)), (1, 1));
}

// The place of a connection that is gone is used again.
async fn a_late_call_does_not_reach_the_next_wait_of_its_place(under: Under) {
    let site = under.start();
    for round in 0..10 {
        let (old, new) = (format!("old{round}"), format!("new{round}"));
        let connection = site.waits(&old, "").await;
        let late = site.waker(&old);
        drop(connection);
        until("it was let go", || site.with(&old, |bell| bell.dropped) == 1).await;
        let mut connection = site.waits(&new, "").await;
        let polls = site.with(&new, |bell| bell.polls);
        late.wake();
        // Requests that were handled after the call.
        for _ in 0..4 {
            goes_on(&mut site.connect().await).await;
        }
        assert_eq!(site.with(&new, |bell| bell.polls), polls);
        site.ring(&new, "news");
        assert_eq!(answer(&mut connection).await.text(), "news");
    }
}

async fn a_head_request_is_answered_without_a_body(under: Under) {
    let site = under.start();
    let mut connection = site.sent(get("/bell/a", "").replacen("GET", "HEAD", 1)).await;
    until("it waits", || site.with("a", |bell| bell.polls > 0)).await;
    site.ring("a", "news");
    let head = soon("a head", connection.head()).await.expect("an answer");
    assert_eq!((head.status, head.header("content-length")), (200, Some("4")));
    goes_on(&mut connection).await;
}

async fn an_old_client_is_answered_and_closed(under: Under) {
    let site = under.start();
    for (name, request) in [
        ("a", get("/bell/a", "").replacen("HTTP/1.1", "HTTP/1.0", 1)),
        ("b", get("/bell/b", "Connection: close\r\n")),
        ("c", get("/bell/c/closes", "")),
    ] {
        let mut connection = site.sent(request).await;
        until("it waits", || site.with(name, |bell| bell.polls > 0)).await;
        site.ring(name, "news");
        let answer = soon("an answer", connection.response()).await.expect("an answer");
        assert_eq!(answer.text(), "news");
        if name != "a" {
            assert_eq!(answer.header("connection"), Some("close"), "{name}");
        }
        assert!(connection.is_closed().await, "{name}");
    }
}

async fn an_answer_is_framed_as_its_status_asks(under: Under) {
    let site = under.start();
    let mut connection = site.connect().await;
    for (name, status, body) in [("nothing", 204, ""), ("no-status", 500, "news"), ("length", 200, "news")] {
        connection.send_bytes(get(&format!("/bell/{name}/{name}"), "").as_bytes()).await.expect("it is kept");
        site.begun(name).await;
        site.ring(name, "news");
        let answer = answer(&mut connection).await;
        assert_eq!((answer.status(), answer.text().as_str()), (status, body));
    }
    goes_on(&mut connection).await;
}

async fn an_answer_larger_than_every_buffer_is_whole(under: Under) {
    let site = under.start();
    let mut connection = site.waits("a", "/large").await;
    connection.send_bytes(get("/push/history?channel=still", "").as_bytes()).await.expect("it is kept");
    site.ring("a", "news");
    until("it is answered", || site.with("a", |bell| bell.dropped == 1)).await;
    assert!(answer(&mut connection).await.body == large(), "every byte");
    assert_eq!(answer(&mut connection).await.status(), 200);
    goes_on(&mut connection).await;
}

fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn a_body_that_was_read_is_no_obstacle(under: Under) {
    let site = under.start();
    let mut connection = site.sent(post("/bell/a", "GET /bell/smuggled HTTP/1.1\r\n\r\n")).await;
    site.begun("a").await;
    if under.has_lots() {
        let counters = &site.server().expect("ours").counters;
        until("it is parked", || (counters.parked(), counters.busy()) == (1, 0)).await;
    }
    site.ring("a", "news");
    assert_eq!(answer(&mut connection).await.text(), "news");
    goes_on(&mut connection).await;
    assert_eq!(site.with("smuggled", |bell| bell.polls), 0);
}

// RFC 9112 §9.3: what follows a body nobody reads is found behind it, or nothing more is read.
async fn a_body_that_was_not_read_is_not_the_next_request(under: Under) {
    let site = under.start();
    let request = post("/bell/a/unread", &get("/bell/smuggled", ""));
    let (head, body) = request.split_once("\r\n\r\n").expect("two parts");
    let mut connection = site.sent(format!("{head}\r\n\r\n")).await;
    until("it waits", || site.with("a", |bell| bell.polls > 0)).await;
    connection.send_bytes(body.as_bytes()).await.expect("it is kept");
    site.ring("a", "news");
    assert_eq!(answer(&mut connection).await.text(), "news");
    crate::serving::goes_on_or_is_closed(&mut connection).await;
    assert_eq!(site.with("smuggled", |bell| bell.polls), 0);
}
