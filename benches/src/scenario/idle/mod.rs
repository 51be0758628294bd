//! Memory and processor time of connections that do nothing, by transport and by the way they are served.

mod open;
mod parked;
mod parts;

pub(super) use self::open::warm_up;

use clap::{Args, ValueEnum};

use self::parts::{Part, parts};
use super::progress;
use crate::Result;
use crate::args::ServerArgs;
use crate::device::Speech;
use crate::kind::Kind;
use crate::report::{Cell, Report};

/// What they are, how many, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct IdleArgs {
    /// Kinds of connections, one after the other, or `all`: a transport's, or parked pings of Direct Push over `--mailboxes` with
    /// `--folders` each, `ping` by the calls in JSON and `eas` by Exchange ActiveSync
    #[arg(long, value_delimiter = ',', default_value = "ws", value_parser = Idle::parse)]
    kind: Vec<Idles>,
    /// Ways they are served, one after the other, or `all`; that of `--lots` and `--tls` unless given
    #[arg(long, value_delimiter = ',', value_parser = Path::parse)]
    path: Vec<Paths>,
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// How many times they are opened and closed
    #[arg(long, default_value_t = 1)]
    cycles: usize,
    /// Seconds of doing nothing, over which processor time is counted
    #[arg(long, default_value_t = 5.0)]
    secs: f64,
    /// Fails if a connection takes more bytes than this
    #[arg(long)]
    at_most: Option<f64>,
    #[command(flatten)]
    server: ServerArgs,
}

/// What a connection that does nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    Open(Kind),
    /// A parked ping.
    Parked(Speech),
}

/// One kind, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Idles(Vec<Idle>);

impl Idle {
    const ALL: [Self; 7] = [
        Self::Open(Kind::Ws),
        Self::Open(Kind::Sse),
        Self::Open(Kind::Poll),
        Self::Open(Kind::Stream),
        Self::Open(Kind::Silent),
        Self::Open(Kind::Keepalive),
        Self::Parked(Speech::Ping),
    ];

    fn parse(name: &str) -> std::result::Result<Idles, String> {
        Ok(Idles(match name {
            "all" => Self::ALL.into(),
            "ping" => vec![Self::Parked(Speech::Ping)],
            "eas" => vec![Self::Parked(Speech::Eas)],
            name => vec![Self::Open(Kind::from_str(name, false)?)],
        }))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Open(kind) => kind.name(),
            Self::Parked(Speech::Ping) => "ping",
            Self::Parked(Speech::Eas) => "eas",
        }
    }
}

/// How connections are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    /// In a lot.
    Lots,
    /// Each by a task, as under any HTTP server.
    Portable,
    /// Over TLS.
    Tls,
}

/// One way, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Paths(Vec<Path>);

impl Path {
    const ALL: [Self; 3] = [Self::Lots, Self::Portable, Self::Tls];

    fn parse(name: &str) -> std::result::Result<Paths, String> {
        match name {
            "all" => Ok(Paths(Self::ALL.into())),
            name => {
                let path = Self::ALL.into_iter().find(|path| path.name() == name);
                path.map(|path| Paths(vec![path])).ok_or_else(|| "lots, portable, tls or all".to_owned())
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Lots => "lots",
            Self::Portable => "portable",
            Self::Tls => "tls",
        }
    }

    /// The way of a server that is set like this.
    fn of(server: &ServerArgs) -> Self {
        match (server.tls, server.lots()) {
            (true, _) => Self::Tls,
            (false, 0) => Self::Portable,
            (false, _) => Self::Lots,
        }
    }

    /// A server that is set like `server` but for this.
    fn set(self, server: &ServerArgs) -> ServerArgs {
        let mut server = server.clone();
        match self {
            Self::Lots => server.lots = server.lots.filter(|lots| *lots > 0),
            Self::Portable => server.lots = Some(0),
            Self::Tls => {}
        }
        server.tls = self == Self::Tls;
        server
    }
}

/// What was found out about a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    /// Bytes of resident memory; the most of all cycles.
    rss: f64,
    /// Bytes that are allocated, where the server counts.
    heap: Option<f64>,
    /// Bytes of the kernel's slabs, of both ends.
    kernel: f64,
    /// Processor time of the server to open it.
    cpu_us: f64,
    /// Of all of them together, while they do nothing, in percent of a core.
    share: f64,
    /// Bytes of resident memory that are left when it is closed.
    left: f64,
}

/// Scenario `idle`.
pub(crate) fn idle(args: &IdleArgs) -> Result<()> {
    let kinds: Vec<Idle> = args.kind.iter().flat_map(|kinds| kinds.0.iter().copied()).collect();
    let mut paths: Vec<Path> = args.path.iter().flat_map(|paths| paths.0.iter().copied()).collect();
    if paths.is_empty() {
        paths.push(Path::of(&args.server));
    }
    let most = match (&kinds[..], &paths[..]) {
        (&[kind], &[path]) => one(args, kind, path)?,
        _ => several(args, &kinds, &paths)?,
    };
    match args.at_most {
        Some(at_most) if most > at_most => Err(format!("{most:.0} bytes a connection, more than {at_most}").into()),
        _ => Ok(()),
    }
}

