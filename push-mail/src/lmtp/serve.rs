//! The shell: connections, time, and the way from a session's steps to the mailboxes.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mail_parser::DateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::session::{Envelope, Session, Step};
use super::spool::Spool;
use super::{Lmtp, Refusal};

/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// How long is waited when the system has no more files to open.
const PAUSE: Duration = Duration::from_millis(100);

/// Where mail servers connect to.
#[derive(Debug)]
#[non_exhaustive]
pub enum LmtpListener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A socket in the file system; who may open it may deliver.
    Unix(UnixListener),
}

impl From<TcpListener> for LmtpListener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for LmtpListener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl LmtpListener {
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, String)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Replies are short, and waited for.
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), format!("[{}]", peer.ip())))
            }
            Self::Unix(listener) => Ok((Box::new(listener.accept().await?.0), "unix".to_owned())),
        }
    }
}

pub(super) async fn serve(lmtp: &Lmtp, listener: LmtpListener, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(lmtp.config.max_connections));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = Arc::clone(&places).try_acquire_owned().ok();
                let connection = Connection::new(lmtp, stream, peer, stopped.clone());
                connections.spawn(async move {
                    // What goes wrong with a connection ends it, and its mail server sends again.
                    let ended = if place.is_some() { connection.run().await } else { connection.turn_away().await };
                    if let Err(error) = ended {
                        tracing::debug!("an LMTP connection ended: {error}");
                    }
                });
            }
            Err(error) => {
                tracing::warn!("no LMTP connection can be accepted: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let ended = timeout(lmtp.config.grace, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("{} LMTP connections were cut in the midst of a message", connections.len());
    }
}

struct Connection {
    lmtp: Lmtp,
    stream: Box<dyn Stream>,
    peer: String,
    stopped: watch::Receiver<bool>,
    session: Session,
    spool: Spool,
}

impl Connection {
    fn new(lmtp: &Lmtp, stream: Box<dyn Stream>, peer: String, stopped: watch::Receiver<bool>) -> Self {
        let session = Session::new(Arc::clone(&lmtp.config));
        let spool = Spool::new(Arc::clone(&lmtp.config));
        Self { lmtp: lmtp.clone(), stream, peer, stopped, session, spool }
    }

    async fn turn_away(mut self) -> io::Result<()> {
        let reply = b"421 4.7.0 too many connections, come back later\r\n";
        timeout(self.lmtp.config.idle, self.stream.write_all(reply)).await??;
        self.stream.shutdown().await
    }

    async fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        // Early talk: what is there already was not meant for this server's greeting.
        let early = std::future::poll_fn(|cx| {
            let mut first = [0];
            let mut first = tokio::io::ReadBuf::new(&mut first);
            let read = std::pin::Pin::new(&mut self.stream).poll_read(cx, &mut first);
            std::task::Poll::Ready(read.is_ready() && !first.filled().is_empty())
        });
        if early.await {
            self.session.spoke_early();
            return self.close().await;
        }
        self.send().await?;
        loop {
            let idle = self.lmtp.config.idle;
            let read = tokio::select! {
                read = timeout(idle, self.stream.read(&mut buffer)) => Some(read),
                _ = self.stopped.wait_for(|stopped| *stopped), if self.session.is_between_messages() => None,
            };
            let read = match read {
                Some(Ok(read)) => read,
                Some(Err(_)) => {
                    self.session.timed_out();
                    return self.close().await;
                }
                None => {
                    self.session.stop();
                    return self.close().await;
                }
            };
            let mut input = match read? {
                0 => return Ok(()),
                read => &buffer[..read],
            };
            while !input.is_empty() {
                if !self.step(&mut input).await? {
                    return self.close().await;
                }
            }
            self.send().await?;
        }
    }

    /// `false` if it is to be closed.
    async fn step(&mut self, input: &mut &[u8]) -> io::Result<bool> {
        let step = self.session.handle_input(input);
        self.spool.keep(&self.session.take_kept()).await;
        match step {
            Step::Read => {}
            Step::Recipient(recipient) => {
                let answer = self.lmtp.mailboxes.accepts(&recipient).await;
                self.session.recipient(recipient, answer);
            }
            Step::Message(envelope) => {
                let answers = self.deliver(&envelope).await;
                self.session.delivered(&answers);
                self.send().await?;
            }
            Step::Discard => self.spool.clear(),
            Step::Close => return Ok(false),
        }
        Ok(true)
    }

    async fn deliver(&mut self, envelope: &Envelope) -> Vec<Result<(), Refusal>> {
        let letter = match self.spool.letter().await {
            Ok(letter) => letter,
            Err(error) => {
                tracing::error!("a message cannot be kept while it is received: {error}");
                return vec![Err(Refusal::Unavailable); envelope.recipients.len()];
            }
        };
        let mut answers: HashMap<&str, Result<(), Refusal>> = HashMap::new();
        for recipient in &envelope.recipients {
            // One that is named twice gets one message, and two replies.
            if !answers.contains_key(recipient.as_str()) {
                let letter = letter.clone().with_head(self.head(envelope, recipient));
                let answer = self.lmtp.mailboxes.deliver(recipient, letter).await;
                answers.insert(recipient, answer);
            }
        }
        envelope.recipients.iter().map(|recipient| answers[recipient.as_str()]).collect()
    }

    /// RFC 5321 §4.4: what is put before a message when it is delivered.
    fn head(&self, envelope: &Envelope, recipient: &str) -> Bytes {
        let address = |address: &str| address.replace(['<', '>'], "");
        let (from, recipient) = (address(&envelope.from), address(recipient));
        let (client, peer, host) = (&envelope.client, &self.peer, &self.lmtp.config.hostname);
        let date = now();
        let head = format!(
            "Return-Path: <{from}>\nDelivered-To: {recipient}\n\
             Received: from {client} ({peer}) by {host} with LMTP;\n\t{date}\n"
        );
        head.into()
    }

    async fn send(&mut self) -> io::Result<()> {
        let replies = self.session.take_replies();
        timeout(self.lmtp.config.idle, self.stream.write_all(&replies)).await?
    }

    async fn close(mut self) -> io::Result<()> {
        self.send().await?;
        self.stream.shutdown().await
    }
}

#[expect(clippy::disallowed_methods, reason = "the date that a message was received at")]
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DateTime::from_timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)).to_rfc822()
}
