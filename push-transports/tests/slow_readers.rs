//! Readers that stop under full publishing, beside many that do not: those who go on get everything in order and once, or
//! are told what they missed, as they asked; the others notice nothing.

#[path = "serving/paths.rs"]
#[macro_use]
mod paths;
mod serving;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use push_core::{Draft, Key, Namespace, Overflow, Pattern};
use serving::listener::{Form, Heard, Listener, payload};
use serving::{GUARD, Path, Plan, Server, get, long, until};
use testkit::Connection;
use tokio::task::JoinSet;
use tokio::time::timeout;

on_paths! {
    both:
    readers_that_stop_and_go_on_get_everything_once,
    readers_that_stop_are_told_exactly_what_they_missed,
    readers_that_stop_and_want_the_latest_get_the_newest_per_key,
    readers_that_stop_and_want_to_be_disconnected_are_told_3008,
    readers_that_never_go_on_are_closed_by_the_stall_limit,
}

/// Readers in all; every twentieth of them is slow.
const READERS: usize = 200;
/// Of one publication.
const LENGTH: usize = 1024;
/// Publications a reader that does not stop may be behind: less than any buffer holds, and less than is retained.
const WINDOW: u64 = 16;
/// Below the kernel's least it drains at a crawl.
const RECEIVE_BUFFER: u32 = 16 << 10;

fn plan(path: Path, retained: usize) -> Plan {
    let mut plan = path.plan();
    let mut namespace = Namespace::new(Pattern::parse("**").expect("a pattern"));
    namespace.retention.count = retained;
    namespace.retention.bytes = 1 << 30;
    plan.hub.namespaces.push(namespace);
    plan.serve.send_buffer = 32 << 10;
    plan.push.heartbeat = Duration::from_secs(3600);
    plan
}

/// How far each reader that does not stop has come.
type Progress = Arc<Vec<AtomicU64>>;

/// Reads 1 to `last` in order, and says how far it is. Still connected at the end.
async fn reads_all(mut listener: Listener, progress: Progress, at: usize, last: u64) -> Listener {
    for expected in 1..=last {
        match listener.next().await {
            Heard::Publication { channel, number } => assert_eq!((channel.as_str(), number), ("c", expected)),
            other => panic!("{other:?} before {expected}: {listener:?}"),
        }
        progress[at].store(expected, Ordering::Relaxed);
    }
    listener
}

