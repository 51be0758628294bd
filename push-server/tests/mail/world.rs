//! A Maildir as other programs use it, a server over it, and a device that asks.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use testkit::process::Launch;
use testkit::{Options, PushServer, Request, Response, Subscriber, Transport};

/// A Maildir++ in a directory of its own.
pub(crate) struct Maildir {
    dir: tempfile::TempDir,
    delivered: AtomicU32,
}

impl Maildir {
    /// One that is not there yet.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory"), delivered: AtomicU32::new(0) }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("Maildir")
    }

    /// Where the server's `--data` may lie.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn folder(&self, path: &str) -> PathBuf {
        if path == "INBOX" { self.path() } else { self.path().join(format!(".{}", path.replace('/', "."))) }
    }

    /// Makes a folder as Dovecot does.
    pub(crate) fn make(&self, path: &str) {
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(self.folder(path).join(part)).expect("made");
        }
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.folder(from), self.folder(to)).expect("renamed");
    }

    /// Delivers a message: written into `tmp`, moved into `new`. Returns the name of its file.
    pub(crate) fn deliver(&self, folder: &str, subject: &str, text: &str) -> String {
        let number = self.delivered.fetch_add(1, Ordering::Relaxed);
        let name = format!("1795320476.M{number}P{}.host", std::process::id());
        let raw = format!(
            "From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: {subject}\r\n\
             Date: Sun, 22 Nov 2026 04:07:56 +0000\r\n\r\n{text}\r\n"
        );
        let dir = self.folder(folder);
        fs::write(dir.join("tmp").join(&name), raw).expect("written");
        fs::rename(dir.join("tmp").join(&name), dir.join("new").join(&name)).expect("moved");
        name
    }

    /// Marks a message as a mail program does: moved to `cur`, with its flags behind its name.
    pub(crate) fn mark(&self, folder: &str, name: &str, flags: &str) {
        let dir = self.folder(folder);
        fs::rename(self.file(folder, name), dir.join("cur").join(format!("{name}:2,{flags}"))).expect("moved");
    }

    pub(crate) fn move_to(&self, from: &str, name: &str, to: &str) {
        let file = self.file(from, name);
        fs::rename(&file, self.folder(to).join("cur").join(file.file_name().expect("a name"))).expect("moved");
    }

    pub(crate) fn delete(&self, folder: &str, name: &str) {
        fs::remove_file(self.file(folder, name)).expect("removed");
    }

    fn file(&self, folder: &str, name: &str) -> PathBuf {
        let dir = self.folder(folder);
        let named = |dir: PathBuf| {
            let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
            entries.into_iter().find(|path| path.file_name().is_some_and(|file| starts_with(file, name)))
        };
        named(dir.join("new")).or_else(|| named(dir.join("cur"))).unwrap_or_else(|| panic!("{name} is not in {folder}"))
    }

    /// The account `alice` over it, with heartbeats from a second.
    pub(crate) fn config(&self) -> String {
        format!("[mail]\nheartbeat_min_s = 1\n\n{}", account("alice", &self.path(), &["alice"]))
    }
}

fn starts_with(file: &std::ffi::OsStr, name: &str) -> bool {
    file.to_str().is_some_and(|file| file.starts_with(name))
}

/// The table of an account that is a Maildir.
pub(crate) fn account(name: &str, path: &Path, readers: &[&str]) -> String {
    format!("[[mail.account]]\nname = {name:?}\nkind = \"maildir\"\npath = {path:?}\nreaders = {readers:?}\n")
}

pub(crate) fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_push-server"))
}

/// A server over a Maildir that it made, where anyone may do anything.
pub(crate) async fn open() -> (Maildir, PushServer) {
    let maildir = Maildir::new();
    let server = launch().config(&maildir.config()).start().await;
    (maildir, server)
}

pub(crate) async fn post(addr: SocketAddr, call: &str, body: &Value, token: Option<&str>) -> Response {
    Request::post(&format!("/push/mail/{call}"), body.to_string()).maybe_bearer(token).send(addr).await
}

/// A call that is understood, and so is answered with 200 (wire.md §9).
pub(crate) async fn call(addr: SocketAddr, call: &str, body: &Value) -> Value {
    let response = post(addr, call, body, None).await;
    assert_eq!(response.status(), 200, "{call} {body}: {}", response.text());
    response.json()
}

/// The folders, as a list of objects.
pub(crate) async fn folders(addr: SocketAddr) -> Vec<Value> {
    let response = Request::get("/push/mail/folders").send(addr).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    response.json()["folders"].as_array().expect("a list").clone()
}

/// The folder of that path.
pub(crate) async fn folder(addr: SocketAddr, path: &str) -> Value {
    let folders = folders(addr).await;
    let found = folders.iter().find(|folder| folder["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {folders:?}")).clone()
}

pub(crate) async fn id(addr: SocketAddr, path: &str) -> String {
    folder(addr, path).await["id"].as_str().expect("ids are strings").to_owned()
}

/// One sync of a device: its key, and what it was told.
pub(crate) async fn sync(addr: SocketAddr, device: &str, folder: &str, key: &str) -> (String, Vec<Value>) {
    let answer = call(addr, "sync", &json!({"device": device, "folder": folder, "sync_key": key})).await;
    assert_eq!(answer["status"], "ok", "{answer}");
    assert_eq!(answer["more"], false, "{answer}");
    (answer["sync_key"].as_str().expect("a key").to_owned(), answer["changes"].as_array().expect("a list").clone())
}

/// The subjects among changes.
pub(crate) fn subjects(changes: &[Value]) -> Vec<&str> {
    changes.iter().filter_map(|change| change["subject"].as_str()).collect()
}

pub(crate) fn ping_of(device: &str, heartbeat_s: u64, folders: &[&str]) -> Value {
    let folders: Vec<_> = folders.iter().map(|id| json!({"id": id, "class": "Email"})).collect();
    json!({"account": "alice", "device": device, "heartbeat_s": heartbeat_s, "folders": folders})
}

/// A ping that waits, on a task of its own.
pub(crate) fn ping(addr: SocketAddr, body: Value) -> tokio::task::JoinHandle<Value> {
    tokio::spawn(async move { call(addr, "ping", &body).await })
}

/// What a metric is now.
pub(crate) async fn metric(addr: SocketAddr, name: &str) -> f64 {
    let text = Request::get("/metrics").send(addr).await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().expect("a number")
}

/// Waits until so many pings wait.
pub(crate) async fn parked(addr: SocketAddr, pings: u32) {
    let waiting = || async move { metric(addr, "push_mail_pings_waiting").await == f64::from(pings) };
    testkit::api::eventually("pings wait", waiting).await;
}

pub(crate) async fn subscribe(addr: SocketAddr, transport: Transport, channel: &str) -> Subscriber {
    Subscriber::open(transport, addr, &Options::channel(channel)).await
}
