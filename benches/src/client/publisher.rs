//! Publishes over one kept-alive connection, without ever waiting for the server.

use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;

use super::{http, nats, resp};
use crate::clock::now_ns;
use crate::message;
use crate::poller::{Read, connect, read, send_some};
use crate::{Result, args::Dialect};

/// What is published, and where.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) channel: String,
    /// Bytes of a payload.
    pub(crate) size: usize,
}

/// What a server told a publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A request is done, but for so many publications.
    Answered { refused: u64 },
    /// Something is to be answered, with these bytes.
    Asks(&'static [u8]),
    /// Nothing of interest.
    None,
}

/// A connection that publishes.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) socket: OwnedFd,
    host: String,
    dialect: Dialect,
    shape: Shape,
    /// What the socket has not taken yet.
    out: Vec<u8>,
    answers: Vec<u8>,
    body: Vec<u8>,
    pub(crate) next_seq: u64,
    /// Requests that are not answered yet.
    pub(crate) in_flight: usize,
    /// Requests and lines that were not answered as they should.
    pub(crate) refused: u64,
}

impl Publisher {
    pub(crate) fn new(target: SocketAddrV4, dialect: Dialect, shape: Shape) -> Result<Self> {
        let greeting = if dialect == Dialect::Nats { nats::PUBLISHER } else { b"" };
        Ok(Self {
            socket: connect(target)?,
            host: target.to_string(),
            dialect,
            shape,
            out: greeting.to_vec(),
            answers: Vec::new(),
            body: Vec::new(),
            next_seq: 1,
            in_flight: usize::from(!greeting.is_empty()),
            refused: 0,
        })
    }

    /// Publishes the next `count` messages with one request.
    pub(crate) fn publish(&mut self, count: usize) -> Result<()> {
        self.body.clear();
        for _ in 0..count {
            self.push_message(count > 1, self.next_seq, now_ns());
            self.next_seq += 1;
        }
        self.request(count > 1)
    }

    /// Publishes the next message as one that was due at `due_ns`.
    pub(crate) fn publish_due(&mut self, due_ns: u64) -> Result<()> {
        self.body.clear();
        self.push_message(false, self.next_seq, due_ns);
        self.next_seq += 1;
        self.request(false)
    }

    /// Publishes a message that is no more than a sign of life.
    pub(crate) fn hello(&mut self) -> Result<()> {
        self.body.clear();
        self.push_message(false, message::HELLO, now_ns());
        self.request(false)
    }

    fn push_message(&mut self, is_batch: bool, seq: u64, time_ns: u64) {
        let is_line = is_batch && self.dialect == Dialect::Push;
        if is_line {
            self.body.extend_from_slice(b"{\"channel\":\"");
            self.body.extend_from_slice(self.shape.channel.as_bytes());
            self.body.extend_from_slice(b"\",\"data\":\"");
        }
        message::write(&mut self.body, seq, time_ns, self.shape.size);
        if is_line {
            self.body.extend_from_slice(b"\"}\n");
        }
    }

    fn request(&mut self, is_batch: bool) -> Result<()> {
        match self.dialect {
            Dialect::Push | Dialect::Limit => self.write_post(is_batch),
            Dialect::Redis | Dialect::Nats if is_batch => return Err("others are given no batches".into()),
            Dialect::Redis => resp::publish(&mut self.out, &self.shape.channel, &self.body),
            Dialect::Nats => nats::publish(&mut self.out, &self.shape.channel, &self.body),
        }
        self.in_flight += 1;
        self.flush()
    }

    fn write_post(&mut self, is_batch: bool) {
        let Shape { channel, size } = &self.shape;
        let (target, media_type) = match (self.dialect, is_batch) {
            (_, false) => (format!("/push/publish?channel={channel}"), "text/plain"),
            (Dialect::Push, true) => ("/push/publish".to_owned(), "application/x-ndjson"),
            (_, true) => (format!("/push/publish?channel={channel}&each={}", size.max(&message::HEADER)), "text/plain"),
        };
        let (host, len) = (&self.host, self.body.len());
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {media_type}\r\ncontent-length: {len}\r\n\r\n"
        );
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(&self.body);
    }

    /// Sends what the socket takes.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let sent = send_some(&self.socket, &self.out).ok_or("the publisher's connection broke")?;
        self.out.drain(..sent);
        Ok(())
    }

    /// Reads the answers that are there.
    pub(crate) fn read(&mut self, scratch: &mut [u8]) -> Result<()> {
        loop {
            match read(&self.socket, scratch) {
                Read::Bytes(n) => self.answers.extend_from_slice(&scratch[..n]),
                Read::Nothing => break,
                Read::End => return Err("the server closed the publisher's connection".into()),
            }
        }
        let mut at = 0;
        while let Some(len) = self.take_reply(at)? {
            at += len;
        }
        self.answers.drain(..at);
        Ok(())
    }
    /// Takes what the server told from `at` on, if it is all there; gives its length.
    fn take_reply(&mut self, at: usize) -> Result<Option<usize>> {
        let bytes = &self.answers[at..];
        let taken = match self.dialect {
            Dialect::Push | Dialect::Limit => http::reply(bytes),
            Dialect::Redis => resp::reply(bytes),
            Dialect::Nats => nats::reply(bytes),
        };
        let Some((reply, len)) = taken.map_err(|_| "the publisher was told what is not in its protocol")? else {
            return Ok(None);
        };
        match reply {
            Reply::Asks(answer) => self.out.extend_from_slice(answer),
            Reply::None => {}
            Reply::Answered { refused } => {
                if refused > 0 && self.refused == 0 {
                    eprintln!("a publication was refused: {}", String::from_utf8_lossy(&self.answers[at..at + len]));
                }
                self.refused += refused;
                self.in_flight = self.in_flight.checked_sub(1).ok_or("an answer nobody asked for")?;
            }
        }
        Ok(Some(len))
    }
}
