//! One of several connections that publish to many channels, with several requests under way.

use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;

use clap::ValueEnum;
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::encode;
use crate::Result;
use crate::args::Dialect;
use crate::client::decode::{self, Item};
use crate::client::http::{self, Body, Head};
use crate::kind::upgrade;
use crate::poller::{Read, connect, read, send_some};

/// How messages are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Way {
    /// A POST for each message.
    Single,
    /// A POST for several, each to another channel.
    Batch,
    /// A frame for each message, over a WebSocket.
    Ws,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Single => "single POSTs",
            Self::Batch => "batches",
            Self::Ws => "WebSocket",
        }
    }
}

/// A connection that publishes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) socket: OwnedFd,
    host: String,
    dialect: Dialect,
    way: Way,
    /// Whether it may publish: a WebSocket has to be answered first.
    pub(super) is_open: bool,
    /// What the socket has not taken yet.
    out: Vec<u8>,
    /// Lines of the request that is being written, or space.
    work: Vec<u8>,
    answers: Vec<u8>,
    /// Requests that are not answered yet.
    pub(super) in_flight: usize,
    /// Requests and lines that were not answered as they should.
    pub(super) refused: u64,
}

impl Writer {
    pub(super) fn new(target: SocketAddrV4, dialect: Dialect, way: Way) -> Result<Self> {
        let host = target.to_string();
        let (is_open, out) = match way {
            Way::Ws => (false, upgrade(&host, "format=json").into_bytes()),
            Way::Single | Way::Batch => (true, Vec::new()),
        };
        let socket = connect(target)?;
        let (work, answers) = (Vec::new(), Vec::new());
        Ok(Self { socket, host, dialect, way, is_open, out, work, answers, in_flight: 0, refused: 0 })
    }

    /// Adds a message to the request that [`Writer::end`] ends.
    pub(super) fn add(&mut self, channel: usize, message: &[u8]) {
        let Self { out, work, host, dialect, .. } = self;
        match self.way {
            Way::Single => encode::single(out, host, channel, message),
            Way::Batch => encode::line(work, *dialect, channel, message),
            Way::Ws => encode::frame(out, work, *dialect, channel, message),
        }
    }

    /// Ends the request. It is sent with the next [`Writer::flush`].
    pub(super) fn end(&mut self) {
        if self.way == Way::Batch {
            encode::batch(&mut self.out, &self.host, &self.work);
            self.work.clear();
        }
        self.in_flight += 1;
    }

    /// Sends what the socket takes.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let sent = send_some(&self.socket, &self.out).ok_or("a publisher's connection broke")?;
        self.out.drain(..sent);
        Ok(())
    }

    /// Reads the answers that are there.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> Result<()> {
        loop {
            match read(&self.socket, scratch) {
                Read::Bytes(n) => self.answers.extend_from_slice(&scratch[..n]),
                Read::Nothing => break,
                Read::End => return Err("the server closed a publisher's connection".into()),
            }
        }
        let answers = std::mem::take(&mut self.answers);
        let taken = if self.way == Way::Ws { self.frames(&answers)? } else { self.bodies(&answers)? };
        self.answers = answers;
        self.answers.drain(..taken);
        Ok(())
    }

    fn bodies(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        while let Some(Head { status, len, body, .. }) = head(&bytes[at..])? {
            let Body::Length(body) = body else { return Err("an answer without a length".into()) };
            let Some(body) = bytes.get(at + len..at + len + body) else { break };
            // A server that has nothing to say about a publication answers with 204.
            let problems = if matches!(status, 200 | 204) { memmem::find_iter(body, b"\"code\":").count() } else { 1 };
            self.answered(problems, body)?;
            at += len + body.len();
        }
        Ok(at)
    }

    fn frames(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut at = 0;
        if !self.is_open {
            let Some(Head { status, len, .. }) = head(bytes)? else { return Ok(0) };
            if status != 101 {
                return Err(format!("a publisher's WebSocket was answered with {status}").into());
            }
            (self.is_open, at) = (true, len);
        }
        let mut result = Ok(());
        let taken = decode::frames(&bytes[at..], false, |item| match item {
            Item::Message(answer) => {
                let is_good = answer == b"{}" || answer.starts_with(b"{\"op\":\"published\"");
                result = std::mem::replace(&mut result, Ok(())).and(self.answered(usize::from(!is_good), answer));
            }
            Item::Ping(payload) => self.out.extend_from_slice(&decode::pong(payload)),
            Item::Cursor(_) | Item::Passed | Item::Gap(_) | Item::Asks(_) | Item::Joined => {}
            Item::End => result = Err("the server closed a publisher's WebSocket".into()),
        });
        result?;
        Ok(at + taken.map_err(|_| "an answer is no frame")?)
    }

    fn answered(&mut self, problems: usize, answer: &[u8]) -> Result<()> {
        if problems > 0 {
            if self.refused == 0 {
                eprintln!("a publication was refused: {}", String::from_utf8_lossy(answer));
            }
            self.refused += problems as u64;
        }
        self.in_flight = self.in_flight.checked_sub(1).ok_or("an answer nobody asked for")?;
        Ok(())
    }
}

fn head(bytes: &[u8]) -> Result<Option<Head>> {
    http::head(bytes).map_err(|_| "an answer is not HTTP".into())
}
