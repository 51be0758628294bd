//! The hub's interleavings, searched: appending against parking, channels and patterns that come to be and go.
//!
//! ```sh
//! RUSTFLAGS="--cfg push_shuttle" cargo test -p push-core --test shuttle --target-dir target/shuttle
//! ```
//!
//! `PUSH_TEST_LONG=1` searches twenty times as long. A lost wake-up shows as a deadlock: nobody unparks the reader.
#![cfg(push_shuttle)]

mod crowd;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use push_core::*;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::{self, JoinHandle, Thread};
use shuttle::{Config, Runner};
use support::ledger::{Diary, Ledger};
use support::*;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Tries `iterations` interleavings at random, and as many with few changes of the running thread.
fn search(iterations: usize, scenario: fn()) {
    let factor = if std::env::var_os("PUSH_TEST_LONG").is_some() { 20 } else { 1 };
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    Runner::new(RandomScheduler::new(iterations * factor), config.clone()).run(scenario);
    for depth in [2, 4] {
        Runner::new(PctScheduler::new(depth, iterations * factor / 2), config.clone()).run(scenario);
    }
}

/// The scene of all scenarios.
#[derive(Clone)]
struct Scene {
    hub: Hub,
    clock: Arc<ManualClock>,
    ledger: Arc<Ledger>,
}

impl Scene {
    fn new(config: HubConfig) -> Self {
        let (hub, clock) = hub(config);
        Self { hub, clock, ledger: Arc::default() }
    }

    /// Publishes to `channels` in turn, in a thread of its own.
    fn publisher(&self, channels: &'static [&'static str]) -> JoinHandle<()> {
        let scene = self.clone();
        thread::spawn(move || channels.iter().for_each(|channel| scene.ledger.note(publish(&scene.hub, channel, "x"))))
    }

    /// Subscribes now and reads until it has read up to `through`, parking in between.
    fn reader(&self, selectors: &'static [&'static str], budget: usize, through: u64) -> JoinHandle<Diary> {
        let scene = self.clone();
        thread::spawn(move || {
            let (mut subscriber, start) = open(&scene.hub, selectors, Since::Now);
            let selectors: Vec<_> = subscriber.selectors().cloned().collect();
            let mut diary = Diary::new(&selectors, &start);
            read_through(&mut subscriber, &mut diary, budget, through);
            diary
        })
    }

    /// Ends the scene: everybody was told everything.
    fn check(&self, publishers: Vec<JoinHandle<()>>, readers: Vec<JoinHandle<Diary>>, through: u64) -> Vec<Diary> {
        publishers.into_iter().for_each(|thread| thread.join().expect("a publisher"));
        let diaries: Vec<_> = readers.into_iter().map(|thread| thread.join().expect("a reader")).collect();
        assert_eq!(self.hub.head().number, through);
        diaries.iter().for_each(|diary| diary.check(&self.ledger, through));
        assert_eq!(self.hub.connections(), 0);
        diaries
    }
}

fn read_through(subscriber: &mut Subscriber, diary: &mut Diary, publications: usize, through: u64) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        let batch = subscriber.read(Budget { publications, ..Budget::default() }, false);
        diary.note(&batch);
        if subscriber.cursor().number >= through {
            return;
        }
        if !batch.more {
            while subscriber.poll_moved(&mut cx).is_pending() {
                thread::park();
            }
        }
    }
}

#[test]
fn what_is_numbered_after_the_start_is_read_exactly_once() {
    search(1500, || {
        let scene = Scene::new(HubConfig::default());
        let publishers = vec![scene.publisher(&["a/1", "b", "a/1"]), scene.publisher(&["a/2", "a/1", "b"])];
        let readers = vec![scene.reader(&["a/*", "a/1", "b"], 1, 6), scene.reader(&["**"], 100, 6)];
        let diaries = scene.check(publishers, readers, 6);
        assert!(diaries.iter().all(|diary| diary.gaps().is_empty()));
    });
}

#[test]
fn channels_and_patterns_that_come_to_be_at_once_find_each_other() {
    search(1500, || {
        let scene = Scene::new(HubConfig::default());
        let publishers = vec![scene.publisher(&["a/1", "a/2"]), scene.publisher(&["a/3"])];
        let readers = vec![scene.reader(&["a/*"], 100, 3), scene.reader(&["a/*"], 100, 3)];
        let diaries = scene.check(publishers, readers, 3);
        assert!(diaries.iter().all(|diary| diary.gaps().is_empty()));
    });
}

