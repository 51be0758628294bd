//! What is said on a connection (RFC 2033, RFC 5321), pure: bytes in, replies and steps out.
//!
//! ```text
//!          LHLO             MAIL              RCPT                DATA
//!  Greeted ────▶ Idle ──────────▶ Envelope ──────▶ (recipient?) ──────▶ Body ──▶ (message) ──▶ Idle
//!                 ▲ RSET, LHLO ──────┘                                                 one reply a recipient
//! ```

use std::sync::Arc;

use smtp_proto::{Error, MAIL_BODY_BINARYMIME, MAIL_SMTPUTF8, MailFrom, Request};

use super::body::Body;
use super::{LmtpConfig, Refusal};

/// What the shell has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read more.
    Read,
    /// Say whether there is that mailbox: [`Session::recipient`].
    Recipient(String),
    /// Deliver what was kept of the body: [`Session::delivered`].
    Message(Envelope),
    /// Forget what was kept of the body: the message was refused.
    Discard,
    /// Send the replies and close.
    Close,
}

/// From whom, for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    /// What the mail server calls itself.
    pub(super) client: String,
    /// Empty for reports (RFC 5321 §4.5.5).
    pub(super) from: String,
    /// At least one; the same may be there twice.
    pub(super) recipients: Vec<String>,
    /// RFC 6531: addresses may have all characters.
    is_utf8: bool,
}

#[derive(Debug)]
enum State {
    Greeted,
    Idle,
    Envelope(Envelope),
    Body(Envelope, Body),
}

/// One connection's conversation.
#[derive(Debug)]
pub(super) struct Session {
    config: Arc<LmtpConfig>,
    state: State,
    client: String,
    /// A command whose end is not there yet.
    line: Vec<u8>,
    /// The rest of a line that was too long is passed over.
    skips_line: bool,
    replies: Vec<u8>,
    kept: Vec<u8>,
    errors: usize,
}

impl Session {
    pub(super) fn new(config: Arc<LmtpConfig>) -> Self {
        let greeting = format!("220 {} LMTP\r\n", config.hostname).into_bytes();
        Self {
            config,
            state: State::Greeted,
            client: String::new(),
            line: Vec::new(),
            skips_line: false,
            replies: greeting,
            kept: Vec::new(),
            errors: 0,
        }
    }

