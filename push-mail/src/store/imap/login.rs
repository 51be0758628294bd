//! From a connection to a login: greeting, TLS, who we are, and what the server can do.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::timeout;

use super::command::Command;
use super::config::{Credentials, ImapConfig};
use super::connection::Connection;
use super::counters::Counters;
use super::wire::{Code, Event, Status, Verdict};
use crate::net::{Endpoint, Security, Stream, Tls};
use crate::store::{StoreError, StoreErrorKind};

/// What a server can do.
#[derive(Clone, Debug, Default)]
pub(super) struct Capabilities(Vec<String>);

impl Capabilities {
    pub(super) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|it| it == word)
    }

    pub(super) fn condstore(&self) -> bool {
        self.has("CONDSTORE") || self.has("QRESYNC")
    }

    /// STATUS and SPECIAL-USE with LIST (RFC 5819).
    pub(super) fn list_status(&self) -> bool {
        self.has("LIST-STATUS") && (self.has("LIST-EXTENDED") || self.has("SPECIAL-USE"))
    }

    /// RFC 7888.
    fn unasked(&self) -> usize {
        if self.has("LITERAL+") {
            usize::MAX
        } else if self.has("LITERAL-") {
            4096
        } else {
            0
        }
    }
}

fn refused(detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, detail)
}

