//! A proxy as a process in front of push-server, and a ping through it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::process::Launch;
use testkit::{PushServer, Request, Response};
use tokio::process::{Child, Command};

/// What the operator's page tells to set.
const PAGE: &str = include_str!("../../../docs/mail.md");

/// The piece of the page in that language.
pub(crate) fn snippet(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no piece in {language}"));
    rest.split_once("```").expect("its end").0
}

/// Replaces a line of the page, which must be there.
pub(crate) fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the page has no {from:?}: {text}");
    text.replace(from, to)
}

/// A server over a mailbox in memory, with heartbeats from a second.
pub(crate) async fn server() -> PushServer {
    let config = "[mail]\nheartbeat_min_s = 1\n[[mail.account]]\nname = \"alice\"\nkind = \"memory\"\n";
    Launch::new(env!("CARGO_BIN_EXE_push-server")).config(config).start().await
}

/// A proxy that runs, and is killed when dropped.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    _process: Child,
    _dir: tempfile::TempDir,
}

impl Proxy {
    /// Starts `command` on a port that was free a moment ago: proxies cannot be asked which one they took. `make` writes what it
    /// needs into the directory, for that address.
    pub(crate) async fn start(make: impl Fn(&Path, SocketAddr) -> Command) -> Self {
        for _ in 0..5 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
            let addr = free.expect("a free port");
            let dir = tempfile::tempdir().expect("a directory");
            let mut command = make(dir.path(), addr);
            let log = std::fs::File::create(dir.path().join("output")).expect("a file");
            let errors = log.try_clone().expect("the same file");
            command.stdin(Stdio::null()).stdout(log).stderr(errors).kill_on_drop(true);
            let mut process = command.spawn().expect("it is installed: see ./test");
            let listens = async {
                while tokio::net::TcpStream::connect(addr).await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            };
            tokio::select! {
                () = listens => return Self { addr, _process: process, _dir: dir },
                ended = process.wait() => {
                    let said = std::fs::read_to_string(dir.path().join("output")).unwrap_or_default();
                    assert!(said.contains("in use") || said.contains("cannot bind"), "it ended, {ended:?}: {said}");
                }
                () = tokio::time::sleep(testkit::GUARD) => panic!("it does not listen"),
            }
        }
        panic!("five free ports in a row were taken");
    }
}

/// A ping of the inbox.
pub(crate) async fn ping(addr: SocketAddr, heartbeat_s: u64) -> Response {
    let body = json!({"device": "d", "heartbeat_s": heartbeat_s, "folders": [{"id": "1"}]});
    Request::post("/push/mail/ping", body.to_string()).send(addr).await
}

pub(crate) fn no_changes() -> Value {
    json!({"status": "no_changes"})
}

/// Waits until so many pings have ended in that way.
pub(crate) async fn ended(server: &PushServer, outcome: &str, count: u64) {
    let line = format!("push_mail_pings_total{{outcome=\"{outcome}\"}} {count}");
    let addr = server.addr();
    let is_told = async || Request::get("/metrics").send(addr).await.text().lines().any(|told| told == line);
    testkit::api::eventually(&line, is_told).await;
}
