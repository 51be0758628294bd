//! Several servers side by side, and more connections than one process may hold.

use std::net::Ipv4Addr;

use clap::Args;

use super::memory::settled_rss;
use super::{progress, spread_over};
use crate::Result;
use crate::args::{ServerArgs, kind_names};
use crate::client::command::{Command, Done, Slice};
use crate::client::tally::Account;
use crate::clock::now_ns;
use crate::device::Control;
use crate::kind::Kind;
use crate::lane::Lane;
use crate::report::{Report, Spread};
use crate::system::{self, CACHES, Kernel};

/// Most connections of one client: each connects from an address of its own, which has some 28,000 ports.
const CLIENT_MOST: usize = 18_000;

/// How many, over how many.
#[derive(Clone, Debug, Args)]
pub(crate) struct NodesArgs {
    /// Kinds of subscribers, evenly mixed on each node
    #[arg(long, value_delimiter = ',', default_values = ["ws", "sse"])]
    pub(crate) kinds: Vec<Kind>,
    /// Subscribers in all
    #[arg(long, default_value_t = 100_000)]
    pub(crate) connections: usize,
    /// Server processes; as many as hold 15,000 each unless given
    #[arg(long)]
    pub(crate) nodes: Option<usize>,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
    /// Publications to all nodes; figures are their median
    #[arg(long, default_value_t = 7)]
    pub(crate) rounds: usize,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Connections of a node unless told otherwise: below what a process may hold, with room for the rest.
const NODE: usize = 15_000;

/// Publications before those that are measured: what is left of the greeting is on its way until then.
const WARM_UP: usize = 1;

/// Scenario `nodes`.
pub(crate) fn nodes(args: &NodesArgs) -> Result<()> {
    let NodesArgs { kinds, connections, size, rounds, server, .. } = args;
    let count = args.nodes.unwrap_or_else(|| connections.div_ceil(NODE)).max(1);
    if connections.div_ceil(count) > CLIENT_MOST {
        return Err(format!("a node holds {CLIENT_MOST} connections here: {connections} need more nodes").into());
    }
    let settings = format!(
        "{connections} subscribers ({}) of {count} nodes, {size} bytes. Nodes share this machine, its two cores and its kernel, \
         and nothing else: without a cluster engine each has its own channels, and the bench publishes to each",
        kind_names(kinds)
    );
    let mut report = Report::new("nodes", &settings, server);
    let mut cluster = Cluster::start(count, *size, server)?;
    cluster.warm_up(kinds)?;
    cluster.open(kinds, *connections, &mut report)?;
    cluster.publish(*rounds, &mut report)?;
    let accounts = cluster.settle()?;
    let mut sum = Account::default();
    accounts.iter().for_each(|account| sum.add(account));
    report.account("all nodes", &sum);
    let expected = (*connections * (WARM_UP + *rounds)) as u64;
    report.print(&accounts)?;
    match sum.deliveries == expected {
        true => Ok(()),
        false => Err(format!("{} deliveries where there are to be {expected}", sum.deliveries).into()),
    }
}

struct Cluster {
    lanes: Vec<Lane>,
}

/// What it holds at a time.
struct Held {
    servers: u64,
    clients: u64,
    kernel: Kernel,
}

impl Cluster {
    fn start(count: usize, size: usize, server: &ServerArgs) -> Result<Self> {
        let lanes = (0..count).map(|number| Lane::push_from(server, size, Some(source(number)?)));
        Ok(Self { lanes: lanes.collect::<Result<_>>()? })
    }

    /// What the first connections of a process load and allocate is not theirs.
    fn warm_up(&mut self, kinds: &[Kind]) -> Result<()> {
        const COUNT: usize = 64;
        for lane in &mut self.lanes {
            for kind in kinds {
                let Done {} = lane.client.ask(&Command::Open { kind: *kind, count: COUNT })?;
            }
            let Done {} = lane.client.ask(&Command::Close)?;
            settled_rss(lane)?;
        }
        Ok(())
    }

