//! The server's end, with some of every kind of connection.

use std::time::Duration;

use testkit::Connection;

use crate::serving::{Path, Server, get, until};
use crate::{PARKED, ask};

on_paths! {
    every:
    a_drain_and_a_stop_end_all_in_order,
    what_does_not_end_by_itself_is_cut_at_grace,
    dropping_the_server_lets_everybody_go,
}

/// Some of every kind: parked, idle between requests, silent, and one in the middle of a head.
async fn some_of_every_kind(server: &Server) -> Vec<Connection> {
    let mut connections = Vec::new();
    for (target, more) in PARKED {
        for _ in 0..4 {
            connections.push(server.sent(get(target, more)).await);
        }
    }
    connections.push(server.connect().await);
    connections.push(idle_after_polls(server).await);
    connections.push(server.sent("GET /push/po").await);
    server.heard_by("c", 4 * PARKED.len()).await;
    until("all are there", || server.counters.connections() == connections.len()).await;
    connections
}

/// A connection that is idle after a poll.
async fn idle_after_polls(server: &Server) -> Connection {
    let mut connection = server.connect().await;
    for _ in 0..4 {
        assert_eq!(ask(&mut connection, "/push/poll?channel=apart&timeout=0").await.status(), 200);
    }
    connection
}

async fn a_drain_and_a_stop_end_all_in_order(path: Path) {
    let mut plan = path.plan();
    plan.serve.grace = Duration::from_secs(600);
    plan.serve.header_timeout = Duration::from_millis(300);
    plan.serve.linger = Duration::ZERO;
    let server = plan.start();
    let (hub, counters) = (server.hub.clone(), server.counters.clone());
    let connections = some_of_every_kind(&server).await;
    let reading = connections.into_iter().map(|mut connection| async move { connection.rest().await });
    let reading = futures_util::future::join_all(reading);
    assert_eq!(server.push.drain(Duration::ZERO), 4 * PARKED.len());
    let (seen, summary) = tokio::join!(reading, server.stopped());
    assert_eq!(summary.cut, 0);
    let told = seen.iter().filter(|seen| testkit::http::find(seen, b"draining").is_some()).count();
    assert_eq!(told, 4 * (PARKED.len() - 1), "all but mixed, which has no words for it");
    assert_eq!((hub.connections(), counters.connections()), (0, 0));
}

async fn what_does_not_end_by_itself_is_cut_at_grace(path: Path) {
    let mut plan = path.plan();
    plan.serve.grace = Duration::from_millis(100);
    let server = plan.start();
    let (hub, counters) = (server.hub.clone(), server.counters.clone());
    let connections = some_of_every_kind(&server).await;
    let cut = server.stopped().await.cut;
    assert!((4 * PARKED.len()..=4 * PARKED.len() + 1).contains(&cut), "the parked, perhaps the half of a head: {cut}");
    for mut connection in connections {
        connection.rest().await;
    }
    until("the hub is empty", || hub.connections() == 0).await;
    assert_eq!(counters.connections(), 0);
}

async fn dropping_the_server_lets_everybody_go(path: Path) {
    let server = path.start();
    let (hub, counters) = (server.hub.clone(), server.counters.clone());
    let connections = some_of_every_kind(&server).await;
    drop(server);
    for mut connection in connections {
        connection.rest().await;
    }
    until("the hub is empty", || hub.connections() == 0).await;
    until("nothing is counted", || counters.connections() == 0).await;
}
