//! What ends a wait beside its answer, and that it takes nobody else with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use push_core::{Hub, HubConfig};
use push_transports::server::{bind, serve};
use push_transports::{Config, Push};
use testkit::Connection;

use crate::bells::{Bells, Site, Under, app};
use crate::serving::fragile::Fragile;
use crate::serving::{Path, answer, get, goes_on, reset, soon, until};

under_every_server! {
    a_client_that_leaves_ends_its_wait,
    a_wait_that_panics_ends_its_own_connection,
    a_wait_that_is_never_at_rest_does_not_keep_others_waiting,
}

async fn a_client_that_leaves_ends_its_wait(under: Under) {
    let site = under.start();
    drop(site.waits("a", "").await);
    until("it was let go", || site.with("a", |bell| bell.dropped == 1)).await;
    reset(site.waits("b", "").await.into_parts().0);
    until("it was let go", || site.with("b", |bell| bell.dropped == 1)).await;
    if under.has_lots() {
        // Also one that has sent more, which nobody reads. hyper looks no further then.
        let mut connection = site.waits("c", "").await;
        connection.send_bytes(get("/push/history?channel=still", "").as_bytes()).await.expect("it is kept");
        reset(connection.into_parts().0);
        until("it was let go", || site.with("c", |bell| bell.dropped == 1)).await;
    }
    assert_eq!(site.with("a", |bell| bell.answers), 0);
    if let Some(server) = site.server() {
        until("nobody is there", || (server.counters.connections(), server.counters.parked()) == (0, 0)).await;
    }
}

async fn a_wait_that_panics_ends_its_own_connection(under: Under) {
    let site = under.start();
    let mut other = site.waits("other", "").await;
    let mut connection = site.waits("a", "/panics").await;
    site.ring("a", "");
    assert!(connection.is_closed().await);
    assert_eq!(site.with("a", |bell| bell.dropped), 1);
    let mut connection = site.sent(get("/bell/b/panics-late?0.2", "")).await;
    assert!(connection.is_closed().await);
    if under.has_lots() {
        let mut connection = site.waits("c", "/panics-in-drop").await;
        site.ring("c", "news");
        assert_eq!(answer(&mut connection).await.text(), "news", "it had its answer");
        drop(site.waits("d", "/panics-in-drop").await);
        until("it was let go", || site.with("d", |bell| bell.dropped == 1)).await;
    }
    site.ring("other", "news");
    assert_eq!(answer(&mut other).await.text(), "news");
    goes_on(&mut other).await;
}

async fn a_wait_that_is_never_at_rest_does_not_keep_others_waiting(under: Under) {
    let site = under.start();
    let mut busy = Vec::new();
    for n in 0..4 {
        busy.push(site.waits(&format!("busy{n}"), "/busy").await);
    }
    for n in 0..10 {
        let name = format!("n{n}");
        let mut connection = site.waits(&name, "").await;
        site.ring(&name, "news");
        assert_eq!(answer(&mut connection).await.text(), "news");
        goes_on(&mut connection).await;
    }
    for (n, connection) in busy.iter_mut().enumerate() {
        site.ring(&format!("busy{n}"), "at last");
        assert_eq!(answer(connection).await.text(), "at last");
    }
}

on_paths! {
    every:
    waits_are_answered_when_the_server_goes_down,
    waits_that_come_while_the_server_goes_down_are_answered_at_once,
    dropping_the_server_lets_all_waits_go,
    a_client_that_ends_its_direction_gets_little_time,
}

fn stop(site: Site) -> impl Future<Output = push_transports::server::ServeSummary> {
    site.into_server().expect("ours").stopped()
}

async fn waits_are_answered_when_the_server_goes_down(path: Path) {
    let site = Under::Ours(path).start();
    let mut connections = Vec::new();
    for n in 0..300 {
        connections.push(site.waits(&format!("n{n}"), "").await);
    }
    let bells = (*site).clone();
    let reading = async {
        for connection in &mut connections {
            let answer = answer(connection).await;
            assert_eq!((answer.text().as_str(), answer.header("connection")), ("expired", Some("close")));
            assert!(connection.is_closed().await);
        }
    };
    let (summary, ()) = tokio::join!(stop(site), reading);
    assert_eq!(summary.cut, 0);
    assert!((0..300).all(|n| bells.with(&format!("n{n}"), |bell| bell.dropped) == 1));
}

