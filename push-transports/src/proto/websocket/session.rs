//! One connection after the handshake: events in, control frames out, heartbeat, closing handshake.
//!
//! ```text
//!                     close()                       the peer's close frame
//!   ┌──────┐  (our close frame is queued) ┌───────────────┐      or close_timeout after `since`
//!   │ Open │ ────────────────────────────▶│ Closing{since}│ ────────────────┐
//!   └──────┘                              └───────────────┘                 ▼
//!      │  the peer's close frame (its echo is queued)                  ┌────────┐
//!      ├──────────────────────────────────────────────────────────────▶│ Closed │
//!      │  an offence (the close frame that names it is queued)         └────────┘
//!      │  silence_limit (nothing is queued: nobody is there)                ▲
//!      └────────────────────────────────────────────────────────────────────┘
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::close::{CloseCode, CloseReceived, close_frame};
use super::decoder::{ControlPayload, Decoder, Item, Reading};
use super::endpoint::Endpoint;
use super::frame::{Opcode, encode_frame};
use super::message::Message;
use super::offence::Offence;

/// An unmasked ping without payload, RFC 6455 §5.5.2.
pub(crate) const PING: &[u8] = &[0x89, 0x00];

/// What the peer did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A text message, whole and inflated.
    Text(String),
    /// A binary message, whole and inflated.
    Binary(Bytes),
    /// A ping with this payload; its pong is queued already.
    Ping(Bytes),
    /// A pong with this payload, asked for or not.
    Pong(Bytes),
    /// The peer's close frame. The session is closed; if we had not closed first, the answer is queued.
    CloseReceived(CloseReceived),
    /// Nothing at all was received for the silence limit. The session is closed, with nothing to write.
    Dead,
}

/// Where the session stands in the closing handshake, RFC 6455 §7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Data may go both ways.
    Open,
    /// Our close frame is queued or sent and the peer's is waited for. Data from the peer is dropped.
    Closing {
        /// When it was queued.
        since: Instant,
    },
    /// Nothing more is to come. What [`Session::poll_output`] still has is to be written, then the
    /// connection ends; input is ignored.
    Closed,
}

/// What is agreed on for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// permessage-deflate was negotiated ([`Handshake::deflate`](super::handshake::Handshake)).
    pub deflate: bool,
    /// The client's data messages are of no interest (format `raw`): they are checked for everything
    /// but UTF-8 and the content of DEFLATE, dropped as they come, and make no event.
    pub discard: bool,
}

/// The server's side of one WebSocket connection.
///
/// 64 bytes, and nothing on the heap while no frame or message is incomplete and nothing waits to be
/// polled. The verbs are those of every machine in `proto/`: after each `handle_*` or
/// [`close`](Self::close), poll events and output until both are `None`, and ask for the deadline again.
#[derive(Debug)]
pub struct Session {
    endpoint: Arc<Endpoint>,
    decoder: Decoder,
    /// What waits to be polled; gone as soon as it was.
    pending: Option<Box<Pending>>,
    /// When the last byte was received.
    heard: Instant,
    state: State,
    options: Options,
    /// Heartbeats that passed since then.
    silent_beats: u32,
    /// A ping of ours waits to be written.
    ping_due: bool,
    /// [`Event::Dead`] waits to be polled.
    dead: bool,
}

/// Rarely there, so boxed.
#[derive(Debug, Default)]
struct Pending {
    event: Option<Event>,
    /// The pong for the newest ping; RFC 6455 §5.5.3 lets older ones go unanswered.
    pong: Option<Bytes>,
    close: Option<Bytes>,
}

impl Pending {
    fn has_output(&self) -> bool {
        self.pong.is_some() || self.close.is_some()
    }
}

impl Session {
    /// A session that has just been upgraded.
    pub fn new(now: Instant, endpoint: Arc<Endpoint>, options: Options) -> Self {
        Self {
            endpoint,
            decoder: Decoder::default(),
            pending: None,
            heard: now,
            state: State::Open,
            options,
            silent_beats: 0,
            ping_due: false,
            dead: false,
        }
    }

