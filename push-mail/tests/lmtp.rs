//! Mail as mail servers bring it: over TCP and a unix socket, by hand and by swaks, into Maildirs.

#![cfg(unix)]
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use push_core::BoxFuture;
use push_mail::journal::Journal;
use push_mail::lmtp::{Deliver, Letter, Lmtp, LmtpConfig, Refusal};
use push_mail::state::State;
use push_mail::store::maildir::{MaildirConfig, MaildirStore};
use push_mail::store::{FolderId, Hint, MailStore, Token, Uid, Wanted};
use tempfile::TempDir;
use testkit::mail;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Longest wait for what must come.
const GUARD: Duration = Duration::from_secs(60);

async fn guarded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, future).await.expect("it never came")
}

/// Mailboxes as Maildirs: `NAME@example.org`.
#[derive(Clone, Debug, Default)]
struct Mailboxes {
    stores: Arc<HashMap<String, MaildirStore>>,
    /// Told for each delivery before it is answered; then waited for, if there is one.
    delivered: Arc<Mutex<Vec<String>>>,
    gate: Option<Arc<Notify>>,
}

impl Mailboxes {
    fn of(&self, recipient: &str) -> Result<&MaildirStore, Refusal> {
        let name = recipient.strip_suffix("@example.org").ok_or(Refusal::NoSuchMailbox)?;
        self.stores.get(name).ok_or(Refusal::NoSuchMailbox)
    }

    fn delivered(&self) -> Vec<String> {
        self.delivered.lock().expect("no panic").clone()
    }
}

impl Deliver for Mailboxes {
    fn accepts<'a>(&'a self, recipient: &'a str) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(std::future::ready(self.of(recipient).map(|_| ())))
    }

    fn deliver<'a>(&'a self, recipient: &'a str, letter: Letter) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            self.of(recipient)?.deliver(letter).await.map_err(|_| Refusal::Unavailable)?;
            self.delivered.lock().expect("no panic").push(recipient.to_owned());
            if let Some(gate) = &self.gate {
                gate.notified().await;
            }
            Ok(())
        })
    }
}

