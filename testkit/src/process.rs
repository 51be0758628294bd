//! A push-server as its operator sees it: a process.

use std::{
    fs::File,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::http::GUARD;

/// Where the server's stderr goes, in its directory. A file and no pipe: what was written last is there even when the runtime
/// that would have read it is gone.
const STDERR: &str = "stderr";

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Launch {
    binary: PathBuf,
    listen: Option<String>,
    config: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

/// What a server that ended by itself left behind.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// All it wrote to stdout.
    pub stdout: String,
    /// All it wrote to stderr.
    pub stderr: String,
}

impl Launch {
    /// A binary, by `--listen 127.0.0.1:0` and without a configuration.
    #[must_use]
    pub fn new(binary: impl AsRef<Path>) -> Self {
        Self {
            binary: binary.as_ref().to_owned(),
            listen: Some("127.0.0.1:0".to_owned()),
            config: None,
            args: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Another address.
    #[must_use]
    pub fn listen(mut self, addr: &str) -> Self {
        self.listen = Some(addr.to_owned());
        self
    }

    /// No `--listen`.
    #[must_use]
    pub fn without_listen(mut self) -> Self {
        self.listen = None;
        self
    }

    /// A configuration file with this text.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// Another argument.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn command(&self, dir: &Path) -> io::Result<Command> {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PUSH_")) {
            command.env_remove(name);
        }
        if let Some(listen) = &self.listen {
            command.args(["--listen", listen]);
        }
        if let Some(config) = &self.config {
            let path = dir.join("push.toml");
            std::fs::write(&path, config)?;
            command.arg("--config").arg(path);
        }
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value))).current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// Starts it and waits for its first line.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn start(self) -> PushServer {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let stderr = File::create(dir.path().join(STDERR)).expect("a file in a directory of ours");
        let spawn = |mut command: Command| command.stderr(stderr).spawn();
        let mut child = self.command(dir.path()).and_then(spawn).expect("the binary starts");
        let stdout = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        let read = tokio::time::timeout(GUARD, lines.read_line(&mut first)).await;
        if !matches!(read, Ok(Ok(1..))) {
            let status = tokio::time::timeout(GUARD, child.wait()).await;
            panic!("no first line; {status:?}; stderr: {}", said(dir.path()));
        }
        let url = first.trim_end().strip_prefix("listening on ");
        let addr = url.and_then(|url| url.trim_start_matches("https://").trim_start_matches("http://").parse().ok());
        let addr: SocketAddr = addr.unwrap_or_else(|| panic!("the first line: {first:?}"));
        stdout.lock().expect("not poisoned").push_str(&first);
        collect(lines, Arc::clone(&stdout));
        PushServer { child, addr, launch: self, stdout, dir }
    }

    /// Runs it to its end, for starts that must fail.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn run(self) -> Ended {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = self.command(dir.path()).expect("the configuration is written");
        let output = tokio::time::timeout(GUARD, command.output()).await;
        let output = output.expect("it goes on running").expect("the binary starts");
        Ended {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn said(dir: &Path) -> String {
    let bytes = std::fs::read(dir.join(STDERR)).expect("it was made before the server");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn collect(mut from: impl AsyncReadExt + Unpin + Send + 'static, into: Arc<Mutex<String>>) {
    tokio::spawn(async move {
        let mut buffer = vec![0; 8192];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            into.lock().expect("not poisoned").push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
}

/// A running server; killed when dropped. Dropped by a test that fails, it prints what the server wrote to stderr.
#[derive(Debug)]
pub struct PushServer {
    child: Child,
    addr: SocketAddr,
    launch: Launch,
    stdout: Arc<Mutex<String>>,
    dir: tempfile::TempDir,
}

impl PushServer {
    /// Starts a binary with defaults.
    pub async fn start(binary: impl AsRef<Path>) -> Self {
        Launch::new(binary).start().await
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its working directory, with `push.toml`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it wrote to stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("not poisoned").clone()
    }

    /// What it wrote to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        said(self.dir())
    }

    /// Its process id.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Resident memory in KiB, `VmRSS` of /proc.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// How many descriptors it holds.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Panics
    /// If it has ended.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to read again what can be read while it runs (SIGHUP).
    ///
    /// # Panics
    /// If it has ended.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("it runs");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn ended(&mut self) -> ExitStatus {
        let waiting = tokio::time::timeout(GUARD, self.child.wait());
        waiting.await.unwrap_or_else(|_| panic!("it goes on running; stderr: {}", self.stderr())).expect("a child")
    }

    /// Kills it (SIGKILL) and starts it again at the same address, with the same configuration.
    ///
    /// # Panics
    /// If it does not come up.
    pub async fn restart(mut self) -> Self {
        self.child.kill().await.expect("it runs");
        self.launch.clone().listen(&self.addr.to_string()).start().await
    }
}

impl Drop for PushServer {
    fn drop(&mut self) {
        // Only read where it cannot panic: a second panic would hide the first.
        if std::thread::panicking()
            && let Ok(said) = std::fs::read(self.dir.path().join(STDERR))
        {
            let status = self.child.try_wait();
            eprintln!("the server at {}: {status:?}; stderr:\n{}", self.addr, String::from_utf8_lossy(&said));
        }
    }
}
