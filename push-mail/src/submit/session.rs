//! One message, one connection to a submission server (RFC 6409, RFC 5321).
//!
//! ```text
//!  greeting ─▶ EHLO ─▶ [STARTTLS ─▶ EHLO] ─▶ [AUTH] ─▶ MAIL ─▶ RCPT.. ─▶ DATA ─▶ 354 ┃ message ─▶ its answer
//!                                                                            opened ┃ handed over
//! ```

use std::net::IpAddr;
use std::time::Duration;

use mail_send::smtp::message::Parameters;
use mail_send::{Credentials as Proof, Error as SmtpFault, SmtpClient};
use push_core::BoxFuture;
use smtp_proto::{EXT_8BIT_MIME, EXT_SIZE, EXT_SMTP_UTF8, EXT_START_TLS, EhloResponse, Response};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::{Opened, Outgoing, SmtpConfig, SubmitError, SubmitErrorKind, Submitter};
use crate::net::{Endpoint, Security, Stream, Tls};
use crate::store::imap::{Credentials, read_token};

/// A message is written, and judged, within so many times what one answer may take.
const OF_A_MESSAGE: u32 = 5;

/// Bytes of a server's words that are shown.
const WORDS_BYTES: usize = 256;

/// Sends by a submission server: a connection for each message, which ends with it.
#[derive(Debug)]
pub struct SmtpSubmitter {
    config: SmtpConfig,
    endpoint: Endpoint,
    tls: Tls,
}

impl SmtpSubmitter {
    /// Connects to nobody yet.
    ///
    /// # Errors
    ///
    /// [`SubmitErrorKind::Invalid`] for a url that is none, or certificate authorities that cannot be read.
    pub fn new(config: SmtpConfig) -> Result<Self, SubmitError> {
        Ok(Self { endpoint: config.endpoint()?, tls: config.tls()?, config })
    }
}

impl Submitter for SmtpSubmitter {
    fn open(&self, message: Outgoing) -> BoxFuture<'_, Result<Box<dyn Opened>, SubmitError>> {
        Box::pin(async move {
            check(&message)?;
            let mut session = Session::connect(self).await?;
            if let Some((user, credentials)) = &self.config.login {
                session.log_in(user, credentials).await?;
            }
            session.envelope(&message).await?;
            Ok(Box::new(Accepted { client: session.client, message }) as Box<dyn Opened>)
        })
    }
}

/// Addresses that would be read as something else.
fn check(message: &Outgoing) -> Result<(), SubmitError> {
    let is_wrong = |address: &String| {
        address.is_empty() || address.contains(|c: char| c.is_control() || c.is_whitespace() || "<>".contains(c))
    };
    if message.recipients.is_empty() || message.recipients.iter().any(is_wrong) {
        return Err(SubmitError::new(SubmitErrorKind::Recipients, "there is no recipient, or one without an address"));
    }
    match is_wrong(&message.from) {
        true => Err(SubmitError::new(SubmitErrorKind::Rejected, "the sender has no address")),
        false => Ok(()),
    }
}

/// A connection on which the server knows who is there.
struct Session {
    client: SmtpClient<Stream>,
    can: EhloResponse<String>,
}

