//! All at once: the lot, its sessions, publishers, clients and operators, in every order that a model checker tries.
//!
//! ```sh
//! RUSTFLAGS="--cfg push_shuttle" cargo test -p push-transports --lib --target-dir target/shuttle trial::model
//! ```
//!
//! `PUSH_TEST_LONG=1` searches twenty times as long. Who waits for ever shows as a deadlock.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use push_core::{Ending, Overflow, Target};
use shuttle::future::{self, JoinHandle};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

use super::client::Client;
use super::pipe::ENDLESS;
use super::stage::Stage;
use super::{Kind, Letters, Wish, World, lock};
use crate::server::lot::inbox::{News, WaitWaker};

/// Tries `iterations` orders at random, and as many with few changes of the running task.
fn search(iterations: usize, scenario: impl Fn() + Send + Sync + Copy + 'static) {
    let factor = if std::env::var_os("PUSH_TEST_LONG").is_some() { 20 } else { 1 };
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    Runner::new(RandomScheduler::new(iterations * factor), config.clone()).run(scenario);
    for depth in [2, 4] {
        Runner::new(PctScheduler::new(depth, iterations * factor / 2), config.clone()).run(scenario);
    }
}

const STREAM: Wish = Wish {
    kind: Kind::Stream,
    channels: &["a"],
    overflow: Overflow::Gap,
    is_named: false,
    lasts: None,
    at_door: false,
};
const POLL: Wish = Wish { kind: Kind::Poll, ..STREAM };
const LISTENING: Wish = Wish { kind: Kind::Listening, ..STREAM };

/// How a client takes what it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taking {
    All,
    /// Its socket is full now and then.
    Parts,
}

/// A lot at work.
struct Scene {
    world: Arc<World>,
    is_over: Arc<AtomicBool>,
    lot: JoinHandle<()>,
    clients: Vec<JoinHandle<Client>>,
    /// Clients that have not left.
    present: Arc<AtomicUsize>,
}

impl Scene {
    fn new(kept: usize) -> Self {
        let world = World::new(kept);
        let stage = Stage::new(&world, 1, Box::new(|task| drop(future::spawn(task))));
        Self::of(&world, stage)
    }

    fn of(world: &Arc<World>, stage: Stage) -> Self {
        let (world, is_over) = (Arc::clone(world), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&is_over);
        let lot = future::spawn(stage.run(move || over.load(Ordering::SeqCst)));
        Self { world, is_over, lot, clients: Vec::new(), present: Arc::default() }
    }

    /// Publishes to `channels` in turn, in a thread of its own.
    fn publisher(&self, channels: &'static [&'static str]) -> thread::JoinHandle<()> {
        let world = Arc::clone(&self.world);
        thread::spawn(move || channels.iter().for_each(|channel| world.publish(channel)))
    }

    /// Lets ticks pass: silences are broken, and times are over.
    fn clock(&self, ticks: usize) -> thread::JoinHandle<()> {
        let world = Arc::clone(&self.world);
        thread::spawn(move || {
            for _ in 0..ticks {
                world.ticks.fetch_add(20, Ordering::SeqCst);
                world.inbox.nudge();
                thread::yield_now();
            }
        })
    }

    /// A client that stays until it was told everything up to `through`, or is ended.
    fn client(&mut self, wish: Wish, taking: Taking, may_end: bool, through: u64) {
        let (world, present) = (Arc::clone(&self.world), Arc::clone(&self.present));
        present.fetch_add(1, Ordering::SeqCst);
        self.clients.push(future::spawn(async move {
            let room = if taking == Taking::All { ENDLESS } else { thread_rng().gen_range(0..12) };
            let mut client = Client::connect(&world, wish, room);
            client.may_end |= may_end;
            if wish.kind == Kind::Listening {
                client.say(if thread_rng().gen_bool(0.5) { b'p' } else { b'o' });
            }
            poll_fn(|cx| live(&mut client, through, cx)).await;
            client.leave();
            present.fetch_sub(1, Ordering::SeqCst);
            client
        }));
    }

    /// Everybody was told everything, and nothing is left of anybody.
    fn finish(self, through: u64) {
        let clients: Vec<_> =
            self.clients.into_iter().map(|client| future::block_on(client).expect("a client")).collect();
        self.is_over.store(true, Ordering::SeqCst);
        self.world.inbox.nudge();
        future::block_on(self.lot).expect("a lot");
        assert_eq!(self.world.hub.head().number, through);
        for client in clients {
            client.check(if client.has_ended { client.told() } else { through });
        }
    }
}

