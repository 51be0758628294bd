//! Other servers beside push: each against the limit, in duels.

mod table;

use clap::Args;

use self::table::{Idle, Measured, Outcome, Row};
use super::duel::{Bouts, Duel, slice_ms};
use super::idle::warm_up;
use super::memory::settled_rss;
use super::progress;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::command::{Command, Done};
use crate::client::tally::Account;
use crate::kind::Kind;
use crate::lane::Lane;
use crate::peers::{self, Found, NAIVE, PORTABLE, Peer, Transport};
use crate::report::{Report, Spread};

#[derive(Clone, Debug, Args)]
pub(crate) struct PeersArgs {
    /// Servers; all of them unless given
    #[arg(long, value_delimiter = ',', value_parser = peers::named)]
    peers: Vec<&'static Peer>,
    /// Transports; servers of a protocol of their own stand beside WebSockets
    #[arg(long, value_delimiter = ',', default_value = "ws,sse")]
    transport: Vec<Transport>,
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    subscribers: Vec<usize>,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Connections by which memory and the cost of a connect are measured; 0: they are not
    #[arg(long, default_value_t = 5000)]
    idle: usize,
    /// Seconds that those connections are left alone before memory is looked at: allocators and collectors give back late
    #[arg(long, default_value_t = 12.0)]
    rest: f64,
    /// Fails where a peer is not installed or does not deliver
    #[arg(long)]
    require: bool,
    #[command(flatten)]
    time: TimeArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// What has been found out so far.
#[derive(Default)]
struct Harvest {
    rows: Vec<Row>,
    /// What the limit's subscribers, and those of duels that are no rows, were sent.
    accounts: Vec<Account>,
    /// What is to fail the scenario once all is told.
    faults: Vec<String>,
    /// Naive axum's CPU for a delivery of a stream over push's under `axum::serve`, by subscribers.
    streams: Vec<(usize, Spread)>,
}

/// Scenario `peers`.
pub(crate) fn peers(args: &PeersArgs) -> Result<()> {
    let candidates = look_for(args)?;
    let mut harvest = Harvest::default();
    for transport in &args.transport {
        for (peer, found) in &candidates {
            if let Some(kind) = peer.kind(*transport) {
                harvest.add_peer(args, (peer, found), *transport, kind);
            }
        }
    }
    let is_there = |wanted: &Peer| {
        candidates.iter().any(|(peer, found)| peer.name == wanted.name && matches!(found, Found::Version(_)))
    };
    if args.transport.contains(&Transport::Sse) && is_there(&PORTABLE) && is_there(NAIVE) {
        for subscribers in &args.subscribers {
            harvest.add_streams(args, *subscribers);
        }
    }
    harvest.end(args)
}

/// The peers that were asked for, and whether they are there.
fn look_for(args: &PeersArgs) -> Result<Vec<(&'static Peer, Found)>> {
    let is_wanted = |peer: &&Peer| args.peers.is_empty() || args.peers.iter().any(|other| other.name == peer.name);
    let mut candidates = Vec::new();
    for peer in peers::ALL.into_iter().filter(is_wanted) {
        let found = peer.find().unwrap_or_else(|error| Found::Missing(error.to_string()));
        if let Found::Missing(remedy) = &found {
            let sentence = format!("{} is not installed: {remedy}", peer.title);
            if args.require {
                return Err(sentence.into());
            }
            progress(&sentence);
        }
        candidates.push((peer, found));
    }
    Ok(candidates)
}

impl Harvest {
    /// The rows of a peer over one transport.
    fn add_peer(&mut self, args: &PeersArgs, (peer, found): (&'static Peer, &Found), transport: Transport, kind: Kind) {
        let mut row = Row::new(peer, found, transport, kind);
        if matches!(found, Found::Missing(_)) {
            self.rows.push(row);
            return;
        }
        if args.idle > 0 {
            progress(&format!("{}: {} idle {} connections", peer.title, args.idle, kind.name()));
            match idle(args, peer, kind) {
                Ok(idle) => row.idle = Some(idle),
                Err(error) => self.fault(args, peer, &format!("idle: {error}")),
            }
        }
        for subscribers in &args.subscribers {
            let outcome = match against_limit(args, peer, [kind, transport.kind()], *subscribers) {
                Ok((measured, limit)) => {
                    self.accounts.push(limit);
                    if !measured.account.is_clean() {
                        self.fault(args, peer, &format!("{:?}", measured.account));
                    }
                    Outcome::Measured(measured)
                }
                Err(error) => {
                    self.fault(args, peer, &error.to_string());
                    Outcome::Failed(error.to_string())
                }
            };
            self.rows.push(Row { subscribers: *subscribers, outcome, ..row.clone() });
        }
    }

    /// Somebody did not do what was to be measured: told at once, and held against push always.
    fn fault(&mut self, args: &PeersArgs, peer: &Peer, what: &str) {
        let sentence = format!("{}: {what}", peer.title);
        progress(&sentence);
        if peer.is_push() || args.require {
            self.faults.push(sentence);
        }
    }

    /// Streams of two servers that both stand under `axum::serve`, against each other.
    fn add_streams(&mut self, args: &PeersArgs, subscribers: usize) {
        match between(args, [&PORTABLE, NAIVE], subscribers) {
            Ok((ratio, accounts)) => {
                self.accounts.extend(accounts);
                self.streams.push((subscribers, ratio));
            }
            Err(error) => self.fault(args, &PORTABLE, &format!("against {}: {error}", NAIVE.title)),
        }
    }

    fn end(self, args: &PeersArgs) -> Result<()> {
        let settings = format!("{} bytes, closed loop, one core each, against the limit", args.size);
        let mut report = Report::new("peers", &settings, &args.server);
        for (subscribers, ratio) in self.streams {
            let name = format!("CPU a delivery, {} / {}, sse x {subscribers}", NAIVE.name, PORTABLE.name);
            report.spread(&name, ratio, "");
        }
        table::write(&mut report, &self.rows, &args.transport, args.idle);
        report.print(&self.accounts)?;
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults.join("; ").into()) }
    }
}

