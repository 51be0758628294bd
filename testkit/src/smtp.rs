//! A submission server that takes messages, or does not, as a test has it.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::http::GUARD;

/// What it offers after TLS is begun, or at once.
const EXTENSIONS: [&str; 5] = ["PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN XOAUTH2"];

/// What becomes of a message once it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It is taken.
    #[default]
    Taken,
    /// This is answered, and it is not taken.
    Refused(&'static str),
    /// The connection is closed when its first line was read.
    CutWithin,
    /// It is taken, and the connection closed without a word.
    CutBehind,
    /// It is taken, and nothing is said.
    Silent,
}

/// Where TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    AtOnce,
    ByCommand,
}

/// How a server is to be.
#[derive(Clone, Debug, Default)]
pub struct SmtpOptions {
    tls: Option<Tls>,
    replies: Vec<(&'static str, &'static str)>,
    extensions: Option<Vec<&'static str>>,
    ending: Ending,
}

impl SmtpOptions {
    /// One that takes everything, without TLS.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// TLS from the first byte, by a certificate for `localhost` of an authority of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = Some(Tls::AtOnce);
        self
    }

    /// TLS by STARTTLS, by the same.
    #[must_use]
    pub fn starttls(mut self) -> Self {
        self.tls = Some(Tls::ByCommand);
        self
    }

    /// `reply` to commands that begin with `command`; the greeting is that to the empty one.
    #[must_use]
    pub fn reply(mut self, command: &'static str, reply: &'static str) -> Self {
        self.replies.push((command, reply));
        self
    }

    /// With these extensions alone.
    #[must_use]
    pub fn extensions(mut self, extensions: &[&'static str]) -> Self {
        self.extensions = Some(extensions.to_vec());
        self
    }

    /// What becomes of messages.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

/// A message that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What stood behind `MAIL FROM:`.
    pub from: String,
    /// What stood behind each `RCPT TO:`.
    pub recipients: Vec<String>,
    /// The message, dots unstuffed.
    pub data: Vec<u8>,
    /// The mechanism of the login, and what it was done with.
    pub login: Option<(String, String)>,
    /// Whether it came within TLS.
    pub is_secret: bool,
}

impl Taken {
    /// The message as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }
}

#[derive(Debug, Default)]
struct Heard {
    taken: Vec<Taken>,
    lines: Vec<String>,
    options: SmtpOptions,
}

/// A submission server, for as long as it is held.
#[derive(Debug)]
pub struct SmtpServer {
    addr: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
    dir: TempDir,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SmtpServer {
    /// Starts one on a free port of the loopback.
    pub async fn start(options: SmtpOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let dir = tempfile::tempdir().expect("a folder");
        let (ca, acceptor) = certificate();
        fs::write(dir.path().join("ca.pem"), ca).expect("written");
        let heard = Arc::new(Mutex::new(Heard { options, ..Heard::default() }));
        let shared = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&shared)));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { addr, heard, task, dir }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate of its authority.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// What it is from now on; where TLS begins stays.
    pub fn set(&self, options: SmtpOptions) {
        let mut heard = self.heard.lock().expect("whole");
        let tls = heard.options.tls;
        heard.options = SmtpOptions { tls, ..options };
    }

    /// The messages that it has taken.
    pub fn taken(&self) -> Vec<Taken> {
        self.heard.lock().expect("whole").taken.clone()
    }

    /// The commands that it was told.
    pub fn lines(&self) -> Vec<String> {
        self.heard.lock().expect("whole").lines.clone()
    }

    /// Waits until it has taken so many messages.
    ///
    /// # Panics
    ///
    /// If that takes too long.
    pub async fn wait_for(&self, count: usize) -> Vec<Taken> {
        let enough = async {
            while self.taken().len() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(GUARD, enough).await.unwrap_or_else(|_| panic!("{count} messages, not {:?}", self.taken()));
        self.taken()
    }
}

/// An authority, and a server that shows a certificate of it.
fn certificate() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let names = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
    let certificate = names.signed_by(&key, &ca).expect("signed");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = config.expect("versions").with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
    (ca.pem(), TlsAcceptor::from(Arc::new(config.expect("it fits"))))
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, heard: Arc<Mutex<Heard>>) {
    let tls = heard.lock().expect("whole").options.tls;
    let mut dialogue = Dialogue { heard, mail: Taken::default(), secret: None };
    if tls == Some(Tls::AtOnce) {
        let Ok(stream) = acceptor.accept(stream).await else { return };
        dialogue.mail.is_secret = true;
        dialogue.greet(stream).await;
        return;
    }
    let Some(stream) = dialogue.greet(stream).await else { return };
    let Ok(stream) = acceptor.accept(stream).await else { return };
    dialogue.mail = Taken { is_secret: true, ..Taken::default() };
    dialogue.talk(&mut BufReader::new(stream)).await;
}