impl Session {
    async fn connect(with: &SmtpSubmitter) -> Result<Self, SubmitError> {
        let SmtpSubmitter { config, endpoint, tls } = with;
        let nobody = || format!("no connection to {}:{}", endpoint.host, endpoint.port);
        let stream = timeout(config.timeout, Stream::connect(endpoint, tls)).await;
        let stream = stream
            .map_err(|_| temporary(format!("{}: it takes too long", nobody())))?
            .map_err(|error| temporary(nobody()).caused_by(error))?;
        let name = stream.local_ip().map_or_else(|_| "localhost".to_owned(), literal);
        let mut client = SmtpClient { stream, timeout: config.timeout };
        let greeting = timeout(config.timeout, client.read()).await.map_err(|_| silent())?;
        expect(greeting, 200..300)?;
        let mut can = client.ehlo(&name).await.map_err(fault)?;
        if endpoint.security == Security::StartTls {
            if !can.has_capability(EXT_START_TLS) {
                return Err(SubmitError::new(
                    SubmitErrorKind::Refused,
                    "the server offers no TLS; nothing is told without",
                ));
            }
            expect(client.cmd("STARTTLS\r\n").await, 200..300)?;
            let secured = timeout(config.timeout, client.stream.secured(&endpoint.host, tls)).await;
            let stream =
                secured.map_err(|_| silent())?.map_err(|error| temporary("no secure connection").caused_by(error))?;
            // RFC 3207 §4.2: what was told before does not count.
            client = SmtpClient { stream, timeout: config.timeout };
            can = client.ehlo(&name).await.map_err(fault)?;
        }
        Ok(Self { client, can })
    }

    async fn log_in(&mut self, user: &str, credentials: &Credentials) -> Result<(), SubmitError> {
        match credentials {
            Credentials::Password(password) => self.prove(&Proof::new(user, password)).await,
            Credentials::Token(token) => self.prove(&Proof::new_xoauth2(user, token)).await,
            Credentials::TokenFile(path) => {
                let unread = |error| SubmitError::new(SubmitErrorKind::Refused, "there is no token").caused_by(error);
                let token = read_token(path).await.map_err(unread)?;
                self.prove(&Proof::new_xoauth2(user, &token)).await
            }
        }
    }

    async fn prove(&mut self, proof: &Proof<&str>) -> Result<(), SubmitError> {
        match self.client.authenticate(proof, &self.can).await {
            Ok(_) => Ok(()),
            Err(SmtpFault::AuthenticationFailed(reply)) if !(400..500).contains(&reply.code) => {
                Err(SubmitError::new(SubmitErrorKind::Refused, format!("user or password refused: {}", words(&reply))))
            }
            Err(error) => Err(fault(error)),
        }
    }

    /// RFC 5321 §4.1.1.2 to §4.1.1.4, up to where the message is awaited.
    async fn envelope(&mut self, message: &Outgoing) -> Result<(), SubmitError> {
        let parameters = self.parameters(message)?;
        self.client.mail_from(&message.from, &parameters).await.map_err(fault)?;
        for recipient in &message.recipients {
            let refused = |error| match error {
                // All or nobody: the sender can mend it, and send it again.
                SmtpFault::UnexpectedReply(reply) if reply.code >= 500 => {
                    SubmitError::new(SubmitErrorKind::Recipients, format!("{recipient} is refused: {}", words(&reply)))
                }
                error => fault(error),
            };
            self.client.rcpt_to(recipient, &Parameters::new()).await.map_err(refused)?;
        }
        expect(self.client.cmd("DATA\r\n").await, 354..355)
    }

    fn parameters(&self, message: &Outgoing) -> Result<Parameters<'static>, SubmitError> {
        let mut parameters = Parameters::new();
        if self.can.has_capability(EXT_SIZE) {
            // RFC 1870 §4: 0 is no limit.
            if self.can.size != 0 && message.raw.len() > self.can.size {
                let detail = format!("the server takes messages of {} bytes", self.can.size);
                return Err(SubmitError::new(SubmitErrorKind::TooLarge, detail));
            }
            parameters.add(("SIZE".to_owned(), message.raw.len().to_string()));
        }
        if !message.raw.is_ascii() && self.can.has_capability(EXT_8BIT_MIME) {
            parameters.add(("BODY", "8BITMIME"));
        }
        if !message.from.is_ascii() || message.recipients.iter().any(|recipient| !recipient.is_ascii()) {
            if !self.can.has_capability(EXT_SMTP_UTF8) {
                let detail = "the server takes addresses in ASCII alone";
                return Err(SubmitError::new(SubmitErrorKind::Recipients, detail));
            }
            parameters.add("SMTPUTF8");
        }
        Ok(parameters)
    }
}

