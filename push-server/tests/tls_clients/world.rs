//! A server whose certificate is of an authority of the test's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tempfile::TempDir;
use testkit::process::Launch;
use testkit::tls::Authority;
use testkit::{PushServer, Request, api};
use tokio::process::Command;
use tokio::time::timeout;

/// A guard against hanging, never a measure.
const GUARD: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { authority: Authority::new(), dir: tempfile::tempdir().expect("a directory") };
        std::fs::write(world.ca(), world.authority.pem()).expect("written");
        world.issue();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.path("cert.pem")
    }

    /// Puts another certificate into place.
    pub(crate) fn issue(&self) {
        self.authority.issue("127.0.0.1").write(&self.certificate(), &self.path("key.pem"));
    }

    /// A server with `more` before its tables and in `[tls]`.
    pub(crate) async fn start(&self, keys: &str, in_table: &str) -> PushServer {
        let (cert, key) = (self.certificate(), self.path("key.pem"));
        let config = format!("{keys}\n[tls]\ncert = {cert:?}\nkey = {key:?}\n{in_table}\n");
        launch().config(&config).start().await
    }
}

pub(crate) fn launch() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_push-server"))
}

/// The address of the door of TLS, where that is another one.
pub(crate) async fn second_door(server: &PushServer) -> SocketAddr {
    let told = || -> Option<SocketAddr> { server.stdout().split("listening on https://").nth(1)?.trim().parse().ok() };
    api::eventually("it says where", || async { told().is_some() }).await;
    told().expect("it was said just now")
}

/// A line of `/metrics` at an address that speaks no TLS.
pub(crate) async fn metric(plain: SocketAddr, name: &str) -> f64 {
    let page = Request::get("/metrics").send(plain).await.text();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name}: {page}"))
}

/// Runs a program to its end.
pub(crate) async fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).kill_on_drop(true).output();
    timeout(GUARD, output).await.expect("it ends").expect("it is installed")
}

/// What curl shows of a URL.
pub(crate) async fn curl(ca: &Path, more: &[&str], url: &str) -> Output {
    let ca = ca.to_str().expect("a path of ours");
    run("curl", &[&["--silent", "--show-error", "--noproxy", "*", "--cacert", ca], more, &[url]].concat()).await
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
