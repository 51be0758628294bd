//! Connections in lots.

use tokio::net::TcpStream;

use crate::clients::Kind;
use crate::measure::{Measured, as_far_as_allowed};

/// Many, so that little of what is measured is what the allocator keeps of requests that are long answered: with 10,000 that
/// is up to 30 bytes each, and differs from run to run.
const CONNECTIONS: usize = 18_000;

/// The same of pings, each of which leaves a device behind.
const PINGS: usize = 10_000;

/// What the first connections of a process load and allocate is not theirs.
const WARM_UP: usize = 1_000;

/// Bytes of a connection, at most: 35 to 48 were seen.
const BUDGET: u64 = 64;

/// The same where the limit of open files does not let so many connect.
const BUDGET_OF_FEW: u64 = 256;

/// The same of a ping, with all that is kept of its device: its name, its folders, its row in the state. The last is the
/// database's: how much of its file it keeps in memory differs from run to run, 984 to 1,101 bytes in four of them.
const PING_BUDGET: u64 = 1400;

const LOTS: usize = 2;

/// Waits until that many connections of the kind wait in lots. The one that asks may be among those that wait for a request,
/// so its count may be one more.
async fn all_wait(measured: &Measured, kind: Kind, count: usize) {
    if kind == Kind::Ping {
        return measured.becomes("push_mail_pings_waiting", count..=count).await;
    }
    let (state, most) = if kind.subscribes() { ("parked", count) } else { ("waiting", count + 1) };
    measured.becomes(&format!("push_lot_connections{{state=\"{state}\"}}"), count..=most).await;
}

/// Opens connections until all wait, few at a time: nobody answers a poll at once, and what is measured is no crowd of
/// requests under way.
async fn fill(measured: &Measured, kind: Kind, count: usize) -> Vec<TcpStream> {
    const TOGETHER: usize = 50;
    let mut held = Vec::with_capacity(count);
    while held.len() < count {
        held.extend(kind.open_many(measured.server.addr(), TOGETHER.min(count - held.len())).await);
        if matches!(kind, Kind::Poll | Kind::Ping) {
            all_wait(measured, kind, held.len()).await;
        }
    }
    all_wait(measured, kind, count).await;
    held
}

async fn stays_within_the_budget(kind: Kind) {
    let count = as_far_as_allowed(CONNECTIONS);
    stays_within(kind, count, if count == CONNECTIONS { BUDGET } else { BUDGET_OF_FEW }).await;
}

async fn stays_within(kind: Kind, count: usize, budget: u64) {
    let measured = Measured::start(LOTS).await;
    drop(fill(&measured, kind, WARM_UP).await);
    all_wait(&measured, kind, 0).await;
    let before = measured.settled().await;
    let held = fill(&measured, kind, count).await;
    let open = measured.settled().await;
    drop(held);
    all_wait(&measured, kind, 0).await;
    let after = measured.settled().await;
    let each = open.saturating_sub(before) / count as u64;
    let [before, open, after] = [before, open, after].map(|bytes| bytes / 1024);
    println!("lots, {kind:?}: {each} bytes each; {before} KiB before {count}, {open} with them, {after} after");
    assert!(each <= budget, "{kind:?}: {each} bytes");
}

#[tokio::test]
async fn an_idle_websocket_stays_within_64_bytes() {
    stays_within_the_budget(Kind::Ws).await;
}

#[tokio::test]
async fn an_idle_event_stream_stays_within_64_bytes() {
    stays_within_the_budget(Kind::Sse).await;
}

#[tokio::test]
async fn a_parked_poll_stays_within_64_bytes() {
    stays_within_the_budget(Kind::Poll).await;
}

#[tokio::test]
async fn a_silent_connection_stays_within_64_bytes() {
    stays_within_the_budget(Kind::Silent).await;
}

#[tokio::test]
async fn a_connection_between_two_requests_stays_within_64_bytes() {
    stays_within_the_budget(Kind::KeptAlive).await;
}

#[tokio::test]
async fn a_device_that_waits_for_mail_stays_within_its_budget() {
    stays_within(Kind::Ping, as_far_as_allowed(PINGS), PING_BUDGET).await;
}

/// Every other one with a reset, the others in order.
fn close(held: Vec<TcpStream>) {
    for stream in held.into_iter().step_by(2) {
        stream.set_zero_linger().expect("an option of every socket");
    }
}

#[tokio::test]
async fn memory_comes_back_while_connections_come_and_go() {
    const TOGETHER: usize = 250;
    /// Rounds after which memory is where it is to stay: what the first thousands leave behind, the next use again.
    const FIRST: usize = 8 * Kind::ALL.len();
    /// What the allocator's fragments may take.
    const SLACK: u64 = 512 * 1024;
    let measured = Measured::start(LOTS).await;
    let addr = measured.server.addr();
    let total = if std::env::var_os("PUSH_TEST_LONG").is_some() { 100_000 } else { 25_000 };
    let mut base = None;
    for round in 0..total / TOGETHER {
        let kind = Kind::ALL[round % Kind::ALL.len()];
        close(kind.open_many(addr, TOGETHER).await);
        if round == FIRST {
            measured.becomes("push_connections", 1..=1).await;
            base = Some(measured.settled().await);
        }
    }
    measured.becomes("push_connections", 1..=1).await;
    let (base, end) = (base.expect("there were more rounds"), measured.settled().await);
    println!("{} KiB after {} connections, {} KiB after {total}", base / 1024, FIRST * TOGETHER, end / 1024);
    assert!(end <= base + SLACK, "{base} bytes at the beginning, {end} at the end");
}
