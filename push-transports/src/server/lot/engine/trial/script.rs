//! Any script of what can happen, in one thread: finds most bugs in no time, and shrinks them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use proptest::prelude::*;
use push_core::{BoxFuture, Ending, Overflow, Target};

use super::client::Client;
use super::pipe::ENDLESS;
use super::stage::Stage;
use super::{Kind, Wish, World, lock};

/// More turns than any script takes to come to rest.
const RESTLESS: usize = 20_000;

#[derive(Debug, Clone)]
enum Step {
    Publish(usize),
    /// One turn of the lot.
    Turn,
    /// One task that was woken runs.
    Run(usize),
    Connect(Wish, usize),
    /// A poll that was answered asks again.
    Ask(usize),
    /// A client reads so many bytes.
    Room(usize, usize),
    /// A client stops reading.
    Fill(usize),
    /// A client sends a ping, or an operation.
    Say(usize, bool),
    Leave(usize),
    /// A client ends its direction, and reads on.
    Finish(usize),
    /// An operator ends all that have a name.
    End,
    /// An operator ends everybody.
    EndAll,
    /// Time passes.
    Ticks(u32),
}

const CHANNELS: [&str; 3] = ["a", "b", "c"];

fn wish() -> impl Strategy<Value = Wish> {
    let kind = prop_oneof![4 => Just(Kind::Stream), 2 => Just(Kind::Listening), 3 => Just(Kind::Poll)];
    let channels = prop_oneof![3 => Just(&["a"][..]), 1 => Just(&["a", "b"][..])];
    let overflow = prop_oneof![4 => Just(Overflow::Gap), 1 => Just(Overflow::Disconnect)];
    let lasts = prop_oneof![2 => Just(None), 1 => (1u32..60).prop_map(Some)];
    (kind, channels, overflow, prop::bool::weighted(0.2), lasts, any::<bool>()).prop_map(
        |(kind, channels, overflow, is_named, lasts, at_door)| Wish {
            kind,
            channels,
            overflow,
            is_named,
            lasts,
            at_door,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let client = || 0usize..12;
    prop_oneof![
        8 => (0..CHANNELS.len()).prop_map(Step::Publish),
        12 => Just(Step::Turn),
        8 => (0usize..8).prop_map(Step::Run),
        6 => (wish(), prop_oneof![3 => Just(ENDLESS), 1 => 0usize..20]).prop_map(|(wish, room)| Step::Connect(wish, room)),
        3 => client().prop_map(Step::Ask),
        3 => (client(), 1usize..20).prop_map(|(client, bytes)| Step::Room(client, bytes)),
        3 => client().prop_map(Step::Fill),
        4 => (client(), any::<bool>()).prop_map(|(client, is_ping)| Step::Say(client, is_ping)),
        1 => client().prop_map(Step::Leave),
        1 => client().prop_map(Step::Finish),
        1 => prop_oneof![3 => Just(Step::End), 1 => Just(Step::EndAll)],
        3 => (1u32..40).prop_map(Step::Ticks),
    ]
}

/// Whether a task was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A task, and whether it is its turn.
type Task = (BoxFuture<'static, ()>, Arc<Woken>);

/// A lot, its tasks and its clients.
struct Scene {
    world: Arc<World>,
    stage: Stage,
    spawned: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
    tasks: Vec<Task>,
    clients: Vec<Client>,
}

impl Scene {
    fn new(kept: usize, sends: usize) -> Self {
        let world = World::new(kept);
        let spawned = Arc::new(Mutex::new(Vec::new()));
        let queue = Arc::clone(&spawned);
        let stage = Stage::new(&world, sends, Box::new(move |task| lock(&queue).push(task)));
        Self { world, stage, spawned, tasks: Vec::new(), clients: Vec::new() }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish(channel) => self.world.publish(CHANNELS[channel]),
            Step::Turn => _ = self.turn(),
            Step::Run(index) => _ = self.run(index),
            Step::Connect(wish, room) => self.clients.push(Client::connect(&self.world, wish, room)),
            Step::Ask(client) => self.of(client, |client| _ = client.ask_again()),
            Step::Room(client, bytes) => self.of(client, |client| client.make_room(bytes)),
            Step::Fill(client) => self.of(client, |client| client.pipe.fill()),
            Step::Say(client, is_ping) => self.of(client, |client| {
                if client.wish.kind == Kind::Listening {
                    client.say(if is_ping { b'p' } else { b'o' });
                }
            }),
            Step::Leave(client) => self.of(client, Client::leave),
            Step::Finish(client) => self.of(client, Client::finish),
            Step::End => self.end(),
            Step::EndAll => self.end_all(),
            Step::Ticks(ticks) => _ = self.world.ticks.fetch_add(ticks, Ordering::SeqCst),
        }
        self.look();
    }

    /// Does something as a client that is still there.
    fn of(&mut self, client: usize, act: impl FnOnce(&mut Client)) {
        if let Some(client) = self.clients.get_mut(client).filter(|client| client.is_there()) {
            act(client);
        }
    }

    fn end(&mut self) {
        self.clients.iter_mut().filter(|client| client.wish.is_named).for_each(|client| client.may_end = true);
        self.world.hub.disconnect(&Target::User("ann".into()), &Ending::disconnected());
    }

    fn end_all(&mut self) {
        self.clients.iter_mut().for_each(|client| client.may_end = true);
        self.world.hub.disconnect_all(Ending::draining);
    }

    /// Whether there was anything to do.
    fn turn(&mut self) -> bool {
        let has_news = self.stage.turn_now();
        for task in lock(&self.spawned).drain(..) {
            self.tasks.push((task, Arc::new(Woken(AtomicBool::new(true)))));
        }
        has_news
    }

    /// Runs one of the tasks that were woken; false if there is none.
    fn run(&mut self, index: usize) -> bool {
        let woken = |(_, (_, woken)): &(usize, &Task)| woken.0.load(Ordering::SeqCst);
        let ready: Vec<usize> = self.tasks.iter().enumerate().filter(woken).map(|(index, _)| index).collect();
        let Some(&index) = ready.get(index % ready.len().max(1)) else { return false };
        let (task, woken) = &mut self.tasks[index];
        woken.0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(woken));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.tasks.swap_remove(index));
        }
        true
    }

    fn look(&mut self) {
        self.clients.iter_mut().for_each(|client| _ = client.look(&mut Context::from_waker(Waker::noop())));
    }

    /// Lets everything happen that is to happen.
    fn rest(&mut self) {
        for _ in 0..RESTLESS {
            for client in self.clients.iter_mut().filter(|client| !client.has_left) {
                client.make_room(ENDLESS);
                client.ask_again();
            }
            let has_turned = self.turn();
            let has_run = self.run(0);
            self.look();
            if has_turned || has_run || self.clients.iter().any(Client::may_ask) {
                continue;
            }
            if !self.clients.iter().any(Client::is_leaving) {
                return;
            }
            self.world.ticks.fetch_add(1, Ordering::SeqCst);
        }
        panic!("it never comes to rest");
    }

    /// Everybody was told everything, and waits without a task.
    fn check(&self) {
        let head = self.world.hub.head().number;
        let there = self.clients.iter().filter(|client| client.is_there()).count();
        assert_eq!(self.world.hub.connections(), there, "who is counted, and who is there");
        assert_eq!(self.tasks.len(), 0, "who is level and quiet parks");
        for client in &self.clients {
            assert!(client.owed == 0 || !client.is_there(), "not answered");
            client.check(if client.is_there() { head } else { client.told() });
        }
    }

    /// Everybody comes to rest, is ended, and leaves nothing behind.
    fn finish(mut self) {
        self.rest();
        self.check();
        let there = |client: &&Client| client.is_there();
        let nameless = self.clients.iter().filter(there).filter(|client| !client.wish.is_named).count();
        self.end();
        self.rest();
        assert_eq!(self.clients.iter().filter(there).count(), nameless, "who has a name is ended, and nobody else");
        self.end_all();
        self.rest();
        self.check();
        assert!(!self.clients.iter().any(Client::is_there), "all are ended");
        self.clients.iter_mut().for_each(Client::leave);
        self.rest();
        self.stage.check_empty();
    }
}

