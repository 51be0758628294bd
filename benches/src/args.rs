//! The command line.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::device::Speech;
use crate::kind::Kind;
use crate::peers::ExecArgs;
use crate::report::Place;
use crate::scenario::{
    AllArgs, BurstArgs, ChatArgs, ConnectArgs, FanoutArgs, IdleArgs, InstructionsArgs, LatencyArgs, NodesArgs,
    OperationArgs, PatternArgs, PeersArgs, PollArgs, PublishArgs, SlowArgs, SoakArgs, StormArgs,
};

/// What a delivery, a connection and a subscriber cost, as ratios to a loop of bare send(2).
///
/// Each scenario starts its servers and clients as processes of its own, servers on the first core and clients on the
/// second, prints a table, and a line of JSON with the same figures. Ratios come from duels: server and limit
/// run at the same time and are driven in turn, so that what slows the machine down slows both.
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Role,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// What one more delivery costs: publish when everybody has the last message.
    Fanout(FanoutArgs),
    /// Deliveries a second when the publisher is as fast as answers come.
    Burst(BurstArgs),
    /// Many channels of one or two subscribers, and messages to one after another.
    Chat(ChatArgs),
    /// Many channels under one pattern, whose subscribers have them all.
    Pattern(PatternArgs),
    /// Publications a second over HTTP, beside nginx that answers 204.
    Publish(PublishArgs),
    /// Memory and processor time of connections that do nothing.
    Idle(IdleArgs),
    /// Processor time of a new connection.
    Connect(ConnectArgs),
    /// Memory while connections of all kinds come and go.
    Churn(ChurnArgs),
    /// Instructions that small operations take, counted by callgrind.
    Instructions(InstructionsArgs),
    /// The latency of a quiet channel beside a fan-out.
    Quiet(QuietArgs),
    /// Long polls: every delivery is a whole request.
    Poll(PollArgs),
    /// Latency under paced load, at shares of what can be delivered.
    Latency(LatencyArgs),
    /// Subscribers that stop reading for a while, and what the others notice of it.
    Slow(SlowArgs),
    /// Direct Push over Maildirs: from a file's rename to the ping's answer.
    Ping(PingArgs),
    /// Pings that are woken: one of many mailboxes, and all of one.
    Wake(WakeArgs),
    /// Many are cut off and all come back at once, each with its cursor.
    Storm(StormArgs),
    /// Several servers side by side, and more connections than a process may hold.
    Nodes(NodesArgs),
    /// Half of what the server can do, for long, while subscribers come and go.
    Soak(SoakArgs),
    /// Every scenario, its results collected in a directory with an index of figures and their targets.
    All(AllArgs),
    /// Other servers beside push: nchan, Redis, NATS, ws, socket.io, axum, socketioxide.
    Peers(PeersArgs),
    #[command(hide = true)]
    Exec(ExecArgs),
    #[command(hide = true)]
    Server(ServerArgs),
    #[command(hide = true)]
    Limit,
    #[command(hide = true)]
    Client(ClientArgs),
    #[command(hide = true)]
    Operation(OperationArgs),
}

/// How a client publishes: with single requests to HTTP servers alike, with batches to each its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    Push,
    Limit,
    Redis,
    Nats,
}

/// How long to measure.
#[derive(Clone, Debug, Args)]
pub(crate) struct TimeArgs {
    /// Rounds; figures are their median
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    /// Length of a round in seconds
    #[arg(long, default_value_t = 2.0)]
    pub(crate) secs: f64,
}

impl TimeArgs {
    pub(crate) fn ms(&self) -> u64 {
        (self.secs * 1000.0) as u64
    }
}

/// How the server under test is set.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// Threads of the server; it is kept on one core if this is 1
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Lots of the server (`ServeConfig::lots`), one a thread unless given; 0: each connection is a task of its own
    #[arg(long)]
    pub(crate) lots: Option<usize>,
    /// Under `axum::serve`, as a part of somebody's application, instead of by our own accept loop
    #[arg(long)]
    pub(crate) portable: bool,
    /// Subscribers, and devices that ping, speak TLS
    #[arg(long)]
    pub(crate) tls: bool,
    /// The server's heartbeat interval in seconds
    #[arg(long, default_value_t = 25)]
    pub(crate) heartbeat: u64,
    /// Publications that a channel retains
    #[arg(long, default_value_t = 65_536)]
    pub(crate) retention: usize,
    #[command(flatten)]
    pub(crate) mail: MailArgs,
}

