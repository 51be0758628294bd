//! Requests that are answered where they are heard, for which no task, no HTTP library and no connection object is made:
//! see [`ServeConfig::shortcut`](crate::server::ServeConfig::shortcut).
//!
//! ```text
//!  read ─▶ plain, and all there? ─▶ answered at once ─▶ the next in the same read ─▶ one send ─▶ idle
//!               │ no                   │ parks at once ─▶ a member
//!               │                      │ a session     ─▶ its task
//!               ▼                      ▼ has to wait   ─▶ a task that goes on with it
//!             hyper, in a task
//! ```

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::response::Parts;
use http::{Request, Response};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::AsyncWriteExt as _;
use tokio::task::coop::unconstrained;

use super::cohort::Parking;
use super::dates::Dates;
use super::engine::{Outlet as _, Received, Sent};
use super::lent::Begun;
use super::run::Lot;
use super::starter::said;
use super::takeover::{AtOnce, Session, Taken, Takeover};
use crate::proto::front::{Bounds, front};
use crate::proto::head;
use crate::proto::lot::records::State;
use crate::server::config::ServeConfig;
use crate::server::connection::Phase;
use crate::server::io::ConnectionIo;
use crate::server::readiness::{ENDED, GONE, READ, WRITE};
use crate::server::shortcut::{Shortcut, ToCome};
use crate::server::wait::may_have_content;

/// Read at a time, on the stack. A request that is longer takes the long way.
const SCRATCH: usize = 64 * 1024;

/// Bytes of answers to requests that came together, before they are sent.
const ANSWERS: usize = 32 * 1024;

/// What answers at the door, and what is used again for the next answer.
pub(super) struct Straight {
    shortcut: Shortcut,
    bounds: Bounds,
    room: Option<ToCome>,
    out: Vec<u8>,
    dates: Dates,
}

/// What became of a request.
enum Begin {
    Answered(Response<Bytes>),
    /// It has to wait.
    Later(ToCome),
    Panicked,
}

impl Straight {
    pub(super) fn new(config: &ServeConfig) -> Option<Self> {
        let shortcut = config.shortcut.clone()?;
        let bounds =
            Bounds { head: config.header_bytes, headers: config.max_headers, target: shortcut.0.target_bytes() };
        Some(Self { shortcut, bounds, room: None, out: Vec::new(), dates: Dates::default() })
    }

    /// Makes room for the next answers; a long one's is given back.
    fn forget(&mut self) {
        self.out.clear();
        self.out.shrink_to(2 * ANSWERS);
    }

    fn begin(&mut self, request: Request<Bytes>) -> Begin {
        let mut answering = self.shortcut.0.answer(request, self.room.take());
        // As in `Starter`: nobody is woken by this poll, and it takes nothing of the lot's share of time.
        let mut cx = Context::from_waker(Waker::noop());
        let polled = {
            let mut once = pin!(unconstrained(std::future::poll_fn(|cx| answering.poll(cx))));
            catch_unwind(AssertUnwindSafe(|| once.as_mut().poll(&mut cx)))
        };
        match polled {
            Ok(Poll::Ready(response)) => {
                self.room = Some(answering);
                Begin::Answered(response)
            }
            Ok(Poll::Pending) => Begin::Later(answering),
            Err(panic) => {
                tracing::error!(panic = said(&*panic), "a request's handler panicked");
                Begin::Panicked
            }
        }
    }
}

/// Appends a whole answer.
pub(super) fn write(out: &mut Vec<u8>, answer: &Response<Bytes>, date: &str, closes: bool) {
    let (status, body) = (answer.status(), answer.body());
    let length = if may_have_content(status) { head::Body::Length(body.len()) } else { head::Body::None };
    let lines = |out: &mut Vec<u8>| {
        head::write_headers(out, answer.headers());
        head::write_upgrade(out, answer.headers());
    };
    head::write_with(out, status, lines, length, date, closes);
    out.extend_from_slice(body);
}

/// What came of the requests of one read.
enum Served {
    /// All that were plain are answered; so many bytes are left.
    Answered(usize),
    /// The connection has gone its way.
    Gone,
}

impl Lot {
    /// A connection that waits for a request has sent something.
    pub(super) fn hear_request(&mut self, key: u32, bits: u8) {
        let Some(mut straight) = self.straight.take_if(|_| self.phase == Phase::Open && bits & (ENDED | GONE) == 0)
        else {
            return self.lend(key, Bytes::new(), bits);
        };
        match self.house.config.tls {
            None => self.hear_plain(key, bits, &mut straight),
            Some(_) => self.hear_sealed(key, bits, &mut straight),
        }
        straight.forget();
        self.straight = Some(straight);
    }

    fn hear_plain(&mut self, key: u32, bits: u8, straight: &mut Straight) {
        let mut scratch = [const { MaybeUninit::<u8>::uninit() }; SCRATCH];
        let read = self.records.handle(key).map(|handle| rustix::net::recv(handle, &mut scratch, RecvFlags::DONTWAIT));
        match read {
            Some(Ok((([], _), _))) => self.close(key),
            Some(Ok(((bytes, _), _))) => self.serve_read(key, bytes, straight),
            Some(Err(Errno::INTR)) => self.lend(key, Bytes::new(), bits),
            Some(Err(Errno::AGAIN)) | None => {}
            Some(Err(_)) => self.close(key),
        }
    }

