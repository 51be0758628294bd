//! One WebSocket: reads operations, writes replies and publications, in one task.
//!
//! ```text
//!   client ─▶ inbox ─▶ session ─▶ operation ─▶ reply ─┐
//!                                                      ├─▶ socket: refilled only when all was written,
//!   log ────▶ recovery, then reader ──────────────────┘    so what waits for a slow client waits in the log
//! ```

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use push_core::{Batch, BoxFuture, Budget, Ending, Identity, Recovery, Start, Subscriber};

use super::frames::{self, Wish};
use super::operations::{self, Done};
use super::socket::Socket;
use super::turn::{MAX_WAITING_BYTES, Turn};
use super::{Beginning, Known};
use crate::http::alarm::Alarm;
use crate::http::push::Push;
use crate::proto::notice::close_reason;
use crate::proto::operation::{self, Operation};
use crate::proto::params::SubscribeParams;
use crate::proto::problem::{Code, Problem};
use crate::proto::websocket::{CloseCode, Event, Opcode, Options, Session, encode_frame};

pub(super) struct Shell {
    pub(super) push: Push,
    pub(super) socket: Socket,
    pub(super) session: Session,
    pub(super) subscriber: Option<Subscriber>,
    /// Who the client is; `None` while it must still show a token.
    pub(super) identity: Option<Arc<Identity>>,
    /// What the query asked for, until it is subscribed.
    pub(super) params: Option<Box<SubscribeParams>>,
    pub(super) wish: Wish,
    /// What was read and not yet understood: while an operation runs, the next ones wait here.
    pub(super) inbox: Vec<u8>,
    pub(super) operation: Option<BoxFuture<'static, Done>>,
    /// The past of channels that were added: comes before the connection goes on.
    pub(super) recoveries: VecDeque<Recovery>,
    /// Whether a write found no room since the last read of the log.
    pub(super) blocked: bool,
    pub(super) stalled_since: Option<Instant>,
    pub(super) auth_until: Option<Instant>,
    pub(super) expires_at: Option<Instant>,
    pub(super) alarm: Alarm,
    /// Whether it may be served together with others once it is quiet.
    #[cfg(target_os = "linux")]
    pub(super) may_park: bool,
}

impl Shell {
    pub(super) fn new(push: Push, socket: Socket, options: Options, beginning: Beginning) -> Self {
        let shared = Arc::clone(&push.shared);
        let now = shared.hub.clock().now();
        let mut shell = Self {
            session: Session::new(now, Arc::clone(&shared.endpoints.push), options),
            wish: Wish { raw: options.discard, deflate: options.deflate },
            push,
            socket,
            subscriber: None,
            identity: None,
            params: None,
            inbox: Vec::new(),
            operation: None,
            recoveries: VecDeque::new(),
            blocked: false,
            stalled_since: None,
            auth_until: None,
            expires_at: None,
            alarm: Alarm::default(),
            #[cfg(target_os = "linux")]
            may_park: true,
        };
        match beginning {
            Beginning::Refused(ending) => shell.end(now, &ending),
            Beginning::Unknown { params, subscriber } => {
                shell.subscriber = Some(subscriber);
                shell.params = Some(params);
                shell.auth_until = Some(now + shared.config.auth_window);
            }
            Beginning::Known(known) => {
                let Known { params, identity, subscriber, start } = *known;
                shell.subscriber = Some(subscriber);
                shell.expires_at = shared.expiry(&identity);
                shell.identity = Some(Arc::new(identity));
                if let Some(start) = start {
                    shell.tell_start(&params, &start);
                }
            }
        }
        shell
    }

    pub(super) async fn run(mut self) {
        loop {
            // A client that sends, or takes, without a pause must let others run: not every socket sees to that.
            tokio::task::coop::consume_budget().await;
            let now = self.now();
            // What was published before the client closed goes out before its close is answered.
            self.refill(now);
            self.listen(now);
            let was_recovering = !self.recoveries.is_empty();
            self.refill(now);
            if was_recovering && self.recoveries.is_empty() {
                // What the client sent behind its subscribe waited for the recovery: nothing else would wake it.
                continue;
            }
            if self.session.is_closed() && self.socket.waiting() == 0 {
                break;
            }
            match poll_fn(|cx| self.poll_turn(cx)).await {
                #[cfg(target_os = "linux")]
                Turn::Quiet => return self.park(),
                Turn::Ended => return,
                Turn::Done(done) => self.finish(self.now(), *done),
                Turn::Timeout => self.handle_timeout(self.now()),
                Turn::Read | Turn::Wrote | Turn::Moved => {}
            }
        }
        drop(self.subscriber);
        self.socket.close().await;
    }

