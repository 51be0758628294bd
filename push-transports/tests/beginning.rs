//! A server that begins: its lots are made one after the other, and the first accept while the next are still to come.
#![cfg(target_os = "linux")]

mod serving;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::get as on_get;
use push_transports::server::{ServeConfig, ServeCounters, bind, serve};
use serving::{GUARD, answer, get, soon};
use testkit::Connection;

/// Enough for a lot to give some of them to another.
const CROWD: usize = 100;

/// What a lot costs to make, in the extreme: nobody gets the second copy before the whole crowd is accepted.
struct Slow {
    app: Router,
    copies: Arc<AtomicUsize>,
    counters: ServeCounters,
}

impl Clone for Slow {
    fn clone(&self) -> Self {
        if self.copies.fetch_add(1, SeqCst) == 1 {
            let rounds = GUARD.as_millis();
            let is_there = (0..rounds).any(|_| {
                std::thread::sleep(Duration::from_millis(1));
                self.counters.accepted() == CROWD as u64
            });
            assert!(is_there, "the first lot does not accept");
        }
        Self { app: self.app.clone(), copies: Arc::clone(&self.copies), counters: self.counters.clone() }
    }
}

impl tower_service::Service<http::Request<hyper::body::Incoming>> for Slow {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = <Router as tower_service::Service<http::Request<hyper::body::Incoming>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<hyper::body::Incoming>) -> Self::Future {
        self.app.call(request)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_accepted_before_all_lots_have_begun_is_served() {
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("loopback can be bound");
    let addr = listener.local_addr().expect("it is bound");
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Connection::open(addr).await.expect("the backlog has room"));
    }
    let mut config = ServeConfig::default();
    config.lots = 2;
    let (copies, counters) = (Arc::default(), config.counters.clone());
    let app = Router::new().route("/", on_get(|| async { "hello" }));
    let service = Slow { app, copies: Arc::clone(&copies), counters: counters.clone() };
    let asking = async {
        // A request takes a copy as well.
        serving::until("both lots have begun", || copies.load(SeqCst) >= 2).await;
        for connection in &mut crowd {
            connection.send_bytes(get("/", "").as_bytes()).await.expect("it reads");
            assert_eq!(answer(connection).await.status(), 200);
        }
        assert_eq!(counters.connections(), CROWD);
    };
    // Not in a task of its own: the lots would wait in the queue of the thread that makes them.
    tokio::select! {
        _ = serve(listener, service, config, std::future::pending()) => unreachable!("nobody stops it"),
        () = soon("answers for all", asking) => {}
    }
}
