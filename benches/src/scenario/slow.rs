//! Subscribers that stop reading.

use super::progress;
use crate::Result;
use crate::args::SlowArgs;
use crate::client::command::{Command, Slowness};
use crate::client::tally::Latency;
use crate::lane::Lane;
use crate::report::{Report, Spread};

/// Scenario `slow`.
pub(crate) fn slow(args: &SlowArgs) -> Result<()> {
    let SlowArgs { transport, subscribers, percent, size, batch, time, server } = args;
    let stopped = subscribers * percent / 100;
    let mut lane = Lane::push(server, *size)?;
    progress(&format!("opening {subscribers} connections"));
    lane.client.subscribe(*transport, *subscribers)?;
    let mut rounds: Vec<Slowness> = Vec::new();
    for round in 1..=time.rounds {
        rounds.push(lane.client.ask(&Command::Slow { stopped, ms: time.ms(), batch: *batch })?);
        progress(&format!("round {round} of {}", time.rounds));
    }
    let settings = format!(
        "{stopped} of {subscribers} {} subscribers stop for {} s, {size} bytes, {batch} to a request",
        transport.name(),
        time.secs
    );
    let mut report = Report::new("slow", &settings, server);
    let spread = |figure: &dyn Fn(&Slowness) -> f64| Spread::of(rounds.iter().map(figure));
    report.spread("deliveries while all read", spread(&|round| round.rate_before.per_sec()), "/s");
    report.spread("deliveries to the others while some do not", spread(&|round| round.rate_during.per_sec()), "/s");
    for (name, of) in PHASES {
        report.spread(&format!("p50 of the others, {name}"), spread(&|round| of(round).p50 as f64 / 1e6), "ms");
        report.spread(&format!("p99 of the others, {name}"), spread(&|round| of(round).p99 as f64 / 1e6), "ms");
        report.spread(&format!("max of the others, {name}"), spread(&|round| of(round).max as f64 / 1e6), "ms");
    }
    report.spread("backlog of the slowest when it goes on", spread(&|round| round.backlog as f64), "messages");
    report.spread("until all are level again", spread(&|round| round.catch_up_ns as f64 / 1e6), "ms");
    let level = rounds.iter().filter(|round| round.is_level).count();
    report.value("rounds in which they were level before publishing ended", level as f64, "");
    let account = lane.settle()?;
    report.account("push", &account);
    report.print(&[account])
}

type Phase = (&'static str, fn(&Slowness) -> Latency);

const PHASES: [Phase; 3] = [
    ("all read", |round| round.before),
    ("some do not read", |round| round.during),
    ("some catch up", |round| round.after),
];