async fn waits_that_come_while_the_server_goes_down_are_answered_at_once(path: Path) {
    let mut plan = path.plan();
    plan.serve.grace = Duration::from_secs(600);
    let site = Under::Ours(path).start_with_config(plan.serve);
    let mut connection = site.sent("GET /bell/a HTTP/1.1\r\n").await;
    let counters = site.server().expect("ours").counters.clone();
    until("it has begun", || counters.connections() == 1).await;
    goes_on(&mut site.connect().await).await;
    let (summary, ()) = tokio::join!(stop(site), async {
        tokio::task::yield_now().await;
        // A connection whose request had begun is answered, or was closed with the idle ones.
        if connection.send_bytes(b"Host: localhost\r\n\r\n").await.is_ok()
            && let Ok(answer) = connection.response().await
        {
            assert_eq!(answer.text(), "expired");
        }
        assert!(connection.is_closed().await);
    });
    assert_eq!(summary.cut, 0);
}

async fn dropping_the_server_lets_all_waits_go(path: Path) {
    let site = Under::Ours(path).start();
    let mut connections = Vec::new();
    for (name, manner) in [("a", ""), ("b", "/panics-in-drop")] {
        if manner.is_empty() || path.has_lots() {
            connections.push(site.waits(name, manner).await);
        }
    }
    let bells = (*site).clone();
    let counters = site.server().expect("ours").counters.clone();
    drop(site);
    for connection in &mut connections {
        connection.rest().await;
    }
    until("they were let go", || bells.with("a", |bell| bell.dropped == 1)).await;
    until("nothing is counted", || (counters.connections(), counters.parked()) == (0, 0)).await;
    bells.waker("a").wake();
}

// `ServeConfig::half_close`
async fn a_client_that_ends_its_direction_gets_little_time(path: Path) {
    let mut serve = path.plan().serve;
    serve.half_close = Duration::from_secs(60);
    let site = Under::Ours(path).start_with_config(serve);
    let mut connection = site.waits("a", "").await;
    connection.finish_writing().await.expect("open");
    goes_on(&mut site.connect().await).await;
    site.ring("a", "news");
    assert_eq!(answer(&mut connection).await.text(), "news");
    assert!(connection.is_closed().await);
    let site = Under::Ours(path).start(); // 50 ms
    let mut connection = site.waits("b", "").await;
    connection.finish_writing().await.expect("open");
    assert!(soon("the end", connection.is_closed()).await);
    assert_eq!(site.with("b", |bell| (bell.answers, bell.dropped)), (0, 1));
}

// A lot's failure closes its connections. Who waited is let go of; its late call is nobody's in the lot that follows.
#[tokio::test]
async fn waits_of_a_lot_that_fails_are_let_go_and_do_not_reach_the_next() {
    let (bells, fails) = (Bells::default(), Arc::new(AtomicBool::new(false)));
    let push = Push::new(Hub::new(HubConfig::default()), Config::default()).expect("valid settings");
    let app = Fragile(app(&push, &bells), Arc::clone(&fails));
    let config = Path::OneLot.plan().serve;
    let counters = config.counters.clone();
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
    let addr = listener.local_addr().expect("it is bound");
    tokio::spawn(serve(listener, app, config, std::future::pending()));
    let parked = async |name: &str| {
        let mut connection = Connection::open(addr).await.expect("somebody listens");
        connection.send_bytes(get(&format!("/bell/{name}"), "").as_bytes()).await.expect("it reads");
        until("it is parked", || bells.with(name, |bell| bell.polls == 2) && counters.parked() == 1).await;
        connection
    };
    let mut first = parked("first").await;
    let late = bells.waker("first");
    fails.store(true, SeqCst);
    let mut unlucky = Connection::open(addr).await.expect("somebody listens");
    let _ = unlucky.send_bytes(get("/push/history?channel=still", "").as_bytes()).await;
    unlucky.rest().await;
    first.rest().await;
    until("it was let go", || bells.with("first", |bell| bell.dropped) == 1).await;
    until("nothing is counted", || (counters.parked(), counters.connections()) == (0, 0)).await;
    let mut second = parked("second").await;
    late.wake();
    goes_on(&mut Connection::open(addr).await.expect("somebody listens")).await;
    assert_eq!(bells.with("second", |bell| bell.polls), 2);
    bells.ring("second", "news");
    assert_eq!(answer(&mut second).await.text(), "news");
}

#[tokio::test]
async fn many_waits_leave_nothing_behind() {
    let site = Under::Ours(Path::OneLot).start();
    for round in 0..3 {
        let mut connections: Vec<Connection> = Vec::new();
        for n in 0..300 {
            connections.push(site.waits(&format!("{round}-{n}"), "").await);
        }
        let counters = &site.server().expect("ours").counters;
        until("they are parked", || (counters.parked(), counters.busy()) == (300, 0)).await;
        for n in 0..150 {
            site.ring(&format!("{round}-{n}"), "news");
        }
        for connection in &mut connections[..150] {
            assert_eq!(answer(connection).await.text(), "news");
        }
        drop(connections);
        until("nobody is there", || (counters.connections(), counters.parked()) == (0, 0)).await;
        assert!((0..300).all(|n| site.with(&format!("{round}-{n}"), |bell| bell.dropped) == 1));
    }
}