/// What mail the server serves. Scenarios of mail set the rest themselves.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct MailArgs {
    /// Mail accounts in memory
    #[arg(long, default_value_t = 0)]
    pub(crate) mailboxes: usize,
    /// Folders of each
    #[arg(long, default_value_t = 1)]
    pub(crate) folders: usize,
    /// How long a ping that has something to tell waits for more of the same burst, in milliseconds
    #[arg(long, default_value_t = 50)]
    pub(crate) linger: u64,
    /// Accounts that are Maildirs, in `mail_dir`
    #[arg(long, default_value_t = 0, hide = true)]
    pub(crate) maildirs: usize,
    /// Where the state of mail is, and the Maildirs
    #[arg(long, hide = true)]
    pub(crate) mail_dir: Option<PathBuf>,
}

impl MailArgs {
    fn to_flags(&self) -> Vec<String> {
        let Self { mailboxes, folders, linger, maildirs, mail_dir } = self;
        let mut flags = vec![
            format!("--mailboxes={mailboxes}"),
            format!("--folders={folders}"),
            format!("--linger={linger}"),
            format!("--maildirs={maildirs}"),
        ];
        flags.extend(mail_dir.as_ref().map(|dir| format!("--mail-dir={}", dir.display())));
        flags
    }
}

impl ServerArgs {
    pub(crate) fn to_flags(&self) -> Vec<String> {
        let Self { threads, heartbeat, retention, mail, .. } = self;
        let lots = self.lots();
        let mut flags = vec![
            format!("--threads={threads}"),
            format!("--lots={lots}"),
            format!("--heartbeat={heartbeat}"),
            format!("--retention={retention}"),
        ];
        flags.extend(self.portable.then(|| "--portable".to_owned()));
        flags.extend(self.tls.then(|| "--tls".to_owned()));
        flags.extend(mail.to_flags());
        flags
    }

    pub(crate) fn lots(&self) -> usize {
        self.lots.unwrap_or(self.threads)
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ChurnArgs {
    /// Connections in all
    #[arg(long, default_value_t = 100_000)]
    pub(crate) total: usize,
    /// Connections at a time
    #[arg(long, default_value_t = 1000)]
    pub(crate) held: usize,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct QuietArgs {
    #[arg(long, default_value = "ws")]
    pub(crate) transport: Kind,
    #[arg(long, default_value_t = 10_000)]
    pub(crate) subscribers: usize,
    /// Messages a second to all of them
    #[arg(long, default_value_t = 5)]
    pub(crate) rate: u64,
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PingArgs {
    /// Maildirs into which files are moved, each with a device
    #[arg(long, default_value_t = 20)]
    pub(crate) accounts: usize,
    /// Files a second over all of them
    #[arg(long, default_value_t = 50)]
    pub(crate) rate: u64,
    /// Pings of other devices that are parked meanwhile, over `--mailboxes`, or a mailbox each
    #[arg(long, default_value_t = 0)]
    pub(crate) parked: usize,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct WakeArgs {
    /// Pings by the calls in JSON, or of Exchange ActiveSync
    #[arg(long, default_value = "ping")]
    pub(crate) kind: Speech,
    /// Parked pings, over `--mailboxes`: each is woken alone if there are several, all together if there is one
    #[arg(long, default_value_t = 10_000)]
    pub(crate) pings: usize,
    /// Changes of a round, where they wake one each
    #[arg(long, default_value_t = 200)]
    pub(crate) changes: usize,
    /// Rounds; figures are their median
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ClientArgs {
    #[arg(long)]
    pub(crate) target: SocketAddrV4,
    #[arg(long)]
    pub(crate) dialect: Dialect,
    #[arg(long)]
    pub(crate) channel: String,
    #[arg(long)]
    pub(crate) size: usize,
    /// Goes before other processes of its core
    #[arg(long)]
    pub(crate) urgent: bool,
    /// Subscribers speak TLS, where and with whom the server tells
    #[arg(long)]
    pub(crate) tls: bool,
    /// The address that subscribers connect from
    #[arg(long)]
    pub(crate) source: Option<Ipv4Addr>,
}

/// What kinds are mixed.
pub(crate) fn kind_names(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

impl Dialect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Limit => "limit",
            Self::Redis => "redis",
            Self::Nats => "nats",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_server_is_started_with_the_settings_that_were_asked_for() {
        let mail = MailArgs { mailboxes: 6, folders: 7, linger: 8, maildirs: 9, mail_dir: Some("m".into()) };
        let args =
            ServerArgs { threads: 2, lots: Some(5), portable: true, tls: true, heartbeat: 3, retention: 4, mail };
        let line = ["benches".to_owned(), "server".to_owned()].into_iter().chain(args.to_flags());
        let Role::Server(read) = Cli::parse_from(line).role else { panic!("the role of a server") };
        assert_eq!(format!("{read:?}"), format!("{args:?}"));
    }
}
