//! Descriptors are used again and again while hundreds of subscribers listen: thousands come to the same channels and leave
//! in every rude way there is, publishers publish all the time, and who stays gets every byte and no other.

#[path = "serving/paths.rs"]
#[macro_use]
mod paths;
mod serving;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use push_core::Draft;
use serving::listener::{Form, Heard, Listener, payload};
use serving::{GUARD, Path, Server, UPGRADE, get, long, masked, reset, until};
use testkit::{Connection, Options, Publish, Random, Subscriber, Transport};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

on_paths! {
    both:
    who_stays_hears_everything_while_thousands_come_and_go,
    a_crowd_that_leaves_at_once_leaves_nothing_behind,
}

/// Descriptors are counted for the whole process.
static ALONE: Mutex<()> = Mutex::const_new(());

const CHANNELS: [&str; 4] = ["a", "b", "x/1", "x/2"];
/// What subscribers ask for, and which of the channels that is.
const WISHES: [(&str, &[&str]); 5] = [
    ("channel=a", &["a"]),
    ("channel=a", &["a"]),
    ("channel=b&channel=a", &["a", "b"]),
    ("channel=x/*", &["x/1", "x/2"]),
    ("channel=b&channel=x/*", &["b", "x/1", "x/2"]),
];
const STAYING: usize = 400;
const POLLING: usize = 8;
const LENGTH: usize = 200;
/// Rounds of publications a subscriber that stays may be behind; well within what is retained.
const WINDOW: u64 = 50;
/// The number that says that no more comes.
const END: u64 = u64::MAX;

type Progress = Arc<Vec<AtomicU64>>;

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("it is Linux").count()
}

/// What a subscriber has heard: for each channel the newest number.
#[derive(Debug)]
struct Ledger(BTreeMap<&'static str, u64>);

impl Ledger {
    fn new(channels: &'static [&'static str]) -> Self {
        Self(channels.iter().map(|channel| (*channel, 0)).collect())
    }

    /// Takes the next; true once all channels have ended.
    fn hears(&mut self, channel: &str, number: u64) -> bool {
        let last = self.0.get_mut(channel).unwrap_or_else(|| panic!("{channel} was not asked for"));
        assert!(*last != END && (number == END || number == *last + 1), "{number} of {channel} after {last}");
        *last = number;
        self.0.values().all(|last| *last == END)
    }

    /// The round all its channels have reached.
    fn round(&self) -> u64 {
        self.0.values().copied().min().unwrap_or(END)
    }
}

async fn stays(mut listener: Listener, mut ledger: Ledger, progress: Progress, at: usize) {
    loop {
        match listener.next().await {
            Heard::Publication { channel, number } => {
                let is_over = ledger.hears(&channel, number);
                progress[at].store(ledger.round(), Ordering::Relaxed);
                if is_over {
                    return;
                }
            }
            other => panic!("{other:?} after {ledger:?}: {listener:?}"),
        }
    }
}

async fn polls(mut subscriber: Subscriber, mut ledger: Ledger, progress: Progress, at: usize) {
    loop {
        let publication = subscriber.publication().await;
        let Heard::Publication { channel, number } = serving::listener::publication(&publication.text()) else {
            unreachable!("it is one")
        };
        assert_eq!(publication.channel.as_deref(), Some(channel.as_str()));
        let is_over = ledger.hears(&channel, number);
        progress[at].store(ledger.round(), Ordering::Relaxed);
        if is_over {
            return;
        }
    }
}

/// Opens those who stay.
async fn staying(server: &Server) -> (JoinSet<()>, Progress) {
    let progress: Progress = Arc::new((0..STAYING + POLLING).map(|_| AtomicU64::new(0)).collect());
    let mut tasks = JoinSet::new();
    for at in 0..STAYING {
        let form = if at % 2 == 0 { Form::Ws } else { Form::Sse };
        let (query, channels) = WISHES[at / 2 % WISHES.len()];
        let listener = Listener::open(server.addr, form, query, None).await;
        tasks.spawn(stays(listener, Ledger::new(channels), Arc::clone(&progress), at));
    }
    for at in STAYING..STAYING + POLLING {
        let options = Options::channels(["a", "x/*"]);
        let subscriber = Subscriber::open(Transport::Poll, server.addr, &options).await;
        tasks.spawn(polls(subscriber, Ledger::new(&["a", "x/1", "x/2"]), Arc::clone(&progress), at));
    }
    (tasks, progress)
}