fn unavailable(detail: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

/// Connects and logs in.
pub(super) async fn log_in(
    config: &ImapConfig,
    endpoint: &Endpoint,
    tls: &Tls,
    counters: &Arc<Counters>,
) -> Result<(Connection, Capabilities), StoreError> {
    let stream = timeout(config.timeout, Stream::connect(endpoint, tls)).await;
    let stream = stream.map_err(|_| unavailable("the server does not answer"))?.map_err(|error| {
        unavailable(format!("no connection to {}:{}", endpoint.host, endpoint.port)).caused_by(error)
    })?;
    let limit = config.max_message.saturating_add(1 << 20);
    let connection = Connection::new(stream, limit, config.timeout, Arc::clone(counters));
    let mut login = Login { connection, capabilities: None };
    login.greeting(endpoint.security).await?;
    if endpoint.security == Security::StartTls {
        login = login.start_tls(&endpoint.host, tls).await?;
    }
    login.authenticate(config).await?;
    let capabilities = login.capabilities().await?;
    login.connection.unasked = capabilities.unasked();
    login.enable(&capabilities).await?;
    Ok((login.connection, capabilities))
}

struct Login {
    connection: Connection,
    /// `None` where they have to be asked for.
    capabilities: Option<Capabilities>,
}

impl Login {
    async fn greeting(&mut self, security: Security) -> Result<(), StoreError> {
        match self.connection.event_soon().await? {
            Event::Untagged(Status { verdict: Verdict::Ok, code, .. }) => {
                self.note(code);
                Ok(())
            }
            // Somebody who is logged in before TLS is begun cannot begin it: a stranger on the way could say so.
            Event::Odd(words) if words.starts_with("PREAUTH") && security == Security::StartTls => {
                Err(refused("the server does not let TLS be begun"))
            }
            Event::Odd(words) if words.starts_with("PREAUTH") => Err(refused("the server does not ask who we are")),
            _ => Err(unavailable("the server does not greet as IMAP does")),
        }
    }

    fn note(&mut self, code: Code) {
        if let Code::Capability(words) = code {
            self.capabilities = Some(Capabilities(words));
        }
    }

    async fn capabilities(&mut self) -> Result<Capabilities, StoreError> {
        if self.capabilities.is_none() {
            let mut told = None;
            let mut sink = |event| {
                if let Event::Capability(words) = event {
                    told = Some(Capabilities(words));
                }
            };
            self.connection.run(Command::new("CAPABILITY"), &mut sink).await?.ok("CAPABILITY")?;
            self.capabilities = Some(told.unwrap_or_default());
        }
        Ok(self.capabilities.clone().unwrap_or_default())
    }

    async fn start_tls(mut self, host: &str, tls: &Tls) -> Result<Self, StoreError> {
        if !self.capabilities().await?.has("STARTTLS") {
            return Err(refused("the server offers no TLS; nothing secret is said without"));
        }
        self.connection.run(Command::new("STARTTLS"), &mut |_| ()).await?.ok("STARTTLS")?;
        // RFC 9051 §6.2.1: what was told before does not count.
        Ok(Self { connection: self.connection.secured(host, tls).await?, capabilities: None })
    }

    async fn authenticate(&mut self, config: &ImapConfig) -> Result<(), StoreError> {
        let capabilities = self.capabilities().await?;
        self.capabilities = None;
        let status = match &config.credentials {
            Credentials::Password(password) if capabilities.has("AUTH=PLAIN") => {
                let proof = format!("\0{}\0{password}", config.user);
                self.sasl("PLAIN", &proof, &capabilities).await?
            }
            Credentials::Password(_) if capabilities.has("LOGINDISABLED") => {
                return Err(refused("the server accepts no password here"));
            }
            Credentials::Password(password) => {
                let command = Command::new("LOGIN ").string(&config.user).words(" ").string(password);
                self.run(command).await?
            }
            Credentials::Token(token) => self.token(&config.user, token, &capabilities).await?,
            Credentials::TokenFile(path) => {
                let token = read_token(path).await?;
                let status = self.token(&config.user, &token, &capabilities).await?;
                let newer = if status.verdict == Verdict::Ok { token.clone() } else { read_token(path).await? };
                if newer == token { status } else { self.token(&config.user, &newer, &capabilities).await? }
            }
        };
        match status.verdict {
            Verdict::Ok => {
                self.note(status.code);
                Ok(())
            }
            _ => Err(refusal(&status)),
        }
    }

    async fn run(&mut self, command: Command) -> Result<Status, StoreError> {
        let mut told = None;
        let mut sink = |event| {
            if let Event::Capability(words) = event {
                told = Some(Capabilities(words));
            }
        };
        let status = self.connection.run(command, &mut sink).await?;
        self.capabilities = told;
        Ok(status)
    }

    async fn token(&mut self, user: &str, token: &str, capabilities: &Capabilities) -> Result<Status, StoreError> {
        if !capabilities.has("AUTH=XOAUTH2") {
            return Err(refused("the server takes no access tokens (XOAUTH2)"));
        }
        let proof = format!("user={user}\x01auth=Bearer {token}\x01\x01");
        self.sasl("XOAUTH2", &proof, capabilities).await
    }

    /// RFC 9051 §6.2.2, with the proof in the command where that is possible (RFC 4959).
    async fn sasl(&mut self, mechanism: &str, proof: &str, can: &Capabilities) -> Result<Status, StoreError> {
        let mut told = None;
        let mut sink = |event| {
            if let Event::Capability(words) = event {
                told = Some(Capabilities(words));
            }
        };
        let proof = STANDARD.encode(proof);
        let at_once = can.has("SASL-IR");
        let command = match at_once {
            true => Command::new(format!("AUTHENTICATE {mechanism} {proof}")),
            false => Command::new(format!("AUTHENTICATE {mechanism}")),
        };
        let (tag, _) = self.connection.begin(command, &mut sink).await?;
        let mut is_told = at_once;
        // The server may ask for the proof, and once more after it has said what is wrong with it.
        for _ in 0..3 {
            if let Some(status) = self.connection.wait(&tag, true, &mut sink).await? {
                self.capabilities = told;
                return Ok(status);
            }
            let answer = if is_told { "\r\n".to_owned() } else { format!("{proof}\r\n") };
            self.connection.send(answer.as_bytes()).await?;
            is_told = true;
        }
        Err(refused("the server asks for more than there is to say"))
    }

    /// RFC 5161, RFC 7162 §3.2.3: without it there are no change numbers in what the server tells on its own.
    async fn enable(&mut self, capabilities: &Capabilities) -> Result<(), StoreError> {
        let what = match () {
            () if !capabilities.has("ENABLE") => return Ok(()),
            () if capabilities.has("QRESYNC") => "ENABLE QRESYNC",
            () if capabilities.has("CONDSTORE") => "ENABLE CONDSTORE",
            () => return Ok(()),
        };
        self.connection.run(Command::new(what), &mut |_| ()).await?.ok("ENABLE")?;
        Ok(())
    }
}

/// RFC 5530 §3: some refusals are none of the user's.
fn refusal(status: &Status) -> StoreError {
    match &status.code {
        Code::Other(word) if ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"].contains(&word.as_str()) => {
            unavailable(format!("the server lets nobody in now: {}", status.text))
        }
        _ if status.verdict == Verdict::Bad => unavailable(format!("the server does not understand: {}", status.text)),
        _ => refused(format!("the server refuses user or password: {}", status.text)),
    }
}

/// The token in a file that somebody else renews.
pub(crate) async fn read_token(path: &std::path::Path) -> Result<String, StoreError> {
    let shown = path.display().to_string();
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(owned)).await;
    let text = match read {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return Err(refused(format!("{shown}: the token cannot be read")).caused_by(error)),
        Err(_) => return Err(unavailable(format!("{shown}: the token was not read"))),
    };
    let token = text.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    if is_token { Ok(token.to_owned()) } else { Err(refused(format!("{shown}: there is no token in it"))) }
}