/// What a client does whenever something has come.
fn live(client: &mut Client, through: u64, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        let is_starved = client.look(cx);
        if client.has_ended || (client.told() >= through && client.owed == 0) {
            return Poll::Ready(());
        }
        let has_asked = client.ask_again();
        if client.wish.kind == Kind::Listening && client.owed == 0 && thread_rng().gen_bool(0.5) {
            client.say(if thread_rng().gen_bool(0.3) { b'p' } else { b'o' });
        }
        if is_starved {
            client.make_room(thread_rng().gen_range(1..12));
        }
        if !has_asked && !is_starved {
            return Poll::Pending;
        }
    }
}

/// The steps: a publication is read before its publisher has told of it; when that is told there is nothing to read, and
/// another comes right then, whose publisher need not tell because what was told has not been looked at.
#[test]
fn what_comes_while_the_lot_looks_is_seen() {
    search(2000, || {
        let world = World::new(100);
        let sessions = Arc::new(Mutex::new(Vec::new()));
        let spawned = Arc::clone(&sessions);
        let mut stage = Stage::new(&world, 1, Box::new(move |task| lock(&spawned).push(task)));
        let mut client = Client::connect(&world, STREAM, ENDLESS);
        // Nothing happens at once until it is a member.
        stage.turn_now();
        let session = lock(&sessions).pop().expect("a session");
        future::block_on(session);
        stage.turn_now();
        world.publish("a");
        let mut scene = Scene::of(&world, stage);
        let publishers = [scene.publisher(&["a"]), scene.publisher(&["a"])];
        scene.clients.push(future::spawn(async move {
            poll_fn(|cx| live(&mut client, 3, cx)).await;
            client.leave();
            client
        }));
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        scene.finish(3);
    });
}

#[test]
fn streams_that_come_while_others_publish_are_told_everything_once() {
    search(150, || {
        let mut scene = Scene::new(100);
        let publishers = [scene.publisher(&["a", "a"]), scene.publisher(&["a"])];
        (0..4).for_each(|_| scene.client(STREAM, Taking::All, false, 3));
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        scene.finish(3);
    });
}

#[test]
fn who_comes_by_the_door_is_told_what_those_who_come_by_a_task_are() {
    search(150, || {
        let mut scene = Scene::new(100);
        let publishers = [scene.publisher(&["a", "a"]), scene.publisher(&["a"])];
        for wish in [STREAM, POLL, LISTENING] {
            scene.client(wish, Taking::All, false, 3);
            scene.client(Wish { at_door: true, ..wish }, Taking::All, false, 3);
            scene.client(Wish { at_door: true, ..wish }, Taking::Parts, false, 3);
        }
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        scene.finish(3);
    });
}

#[test]
fn streams_that_lag_read_on_alone_and_park_again() {
    search(100, || {
        let mut scene = Scene::new(100);
        let publishers = [scene.publisher(&["a", "a"]), scene.publisher(&["a", "a"])];
        scene.client(STREAM, Taking::All, false, 4);
        (0..2).for_each(|_| scene.client(STREAM, Taking::Parts, false, 4));
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        scene.finish(4);
    });
}