/// A message that is awaited by the server.
struct Accepted {
    client: SmtpClient<Stream>,
    message: Outgoing,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted").field("message", &self.message).finish_non_exhaustive()
    }
}

impl Opened for Accepted {
    fn hand_over(mut self: Box<Self>) -> BoxFuture<'static, Result<(), SubmitError>> {
        Box::pin(async move {
            let patience = self.client.timeout * OF_A_MESSAGE;
            // The end of it is written last, and until all is flushed the server has no whole message: it must not take
            // a part of one (RFC 5321 §4.1.1.4).
            let raw = &self.message.raw;
            // The end is written with the line break that it needs.
            let raw = raw.strip_suffix(b"\r\n").unwrap_or(raw);
            match timeout(patience, self.client.write_message(raw)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(temporary("the connection broke").caused_by(error)),
                Err(_) => return Err(temporary("the server stopped reading")),
            }
            let unknown = |why| SubmitError::new(SubmitErrorKind::InDoubt, why);
            let reply = timeout(patience, self.client.read()).await;
            match reply.map_err(|_| unknown("the server never said whether it took the message"))? {
                Ok(reply) => expect(Ok(reply), 200..300)?,
                Err(error) => return Err(unknown("the server was gone before it said a word").caused_by(error)),
            }
            self.leave().await;
            Ok(())
        })
    }
}

impl Accepted {
    /// RFC 5321 §4.1.1.10, without waiting for good wishes.
    async fn leave(&mut self) {
        let farewell = async {
            self.client.stream.write_all(b"QUIT\r\n").await?;
            self.client.stream.shutdown().await
        };
        if !matches!(timeout(Duration::from_secs(1), farewell).await, Ok(Ok(()))) {
            tracing::debug!("a submission server was gone before it was left");
        }
    }
}

/// RFC 5321 §4.1.3: who has no name says where it is.
fn literal(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("[{ip}]"),
        IpAddr::V6(ip) => format!("[IPv6:{ip}]"),
    }
}

fn temporary(detail: impl Into<String>) -> SubmitError {
    SubmitError::new(SubmitErrorKind::Temporary, detail)
}

fn silent() -> SubmitError {
    temporary("the server does not answer")
}

fn expect(reply: mail_send::Result<Response<String>>, codes: std::ops::Range<u16>) -> Result<(), SubmitError> {
    match reply {
        Ok(reply) if codes.contains(&reply.code) => Ok(()),
        Ok(reply) => Err(refusal(&reply)),
        Err(error) => Err(fault(error)),
    }
}

fn fault(error: SmtpFault) -> SubmitError {
    match error {
        SmtpFault::UnexpectedReply(reply) | SmtpFault::AuthenticationFailed(reply) => refusal(&reply),
        SmtpFault::Timeout => silent(),
        SmtpFault::UnsupportedAuthMechanism => {
            SubmitError::new(SubmitErrorKind::Refused, "the server knows no way to log in that is known here")
        }
        error => temporary("the connection broke").caused_by(error),
    }
}

fn refusal(reply: &Response<String>) -> SubmitError {
    let kind = match reply.code {
        // RFC 5321 §4.2.3, RFC 1870 §6.1, RFC 3463 §3.4.
        552 => SubmitErrorKind::TooLarge,
        500.. if reply.esc == [5, 3, 4] => SubmitErrorKind::TooLarge,
        // RFC 4954 §6.
        530 | 534 | 535 | 538 => SubmitErrorKind::Refused,
        500.. => SubmitErrorKind::Rejected,
        // Also what no server should say here.
        _ => SubmitErrorKind::Temporary,
    };
    SubmitError::new(kind, words(reply))
}

/// What a server says, as a line.
fn words(reply: &Response<String>) -> String {
    let mut words = format!("{} ", reply.code);
    for c in reply.message.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if words.len() + c.len_utf8() > WORDS_BYTES {
            break;
        }
        words.push(c);
    }
    words
}
