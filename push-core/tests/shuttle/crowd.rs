//! Crowds against publishers and operators: who joins, leaves and goes its own way meanwhile.

use std::task::Poll;

use super::*;

/// One connection and what it was given.
struct Member {
    seat: Seat,
    diary: Diary,
}

/// A crowd with its members, in one task.
struct Lot {
    scene: Scene,
    selectors: &'static [&'static str],
    budget: Budget,
    crowd: Crowd,
    members: Vec<Member>,
}

impl Lot {
    fn new(scene: &Scene, selectors: &'static [&'static str], publications: usize) -> Self {
        let (first, diary) = newcomer(scene, selectors);
        let (crowd, seat) = Crowd::of(first).expect("settled");
        let budget = Budget { publications, ..Budget::default() };
        Self { scene: scene.clone(), selectors, budget, crowd, members: vec![Member { seat, diary }] }
    }

    /// One batch for all.
    fn read(&mut self) -> Batch {
        let batch = self.crowd.read(self.budget);
        self.members.iter_mut().for_each(|member| member.diary.note(&batch));
        batch
    }

    /// Lets a connection catch up, and takes it in.
    fn admit(&mut self, mut subscriber: Subscriber, mut diary: Diary) {
        loop {
            diary.note(&subscriber.read_through(self.crowd.position(), self.budget, false));
            match self.crowd.join(subscriber) {
                Ok(seat) => return self.members.push(Member { seat, diary }),
                Err(back) => subscriber = *back,
            }
            self.read();
        }
    }

    fn admit_newcomer(&mut self) {
        let (subscriber, diary) = newcomer(&self.scene, self.selectors);
        self.admit(subscriber, diary);
    }

    fn read_through(&mut self, through: u64) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        loop {
            let batch = self.read();
            if self.crowd.position() >= through {
                return;
            }
            if !batch.more {
                while self.crowd.poll_moved(&mut cx).is_pending() {
                    thread::park();
                }
            }
        }
    }

    /// Reads a batch of which the first member gets its share, and goes on reading in a thread of its own.
    fn read_and_split(&mut self, share: fn(&[Arc<Publication>]) -> Given<'_>, through: u64) -> JoinHandle<Diary> {
        let Member { seat, mut diary } = self.members.remove(0);
        let batch = self.read();
        let given = share(&batch.publications);
        let own = match given {
            Given::All => Some(batch.clone()),
            Given::Part(part) => {
                let number = part.last().map_or(diary.last(), |last| last.number());
                let cursor = Cursor::new(batch.cursor.epoch, number);
                Some(Batch { publications: part.to_vec(), cursor, ..batch.clone() })
            }
            Given::Nothing => None,
        };
        own.iter().for_each(|batch| diary.note(batch));
        let mut subscriber = self.crowd.split(seat, given);
        let publications = self.budget.publications;
        thread::spawn(move || {
            read_through(&mut subscriber, &mut diary, publications, through);
            diary
        })
    }

    fn end(mut self) -> Vec<Diary> {
        let crowd = &mut self.crowd;
        let diaries = self.members.into_iter().map(|Member { seat, diary }| {
            crowd.leave(seat);
            diary
        });
        diaries.collect()
    }
}

fn newcomer(scene: &Scene, selectors: &'static [&'static str]) -> (Subscriber, Diary) {
    let (subscriber, start) = open(&scene.hub, selectors, Since::Now);
    let selectors: Vec<_> = selectors.iter().map(|text| selector(text)).collect();
    (subscriber, Diary::new(&selectors, &start))
}

/// A crowd whose first member is split off in mid-batch, and which others join while publications come.
fn a_busy_lot(config: HubConfig, selectors: &'static [&'static str], share: fn(&[Arc<Publication>]) -> Given<'_>) {
    let scene = Scene::new(config);
    let publishers = vec![scene.publisher(&["a/1", "b", "a/1"]), scene.publisher(&["a/2", "a/1"])];
    let lot = {
        let scene = scene.clone();
        thread::spawn(move || {
            let mut lot = Lot::new(&scene, selectors, 2);
            lot.admit_newcomer();
            let alone = lot.read_and_split(share, 5);
            lot.admit_newcomer();
            lot.read_through(5);
            let mut diaries = lot.end();
            diaries.push(alone.join().expect("a reader"));
            diaries
        })
    };
    publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
    let diaries = lot.join().expect("a lot");
    assert_eq!((diaries.len(), scene.hub.head().number), (3, 5));
    diaries.iter().for_each(|diary| diary.check(&scene.ledger, 5));
    assert_eq!(scene.hub.connections(), 0);
    let listed = scene.hub.channels("", "", 10);
    assert!(listed.iter().all(|info| info.subscribers == 0), "{listed:?}");
}

#[test]
fn who_got_nothing_of_a_batch_loses_and_repeats_nothing() {
    search(400, || a_busy_lot(HubConfig::default(), &["a/1"], |_| Given::Nothing));
    search(400, || a_busy_lot(HubConfig::default(), &["a/*", "b", "a/1"], |_| Given::Nothing));
}

#[test]
fn who_got_a_part_of_a_batch_loses_and_repeats_nothing() {
    search(400, || a_busy_lot(HubConfig::default(), &["a/*", "b"], |batch| Given::Part(&batch[..batch.len().min(1)])));
    search(400, || a_busy_lot(keeping_count(1), &["a/*", "b"], |_| Given::Part(&[])));
}

