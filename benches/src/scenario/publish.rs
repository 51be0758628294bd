//! Publications a second over HTTP, beside nginx that answers the same requests with 204.

use clap::Args;

use super::chat::some;
use super::progress;
use crate::Result;
use crate::args::{ServerArgs, TimeArgs};
use crate::client::chat::{Counted, Plan, Way};
use crate::client::command::{Command, Done};
use crate::kind::Kind;
use crate::lane::{Effort, Lane};
use crate::peers::nginx;
use crate::report::{Report, Spread};

/// Length of one side's turn, in milliseconds.
const SLICE_MS: u64 = 150;

/// Longest warm-up, in milliseconds.
const WARM_UP_MS: u64 = 500;

#[derive(Clone, Debug, Args)]
#[command(mut_arg("retention", |arg| arg.default_value("1024")))]
pub(crate) struct PublishArgs {
    /// Subscribers of each channel; each publisher has a channel of its own
    #[arg(long, default_value_t = 0)]
    pub(crate) subscribers: usize,
    /// Connections that publish, each with a request at a time
    #[arg(long, default_value_t = 8, value_parser = some())]
    pub(crate) publishers: usize,
    /// Lines of a request in batches
    #[arg(long, default_value_t = 50, value_parser = some())]
    pub(crate) batch: usize,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) time: TimeArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// A server and what it did in each round.
struct Side {
    name: &'static str,
    lane: Lane,
    rounds: Vec<Effort>,
}

impl Side {
    fn open(name: &'static str, mut lane: Lane, plan: Plan) -> Result<Self> {
        let Done {} = lane.client.ask(&Command::Chat(plan))?;
        Ok(Self { name, lane, rounds: Vec::new() })
    }

    fn spread(&self, figure: impl Fn(&Effort) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }

    /// A figure of both in the same rounds.
    fn beside(&self, other: &Self, figure: impl Fn(&Effort, &Effort) -> f64) -> Spread {
        Spread::of(self.rounds.iter().zip(&other.rounds).map(|(one, other)| figure(one, other)))
    }
}

/// Scenario `publish`.
pub(crate) fn publish(args: &PublishArgs) -> Result<()> {
    let PublishArgs { subscribers, publishers, batch, size, time, server } = args;
    let mut sides = vec![
        Side::open("single", Lane::push(server, *size)?, plan(args, Way::Single, *subscribers))?,
        Side::open("batched", Lane::push(server, *size)?, plan(args, Way::Batch, *subscribers))?,
    ];
    match nginx::answering_204(*size)? {
        Some(lane) => sides.push(Side::open("nginx", lane, plan(args, Way::Single, 0))?),
        None => progress("nginx is missing (Debian's package is nginx): nothing is measured beside it"),
    }
    for round in 0..=time.rounds {
        let ms = if round == 0 { time.ms().min(WARM_UP_MS) } else { time.ms() };
        let efforts = turns(&mut sides, ms)?;
        progress(&format!("round {round} of {}: {}", time.rounds, told(&sides, &efforts)));
        if round > 0 {
            sides.iter_mut().zip(efforts).for_each(|(side, effort)| side.rounds.push(effort));
        }
    }
    let nginx = if sides.len() > 2 { "nginx: 204" } else { "nginx: missing" };
    let settings = format!(
        "{publishers} publishers, a request at a time each, to channels of {subscribers}; {size} bytes, batches of {batch}; {nginx}"
    );
    let mut report = Report::new("publish", &settings, server);
    figures(&mut report, &sides);
    let mut accounts = Vec::new();
    for side in &mut sides {
        let account = side.lane.settle()?;
        // Where nobody subscribes there is nothing to tell; what was refused fails the scenario all the same.
        if account.deliveries > 0 {
            report.account(side.name, &account);
        }
        accounts.push(account);
    }
    report.print(&accounts)
}

fn plan(args: &PublishArgs, way: Way, subscribers: usize) -> Plan {
    Plan {
        kind: Kind::Ws,
        groups: args.publishers,
        channels: 1,
        subscribers,
        is_pattern: false,
        way,
        publishers: args.publishers,
        batch: args.batch,
        pipeline: 1,
        is_level: false,
    }
}

/// Lets all work in turn, until each has worked for `ms`. Processor time counts from the beginning to the end.
fn turns(sides: &mut [Side], ms: u64) -> Result<Vec<Effort>> {
    let command = Command::Talk { ms: SLICE_MS.min(ms), counted: Counted::Publications };
    let before = sides.iter().map(|side| side.lane.cpu_ns()).collect::<Result<Vec<_>>>()?;
    let mut efforts = vec![Effort::default(); sides.len()];
    while efforts.iter().any(|effort| effort.slice.ns < ms * 1_000_000) {
        for (side, effort) in sides.iter_mut().zip(&mut efforts) {
            effort.slice.add(side.lane.client.ask(&command)?);
        }
    }
    for ((side, effort), before) in sides.iter().zip(&mut efforts).zip(before) {
        effort.cpu_ns = side.lane.cpu_ns()? - before;
    }
    Ok(efforts)
}

fn told(sides: &[Side], efforts: &[Effort]) -> String {
    let one = |(side, effort): (&Side, &Effort)| {
        format!("{} {:.0}/s, {:.2} us", side.name, effort.slice.per_sec(), effort.us_each())
    };
    sides.iter().zip(efforts).map(one).collect::<Vec<_>>().join("; ")
}

fn figures(report: &mut Report, sides: &[Side]) {
    let rate = |effort: &Effort| effort.slice.per_sec();
    if let [single, batched, others @ ..] = sides {
        if let [nginx] = others {
            report.spread("rate ratio single / nginx", single.beside(nginx, |a, b| rate(a) / rate(b)), "");
            report.spread("CPU ratio nginx / single", single.beside(nginx, |a, b| b.us_each() / a.us_each()), "");
        }
        report.spread("rate ratio batched / single", batched.beside(single, |a, b| rate(a) / rate(b)), "");
        report.spread("CPU ratio single / batched", batched.beside(single, |a, b| b.us_each() / a.us_each()), "");
    }
    for side in sides {
        report.spread(&format!("publications, {}", side.name), side.spread(rate), "/s");
        report.spread(&format!("server CPU a publication, {}", side.name), side.spread(Effort::us_each), "us");
    }
}
