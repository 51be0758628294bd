//! Requests that cannot be answered at once: who may do something takes its time, refuses, or panics.

use std::sync::Arc;
use std::time::Duration;

use push_core::{Authorizer, BoxFuture, Credentials, Identity, Unauthorized};
use testkit::Connection;
use tokio::sync::Semaphore;

use crate::doors::{Door, PASSED, publish, start_on};
use crate::serving::{Path, Plan, Server, answer, get, goes_on, reset, soon, until};

/// Does what its clients' tokens say.
#[derive(Debug)]
struct Moody(Arc<Semaphore>);

impl Authorizer for Moody {
    fn is_open(&self) -> bool {
        true
    }

    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        let Credentials::Bearer(token) = credentials else {
            return Box::pin(std::future::ready(Ok(Identity::default())));
        };
        Box::pin(async move {
            match token.as_str() {
                "wait" => self.0.acquire().await.expect("it stays open").forget(),
                "refuse" => return Err(Unauthorized("not you".into())),
                "panic" => panic!("an authorizer's own"),
                "wait-and-panic" => {
                    self.0.acquire().await.expect("it stays open").forget();
                    panic!("an authorizer's own, later");
                }
                _ => {}
            }
            Ok(Identity::default())
        })
    }

    fn authorize<'a>(
        &'a self,
        _: &'a Identity,
        _: push_core::Action,
        _: Option<&'a push_core::Selector>,
    ) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

fn moody(change: impl FnOnce(&mut Plan)) -> (Server, Arc<Semaphore>) {
    moody_on(Path::Lots, change)
}

fn moody_on(path: Path, change: impl FnOnce(&mut Plan)) -> (Server, Arc<Semaphore>) {
    let may = Arc::new(Semaphore::new(0));
    let authorizer = Arc::new(Moody(Arc::clone(&may)));
    let server = start_on(path, Door::Open, |plan| {
        plan.push.authorizer = authorizer;
        change(plan);
    });
    (server, may)
}

fn with(target: &str, token: &str) -> String {
    get(target, &format!("Authorization: Bearer {token}\r\n"))
}

async fn is_answered(connection: &mut Connection) {
    let told = answer(connection).await;
    assert_eq!((told.status(), told.header(PASSED)), (200, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_to_wait_is_answered_in_its_turn_while_others_are_served() {
    let (server, may) = moody(|_| {});
    let together = publish("a", "first")
        + &with("/push/history?channel=a", "wait")
        + &publish("a", "second")
        + &get("/push/history?channel=a", "");
    let mut connection = server.sent(together).await;
    is_answered(&mut connection).await;
    for _ in 0..3 {
        is_answered(&mut server.sent(get("/push/history?channel=b", "")).await).await;
    }
    until("only one waits", || server.counters.busy() == 1).await;
    may.add_permits(1);
    assert_eq!(answer(&mut connection).await.json()["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer(&mut connection).await.json()["offset"], 2);
    assert_eq!(answer(&mut connection).await.json()["events"].as_array().map(Vec::len), Some(2));
    goes_on(&mut connection).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_had_to_wait_begins_and_is_told() {
    let (server, may) = moody(|_| {});
    let mut poll = server.sent(with("/push/poll?channel=p&timeout=30", "wait")).await;
    let mut stream = server.sent(with("/push/sse?channel=s", "wait")).await;
    until("both wait", || server.counters.busy() == 2).await;
    may.add_permits(2);
    assert_eq!(server.wake(&mut poll, "p", "polled").await.json()["events"][0]["data"], "polled");
    goes_on(&mut poll).await;
    assert_eq!(crate::serving::head(&mut stream).await.status, 200);
    server.heard_by("s", 1).await;
    until("it is parked", || server.counters.parked() == 1).await;
    server.publish("s", "streamed").await;
    crate::serving::read_until(&mut stream, "streamed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_is_told_and_goes_on() {
    let (server, _) = moody(|_| {});
    let mut connection = server.sent(with("/push/history?channel=a", "refuse")).await;
    let told = answer(&mut connection).await;
    assert_eq!((told.status(), told.problem().as_str(), told.header(PASSED)), (401, "unauthorized", None));
    goes_on(&mut connection).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_its_connection_alone_and_loses_no_answer_before_it() {
    let (server, may) = moody(|_| {});
    let mut others = server.sent(get("/push/sse?channel=s", "")).await;
    server.heard_by("s", 1).await;
    for token in ["panic", "wait-and-panic"] {
        let mut connection = server.sent(publish("a", "done") + &with("/push/history?channel=a", token)).await;
        may.add_permits(1);
        is_answered(&mut connection).await;
        assert!(soon("the end", connection.is_closed()).await);
    }
    until("they are gone", || server.counters.connections() == 1).await;
    server.publish("s", "still").await;
    assert_eq!(crate::serving::head(&mut others).await.status, 200);
    crate::serving::read_until(&mut others, "still").await;
}

/// The steps: a request waits in its task, its client leaves, and the connection was kept until the wait was over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_while_its_request_waits_is_let_go() {
    let (server, _may) = moody(|_| {});
    let mut closed = server.sent(with("/push/history?channel=a", "wait")).await;
    let killed = server.sent(with("/push/history?channel=a", "wait")).await;
    until("both wait", || server.counters.busy() == 2).await;
    closed.finish_writing().await.expect("it is open");
    reset(killed.into_parts().0);
    server.emptied().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_what_waits_be_answered_and_says_that_it_was_the_last() {
    let (server, may) = moody_on(Path::OneLot, |_| {});
    let mut connection = server.sent(with("/push/history?channel=a", "wait")).await;
    until("it waits", || server.counters.busy() == 1).await;
    let idle = server.connect().await;
    until("another is there", || server.counters.connections() == 2).await;
    let counters = server.counters.clone();
    let stopped = tokio::spawn(server.stopped());
    until("the idle one is closed", || counters.connections() == 1).await;
    drop(idle);
    may.add_permits(1);
    let told = answer(&mut connection).await;
    assert_eq!((told.status(), told.header("connection")), (200, Some("close")));
    assert!(soon("the end", connection.is_closed()).await);
    assert_eq!(stopped.await.expect("it ends").cut, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_ever_is_cut_when_the_grace_is_over() {
    let (server, _may) = moody(|plan| plan.serve.grace = Duration::from_millis(100));
    let mut connection = server.sent(with("/push/history?channel=a", "wait")).await;
    until("it waits", || server.counters.busy() == 1).await;
    assert_eq!(server.stopped().await.cut, 1);
    assert!(soon("the end", connection.is_closed()).await);
}