/// Publishes a round to every channel, half of them over HTTP, until those who churn have done; then the end.
async fn publish_until(server: &Server, progress: &Progress, done: &AtomicBool) {
    let mut connection = server.connect().await;
    let mut round = 0;
    while round != END {
        round = if done.load(Ordering::Relaxed) { END } else { round + 1 };
        for (n, channel) in CHANNELS.into_iter().enumerate() {
            let text = payload(channel, round, LENGTH);
            if n % 2 == 0 {
                server.hub.publish(channel, Draft::text(text)).await.expect("published");
            } else {
                let request = Publish::new(channel, text).media_type("text/plain").request();
                assert_eq!(connection.request(&request).await.expect("published").status(), 200);
            }
        }
        let behind = || progress.iter().any(|heard| heard.load(Ordering::Relaxed).saturating_add(WINDOW) < round);
        let waiting = async {
            while round != END && behind() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(GUARD, waiting).await.unwrap_or_else(|_| panic!("somebody does not hear: {progress:?}"));
    }
}

/// The ways to leave.
const WAYS: u64 = 12;

/// Comes, perhaps reads something, and leaves.
async fn passes_by(addr: std::net::SocketAddr, way: u64, query: &str, reads: usize) {
    let request = |route: &str, more: &str| get(&format!("/push/{route}?{query}"), more);
    let mut connection = Connection::open(addr).await.expect("somebody listens");
    let bytes = match way {
        0 => Vec::new(),
        1 => b"GET /push/sse?chan".to_vec(),
        2 | 3 => request("poll", "").into_bytes(),
        4 => [
            request("ws", UPGRADE).into_bytes(),
            masked(1, br#"{"op":"subscribe","channel":"b","seq":1}"#)[..20].to_vec(),
        ]
        .concat(),
        5 => {
            [request("ws", UPGRADE).into_bytes(), masked(1, br#"{"op":"subscribe","channel":"more","seq":1}"#)].concat()
        }
        6 => (request("poll", "") + &request("sse", "") + "GET /pu").into_bytes(),
        7 | 8 => request("stream", "").into_bytes(),
        9 => request("ws", UPGRADE).into_bytes(),
        _ => request("sse", "").into_bytes(),
    };
    connection.send_bytes(&bytes).await.expect("it reads");
    if matches!(way, 4 | 5 | 7..) {
        assert!(matches!(connection.head().await.expect("an answer").status, 101 | 200));
    }
    let (mut stream, _) = connection.into_parts();
    for _ in 0..if way > 3 { reads } else { 0 } {
        let mut some = [0; 700];
        // Polls may have nothing to say for a while.
        drop(timeout(Duration::from_millis(20), stream.read(&mut some)).await);
    }
    match way % 3 {
        0 => reset(stream),
        1 => {
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.expect("it is open");
            // What is still on its way to it is read to its end.
            let read = timeout(GUARD, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
            drop(read.expect("the server lets go"));
        }
        _ => drop(stream),
    }
}

async fn churn(server: &Server, workers: u64, each: u64, seed: u64) {
    let mut tasks = JoinSet::new();
    for worker in 0..workers {
        let addr = server.addr;
        tasks.spawn(async move {
            let mut random = Random::new(seed + worker);
            for n in 0..each {
                let (query, _) = WISHES[random.below(WISHES.len() as u64) as usize];
                passes_by(addr, (n + worker) % WAYS, query, random.below(4) as usize).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("each could come and go");
    }
}

async fn who_stays_hears_everything_while_thousands_come_and_go(path: Path) {
    let _alone = ALONE.lock().await;
    let mut plan = path.plan();
    plan.push.heartbeat = Duration::from_secs(3600);
    let server = plan.start();
    // What is opened once for all is open now.
    passes_by(server.addr, 0, "channel=a", 0).await;
    server.emptied().await;
    let before = open_descriptors();

    let (mut tasks, progress) = staying(&server).await;
    let done = AtomicBool::new(false);
    let churning = async {
        churn(&server, 12, long(250), 1).await;
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(churning, publish_until(&server, &progress, &done));
    while let Some(ended) = timeout(GUARD, tasks.join_next()).await.expect("all end") {
        ended.expect("it heard everything");
    }
    let rounds = server.hub.channels("a", "", 1)[0].offset;
    assert!(rounds > 10, "publishers did publish: {rounds}");
    server.emptied().await;
    until("all descriptors are closed", || open_descriptors() <= before).await;
    assert_eq!(server.counters.stalled(), 0);
}

async fn a_crowd_that_leaves_at_once_leaves_nothing_behind(path: Path) {
    let _alone = ALONE.lock().await;
    let server = path.start();
    passes_by(server.addr, 0, "channel=a", 0).await;
    server.emptied().await;
    let before = open_descriptors();
    for round in 0..long(3) {
        let mut crowd = Vec::new();
        for n in 0..600 {
            let route = ["sse", "stream", "ws", "poll", "mixed"][n % 5];
            let (query, _) = WISHES[n / 5 % WISHES.len()];
            let more = if route == "ws" { UPGRADE } else { "" };
            crowd.push(server.sent(get(&format!("/push/{route}?{query}"), more)).await);
        }
        until("all have come", || server.hub.connections() == 600).await;
        for n in 0..20 {
            server.publish("a", format!("round {round}, {n}")).await;
        }
        for (n, connection) in crowd.into_iter().enumerate() {
            if n % 2 == 0 {
                reset(connection.into_parts().0)
            } else {
                drop(connection)
            }
            if n % 50 == 0 {
                server.publish("x/1", "somebody leaves").await;
            }
        }
        server.emptied().await;
        until("all descriptors are closed", || open_descriptors() <= before).await;
    }
}
