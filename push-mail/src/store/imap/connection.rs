//! One connection: commands out, events in. All that is read is bounded, and nothing is waited for without an end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::command::Command;
use super::counters::Counters;
use super::wire::{Code, Decoder, Event, Status, Verdict};
use crate::net::{Stream, Tls};
use crate::store::{StoreError, StoreErrorKind};

/// A whole command may take so many times as long as one silence.
const SILENCES: u32 = 20;
/// Responses to one command, beyond what any honest mailbox has.
const MAX_EVENTS: u64 = 10_000_000;

fn unavailable(detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

/// A connection to a server. After an error it is of no more use.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    decoder: Decoder,
    buffer: Box<[u8]>,
    tag: u64,
    /// Literals up to so many bytes may be sent without asking.
    pub(super) unasked: usize,
    timeout: Duration,
    limit: u32,
    connected: Connected,
    /// It is of no more use.
    is_broken: bool,
}

/// Counted as a connection for as long as it is there.
#[derive(Debug)]
struct Connected(Arc<Counters>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connected.store(false, Ordering::Relaxed);
    }
}

impl Connection {
    pub(super) fn new(stream: Stream, limit: u32, timeout: Duration, counters: Arc<Counters>) -> Self {
        counters.connected.store(true, Ordering::Relaxed);
        Counters::add(&counters.connections);
        let buffer = vec![0; 16 << 10].into();
        let connected = Connected(counters);
        Self {
            stream,
            decoder: Decoder::new(limit),
            buffer,
            tag: 0,
            unasked: 0,
            timeout,
            limit,
            connected,
            is_broken: false,
        }
    }

    /// The same connection, from here on within TLS. What was read before is forgotten: a stranger may have said it.
    pub(super) async fn secured(self, host: &str, tls: &Tls) -> Result<Self, StoreError> {
        let secured = timeout(self.timeout, self.stream.secured(host, tls)).await;
        let stream = secured
            .map_err(|_| unavailable("the server does not answer within TLS"))?
            .map_err(|error| unavailable("TLS cannot be begun").caused_by(error))?;
        Ok(Self { stream, decoder: Decoder::new(self.limit), ..self })
    }

    /// Whether an error has made it useless; what a server says no to does not.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn broken(&mut self, error: StoreError) -> StoreError {
        self.is_broken = true;
        error
    }

    /// The next event, however long it takes.
    ///
    /// Cancel safety: nothing is lost.
    pub(super) async fn event(&mut self) -> Result<Event, StoreError> {
        let event = self.read_event().await;
        event.map_err(|error| self.broken(error))
    }

    async fn read_event(&mut self) -> Result<Event, StoreError> {
        loop {
            let next = self.decoder.next().map_err(|error| unavailable(error.to_string()))?;
            if let Some(event) = next {
                tracing::trace!(?event, "IMAP");
                if let Event::Odd(_) = event {
                    Counters::add(&self.connected.0.odd);
                }
                if let Event::Untagged(Status { verdict: Verdict::Bye, text, .. }) = event {
                    return Err(unavailable(format!("the server ended the connection: {text}")));
                }
                return Ok(event);
            }
            let read = self.stream.read(&mut self.buffer).await;
            let length = read.map_err(|error| unavailable("the connection broke").caused_by(error))?;
            if length == 0 {
                return Err(unavailable("the server closed the connection"));
            }
            self.decoder.feed(&self.buffer[..length]);
        }
    }

    /// An event that must come soon.
    pub(super) async fn event_soon(&mut self) -> Result<Event, StoreError> {
        let silence = self.timeout;
        let event = timeout(silence, self.event()).await;
        event.unwrap_or_else(|_| Err(self.broken(unavailable("the server does not answer"))))
    }

    /// Bytes as they are.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let silence = self.timeout * SILENCES;
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(silence, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(unavailable("the connection broke").caused_by(error))),
            Err(_) => Err(self.broken(unavailable("the server does not read"))),
        }
    }

    /// Sends a command up to where it is complete, and returns its tag. What comes meanwhile goes to `sink`.
    pub(super) async fn begin(
        &mut self,
        command: Command,
        sink: &mut (dyn FnMut(Event) + Send),
    ) -> Result<(String, Option<Status>), StoreError> {
        self.tag += 1;
        Counters::add(&self.connected.0.commands);
        let tag = format!("A{}", self.tag);
        let mut parts = command.encode(&tag, self.unasked).into_iter();
        let first = parts.next().expect("a command is never empty");
        self.send(&first).await?;
        for part in parts {
            // RFC 9051 §4.3: the server may also refuse instead.
            if let Some(status) = self.wait(&tag, true, sink).await? {
                return Ok((tag, Some(status)));
            }
            self.send(&part).await?;
        }
        Ok((tag, None))
    }

    /// Waits for the end of a command, or for the server's wish to hear on (`None`) where that is `continues`.
    pub(super) async fn wait(
        &mut self,
        tag: &str,
        continues: bool,
        sink: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Option<Status>, StoreError> {
        let end = Instant::now() + self.timeout * SILENCES;
        for _ in 0..MAX_EVENTS {
            let Ok(event) = timeout_at(end, self.event_soon()).await else { break };
            match event? {
                Event::Tagged { tag: answered, status } if answered == tag => return Ok(Some(status)),
                Event::Tagged { .. } => {
                    return Err(self.broken(unavailable("the server answers what was not asked")));
                }
                Event::Continue if continues => return Ok(None),
                event => sink(event),
            }
        }
        Err(self.broken(unavailable("the server does not come to an end")))
    }

    /// Runs a command to its end, whatever that is.
    pub(super) async fn run(
        &mut self,
        command: Command,
        sink: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Status, StoreError> {
        let (tag, refused) = self.begin(command, sink).await?;
        if let Some(status) = refused {
            return Ok(status);
        }
        let status = self.wait(&tag, false, sink).await?;
        status.ok_or_else(|| unavailable("the server does not come to an end"))
    }
}

impl Status {
    /// # Errors
    ///
    /// Where it says no.
    pub(super) fn ok(self, asked: &str) -> Result<Code, StoreError> {
        match self.verdict {
            Verdict::Ok => Ok(self.code),
            _ => Err(self.error(asked)),
        }
    }

    /// What it says no with (RFC 5530).
    pub(super) fn error(&self, asked: &str) -> StoreError {
        let kind = match &self.code {
            Code::TryCreate => StoreErrorKind::NoSuchFolder,
            Code::TooBig => StoreErrorKind::Invalid,
            Code::Other(word) => match word.as_str() {
                "NONEXISTENT" => StoreErrorKind::NoSuchFolder,
                "ALREADYEXISTS" => StoreErrorKind::Exists,
                "CANNOT" | "LIMIT" => StoreErrorKind::Invalid,
                "NOPERM" => StoreErrorKind::Unsupported,
                "AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED" | "PRIVACYREQUIRED" => {
                    StoreErrorKind::Refused
                }
                _ => StoreErrorKind::Unavailable,
            },
            _ => StoreErrorKind::Unavailable,
        };
        StoreError::new(kind, format!("the server says no to {asked}: {}", self.text))
    }
}