fn measure(args: &IdleArgs, kind: Idle, server: &ServerArgs, report: &mut Report) -> Result<Found> {
    match kind {
        Idle::Open(kind) => open::measure(args, kind, server, report),
        Idle::Parked(speech) => parked::measure(args, speech, server, report),
    }
}

/// All that is to be known of one kind, served in one way.
fn one(args: &IdleArgs, kind: Idle, path: Path) -> Result<f64> {
    let server = path.set(&args.server);
    let mut report = Report::new("idle", &settings(args, kind.name()), &server);
    let found = measure(args, kind, &server, &mut report)?;
    let parts = parts(kind, path, args.connections, server.mail.folders);
    for part in &parts {
        report.value(&format!("of it {}", part.name), part.bytes, "B");
    }
    report.value("of it not explained", unexplained(&found, &parts), "B");
    report.print(&[])?;
    Ok(found.rss)
}

/// A table of kinds and ways.
fn several(args: &IdleArgs, kinds: &[Idle], paths: &[Path]) -> Result<f64> {
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let ways: Vec<_> = paths.iter().map(|path| path.name()).collect();
    let settings = format!("{}; {}", settings(args, &names.join(", ")), ways.join(", "));
    let mut report = Report::new("idle", &settings, &args.server);
    let (mut rows, mut most) = (Vec::new(), 0.0_f64);
    for path in paths {
        for kind in kinds {
            progress(&format!("{} of {}", kind.name(), path.name()));
            let server = path.set(&args.server);
            // What is told of one of them has no place in a table of all.
            let mut aside = Report::new("idle", kind.name(), &server);
            let found = measure(args, *kind, &server, &mut aside)?;
            let parts = parts(*kind, *path, args.connections, server.mail.folders);
            report.keep(&format!("RSS a connection, {}, {}", kind.name(), path.name()), found.rss, "B");
            report.keep(
                &format!("server CPU while idle, {}, {}", kind.name(), path.name()),
                found.share,
                "% of a core",
            );
            rows.push(row(*kind, *path, &found, &parts));
            most = most.max(found.rss);
        }
    }
    report.table("bytes a connection", &HEADERS, rows);
    report.print(&[])?;
    Ok(most)
}

const HEADERS: [&str; 10] = [
    "kind",
    "path",
    "RSS",
    "allocated",
    "consists of",
    "not explained",
    "left when closed",
    "kernel, both ends, slab",
    "server CPU to open, us",
    "server CPU idle, all, % of a core",
];

fn row(kind: Idle, path: Path, found: &Found, parts: &[Part]) -> Vec<Cell> {
    let listed: Vec<String> = parts.iter().map(|part| format!("{} {:.1}", part.name, part.bytes)).collect();
    vec![
        kind.name().into(),
        path.name().into(),
        found.rss.into(),
        found.heap.map_or_else(|| "not counted".into(), Cell::from),
        listed.join(" + ").into(),
        unexplained(found, parts).into(),
        found.left.into(),
        found.kernel.into(),
        found.cpu_us.into(),
        found.share.into(),
    ]
}

/// Bytes that no part accounts for: of what is allocated where that is counted, else of what is resident.
fn unexplained(found: &Found, parts: &[Part]) -> f64 {
    found.heap.unwrap_or(found.rss) - parts.iter().map(|part| part.bytes).sum::<f64>()
}

fn settings(args: &IdleArgs, kinds: &str) -> String {
    let IdleArgs { connections, secs, server, .. } = args;
    let mail = &server.mail;
    let mailboxes = mail.mailboxes.max(1);
    let of_mail = match kinds.contains("ping") || kinds.contains("eas") {
        true => format!(", pings of {} folders over {mailboxes} mailboxes", mail.folders),
        false => String::new(),
    };
    format!("{kinds} x {connections} for {secs} s, heartbeat {} s{of_mail}", server.heartbeat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Role};
    use clap::Parser as _;

    fn args(line: &str) -> IdleArgs {
        let line = ["benches", "idle"].into_iter().chain(line.split_ascii_whitespace());
        let Role::Idle(args) = Cli::parse_from(line).role else { panic!("the role of idle") };
        args
    }

    #[test]
    fn a_server_is_set_for_the_way_that_is_measured_whatever_it_was_set_for() {
        let args = args("--lots 0 --tls");
        assert_eq!(Path::of(&args.server), Path::Tls);
        for path in Path::ALL {
            assert_eq!(Path::of(&path.set(&args.server)), path);
        }
    }

    #[test]
    fn kinds_and_ways_are_lists_or_all() {
        let args = args("--kind ws,ping --path all");
        let kinds: Vec<_> = args.kind.iter().flat_map(|kinds| kinds.0.iter().map(|kind| kind.name())).collect();
        assert_eq!(kinds, ["ws", "ping"]);
        assert_eq!(args.path, [Paths(Path::ALL.into())]);
        assert!(Idle::parse("carrier-pigeon").is_err() && Path::parse("carrier-pigeon").is_err());
    }

    #[test]
    fn what_is_allocated_is_to_be_explained_and_what_is_resident_where_nobody_counts() {
        let found = Found { rss: 100.0, ..Found::default() };
        let parts = [Part { name: "record", bytes: 24.0 }, Part { name: "slot", bytes: 4.0 }];
        assert_eq!(unexplained(&found, &parts), 72.0);
        assert_eq!(unexplained(&Found { heap: Some(30.0), ..found }, &parts), 2.0);
    }
}