struct Dialogue {
    heard: Arc<Mutex<Heard>>,
    mail: Taken,
    /// The mechanism whose answer is awaited, and what was told of it.
    secret: Option<(String, Vec<String>)>,
}

impl Dialogue {
    fn options(&self) -> SmtpOptions {
        self.heard.lock().expect("whole").options.clone()
    }

    fn scripted(&self, line: &str) -> Option<&'static str> {
        let is_it = |command: &str| if command.is_empty() { line.is_empty() } else { line.starts_with(command) };
        self.options().replies.iter().find(|(command, _)| is_it(command)).map(|(_, reply)| *reply)
    }

    /// The stream on which TLS is to be begun, if it is.
    async fn greet<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: S) -> Option<S> {
        let mut stream = BufReader::new(stream);
        let greeting = self.scripted("").unwrap_or("220 testkit ESMTP");
        stream.write_all(format!("{greeting}\r\n").as_bytes()).await.ok()?;
        self.talk(&mut stream).await.then(|| stream.into_inner())
    }

    /// Until the end, or until TLS is to be begun.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufReader<S>) -> bool {
        let mut line = String::new();
        loop {
            line.clear();
            if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
                return false;
            }
            let said = line.trim_end().to_owned();
            self.heard.lock().expect("whole").lines.push(said.clone());
            let reply = match self.scripted(&said) {
                Some(reply) => reply.to_owned(),
                None => self.reply(&said),
            };
            if stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
                return false;
            }
            let is_good = reply.starts_with('2');
            match said.to_ascii_uppercase().as_str() {
                "STARTTLS" if is_good => return true,
                "QUIT" => return false,
                "DATA" if reply.starts_with("354") && !self.data(stream).await => return false,
                _ => {}
            }
        }
    }

    fn reply(&mut self, line: &str) -> String {
        if let Some((mechanism, mut told)) = self.secret.take() {
            told.push(String::from_utf8_lossy(&STANDARD.decode(line).unwrap_or_default()).into_owned());
            return self.log_in(&mechanism, told);
        }
        let upper = line.to_ascii_uppercase();
        match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => self.capabilities(),
            "STARTTLS" => "220 begin".to_owned(),
            "AUTH" => {
                let mut words = line.split(' ').skip(1);
                let mechanism = words.next().unwrap_or_default().to_owned();
                let first = words.next().map(|word| STANDARD.decode(word).unwrap_or_default());
                let told = first.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).into_iter().collect();
                self.log_in(&mechanism, told)
            }
            "MAIL" => {
                let kept = Taken { login: self.mail.login.clone(), is_secret: self.mail.is_secret, ..Taken::default() };
                self.mail = Taken { from: line["MAIL FROM:".len()..].to_owned(), ..kept };
                "250 sender".to_owned()
            }
            "RCPT" => {
                self.mail.recipients.push(line["RCPT TO:".len()..].to_owned());
                "250 recipient".to_owned()
            }
            "DATA" => "354 go on".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ => "250 well".to_owned(),
        }
    }

    fn capabilities(&self) -> String {
        let options = self.options();
        let mut lines = vec!["testkit"];
        if options.tls == Some(Tls::ByCommand) && !self.mail.is_secret {
            lines.push("STARTTLS");
        } else {
            lines.extend(options.extensions.unwrap_or_else(|| EXTENSIONS.to_vec()));
        }
        let last = lines.len() - 1;
        let line = |(place, line): (usize, &&str)| format!("250{}{line}", if place == last { ' ' } else { '-' });
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
    }

    fn log_in(&mut self, mechanism: &str, told: Vec<String>) -> String {
        let needed = if mechanism == "LOGIN" { 2 } else { 1 };
        if told.len() < needed {
            let question = if told.is_empty() { "VXNlcm5hbWU6" } else { "UGFzc3dvcmQ6" };
            self.secret = Some((mechanism.to_owned(), told));
            return format!("334 {question}");
        }
        self.mail.login = Some((mechanism.to_owned(), told.join(" ")));
        "235 in".to_owned()
    }

    /// Takes the message, or what becomes of it; `false`: the connection ends.
    async fn data<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufReader<S>) -> bool {
        let ending = self.options().ending;
        self.mail.data.clear();
        loop {
            let mut line = Vec::new();
            if !matches!(stream.read_until(b'\n', &mut line).await, Ok(1..)) || ending == Ending::CutWithin {
                return false;
            }
            if line == b".\r\n" {
                break;
            }
            self.mail.data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        if !matches!(ending, Ending::Refused(_)) {
            self.heard.lock().expect("whole").taken.push(self.mail.clone());
        }
        let reply = match ending {
            Ending::Refused(reply) => reply,
            Ending::CutBehind => return false,
            Ending::Silent => {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                return false;
            }
            _ => "250 queued",
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await.is_ok()
    }
}
