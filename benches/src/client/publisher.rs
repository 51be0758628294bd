//! Publishes over one kept-alive connection, without ever waiting for the server.

use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;

use memchr::memmem;

use super::http::{self, Body};
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
        Ok(Self {
            socket: connect(target)?,
            host: target.to_string(),
            dialect,
            shape,
            out: Vec::new(),
            answers: Vec::new(),
            body: Vec::new(),
            next_seq: 1,
            in_flight: 0,
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
        self.post(count > 1)
    }

    /// Publishes the next message as one that was due at `due_ns`.
    pub(crate) fn publish_due(&mut self, due_ns: u64) -> Result<()> {
        self.body.clear();
        self.push_message(false, self.next_seq, due_ns);
        self.next_seq += 1;
        self.post(false)
    }

    /// Publishes a message that is no more than a sign of life.
    pub(crate) fn hello(&mut self) -> Result<()> {
        self.body.clear();
        self.push_message(false, message::HELLO, now_ns());
        self.post(false)
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

    fn post(&mut self, is_batch: bool) -> Result<()> {
        let Shape { channel, size } = &self.shape;
        let (target, media_type) = match (self.dialect, is_batch) {
            (_, false) => (format!("/push/publish?channel={channel}"), "text/plain"),
            (Dialect::Push, true) => ("/push/publish".to_owned(), "application/x-ndjson"),
            (Dialect::Limit, true) => {
                (format!("/push/publish?channel={channel}&each={}", size.max(&message::HEADER)), "text/plain")
            }
        };
        let (host, len) = (&self.host, self.body.len());
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {media_type}\r\ncontent-length: {len}\r\n\r\n"
        );
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(&self.body);
        self.in_flight += 1;
        self.flush()
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
        while let Some(head) = http::head(&self.answers[at..]).map_err(|_| "an answer is not HTTP")? {
            let Body::Length(len) = head.body else { return Err("an answer without a length".into()) };
            let (begin, end) = (at + head.len, at + head.len + len);
            let Some(body) = self.answers.get(begin..end) else { break };
            if head.status == 200 {
                self.refused += memmem::find_iter(body, b"\"code\":").count() as u64;
            } else {
                eprintln!("a publication was refused: {} {}", head.status, String::from_utf8_lossy(body));
                self.refused += 1;
            }
            self.in_flight = self.in_flight.checked_sub(1).ok_or("an answer nobody asked for")?;
            at = end;
        }
        self.answers.drain(..at);
        Ok(())
    }
}