#[test]
fn who_falls_off_the_tail_is_told_or_ended() {
    search(100, || {
        let mut scene = Scene::new(1);
        let publishers = [scene.publisher(&["a", "a"]), scene.publisher(&["a", "a"])];
        (0..2).for_each(|_| scene.client(STREAM, Taking::Parts, false, 4));
        scene.client(Wish { overflow: Overflow::Disconnect, ..STREAM }, Taking::All, true, 4);
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        scene.finish(4);
    });
}

#[test]
fn polls_are_answered_and_ask_again() {
    search(100, || {
        let mut scene = Scene::new(100);
        let publishers = [scene.publisher(&["a", "a"]), scene.publisher(&["a"])];
        (0..2).for_each(|_| scene.client(POLL, Taking::All, false, 3));
        scene.client(POLL, Taking::Parts, false, 3);
        scene.client(Wish { lasts: Some(1), ..POLL }, Taking::All, false, 3);
        let clock = scene.clock(3);
        publishers.into_iter().chain([clock]).for_each(|thread| thread.join().expect("a thread"));
        scene.finish(3);
    });
}

#[test]
fn who_is_ended_hears_it_wherever_it_is() {
    search(150, || {
        let mut scene = Scene::new(100);
        let named = Wish { is_named: true, ..STREAM };
        let (world, present) = (Arc::clone(&scene.world), Arc::clone(&scene.present));
        let publisher = scene.publisher(&["a", "a"]);
        [named, STREAM, POLL].into_iter().for_each(|wish| scene.client(wish, Taking::Parts, true, u64::MAX));
        let operator = thread::spawn(move || {
            world.hub.disconnect(&Target::User("ann".into()), &Ending::disconnected());
            // Whoever comes later, or comes back, is ended later.
            while present.load(Ordering::SeqCst) > 0 {
                world.hub.disconnect_all(Ending::draining);
                thread::yield_now();
            }
        });
        [publisher, operator].into_iter().for_each(|thread| thread.join().expect("a thread"));
        scene.finish(2);
    });
}

#[test]
fn what_clients_say_is_answered_between_two_frames() {
    search(150, || {
        let mut scene = Scene::new(100);
        let publishers = [scene.publisher(&["a", "b"]), scene.publisher(&["a"])];
        let both = Wish { channels: &["a", "b"], ..LISTENING };
        scene.client(both, Taking::Parts, false, 3);
        (0..2).for_each(|_| scene.client(both, Taking::All, false, 3));
        let clock = scene.clock(3);
        publishers.into_iter().chain([clock]).for_each(|thread| thread.join().expect("a thread"));
        scene.finish(3);
    });
}

/// A wait's owner moves and calls; the lot looks when it was called. A call that is lost is waited for in vain.
#[test]
fn what_moves_while_a_wait_is_looked_at_is_seen() {
    const OWNERS: usize = 3;
    search(500, || {
        let inbox: Arc<Letters> = Arc::default();
        let caller = Arc::new(WaitWaker::new(Arc::clone(&inbox), 0));
        let moved = Arc::new(shuttle::sync::atomic::AtomicUsize::new(0));
        for _ in 0..OWNERS {
            let (waker, moved) = (Waker::from(Arc::clone(&caller)), Arc::clone(&moved));
            thread::spawn(move || {
                moved.fetch_add(1, Ordering::SeqCst);
                waker.wake_by_ref();
            });
        }
        let looks = future::block_on(async move {
            let (mut news, mut looks, mut seen) = (News::new(), 0, 0);
            poll_fn(move |cx| {
                while seen < OWNERS {
                    ready!(inbox.poll_take(cx, &mut news));
                    for called in news.called.drain(..) {
                        called.begin_look();
                        seen = moved.load(Ordering::SeqCst);
                        looks += 1;
                    }
                }
                Poll::Ready(looks)
            })
            .await
        });
        assert!((1..=OWNERS).contains(&looks), "{looks} looks for {OWNERS} calls");
    });
}
