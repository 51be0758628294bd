//! One session: from connecting to QUIT. A server locks the mailbox meanwhile, so it is short.

use std::collections::HashMap;

use md5::{Digest, Md5};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::config::Pop3Config;
use super::reply::{Reply, named, pair};
use crate::net::{Endpoint, Security, Stream, Tls};
use crate::store::{StoreError, StoreErrorKind};

/// A line that is an answer, or a line of a list.
const MAX_LINE: usize = 4096;

fn unavailable(detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

/// A session, logged in.
#[derive(Debug)]
pub(super) struct Session<'c> {
    stream: BufReader<Stream>,
    config: &'c Pop3Config,
}

impl<'c> Session<'c> {
    /// Connects and logs in.
    pub(super) async fn open(config: &'c Pop3Config, endpoint: &Endpoint, tls: &Tls) -> Result<Self, StoreError> {
        let stream = timeout(config.timeout, Stream::connect(endpoint, tls)).await;
        let no_connection = format!("no connection to {}:{}", endpoint.host, endpoint.port);
        let stream = stream
            .map_err(|_| unavailable("the server does not answer"))?
            .map_err(|error| unavailable(no_connection).caused_by(error))?;
        let mut session = Self { stream: BufReader::new(stream), config };
        let greeting = session.reply().await?;
        let stamp = greeting.stamp().map(str::to_owned);
        greeting.ok("a connection")?;
        if endpoint.security == Security::StartTls {
            session.command("STLS").await?.ok("STLS").map_err(|error| {
                StoreError::new(StoreErrorKind::Refused, "the server offers no TLS; nothing secret is said without")
                    .caused_by(error)
            })?;
            // What was said before does not count, and is not kept: the buffer goes with it (RFC 2595 §4).
            let secured = timeout(config.timeout, session.stream.into_inner().secured(&endpoint.host, tls)).await;
            let stream = secured
                .map_err(|_| unavailable("the server does not answer within TLS"))?
                .map_err(|error| unavailable("TLS cannot be begun").caused_by(error))?;
            session = Self { stream: BufReader::new(stream), config };
        }
        session.log_in(stamp.as_deref()).await?;
        Ok(session)
    }

    async fn log_in(&mut self, stamp: Option<&str>) -> Result<(), StoreError> {
        let Pop3Config { user, password, .. } = self.config;
        if let Some(stamp) = stamp {
            let digest = Md5::digest(format!("{stamp}{password}"));
            let proof: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            if self.command(&format!("APOP {user} {proof}")).await?.is_ok {
                return Ok(());
            }
            // A server that does not know passwords in clear cannot check it, though it offers it.
        }
        let reply = self.command(&format!("USER {user}")).await?;
        if !reply.is_ok {
            return Err(reply.refusal());
        }
        let reply = self.command(&format!("PASS {password}")).await?;
        if reply.is_ok { Ok(()) } else { Err(reply.refusal()) }
    }

    /// A line with its end, at most `limit` bytes.
    async fn line(&mut self, limit: usize) -> Result<Vec<u8>, StoreError> {
        let mut line = Vec::new();
        loop {
            let filled = timeout(self.config.timeout, self.stream.fill_buf()).await;
            let bytes = filled
                .map_err(|_| unavailable("the server does not answer"))?
                .map_err(|error| unavailable("the connection broke").caused_by(error))?;
            if bytes.is_empty() {
                return Err(unavailable("the server closed the connection"));
            }
            let (taken, is_whole) = match memchr::memchr(b'\n', bytes) {
                Some(at) => (at + 1, true),
                None => (bytes.len(), false),
            };
            if line.len() + taken > limit {
                return Err(unavailable("the server says more than is allowed"));
            }
            line.extend_from_slice(&bytes[..taken]);
            self.stream.consume(taken);
            if is_whole {
                return Ok(line);
            }
        }
    }

    async fn reply(&mut self) -> Result<Reply, StoreError> {
        let line = self.line(MAX_LINE).await?;
        Reply::parse(&line).ok_or_else(|| unavailable("what the server says is no POP3"))
    }

