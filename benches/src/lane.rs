//! A server and its client as processes, and duels between two of them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::args::{Dialect, ServerArgs};
use crate::client::command::{Command, Done, Slice};
use crate::client::tally::Account;
use crate::clock::Guard;
use crate::kind::Kind;
use crate::peers::Launch;
use crate::{Result, system};

/// The channel that everybody subscribes, but for probes.
pub(crate) const CHANNEL: &str = "bench";

/// A process of this program in another role. Ends when it is dropped.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, flags: &[String]) -> Result<Self> {
        let mut program = Program::new(std::env::current_exe()?);
        program.arg(role).args(flags).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = program.spawn()?;
        let stdin = child.stdin.take().ok_or("no standard input")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Self { child, stdin, stdout })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err("a process ended before it answered".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Where it is gone already there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client process.
pub(crate) struct Client(Process);

impl Client {
    /// Sends `command`; its answer is taken with [`Client::answer`].
    pub(crate) fn tell(&mut self, command: &Command) -> Result<()> {
        let line = serde_json::to_string(command)?;
        writeln!(self.0.stdin, "{line}")?;
        Ok(self.0.stdin.flush()?)
    }

    pub(crate) fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        Ok(serde_json::from_str(&self.0.line()?)?)
    }

    pub(crate) fn ask<T: DeserializeOwned>(&mut self, command: &Command) -> Result<T> {
        self.tell(command)?;
        self.answer()
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.child.id()
    }

    /// Opens subscribers and sees that they are subscribed.
    pub(crate) fn subscribe(&mut self, kind: Kind, count: usize) -> Result<()> {
        let Done {} = self.ask(&Command::Open { kind, count })?;
        let Done {} = self.ask(&Command::Greet)?;
        Ok(())
    }
}

/// A server and its client.
pub(crate) struct Lane {
    dialect: Dialect,
    tls: bool,
    server: Process,
    address: String,
    pub(crate) client: Client,
    /// Where a server that is not ours keeps its files.
    _dir: Option<TempDir>,
}

impl Lane {
    /// The server under test.
    pub(crate) fn push(args: &ServerArgs, size: usize) -> Result<Self> {
        Self::push_from(args, size, None)
    }

    /// The same, whose client connects from `source`.
    pub(crate) fn push_from(args: &ServerArgs, size: usize, source: Option<Ipv4Addr>) -> Result<Self> {
        Self::start(Dialect::Push, Process::start("server", &args.to_flags())?, args.tls, size, source)
    }

    /// The limit.
    pub(crate) fn limit(size: usize) -> Result<Self> {
        Self::start(Dialect::Limit, Process::start("limit", &[])?, false, size, None)
    }

    fn start(dialect: Dialect, mut server: Process, tls: bool, size: usize, source: Option<Ipv4Addr>) -> Result<Self> {
        let address = server.line()?;
        let at = At { address: &address, dialect, tls, source };
        let client = client(&at, CHANNEL, size, false)?;
        Ok(Self { dialect, tls, server, address, client, _dir: None })
    }

    /// A server that is not ours, on the core of servers; it keeps its files in `dir`.
    pub(crate) fn launched(dialect: Dialect, launch: &Launch, dir: TempDir, size: usize) -> Result<Self> {
        let Some(address) = launch.address else {
            let flags = [&["--".to_owned()], &launch.command[..]].concat();
            let lane = Self::start(dialect, Process::start("exec", &flags)?, false, size, None)?;
            return Ok(Self { _dir: Some(dir), ..lane });
        };
        let log = dir.path().join("log");
        let flags = [&[format!("--log={}", log.display()), "--".to_owned()], &launch.command[..]].concat();
        let mut server = Process::start("exec", &flags)?;
        if let Err(error) = wait_for(&mut server, address) {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            return Err(format!("{error}; it said: {}", log.trim_end()).into());
        }
        let address = address.to_string();
        let at = At { address: &address, dialect, tls: false, source: None };
        let client = client(&at, CHANNEL, size, false)?;
        Ok(Self { dialect, tls: false, server, address, client, _dir: Some(dir) })
    }