    /// A session that goes on where one that [was quiet](Self::is_quiet) left off, with what was kept of it.
    ///
    /// `heard` is when that one (or who watched the connection since) last received a byte; later than `now` counts
    /// as `now`. Pings that fell due between the two are taken for sent: the next is due with the next heartbeat. If
    /// none was sent, [`new`](Self::new) at `heard` and [`handle_timeout`](Self::handle_timeout) make up for it.
    pub fn resume(now: Instant, heard: Instant, endpoint: Arc<Endpoint>, options: Options) -> Self {
        let heard = heard.min(now);
        let silent_beats = beats_in(now.saturating_duration_since(heard), endpoint.settings.heartbeat);
        Self { silent_beats, ..Self::new(heard, endpoint, options) }
    }

    /// Reads bytes from the client, unmasking them in place, up to the end of the frame that makes an
    /// event; answers with how many it read.
    ///
    /// Poll the event, then call again with the rest. While an event waits, nothing is read. Once the
    /// session is closed everything is read and ignored.
    ///
    /// # Errors
    ///
    /// The peer's offence. The session is closed then, and the close frame that names the offence is
    /// queued unless one was sent before.
    pub fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> Result<usize, Offence> {
        if input.is_empty() || self.has_event() {
            return Ok(0);
        }
        self.heard = self.heard.max(now);
        self.silent_beats = 0;
        self.ping_due = false;
        if self.state == State::Closed {
            return Ok(input.len());
        }
        let reading = Reading {
            endpoint: &self.endpoint,
            deflate: self.options.deflate,
            discard: self.options.discard || self.state != State::Open,
        };
        let result = match self.decoder.decode(input, reading) {
            Ok((read, None)) => return Ok(read),
            Ok((read, Some(item))) => self.handle_item(item).map(|()| read),
            Err(offence) => Err(offence),
        };
        result.inspect_err(|&offence| self.fail(offence))
    }

    fn handle_item(&mut self, item: Item) -> Result<(), Offence> {
        match item {
            Item::Message(Message::Text(text)) => self.push_event(Event::Text(text)),
            Item::Message(Message::Binary(data)) => self.push_event(Event::Binary(data)),
            Item::Control(Opcode::Ping, payload) => self.handle_ping(&payload),
            Item::Control(Opcode::Close, payload) => {
                let received = CloseReceived::parse(payload.as_slice())?;
                self.handle_close(received);
            }
            Item::Control(_, payload) => {
                let payload = Bytes::copy_from_slice(payload.as_slice());
                self.push_event(Event::Pong(payload));
            }
        }
        Ok(())
    }

    fn handle_ping(&mut self, payload: &ControlPayload) {
        // RFC 6455 §5.5.3: a pong carries the same payload; the event shares its bytes.
        let pong = encode_frame(Opcode::Pong, false, payload.as_slice());
        self.push_event(Event::Ping(pong.slice(2..)));
        // RFC 6455 §1.4: a peer that was sent a close frame discards whatever follows it.
        if self.state == State::Open {
            self.pending().pong = Some(pong);
        }
    }

    fn handle_close(&mut self, received: CloseReceived) {
        // RFC 6455 §5.5.1: answered by a close frame, typically with the same code.
        if self.state == State::Open {
            self.pending().close = Some(close_frame(received.code, ""));
        }
        self.push_event(Event::CloseReceived(received));
        self.end();
    }

    /// RFC 6455 §7.1.7: fail the connection.
    fn fail(&mut self, offence: Offence) {
        if self.state == State::Open {
            let frame = close_frame(Some(offence.close_code()), offence.text());
            self.pending().close = Some(frame);
        }
        self.end();
    }

    fn end(&mut self) {
        self.state = State::Closed;
        self.ping_due = false;
        self.decoder = Decoder::default();
    }

    /// Starts the closing handshake: queues a close frame and waits for the peer's.
    ///
    /// From here on the shell sends no data frame. `reason` is cut at 123 bytes, on a character's
    /// boundary. Does nothing unless the session is open.
    pub fn close(&mut self, now: Instant, code: CloseCode, reason: &str) {
        if self.state != State::Open {
            return;
        }
        self.pending().close = Some(close_frame(Some(code), reason));
        self.state = State::Closing { since: now };
        self.ping_due = false;
        self.decoder.discard_message();
    }

