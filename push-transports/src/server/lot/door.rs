//! Accepting: each lot for itself, from the one listener.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use rustix::net::SocketFlags;
use tokio::time::Instant;

use super::epoll::Epoll;
use super::inbox::Message;
use super::run::Lot;
use crate::server::backoff::{Backoff, Next};
use crate::server::refuse::Refused;

/// Connections taken before others have their turn.
const ACCEPTS_A_TURN: usize = 64;

/// The listener, and those it had to send away.
#[derive(Debug)]
pub(super) struct Door {
    listener: Option<OwnedFd>,
    refused: Refused,
    backoff: Backoff,
    /// While the process is out of descriptors the listener is not watched: it would always be ready.
    paused: Option<Instant>,
}

impl Door {
    pub(super) fn new(listener: OwnedFd, epoll: &Epoll) -> std::io::Result<Self> {
        epoll.add_listener(&listener)?;
        Ok(Self { listener: Some(listener), refused: Refused::default(), backoff: Backoff::default(), paused: None })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.paused.into_iter().chain(self.refused.deadline()).min()
    }

    pub(super) fn close(&mut self, epoll: &Epoll) {
        if let Some(listener) = self.listener.take() {
            epoll.remove(&listener);
        }
        self.paused = None;
    }

    fn failed(&mut self, error: std::io::Error, epoll: &Epoll) {
        match self.backoff.failed(&error) {
            Next::Again => tracing::debug!(%error, "a connection failed before it was accepted"),
            Next::Pause { length, first } => {
                if first {
                    tracing::warn!(%error, "cannot accept connections now, will keep trying");
                }
                if let Some(listener) = &self.listener {
                    epoll.remove(listener);
                }
                self.paused = Some(Instant::now() + length);
            }
        }
    }
}

impl Lot {
    pub(super) fn accept(&mut self) {
        for _ in 0..ACCEPTS_A_TURN {
            let Some(listener) = self.door.listener.as_ref().filter(|_| self.door.paused.is_none()) else { return };
            match rustix::net::acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((descriptor, address)) => {
                    self.door.backoff.succeeded();
                    let address = address.and_then(|any| SocketAddr::try_from(any).ok());
                    self.welcome(descriptor, address.map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip()));
                }
                Err(rustix::io::Errno::AGAIN) => return,
                Err(error) => return self.door.failed(error.into(), &self.epoll),
            }
        }
    }

    fn welcome(&mut self, descriptor: OwnedFd, address: IpAddr) {
        let Some(place) = self.house.enter(address) else {
            self.house.config.counters.refuse();
            tracing::debug!(%address, "connection refused");
            if self.house.config.tls.is_some() {
                return; // no answer but in TLS, for which there is no place
            }
            self.door.refused.refuse(TcpStream::from(descriptor), Instant::now(), date());
            return;
        };
        match self.house.lighter_than(self.number, self.records.len()) {
            Some(other) => {
                self.house.sent_to(other);
                self.house.inbox(other).send(Message::Accepted(descriptor, place));
            }
            None => self.enter(descriptor, place),
        }
    }

    /// Watches the listener again once a pause is over, and closes those sent away whose time is over.
    pub(super) fn reopen(&mut self) {
        let now = Instant::now();
        self.door.refused.expire(now);
        if self.door.paused.is_some_and(|until| until <= now) {
            self.door.paused = None;
            if let Some(listener) = &self.door.listener
                && let Err(error) = self.epoll.add_listener(listener)
            {
                self.door.failed(error, &self.epoll);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell's clock: an answer has to carry the date")]
pub(super) fn date() -> SystemTime {
    SystemTime::now()
}
