//! Clients that leave, in one way or another.

use std::time::Duration;

use testkit::poll::Answer;

use crate::PARKED;
use crate::serving::{self, Path, answer, get, until};

on_paths! {
    every:
    who_asks_and_ends_its_direction_is_answered,
    a_parked_client_that_ends_its_direction_is_let_go,
    a_client_that_leaves_while_parked_frees_its_place,
    a_client_that_leaves_unread_requests_behind_frees_its_place,
    a_client_that_resets_frees_its_place,
}

async fn who_asks_and_ends_its_direction_is_answered(path: Path) {
    let mut plan = path.plan();
    plan.serve.half_close = Duration::from_secs(600);
    let server = plan.start();
    server.publish("c", "kept").await;
    let mut connection = server.sent(get("/push/poll?channel=c&last=1&timeout=0", "")).await;
    connection.finish_writing().await.expect("it is open");
    assert_eq!(Answer::from_response(&answer(&mut connection).await).events[0].text(), "kept");
    assert!(connection.is_closed().await);
    // Parked, it is still answered as long as it may be somebody who only has no more to say.
    let mut connection = server.sent(get("/push/poll?channel=c", "")).await;
    connection.finish_writing().await.expect("it is open");
    let response = server.wake(&mut connection, "c", "news").await;
    assert_eq!(Answer::from_response(&response).events[0].text(), "news");
    assert!(connection.is_closed().await);
    drop(connection);
    server.emptied().await;
}

async fn a_parked_client_that_ends_its_direction_is_let_go(path: Path) {
    let server = path.start();
    for (target, more) in PARKED {
        let mut connection = server.sent(get(target, more)).await;
        server.heard_by("c", 1).await;
        connection.finish_writing().await.expect("it is open");
        until("its place is free", || server.hub.connections() == 0).await;
        connection.rest().await;
        drop(connection);
        server.emptied().await;
    }
}

async fn a_client_that_leaves_while_parked_frees_its_place(path: Path) {
    let server = path.start();
    let mut connections = Vec::new();
    for _ in 0..20 {
        for (target, more) in PARKED {
            connections.push(server.sent(get(target, more)).await);
        }
    }
    server.heard_by("c", connections.len()).await;
    drop(connections);
    server.emptied().await;
}

async fn a_client_that_leaves_unread_requests_behind_frees_its_place(path: Path) {
    let server = path.start();
    for _ in 0..5 {
        let two = get("/push/poll?channel=c", "") + &get("/push/poll?channel=d", "");
        let connection = server.sent(two).await;
        server.heard_by("c", 1).await;
        drop(connection);
        if !path.has_lots() {
            // hyper does not look at the socket while a next request waits in its buffer.
            server.publish("c", "news").await;
        }
        server.emptied().await;
    }
}

async fn a_client_that_resets_frees_its_place(path: Path) {
    let server = path.start();
    for (target, more) in PARKED {
        let mut connections = Vec::new();
        for _ in 0..10 {
            connections.push(server.sent(get(target, more)).await);
        }
        server.heard_by("c", 10).await;
        for connection in connections {
            serving::reset(connection.into_parts().0);
        }
        server.emptied().await;
    }
}
