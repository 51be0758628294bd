//! The transports of a trial: what they have the lot write, and their sessions.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use push_core::{Batch, BoxFuture, Budget, Client, Crowd, Cursor, Gap, Selector, Since, Start, Subscriber};

use super::pipe::Lent;
use super::{Kind, Wish, Word, World};
use crate::proto::lot::pass::{Framing, Pass, PassBuilder};
use crate::proto::lot::ticks::TICK;
use crate::server::lot::cohort::{Cohort, Extra, Kind as Founder, Member, Parking};

/// Small, so that there is often more.
const BUDGET: Budget = Budget { publications: 2, bytes: 1 << 16 };
/// Silences are broken after so many ticks.
const HEARTBEAT: u32 = 30;

/// How connections that wish the same are served.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    world: Arc<World>,
    wish: Wish,
}

/// A request has come.
pub(super) async fn serve(world: Arc<World>, io: Lent) {
    match io.take_request() {
        Some((wish, since)) => Opened::new(world, wish, since).serve(io).await,
        None => io.rest(),
    }
}

/// A subscription that has nothing but a request so far.
pub(super) struct Opened {
    subscriber: Subscriber,
    manner: Manner,
    ends_at: Option<u32>,
    start: Start,
}

impl Opened {
    pub(super) fn new(world: Arc<World>, wish: Wish, since: Cursor) -> Self {
        let user = wish.is_named.then(|| "ann".into());
        let transport = Client { transport: "trial", user, ..Client::default() };
        let mut subscriber = world.hub.connect(transport).expect("room");
        let name = |channel: &&str| Selector::parse(channel).expect("a name");
        let channels: Vec<_> = wish.channels.iter().map(name).collect();
        let start = subscriber.open(&channels, Since::Cursor(since), Some(wish.overflow)).expect("opened");
        let ends_at = wish.lasts.map(|ticks| world.ticks.load(Ordering::SeqCst) + ticks);
        Self { subscriber, manner: Manner { world, wish }, ends_at, start }
    }

    pub(super) async fn serve(self, io: Lent) {
        let Self { subscriber, manner, ends_at, start } = self;
        let session = Session { subscriber, io, manner, ends_at, may_park: true, is_blocked: false };
        if session.manner.wish.kind == Kind::Poll {
            return session.poll(start.gaps).await;
        }
        let begins = match start.gaps.is_empty() {
            true => Bytes::new(),
            false => session.manner.world.frame(Word::Gaps(start.gaps, start.cursor)),
        };
        session.run(begins).await;
    }

    /// What it is told first, and what it waits for then, if it has nothing else to do.
    pub(super) fn park_at_once(self) -> Result<(Bytes, Parking<Lent>), Self> {
        if !self.start.gaps.is_empty() || !self.subscriber.is_settled() {
            return Err(self);
        }
        let Self { subscriber, manner, ends_at, start } = self;
        let begins = match manner.wish.kind {
            Kind::Poll => Bytes::new(),
            _ => manner.world.frame(Word::Beat(start.cursor)),
        };
        Ok((begins, parking(subscriber, manner, ends_at)))
    }
}

fn parking(subscriber: Subscriber, manner: Manner, ends_at: Option<u32>) -> Parking<Lent> {
    let Wish { kind, channels, overflow, .. } = manner.wish;
    let left = ends_at.map(|at| TICK * at.saturating_sub(manner.now()));
    Parking {
        key: format!("{kind:?} {channels:?} {overflow:?}").into_bytes().into(),
        subscriber,
        kind: Box::new(manner),
        extra: ends_at.map(|at| Box::new(at) as Extra),
        lasts: left,
        silence: Duration::ZERO,
        closes: false,
    }
}

/// A connection that is served by itself. Its place in the hub is free before its connection is.
struct Session {
    subscriber: Subscriber,
    io: Lent,
    manner: Manner,
    ends_at: Option<u32>,
    may_park: bool,
    is_blocked: bool,
}

