//! Mail servers that decide who logs in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use push_core::{Hub, HubConfig, Open};
use push_mail::journal::Journal;
use push_mail::state::State;
use push_mail::store::imap::{Credentials, ImapConfig};
use push_mail::store::memory::MemoryStore;
use push_mail::{Mail, MailConfig};
use push_transports::{Config, Push};
use testkit::http::Request;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{PATH, basic, listen};

/// A mail server that lets `alice@mail.example` in with one password, and counts who tries.
struct Imap {
    addr: SocketAddr,
    tries: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Imap {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("bound");
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(greet(stream, Arc::clone(&counted)));
            }
        });
        Self { addr, tries, task }
    }

    fn tries(&self) -> usize {
        self.tries.load(Ordering::SeqCst)
    }
}

async fn greet(stream: TcpStream, tries: Arc<AtomicUsize>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let greeting: &[u8] = b"* OK [CAPABILITY IMAP4rev1] hello\r\n";
    if writer.write_all(greeting).await.is_err() {
        return;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        let (tag, command) = line.split_once(' ').expect("a tag");
        let answer = match command {
            "LOGIN \"alice@mail.example\" \"right\"" => "OK [CAPABILITY IMAP4rev1] in",
            _ if command.starts_with("LOGIN") => "NO [AUTHENTICATIONFAILED] wrong",
            _ => "OK done",
        };
        tries.fetch_add(usize::from(command.starts_with("LOGIN")), Ordering::SeqCst);
        if writer.write_all(format!("{tag} {answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn the_mail_server_decides_who_opens_an_account_and_is_not_asked_for_each_request() {
    let imap = Imap::start().await;
    let (hub, state) = (Hub::new(HubConfig::default()), State::in_memory().expect("memory"));
    let journal = Journal::open(&state, "alice").await.expect("a journal");
    let store = MemoryStore::open(journal).await.expect("a mailbox");
    let url = format!("imap://{}", imap.addr);
    let config = ImapConfig::new(url, "alice@mail.example", Credentials::Password("not this".to_owned()));
    let mail = Mail::builder(hub.clone(), state, MailConfig::default())
        .account("alice", ["nobody"], Arc::new(store))
        .login_by_imap("alice", config)
        .build()
        .expect("an account");
    let mut transports = Config::default();
    transports.authorizer = mail.authorizer(Arc::new(Open));
    let push = Push::new(hub, transports).expect("no origins");
    let (addr, _stop) = listen(push_mail::eas_router(mail, push));
    let status = async |user: &str, password: &[u8]| {
        let request = Request::new("OPTIONS", PATH).header("Authorization", basic(user.as_bytes(), password));
        request.send(addr).await.status()
    };
    for user in ["alice", "alice@mail.example", "CORP\\Alice"] {
        assert_eq!(status(user, b"right").await, 200, "{user}");
        assert_eq!(status(user, b"right").await, 200, "{user}");
    }
    assert_eq!(imap.tries(), 3, "once for each login");
    for (user, password) in [("alice", &b"wrong"[..]), ("bob", b"right"), ("alice", b"ri\0ght"), ("alice", b"")] {
        assert_eq!(status(user, password).await, 401, "{user}");
    }
    assert_eq!(imap.tries(), 4, "only what could be right is asked");
    imap.task.abort();
    assert!(imap.task.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(status("alice", b"another").await, 503, "it cannot be asked");
    assert_eq!(status("alice", b"right").await, 200, "what it said holds for a while");
}