    /// What is to be sent.
    pub(super) fn take_replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.replies)
    }

    /// What is to be kept of the message's text.
    pub(super) fn take_kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// Whether it can be told to come later: it is not in the midst of a message.
    pub(super) fn is_between_messages(&self) -> bool {
        !matches!(self.state, State::Body(..))
    }

    /// Tells it to come later.
    pub(super) fn stop(&mut self) {
        self.reply("421 4.3.2 going down, come back later");
    }

    /// Tells it that it was silent for too long.
    pub(super) fn timed_out(&mut self) {
        self.reply("421 4.4.2 silent for too long");
    }

    /// Tells it that it spoke before it was greeted.
    pub(super) fn spoke_early(&mut self) {
        self.replies.clear();
        self.reply("554 5.5.0 wait for the greeting");
    }

    /// Reads from `input`, which it shortens, up to the next step.
    pub(super) fn handle_input(&mut self, input: &mut &[u8]) -> Step {
        while !input.is_empty() {
            let step = match &mut self.state {
                State::Body(_, body) => {
                    let is_end = body.read(input, &mut self.kept);
                    if body.bytes > self.config.max_message_bytes {
                        self.kept.clear();
                    }
                    if !is_end {
                        return Step::Read;
                    }
                    self.end_of_body()
                }
                _ => self.handle_line(input),
            };
            if step != Step::Read {
                return step;
            }
        }
        Step::Read
    }

    /// The answer to [`Step::Recipient`].
    pub(super) fn recipient(&mut self, recipient: String, answer: Result<(), Refusal>) -> Step {
        match (&mut self.state, answer) {
            (State::Envelope(envelope), Ok(())) => {
                envelope.recipients.push(recipient);
                self.reply("250 2.1.5 recipient ok");
            }
            (_, Err(refusal)) => self.reply(refusal.reply()),
            (_, Ok(())) => self.reply("503 5.5.1 MAIL first"),
        }
        Step::Read
    }

    /// The answer to [`Step::Message`]: one reply for each recipient, in their order (RFC 2033 §4.2).
    pub(super) fn delivered(&mut self, answers: &[Result<(), Refusal>]) {
        for answer in answers {
            match answer {
                Ok(()) => self.reply("250 2.0.0 delivered"),
                Err(refusal) => self.reply(refusal.reply()),
            }
        }
    }

    fn reply(&mut self, line: &str) {
        self.replies.extend_from_slice(line.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    /// Refuses a command. Who is refused too often does not speak LMTP.
    fn refuse(&mut self, line: &str) -> Step {
        self.reply(line);
        self.errors += 1;
        if self.errors < self.config.max_errors {
            return Step::Read;
        }
        self.reply("421 4.7.0 too many errors");
        Step::Close
    }

    fn handle_line(&mut self, input: &mut &[u8]) -> Step {
        let end = memchr::memchr(b'\n', input).map(|at| at + 1);
        let (part, rest) = input.split_at(end.unwrap_or(input.len()));
        *input = rest;
        if !self.skips_line {
            self.line.extend_from_slice(part);
            if self.line.len() > self.config.max_line_bytes {
                self.line.clear();
                self.skips_line = true;
            }
        }
        if end.is_none() {
            return Step::Read;
        }
        if std::mem::take(&mut self.skips_line) {
            return self.refuse("500 5.5.2 the line is too long");
        }
        let line = std::mem::take(&mut self.line);
        let Some(command) = line.strip_suffix(b"\r\n") else {
            // RFC 5321 §2.3.8: who ends a line so may mean another line than is read here.
            self.reply("500 5.5.2 lines end in CR LF");
            return Step::Close;
        };
        if command.iter().any(|byte| *byte < b' ' && *byte != b'\t') {
            return self.refuse("500 5.5.2 there are control characters in the command");
        }
        if std::str::from_utf8(command).is_err() {
            return self.refuse("500 5.5.2 the command is not UTF-8");
        }
        let is_last = input.is_empty();
        match Request::parse(&mut line.iter()) {
            Ok(request) => self.command(request, is_last),
            Err(error) => self.malformed(error),
        }
    }

    fn malformed(&mut self, error: Error) -> Step {
        match error {
            Error::UnknownCommand => self.refuse("500 5.5.1 unknown command"),
            Error::InvalidSenderAddress => self.refuse("501 5.1.7 that is no address"),
            Error::InvalidRecipientAddress => self.refuse("501 5.1.3 that is no address"),
            Error::SyntaxError { syntax } => self.refuse(&format!("501 5.5.4 syntax: {syntax}")),
            Error::InvalidParameter { param } => self.refuse(&format!("501 5.5.4 the parameter {param} is wrong")),
            Error::UnsupportedParameter { .. } => self.refuse("555 5.5.4 there is no such parameter"),
            _ => self.refuse("500 5.5.2 syntax error"),
        }
    }

    fn command(&mut self, request: Request<std::borrow::Cow<'_, str>>, is_last: bool) -> Step {
        match request {
            Request::Lhlo { host } => {
                self.greet(&host);
                Step::Read
            }
            // RFC 2033 §4.1
            Request::Ehlo { .. } | Request::Helo { .. } => {
                self.refuse("500 5.5.1 this is LMTP, which begins with LHLO")
            }
            Request::Mail { from } => self.mail(from),
            Request::Rcpt { to } => self.rcpt(&to.address),
            Request::Data => self.data(is_last),
            Request::Rset => {
                if !matches!(self.state, State::Greeted) {
                    self.state = State::Idle;
                }
                self.reply("250 2.0.0 forgotten");
                Step::Read
            }
            Request::Noop { .. } => {
                self.reply("250 2.0.0 ok");
                Step::Read
            }
            Request::Vrfy { .. } => {
                self.reply("252 2.1.5 send it, and it is seen");
                Step::Read
            }
            Request::Quit => {
                self.reply("221 2.0.0 goodbye");
                Step::Close
            }
            _ => self.refuse("502 5.5.1 not supported"),
        }
    }

    fn greet(&mut self, host: &str) {
        self.client = host.chars().filter(|c| c.is_ascii_alphanumeric() || "-.:[]_".contains(*c)).take(255).collect();
        self.state = State::Idle;
        let LmtpConfig { hostname, max_message_bytes, .. } = &*Arc::clone(&self.config);
        for line in [
            format!("250-{hostname}"),
            "250-PIPELINING".to_owned(),
            "250-8BITMIME".to_owned(),
            "250-SMTPUTF8".to_owned(),
            "250-ENHANCEDSTATUSCODES".to_owned(),
            format!("250 SIZE {max_message_bytes}"),
        ] {
            self.reply(&line);
        }
    }

    fn mail(&mut self, from: MailFrom<std::borrow::Cow<'_, str>>) -> Step {
        let is_utf8 = from.flags & MAIL_SMTPUTF8 != 0;
        match self.state {
            State::Greeted => return self.refuse("503 5.5.1 LHLO first"),
            State::Envelope(_) => return self.refuse("503 5.5.1 there is a sender already"),
            _ => {}
        }
        if from.flags & MAIL_BODY_BINARYMIME != 0 {
            return self.refuse("555 5.5.4 BINARYMIME is not supported");
        }
        if from.size as u64 > self.config.max_message_bytes {
            return self.refuse("552 5.3.4 the message is too large");
        }
        if !is_utf8 && !from.address.is_ascii() {
            return self.refuse("553 5.6.7 the address needs SMTPUTF8");
        }
        let (client, from) = (self.client.clone(), from.address.into_owned());
        self.state = State::Envelope(Envelope { client, from, recipients: Vec::new(), is_utf8 });
        self.reply("250 2.1.0 sender ok");
        Step::Read
    }

    fn rcpt(&mut self, address: &str) -> Step {
        let State::Envelope(envelope) = &self.state else {
            return self.refuse("503 5.5.1 MAIL first");
        };
        if envelope.recipients.len() >= self.config.max_recipients {
            return self.refuse("452 4.5.3 too many recipients");
        }
        if !envelope.is_utf8 && !address.is_ascii() {
            return self.refuse("553 5.6.7 the address needs SMTPUTF8");
        }
        if address.is_empty() {
            return self.refuse("501 5.1.3 that is no address");
        }
        Step::Recipient(address.to_owned())
    }

    fn data(&mut self, is_last: bool) -> Step {
        let State::Envelope(envelope) = &mut self.state else {
            return self.refuse("503 5.5.1 MAIL first");
        };
        if envelope.recipients.is_empty() {
            // RFC 2033 §4.2
            return self.refuse("503 5.5.1 there are no recipients");
        }
        if !is_last {
            // RFC 2920 §3.1: DATA is the last of a group. What follows it may be commands that another took for text.
            self.reply("503 5.5.1 wait for the answer to DATA");
            return Step::Close;
        }
        let envelope = std::mem::take(envelope);
        self.state = State::Body(envelope, Body::default());
        self.reply("354 go on, and end with a dot");
        Step::Read
    }

    fn end_of_body(&mut self) -> Step {
        let State::Body(envelope, body) = std::mem::replace(&mut self.state, State::Idle) else {
            return Step::Read;
        };
        let (offence, step) = if body.bytes > self.config.max_message_bytes {
            ("552 5.3.4 the message is too large", Step::Discard)
        } else if body.has_bare_ends {
            // Nor is what follows believed: another may have taken it for text.
            ("550 5.6.0 lines of the message end in CR or LF alone", Step::Close)
        } else {
            return Step::Message(envelope);
        };
        self.kept.clear();
        for _ in &envelope.recipients {
            self.reply(offence);
        }
        step
    }
}