    pub(super) fn now(&self) -> Instant {
        self.push.shared.hub.clock().now()
    }

    /// Takes up what the client has sent, one operation at a time and only while its replies find room.
    fn listen(&mut self, now: Instant) {
        let mut read = 0;
        // An offence queues its close frame and closes the session: then nothing more is read.
        while self.operation.is_none() && self.recoveries.is_empty() && self.socket.waiting() < MAX_WAITING_BYTES {
            match self.session.poll_event() {
                Some(event) => self.handle_event(now, event),
                None if read == self.inbox.len() || self.session.is_closed() => break,
                None => read += self.session.handle_input(now, &mut self.inbox[read..]).unwrap_or(0),
            }
        }
        self.inbox.drain(..read);
        if self.inbox.is_empty() {
            self.inbox = Vec::new();
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Text(text) if !self.wish.raw => self.handle_text(text.as_bytes()),
            Event::Binary(_) if !self.wish.raw => {
                self.session.close(now, CloseCode::UNSUPPORTED, "operations are text frames");
            }
            _ => {}
        }
    }

    fn handle_text(&mut self, text: &[u8]) {
        let max_payload = self.push.shared.hub.config().max_payload_bytes;
        let request = match operation::parse(text, max_payload) {
            Ok(request) => request,
            Err(bad) => return self.reply(&operation::error(bad.seq.as_ref(), &bad.problem)),
        };
        let seq = request.seq.clone();
        match (request.operation, self.identity.clone()) {
            (Operation::Auth { token }, identity) => {
                let waiting = if identity.is_none() { self.params.as_deref() } else { None };
                let selectors = waiting.map_or_else(Vec::new, |params| params.selectors.clone());
                self.operation = Some(operations::authenticate(&self.push, seq, &token, selectors));
            }
            (Operation::Ping, None) => self.reply(&operation::pong(seq.as_ref())),
            (_, None) => {
                let problem = Problem::new(Code::Unauthorized, "a token is needed: send 'auth' first");
                self.reply(&operation::error(seq.as_ref(), &problem));
            }
            (Operation::Unsubscribe { selector }, Some(_)) => {
                let removed = self.subscriber.as_mut().is_some_and(|subscriber| subscriber.remove(&selector));
                let reply = match removed {
                    true => operation::unsubscribed(seq.as_ref(), &selector),
                    false => {
                        operation::error(seq.as_ref(), &Problem::bad_parameter(format!("not subscribed: {selector}")))
                    }
                };
                self.reply(&reply);
            }
            (operation, Some(identity)) => {
                let request = operation::Request { seq, operation };
                self.operation = Some(operations::begin(&self.push, &identity, request));
            }
        }
    }

    /// What an operation that took its time came to.
    fn finish(&mut self, now: Instant, done: Done) {
        match done {
            Done::Reply(reply) => self.reply(&reply),
            Done::Subscribe { seq, selector, since, overflow } => {
                let Some(subscriber) = self.subscriber.as_mut() else { return };
                let reply = match subscriber.add(&selector, since, overflow) {
                    Ok((start, recovery)) => {
                        self.recoveries.push_back(recovery);
                        operation::subscribed(seq.as_ref(), &selector, &start)
                    }
                    Err(error) => operation::error(seq.as_ref(), &Problem::from(error)),
                };
                self.reply(&reply);
            }
            Done::Authenticated { seq, identity, allowed } => self.authenticated(now, seq.as_ref(), identity, allowed),
            // wire.md §4: a wrong token closes at once who has shown none before.
            Done::Rejected { problem, .. } if self.identity.is_none() => self.end(now, &problem.to_ending()),
            Done::Rejected { seq, problem } => self.reply(&operation::error(seq.as_ref(), &problem)),
        }
    }