/// A duel of a peer with the limit; gives what the limit's subscribers were sent as well.
fn against_limit(
    args: &PeersArgs,
    peer: &'static Peer,
    kinds: [Kind; 2],
    subscribers: usize,
) -> Result<(Measured, Account)> {
    let lanes = [peer.start(&args.server, args.size)?, Lane::limit(args.size)?];
    let mut duel = Duel::between(lanes, [peer.title, "limit"]);
    let bouts = run(args, &mut duel, kinds, subscribers)?;
    let [account, limit] = duel.settle()?;
    let [us, _] = bouts.us_each();
    Ok((Measured { cpu: bouts.cpu_ratio(), rate: bouts.rate_ratio(), us, account }, limit))
}

/// A duel of two peers over SSE: CPU for a delivery, the second's over the first's.
fn between(args: &PeersArgs, peers: [&'static Peer; 2], subscribers: usize) -> Result<(Spread, [Account; 2])> {
    let [first, second] = peers;
    let lanes = [first.start(&args.server, args.size)?, second.start(&args.server, args.size)?];
    let mut duel = Duel::between(lanes, [first.title, second.title]);
    let bouts = run(args, &mut duel, [Kind::Sse; 2], subscribers)?;
    Ok((bouts.cpu_ratio(), duel.settle()?))
}

fn run(args: &PeersArgs, duel: &mut Duel, kinds: [Kind; 2], subscribers: usize) -> Result<Bouts> {
    duel.subscribe_each(kinds, subscribers)?;
    let command = Command::Fanout { ms: slice_ms(subscribers) };
    duel.run([&command, &command], &args.time)
}

/// What connections that do nothing take, and what it took to open them.
fn idle(args: &PeersArgs, peer: &Peer, kind: Kind) -> Result<Idle> {
    let mut lane = peer.start(&args.server, args.size)?;
    warm_up(&mut lane, kind)?;
    let (begin, before) = (settled_rss(&lane)?, lane.cpu_ns()?);
    let Done {} = lane.client.ask(&Command::Open { kind, count: args.idle })?;
    let opening = lane.cpu_ns()? - before;
    let Done {} = lane.client.ask(&Command::Rest { ms: (args.rest * 1000.0) as u64 })?;
    let rss = settled_rss(&lane)?;
    let account = lane.settle()?;
    if !account.is_clean() {
        return Err(format!("connections were to be left alone: {account:?}").into());
    }
    let count = args.idle as f64;
    Ok(Idle { rss_bytes: (rss as f64 - begin as f64) / count, connect_us: opening as f64 / 1000.0 / count })
}
