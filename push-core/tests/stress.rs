//! Real threads on real locks: what the searched interleavings promise, at full speed.
#![cfg(not(push_shuttle))]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use push_core::*;
use support::ledger::{Diary, Ledger};
use support::*;

const PUBLISHERS: usize = 4;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// How many publications each publisher makes.
fn rounds() -> usize {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { 200_000 } else { 3_000 }
}

fn publisher(hub: &Hub, ledger: &Ledger, ready: &Barrier, seed: usize) {
    const CHANNELS: [&str; 6] = ["a/1", "a/2", "a/3", "b", "c/d", "c/e"];
    ready.wait();
    let mut receipts = Vec::new();
    for n in 0..rounds() {
        receipts.push(publish(hub, CHANNELS[(n * 7 + seed * 3) % CHANNELS.len()], "some text"));
    }
    receipts.into_iter().for_each(|receipt| ledger.note(receipt));
}

/// Reads until everything was read, coming back with its cursor `reconnects` times.
fn reader(hub: &Hub, ready: &Barrier, selectors: &[&str], publications: usize, reconnects: usize) -> Diary {
    let through = (PUBLISHERS * rounds()) as u64;
    let budget = Budget { publications, ..Budget::default() };
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let (mut subscriber, start) = open(hub, selectors, Since::Start);
    // Who begins later does not hear of what was trimmed before: `start` is the oldest that there is.
    ready.wait();
    let selectors: Vec<_> = selectors.iter().map(|text| selector(text)).collect();
    let mut diary = Diary::new(&selectors, &start);
    let mut reads = 0;
    while subscriber.cursor().number < through {
        let batch = subscriber.read(budget, false);
        diary.note(&batch);
        reads += 1;
        if reads <= reconnects {
            subscriber = connect(hub);
            diary.start(&subscriber.open(&selectors, Since::Cursor(batch.cursor), None).expect("opened"));
        } else if !batch.more {
            while subscriber.cursor().number < through && subscriber.poll_moved(&mut cx).is_pending() {
                thread::park();
            }
        }
    }
    diary
}

/// Comes and goes, and moves time on, until told to stop.
fn guest(hub: &Hub, clock: &ManualClock, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let (mut guest, _) = open(hub, &["a/1", "c/*"], Since::Last(3));
        guest.read(Budget::default(), true);
        let (_, mut recovery) = guest.add(&selector("**"), Since::Last(10), None).expect("added");
        guest.recover(&mut recovery, Budget::default());
        guest.remove(&selector("a/1"));
        guest.read(Budget::default(), false);
        clock.advance(std::time::Duration::from_millis(1));
        hub.maintain();
    }
}

fn run(config: HubConfig) -> Vec<Diary> {
    let (hub, clock) = hub(config);
    let (ledger, stop) = (Ledger::default(), AtomicBool::new(false));
    let wishes: [(&[&str], usize, usize); 4] = [
        (&["**"], 256, 0),
        (&["a/*", "a/1", "b", "c/d", "c/e"], 3, 0),
        (&["*/*", "b"], 50, 1000),
        (&["**", "b"], 1000, 10),
    ];
    let ready = Barrier::new(wishes.len() + PUBLISHERS);
    let diaries = thread::scope(|scope| {
        let ready = &ready;
        let readers: Vec<_> = wishes
            .iter()
            .map(|(selectors, budget, reconnects)| scope.spawn(|| reader(&hub, ready, selectors, *budget, *reconnects)))
            .collect();
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|seed| {
                let (hub, ledger) = (&hub, &ledger);
                scope.spawn(move || publisher(hub, ledger, ready, seed))
            })
            .collect();
        let guest = scope.spawn(|| guest(&hub, &clock, &stop));
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        let diaries: Vec<_> = readers.into_iter().map(|reader| reader.join().expect("a reader")).collect();
        stop.store(true, Ordering::Relaxed);
        guest.join().expect("a guest");
        diaries
    });
    let through = (PUBLISHERS * rounds()) as u64;
    assert_eq!((hub.head().number, hub.connections()), (through, 0));
    diaries.iter().for_each(|diary| diary.check(&ledger, through));
    let stats = hub.stats();
    let held: usize = hub.channels("", "", 100).iter().map(|info| info.retained).sum();
    assert_eq!((stats.publications, stats.history_bytes), (held as u64, held as u64 * (256 + 9)));
    diaries
}

#[test]
fn with_room_for_everything_everybody_reads_everything_once_and_in_order() {
    let mut config = keeping_count(usize::MAX);
    config.namespaces[0].retention.bytes = u64::MAX;
    config.max_history_bytes = u64::MAX;
    assert!(run(config).iter().all(|diary| diary.gaps().is_empty()));
}

#[test]
fn with_room_for_little_everybody_is_told_exactly_what_was_lost() {
    let mut config = keeping_count(50);
    config.max_history_bytes = 200 * 265;
    run(config);
}