    /// Does what is due at `now`; early calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        let settings = &self.endpoint.settings;
        match self.state {
            State::Closed => {}
            State::Closing { since } => {
                if now.saturating_duration_since(since) >= settings.close_timeout {
                    self.end();
                }
            }
            State::Open => {
                let silence = now.saturating_duration_since(self.heard);
                if !settings.silence_limit.is_zero() && silence >= settings.silence_limit {
                    self.end();
                    self.dead = true;
                    self.drop_output();
                } else if beats_in(silence, settings.heartbeat) > self.silent_beats {
                    self.silent_beats = beats_in(silence, settings.heartbeat);
                    self.ping_due = true;
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` once closed, and where
    /// settings leave nothing to wait for.
    ///
    /// Every byte received moves it away, so a shell may look again only when it fires.
    pub fn next_deadline(&self) -> Option<Instant> {
        let settings = &self.endpoint.settings;
        let after = match self.state {
            State::Closed => return None,
            State::Closing { since } => return since.checked_add(settings.close_timeout),
            State::Open => {
                let beats = self.silent_beats.saturating_add(1);
                let ping = settings.heartbeat.saturating_mul(beats);
                let ping = Some(ping).filter(|ping| !ping.is_zero());
                let dead = Some(settings.silence_limit).filter(|limit| !limit.is_zero());
                ping.into_iter().chain(dead).min()?
            }
        };
        self.heard.checked_add(after)
    }

    /// The next thing the peer did.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(pending) = &mut self.pending
            && let Some(event) = pending.event.take()
        {
            self.drop_pending_if_empty();
            return Some(event);
        }
        std::mem::take(&mut self.dead).then_some(Event::Dead)
    }

    /// The next control frame to write: pong, then ping, then close.
    ///
    /// Call it only where a data frame has been written to its end: a frame's bytes are never inside
    /// another's (RFC 6455 §5.4). What it gave is to be written before any further data; after a close
    /// frame nothing is. Until it is called a newer pong replaces the one that waits.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        let pending = self.pending.as_mut();
        if let Some(pong) = pending.and_then(|pending| pending.pong.take()) {
            self.drop_pending_if_empty();
            return Some(pong);
        }
        if std::mem::take(&mut self.ping_due) {
            return Some(Bytes::from_static(PING));
        }
        let close = self.pending.as_mut()?.close.take();
        self.drop_pending_if_empty();
        close
    }

    /// Whether [`poll_output`](Self::poll_output) has something.
    pub fn has_output(&self) -> bool {
        self.ping_due || self.pending.as_deref().is_some_and(Pending::has_output)
    }

    /// Where the session stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the shell may send data frames.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether nothing is under way: open, no frame or message incomplete, nothing to poll.
    ///
    /// Then [`heard`](Self::heard) and the [`Options`] are all there is to keep: [`resume`](Self::resume) makes the
    /// same session of them.
    pub fn is_quiet(&self) -> bool {
        self.is_open() && self.decoder.is_idle() && self.pending.is_none() && !self.ping_due && !self.dead
    }

    /// When the last byte was received.
    pub const fn heard(&self) -> Instant {
        self.heard
    }

    /// Whether nothing but the output that waits is left to do.
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn has_event(&self) -> bool {
        let waits = |pending: &Pending| pending.event.is_some();
        self.pending.as_deref().is_some_and(waits)
    }

    fn pending(&mut self) -> &mut Pending {
        self.pending.get_or_insert_default()
    }

    fn push_event(&mut self, event: Event) {
        self.pending().event = Some(event);
    }

    fn drop_output(&mut self) {
        if let Some(pending) = &mut self.pending {
            pending.pong = None;
            pending.close = None;
        }
        self.drop_pending_if_empty();
    }

    fn drop_pending_if_empty(&mut self) {
        let empty = |pending: &mut Box<Pending>| pending.event.is_none() && !pending.has_output();
        drop(self.pending.take_if(empty));
    }
}

/// Whole heartbeats in so much silence; a heartbeat of zero never passes.
fn beats_in(silence: Duration, heartbeat: Duration) -> u32 {
    match silence.as_nanos().checked_div(heartbeat.as_nanos()) {
        Some(beats) => u32::try_from(beats).unwrap_or(u32::MAX),
        None => 0,
    }
}

// Density: an idle WebSocket costs its session and nothing else in here.
const _: () = assert!(size_of::<Session>() <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> (Instant, Session) {
        #[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
        let now = Instant::now();
        let session = Session::new(now, Arc::new(Endpoint::default()), Options::default());
        (now, session)
    }

    /// A masked frame, with a mask of zeros.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
    }

    #[test]
    fn an_idle_session_holds_nothing_on_the_heap() {
        let (now, mut session) = session();
        let input =
            [frame(0x81, b"text"), frame(0x89, b"ping"), frame(0x01, b"in "), frame(0x80, b"pieces"), frame(0x8a, b"")];
        for byte in input.concat() {
            assert_eq!(session.handle_input(now, &mut [byte]), Ok(1));
            while session.poll_event().is_some() || session.poll_output().is_some() {}
            assert!(session.pending.is_none());
        }
        assert!(session.decoder.is_idle());
    }

    #[test]
    fn a_session_is_quiet_between_messages_once_all_was_polled() {
        let (now, mut session) = session();
        assert!(session.is_quiet());
        let later = now + Duration::from_secs(1);
        let mut ping = frame(0x89, b"ping");
        let (last, begun) = ping.split_last_mut().expect("a frame");
        assert_eq!(session.handle_input(later, begun), Ok(begun.len()));
        assert!(!session.is_quiet(), "a frame is incomplete");
        assert_eq!(session.handle_input(later, std::slice::from_mut(last)), Ok(1));
        assert!(!session.is_quiet(), "an event and a pong wait");
        assert!(session.poll_event().is_some() && !session.is_quiet());
        assert!(session.poll_output().is_some() && session.is_quiet());
        assert_eq!(session.heard(), later);

        session.handle_timeout(later + session.endpoint.settings.heartbeat);
        assert!(!session.is_quiet(), "a ping waits");
        assert!(session.poll_output().is_some() && session.is_quiet());
        session.close(later, CloseCode::NORMAL, "");
        assert!(session.poll_output().is_some() && !session.is_quiet(), "closing");
    }

    #[test]
    fn a_resumed_session_pings_and_dies_when_the_one_before_it_would_have() {
        let (now, mut whole) = session();
        let endpoint = Arc::clone(&whole.endpoint);
        let settings = &endpoint.settings;
        for silence in
            [Duration::ZERO, settings.heartbeat - Duration::from_millis(1), settings.heartbeat, 2 * settings.heartbeat]
        {
            let at = now + silence;
            whole.handle_timeout(at);
            while whole.poll_output().is_some() {}
            let mut resumed = Session::resume(at, whole.heard(), Arc::clone(&endpoint), Options::default());
            assert!(whole.is_quiet() && resumed.is_quiet());
            assert_eq!(resumed.next_deadline(), whole.next_deadline(), "after {silence:?}");
            resumed.handle_timeout(at);
            assert!(!resumed.has_output(), "a second ping after {silence:?}");
        }
        let mut resumed = Session::resume(now + 2 * settings.heartbeat, now, Arc::clone(&endpoint), Options::default());
        resumed.handle_timeout(now + settings.silence_limit);
        assert_eq!(resumed.poll_event(), Some(Event::Dead));
    }

    #[test]
    fn a_session_resumed_with_a_time_to_come_was_heard_now() {
        let (now, whole) = session();
        let resumed =
            Session::resume(now, now + Duration::from_millis(99), Arc::clone(&whole.endpoint), Options::default());
        assert_eq!((resumed.heard(), resumed.next_deadline()), (now, whole.next_deadline()));
    }

    #[test]
    fn a_session_that_ended_lets_go_of_what_was_incomplete() {
        let (now, mut session) = session();
        let mut input = [frame(0x01, b"begun"), frame(0x02, b"offence")].concat();
        let result = session.handle_input(now, &mut input);
        assert_eq!(result, Err(Offence::MessageInsideMessage));
        assert!(session.decoder.is_idle());
    }
}