#[test]
fn who_comes_and_goes_takes_no_wake_up_from_who_stays() {
    search(800, || {
        let scene = Scene::new(HubConfig::default());
        let publishers = vec![scene.publisher(&["a", "a", "b"]), scene.publisher(&["b"])];
        let readers = vec![scene.reader(&["a", "*"], 100, 4)];
        let guest = {
            let hub = scene.hub.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    let (mut guest, _) = open(&hub, &["a"], Since::Now);
                    let (_, mut recovery) = guest.add(&selector("*"), Since::Start, None).expect("added");
                    guest.recover(&mut recovery, Budget::default());
                    guest.read(Budget::default(), false);
                    assert!(guest.remove(&selector("a")));
                }
            })
        };
        guest.join().expect("a guest");
        let diaries = scene.check(publishers, readers, 4);
        assert!(diaries[0].gaps().is_empty());
        let listed = scene.hub.channels("", "", 10);
        assert!(listed.iter().all(|info| info.subscribers == 0), "{listed:?}");
    });
}

#[test]
fn a_client_that_reconnects_while_the_tail_is_trimmed_is_told_every_loss() {
    search(1500, || {
        let scene = Scene::new(keeping_count(1));
        let publishers = vec![scene.publisher(&["a/1", "a/1", "a/2"]), scene.publisher(&["a/1", "a/2", "b"])];
        let reader = {
            let scene = scene.clone();
            thread::spawn(move || {
                let selectors = [selector("a/*"), selector("a/1"), selector("b")];
                let mut since = Since::Now;
                let mut diary: Option<Diary> = None;
                for _ in 0..3 {
                    let mut subscriber = connect(&scene.hub);
                    let start = subscriber.open(&selectors, since, None).expect("opened");
                    let diary = diary.get_or_insert_with(|| Diary::new(&selectors, &start));
                    diary.start(&start);
                    let batch = subscriber.read(Budget { publications: 1, ..Budget::default() }, false);
                    diary.note(&batch);
                    since = Since::Cursor(batch.cursor);
                }
                let mut diary = diary.expect("there was a connection");
                let mut subscriber = connect(&scene.hub);
                diary.start(&subscriber.open(&selectors, since, None).expect("opened"));
                read_through(&mut subscriber, &mut diary, 2, 6);
                diary
            })
        };
        scene.check(publishers, vec![reader], 6);
    });
}

#[test]
fn a_channel_forgotten_while_somebody_publishes_or_subscribes_is_lost_to_nobody_in_silence() {
    search(300, || {
        let mut config = keeping(Retention { age: Duration::from_millis(5), ..Retention::default() });
        config.idle = Duration::ZERO;
        let scene = Scene::new(config);
        let publishers = vec![scene.publisher(&["a/1", "a/1"]), scene.publisher(&["a/1", "a/2"])];
        let readers = vec![scene.reader(&["a/1", "a/2"], 100, 4), scene.reader(&["a/*"], 100, 4)];
        let maintenance = {
            let scene = scene.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    scene.clock.advance(Duration::from_millis(10));
                    (0..16).for_each(|_| scene.hub.maintain());
                }
            })
        };
        maintenance.join().expect("maintenance");
        scene.check(publishers, readers, 4);
        let mut offsets = std::collections::HashSet::new();
        for receipt in scene.ledger.entries().values() {
            assert!(offsets.insert((receipt.channel.clone(), receipt.offset)), "an offset was used twice: {receipt:?}");
        }
        scene.clock.advance(Duration::from_secs(1));
        (0..17).for_each(|_| scene.hub.maintain());
        let stats = scene.hub.stats();
        assert_eq!((stats.channels, stats.patterns, stats.publications, stats.history_bytes), (0, 0, 0, 0));
    });
}

#[test]
fn what_is_trimmed_while_a_cursor_is_looked_up_is_told() {
    search(1000, || {
        let scene = Scene::new(keeping_count(1));
        scene.publisher(&["a/1", "a/2", "a/1"]).join().expect("a publisher");
        let publishers = vec![scene.publisher(&["a/2"]), scene.publisher(&["b"])];
        let reader = {
            let hub = scene.hub.clone();
            thread::spawn(move || {
                let selectors = [selector("a/1"), selector("a/*"), selector("b")];
                let mut diary = Diary::since(&selectors, 0);
                let mut subscriber = connect(&hub);
                let since = Since::Cursor(Cursor::new(hub.head().epoch, 0));
                diary.start(&subscriber.open(&selectors, since, None).expect("opened"));
                read_through(&mut subscriber, &mut diary, 9, 5);
                diary
            })
        };
        scene.check(publishers, vec![reader], 5);
    });
}