struct Site {
    dir: TempDir,
    mailboxes: Mailboxes,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Site {
    async fn start(configure: impl FnOnce(&mut LmtpConfig), gate: Option<Arc<Notify>>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let state = State::in_memory().expect("a state");
        let mut stores = HashMap::new();
        for name in ["alice", "bob"] {
            let journal = Journal::open(&state, name).await.expect("a journal");
            let mut config = MaildirConfig::default();
            config.create = true;
            let store = MaildirStore::open(dir.path().join(name), journal, config).await.expect("a store");
            stores.insert(name.to_owned(), store);
        }
        let mailboxes = Mailboxes { stores: Arc::new(stores), gate, ..Mailboxes::default() };
        let mut config = LmtpConfig::default();
        config.hostname = "mx.example.org".to_owned();
        configure(&mut config);
        let lmtp = Lmtp::new(mailboxes.clone(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move { lmtp.serve(listener, async { drop(stopped.await) }).await });
        Self { dir, mailboxes, address, stop: Some(stop), served }
    }

    async fn connect(&self) -> Peer<TcpStream> {
        Peer::greeted(TcpStream::connect(self.address).await.expect("connected")).await
    }

    fn stop(&mut self) {
        self.stop.take().expect("it runs").send(()).expect("it listens");
    }

    /// The whole messages of a mailbox.
    async fn messages(&self, name: &str) -> Vec<Bytes> {
        let store = &self.mailboxes.stores[name];
        let inbox = inbox(store).await;
        let page = store.changes(inbox, Token::START, 1000).await.expect("changes");
        let uids: Vec<Uid> = page.changes.iter().map(|change| change.uid).collect();
        let items = store.fetch(inbox, &uids, Wanted::Whole).await.expect("fetched");
        items.into_iter().map(|item| item.raw.expect("a message")).collect()
    }
}

async fn inbox(store: &MaildirStore) -> FolderId {
    store.hierarchy().await.expect("a tree").folders[0].id
}

/// A mail server, by hand.
struct Peer<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn greeted(stream: S) -> Self {
        let mut peer = Self(BufReader::new(stream));
        assert_eq!(peer.reply().await, "220 mx.example.org LMTP");
        peer
    }

    async fn send(&mut self, text: &[u8]) {
        guarded(self.0.get_mut().write_all(text)).await.expect("sent");
    }

    /// The last line of the next reply; empty at the end of the connection.
    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            guarded(self.0.read_line(&mut line)).await.expect("a reply");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    async fn say(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Up to the message's text.
    async fn begin(&mut self, recipients: &[&str]) {
        assert_eq!(self.say("LHLO there").await, "250 SIZE 52428800");
        assert_eq!(self.say("MAIL FROM:<ann@example.com>").await, "250 2.1.0 sender ok");
        for recipient in recipients {
            assert_eq!(self.say(&format!("RCPT TO:<{recipient}>")).await, "250 2.1.5 recipient ok");
        }
        assert_eq!(self.say("DATA").await, "354 go on, and end with a dot");
    }

    async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        matches!(guarded(self.0.read_to_end(&mut rest)).await, Ok(0) | Err(_))
    }
}

#[tokio::test]
async fn every_recipient_finds_the_message_and_how_it_came() {
    let site = Site::start(|_| {}, None).await;
    let mut peer = site.connect().await;
    peer.begin(&["alice@example.org", "bob@example.org", "alice@example.org"]).await;
    peer.send(&mail::plain("to both", "..a line\r\nof text")).await;
    peer.send(b".\r\n").await;
    for _ in 0..3 {
        assert_eq!(peer.reply().await, "250 2.0.0 delivered");
    }
    assert_eq!(site.mailboxes.delivered(), ["alice@example.org", "bob@example.org"]);
    for name in ["alice", "bob"] {
        let messages = site.messages(name).await;
        assert_eq!(messages.len(), 1);
        let text = String::from_utf8_lossy(&messages[0]);
        let head = format!(
            "Return-Path: <ann@example.com>\nDelivered-To: {name}@example.org\n\
             Received: from there ([127.0.0.1]) by mx.example.org with LMTP;\n\t"
        );
        assert!(text.starts_with(&head), "{text}");
        assert!(text.ends_with("\n\n.a line\nof text\n") && !text.contains('\r'), "{text}");
        assert!(text.contains("\nSubject: to both\n"), "{text}");
    }
    assert_eq!(peer.say("QUIT").await, "221 2.0.0 goodbye");
    assert!(peer.is_closed().await);
}

#[tokio::test]
async fn a_message_is_there_and_hinted_before_it_is_answered() {
    let gate = Arc::new(Notify::new());
    let site = Site::start(|_| {}, Some(Arc::clone(&gate))).await;
    let store = site.mailboxes.stores["alice"].clone();
    let inbox = inbox(&store).await;
    let mut hints = store.watch(&[]);
    assert_eq!(guarded(hints.next()).await, Hint::Ready);
    let mut peer = site.connect().await;
    peer.begin(&["alice@example.org"]).await;
    peer.send(b"Subject: x\r\n\r\n.\r\n").await;
    assert_eq!(guarded(hints.next()).await, Hint::Folder(inbox));
    assert_eq!(site.messages("alice").await.len(), 1);
    // The answer waits for whoever publishes it.
    gate.notify_one();
    assert_eq!(peer.reply().await, "250 2.0.0 delivered");
}

#[tokio::test]
async fn large_messages_lie_in_a_file_and_too_large_ones_nowhere() {
    let site = Site::start(|config| config.memory_bytes = 10_000, None).await;
    let mut peer = site.connect().await;
    let line = format!("{}\r\n", "x".repeat(998));
    peer.begin(&["alice@example.org", "bob@example.org"]).await;
    peer.send(format!("Subject: large\r\n\r\n{}.\r\n", line.repeat(3000)).as_bytes()).await;
    assert_eq!((peer.reply().await, peer.reply().await), ("250 2.0.0 delivered".into(), "250 2.0.0 delivered".into()));
    for name in ["alice", "bob"] {
        let raw = site.messages(name).await.remove(0);
        assert!(raw.ends_with(line.replace('\r', "").repeat(3000).as_bytes()), "{} bytes", raw.len());
    }

    let site = Site::start(|config| config.max_message_bytes = 1_000_000, None).await;
    let mut peer = site.connect().await;
    assert_eq!(peer.say("LHLO there").await, "250 SIZE 1000000");
    assert_eq!(peer.say("MAIL FROM:<> SIZE=1000001").await, "552 5.3.4 the message is too large");
    peer.say("MAIL FROM:<>").await;
    peer.say("RCPT TO:<alice@example.org>").await;
    peer.say("DATA").await;
    peer.send(format!("{}.\r\n", line.repeat(1002)).as_bytes()).await;
    assert_eq!(peer.reply().await, "552 5.3.4 the message is too large");
    assert_eq!(peer.say("NOOP").await, "250 2.0.0 ok");
    assert!(site.messages("alice").await.is_empty());
    assert_eq!(std::fs::read_dir(site.dir.path().join("alice/tmp")).expect("a directory").count(), 0);
}

#[tokio::test]
async fn a_message_that_cannot_be_kept_is_to_be_sent_again() {
    let nowhere = Path::new("/nowhere/at/all").to_owned();
    let site = Site::start(|config| (config.memory_bytes, config.spool) = (100, nowhere), None).await;
    let mut peer = site.connect().await;
    peer.begin(&["alice@example.org"]).await;
    peer.send(format!("{}.\r\n", "line\r\n".repeat(10_000)).as_bytes()).await;
    assert_eq!(peer.reply().await, "451 4.3.0 the mailbox cannot be written now");
    assert!(site.messages("alice").await.is_empty());
    std::fs::remove_dir_all(site.dir.path().join("bob")).expect("removed");
    assert_eq!(peer.say("MAIL FROM:<>").await, "250 2.1.0 sender ok");
    peer.say("RCPT TO:<bob@example.org>").await;
    peer.say("RCPT TO:<alice@example.org>").await;
    peer.say("DATA").await;
    peer.send(b"short\r\n.\r\n").await;
    assert_eq!(peer.reply().await, "451 4.3.0 the mailbox cannot be written now");
    assert_eq!(peer.reply().await, "250 2.0.0 delivered");
}

#[tokio::test]
async fn unix_sockets_serve_as_well() {
    let site = Site::start(|_| {}, None).await;
    let socket = site.dir.path().join("lmtp");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let mut config = LmtpConfig::default();
    config.hostname = "mx.example.org".to_owned();
    let lmtp = Lmtp::new(site.mailboxes.clone(), config);
    let served = tokio::spawn(async move { lmtp.serve(listener, std::future::pending()).await });
    let mut peer = Peer::greeted(UnixStream::connect(&socket).await.expect("connected")).await;
    peer.begin(&["bob@example.org"]).await;
    peer.send(b"Subject: unix\r\n\r\n.\r\n").await;
    assert_eq!(peer.reply().await, "250 2.0.0 delivered");
    served.abort();
    assert!(peer.is_closed().await);
    assert_eq!(site.messages("bob").await.len(), 1);
}

#[tokio::test]
async fn who_is_silent_or_too_many_is_told_to_come_later() {
    let site = Site::start(|config| config.max_connections = 1, None).await;
    let first = site.connect().await;
    let mut second = BufReader::new(TcpStream::connect(site.address).await.expect("connected"));
    let mut line = String::new();
    guarded(second.read_line(&mut line)).await.expect("a line");
    assert_eq!(line, "421 4.7.0 too many connections, come back later\r\n");
    drop(first);
    let site = Site::start(|config| config.idle = Duration::from_millis(50), None).await;
    let mut peer = site.connect().await;
    assert_eq!(peer.reply().await, "421 4.4.2 silent for too long");
    assert!(peer.is_closed().await);
}

/// RFC 5321 §4.3.1: a mail server waits for the greeting; who does not is no mail server.
#[tokio::test]
async fn who_speaks_before_the_greeting_is_refused() {
    // Nobody accepts yet, so that what is sent is there before the connection is looked at.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut stream = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
    stream.write_all(b"POST / HTTP/1.1\r\nLHLO x\r\n").await.expect("sent");
    let lmtp = Lmtp::new(Mailboxes::default(), LmtpConfig::default());
    let served = tokio::spawn(async move { lmtp.serve(listener, std::future::pending()).await });
    let mut line = String::new();
    guarded(BufReader::new(&mut stream).read_line(&mut line)).await.expect("a line");
    assert_eq!(line, "554 5.5.0 wait for the greeting\r\n");
    served.abort();
}

#[tokio::test]
async fn a_stop_lets_the_message_end_that_is_being_sent() {
    let mut site = Site::start(|_| {}, None).await;
    let (mut idle, mut sender) = (site.connect().await, site.connect().await);
    sender.begin(&["alice@example.org"]).await;
    sender.send(b"Subject: half").await;
    site.stop();
    assert_eq!(idle.reply().await, "421 4.3.2 going down, come back later");
    assert!(idle.is_closed().await);
    sender.send(b"\r\n\r\n.\r\n").await;
    assert_eq!(sender.reply().await, "250 2.0.0 delivered");
    assert_eq!(sender.reply().await, "421 4.3.2 going down, come back later");
    guarded(&mut site.served).await.expect("it ends well");
    assert_eq!(site.messages("alice").await.len(), 1);
    assert!(
        TcpStream::connect(site.address).await.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    );
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut site = Site::start(|config| config.grace = Duration::from_millis(20), None).await;
    let mut sender = site.connect().await;
    sender.begin(&["alice@example.org"]).await;
    site.stop();
    guarded(&mut site.served).await.expect("it ends well");
    assert!(sender.is_closed().await);
    assert!(site.messages("alice").await.is_empty());
}

/// swaks, a mail client of its own (Debian's package of that name).
#[tokio::test]
async fn swaks_delivers() {
    let site = Site::start(|_| {}, None).await;
    let mut swaks = tokio::process::Command::new("swaks");
    swaks.args(["--protocol", "LMTP", "--server", "127.0.0.1", "--port", &site.address.port().to_string()]);
    swaks.args(["--from", "ann@example.com", "--to", "alice@example.org,nobody@example.org,bob@example.org"]);
    swaks.args(["--header", "Subject: by swaks", "--body", ".a dot\n..\nend"]);
    swaks.stdin(Stdio::null()).kill_on_drop(true);
    let output =
        guarded(swaks.output()).await.expect("swaks runs: it is Debian's package swaks, and ./test installs it");
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("<** 550 5.1.1 there is no such mailbox"), "{log}");
    assert_eq!(log.matches("<-  250 2.0.0 delivered").count(), 2, "{log}");
    assert!(log.contains("<-  221 2.0.0 goodbye"), "{log}");
    for name in ["alice", "bob"] {
        let raw = site.messages(name).await.remove(0);
        let text = String::from_utf8_lossy(&raw);
        assert!(text.contains("\nSubject: by swaks\n") && text.contains("\n.a dot\n..\nend\n"), "{text}");
    }
}