/// Until it is time to go on. Without a guard: who publishes until then has one for each publication.
async fn let_go(go_on: &AtomicBool) {
    while !go_on.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Publishes up to `last`, as fast as those who do not stop can read.
async fn publish_all(server: &Server, progress: &Progress, last: u64) {
    for number in 1..=last {
        let key = Key::parse(if number % 2 == 0 { "even" } else { "odd" }).expect("a key");
        server.hub.publish("c", Draft::text(payload("c", number, LENGTH)).key(key)).await.expect("published");
        let waiting = async {
            while progress.iter().any(|heard| heard.load(Ordering::Relaxed) + WINDOW < number) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(GUARD, waiting).await.unwrap_or_else(|_| panic!("somebody does not hear: {progress:?}"));
    }
}

/// Opens the readers; those who do not stop begin at once, the others are returned.
async fn readers(server: &Server, policy: Overflow, last: u64) -> (JoinSet<Listener>, Progress, Vec<Listener>) {
    let policy = format!("{policy:?}").to_lowercase();
    let (mut tasks, mut fast, mut slow) = (JoinSet::new(), Vec::new(), Vec::new());
    for n in 0..READERS {
        let form = Form::ALL[n % 3];
        let query = format!("channel=c&overflow={policy}");
        let is_slow = n % 20 == 7;
        let listener = Listener::open(server.addr, form, &query, is_slow.then_some(RECEIVE_BUFFER)).await;
        if is_slow { slow.push(listener) } else { fast.push(listener) }
    }
    let progress: Progress = Arc::new(fast.iter().map(|_| AtomicU64::new(0)).collect());
    for (at, listener) in fast.into_iter().enumerate() {
        tasks.spawn(reads_all(listener, Arc::clone(&progress), at, last));
    }
    server.heard_by("c", READERS).await;
    (tasks, progress, slow)
}

/// Waits until each heard what it should; whoever drops what is returned disconnects them.
async fn joined(mut tasks: JoinSet<Listener>) -> Vec<Listener> {
    let mut listeners = Vec::new();
    while let Some(ended) = timeout(GUARD, tasks.join_next()).await.expect("all end") {
        listeners.push(ended.expect("it heard what it should"));
    }
    listeners
}

async fn readers_that_stop_and_go_on_get_everything_once(path: Path) {
    let last = long(1500);
    let server = plan(path, last as usize).start();
    let (mut tasks, progress, slow) = readers(&server, Overflow::Gap, last).await;
    let go_on = Arc::new(AtomicBool::new(false));
    for (n, mut listener) in slow.into_iter().enumerate() {
        let go_on = Arc::clone(&go_on);
        tasks.spawn(async move {
            let stop = 20 * n as u64;
            for expected in 1..=last {
                if expected > stop {
                    let_go(&go_on).await;
                }
                match listener.next().await {
                    Heard::Publication { number, .. } => assert_eq!(number, expected),
                    other => panic!("{other:?} before {expected}"),
                }
            }
            listener
        });
    }
    publish_all(&server, &progress, last * 3 / 4).await;
    go_on.store(true, Ordering::Relaxed);
    // They catch up while it goes on.
    for number in last * 3 / 4 + 1..=last {
        server.hub.publish("c", Draft::text(payload("c", number, LENGTH))).await.expect("published");
        tokio::task::yield_now().await;
    }
    drop(joined(tasks).await);
    server.emptied().await;
    assert_eq!(server.counters.stalled(), 0);
}

/// Slow readers stop at once and go on when all is published; what each heard, to its end or the last publication.
async fn stopped_under(path: Path, policy: Overflow) -> (u64, Vec<Vec<Heard>>) {
    let last = long(1000);
    let server = plan(path, 4 * WINDOW as usize).start();
    let (tasks, progress, slow) = readers(&server, policy, last).await;
    publish_all(&server, &progress, last).await;
    drop(joined(tasks).await);
    let reading = slow.into_iter().map(|mut listener| async move {
        let mut heard = Vec::new();
        loop {
            heard.push(listener.next().await);
            match heard.last().expect("just pushed") {
                Heard::End => return heard,
                Heard::Publication { number, .. } if *number == last => return heard,
                _ => {}
            }
        }
    });
    let all = futures_util::future::join_all(reading).await;
    server.emptied().await;
    (last, all)
}

async fn readers_that_stop_are_told_exactly_what_they_missed(path: Path) {
    let (last, all) = stopped_under(path, Overflow::Gap).await;
    for heard in all {
        let (mut next, mut gaps) = (1, 0);
        for heard in &heard {
            match heard {
                Heard::Publication { number, .. } => assert_eq!((*number, next), (next, *number)),
                Heard::Gap(gap) => {
                    assert_eq!((&gap["from"], &gap["outcome"]), (&next.into(), &"partial".into()), "{gap}");
                    gaps += 1;
                    next = gap["to"].as_u64().expect("known here");
                    assert_eq!(gap["missed"], next + 1 - gap["from"].as_u64().expect("known here"), "{gap}");
                }
                other => panic!("{other:?}"),
            }
            next += 1;
        }
        assert!(next == last + 1 && gaps > 0, "it stopped long enough to miss some: {heard:?}");
    }
}

async fn readers_that_stop_and_want_the_latest_get_the_newest_per_key(path: Path) {
    let (last, all) = stopped_under(path, Overflow::Latest).await;
    for heard in all {
        let numbers: Vec<u64> = heard
            .iter()
            .map(|heard| match heard {
                Heard::Publication { number, .. } => *number,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(numbers.is_sorted_by(|one, other| one < other), "{numbers:?}");
        assert!(numbers.len() < last as usize / 2, "most were skipped: {numbers:?}");
        assert!(numbers.ends_with(&[last - 1, last]), "the newest of both keys: {numbers:?}");
    }
}

async fn readers_that_stop_and_want_to_be_disconnected_are_told_3008(path: Path) {
    let (last, all) = stopped_under(path, Overflow::Disconnect).await;
    for mut heard in all {
        assert_eq!(heard.split_off(heard.len().saturating_sub(2)), [Heard::Close(3008), Heard::End]);
        assert!(heard.len() < last as usize);
        for (heard, expected) in heard.iter().zip(1..) {
            assert_eq!(*heard, Heard::Publication { channel: "c".into(), number: expected }, "whole and in order");
        }
    }
}

async fn readers_that_never_go_on_are_closed_by_the_stall_limit(path: Path) {
    let last = long(1000);
    let mut plan = plan(path, last as usize);
    // Long enough for a reader that a loaded machine lets wait.
    plan.serve.stall = Duration::from_secs(3);
    plan.push.stall = Duration::from_secs(3);
    let server = plan.start();
    server.hub.publish("big", Draft::new(vec![b'x'; 1 << 20])).await.expect("published");
    let (tasks, progress, slow) = readers(&server, Overflow::Gap, last).await;
    // An answer that nobody takes is no better than a stream.
    let mut deaf = Vec::new();
    for _ in 0..5 {
        let mut poll = Connection::open_with(server.addr, Some(RECEIVE_BUFFER)).await.expect("somebody listens");
        poll.send_bytes(get("/push/poll?channel=big&since=start", "").as_bytes()).await.expect("it reads");
        deaf.push(poll);
    }
    publish_all(&server, &progress, last).await;
    let fast = joined(tasks).await;
    until("only who takes nothing is closed", || server.counters.connections() == READERS - slow.len()).await;
    server.heard_by("c", READERS - slow.len()).await;
    drop((slow, deaf, fast));
    server.emptied().await;
}
