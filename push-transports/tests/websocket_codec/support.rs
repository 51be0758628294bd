//! A client's half of the codec, written apart from the library, and a driver without a socket.

use std::sync::Arc;
use std::time::Instant;

use push_transports::proto::websocket::{Endpoint, Event, Offence, Options, Session, Settings, State};

pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;
pub(crate) const CONT: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = FIN | 8;
pub(crate) const PING: u8 = FIN | 9;
pub(crate) const PONG: u8 = FIN | 10;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Some instant; only differences to it count.
#[expect(clippy::disallowed_methods, reason = "the origin of virtual time")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// A masked frame whose first byte is `first`.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = head(first, 0x80, payload.len());
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ MASK[at % 4]));
    out
}

/// A frame as a server sends it.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = head(first, 0, payload.len());
    out.extend_from_slice(payload);
    out
}

fn head(first: u8, mask: u8, len: usize) -> Vec<u8> {
    let mut out = vec![first];
    match len {
        0..=125 => out.push(mask | len as u8),
        126..=65535 => {
            out.push(mask | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out
}

/// First byte and payload of some frames.
pub(crate) type Frames<'a> = &'a [(u8, &'a [u8])];

/// Frames one after another.
pub(crate) fn frames(list: Frames<'_>) -> Vec<u8> {
    list.iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
}

/// What came of some input.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) events: Vec<Event>,
    pub(crate) output: Vec<Vec<u8>>,
    pub(crate) offence: Option<Offence>,
    pub(crate) state: State,
}

impl Seen {
    /// The code of the close frame that was written last.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let last = self.output.last().filter(|frame| frame[0] == CLOSE)?;
        let code = last[2..].first_chunk()?;
        Some(u16::from_be_bytes(*code))
    }
}

/// What sessions are made of in a test.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) settings: Settings,
}

impl Setup {
    pub(crate) fn deflate() -> Self {
        let mut setup = Self::default();
        setup.options.deflate = true;
        setup
    }

    pub(crate) fn max_message(mut self, max: usize) -> Self {
        self.settings.max_message = max;
        self
    }

    pub(crate) fn session(&self, now: Instant) -> Session {
        let endpoint = Arc::new(Endpoint::new(self.settings.clone()));
        Session::new(now, endpoint, self.options)
    }

    /// Feeds these pieces to a new session, polling it dry after each event.
    pub(crate) fn feed<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Seen {
        let now = start();
        let mut session = self.session(now);
        let (mut events, mut output) = (Vec::new(), Vec::new());
        let mut offence = None;
        for piece in pieces {
            let mut piece = piece.to_vec();
            let mut rest = &mut piece[..];
            while !rest.is_empty() {
                match session.handle_input(now, rest) {
                    Ok(read) => rest = &mut rest[read..],
                    Err(found) => {
                        assert_eq!(offence, None, "an offence is told once");
                        offence = Some(found);
                    }
                }
                events.extend(std::iter::from_fn(|| session.poll_event()));
                output.extend(std::iter::from_fn(|| session.poll_output()).map(|bytes| bytes.to_vec()));
            }
        }
        Seen { events, output, offence, state: session.state() }
    }

    /// Feeds the input whole and byte by byte, which must be the same.
    pub(crate) fn talk(&self, input: &[u8]) -> Seen {
        let whole = self.feed([input]);
        let bytewise = self.feed(input.chunks(1));
        assert_eq!(whole, bytewise, "input in pieces of one byte");
        whole
    }
}

/// [`Setup::talk`] with the defaults.
pub(crate) fn talk(input: &[u8]) -> Seen {
    Setup::default().talk(input)
}

/// Expects the input to be an offence, closed with this code, after which the session is closed.
#[track_caller]
pub(crate) fn assert_offence(setup: &Setup, input: &[u8], offence: Offence, code: u16) -> Seen {
    let seen = setup.talk(input);
    assert_eq!(seen.offence, Some(offence), "{seen:?}");
    assert_eq!(seen.close_code(), Some(code));
    assert_eq!(seen.state, State::Closed);
    seen
}

pub(crate) fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

pub(crate) fn binary(data: &[u8]) -> Event {
    Event::Binary(data.to_vec().into())
}

pub(crate) fn ping(payload: &[u8]) -> Event {
    Event::Ping(payload.to_vec().into())
}

pub(crate) fn pong(payload: &[u8]) -> Event {
    Event::Pong(payload.to_vec().into())
}
