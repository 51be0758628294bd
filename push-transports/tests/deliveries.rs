//! What one more delivery costs beside its send: nothing is allocated for it, and it is one send at most.
//!
//! The server runs on the thread that counts, with one lot; the subscribers' sockets hold all that they are sent until it
//! is looked at, so that nobody's reading is counted along.
#![cfg(target_os = "linux")]

mod serving;

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use serving::{GUARD, Path, Server, UPGRADE, get, read_until, until};
use testkit::Connection;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// Few enough for the sockets of those who do not read yet.
const MESSAGES: usize = 40;

const FEW: usize = 100;
const MANY: usize = 1000;

/// A server with so many subscribers, all parked.
async fn parked(request: &str, subscribers: usize) -> (Server, Vec<Connection>) {
    let mut plan = Path::OneLot.plan();
    plan.push.heartbeat = Duration::from_secs(3600); // a beat is a send as well
    let server = plan.start();
    let mut held = Vec::with_capacity(subscribers);
    for _ in 0..subscribers {
        let mut connection = server.sent(request).await;
        connection.head().await.expect("an answer");
        held.push(connection);
    }
    until("all are parked", || server.counters.parked() == subscribers).await;
    (server, held)
}

/// Publishes one message after another, each when the last one was delivered to all.
async fn publish_in_turn(server: &Server, subscribers: usize) {
    let before = server.counters.deliveries();
    let all = async {
        for number in 1..=MESSAGES {
            server.publish("news", "hello").await;
            while server.counters.deliveries() < before + (number * subscribers) as u64 {
                tokio::task::yield_now().await;
            }
        }
    };
    timeout(GUARD, all).await.expect("all is delivered");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// What publishing to so many subscribers allocates, after a first round that grows what grows once.
fn allocated(request: &str, subscribers: usize) -> AllocationInfo {
    let runtime = runtime();
    let (server, held) = runtime.block_on(parked(request, subscribers));
    runtime.block_on(publish_in_turn(&server, subscribers));
    let sends = server.counters.sends();
    let info = measure(|| runtime.block_on(publish_in_turn(&server, subscribers)));
    assert_eq!(server.counters.sends() - sends, (MESSAGES * subscribers) as u64, "one send for each delivery");
    assert_eq!((server.counters.blocked(), server.counters.parked()), (0, held.len()), "nobody was left to a task");
    println!(
        "{subscribers} subscribers, {MESSAGES} messages: {} allocations, {} bytes",
        info.count_total, info.bytes_total
    );
    info
}

#[test]
fn nothing_is_allocated_for_a_delivery() {
    for (target, more) in
        [("/push/ws?channel=news", UPGRADE), ("/push/sse?channel=news", ""), ("/push/stream?channel=news", "")]
    {
        let request = get(target, more);
        let (few, many) = (allocated(&request, FEW), allocated(&request, MANY));
        assert_eq!(few.count_total, many.count_total, "{target}");
        // Not to the byte: cursors differ in length.
        assert!(few.bytes_total.abs_diff(many.bytes_total) < (MESSAGES * 16) as u64, "{target}");
    }
}

#[test]
fn what_is_published_together_goes_out_with_one_send_to_each() {
    runtime().block_on(async {
        let (server, mut held) = parked(&get("/push/sse?channel=news", ""), FEW).await;
        for number in 1..=MESSAGES {
            server.publish("news", format!("hello {number}")).await;
        }
        for connection in &mut held {
            let last = format!("data: hello {MESSAGES}\n\n");
            assert_eq!(read_until(connection, &last).await.matches("data: hello").count(), MESSAGES);
        }
        // Publishing does not wait, and all is on one thread: the first pass finds all there is.
        until("all is counted", || server.counters.deliveries() == (MESSAGES * FEW) as u64).await;
        assert_eq!((server.counters.passes(), server.counters.sends()), (1, FEW as u64));
    });
}
