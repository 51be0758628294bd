//! WebSockets that a lot owns: quiet ones are served together, and answered their pings there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::response::Parts;
use http::{Request, Response, StatusCode, Version, response};
use push_core::{Batch, BoxFuture, Budget, Crowd, Identity, Subscriber};

use super::frames::{self, Wish};
use super::shell::Shell;
use super::socket::Socket;
use super::{Beginning, Known};
use crate::http::alarm::Alarm;
use crate::http::body::PushBody;
use crate::http::parked::{SHARED, date, key_of};
use crate::http::push::Push;
use crate::http::request::RequestBody;
use crate::proto::head;
use crate::proto::lot::pass::{Framing, Pass, PassBuilder};
use crate::proto::operation;
use crate::proto::websocket::{Opcode, Options, PING, Session, control_only, encode_frame_into};
use crate::server::lot::{
    AtOnce, Cohort, Extra, Kind, Member, Offer, Parking, Session as TakeoverSession, Taken, Takeover,
};

/// Whether a lot owns the connection of a handshake, so that it need not be upgraded by hyper.
pub(super) fn is_on_lot(request: &Request<RequestBody>) -> bool {
    request.body().is_on_lot(request.extensions()) && request.version() == Version::HTTP_11
}

/// Offers the connection to go on as a WebSocket behind `answer`.
pub(super) fn offer(answer: &mut Response<PushBody>, push: &Push, options: Options, beginning: Beginning) {
    let options = Options { discard: beginning.is_raw(), ..options };
    let opening = Opening { push: push.clone(), options, beginning };
    answer.extensions_mut().insert(Takeover(Arc::new(Handshaken(Mutex::new(Some(opening))))));
}

/// A WebSocket whose handshake is not answered yet.
struct Opening {
    push: Push,
    options: Options,
    beginning: Beginning,
}

struct Handshaken(Mutex<Option<Opening>>);

impl Offer for Handshaken {
    fn take(&self, head: &response::Parts) -> Option<Box<dyn TakeoverSession>> {
        let is_accepted = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let opening = self.0.lock().unwrap_or_else(PoisonError::into_inner).take_if(|_| is_accepted)?;
        Some(Box::new(opening))
    }
}

impl TakeoverSession for Opening {
    fn run(self: Box<Self>, taken: Taken) -> BoxFuture<'static, ()> {
        let Self { push, options, beginning } = *self;
        let Taken { io, head, .. } = taken;
        io.info().upgraded();
        let mut out = Vec::with_capacity(640);
        write_head(&mut out, &head, &date());
        Box::pin(Shell::new(push, Socket::resume(io, out.into()), options, beginning).run())
    }

    fn park_at_once(self: Box<Self>, head: &Parts, date: &str, out: &mut Vec<u8>) -> AtOnce {
        let Self { push, options, beginning } = *self;
        let known = match beginning {
            Beginning::Known(known) if known.subscriber.is_settled() => *known,
            beginning => return AtOnce::Runs(Box::new(Self { push, options, beginning })),
        };
        write_head(out, head, date);
        if let Some(start) = known.start.as_ref().filter(|_| !self.options.discard) {
            frames::beginnings(&known.params, start)
                .for_each(|told| encode_frame_into(Opcode::Text, false, &told, out));
        }
        let Known { identity, subscriber, .. } = known;
        let expires_at = push.shared.expiry(&identity);
        let wish = Wish { raw: options.discard, deflate: options.deflate };
        let shown = Shown { identity: Arc::new(identity), expires_at };
        AtOnce::Parks(Box::new(parking(WebSockets { push, wish }, subscriber, Some(shown), Duration::ZERO)))
    }
}

fn write_head(out: &mut Vec<u8>, head: &response::Parts, date: &str) {
    let lines = |out: &mut Vec<u8>| {
        head::write_headers(out, &head.headers);
        // RFC 6455 §4.2.2, 5.
        out.extend_from_slice(b"connection: Upgrade\r\nupgrade: websocket\r\n");
    };
    head::write_with(out, head.status, lines, head::Body::None, date, false);
}

/// What is kept of a client that showed who it is.
struct Shown {
    identity: Arc<Identity>,
    expires_at: Option<Instant>,
}

impl Shell {
    /// Whether nothing is under way that is this connection's alone.
    pub(super) fn is_quiet(&self) -> bool {
        let is_idle = self.inbox.is_empty() && self.operation.is_none() && self.recoveries.is_empty();
        let is_settled = self.subscriber.as_ref().is_some_and(|subscriber| subscriber.is_settled());
        self.may_park
            && is_idle
            && is_settled
            && self.identity.is_some()
            && self.session.is_quiet()
            && self.socket.may_park()
    }

    /// Hands the connection to its lot.
    pub(super) fn park(self) {
        let now = self.now();
        let Self { push, socket, session, subscriber, identity, wish, expires_at, .. } = self;
        let (Some(io), Some(subscriber)) = (socket.into_connection(), subscriber) else { return };
        let shown = identity.map(|identity| Shown { identity, expires_at });
        let silence = now.saturating_duration_since(session.heard());
        io.park(parking(WebSockets { push, wish }, subscriber, shown, silence));
    }
}