    async fn command(&mut self, command: &str) -> Result<Reply, StoreError> {
        let bytes = format!("{command}\r\n");
        let write = async {
            self.stream.write_all(bytes.as_bytes()).await?;
            self.stream.flush().await
        };
        let written = timeout(self.config.timeout, write).await;
        written
            .map_err(|_| unavailable("the server does not read"))?
            .map_err(|error| unavailable("the connection broke").caused_by(error))?;
        self.reply().await
    }

    /// The lines of an answer up to its final dot, each given to `take` without the dot that was put before another
    /// (RFC 1939 §3); at most `limit` bytes.
    async fn lines(&mut self, limit: usize, take: &mut (dyn FnMut(&[u8]) + Send)) -> Result<(), StoreError> {
        let mut left = limit;
        loop {
            let line = self.line(left.max(8)).await?;
            if matches!(line.as_slice(), b".\r\n" | b".\n") {
                return Ok(());
            }
            left = left.saturating_sub(line.len());
            take(line.strip_prefix(b".").unwrap_or(&line));
        }
    }

    /// How many messages there are, and how large they are together.
    pub(super) async fn stat(&mut self) -> Result<(u64, u64), StoreError> {
        let text = self.command("STAT").await?.ok("STAT")?;
        pair(&text).ok_or_else(|| unavailable("what the server says is no POP3"))
    }

    /// The numbers and names of all messages, in the order of the numbers. Those that are called the same are one: so
    /// RFC 1939 has it for equal messages.
    pub(super) async fn names(&mut self) -> Result<Vec<(u32, String)>, StoreError> {
        self.command("UIDL").await?.ok("UIDL")?;
        let max = self.config.max_messages;
        let (mut names, mut is_wrong) = (Vec::new(), false);
        let mut take = |line: &[u8]| match named(line) {
            Some(named) if names.len() <= max => names.push(named),
            Some(_) => {}
            None => is_wrong = true,
        };
        self.lines(max.saturating_mul(128).max(MAX_LINE), &mut take).await?;
        if is_wrong {
            return Err(unavailable("the server names messages in a way that is not understood"));
        }
        if names.len() > max {
            let detail = format!("the mailbox has more than {max} messages");
            return Err(StoreError::new(StoreErrorKind::Invalid, detail));
        }
        let mut seen = HashMap::new();
        names.retain(|(number, name)| *seen.entry(name.clone()).or_insert(*number) == *number);
        Ok(names)
    }

    /// How large a message is.
    pub(super) async fn size(&mut self, number: u32) -> Result<Option<u64>, StoreError> {
        let reply = self.command(&format!("LIST {number}")).await?;
        Ok(if reply.is_ok { pair(&reply.text).map(|(_, size)| size) } else { None })
    }

    /// The head of a message and the first lines of its body; all of it where the server cannot tell so little.
    pub(super) async fn top(&mut self, number: u32, lines: u32) -> Result<Vec<u8>, StoreError> {
        if self.command(&format!("TOP {number} {lines}")).await?.is_ok {
            return self.message().await;
        }
        self.whole(number).await
    }

    /// A message.
    pub(super) async fn whole(&mut self, number: u32) -> Result<Vec<u8>, StoreError> {
        self.command(&format!("RETR {number}")).await?.ok("read a message")?;
        self.message().await
    }

    async fn message(&mut self) -> Result<Vec<u8>, StoreError> {
        let limit = self.config.max_message.saturating_add(MAX_LINE);
        let mut raw = Vec::new();
        self.lines(limit, &mut |line| raw.extend_from_slice(line)).await?;
        Ok(raw)
    }

    /// Marks a message as to be removed at the end.
    pub(super) async fn delete(&mut self, number: u32) -> Result<(), StoreError> {
        self.command(&format!("DELE {number}")).await?.ok("remove a message").map(drop)
    }

    /// Ends the session. Only now what is to be removed is (RFC 1939 §6).
    pub(super) async fn quit(mut self) -> Result<(), StoreError> {
        self.command("QUIT").await?.ok("QUIT").map(drop)
    }
}