#[test]
fn members_of_a_crowd_are_told_every_loss() {
    search(400, || a_busy_lot(keeping_count(1), &["a/1"], |_| Given::Nothing));
    search(400, || a_busy_lot(keeping_count(1), &["a/*", "a/1", "b"], |_| Given::All));
}

#[test]
fn an_empty_crowd_that_is_joined_is_woken_for_what_came_before() {
    search(1000, || {
        let scene = Scene::new(HubConfig::default());
        let publishers = vec![scene.publisher(&["a", "a"]), scene.publisher(&["b", "a"])];
        let lot = {
            let scene = scene.clone();
            thread::spawn(move || {
                let mut lot = Lot::new(&scene, &["a", "b"], 9);
                let Member { seat, .. } = lot.members.remove(0);
                lot.crowd.leave(seat);
                let (subscriber, diary) = newcomer(&scene, &["a", "b"]);
                let seat = lot.crowd.join(subscriber).expect("it is empty");
                lot.members.push(Member { seat, diary });
                // Nothing is read before the first notice: it comes if there is anything to read, whenever that was.
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                let mut cx = Context::from_waker(&waker);
                while lot.crowd.position() < 4 {
                    while lot.crowd.poll_moved(&mut cx).is_pending() {
                        thread::park();
                    }
                    lot.read();
                }
                lot.end()
            })
        };
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        lot.join().expect("a lot").iter().for_each(|diary| diary.check(&scene.ledger, 4));
    });
}

#[test]
fn a_connection_counts_once_at_every_moment() {
    search(1000, || {
        let scene = Scene::new(HubConfig::default());
        let mut lot = Lot::new(&scene, &["a"], 9);
        let (subscriber, diary) = newcomer(&scene, &["a"]);
        let publisher = {
            let scene = scene.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    let receipt = publish(&scene.hub, "a", "x");
                    assert_eq!((receipt.subscribers, scene.hub.connections()), (2, 2));
                    scene.ledger.note(receipt);
                }
            })
        };
        lot.admit(subscriber, diary);
        let Member { seat, diary } = lot.members.remove(0);
        let subscriber = lot.crowd.split(seat, Given::All);
        assert_eq!(scene.hub.stats().connections.values().sum::<usize>(), 2);
        lot.admit(subscriber, diary);
        lot.read_through(3);
        publisher.join().expect("a publisher");
        lot.end().iter().for_each(|diary| diary.check(&scene.ledger, 3));
        assert_eq!(scene.hub.connections(), 0);
    });
}

#[test]
fn no_connection_escapes_its_end_by_moving() {
    search(1000, || {
        let scene = Scene::new(HubConfig::default());
        let mut lot = Lot::new(&scene, &["a"], 9);
        let client = Client { user: Some("ann".into()), ..Client::default() };
        let mut named = scene.hub.connect(client).expect("room");
        named.open(&[selector("a")], Since::Now, None).expect("opened");
        let other = newcomer(&scene, &["a"]).0;
        let operator = {
            let hub = scene.hub.clone();
            thread::spawn(move || hub.disconnect_all(Ending::draining))
        };
        let seat = lot.members.remove(0).seat;
        let others: Vec<_> = [named, other].into_iter().map(|subscriber| lot.crowd.join(subscriber)).collect();
        let first = lot.crowd.split(seat, Given::All);
        assert_eq!(operator.join().expect("an operator"), 3);
        assert_eq!(first.ending(), Some(Ending::draining()));
        let mut cx = Context::from_waker(Waker::noop());
        for other in others {
            match other {
                Ok(seat) if seat.is_named() => {
                    assert!(seat.poll_ended(&mut cx).is_ready());
                    lot.crowd.leave(seat);
                }
                Ok(seat) => {
                    assert_eq!(lot.crowd.ending(), Some(Ending::draining()));
                    assert!(lot.crowd.poll_moved(&mut cx).is_ready());
                    lot.crowd.leave(seat);
                }
                Err(back) => assert_eq!(back.ending(), Some(Ending::draining())),
            }
        }
    });
}

#[test]
fn a_named_member_that_waits_for_its_end_is_woken() {
    search(1000, || {
        let scene = Scene::new(HubConfig::default());
        let client = Client { user: Some("ann".into()), ..Client::default() };
        let mut ann = scene.hub.connect(client).expect("room");
        ann.open(&[selector("a")], Since::Now, None).expect("opened");
        let publishers = vec![scene.publisher(&["a"])];
        let operator = {
            let hub = scene.hub.clone();
            thread::spawn(move || hub.disconnect(&Target::User("ann".to_owned()), &Ending::disconnected()))
        };
        match Crowd::of(ann) {
            Ok((mut crowd, seat)) => {
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                while seat.poll_ended(&mut Context::from_waker(&waker)) == Poll::Pending {
                    thread::park();
                }
                assert_eq!(crowd.split(seat, Given::All).ending(), Some(Ending::disconnected()));
            }
            Err(back) => assert_eq!(back.ending(), Some(Ending::disconnected())),
        }
        assert_eq!(operator.join().expect("an operator"), 1);
        publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
        assert_eq!(scene.hub.connections(), 0);
    });
}