    fn hear_sealed(&mut self, key: u32, bits: u8, straight: &mut Straight) {
        if !self.sessions.contains_key(&key) {
            return self.lend(key, Bytes::new(), bits); // hands first
        }
        let mut scratch = [0; SCRATCH];
        match self.receive(key, &mut scratch) {
            Received::Nothing => {}
            Received::Gone => self.close(key),
            // Its end would not be heard again.
            Received::Bytes(read) if self.has_ended(key) => {
                self.lend(key, Bytes::copy_from_slice(&scratch[..read]), READ)
            }
            Received::Bytes(read) => self.serve_read(key, &scratch[..read], straight),
        }
    }

    /// Serves what was read, and lets the connection wait for more.
    fn serve_read(&mut self, key: u32, bytes: &[u8], straight: &mut Straight) {
        // Of what is still in the socket nothing else would be heard.
        let more = if bytes.len() == SCRATCH { READ } else { 0 };
        let Served::Answered(left) = self.serve_plain(key, bytes, more, straight) else { return };
        let rest = Bytes::copy_from_slice(&bytes[bytes.len() - left..]);
        if left < bytes.len()
            && let Some(record) = self.records.get_mut(key)
        {
            // What comes next is not its first request.
            record.set_state(State::Idle);
        }
        match self.send_answers(key, &straight.out) {
            Sent::Whole if rest.is_empty() => self.idle(key, rest, more),
            Sent::Whole => self.lend(key, rest, more),
            Sent::Part(sent) => {
                let owed = Bytes::copy_from_slice(&straight.out[sent..]);
                self.lend_begun(key, rest, Begun { owed, answer: None });
            }
            Sent::Gone => self.close(key),
        }
    }

    /// Answers requests as long as plain ones come.
    fn serve_plain(&mut self, key: u32, bytes: &[u8], more: u8, straight: &mut Straight) -> Served {
        let mut rest = bytes;
        while straight.out.len() < ANSWERS && !rest.is_empty() {
            let Straight { shortcut, bounds, .. } = straight;
            let Some(plain) = front(rest, *bounds, |_, path| shortcut.0.route(path)) else { break };
            rest = &rest[plain.len..];
            match straight.begin(plain.request) {
                Begin::Answered(response) => match response.extensions().get::<Takeover>().cloned() {
                    None => write(&mut straight.out, &response, straight.dates.now(), false),
                    Some(offer) => {
                        let head = response.into_parts().0;
                        let session = offer.0.take(&head);
                        self.take_over(key, (session, head), (rest, more), straight);
                        return Served::Gone;
                    }
                },
                Begin::Later(answer) => {
                    let owed = Bytes::copy_from_slice(&straight.out);
                    self.lend_begun(key, Bytes::copy_from_slice(rest), Begun { owed, answer: Some(answer) });
                    return Served::Gone;
                }
                Begin::Panicked => {
                    // Those before it are done. What the socket does not take now is lost with the connection.
                    self.send_answers(key, &straight.out);
                    self.close(key);
                    return Served::Gone;
                }
            }
        }
        Served::Answered(rest.len())
    }

    fn send_answers(&mut self, key: u32, bytes: &[u8]) -> Sent {
        if bytes.is_empty() { Sent::Whole } else { self.send(key, bytes) }
    }

    /// Lets a session have the connection: as a member, if it has nothing to do but to wait with others.
    fn take_over(
        &mut self,
        key: u32,
        (session, head): (Option<Box<dyn Session>>, Parts),
        (rest, more): (&[u8], u8),
        straight: &mut Straight,
    ) {
        // It was offered for the head that it is given.
        let Some(session) = session else { return self.close(key) };
        let early = Bytes::copy_from_slice(rest);
        match session.park_at_once(&head, straight.dates.now(), &mut straight.out) {
            AtOnce::Parks(parking) => match self.send_answers(key, &straight.out) {
                Sent::Whole => {
                    if let Err((early, parking)) = self.engine().admit_here(key, (early, more), parking)
                        && let Some(io) = self.borrow(key, early, more | WRITE)
                    {
                        io.park(*parking);
                    }
                }
                Sent::Part(sent) => {
                    let owed = Bytes::copy_from_slice(&straight.out[sent..]);
                    let Some(io) = self.borrow(key, early, more | WRITE) else { return };
                    self.spawn(Box::pin(park_behind(io, owed, parking)));
                }
                Sent::Gone => self.close(key),
            },
            AtOnce::Runs(session) => {
                let owed = Bytes::copy_from_slice(&straight.out);
                let Some(mut io) = self.borrow(key, early, more | WRITE) else { return };
                io.info().begin_answer();
                tokio::spawn(async move {
                    if owed.is_empty() || io.write_all(&owed).await.is_ok() {
                        session.run(Taken { io, head, closes: false }).await;
                    }
                });
            }
        }
    }

    /// Hands the connection to a task that begins with what is left to do.
    fn lend_begun(&mut self, key: u32, early: Bytes, begun: Begun) {
        if let Some(io) = self.borrow(key, early, READ | WRITE) {
            // The head whose time was counted has come.
            io.info().head_owed_within();
            (self.open)(io, begun);
        }
    }
}

/// The socket did not take all that comes before the wait: answers to requests in front of it, or how it begins.
async fn park_behind(mut io: ConnectionIo, owed: Bytes, parking: Box<Parking>) {
    if io.write_all(&owed).await.is_ok() && io.flush().await.is_ok() {
        io.park(*parking);
    }
}