fn play(kept: usize, sends: usize, steps: impl IntoIterator<Item = Step>) {
    let mut scene = Scene::new(kept, sends);
    for step in steps {
        scene.step(step);
    }
    scene.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_is_told_everything_once_in_order_whatever_happens(
        kept in prop_oneof![2 => Just(100usize), 1 => 1usize..4],
        sends in 1usize..4,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        play(kept, sends, steps);
    }
}

/// `PUSH_TEST_LONG=1` plays fifty times as many scripts.
fn cases() -> u32 {
    if std::env::var_os("PUSH_TEST_LONG").is_some() { 100_000 } else { 2_000 }
}

/// The steps: an operator ends the only member of a group during a pass, and the one that waits to join as well. That is
/// refused, and the group was kept with nobody in it.
#[test]
fn a_group_whose_last_joiner_is_refused_leaves_nothing_behind() {
    let stream = Wish {
        kind: Kind::Stream,
        channels: &["a"],
        overflow: Overflow::Gap,
        is_named: true,
        lasts: None,
        at_door: false,
    };
    let listening = Wish { kind: Kind::Listening, is_named: false, ..stream };
    let before = [Step::Connect(listening, ENDLESS), Step::Connect(stream, ENDLESS), Step::Turn, Step::Run(1)];
    let meanwhile =
        [Step::Run(0), Step::Publish(0), Step::Publish(0), Step::Connect(stream, ENDLESS), Step::Publish(0)];
    let after = [Step::Turn, Step::Publish(0), Step::Run(0), Step::End];
    play(100, 1, before.into_iter().chain(meanwhile).chain(after));
}