    fn authenticated(
        &mut self,
        now: Instant,
        seq: Option<&operation::Seq>,
        identity: Identity,
        allowed: Result<(), Problem>,
    ) {
        match &self.identity {
            Some(known) if known.user != identity.user => {
                let problem = Problem::new(Code::Forbidden, "a connection keeps its user: open another");
                self.reply(&operation::error(seq, &problem));
            }
            Some(_) => {
                self.expires_at = self.push.shared.expiry(&identity);
                self.identity = Some(Arc::new(identity));
                self.reply(&operation::ok(seq));
            }
            None => {
                self.reply(&operation::ok(seq));
                match allowed {
                    Ok(()) => {
                        if let Some(subscriber) = self.subscriber.as_mut() {
                            subscriber.identify(identity.user.clone());
                        }
                        self.become_known(now, identity);
                    }
                    Err(problem) => self.end(now, &problem.to_ending()),
                }
            }
        }
    }

    /// Who had to show a token has: subscribes what the query asked for.
    fn become_known(&mut self, now: Instant, identity: Identity) {
        self.auth_until = None;
        self.expires_at = self.push.shared.expiry(&identity);
        self.identity = Some(Arc::new(identity));
        let (Some(params), Some(subscriber)) = (self.params.take(), self.subscriber.as_mut()) else { return };
        if params.selectors.is_empty() {
            return;
        }
        match subscriber.open(&params.selectors, params.since, params.overflow) {
            Ok(start) => self.tell_start(&params, &start),
            Err(error) => self.end(now, &Problem::from(error).to_ending()),
        }
    }

    fn tell_start(&mut self, params: &SubscribeParams, start: &Start) {
        if self.wish.raw {
            return;
        }
        frames::beginnings(params, start).for_each(|told| self.reply(&told));
    }

    fn reply(&mut self, text: &[u8]) {
        if self.session.is_open() {
            self.socket.push(encode_frame(Opcode::Text, false, text));
        }
    }

    fn end(&mut self, now: Instant, ending: &Ending) {
        let code = CloseCode::new(ending.code()).expect("endings are 3000..=3999, which may be sent");
        let ending = self.push.shared.with_retry(ending.clone());
        self.session.close(now, code, &close_reason(&ending));
    }

    /// Queues what comes next, once all that was queued is written.
    fn refill(&mut self, now: Instant) {
        // A control frame goes between frames: everything queued is whole frames, so behind them.
        while let Some(frame) = self.session.poll_output() {
            self.socket.push(frame);
        }
        if self.socket.waiting() > 0 || !self.session.is_open() {
            return;
        }
        let Some(subscriber) = self.subscriber.as_mut() else { return };
        if let Some(ending) = subscriber.ending() {
            self.end(now, &ending);
            return self.refill(now);
        }
        let batch = match self.recoveries.front_mut() {
            Some(recovery) => {
                let batch = subscriber.recover(recovery, Budget::default());
                if !batch.more {
                    self.recoveries.pop_front();
                }
                batch
            }
            None => subscriber.read(Budget::default(), std::mem::take(&mut self.blocked)),
        };
        self.queue(now, batch);
    }

    fn queue(&mut self, now: Instant, batch: Batch) {
        if !self.wish.raw {
            for gap in &batch.gaps {
                self.reply(&operation::gap(gap));
            }
        }
        for publication in &batch.publications {
            let frame = frames::publication(&self.push.shared.endpoints.deflaters, publication, self.wish);
            self.socket.push(frame);
        }
        if let Some(ending) = &batch.ending {
            self.end(now, ending);
            while let Some(frame) = self.session.poll_output() {
                self.socket.push(frame);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.stalled_since.is_some_and(|since| since + self.push.shared.config.stall <= now) {
            self.socket.give_up();
        }
        if self.auth_until.is_some_and(|at| at <= now) {
            self.auth_until = None;
            self.end(now, &Ending::unauthorized().because("no token came in time"));
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            self.expires_at = None;
            self.end(now, &Ending::token_expired());
        }
        if self.socket.waiting() == 0 {
            self.session.handle_timeout(now);
        }
    }
}