impl Session {
    /// Reads on, and parks when there is nothing. `begins` was promised before.
    async fn run(mut self, begins: Bytes) {
        if !self.io.write(&begins).await {
            return;
        }
        loop {
            let batch = self.subscriber.read(BUDGET, std::mem::take(&mut self.is_blocked));
            let is_expired = self.ends_at.is_some_and(|at| at <= self.manner.now());
            if self.subscriber.ending().is_some() || batch.ending.is_some() || is_expired {
                let last = self.manner.world.frame(Word::End);
                self.io.write(&last).await;
                return;
            }
            if !batch.is_empty() {
                if !self.io.write(self.manner.pass(&batch).bytes()).await {
                    return;
                }
            } else if !batch.more {
                match self.listen(self.may_park && self.subscriber.is_settled()).await {
                    Heard::Moved => {}
                    Heard::Nothing => return self.park(),
                    Heard::Left => return,
                    Heard::Said(said) => {
                        let reply = self.manner.reply(&said);
                        if !self.io.write(&reply).await {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// What is said; also if nothing is, for who `may_park`.
    async fn listen(&mut self, may_park: bool) -> Heard {
        poll_fn(|cx| {
            if self.manner.wish.kind == Kind::Listening {
                if let Poll::Ready(said) = self.io.poll_said(cx) {
                    return Poll::Ready(said.map_or(Heard::Left, Heard::Said));
                }
            } else if self.io.poll_left(cx).is_ready() {
                return Poll::Ready(Heard::Left);
            }
            if may_park {
                return Poll::Ready(Heard::Nothing);
            }
            self.subscriber.poll_moved(cx).map(|()| Heard::Moved)
        })
        .await
    }

    /// Answers a poll, now or when there is something to say.
    async fn poll(mut self, gaps: Vec<Gap>) {
        loop {
            let batch = self.subscriber.read(BUDGET, false);
            let ending = self.subscriber.ending().or_else(|| batch.ending.clone());
            let is_over = self.ends_at.is_some_and(|at| at <= self.manner.now());
            if !gaps.is_empty() || !batch.is_empty() || ending.is_some() || is_over {
                let answer = self.manner.world.frame(Word::Answer(gaps, batch, ending));
                return self.answer(answer).await;
            }
            match self.listen(self.may_park && self.subscriber.is_settled() && !batch.more).await {
                Heard::Nothing => return self.park(),
                Heard::Left => return,
                _ => {}
            }
        }
    }

    async fn answer(self, answer: Bytes) {
        let Self { subscriber, mut io, .. } = self;
        drop(subscriber);
        if io.write(&answer).await {
            io.rest();
        }
    }

    fn park(self) {
        let Self { subscriber, io, manner, ends_at, .. } = self;
        io.park(parking(subscriber, manner, ends_at));
    }
}

enum Heard {
    Nothing,
    Moved,
    Said(Vec<u8>),
    Left,
}

impl Manner {
    fn now(&self) -> u32 {
        self.world.ticks.load(Ordering::SeqCst)
    }

    fn pass(&self, batch: &Batch) -> Pass {
        let mut pass = PassBuilder::new(Framing::Plain);
        if self.wish.kind == Kind::Poll {
            pass.frame_shared(self.world.frame(Word::Answer(Vec::new(), batch.clone(), None)));
            return pass.build();
        }
        if !batch.gaps.is_empty() {
            let resume = if batch.publications.is_empty() { batch.cursor } else { batch.before };
            pass.frame(&self.world.frame(Word::Gaps(batch.gaps.clone(), resume)));
        }
        for publication in &batch.publications {
            pass.frame_shared(self.world.frame(Word::Publication(Arc::clone(publication))));
        }
        pass.build()
    }

    fn reply(&self, said: &[u8]) -> Vec<u8> {
        let words = said.iter().map(|byte| if *byte == b'p' { Word::Pong } else { Word::Reply });
        words.flat_map(|word| self.world.frame(word)).collect()
    }

    fn go_on(self, member: Member<Lent>) -> BoxFuture<'static, ()> {
        let Member { io, subscriber, extra, rest, may_park, is_blocked, .. } = member;
        let ends_at = extra.and_then(|extra| extra.downcast::<u32>().ok()).map(|at| *at);
        let is_poll = self.wish.kind == Kind::Poll;
        let session = Session { subscriber, io, manner: self, ends_at, may_park, is_blocked };
        match is_poll {
            true if rest.is_empty() => Box::pin(session.poll(Vec::new())),
            true => Box::pin(session.answer(rest)),
            false => Box::pin(session.run(rest)),
        }
    }
}

impl Founder<Lent> for Manner {
    fn found(self: Box<Self>, crowd: Crowd) -> Box<dyn Cohort<Lent>> {
        Box::new(Together { manner: *self, crowd })
    }

    fn resume(self: Box<Self>, member: Member<Lent>) -> BoxFuture<'static, ()> {
        self.go_on(member)
    }
}

/// Connections that are served as one.
struct Together {
    manner: Manner,
    crowd: Crowd,
}

impl Cohort<Lent> for Together {
    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }

    fn budget(&self) -> Budget {
        BUDGET
    }

    fn write(&mut self, batch: &Batch) -> Pass {
        self.manner.pass(batch)
    }

    fn heartbeat(&self) -> Option<Duration> {
        (!self.is_answer()).then_some(TICK * HEARTBEAT)
    }

    fn beat(&mut self) -> Option<Pass> {
        let mut pass = PassBuilder::new(Framing::Plain);
        pass.frame(&self.manner.world.frame(Word::Beat(self.crowd.cursor())));
        Some(pass.build())
    }

    fn is_answer(&self) -> bool {
        self.manner.wish.kind == Kind::Poll
    }

    fn expire(&mut self, _: Option<&Extra>) -> Option<Bytes> {
        let cursor = self.crowd.cursor();
        let nothing =
            Batch { gaps: Vec::new(), publications: Vec::new(), before: cursor, cursor, more: false, ending: None };
        self.is_answer().then(|| self.manner.world.frame(Word::Answer(Vec::new(), nothing, None)))
    }

    fn listens(&self) -> bool {
        self.manner.wish.kind == Kind::Listening
    }

    fn answer(&mut self, input: &mut [u8]) -> Option<Vec<u8>> {
        input.iter().all(|byte| *byte == b'p').then(|| self.manner.reply(input))
    }

    fn resume(&mut self, member: Member<Lent>) -> BoxFuture<'static, ()> {
        self.manner.clone().go_on(member)
    }
}