    /// Opens all connections, all nodes' at the same time.
    fn open(&mut self, kinds: &[Kind], connections: usize, report: &mut Report) -> Result<()> {
        let before = self.held()?;
        let begin = now_ns();
        let nodes = self.lanes.len();
        for (at, kind) in kinds.iter().enumerate() {
            for (number, lane) in self.lanes.iter_mut().enumerate() {
                let (_, count) = spread_over(kinds, share(connections, nodes, number))[at];
                lane.client.tell(&Command::Open { kind: *kind, count })?;
            }
            for lane in &mut self.lanes {
                let Done {} = lane.client.answer()?;
            }
            progress(&format!("all {} connections are open", kind.name()));
        }
        let opened_ns = now_ns() - begin;
        self.lanes.iter_mut().try_for_each(|lane| lane.client.tell(&Command::Greet))?;
        for lane in &mut self.lanes {
            let Done {} = lane.client.answer()?;
        }
        let after = self.held()?;
        let (reached, counted) = (self.descriptors()?, self.counted()?);
        let each = |bytes: f64| bytes / connections as f64;
        report.value("subscribers, as the nodes count them", counted as f64, "");
        report.value("descriptors that the servers hold", reached as f64, "");
        report.value("time to open all", opened_ns as f64 / 1e9, "s");
        report.value("opened a second", connections as f64 * 1e9 / opened_ns as f64, "/s");
        report.value("user space of all servers (PSS)", after.servers as f64 / 1024.0, "KiB");
        report.value("user space of a subscriber", each(after.servers as f64 - before.servers as f64), "B");
        let slab = after.kernel.slab as f64 - before.kernel.slab as f64;
        report.value("kernel memory of a connection, both ends, slab", each(slab), "B");
        if let (Some(before), Some(after)) = (before.kernel.caches, after.kernel.caches) {
            for ((name, before), after) in CACHES.iter().zip(before).zip(after) {
                report.value(&format!("of it {name}"), each(after as f64 - before as f64), "B");
            }
        }
        let taken = before.kernel.available as f64 - after.kernel.available as f64;
        let user = (after.servers + after.clients) as f64 - (before.servers + before.clients) as f64;
        report.value("memory of the machine less user space, a connection", each(taken - user), "B");
        report.value(
            "user space of the bench's client, a connection",
            each(after.clients as f64 - before.clients as f64),
            "B",
        );
        Ok(())
    }

    fn held(&self) -> Result<Held> {
        let mut held = Held { servers: 0, clients: 0, kernel: Kernel::read()? };
        for lane in &self.lanes {
            held.servers += system::pss_bytes(lane.server_pid())?;
            held.clients += system::pss_bytes(lane.client.pid())?;
        }
        Ok(held)
    }

    fn descriptors(&self) -> Result<usize> {
        self.lanes.iter().map(|lane| system::descriptors(lane.server_pid())).sum()
    }

    /// Subscribers that the nodes know of.
    fn counted(&self) -> Result<u64> {
        let of = |lane: &Lane| {
            Ok(Control::new(lane.target()?)?.stats()?["connections"]["total"].as_u64().unwrap_or_default())
        };
        self.lanes.iter().map(of).sum()
    }

    /// One publication to each node at a time; everybody is to have it before the next.
    fn publish(&mut self, rounds: usize, report: &mut Report) -> Result<()> {
        let (mut all, mut slowest, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..WARM_UP + rounds {
            let (begin, before) = (now_ns(), self.cpu_ns()?);
            self.lanes.iter_mut().try_for_each(|lane| lane.client.tell(&Command::Publish { count: 1 }))?;
            let slices: Vec<Slice> = self.lanes.iter_mut().map(|lane| lane.client.answer()).collect::<Result<_>>()?;
            let took = (now_ns() - begin) as f64 / 1e6;
            let deliveries: u64 = slices.iter().map(|slice| slice.count).sum();
            progress(&format!("publication {round} of {rounds}: {deliveries} deliveries in {took:.0} ms"));
            if round < WARM_UP {
                continue;
            }
            all.push(took);
            slowest.push(slices.iter().map(|slice| slice.ns).max().unwrap_or_default() as f64 / 1e6);
            cpu.push((self.cpu_ns()? - before) as f64 / 1000.0 / deliveries.max(1) as f64);
        }
        report.spread("publish to the last delivery, all nodes", Spread::of(all), "ms");
        report.spread("publish to the last delivery, the slowest node's own", Spread::of(slowest), "ms");
        report.spread("server CPU a delivery", Spread::of(cpu), "us");
        Ok(())
    }

    fn cpu_ns(&self) -> Result<u64> {
        self.lanes.iter().map(Lane::cpu_ns).sum()
    }

    fn settle(&mut self) -> Result<Vec<Account>> {
        self.lanes.iter_mut().map(Lane::settle).collect()
    }
}

/// The address that a node's client connects from.
fn source(number: usize) -> Result<Ipv4Addr> {
    let number = u8::try_from(number)?;
    Ok(Ipv4Addr::new(127, 1, number, 1))
}

/// How many of `all` are the node's of that number.
fn share(all: usize, nodes: usize, number: usize) -> usize {
    all / nodes + usize::from(number < all % nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_share_all_connections_evenly() {
        let shares: Vec<usize> = (0..7).map(|number| share(100_000, 7, number)).collect();
        assert_eq!(shares.iter().sum::<usize>(), 100_000);
        assert_eq!((shares[0], shares[6]), (14_286, 14_285));
    }
}