fn parking(kind: WebSockets, subscriber: Subscriber, shown: Option<Shown>, silence: Duration) -> Parking {
    // Who is nobody in particular needs nothing kept.
    let shown = shown.filter(|shown| *shown.identity != Identity::default());
    let expires_at = shown.as_ref().and_then(|shown| shown.expires_at);
    let now = kind.push.shared.hub.clock().now();
    Parking {
        key: key_of(&kind.push, kind.name(), &subscriber),
        subscriber,
        kind: Box::new(kind),
        extra: shown.map(|shown| Box::new(shown) as Extra),
        lasts: expires_at.map(|at| at.saturating_duration_since(now)),
        silence,
        closes: false,
    }
}

/// WebSockets that are written the same frames.
#[derive(Clone)]
struct WebSockets {
    push: Push,
    wish: Wish,
}

impl WebSockets {
    const fn name(&self) -> &'static [u8] {
        match (self.wish.raw, self.wish.deflate) {
            (false, false) => b"ws-json",
            (false, true) => b"ws-json-deflated",
            (true, false) => b"ws-raw",
            (true, true) => b"ws-raw-deflated",
        }
    }

    const fn options(&self) -> Options {
        Options { deflate: self.wish.deflate, discard: self.wish.raw }
    }

    fn resume(&self, member: Member) -> BoxFuture<'static, ()> {
        let Member { io, subscriber, extra, rest, silence, may_park, is_blocked, .. } = member;
        let push = self.push.clone();
        let shown = extra.and_then(|extra| extra.downcast::<Shown>().ok());
        let (identity, expires_at) = match shown {
            Some(shown) => (shown.identity, shown.expires_at),
            None => (Arc::default(), None),
        };
        let now = push.shared.hub.clock().now();
        let heard = now.checked_sub(silence).unwrap_or(now);
        let endpoint = Arc::clone(&push.shared.endpoints.push);
        let shell = Shell {
            // Whether the lot has pinged it is not known: if it was silent for a heartbeat, it is now.
            session: Session::new(heard, endpoint, self.options()),
            push,
            socket: Socket::resume(io, rest),
            subscriber: Some(subscriber),
            identity: Some(identity),
            params: None,
            wish: self.wish,
            inbox: Vec::new(),
            operation: None,
            recoveries: std::collections::VecDeque::new(),
            blocked: is_blocked,
            stalled_since: None,
            auth_until: None,
            expires_at,
            alarm: Alarm::default(),
            may_park,
        };
        Box::pin(shell.run())
    }
}

impl Kind for WebSockets {
    fn found(self: Box<Self>, crowd: Crowd) -> Box<dyn Cohort> {
        Box::new(Parked { kind: *self, crowd })
    }

    fn resume(self: Box<Self>, member: Member) -> BoxFuture<'static, ()> {
        (*self).resume(member)
    }
}

struct Parked {
    kind: WebSockets,
    crowd: Crowd,
}

impl Cohort for Parked {
    fn crowd(&mut self) -> &mut Crowd {
        &mut self.crowd
    }

    fn budget(&self) -> Budget {
        SHARED
    }

    fn write(&mut self, batch: &Batch) -> Pass {
        let mut pass = PassBuilder::new(Framing::Plain);
        if !batch.gaps.is_empty() {
            let mut out = Vec::new();
            if !self.kind.wish.raw {
                for gap in &batch.gaps {
                    encode_frame_into(Opcode::Text, false, &operation::gap(gap), &mut out);
                }
            }
            pass.frame(&out);
        }
        let deflaters = &self.kind.push.shared.endpoints.deflaters;
        for publication in &batch.publications {
            pass.frame_shared(frames::publication(deflaters, publication, self.kind.wish));
        }
        pass.build()
    }

    fn heartbeat(&self) -> Option<Duration> {
        let heartbeat = self.kind.push.shared.endpoints.push.settings.heartbeat;
        (!heartbeat.is_zero()).then_some(heartbeat)
    }

    fn beat(&mut self) -> Option<Pass> {
        let mut pass = PassBuilder::new(Framing::Plain);
        pass.frame(PING);
        Some(pass.build())
    }

    fn silence_limit(&self) -> Option<Duration> {
        let limit = self.kind.push.shared.endpoints.push.settings.silence_limit;
        (!limit.is_zero()).then_some(limit)
    }

    fn listens(&self) -> bool {
        true
    }

    fn answer(&mut self, input: &mut [u8]) -> Option<Vec<u8>> {
        if !control_only(input) {
            return None;
        }
        let shared = &self.kind.push.shared;
        let now = shared.hub.clock().now();
        let mut session = Session::new(now, Arc::clone(&shared.endpoints.push), self.kind.options());
        let (mut read, mut reply) = (0, Vec::new());
        while read < input.len() {
            // Whole and valid frames: each is read in one go.
            read += session.handle_input(now, &mut input[read..]).ok()?.max(1);
            while session.poll_event().is_some() {}
            while let Some(frame) = session.poll_output() {
                reply.extend_from_slice(&frame);
            }
        }
        Some(reply)
    }

    fn resume(&mut self, member: Member) -> BoxFuture<'static, ()> {
        self.kind.resume(member)
    }
}