    /// One more client, which goes before others on its core.
    pub(crate) fn probe(&self, channel: &str, size: usize) -> Result<Client> {
        client(&self.at(), channel, size, true)
    }

    /// One more client, an equal of the first.
    pub(crate) fn second(&self, channel: &str, size: usize) -> Result<Client> {
        client(&self.at(), channel, size, false)
    }

    fn at(&self) -> At<'_> {
        At { address: &self.address, dialect: self.dialect, tls: self.tls, source: None }
    }

    /// Where the server is.
    pub(crate) fn target(&self) -> Result<SocketAddrV4> {
        Ok(self.address.parse()?)
    }

    /// Processor time that the server has had, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> Result<u64> {
        system::cpu_ns(self.server.child.id())
    }

    /// The number of the server's process.
    pub(crate) fn server_pid(&self) -> u32 {
        self.server.child.id()
    }

    /// Resident memory of the server.
    pub(crate) fn rss_bytes(&self) -> Result<u64> {
        system::rss_bytes(self.server.child.id())
    }

    /// What the client's subscribers have been sent in all.
    pub(crate) fn settle(&mut self) -> Result<Account> {
        self.client.ask(&Command::Settle)
    }
}

/// Until the server lets us connect.
fn wait_for(server: &mut Process, address: SocketAddrV4) -> Result<()> {
    const LOOK_EACH: Duration = Duration::from_millis(10);
    let guard = Guard::new(20, "a server to listen");
    loop {
        // To a port where nobody listens a connection may lead to itself.
        if let Ok(socket) = TcpStream::connect(address)
            && socket.local_addr()? != address.into()
        {
            return Ok(());
        }
        if server.child.try_wait()?.is_some() {
            return Err("a server ended before it listened".into());
        }
        guard.check()?;
        sleep(LOOK_EACH);
    }
}

/// Where a client is to connect to, and how.
struct At<'a> {
    address: &'a str,
    dialect: Dialect,
    tls: bool,
    source: Option<Ipv4Addr>,
}

fn client(at: &At<'_>, channel: &str, size: usize, urgent: bool) -> Result<Client> {
    let At { address, dialect, tls, source } = at;
    let mut flags = vec![
        format!("--target={address}"),
        format!("--dialect={}", dialect.name()),
        format!("--channel={channel}"),
        format!("--size={size}"),
    ];
    flags.extend(urgent.then(|| "--urgent".to_owned()));
    flags.extend(tls.then(|| "--tls".to_owned()));
    flags.extend(source.map(|source| format!("--source={source}")));
    Ok(Client(Process::start("client", &flags)?))
}

/// What one side did in a round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Effort {
    pub(crate) slice: Slice,
    pub(crate) cpu_ns: u64,
}

impl Effort {
    /// Processor time for each delivery or connection, in microseconds.
    pub(crate) fn us_each(&self) -> f64 {
        self.cpu_ns as f64 / 1000.0 / self.slice.count.max(1) as f64
    }
}

/// One round of a duel: `lanes` are told their commands in turn, until each has worked for `ms`.
///
/// Processor time counts from the beginning to the end, what a server does in the other's turn included.
pub(crate) fn duel(lanes: [&mut Lane; 2], commands: [&Command; 2], ms: u64) -> Result<[Effort; 2]> {
    let mut efforts = [Effort::default(); 2];
    let [first, second] = lanes;
    let before = [first.cpu_ns()?, second.cpu_ns()?];
    while efforts.iter().any(|effort| effort.slice.ns < ms * 1_000_000) {
        efforts[0].slice.add(first.client.ask(commands[0])?);
        efforts[1].slice.add(second.client.ask(commands[1])?);
    }
    efforts[0].cpu_ns = first.cpu_ns()? - before[0];
    efforts[1].cpu_ns = second.cpu_ns()? - before[1];
    Ok(efforts)
}