/// The steps: two selectors match one channel; opening looks at it for the first, the tail is trimmed, it looks for the
/// second. What was trimmed in between was taken as told, and was not.
#[test]
fn what_is_trimmed_between_two_looks_at_one_channel_is_told() {
    search(1000, || {
        let scene = Scene::new(keeping_count(1));
        scene.publisher(&["a", "a"]).join().expect("a publisher");
        let publishers = vec![scene.publisher(&["a", "a"])];
        let reader = {
            let hub = scene.hub.clone();
            thread::spawn(move || {
                let selectors = [selector("a"), selector("*"), selector("**")];
                let mut diary = Diary::since(&selectors, 0);
                let mut subscriber = connect(&hub);
                let since = Since::Cursor(Cursor::new(hub.head().epoch, 0));
                diary.start(&subscriber.open(&selectors, since, None).expect("opened"));
                read_through(&mut subscriber, &mut diary, 9, 4);
                diary
            })
        };
        scene.check(publishers, vec![reader], 4);
    });
}

#[test]
fn who_subscribes_a_channel_that_is_being_forgotten_gets_the_one_made_anew() {
    search(1000, || {
        let mut config = HubConfig::default();
        config.idle = Duration::ZERO;
        let scene = Scene::new(config);
        drop(open(&scene.hub, &["a"], Since::Now));
        let readers = vec![scene.reader(&["a"], 9, 1)];
        (0..16).for_each(|_| scene.hub.maintain());
        let publishers = vec![scene.publisher(&["a"])];
        scene.check(publishers, readers, 1);
    });
}

#[test]
fn a_channel_forgotten_while_its_pattern_is_read_is_told() {
    search(1000, || {
        let mut config = keeping(Retention { age: Duration::from_millis(5), ..Retention::default() });
        config.idle = Duration::ZERO;
        let scene = Scene::new(config);
        let (mut subscriber, start) = open(&scene.hub, &["a/*"], Since::Now);
        let mut diary = Diary::new(&[selector("a/*")], &start);
        scene.publisher(&["a/1"]).join().expect("a publisher");
        scene.clock.advance(Duration::from_millis(10));
        let reader = thread::spawn(move || {
            diary.note(&subscriber.read(Budget::default(), false));
            diary
        });
        (0..16).for_each(|_| scene.hub.maintain());
        scene.check(vec![], vec![reader], 1);
    });
}

#[test]
fn sweeps_at_once_leave_a_pattern_that_is_subscribed_anew() {
    search(300, || {
        let mut config = HubConfig::default();
        config.idle = Duration::ZERO;
        let scene = Scene::new(config);
        drop(open(&scene.hub, &["a/*"], Since::Now));
        let sweeps: Vec<_> = (0..2)
            .map(|_| {
                let hub = scene.hub.clone();
                thread::spawn(move || hub.maintain())
            })
            .collect();
        let readers = vec![scene.reader(&["a/*"], 100, 1)];
        sweeps.into_iter().for_each(|sweep| sweep.join().expect("a sweep"));
        let publishers = vec![scene.publisher(&["a/1"])];
        scene.check(publishers, readers, 1);
    });
}

#[test]
fn the_ceiling_counts_right_whoever_trims() {
    search(800, || {
        let mut config = keeping_count(2);
        config.max_history_bytes = 3 * 257;
        let scene = Scene::new(config);
        let publishers =
            vec![scene.publisher(&["a", "b", "a"]), scene.publisher(&["a", "a", "c"]), scene.publisher(&["b", "c"])];
        let readers = vec![scene.reader(&["a", "*"], 100, 8)];
        scene.hub.forget_history(&channel("b"));
        scene.check(publishers, readers, 8);
        let stats = scene.hub.stats();
        let held: usize = scene.hub.channels("", "", 10).iter().map(|info| info.retained).sum();
        assert_eq!((stats.publications, stats.history_bytes), (held as u64, 257 * held as u64));
        assert!(held <= 3, "{held}");
    });
}
